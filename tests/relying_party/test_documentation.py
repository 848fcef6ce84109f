# SPDX-License-Identifier: MIT
"""The examples of docs/developers.md work as they stand there."""

import base64
import functools
import hashlib
import json
import runpy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from native_host.mock_card.pytest_plugin import KortillaCard
from relying_party import Trust
from tests.guide import blocks
from tests.mock_card.test_pytest_plugin import run_tests

from . import pki
from .browser import Browser
from .pki import CA, ORIGIN, Key, Leaf, key

SERVICE, SIGNING, TEST = blocks("developers.md", "python")


@functools.cache
def run(example: str, folder: Path) -> dict[str, Any]:
    """Run an example and return what it defines."""
    file = folder / "example.py"
    file.write_text(example)
    return runpy.run_path(str(file))


@pytest.fixture
async def browser(
    tmp_path: Path, kortilla_card: KortillaCard
) -> AsyncIterator[Browser]:
    """Log in to the service of both examples with the mock card."""
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    app = run(SERVICE, tmp_path)["create_app"](ORIGIN, trust)
    run(SIGNING, tmp_path)["add_signing"](app, ORIGIN, trust)
    server = TestServer(app)
    async with server:
        browser = Browser(server)
        token = kortilla_card.token(ORIGIN, await browser.challenge())
        assert (await browser.post("login", {"authToken": token}))[0] == 200
        yield browser
        await browser.http.close()


async def test_the_service_with_card_login(
    tmp_path: Path, trust: Trust, leaf: Leaf
) -> None:
    server = TestServer(run(SERVICE, tmp_path)["create_app"](ORIGIN, trust))
    async with server:
        browser = Browser(server)

        async def front() -> str:
            async with browser.request("GET", "/", headers={}) as response:
                return await response.text()

        assert "Tunnistaudu kortilla" in await front()
        async with browser.request("GET", "/page.js", headers={}) as response:
            assert "kortilla.login" in await response.text()
        nonce = await browser.challenge()
        await browser.post("login", {"authToken": leaf.token(nonce=nonce)})
        assert await front() == '<p id="person">Hei, MAIJA (99902038C)!</p>'
        await browser.http.close()


async def post(browser: Browser, content: object, origin: str = ORIGIN) -> int:
    """Send what a page got to the service, and return the status."""
    headers = {"Origin": origin, "Content-Type": "application/json"}
    async with browser.request(
        "POST", "/signed", headers=headers, data=json.dumps(content)
    ) as response:
        return response.status


@pytest.fixture
def contract(tmp_path: Path) -> bytes:
    """What is signed in the example."""
    return bytes(run(SIGNING, tmp_path)["CONTRACT"])


def sign(card: KortillaCard, content: bytes) -> dict[str, Any]:
    """Have a card sign, and return what a page gets."""
    return card.sign(ORIGIN, {"sopimus.txt": hashlib.sha384(content).digest()})


async def test_the_service_takes_the_signature_of_who_is_logged_in(
    browser: Browser, kortilla_card: KortillaCard, contract: bytes
) -> None:
    answer = sign(kortilla_card, contract)
    assert await post(browser, answer) == 200
    assert await post(browser, answer, "https://evil.example") == 403
    browser.cookie = None
    assert await post(browser, answer) == 403


async def test_the_service_refuses_whatever_else_comes(
    browser: Browser,
    kortilla_card: KortillaCard,
    make_kortilla_card: Callable[..., KortillaCard],
    contract: bytes,
) -> None:
    good = sign(kortilla_card, contract)
    foreign = sign(make_kortilla_card(profile="v4.2"), contract)
    login = kortilla_card.token(ORIGIN, "A" * 44)["unverifiedCertificate"]
    answers: list[Any] = [
        sign(kortilla_card, contract + b"!"),
        foreign,
        {**good, "signatures": foreign["signatures"]},
        {**good, "certificate": login},
        {**good, "certificate": ""},
        {**good, "signatures": []},
        {**good, "signatures": good["signatures"] * 2},
        {"certificate": good["certificate"]},
        [],
        None,
    ]
    for answer in answers:
        assert await post(browser, answer) == 400


async def test_the_service_refuses_the_signature_of_somebody_else(
    tmp_path: Path, trust: Trust, leaf: Leaf, ca: CA, contract: bytes
) -> None:
    app = run(SERVICE, tmp_path)["create_app"](ORIGIN, trust)
    run(SIGNING, tmp_path)["add_signing"](app, ORIGIN, trust)
    server = TestServer(app)
    async with server:
        browser = Browser(server)
        nonce = await browser.challenge()
        await browser.post("login", {"authToken": leaf.token(nonce=nonce)})
        signature = signed(key("P-256"), contract, hashes.SHA256(), "NONE")
        for satu, status in ((pki.SATU, 200), ("99900335E", 403)):
            signer = ca.issue(
                key("P-256"),
                key_usage=pki.SIGNATURE,
                subject_name=pki.subject(satu=satu),
            )
            certificate = base64.b64encode(signer.der).decode()
            answer = {"certificate": certificate, "signatures": [signature]}
            assert await post(browser, answer) == status
        await browser.http.close()


def signed(
    own: Key, content: bytes, function: hashes.HashAlgorithm, scheme: str
) -> dict[str, Any]:
    """Sign as a card does, and return what a page gets for it."""
    if isinstance(own, ec.EllipticCurvePrivateKey):
        size = (own.curve.key_size + 7) // 8
        numbers = decode_dss_signature(own.sign(content, ec.ECDSA(function)))
        value = b"".join(number.to_bytes(size) for number in numbers)
    elif scheme == "PSS":
        pss = padding.PSS(padding.MGF1(function), function.digest_size)
        value = own.sign(content, pss, function)
    else:
        value = own.sign(content, padding.PKCS1v15(), function)
    algorithm = {
        "cryptoAlgorithm": "ECC" if scheme == "NONE" else "RSA",
        "hashFunction": function.name.upper().replace("SHA", "SHA-"),
        "paddingScheme": scheme,
    }
    return {
        "signature": base64.b64encode(value).decode(),
        "signatureAlgorithm": algorithm,
    }


@pytest.mark.parametrize(
    ("kind", "scheme", "function"),
    [
        ("P-384", "NONE", hashes.SHA384()),
        ("P-384", "NONE", hashes.SHA512()),
        ("P-256", "NONE", hashes.SHA256()),
        ("RSA-2048", "PKCS1.5", hashes.SHA256()),
        ("RSA-2048", "PSS", hashes.SHA384()),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_each_kind_of_signature_is_verified(
    tmp_path: Path, ca: CA, kind: str, scheme: str, function: hashes.HashAlgorithm
) -> None:
    verify = run(SIGNING, tmp_path)["verify"]
    certificate = ca.issue(key(kind), key_usage=pki.SIGNATURE).der
    good = signed(key(kind), b"contract", function, scheme)
    verify(certificate, good, b"contract")
    value = base64.b64decode(good["signature"])
    for content, broken in (
        (b"contracT", value),
        (b"contract", bytes([value[0] ^ 1]) + value[1:]),
        (b"contract", value[:-2]),
        (b"contract", b""),
    ):
        signature = base64.b64encode(broken).decode()
        with pytest.raises(InvalidSignature):
            verify(certificate, {**good, "signature": signature}, content)


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (tmp_path / "signing.py").write_text(SIGNING)
    assert "1 passed" in run_tests(tmp_path, TEST)
