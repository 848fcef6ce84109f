# SPDX-License-Identifier: MIT
"""Messages that are encrypted and decrypted, and whom they are for.

A service encrypts to the person who has just logged in.

``tests/card/test_decryption.py`` has the key of a card.
"""

from base64 import b64decode
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla import Identity, LoginService
from kortilla.aiohttp import setup
from kortilla.encryption import (
    CertificateRecipient,
    DecryptionFailedError,
    NotEncryptedError,
    OtherRecipientError,
    RecipientUnsuitableError,
    RsaPadding,
    checked_recipient,
    decrypt,
    encrypt,
    encrypt_message,
    read_recipients,
)
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    UserCertificateRevokedError,
)
from kortilla.mock_card.keys import load_private_key
from kortilla.mock_card.state import MockCardState
from kortilla.revocation import UNCHECKED
from kortilla.testing import KortillaCard
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate_client
from tests.kortilla.browser import Browser
from tests.kortilla.encryption.keys import (
    AUTHENTICATED,
    CONTENT,
    PASSWORD,
    PROFILES,
    SoftwareKey,
    decrypted,
    encrypted,
    key_of,
)
from tests.kortilla.pki import CA, ORIGIN
from tests.kortilla.signing_parts import FixedRevocation
from tests.support.cards import made, new_card
from tests.support.guide import blocks


@pytest.mark.parametrize("content", [b"", b"a", bytes(65536), CONTENT])
@AUTHENTICATED
def test_each_recipient_has_the_content_back(
    key: SoftwareKey, content: bytes, authenticated: bool
) -> None:
    message = encrypted(
        key.recipient, PASSWORD, content=content, authenticated=authenticated
    )
    for each in (key, PASSWORD.password):
        sink = BytesIO()
        found = decrypt(message, sink, each)
        assert sink.getvalue() == content
        assert found.authenticated is authenticated
    with pytest.raises(DecryptionFailedError):
        decrypt(message, BytesIO(), "kissa istuu")


def test_the_error_names_the_other_recipient(key: SoftwareKey) -> None:
    other = key_of("v5", number=2)
    with pytest.raises(OtherRecipientError) as caught:
        decrypt(encrypted(key.recipient, PASSWORD), BytesIO(), other)
    [name] = caught.value.recipients
    number = load_serial(key.certificate)
    assert name.endswith(f", {number:X}")
    assert caught.value.password
    assert other.used == 0
    assert read_recipients(encrypted(key.recipient)).names == (name,)
    with pytest.raises(OtherRecipientError):
        decrypt(encrypted(key.recipient), BytesIO(), "a password")


def load_serial(certificate: bytes) -> int:
    number: int = x509.Certificate.load(certificate).serial_number
    return number


