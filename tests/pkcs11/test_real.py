# SPDX-License-Identifier: MIT
"""Common programs log in and sign with the card, and handle its errors."""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.mock_card.faults import Fault
from tests.browser.window import Window
from tests.pkcs11.real import CLIENTS, Setup
from tools.demo.token import client_library

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONS = ["1.2", "1.3"]
MODERN = pytest.mark.parametrize("any_setup", ["v5"], indirect=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_logs_in(setup: Setup, client: str, version: str) -> None:
    count = setup.listener.count
    running = await setup.begin(version, client)
    window = await setup.window(running)
    await window.type_pin("1234")
    assert await setup.arrive(await running) == setup.satu
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "tls-login"
    assert conversation["program"] == client
    assert setup.listener.count == count + 1
    await setup.token.emptied()
    assert setup.card.is_free


async def cancel(setup: Setup, window: Window) -> None:
    await window.hear("ask-pin")
    window.say("cancel")


async def pull_the_card(setup: Setup, window: Window) -> None:
    setup.card.state.set_faults(Fault("card-pulled", on="sign"))
    await window.type_pin("1234")
    told = await window.hear_step("waiting-for-card")
    assert told["problem"]["code"] == "CARD_REMOVED"
    window.say("cancel")


@MODERN
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("do", [cancel, pull_the_card])
async def test_trouble_ends_the_handshake_and_the_next_one_is_as_any_other(
    setup: Setup, do: Callable[[Setup, Window], Awaitable[None]], version: str
) -> None:
    running = await setup.begin(version)
    window = await setup.window(running)
    await do(setup, window)
    finished = await running
    assert finished.status != 0
    assert b"Location" not in finished.output
    await window.gone()
    assert setup.card.is_free
    assert setup.card.tries == 5
    # The user puts the card back and tries again.
    setup.card.renew()
    running = await setup.begin(version)
    await (await setup.window(running)).type_pin("1234")
    assert await setup.arrive(await running) == setup.satu


@MODERN
async def test_a_client_that_is_ended_takes_its_window_along(setup: Setup) -> None:
    running = await setup.begin("1.3")
    window = await setup.window(running)
    await window.hear("ask-pin")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await window.gone()
    await setup.token.emptied()
    assert setup.card.is_free


# -- p11tool and pkcs11-tool -----------------------------------------------------------

DOCUMENT = b"something"


async def test_p11tool_lists_what_logs_in_and_nothing_that_signs(setup: Setup) -> None:
    command = ["p11tool", "--provider", client_library()]
    found = await setup.run(*command, "--list-all")
    assert found.status == 0, found
    urls = re.findall(r"URL: (\S+)", found.output.decode())
    kinds = [url.rpartition("type=")[2] for url in urls]
    assert sorted(kinds) == ["cert", "cert", "cert", "private", "public"]
    exported = [
        await setup.run(*command, "--export", url) for url in urls if "type=cert" in url
    ]
    found_der = {ssl.PEM_cert_to_DER_cert(each.output.decode()) for each in exported}
    authentication, signing, *_ = setup.card.state.read().keys
    assert authentication.certificate in found_der
    assert signing.certificate not in found_der


async def test_p11tool_signs_and_checks(setup: Setup) -> None:
    key = "pkcs11:token=Kortilla;id=%45;type=private"
    command = ["p11tool", "--provider", client_library(), "--test-sign", key]
    running = asyncio.create_task(setup.run(*command, "--login", "--set-pin", "1234"))
    if "RSA" in setup.card.state.profile.issuer:  # it logs in only to read a curve
        await (await setup.window(running)).type_pin("1234")
    finished = await running
    assert finished.status == 0, finished
    assert "Verifying against public key in the token... ok" in finished.errors
    await setup.token.emptied()
    assert setup.card.is_free


async def test_pkcs11_tool_logs_in_and_signs(setup: Setup) -> None:
    document, mechanism = DOCUMENT, "SHA256-RSA-PKCS"
    if setup.card.state.profile.issuer == "ECC":
        document, mechanism = hashlib.sha384(DOCUMENT).digest(), "ECDSA"
    (setup.folder / "document").write_bytes(document)
    command = [
        *("pkcs11-tool", "--module", client_library(), "--login", "--sign"),
        *("--id", "45", "--mechanism", mechanism),
        *("--input-file", setup.folder / "document"),
        *("--output-file", setup.folder / "signature", "--pin"),
    ]
    refused = await setup.run(*command, "9999")
    assert refused.status != 0
    assert "CKR_PIN_INCORRECT" in refused.errors
    finished = await setup.run(*command, "1234")
    assert finished.status == 0, finished
    signature = (setup.folder / "signature").read_bytes()
    der = setup.card.state.read().keys[0].certificate
    key = load_der_public_key(x509.Certificate.load(der).public_key.dump())
    if isinstance(key, ec.EllipticCurvePublicKey):
        digest = hashlib.sha384(DOCUMENT).digest()
        r, s = int.from_bytes(signature[:48]), int.from_bytes(signature[48:])
        algorithm = ec.ECDSA(Prehashed(hashes.SHA384()))
        key.verify(encode_dss_signature(r, s), digest, algorithm)
    else:
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(signature, DOCUMENT, padding.PKCS1v15(), hashes.SHA256())
    await setup.token.emptied()
    assert setup.card.is_free
