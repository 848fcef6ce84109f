# SPDX-License-Identifier: MIT
"""Text that no honest client sends is the client's mistake, and no server error."""

import base64
import json
from urllib.parse import urlencode

import pytest
from joserfc import jws

from tests.openid.scene import CLIENT_KEY, ISSUER, Scene

BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEEP = b"[" * 5000


def compact(header: bytes, payload: bytes) -> str:
    """Return a JWS of any bytes, with a signature that verifies nothing."""
    parts = (header, payload, b"x" * 64)
    return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)


MALFORMED = [
    compact(b'{"alg":"ES256"}', DEEP),
    compact(b'{"alg":' + DEEP, b"{}"),
    *(
        compact(b'{"alg":"ES256",' + more + b"}", b'{"sub":"office","iss":"office"}')
        for more in (
            b'"crit":5',
            b'"crit":null',
            b'"crit":true',
            b'"crit":[["a"]]',
            b'"zip":"x"',
            b'"kid":["x"]',
            b'"{0}":1',
        )
    ),
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_token_is_the_client_s_mistake(
    scene: Scene, text: str
) -> None:
    form = {"client_assertion_type": BEARER, "client_assertion": text}
    for path in ("/token", "/par"):
        assert (await scene.post(path, form)).status in {400, 401}
    query = urlencode({"id_token_hint": text})
    assert (await scene.send("GET", "/logout", query=query)).status == 400


async def test_bytes_that_are_no_text_are_the_client_s_mistake(scene: Scene) -> None:
    assert (await scene.userinfo("\udcff")).status == 401
    claims = {"iss": "office", "sub": "office", "aud": ISSUER}
    expiry = int(scene.clock()) + 60
    text = json.dumps({**claims, "exp": expiry, "jti": "\ud800"})
    header = {"alg": "ES256", "kid": "client-1"}
    used = jws.serialize_compact(header, text.encode(), CLIENT_KEY)
    form = {"client_assertion_type": BEARER, "client_assertion": used}
    assert (await scene.post("/par", form)).status == 400
