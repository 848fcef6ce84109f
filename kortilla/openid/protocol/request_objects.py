# SPDX-License-Identifier: MIT
"""Signed requests to log in (RFC 9101).

A client signs its requests if ``request_object_signing_alg`` is set. Then no other
request of it is taken, and parameters beside the object count for nothing (§6.3).
"""

import hashlib
import json
from dataclasses import dataclass

from joserfc.jwk import KeySet

from kortilla.common import JsonObject
from kortilla.openid.clients.authorization import RefusedError
from kortilla.openid.clients.client import Client
from kortilla.openid.clients.profiles import PROFILES
from kortilla.openid.clients.settings import ClientSettings
from kortilla.openid.clients.tokens import kid_of, signing_keys, verify
from kortilla.openid.protocol.protocol import Protocol
from kortilla.openid.protocol.store import ProviderStore

#: How far ahead an object may expire, and how long ago it may begin.
MOST_SECONDS = 3600
#: How far clocks may differ.
LEEWAY = 60
_TYPES = ("", "jwt", "oauth-authz-req+jwt")
#: Claims of the object itself. The others are parameters.
_OWN = {"iss", "aud", "exp", "nbf", "iat", "jti"}


@dataclass(frozen=True)
class RequestObject:
    """What an object asks for.

    ``mark`` is what a second use is known by, which is possible for ``seconds``.
    """

    parameters: dict[str, str]
    mark: str
    seconds: int


async def opened(
    form: dict[str, str], client: Client, store: ProviderStore, protocol: Protocol
) -> tuple[dict[str, str], bool]:
    """Return the parameters of a request, and whether the client signed them.

    Each object is opened once. Raises ``RefusedError``, for our own page: nobody knows
    where else to go.
    """
    text = form.get("request")
    if text is None or client.settings.request_object_signing_alg is None:
        return form, False
    if "request_uri" in form:  # §5: one of the two
        raise RefusedError("invalid_request", "request_uri and request are there")
    await client.refresh_keys(kid_of(text))
    issuer, now = protocol.issuer, protocol.clock()
    found = open_request_object(text, client.settings, client.keys, issuer, now)
    if not await store.add("request", found.mark, seconds=found.seconds):
        raise _refused("request was used before")
    return found.parameters, True


def open_request_object(
    text: str, client: ClientSettings, keys: KeySet | None, issuer: str, now: float
) -> RequestObject:
    """Return what a client's signed request asks for.

    ``now`` is in seconds since 1970. Raises ``RefusedError``.
    """
    try:
        token = verify(
            text,
            signing_keys(keys),
            [str(client.request_object_signing_alg)],
            types=_TYPES,
        )
    except ValueError:
        raise _refused(
            f"request can't be verified: it has to be a JWT by "
            f"{client.request_object_signing_alg} and a key of the client"
        ) from None
    claims = token.claims
    for name in ("iss", "client_id"):
        if claims.get(name) != client.id:
            raise _refused(f"{name} in request is not the client")
    audience = claims.get("aud")
    if issuer not in (audience if isinstance(audience, list) else [audience]):
        raise _refused("aud in request is not the issuer")
    # Else it could be an assertion as well (§10.8).
    for name in ("sub", "request", "request_uri"):
        if name in claims:
            raise _refused(f"request has {name} in it")
    seconds = _check_times(claims, now, begins=PROFILES[client.profile].begins)
    # What was signed: anybody can write an ECDSA signature in another way.
    digest = hashlib.sha256(text.rpartition(".")[0].encode()).hexdigest()
    jti = claims.get("jti", digest)  # which several clients leave out
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        raise _refused("jti in request is not a text of 1 to 256")
    parameters = {
        name: _text(name, value)
        for name, value in claims.items()
        if name not in _OWN and value not in ("", None)
    }
    return RequestObject(parameters, f"{client.id} {jti}", seconds)


def _check_times(claims: JsonObject, now: float, *, begins: bool) -> int:
    """Return for how many seconds the object is valid. Raises ``RefusedError``."""
    times = {name: claims.get(name) for name in ("exp", "nbf", "iat")}
    for name, value in times.items():
        wanted = name == "exp" or (name == "nbf" and begins)
        if type(value) is not int and (wanted or value is not None):
            raise _refused(f"{name} in request is not a number of seconds")
    seconds = int(claims["exp"]) - int(now) + LEEWAY  # no float, however large
    if not 0 < seconds <= MOST_SECONDS + 2 * LEEWAY:
        raise _refused(f"exp in request is past, or over {MOST_SECONDS} seconds ahead")
    if any((times[name] or 0) > now + LEEWAY for name in ("nbf", "iat")):
        raise _refused("request begins later: compare the clocks")
    if begins and claims["nbf"] < now - MOST_SECONDS - LEEWAY:
        raise _refused(f"nbf in request is over {MOST_SECONDS} seconds ago")
    return seconds


def _text(name: str, value: object) -> str:
    """Return a claim as the parameter that it stands for."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    if isinstance(value, dict) and name == "claims":
        return json.dumps(value)
    raise _refused("request has a parameter that is neither text nor number")


def _refused(description: str) -> RefusedError:
    return RefusedError("invalid_request_object", description)
