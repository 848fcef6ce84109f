# SPDX-License-Identifier: MIT
"""Messages that are encrypted here and by OpenSSL, and read here and by OpenSSL.

``tests/card/test_decryption.py`` has the key of a card.
"""

import functools
import subprocess
import tracemalloc
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from asn1crypto import cms, core, pem, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from kortilla import Identity, LoginService
from kortilla.aiohttp import setup
from kortilla.encryption import (
    CertificateRecipient,
    DecryptionFailedError,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    PasswordRecipient,
    Recipient,
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
from kortilla.mock_card.keys import PrivateKey, load_private_key
from kortilla.revocation import UNCHECKED
from kortilla.testing import KortillaCard
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate_client
from tests.kortilla.browser import Browser
from tests.kortilla.pki import ORIGIN
from tests.kortilla.signing_parts import FixedRevocation
from tests.support.cards import new_card
from tests.support.guide import blocks

CONTENT = "Hyvä vastaanottaja\n".encode() * 5000
PASSWORD = PasswordRecipient("kissa istuu puussa")


@dataclass
class SoftwareKey:
    """A ``DecryptionKey`` whose private key is here. It counts how often it is used."""

    certificate: bytes
    private: PrivateKey
    used: int = 0

    def decrypt(self, encrypted: bytes, scheme: RsaPadding) -> bytes | None:
        self.used += 1
        assert isinstance(self.private, rsa.RSAPrivateKey)
        how: padding.AsymmetricPadding = padding.PKCS1v15()
        if scheme is not RsaPadding.PKCS1:
            name = scheme.removeprefix("OAEP-").replace("-", "")
            function: hashes.HashAlgorithm = getattr(hashes, name)()
            how = padding.OAEP(padding.MGF1(function), function, label=None)
        try:
            return self.private.decrypt(encrypted, how)
        except ValueError:
            return None

    def agree(self, point: bytes) -> bytes | None:
        self.used += 1
        assert isinstance(self.private, ec.EllipticCurvePrivateKey)
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(
                self.private.curve, point
            )
        except ValueError:
            return None
        return self.private.exchange(ec.ECDH(), other)

    @functools.cached_property
    def recipient(self) -> CertificateRecipient:
        return CertificateRecipient.from_der(self.certificate)

    def save(self, folder: Path) -> list[str]:
        """Store both for OpenSSL, and return its arguments."""
        armored = pem.armor("CERTIFICATE", self.certificate)
        (folder / "certificate.pem").write_bytes(armored)
        (folder / "key.pem").write_bytes(
            self.private.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
        )
        return ["-recip", f"{folder}/certificate.pem", "-inkey", f"{folder}/key.pem"]


def key_of(folder: Path, profile: str) -> SoftwareKey:
    """Return the last authentication key of a profile: RSA where it has one."""
    data = new_card(folder, profile).read()
    key = [each for each in data.keys if each.reference in {0x01, 0x1B}][-1]
    return SoftwareKey(key.certificate, load_private_key(key.private_key))


@pytest.fixture(params=["v5", "v5-2026", "v4.2"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> SoftwareKey:
    """A key on P-384, one of RSA-3072, and one of RSA-2048."""
    return key_of(tmp_path / "card", request.param)


@pytest.fixture
def ecc(tmp_path: Path) -> SoftwareKey:
    return key_of(tmp_path / "card", "v5")


AUTHENTICATED = pytest.mark.parametrize(
    "authenticated", [True, False], ids=["GCM", "CBC"]
)


def encrypted(
    *recipients: Recipient, content: bytes = CONTENT, authenticated: bool = True
) -> bytes:
    sink = BytesIO()
    encrypt(content, sink, recipients, authenticated=authenticated)
    return sink.getvalue()


def decrypted(message: bytes, key: SoftwareKey | str) -> bytes:
    sink = BytesIO()
    decrypt(message, sink, key)
    return sink.getvalue()


def openssl(*arguments: str, content: bytes) -> bytes:
    done = subprocess.run(
        ["openssl", "cms", *arguments], input=content, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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


@pytest.mark.programs
@AUTHENTICATED
def test_openssl_reads_it(
    tmp_path: Path, key: SoftwareKey, authenticated: bool
) -> None:
    message = encrypted(key.recipient, PASSWORD, authenticated=authenticated)
    reads = ["-decrypt", "-binary", "-inform", "DER"]
    assert openssl(*reads, *key.save(tmp_path), content=message) == CONTENT
    by_password = ["-pwri_password", PASSWORD.password]
    assert openssl(*reads, *by_password, content=message) == CONTENT


@pytest.mark.programs
@pytest.mark.parametrize("form", [[], ["-stream"], ["-keyid"]], ids=str)
@pytest.mark.parametrize(
    "cipher", ["aes-128-gcm", "aes-256-gcm", "aes-192-cbc", "aes-256-cbc"]
)
def test_what_openssl_wrote_is_read(
    tmp_path: Path, key: SoftwareKey, cipher: str, form: list[str]
) -> None:
    _, certificate, *_ = key.save(tmp_path)
    rsa_keys = ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256"]
    options = rsa_keys if isinstance(key.private, rsa.RSAPrivateKey) else []
    if not options:
        options = ["ecdh_kdf_md:sha384"]
    for keys in ([], [word for each in options for word in ("-keyopt", each)]):
        message = openssl(
            *["-encrypt", "-binary", "-outform", "DER", f"-{cipher}", *form],
            *["-recip", certificate, *keys],
            content=CONTENT,
        )
        assert decrypted(message, key) == CONTENT


@pytest.mark.programs
def test_a_password_of_openssl_is_read() -> None:
    message = openssl(
        *["-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc"],
        *["-pwri_password", PASSWORD.password],
        content=CONTENT,
    )
    assert decrypted(message, PASSWORD.password) == CONTENT


def test_the_error_names_the_other_recipient(tmp_path: Path, key: SoftwareKey) -> None:
    other = key_of(tmp_path / "other", "v4.2")
    other.certificate = new_card(tmp_path / "2", number=2).read().keys[0].certificate
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


def test_a_key_that_signs_is_no_recipient(tmp_path: Path) -> None:
    for profile in ("v5", "v5-2026", "v4.2"):
        for each in new_card(tmp_path / profile, profile).read().keys:
            if each.reference not in {0x01, 0x1B}:
                with pytest.raises(RecipientUnsuitableError):
                    CertificateRecipient.from_der(each.certificate)
    for der in (b"", b"\x30\x00", b"-----BEGIN CERTIFICATE-----"):
        with pytest.raises(RecipientUnsuitableError):
            CertificateRecipient.from_der(der)
    with pytest.raises(RecipientUnsuitableError):
        encrypt(CONTENT, BytesIO(), [])


@AUTHENTICATED
def test_a_cut_message_asks_for_no_key(ecc: SoftwareKey, authenticated: bool) -> None:
    message = encrypted(ecc.recipient, content=b"abc", authenticated=authenticated)
    for size in range(len(message)):
        sink = BytesIO()
        with pytest.raises((NotEncryptedError, EncryptionUnsupportedError)):
            decrypt(message[:size], sink, ecc)
        assert sink.getvalue() == b""
    assert ecc.used == 0


def test_each_changed_octet_is_noticed(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    for position in range(len(message)):
        changed = bytearray(message)
        changed[position] ^= 1
        sink = BytesIO()
        try:
            decrypt(bytes(changed), sink, ecc)
        except EncryptionError:
            continue
        # Versions, and the kind of the content, say nothing about it.
        assert sink.getvalue() == b"abc"
        assert position in harmless(message), position


def harmless(message: bytes) -> set[int]:
    """Return where a bit says nothing that is used: versions, and names of types."""
    content = cms.ContentInfo.load(message)["content"]
    originator = content["recipient_infos"][0].chosen["originator"].chosen
    # So does the number of unused bits of a point.
    found = {message.index(originator["public_key"].native) - 1}
    for value in (
        content["version"],
        content["recipient_infos"][0].chosen["version"],
        content["auth_encrypted_content_info"]["content_type"],
        originator["algorithm"],
    ):
        start = message.index(value.dump())
        found |= set(range(start, start + len(value.dump())))
    return found


@dataclass
class Altered:
    """A recipient whose part of the message has other values."""

    recipient: Recipient
    alter: Callable[[core.Sequence], None]

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        made = self.recipient.info(content_key)
        self.alter(made.chosen)
        return made


def _encrypted_key(value: bytes) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        info["encrypted_key"] = value

    return alter


def test_all_faults_of_an_rsa_key_end_alike(tmp_path: Path) -> None:
    key = key_of(tmp_path / "card", "v4.2")
    public = key.private.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    function = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(function), function, label=None)
    for value in (
        b"",
        bytes(256),
        b"\xff" * 256,
        bytes(10_000),
        public.encrypt(bytes(32), padding.PKCS1v15()),
        public.encrypt(bytes(32), oaep),
        public.encrypt(bytes(31), oaep),
        public.encrypt(b"", oaep),
    ):
        message = encrypted(Altered(key.recipient, _encrypted_key(value)))
        with pytest.raises(DecryptionFailedError) as caught:
            decrypt(message, BytesIO(), key)
        assert str(caught.value) == str(DecryptionFailedError())


def _point(value: bytes) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        algorithm = {"algorithm": "ec", "parameters": ("named", "secp384r1")}
        info["originator"] = cms.OriginatorIdentifierOrKey(
            "originator_key", {"algorithm": algorithm, "public_key": value}
        )

    return alter


def _wrapped(value: bytes) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        identifier = info["recipient_encrypted_keys"][0]["rid"]
        info["recipient_encrypted_keys"] = [{"rid": identifier, "encrypted_key": value}]

    return alter


def test_all_faults_of_an_agreement_end_alike(ecc: SoftwareKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    for alter in (
        _point(b"\4" + bytes(96)),
        _point(b"\4" + b"\1" * 96),
        _point(b"\4" + other.x.to_bytes(32) + other.y.to_bytes(32)),
        _point(b"\0"),
        _wrapped(b""),
        _wrapped(bytes(40)),
        _wrapped(bytes(41)),
        _wrapped(bytes(4000)),
    ):
        message = encrypted(Altered(ecc.recipient, alter))
        with pytest.raises(DecryptionFailedError):
            decrypt(message, BytesIO(), ecc)


@dataclass
class Once:
    """A recipient whose part is made once, since that takes long."""

    recipient: Recipient

    @functools.cache  # noqa: B019 - it lives as long as one test
    def info(self, content_key: bytes) -> cms.RecipientInfo:
        return self.recipient.info(content_key)

    def __hash__(self) -> int:
        return id(self)


def test_a_card_is_asked_once_for_a_message_that_names_it_often(
    ecc: SoftwareKey,
) -> None:
    once = Once(ecc.recipient)
    message = encrypted(*[once] * 1000, content=b"abc")
    assert decrypted(message, ecc) == b"abc"
    assert ecc.used == 1
    with pytest.raises(EncryptionUnsupportedError):
        decrypt(encrypted(*[once] * 1001), BytesIO(), ecc)


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


def test_an_error_of_the_key_is_raised_as_it_is(ecc: SoftwareKey) -> None:
    class Pulled(Exception):  # noqa: N818 - not an error of the product
        pass

    class Gone(SoftwareKey):
        def agree(self, point: bytes) -> bytes | None:
            raise Pulled

    with pytest.raises(Pulled):
        decrypt(encrypted(ecc.recipient), BytesIO(), Gone(ecc.certificate, ecc.private))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"%PDF-1.7",
        b"MIAGCSqGSIb3DQEHA6CAMIACAQ==",
        b"\x30" * 10_000,
        b"\x30\x80" * 10_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x1f\x80\x80\x80",
        bytes(10_000),
    ],
)
def test_other_bytes_are_no_message(ecc: SoftwareKey, message: bytes) -> None:
    with pytest.raises((NotEncryptedError, EncryptionUnsupportedError)):
        decrypt(message, BytesIO(), ecc)


def test_a_signed_message_is_none(ecc: SoftwareKey) -> None:
    signed = cms.ContentInfo(
        {"content_type": "data", "content": core.OctetString(b"abc")}
    )
    with pytest.raises(NotEncryptedError):
        decrypt(signed.dump(), BytesIO(), ecc)


def test_lengths_that_lie_cost_no_memory(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    start = message.rindex(bytes.fromhex("A08004"))
    for length in (
        b"\x84\x0f\xff\xff\xff",
        b"\x84\xff\xff\xff\xff",
        b"\x88" + b"\x7f" * 8,
    ):
        lying = message[: start + 2] + b"\x04" + length + b"abc"
        tracemalloc.start()
        try:
            with pytest.raises(NotEncryptedError):
                decrypt(lying, BytesIO(), ecc)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


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


@pytest.mark.programs
@AUTHENTICATED
def test_openssl_reads_a_mail(
    tmp_path: Path, key: SoftwareKey, authenticated: bool
) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Päätös"
    mail["To"] = "specimen@person.example"
    mail.set_content("Hyvä vastaanottaja\n")
    mail.add_attachment(b"%PDF-\0\xff", "application", "pdf", filename="päätös.pdf")
    sealed = encrypt_message(mail, [key.recipient], authenticated=authenticated)
    assert (sealed["To"], sealed["Subject"]) == (mail["To"], mail["Subject"])
    assert "vastaanottaja" not in sealed.as_string()
    assert sealed.get_content_type() == "application/pkcs7-mime"
    reads = ["-decrypt", "-inform", "SMIME", *key.save(tmp_path)]
    inner = openssl(*reads, content=sealed.as_bytes())
    found = message_from_bytes(inner, policy=policy.default)
    assert isinstance(found, EmailMessage)
    body = found.get_body()
    assert body is not None
    assert body.get_content().splitlines() == ["Hyvä vastaanottaja"]
    [attachment] = found.iter_attachments()
    assert attachment.get_content() == b"%PDF-\0\xff"
    assert attachment.get_filename() == "päätös.pdf"


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
    [block] = blocks("encryption.md", "python")
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
