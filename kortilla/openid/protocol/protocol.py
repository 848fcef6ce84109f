# SPDX-License-Identifier: MIT
"""OpenID Connect by Authlib's classes: codes, tokens, userinfo and logout.

Authlib has no types; ``Protocol`` has. Nothing here waits: the caller reads what a
request needs from the store, calls one method, writes what that returns, and only then
answers.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    OAuth2Request,
    ResourceProtector,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator, BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc import rpinitiated
from authlib.oidc.core import OpenIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import KeySet

from kortilla.common import JsonObject
from kortilla.openid.clients.authorization import (
    SCOPES,
    AuthorizationRequest,
    RefusedError,
)
from kortilla.openid.clients.client import (
    ASSERTION_ALGORITHMS,
    Assertion,
    Client,
)
from kortilla.openid.clients.profiles import PROFILES
from kortilla.openid.clients.settings import CLAIMS, Settings
from kortilla.openid.clients.tokens import MALFORMED, METADATA, encrypted
from kortilla.openid.protocol.records import CodeRecord, Login, TokenRecord
from kortilla.openid.protocol.signing_keys import KeyFile, SigningKey

#: The life of an access token and of an ID token.
TOKEN_SECONDS = 300

T = TypeVar("T")

_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

Parameters = Mapping[str, str]


class _Request(OAuth2Request):
    """A request that was parsed before, and the code's record from the store."""

    def __init__(
        self, parameters: Parameters, *, uri: str, authorization: str = ""
    ) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        super().__init__("POST", uri, headers=headers)
        self.payload = BasicOAuth2Payload(dict(parameters))
        self.record: CodeRecord | None = None

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        form: dict[str, str] = self.payload.data
        return form


class _Server(AuthorizationServer):
    def __init__(self, clients: Mapping[str, Client]) -> None:
        super().__init__()
        self._clients = clients

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def save_token(self, token: JsonObject, request: _Request) -> None:
        """The caller stores what ``Protocol.token`` returns."""

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(
        self, status: int, body: object, headers: list[tuple[str, str]]
    ) -> object:
        return body

    def handle_error_response(self, request: _Request, error: OAuth2Error) -> None:
        raise error

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""


class _CodeGrant(AuthorizationCodeGrant):
    def authenticate_token_endpoint_client(self) -> Client:
        """Return the client, which ``Protocol.authenticate`` has authenticated."""
        client: Client = self.request.client
        return client

    def query_authorization_code(self, code: str, client: Client) -> CodeRecord | None:
        record: CodeRecord | None = self.request.record
        return record if record and record.client_id == client.settings.id else None

    def delete_authorization_code(self, authorization_code: CodeRecord) -> None:
        """It was taken from the store before."""

    def authenticate_user(self, authorization_code: CodeRecord) -> Login:
        return authorization_code.login


class _IdToken(OpenIDToken):
    DEFAULT_EXPIRES_IN = TOKEN_SECONDS

    def __init__(self, issuer: str, keys: KeyFile) -> None:
        self._issuer = issuer
        self._keys = keys

    def encode_id_token(self, token: JsonObject, request: _Request) -> str:
        # Read once: a rotation between two reads would give another key's kid.
        self._client = request.client.settings
        self._wishes = request.authorization_code.wishes()
        self._key = self._keys.read().current(self._client.algorithm)
        encoded: str = super().encode_id_token(token, request)
        algorithm = self._client.id_token_encrypted_response_alg
        return encrypted(encoded, request.client.keys, algorithm)

    def get_authorization_code_claims(self, code: CodeRecord) -> JsonObject:
        """Return the claims of a code, with the session's name for the client."""
        claims: JsonObject = super().get_authorization_code_claims(code)
        return claims | ({"sid": code.sid} if code.sid else {})

    def resolve_client_private_key(self, client: Client) -> SigningKey:
        return self._key

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": client.settings.algorithm, "kid": str(self._key.kid)}

    def get_client_claims(self, client: Client) -> JsonObject:
        return {"iss": self._issuer, "aud": client.settings.id}

    def generate_user_info(self, user: Login, scope: str) -> JsonObject:
        """Return only ``sub``, since clients put ID tokens into URLs.

        The Finnish profile wants all claims here, and encrypted.
        """
        if PROFILES[self._client.profile].finnish:
            return user.claims(self._client, self._wishes)
        return {"sub": user.subject}


class _Bearer(BearerTokenValidator):
    def __init__(self, record: TokenRecord | None) -> None:
        super().__init__()
        self._record = record

    def authenticate_token(self, token_string: str) -> TokenRecord | None:
        return self._record


class _DPoP(_Bearer):
    """A token whose proof the caller has checked."""

    TOKEN_TYPE = "dpop"  # noqa: S105 - a scheme


