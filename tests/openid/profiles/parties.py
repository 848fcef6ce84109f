# SPDX-License-Identifier: MIT
"""A bank by FAPI 2.0, a broker of the Finnish Trust Network, and what they sign."""

import base64
import functools
import hashlib
import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from joserfc import jwe, jws
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from tests.openid.provider import (
    BEARER,
    ISSUER,
    Answer,
    Browser,
    LocalOP,
    claimed,
    pkce,
)

NAME = {"fi": "Välittäjä", "sv": "Förmedlaren", "en": "The broker"}
LEVEL = "http://ftn.ficora.fi/2017/loatest2"
SIGNING = ECKey.generate_key("P-256", {"kid": "sig", "use": "sig"})
SEALING = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
BANK_CALLBACK = "https://bank.example/cb"
BROKER_CALLBACK = "https://broker.example/cb"
ENCODING = "A256GCM"


@functools.cache
def rsa_keys() -> tuple[RSAKey, RSAKey]:
    """Return keys that sign and that decrypt; they take a while to make."""
    return (
        RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}),
        RSAKey.generate_key(2048, {"kid": "rsa-enc", "use": "enc"}),
    )


def bank(**changes: Any) -> dict[str, Any]:
    """Return a client of the profile ``fapi2``."""
    return {
        "id": "bank",
        "name": NAME,
        "profile": "fapi2",
        "redirect_uris": [BANK_CALLBACK],
        "authentication": "private_key_jwt",
        "jwks_file": "parties.json",
        "algorithm": "ES256",
        "claims": ["name"],
        **changes,
    }


def broker(**changes: Any) -> dict[str, Any]:
    """Return a client of the profile ``ftn``."""
    return {
        "id": "broker",
        "name": NAME,
        "profile": "ftn",
        "redirect_uris": [BROKER_CALLBACK],
        "authentication": "private_key_jwt",
        "jwks_file": "parties.json",
        "request_object_signing_alg": "ES256",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "userinfo_signed_response_alg": "RS256",
        "userinfo_encrypted_response_alg": "RSA-OAEP-256",
        "claims": ["urn:oid:1.2.246.22", "urn:oid:2.5.4.4"],
        "acr": LEVEL,
        **changes,
    }


def write_keys(folder: Path) -> None:
    """Write the parties' public keys."""
    keys = (SIGNING, SEALING, *rsa_keys())
    content = {"keys": [each.as_dict(private=False) for each in keys]}
    (folder / "parties.json").write_text(json.dumps(content))


def signed(
    key: Key, claims: dict[str, Any], header: dict[str, Any] | None = None
) -> str:
    """Sign claims; what is None is left out, in the header too."""
    given = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "ES256", "kid": key.kid, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    return raw_signed(key, head, json.dumps(given).encode())


def raw_signed(key: Key, header: dict[str, Any], payload: bytes) -> str:
    """Sign any bytes under any header, which libraries refuse to write."""
    text = f"{_encoded(json.dumps(header).encode())}.{_encoded(payload)}"
    kinds = ["ES256"] if isinstance(key, ECKey) else ["PS256", "RS256"]
    algorithm = header["alg"] if header["alg"] in kinds else kinds[0]
    signature = jws.JWSRegistry.algorithms[algorithm].sign(text.encode(), key)
    return f"{text}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def request_claims(client: str = "broker", **changes: Any) -> dict[str, Any]:
    """Return the claims of a request object, whose verifier is 43 times "v"."""
    now = int(time.time())
    digest = hashlib.sha256(b"v" * 43).digest()
    callback = BROKER_CALLBACK if client == "broker" else BANK_CALLBACK
    claims = {
        "iss": client,
        "aud": ISSUER,
        "client_id": client,
        "exp": now + 300,
        "nbf": now,
        "iat": now,
        "jti": secrets.token_urlsafe(9),
        "response_type": "code",
        "redirect_uri": callback,
        "scope": "openid profile",
        "state": "a state",
        "nonce": "a nonce",
        "acr_values": LEVEL,
        "ftn_spname": "SPECIMEN-PANKKI",
        "code_challenge": _encoded(digest),
        "code_challenge_method": "S256",
        **changes,
    }
    return claimed(claims, now)


def request_object(header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a signed request of the broker."""
    header = {"typ": "oauth-authz-req+jwt", **(header or {})}
    return signed(SIGNING, request_claims(**changes), header)


def assertion(client: str, **changes: Any) -> dict[str, str]:
    """Return the parameters that authenticate a party."""
    now = int(time.time())
    claims = {
        "iss": client,
        "sub": client,
        "aud": ISSUER,
        "exp": now + 60,
        "iat": now,
        "jti": secrets.token_urlsafe(9),
    }
    text = signed(SIGNING, claimed({**claims, **changes}, now), {"typ": "JWT"})
    return {"client_assertion_type": BEARER, "client_assertion": text}


def proof(
    key: Key,
    path: str = "/token",
    *,
    method: str = "POST",
    access_token: str | None = None,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> tuple[str, str]:
    """Return the header that proves a key."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(9),
        "htm": method,
        "htu": f"{ISSUER}{path}",
        "iat": now,
    }
    if access_token is not None:
        claims["ath"] = _encoded(hashlib.sha256(access_token.encode()).digest())
    public = {"jwk": key.as_dict(private=False), "typ": "dpop+jwt", "kid": None}
    return "DPoP", signed(
        key, claimed({**claims, **changes}, now), {**public, **(header or {})}
    )


def decrypted(token: str) -> tuple[str, dict[str, Any]]:
    """Return the signed token in an encrypted one, and the outer header."""
    keys = KeySet([SEALING, rsa_keys()[1]])
    algorithms = ["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256", "RSA-OAEP", ENCODING]
    found = jwe.decrypt_compact(token, keys, algorithms)
    assert found.plaintext is not None
    return found.plaintext.decode(), dict(found.headers())


async def ask(browser: Browser, request: str, **more: str) -> Answer:
    """Follow the broker's link to log in."""
    query = urlencode({"client_id": "broker", "request": request, **more})
    return await browser.send("GET", f"/authorize?{query}")


async def redeem(
    op: LocalOP, client: str, code: str, verifier: str = "v" * 43, **more: Any
) -> Answer:
    """Exchange a code, as a party does."""
    callback = BROKER_CALLBACK if client == "broker" else BANK_CALLBACK
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "code_verifier": verifier,
        **assertion(client),
    }
    return await op.post("/token", form, **more)


async def push(
    op: LocalOP, *headers: tuple[str, str], **changes: Any
) -> tuple[str, Answer]:
    """Push the bank's request. Returns the verifier, and the answer."""
    verifier, challenge = pkce()
    form = {
        "response_type": "code",
        "redirect_uri": BANK_CALLBACK,
        "scope": "openid profile",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **assertion("bank"),
        **changes,
    }
    form = {name: text for name, text in form.items() if text is not None}
    return verifier, await op.post("/par", form, headers=headers)


async def follow(browser: Browser, pushed: Answer) -> Answer:
    """Follow the bank's link with a pushed request."""
    assert pushed.status == 201, pushed.text
    query = urlencode({"client_id": "bank", "request_uri": pushed.json["request_uri"]})
    return await browser.send("GET", f"/authorize?{query}")


async def bank_code(
    op: LocalOP, *headers: tuple[str, str], **changes: Any
) -> tuple[str, str]:
    """Log in for the bank. Returns the code and the verifier."""
    verifier, pushed = await push(op, *headers, **changes)
    browser = Browser(op)
    page = await follow(browser, pushed)
    back = await browser.log_in(page.location)
    return back.parameters["code"], verifier
