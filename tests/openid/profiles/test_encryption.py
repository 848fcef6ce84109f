# SPDX-License-Identifier: MIT
"""ID tokens and userinfo that only the client can read, and signed userinfo."""

import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from kortilla.errors import ConfigurationError
from tests.openid.clients.test_registry import KeyServer, key_set
from tests.openid.conftest import MakeOP
from tests.openid.profiles.parties import (
    ENCODING,
    LEVEL,
    SEALING,
    SIGNING,
    ask,
    broker,
    decrypted,
    redeem,
    request_object,
    rsa_keys,
)
from tests.openid.provider import (
    BEARER,
    CLIENT_KEY,
    ISSUER,
    Browser,
    LocalOP,
    assertion,
    configuration,
)

ALGORITHMS = ["RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A256KW"]


@pytest_asyncio.fixture
async def keys() -> AsyncIterator[KeyServer]:
    made = KeyServer()
    async with made.server:
        yield made


async def log_in(op: LocalOP, **changes: Any) -> dict[str, Any]:
    """Log in for the broker. Returns what the code is exchanged for."""
    browser = Browser(op)
    back = await browser.log_in(
        (await ask(browser, request_object(**changes))).location
    )
    answer = await redeem(op, "broker", back.parameters["code"])
    assert answer.status == 200, answer.text
    content: dict[str, Any] = answer.json
    return content


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_only_the_client_reads_what_it_gets(
    make_op: MakeOP, keyed: Path, algorithm: str
) -> None:
    op = make_op(
        clients=[
            broker(
                id_token_encrypted_response_alg=algorithm,
                userinfo_encrypted_response_alg=algorithm,
                userinfo_signed_response_alg="ES256",
            )
        ]
    )
    content = await log_in(op)
    told = await op.userinfo(content["access_token"])
    assert told.headers.all("Content-Type") == ["application/jwt"]
    assert told.headers.all("Cache-Control") == ["no-store"]
    kid = "rsa-enc" if algorithm.startswith("RSA") else "enc"
    for token in (content["id_token"], told.text):
        inner, header = decrypted(token)
        assert header["alg"] == algorithm
        assert (header["enc"], header["cty"], header["kid"]) == (ENCODING, "JWT", kid)
        assert "zip" not in header
        claims = await op.claims(inner)
        person = op.card.person
        assert (claims["iss"], claims["aud"]) == (ISSUER, "broker")
        # The profile wants the claims in the ID token as well.
        assert claims["urn:oid:1.2.246.22"] == person.satu
        assert claims["urn:oid:2.5.4.4"] == person.surname
        assert "name" not in claims
        for stranger in (SIGNING, ECKey.generate_key("P-256"), rsa_keys()[0]):
            with pytest.raises((JoseError, ValueError)):
                jwe.decrypt_compact(token, stranger, [algorithm, ENCODING])
    claims = await op.claims(decrypted(content["id_token"])[0])
    assert (claims["nonce"], claims["acr"]) == ("a nonce", LEVEL)
    assert re.fullmatch(r"[\w-]{22}", claims["at_hash"])


async def test_userinfo_is_signed_for_a_client_that_asks(make_op: MakeOP) -> None:
    clients = configuration()["clients"]
    clients[0]["userinfo_signed_response_alg"] = "ES256"
    op = make_op(clients=clients)
    content = await op.tokens()
    # Its ID token is as ever.
    assert "name" not in await op.claims(content["id_token"])
    answer = await op.userinfo(content["access_token"])
    claims = await op.claims(answer.text)
    assert (claims["iss"], claims["aud"]) == (ISSUER, "shop")
    assert claims["name"]
    head = json.loads(base64.urlsafe_b64decode(answer.text.partition(".")[0] + "=="))
    assert head["alg"] == "ES256"
    # It names the person as an ID token does, and is no ID token.
    asked = await Browser(op).authorize(prompt="none", id_token_hint=answer.text)
    assert asked[1].parameters["error"] == "invalid_request"


async def test_a_client_without_its_key_any_more_gets_nothing(op: LocalOP) -> None:
    client = op.provider.protocol.clients["broker"]
    assert client.keys is not None
    kept = list(client.keys.keys)
    client.keys.keys.remove(next(key for key in kept if key.kid == SEALING.kid))
    browser = Browser(op)
    back = await browser.log_in((await ask(browser, request_object())).location)
    answer = await redeem(op, "broker", back.parameters["code"])
    assert (answer.status, answer.json["error"]) == (400, "invalid_client")
    assert "no key to encrypt for by ECDH-ES" in answer.json["error_description"]


async def test_the_key_may_be_at_the_client_s_address(
    make_op: MakeOP, keys: KeyServer
) -> None:
    wanted = {
        "algorithm": "ES256",
        "id_token_encrypted_response_alg": "ECDH-ES",
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": "ECDH-ES",
    }
    op = make_op(clients=[keys.client(**wanted)])
    client = op.provider.protocol.clients["office"]
    with pytest.raises(ConfigurationError, match='office: it has no EC key with "use"'):
        await client.check_keys()
    keys.content = key_set(CLIENT_KEY, SEALING)
    await client.check_keys()
    callback = {"redirect_uri": "https://office.example/cb"}
    code, verifier = await op.code(client_id="office", **callback)
    signed = {"client_assertion_type": BEARER, "client_assertion": assertion()}
    form = {**callback, **signed}
    answer = await op.token(code, verifier, authorization="", **form)
    inner, _ = decrypted(answer.json["id_token"])
    told = await op.userinfo(answer.json["access_token"])
    for token in (inner, decrypted(told.text)[0]):
        assert (await op.claims(token))["aud"] == "office"


async def test_a_client_with_a_secret_has_its_key_fetched_too(
    make_op: MakeOP, keys: KeyServer
) -> None:
    keys.content = key_set(SEALING)
    shop = {**configuration()["clients"][0], "allow_private_addresses": True}
    shop["jwks_uri"] = f"http://127.0.0.1:{keys.server.port}/jwks"
    op = make_op(clients=[{**shop, "id_token_encrypted_response_alg": "ECDH-ES"}])
    inner, _ = decrypted((await op.tokens())["id_token"])
    assert (await op.claims(inner))["aud"] == "shop"


async def test_the_hint_of_a_decrypted_token_is_taken(
    make_op: MakeOP, keyed: Path
) -> None:
    op = make_op(clients=[broker()], sso_minutes=5)
    content = await log_in(op)
    hint = decrypted(content["id_token"])[0]
    browser = Browser(op)
    answer = await ask(browser, request_object(id_token_hint=hint))
    assert "/login/" in answer.location
    # An encrypted one can't be read here.
    answer = await ask(browser, request_object(id_token_hint=content["id_token"]))
    assert answer.parameters["error"] == "invalid_request"