class _EndSession(rpinitiated.EndSessionEndpoint):
    def __init__(self, server: _Server, keys: KeyFile) -> None:
        super().__init__(server)
        self._keys = keys

    def get_server_jwks(self) -> KeySet:
        return self._keys.read().verifying()

    def get_algorithms(self) -> list[str]:
        return ["RS256", "ES256"]


@dataclass(frozen=True)
class Logout:
    """A valid request to end a session. ``claims`` are the hint's, if there is one."""

    client: Client | None
    claims: JsonObject | None
    redirect_uri: str | None


class Protocol:
    """The protocol of one provider. ``clock`` returns seconds since 1970.

    Raises ``ValueError`` for an issuer that no metadata can have.
    """

    def __init__(
        self,
        settings: Settings,
        keys: KeyFile,
        clients: Mapping[str, Client],
        clock: Callable[[], float],
        *,
        simulator: bool,
    ) -> None:
        self.issuer = settings.issuer
        self.keys = keys
        self.clients = clients
        self.clock = clock
        self._simulator = simulator
        self._sessions = settings.sso_minutes > 0
        kind = "test" if settings.trust.test else "citizen-certificate"
        self._acr = f"urn:kortilla:acr:{'simulator' if simulator else kind}"
        self._server = _Server(clients)
        self._server.register_grant(
            _CodeGrant, [CodeChallenge(), _IdToken(self.issuer, self.keys)]
        )
        self._server.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: secrets.token_urlsafe(32), expires_generator=TOKEN_SECONDS
            ),
        )
        audiences = [self.issuer, f"{self.issuer}/token", f"{self.issuer}/par"]
        self._assertion = Assertion(audiences, self.clock)
        self._server.register_client_auth_method("private_key_jwt", self._assertion)
        self._end_session = _EndSession(self._server, self.keys)
        self.metadata()

    def metadata(self) -> JsonObject:
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
            **METADATA,
            "token_endpoint_auth_methods_supported": _METHODS,
            "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": [
                *("sub", "acr", "amr", "auth_time", "nonce"),
                *(*CLAIMS, "email", "email_verified"),
            ],
            "acr_values_supported": sorted(
                {self._acr, *map(self.acr, self.clients.values())}
            ),
            "ui_locales_supported": ["fi", "sv", "en"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_parameter_supported": True,
            "request_parameter_supported": True,
            "request_uri_parameter_supported": False,
            "require_request_uri_registration": False,
            "authorization_response_iss_parameter_supported": True,
        }
        if self._sessions:
            content["backchannel_logout_supported"] = True
            content["backchannel_logout_session_supported"] = True
        if self._simulator:
            content["kortilla_simulator"] = True
        OpenIDProviderMetadata(content).validate(
            metadata_classes=[rpinitiated.OpenIDProviderMetadata]
        )
        return content

    def acr(self, client: Client) -> str:
        """Return the authentication context that a client gets to know."""
        own = None if self._simulator else client.settings.acr
        return own or self._acr

    def client(self, client_id: str) -> Client:
        """Return a client of an open login. Raises ``RefusedError`` if it is gone."""
        client = self.clients.get(client_id)
        if client is None:
            raise RefusedError(
                "login_ended", "The login is unknown or has ended", status=404
            )
        return client

    # -- Authorization ----------------------------------------------------------------

    def check_level(self, asked: AuthorizationRequest) -> None:
        """Check that a client gets a level that its request demands by ``claims``.

        Raises ``RefusedError``.
        """
        level = self.acr(self.client(asked.client_id))
        if asked.levels and level not in asked.levels.split():
            raise RefusedError(
                "unmet_authentication_requirements",
                f"claims demands another acr than {level}",
            )

    def code(
        self, asked: AuthorizationRequest, login: Login, sid: str = ""
    ) -> tuple[str, CodeRecord]:
        """Return a new code for a login, and what it stands for.

        Raises ``RefusedError`` if the request demands another person by ``claims``.
        """
        client = self.client(asked.client_id)
        own = login.seen_by(client.settings, self.keys)
        if asked.subject not in ("", own.subject):
            raise RefusedError("access_denied", "claims demands another sub")
        record = CodeRecord(
            client_id=asked.client_id,
            redirect_uri=asked.redirect_uri,
            scope=asked.scope,
            nonce=asked.nonce,
            code_challenge=asked.code_challenge,
            acr=self.acr(client),
            dpop_jkt=asked.dpop_jkt,
            login=own,
            claims=asked.claims,
            sid=sid,
        )
        return secrets.token_urlsafe(32), record

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
                lambda: self._server.authenticate_client(request, _METHODS),
                error="invalid_client",
            )
        except RefusedError:
            if "client_assertion" in form and not authorization:
                raise
            # With its usual causes, which Authlib does not name.
            raise RefusedError(
                "invalid_client",
                "The client is unknown, its secret is wrong, or it is registered with "
                "another method of authentication",
                status=401,
                headers=[("WWW-Authenticate", 'Basic realm="clients"')],
            ) from None
        if form.get("client_id") not in (None, client.settings.id):
            raise RefusedError("invalid_request", "client_id is another client's")
        if request.auth_method == "none" and any(used):
            raise RefusedError("invalid_request", "A public client has no secret")
        by_key = request.auth_method == "private_key_jwt"
        return client, self._assertion.jti if by_key else None

    def token(
        self, client: Client, form: Parameters, record: CodeRecord | None
    ) -> JsonObject:
        """Return the answer to a token request. Raises ``RefusedError``.

        ``record`` was taken from the store with the code, so that it works once.
        """
        request = self._request("token", form)
        request.client = client
        request.record = record
        answer: JsonObject = _refusing(
            lambda: self._server.create_token_response(request)
        )
        return answer

    def userinfo(
        self, authorization: str, record: TokenRecord | None
    ) -> JsonObject | str:
        """Return what a client may know of a person, as JSON or as a token.

        The caller has checked the proof of a token that is bound to a key. Raises
        ``RefusedError``.
        """
        protector = ResourceProtector()
        bound = record is not None and bool(record.jkt)
        protector.register_token_validator(_Bearer(None if bound else record))
        protector.register_token_validator(_DPoP(record if bound else None))
        request = self._request("userinfo", {}, authorization=authorization)
        token: TokenRecord = _refusing(
            lambda: protector.validate_request(["openid"], request),
            error="invalid_token",
        )
        client = self.clients.get(token.client_id)
        if client is None:
            raise RefusedError("invalid_token", "The client is gone", status=401)
        claims = token.login.claims(client.settings, token.wishes())
        algorithm = client.settings.userinfo_signed_response_alg
        if algorithm is None:
            return claims
        # OpenID Connect Core §5.3.2
        claims |= {"iss": self.issuer, "aud": client.settings.id}
        key = self.keys.read().current(algorithm)
        header = {"alg": algorithm, "kid": str(key.kid)}
        signed = jwt.encode(header, claims, key, [algorithm])
        encryption = client.settings.userinfo_encrypted_response_alg
        return encrypted(signed, client.keys, encryption)

    # -- Logout -----------------------------------------------------------------------

    def hinted_subject(self, asked: AuthorizationRequest) -> str | None:
        """Return the subject of the ``id_token_hint`` of a request to log in.

        Raises ``RefusedError`` for a hint that is not this client's ID token.
        """
        if not asked.id_token_hint:
            return None
        hint = {"client_id": asked.client_id, "id_token_hint": asked.id_token_hint}
        return str((self.logout(hint).claims or {}).get("sub", ""))

    def logout(self, parameters: Parameters) -> Logout:
        """Check a request to end a session. Raises ``RefusedError``."""
        request = self._request("logout", parameters)
        found = _refusing(lambda: self._end_session.validate_request(request))
        claims = found.id_token_claims
        if claims is not None and claims.get("iss") != self.issuer:
            raise RefusedError("invalid_request", "id_token_hint is of another issuer")
        # Logout tokens and userinfo are signed too, without the time of login.
        if claims is not None and "auth_time" not in claims:
            raise RefusedError("invalid_request", "id_token_hint is no ID token")
        return Logout(found.client, claims, found.redirect_uri)

    def _request(
        self, endpoint: str, parameters: Parameters, *, authorization: str = ""
    ) -> _Request:
        # Of the configured issuer, never of the Host header.
        uri = f"{self.issuer}/{endpoint}"
        return _Request(parameters, uri=uri, authorization=authorization)


