# SPDX-License-Identifier: MIT
"""A provider's clients, and how they show by a key of theirs who they are.

Authlib has no types; ``Client`` and ``Assertion`` have.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from authlib.oauth2.rfc6749 import ClientMixin, InvalidClientError, OAuth2Request
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact

from kortilla.common import JsonObject
from kortilla.errors import ConfigurationError
from kortilla.openid.clients.keys import FetchedKeys, check_encryption
from kortilla.openid.clients.profiles import PROFILES, Profile
from kortilla.openid.clients.settings import ClientSettings, hash_secret
from kortilla.openid.clients.tokens import MALFORMED, signing_keys, verify

#: How far ahead an assertion may expire, which is how long its jti is kept.
ASSERTION_SECONDS = 3660
ASSERTION_ALGORITHMS = [*PROFILES["default"].assertions]
_ASSERTION_TYPES = ("", "jwt", "client-authentication+jwt")


ClientKeys = KeySet | FetchedKeys | None


class Client(ClientMixin):
    """A registered client, and its public keys if it has any."""

    def __init__(self, settings: ClientSettings, keys: ClientKeys) -> None:
        self.settings = settings
        self._keys = keys
        self.id_token_signed_response_alg = settings.algorithm
        self.client_metadata = {
            "post_logout_redirect_uris": settings.post_logout_redirect_uris
        }

    @property
    def profile(self) -> Profile:
        """What its profile demands."""
        return PROFILES[self.settings.profile]

    @property
    def keys(self) -> KeySet | None:
        """The public keys. Those at an address are None until ``refresh_keys``."""
        if isinstance(self._keys, FetchedKeys):
            return self._keys.current()
        return self._keys

    async def refresh_keys(self, kid: str | None) -> None:
        """Fetch the keys, if they are at an address and old, or without this one."""
        if isinstance(self._keys, FetchedKeys):
            await self._keys.refresh(kid)

    async def check_keys(self) -> None:
        """Fetch the keys if they are at an address. Raises ``ConfigurationError``."""
        if isinstance(self._keys, FetchedKeys):
            found = await self._keys.fetch()
            try:
                check_encryption(self.settings, found)
            except ValueError as error:
                where = f"The keys of the client {self.settings.id}"
                raise ConfigurationError(f"{where}: {error}.") from None

    def get_client_id(self) -> str:
        return self.settings.id

    def get_allowed_scope(self, scope: str) -> str:
        return scope  # of an ``AuthorizationRequest``, which has the known ones alone

    def check_client_secret(self, client_secret: str) -> bool:
        digest = hash_secret(client_secret)
        found = [hmac.compare_digest(digest, each) for each in self.settings.secrets]
        return any(found)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.settings.authentication

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


def peek(assertion: str) -> tuple[str, str | None]:
    """Return who an assertion says it is from, and its ``kid``. Nothing is verified."""
    if not assertion:
        return "", None
    try:
        content = extract_compact(assertion.encode())
        claims, kid = json.loads(content.payload), content.headers().get("kid")
        return str(claims["sub"]), kid if isinstance(kid, str) else None
    except (*MALFORMED, LookupError):
        return "", None


def claimed_id(
    clients: Mapping[str, Client], form: Mapping[str, str], authorization: str
) -> str:
    """Return the registered client that a request says it is from, or no text."""
    try:
        [user, _] = extract_basic_authorization({"Authorization": authorization})
    except MALFORMED:
        user = None
    named = (peek(form.get("client_assertion", ""))[0], form.get("client_id"), user)
    return next((each for each in named if each and each in clients), "")


def about(
    clients: Mapping[str, Client], form: Mapping[str, str], authorization: str
) -> str:
    """Return whose request was refused, and perhaps why, for the log."""
    name = claimed_id(clients, form, authorization)
    if not name:
        return "no client of the configuration"
    own, method = clients[name].settings.authentication, "none"
    if authorization:
        method = "client_secret_basic"
    elif "client_secret" in form:
        method = "client_secret_post"
    elif "client_assertion" in form:
        method = "private_key_jwt"
    if method in {own, "none"}:
        return f"client {name}"
    return f"client {name}: it came with {method}, and is registered with {own}"


class Assertion(JWTBearerClientAssertion):
    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, audiences: list[str], clock: Callable[[], float]) -> None:
        super().__init__()
        self._audiences = audiences
        self._clock = clock
        self._profile = PROFILES["default"]
        #: The jti of the assertion that was verified last.
        self.jti = ""

    def __call__(self, query_client: object, request: OAuth2Request) -> Client | None:
        client: Client | None = super().__call__(query_client, request)
        named = request.form.get("client_id")
        if client is not None and named not in (None, client.settings.id):
            raise InvalidClientError(description="client_id is not the assertion's sub")
        return client

    def get_audiences(self) -> list[str]:
        """Return the issuer, and the endpoints unless the profile forbids it."""
        return self._audiences[: 1 if self._profile.issuer_audience else None]

    def resolve_client_public_key(self, client: Client) -> KeySet:
        if client.keys is None:
            raise InvalidClientError(description="The client has no keys")
        self._profile = client.profile
        return signing_keys(client.keys)

    def process_assertion_claims(
        self, assertion: str, resolve_key: KeySet
    ) -> JsonObject:
        try:
            token = verify(
                assertion,
                resolve_key,
                self._profile.assertions,
                types=_ASSERTION_TYPES,
            )
        except ValueError:
            raise InvalidClientError(
                description="client_assertion can't be verified by the client's keys "
                f"and {' or '.join(self._profile.assertions)}"
            ) from None
        self.verify_claims(token.claims)
        return token.claims

    def verify_claims(self, claims: JsonObject) -> None:
        audience = claims.get("aud")
        strict = self._profile.issuer_audience
        if isinstance(audience, list) and len(audience) == 1 and not strict:
            [audience] = audience  # as several clients send it
        if not isinstance(audience, str):
            raise InvalidClientError(description="aud is not exactly one text")
        expiry, jti, now = claims.get("exp"), claims.get("jti"), self._clock()
        if not isinstance(expiry, int) or expiry > now + ASSERTION_SECONDS:
            raise InvalidClientError(
                description=f"exp is not within {ASSERTION_SECONDS} seconds"
            )
        begins = [claims.get(name) for name in ("nbf", "iat")]
        late = any(isinstance(at, int) and at > now + self.leeway for at in begins)
        if late or expiry < now - self.leeway:  # by another clock, perhaps
            raise InvalidClientError(
                description="The assertion has expired or begins later: compare the "
                f"clocks; here it is {datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC"
            )
        if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
            raise InvalidClientError(description="jti is not a text of 1 to 256")
        super().verify_claims(claims)

    def validate_jti(self, claims: JsonObject, jti: str) -> bool:
        """Keep the jti: the caller stores it, and refuses a second use."""
        self.jti = jti
        return True