def test_a_key_that_signs_is_no_recipient() -> None:
    for profile in PROFILES:
        for each in MockCardState.open(made(profile)).read().keys:
            if each.reference not in {0x01, 0x1B}:
                with pytest.raises(RecipientUnsuitableError):
                    CertificateRecipient.from_der(each.certificate)
    for der in (b"", b"\x30\x00", b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(RecipientUnsuitableError):
            CertificateRecipient.from_der(der)
    with pytest.raises(RecipientUnsuitableError):
        encrypt(CONTENT, BytesIO(), [])


def test_only_curves_of_nist_are_encrypted_to(ca: CA) -> None:
    agreement = bytes.fromhex("03020388")  # digitalSignature and keyAgreement
    for curve in (ec.SECP256R1(), ec.SECP521R1()):
        private = ec.generate_private_key(curve)
        key = SoftwareKey(ca.issue(private, key_usage=agreement).der, private)
        assert decrypted(encrypted(key.recipient), key) == CONTENT
    for other in (ec.SECP256K1(), ec.BrainpoolP384R1()):
        private = ec.generate_private_key(other)
        with pytest.raises(RecipientUnsuitableError):
            CertificateRecipient.from_der(ca.issue(private, key_usage=agreement).der)


def test_a_key_is_asked_for_only_when_the_message_is_whole(ecc: SoftwareKey) -> None:
    asked: list[int] = []

    def ask() -> SoftwareKey:
        asked.append(1)
        return ecc

    message = encrypted(ecc.recipient)
    with pytest.raises(NotEncryptedError):
        decrypt(message[:-1], BytesIO(), ask)
    assert not asked
    decrypt(message, BytesIO(), ask)
    assert asked == [1]


class Pulled(Exception):  # noqa: N818 - not an error of the product
    """A card was pulled out."""


@dataclass
class Gone:
    """A ``DecryptionKey`` whose card is pulled out at its use, or before it."""

    key: SoftwareKey
    before: bool

    @property
    def certificate(self) -> bytes:
        if self.before:
            raise Pulled
        return self.key.certificate

    def decrypt(self, encrypted: bytes, padding: RsaPadding) -> bytes:
        raise Pulled

    def agree(self, point: bytes) -> bytes:
        raise Pulled


@pytest.mark.parametrize("before", [True, False])
def test_an_error_of_the_key_is_raised_as_it_is(key: SoftwareKey, before: bool) -> None:
    with pytest.raises(Pulled):
        decrypt(encrypted(key.recipient), BytesIO(), Gone(key, before))


def test_a_file_is_never_in_memory_as_a_whole(ecc: SoftwareKey) -> None:
    class Long(BytesIO):
        """A source of 64 MB that notes the largest piece that was read."""

        left, largest = 64 << 20, 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            self.largest = max(self.largest, size)
            piece = bytes(min(size, self.left))
            self.left -= len(piece)
            return piece

    class Sink(BytesIO):
        largest = 0

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.largest = max(self.largest, len(data))
            return len(data)

    source, sink = Long(), Sink()
    encrypt(source, sink, [ecc.recipient])
    assert source.left == 0
    assert 0 < source.largest <= 1 << 20
    assert 0 < sink.largest <= 1 << 20


def test_a_mail_shows_no_header_of_its_content(ecc: SoftwareKey) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Päätös"
    mail.set_content("Hyvä vastaanottaja\n")
    mail["Content-Description"] = "secret"
    mail["Content-Language"] = "fi"
    sealed = encrypt_message(mail, [ecc.recipient], authenticated=True)
    assert "secret" not in sealed.as_string()
    assert sealed["Subject"] == "Päätös"
    found = message_from_bytes(decrypted(sealed.get_content(), ecc))
    assert (found["Content-Description"], found["Content-Language"]) == ("secret", "fi")
    assert found["Subject"] is found["MIME-Version"] is None
    # The message itself stays as it was.
    assert mail["Subject"] == "Päätös"
    assert found.get_payload(decode=True) == "Hyvä vastaanottaja\r\n".encode()


def test_the_guides_mail(ecc: SoftwareKey) -> None:
    _, block = blocks("encryption.md", "python")
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the guide's own
    sealed = names["letter"](ecc.recipient, "specimen@person.example", "Hyvää päivää\n")
    assert sealed.get_content_type() == "application/pkcs7-mime"
    assert sealed.get_param("smime-type") == "enveloped-data"
    found = message_from_bytes(decrypted(sealed.get_content(), ecc))
    assert found.get_payload(decode=True) == "Hyvää päivää\r\n".encode()


def test_a_mail_has_no_password(ecc: SoftwareKey) -> None:
    with pytest.raises(RecipientUnsuitableError, match="password"):
        encrypt_message(EmailMessage(), [ecc.recipient, PASSWORD], authenticated=False)


async def test_nothing_is_encrypted_to_a_lost_card(tmp_path: Path) -> None:
    state = new_card(tmp_path)
    certificate = state.read().keys[0].certificate
    trust = Trust.from_folder(state.folder, test=True)
    person = await validate_client(certificate, trust=trust, revocation=UNCHECKED)
    assert b64decode(person.certificate) == certificate
    good = FixedRevocation()
    for each in (person, certificate):
        found = await checked_recipient(each, trust=trust, revocation=good)
        assert found.der == certificate
    assert good.count == 2

    revoked = FixedRevocation(UserCertificateRevokedError("revoked"))
    with pytest.raises(UserCertificateRevokedError):
        await checked_recipient(person, trust=trust, revocation=revoked)
    with pytest.raises(CertificateExpiredError):
        later = person.not_after + timedelta(seconds=1)
        await checked_recipient(person, trust=trust, revocation=UNCHECKED, at=later)
    with pytest.raises(CertificateNotTrustedError):
        other = new_card(tmp_path / "other", number=2).read().keys[0].certificate
        await checked_recipient(other, trust=trust, revocation=UNCHECKED)


async def test_an_identity_needs_its_own_certificate(tmp_path: Path) -> None:
    state = new_card(tmp_path)
    trust = Trust.from_folder(state.folder, test=True)
    person = await validate_client(state.read().keys[0].certificate, trust=trust)
    kept = Identity.from_json(person.to_json(certificate=True))
    assert (await checked_recipient(kept, trust=trust)).not_after == person.not_after
    for each in (
        Identity.from_json(person.to_json()),
        replace(person, certificate="ä"),
        replace(person, satu="99900002C"),
    ):
        with pytest.raises(RecipientUnsuitableError):
            await checked_recipient(each, trust=trust)


async def test_the_guides_service_encrypts_to_who_has_logged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kortilla_card: KortillaCard
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decision.pdf").write_bytes(CONTENT)
    block, _ = blocks("encryption.md", "python")
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the guide's own
    service = LoginService(
        origin=ORIGIN,
        trust=Trust.from_folder(kortilla_card.folder, test=True),
        revocation=kortilla_card.revocation,
    )
    app = web.Application()
    app.router.add_get("/decision", partial(names["decision"], service=service))
    setup(app, service)
    key = kortilla_card.state.read().keys[0]
    own = SoftwareKey(key.certificate, load_private_key(key.private_key))
    async with TestServer(app) as server, Browser(server) as browser:

        async def ask() -> tuple[int, bytes]:
            async with browser.request("GET", "/decision", headers={}) as answer:
                return answer.status, await answer.read()

        assert (await ask())[0] == 403
        token = kortilla_card.token(ORIGIN, await browser.challenge())
        assert (await browser.post("login", {"authToken": token}))[0] == 200
        status, message = await ask()
        assert status == 200
        assert decrypted(message, own) == CONTENT
        # The card is reported lost while its holder is logged in.
        kortilla_card.revoke()
        assert (await ask())[0] == 500
