# SPDX-License-Identifier: MIT
"""Common programs log in and sign with the card, and handle its errors."""

import asyncio
import hashlib
import os
import re
import shutil
import ssl
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from kortilla.encryption import CertificateRecipient, encrypt
from kortilla.mock_card.faults import Fault
from tests.browser.window import Window
from tests.pkcs11.real import CLIENTS, Finished, Setup
from tests.support import cards, pcsc
from tools.demo.token import COMMAND, TokenSocket, client_library

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


# -- Decryption: pkcs11-tool, OpenSSL, and programs that may not -----------------------

SECRET = b"SPECIMEN-letter"


async def ask_once(setup: Setup, *command: object, caller: str) -> Finished:
    """Run a program that decrypts once, with a user who types the PIN."""
    running = asyncio.create_task(setup.run(*command))
    window = await setup.window(running)
    await window.type_pin("1234")
    conversation = window.told[0]["conversation"]
    assert conversation["operation"] == "decrypt-mail"
    # No mail program that is known: the window warns of it.
    assert (conversation["program"], conversation["caller"]) == (caller, caller)
    return await running


def card_key(setup: Setup) -> PublicKeyTypes:
    der = setup.card.state.read().keys[0].certificate
    return load_der_public_key(x509.Certificate.load(der).public_key.dump())


def tool(*words: object, program: object = "pkcs11-tool") -> list[object]:
    return [program, "--module", client_library(), "--id", "45", *words]


async def test_pkcs11_tool_decrypts_and_derives(setup: Setup) -> None:
    key, given = card_key(setup), setup.folder / "given"
    if isinstance(key, ec.EllipticCurvePublicKey):
        own, found = ec.generate_private_key(key.curve), setup.folder / "found"
        point = own.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        given.write_bytes(point)
        derive = tool("--derive", "-m", "ECDH1-DERIVE", "-i", given, "-o", found)
        finished = await ask_once(setup, *derive, caller="pkcs11-tool")
        assert finished.status == 0, finished
        assert found.read_bytes() == own.exchange(ec.ECDH(), key)
        return
    assert isinstance(key, rsa.RSAPublicKey)
    sha256 = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(sha256), sha256, None)
    for words, scheme in (
        (["RSA-PKCS"], padding.PKCS1v15()),
        (
            ["RSA-PKCS-OAEP", "--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"],
            oaep,
        ),
    ):
        given.write_bytes(key.encrypt(SECRET, scheme))
        decrypt = tool("--decrypt", "-i", given, "-m", *words)
        finished = await ask_once(setup, *decrypt, caller="pkcs11-tool")
        assert finished.status == 0, finished
        assert finished.output.startswith(SECRET)


async def test_openssl_reads_a_message_with_a_key_of_rsa(setup: Setup) -> None:
    """With an EC key OpenSSL fails before it asks the token."""
    der = setup.card.state.read().keys[0].certificate
    message, certificate = BytesIO(), setup.folder / "certificate.der"
    encrypt(BytesIO(SECRET), message, [CertificateRecipient.from_der(der)])
    certificate.write_bytes(der)
    (setup.folder / "message").write_bytes(message.getvalue())
    command = (
        *("openssl", "cms", "-decrypt", "-inform", "DER", "-recip", certificate),
        *("-in", setup.folder / "message", "-inkey", "pkcs11:type=private;id=%45"),
    )
    if isinstance(card_key(setup), ec.EllipticCurvePublicKey):
        assert (await setup.run(*command)).status != 0
        return
    finished = await ask_once(setup, *command, caller="openssl")
    assert (finished.status, finished.output) == (0, SECRET), finished


@MODERN
@pytest.mark.parametrize(
    "name", ["chromium", "firefox-esr", "p11-kit-server", "gecko/anything"]
)
async def test_a_browser_by_its_executable_decrypts_nothing(
    setup: Setup, name: str
) -> None:
    """Even with the PIN, which the card then does not see."""
    program, given = setup.folder / name, setup.folder / "given"
    program.parent.mkdir(exist_ok=True)
    shutil.copy(shutil.which("pkcs11-tool") or "", program)
    if "/" in name:
        (program.parent / "libxul.so").touch()
    key = card_key(setup)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    other = ec.generate_private_key(key.curve).public_key()
    given.write_bytes(
        other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    count = setup.listener.count
    derive = ("--derive", "-m", "ECDH1-DERIVE", "-i", given, "-o", given)
    log_in = ("--login", "--pin", "1234")
    offered = tool("--list-mechanisms", program=program)
    for words in ((), log_in):
        finished = await setup.run(*tool(*derive, *words, program=program))
        assert finished.status != 0
        assert "ECDH1" not in (await setup.run(*offered)).output.decode()
    assert setup.listener.count == count
    # The same program under its own name is asked about.
    assert "ECDH1" in (await setup.run(*tool("--list-mechanisms"))).output.decode()


async def test_a_secret_is_derived_over_pcscd(tmp_path: Path) -> None:
    """The program itself, with the mock card in a virtual reader."""
    state = cards.new_card(tmp_path / "card")
    key = load_der_public_key(
        x509.Certificate.load(state.read().keys[0].certificate).public_key.dump()
    )
    assert isinstance(key, ec.EllipticCurvePublicKey)
    own, given, found = (
        ec.generate_private_key(key.curve),
        tmp_path / "given",
        tmp_path / "found",
    )
    given.write_bytes(
        own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    derive = tool("--derive", "-m", "ECDH1-DERIVE", "-i", given, "-o", found)
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with pcsc.beside(state.folder) as within:
        async with TokenSocket(environment, command=within(*COMMAND)) as token:
            process = await asyncio.create_subprocess_exec(
                *map(str, [*derive, "--login", "--pin", "1234"]),
                env={**environment, "P11_KIT_SERVER_ADDRESS": token.address},
            )
            assert await process.wait() == 0
            await token.emptied()
    assert found.read_bytes() == own.exchange(ec.ECDH(), key)
    assert state.read().pin1.tries == 5
