# SPDX-License-Identifier: MIT
"""OpenID Connect by the classes of ``kortilla.openid.authlib_server``, with types.

Nothing here waits: the caller reads what a request needs from the store, calls one
method, writes what that returns, and only then answers.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oidc import rpinitiated
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt

from kortilla.openid.authlib_server import (
    ASSERTION_ALGORITHMS,
    MALFORMED,
    METHODS,
    SCOPES,
    TOKEN_SECONDS,
    Answer,
    Assertion,
    Bearer,
    Client,
    CodeGrant,
    EndSession,
    IdToken,
    Issuer,
    Pkce,
    Request,
    Server,
)
from kortilla.openid.keys import KeyFile
from kortilla.openid.person import Login, claims_of, subject_of
from kortilla.openid.records import CodeRecord, RefusedError, TokenRecord
from kortilla.openid.settings import CLAIMS

__all__ = ["Logout", "Protocol"]

Parameters = Mapping[str, str]


@dataclass(frozen=True)
class Logout:
    """A valid request to end a session. ``claims`` are the hint's, if there is one."""

    client: Client | None
    claims: dict[str, Any] | None
    redirect_uri: str | None


@dataclass
class Protocol:
    """The protocol of one provider. ``clock`` returns seconds since 1970."""

    issuer: str
    keys: KeyFile
    clients: Mapping[str, Client]
    clock: Callable[[], float]
    simulator: bool = False
    default_acr: str = ""
    _server: Server = field(init=False)

    def __post_init__(self) -> None:
        self._server = Server(self.clients)
        self._server.register_grant(
            CodeGrant, [Pkce(required=True), IdToken(self.issuer, self.keys)]
        )
        self._server.register_token_generator(
            "default",
            BearerTokenGenerator(_access_token, None, lambda *_: TOKEN_SECONDS),
        )
        audiences = [self.issuer, f"{self.issuer}/token", f"{self.issuer}/par"]
        self._server.register_client_auth_method(
            "private_key_jwt", Assertion(audiences, self.clock)
        )
        self._server.register_extension(Issuer(self.issuer))
        self._end_session = EndSession(self._server, self.keys)
        self.metadata()  # raises ValueError

    def metadata(self) -> dict[str, Any]:
        """Return the discovery document, which was checked."""
        url = self.issuer
        content = {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "pushed_authorization_request_endpoint": f"{url}/par",
            "token_endpoint": f"{url}/token",
            "userinfo_endpoint": f"{url}/userinfo",
            "end_session_endpoint": f"{url}/logout",
            "jwks_uri": f"{url}/jwks",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise", "public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported": list(METHODS),
            "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["sub", "acr", "amr", "auth_time", "nonce", *_claims()],
            "acr_values_supported": self._levels(),
            "ui_locales_supported": ["fi", "sv", "en"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "require_request_uri_registration": False,
            "authorization_response_iss_parameter_supported": True,
        }
        if self.simulator:
            content["kortilla_simulator"] = True
        OpenIDProviderMetadata(content).validate(
            metadata_classes=[rpinitiated.OpenIDProviderMetadata]
        )
        return content

    def _levels(self) -> list[str]:
        own = {self.acr(client) for client in self.clients.values()}
        return sorted(own | {self.default_acr})

    def acr(self, client: Client) -> str:
        """Return the authentication context that a client gets to know."""
        if self.simulator:
            return self.default_acr
        return client.settings.acr or self.default_acr

    # -- Authorization ----------------------------------------------------------------

    def check_authorization(
        self, parameters: Parameters, login: Login | None = None
    ) -> bool:
        """Check a request of a known client and redirect URI.

        Returns whether the person has to log in; ``login`` is the session's. Raises
        ``RefusedError``, for a redirect.
        """
        request = self._request("authorize", parameters)
        grant = _refusing(lambda: self._server.get_consent_grant(request, login))
        return grant.prompt is not None

    def authorize(
        self, parameters: Parameters, login: Login | None
    ) -> tuple[str, tuple[str, CodeRecord] | None]:
        """Return where to send the browser, and the code to store before.

        Without ``login`` the person has cancelled, and there is no code.
        """
        request = self._request("authorize", parameters)
        client = self.clients[parameters["client_id"]]
        request.acr = self.acr(client)
        if login is not None:
            request.login = login.seen_by(subject_of(login, client.settings, self.keys))

        def respond() -> Answer:
            grant = self._server.get_authorization_grant(request)
            grant.validate_consent_request()
            answer: Answer = self._server.create_authorization_response(
                request, grant_user=request.login, grant=grant
            )
            return answer

        # The prompt was followed before.
        for name in ("prompt", "max_age"):
            request.payload.data.pop(name, None)
        answer = _refusing(respond)
        if answer.location is None:
            raise RefusedError(*_error_of(answer.body))
        return answer.location, request.saved

    def error_redirect(self, parameters: Parameters, error: RefusedError) -> str:
        """Return where to send the browser with an error (RFC 6749 §4.1.2.1)."""
        refusal = OAuth2Error(
            error=error.error,
            description=error.description,
            redirect_uri=parameters["redirect_uri"],
            state=parameters.get("state"),
        )
        answer = self._server.handle_error_response(None, refusal)
        Issuer(self.issuer).add_issuer_parameter(self._server, answer)
        location: str = answer.location
        return location

    # -- Token ------------------------------------------------------------------------

    def authenticate(
        self, endpoint: str, form: Parameters, authorization: str
    ) -> tuple[Client, str | None]:
        """Return the client of a request, and the jti that it has used.

        Raises ``RefusedError``.
        """
        used = (authorization, form.get("client_secret"), form.get("client_assertion"))
        if sum(bool(each) for each in used) > 1:
            raise RefusedError("invalid_request", "The client authenticates twice")
        request = self._request(endpoint, form, authorization=authorization)
        try:
            client: Client = _refusing(
                lambda: self._server.authenticate_client(request, METHODS),
                error="invalid_client",
            )
        except RefusedError:
            if "client_assertion" in form and not authorization:
                raise
            raise _not_authenticated() from None
        if form.get("client_id") not in (None, client.settings.id):
            raise RefusedError("invalid_request", "client_id is another client's")
        jti = None
        if request.auth_method == "private_key_jwt":
            # Verified above; read again because Authlib does not hand it out.
            assertion = form["client_assertion"]
            keys = client.keys
            assert keys is not None  # noqa: S101 - it was verified with them
            jti = jwt.decode(assertion, keys, algorithms=ASSERTION_ALGORITHMS).claims[
                "jti"
            ]
        return client, jti

    def token(
        self, client: Client, form: Parameters, record: CodeRecord | None
    ) -> dict[str, Any]:
        """Return the answer to a token request. Raises ``RefusedError``.

        ``record`` was taken from the store with the code, so that it works once.
        """
        request = self._request("token", form)
        request.client = client
        request.auth_method = client.settings.authentication
        request.record = record
        answer = _refusing(lambda: self._server.create_token_response(request))
        if answer.status != 200:
            raise RefusedError(
                *_error_of(answer.body), status=answer.status, headers=answer.headers
            )
        body: dict[str, Any] = answer.body
        return body

    def userinfo(
        self, authorization: str, record: TokenRecord | None
    ) -> dict[str, Any]:
        """Return what a client may know of a person. Raises ``RefusedError``."""
        protector = ResourceProtector()
        protector.register_token_validator(Bearer(record))
        request = self._request("userinfo", {}, authorization=authorization)
        token: TokenRecord = _refusing(
            lambda: protector.validate_request(["openid"], request),
            error="invalid_token",
        )
        client = self.clients.get(token.client_id)
        if client is None:
            raise RefusedError("invalid_token", "The client is gone", status=401)
        return claims_of(token.login, client.settings, token.scope.split())

    # -- Logout -----------------------------------------------------------------------

    def hinted_subject(self, parameters: Parameters) -> str | None:
        """Return the subject of the ``id_token_hint`` of a request to log in.

        Raises ``RefusedError`` for a hint that is not this client's ID token.
        """
        names = ("client_id", "id_token_hint")
        hint = {name: parameters[name] for name in names if name in parameters}
        claims = self.logout(hint).claims
        return None if claims is None else str(claims.get("sub", ""))

    def logout(self, parameters: Parameters) -> Logout:
        """Check a request to end a session. Raises ``RefusedError``."""
        request = self._request("logout", parameters)
        found = _refusing(lambda: self._end_session.validate_request(request))
        claims = found.id_token_claims
        if claims is not None and claims.get("iss") != self.issuer:
            raise RefusedError("invalid_request", "id_token_hint is of another issuer")
        return Logout(found.client, claims, found.redirect_uri)

    def _request(
        self, endpoint: str, parameters: Parameters, *, authorization: str = ""
    ) -> Request:
        # Of the configured issuer, never of the Host header.
        uri = f"{self.issuer}/{endpoint}"
        return Request(uri, parameters, authorization=authorization)


def _not_authenticated() -> RefusedError:
    """Return the refusal with its usual causes, which Authlib does not name."""
    return RefusedError(
        "invalid_client",
        "The client is unknown, its secret is wrong, or it is registered with another "
        "method of authentication",
        status=401,
        headers=[("WWW-Authenticate", 'Basic realm="clients"')],
    )


def _refusing(call: Callable[[], Any], *, error: str = "invalid_request") -> Any:
    """Call Authlib, which also raises ``MALFORMED`` for text from the request."""
    try:
        return call()
    except OAuth2Error as refusal:
        raise RefusedError(
            refusal.error,
            _printable(refusal.get_error_description() or ""),
            status=refusal.status_code,
            headers=refusal.get_headers(),
        ) from None
    except MALFORMED:
        status = 401 if error != "invalid_request" else 400
        raise RefusedError(
            error, "A parameter can't be understood", status=status
        ) from None


def _access_token(**_: Any) -> str:
    return secrets.token_urlsafe(32)


def _claims() -> list[str]:
    return [*CLAIMS, "email", "email_verified"]


def _error_of(body: Any) -> tuple[str, str]:
    content = dict(body)
    return content["error"], _printable(content.get("error_description", ""))


def _printable(text: str) -> str:
    """Return the text as RFC 6749 §5.2 allows it in an error's description."""
    return re.sub(r"[^ !#-\[\]-~]", "'", text)
