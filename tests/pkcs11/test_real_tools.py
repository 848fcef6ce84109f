# SPDX-License-Identifier: MIT
"""p11tool and pkcs11-tool show the card and sign with it."""

import asyncio
import hashlib
import re
import ssl

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.pkcs11.real import Finished, Setup
from tools.demo.token import client_library

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = b"something"


async def test_p11tool_lists_what_logs_in_and_nothing_that_signs(setup: Setup) -> None:
    found = await setup.run("p11tool", "--provider", client_library(), "--list-all")
    assert found.status == 0, found
    urls = re.findall(r"URL: (\S+)", found.output.decode())
    kinds = [url.rpartition("type=")[2] for url in urls]
    assert sorted(kinds) == ["cert", "cert", "cert", "private", "public"]
    command = ["p11tool", "--provider", client_library(), "--export"]
    exported = [await setup.run(*command, url) for url in urls if "type=cert" in url]
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


async def sign(setup: Setup, pin: str) -> Finished:
    """Log in with pkcs11-tool and sign the document's digest."""
    issuer = setup.card.state.profile.issuer
    document, mechanism = DOCUMENT, "SHA256-RSA-PKCS"
    if issuer == "ECC":
        document, mechanism = hashlib.sha384(DOCUMENT).digest(), "ECDSA"
    (setup.folder / "document").write_bytes(document)
    return await setup.run(
        *("pkcs11-tool", "--module", client_library(), "--login", "--pin", pin),
        *("--sign", "--id", "45", "--mechanism", mechanism),
        *("--input-file", setup.folder / "document"),
        *("--output-file", setup.folder / "signature"),
    )


async def test_pkcs11_tool_logs_in_and_signs(setup: Setup) -> None:
    finished = await sign(setup, "1234")
    assert finished.status == 0, finished
    signature = (setup.folder / "signature").read_bytes()
    der = setup.card.state.read().keys[0].certificate
    key = load_der_public_key(x509.Certificate.load(der).public_key.dump())
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers = (signature[:48], signature[48:])
        value = encode_dss_signature(*(int.from_bytes(each) for each in numbers))
        key.verify(
            value,
            hashlib.sha384(DOCUMENT).digest(),
            ec.ECDSA(Prehashed(hashes.SHA384())),
        )
    else:
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(signature, DOCUMENT, padding.PKCS1v15(), hashes.SHA256())
    await setup.token.emptied()
    assert setup.card.is_free


async def test_a_pin_that_pkcs11_tool_is_given_costs_no_last_try(setup: Setup) -> None:
    finished = await sign(setup, "9999")
    assert finished.status != 0
    assert "CKR_PIN_INCORRECT" in finished.errors
    assert setup.card.tries == 4
    with setup.card.state.update() as data:
        data.pin1.tries = 1
    finished = await sign(setup, "9999")
    assert finished.status != 0
    assert setup.card.tries == 1
    with setup.card.state.update() as data:
        data.pin1.tries = 0
    finished = await sign(setup, "1234")
    assert "CKR_PIN_LOCKED" in finished.errors
