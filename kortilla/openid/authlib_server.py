# SPDX-License-Identifier: MIT
"""Authlib's server classes, as this provider uses them (RFC 6749, OpenID Connect Core).

Authlib has no types. ``kortilla.openid.protocol`` calls these classes, and its own
methods have types. Nothing here waits: a request carries what the caller has read from
the store, and what it is to write.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207.parameter import IssuerParameter
from authlib.oidc import rpinitiated
from authlib.oidc.core import OpenIDCode
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from kortilla.openid.keys import KeyFile, SigningKey
from kortilla.openid.person import Login
from kortilla.openid.records import CodeRecord, TokenRecord
from kortilla.openid.settings import ClientSettings, hash_secret

__all__ = [
    "ASSERTION_ALGORITHMS",
    "ASSERTION_SECONDS",
    "MALFORMED",
    "METHODS",
    "SCOPES",
    "TOKEN_SECONDS",
    "Answer",
    "Assertion",
    "Bearer",
    "Client",
    "CodeGrant",
    "EndSession",
    "IdToken",
    "Issuer",
    "Pkce",
    "Request",
    "Server",
]

#: The life of an access token and of an ID token.
TOKEN_SECONDS = 300
#: How far ahead an assertion may expire, which is how long its jti is kept.
ASSERTION_SECONDS = 3660

METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
ASSERTION_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384"]
SCOPES = ("openid", "profile", "email")

#: What Authlib and joserfc raise for text from a request: a JOSE header of other types
#: is a ``TypeError``, and JSON of great depth a ``RecursionError``.
MALFORMED = (JoseError, ValueError, TypeError, RecursionError)


class Client(ClientMixin):
    """A registered client. ``keys`` are those of ``private_key_jwt``."""

    def __init__(self, settings: ClientSettings, keys: KeySet | None) -> None:
        self.settings = settings
        self.keys = keys
        self.id_token_signed_response_alg = settings.algorithm
        self.client_metadata = {
            "post_logout_redirect_uris": settings.post_logout_redirect_uris
        }

    def get_client_id(self) -> str:
        return self.settings.id

    def get_default_redirect_uri(self) -> None:
        return None  # a request names its own

    def get_allowed_scope(self, scope: str) -> str:
        asked = scope.split() if scope else []
        return " ".join(each for each in SCOPES if each in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.settings.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        digest = hash_secret(client_secret)
        found = [hmac.compare_digest(digest, each) for each in self.settings.secrets]
        return any(found)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.settings.authentication

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Answer:
    """What Authlib answers. ``IssuerParameter`` changes ``location``."""

    status: int
    body: Any
    headers: list[tuple[str, str]]
    location: str | None = None


class Request(OAuth2Request):
    """A request that was parsed before; what it needs was read from the store."""

    def __init__(
        self, uri: str, parameters: Mapping[str, str], *, authorization: str = ""
    ) -> None:
        headers = {"Authorization": authorization} if authorization else {}
        super().__init__("POST", uri, headers=headers)
        self.payload = BasicOAuth2Payload(dict(parameters))
        self.acr = ""
        self.login: Login | None = None
        #: What the caller has read, and is to write.
        self.record: CodeRecord | None = None
        self.saved: tuple[str, CodeRecord] | None = None
        self.jti: str | None = None

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        form: dict[str, str] = self.payload.data
        return form


class Server(AuthorizationServer):
    def __init__(self, clients: Mapping[str, Client]) -> None:
        super().__init__(scopes_supported=None)  # unknown scopes are no errors
        self._clients = clients

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        """The caller stores what ``Protocol.token`` returns."""

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(
        self, status: int, body: Any, headers: list[tuple[str, str]]
    ) -> Answer:
        location = dict(headers).get("Location")
        return Answer(status, body, headers, location)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar = METHODS

    def authenticate_token_endpoint_client(self) -> Client:
        """Return the client, which ``Protocol.authenticate`` has authenticated."""
        client: Client = self.request.client
        return client

    def save_authorization_code(self, code: str, request: Request) -> None:
        assert request.login is not None  # noqa: S101 - the caller has set it
        data = request.payload.data
        record = CodeRecord(
            client_id=request.client.get_client_id(),
            redirect_uri=data["redirect_uri"],
            scope=request.scope,
            nonce=data.get("nonce"),
            code_challenge=data["code_challenge"],
            acr=request.acr,
            login=request.login,
        )
        request.saved = (code, record)

    def query_authorization_code(self, code: str, client: Client) -> CodeRecord | None:
        record: CodeRecord | None = self.request.record
        return record if record and record.client_id == client.settings.id else None

    def delete_authorization_code(self, authorization_code: CodeRecord) -> None:
        """It was taken from the store before."""

    def authenticate_user(self, authorization_code: CodeRecord) -> Login:
        return authorization_code.login


class Pkce(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar = ["S256"]


class Assertion(JWTBearerClientAssertion):
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, audiences: list[str], clock: Callable[[], float]) -> None:
        super().__init__()
        self._audiences = audiences
        self._clock = clock

    def __call__(self, query_client: Any, request: Request) -> Client | None:
        client: Client | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client is not None and named not in (None, client.settings.id):
            raise InvalidClientError(description="client_id is not the assertion's sub")
        return client

    def get_audiences(self) -> list[str]:
        return self._audiences

    def resolve_client_public_key(self, client: Client) -> KeySet:
        if client.keys is None:
            raise InvalidClientError(description="The client has no keys")
        return client.keys

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> Any:
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=ASSERTION_ALGORITHMS)
        except MALFORMED:
            raise InvalidClientError(
                description="client_assertion can't be verified"
            ) from None
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        audience = claims.get("aud")
        if isinstance(audience, list) and len(audience) == 1:
            [audience] = audience  # as several clients send it
        if not isinstance(audience, str):
            raise InvalidClientError(description="aud is not exactly one text")
        expiry, jti = claims.get("exp"), claims.get("jti")
        if not isinstance(expiry, int) or expiry > self._clock() + ASSERTION_SECONDS:
            raise InvalidClientError(
                description=f"exp is not within {ASSERTION_SECONDS} seconds"
            )
        self._check_clock(claims)
        if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
            raise InvalidClientError(description="jti is not a text of 1 to 256")
        super().verify_claims(claims)

    def _check_clock(self, claims: dict[str, Any]) -> None:
        """Refuse a time that another clock has made, and say so."""
        now = self._clock()
        begins = [claims.get(name) for name in ("nbf", "iat")]
        late = any(isinstance(at, int) and at > now + self.leeway for at in begins)
        if late or claims["exp"] < now - self.leeway:
            raise InvalidClientError(
                description="The assertion has expired or begins later: compare the "
                f"clocks; here it is {datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC"
            )

    def validate_jti(self, claims: dict[str, Any], jti: str) -> bool:
        """Return True: the caller stores the jti, and refuses a second use."""
        return True


class IdToken(OpenIDCode):
    DEFAULT_EXPIRES_IN = TOKEN_SECONDS

    def __init__(self, issuer: str, keys: KeyFile) -> None:
        super().__init__()
        self._issuer = issuer
        self._keys = keys

    def exists_nonce(self, nonce: str, request: Request) -> bool:
        return False  # a code works once, and a nonce is the client's to check

    def encode_id_token(self, token: dict[str, Any], request: Request) -> str:
        # Read once: a rotation between two reads would give another key's kid.
        self._key = self._keys.read().current(request.client.settings.algorithm)
        encoded: str = super().encode_id_token(token, request)
        return encoded

    def resolve_client_private_key(self, client: Client) -> SigningKey:
        return self._key

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": client.settings.algorithm, "kid": str(self._key.kid)}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._issuer, "aud": client.settings.id}

    def generate_user_info(self, user: Login, scope: str) -> dict[str, str]:
        """Return ``sub`` alone: clients put ID tokens into URLs."""
        return {"sub": user.subject}


class Issuer(IssuerParameter):
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


class Bearer(BearerTokenValidator):
    def __init__(self, record: TokenRecord | None) -> None:
        super().__init__()
        self._record = record

    def authenticate_token(self, token_string: str) -> TokenRecord | None:
        return self._record


class EndSession(rpinitiated.EndSessionEndpoint):
    def __init__(self, server: Server, keys: KeyFile) -> None:
        super().__init__(server)
        self._keys = keys

    def get_server_jwks(self) -> KeySet:
        return self._keys.read().verifying()

    def get_algorithms(self) -> list[str]:
        return ["RS256", "ES256"]