def check_token(form: Parameters) -> None:
    """Check the form of a token request more strictly than Authlib does."""
    if "grant_type" not in form:
        raise RefusedError("invalid_request", "grant_type is missing")
    if form["grant_type"] != "authorization_code":
        raise RefusedError("unsupported_grant_type", "grant_type is not supported")
    if "code_verifier" not in form:
        raise RefusedError(
            "invalid_request",
            "code_verifier is missing: the client has to use PKCE (RFC 7636)",
        )
    for name in ("code", "redirect_uri"):
        if name not in form:
            raise RefusedError("invalid_request", f"{name} is missing")
    if not _VERIFIER.fullmatch(form["code_verifier"]):
        raise RefusedError("invalid_request", "code_verifier is malformed")


def _refusing(call: Callable[[], T], *, error: str = "invalid_request") -> T:
    """Call Authlib, which also raises ``MALFORMED`` for text from the request."""
    try:
        return call()
    except OAuth2Error as refusal:
        raise RefusedError(
            refusal.error,
            # As RFC 6749 §5.2 allows it.
            re.sub(r"[^ !#-\[\]-~]", "'", refusal.get_error_description() or ""),
            status=refusal.status_code,
            headers=refusal.get_headers(),
        ) from None
    except MALFORMED:
        status = 401 if error != "invalid_request" else 400
        raise RefusedError(
            error, "A parameter can't be understood", status=status
        ) from None
