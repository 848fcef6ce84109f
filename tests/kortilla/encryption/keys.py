# SPDX-License-Identifier: MIT
"""Keys of recipients in software, and messages to them."""

import functools
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms, core, pem
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from kortilla.encryption import (
    CertificateRecipient,
    PasswordRecipient,
    Recipient,
    RsaPadding,
    decrypt,
    encrypt,
)
from kortilla.encryption.ber import SET
from kortilla.encryption.ber import encoded as tlv
from kortilla.mock_card.keys import PrivateKey, load_private_key
from kortilla.mock_card.state import MockCardState
from tests.support.cards import made

#: On P-384, RSA-3072 and RSA-2048.
PROFILES = ("v5", "v5-2026", "v4.2")
CONTENT = "Hyvä vastaanottaja\n".encode() * 5000
PASSWORD = PasswordRecipient("kissa istuu puussa")


@dataclass
class SoftwareKey:
    """A ``DecryptionKey`` whose private key is here. It counts how often it is used."""

    certificate: bytes
    private: PrivateKey
    used: int = 0
    #: What agreed with which point.
    _shared: dict[bytes, bytes] = field(default_factory=dict)

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
        if point not in self._shared:
            # The library has checked that the point is on the curve.
            other = ec.EllipticCurvePublicKey.from_encoded_point(
                self.private.curve, point
            )
            self._shared[point] = self.private.exchange(ec.ECDH(), other)
        return self._shared[point]

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


def key_of(profile: str, *, number: int = 1) -> SoftwareKey:
    """Return the last authentication key of a profile: RSA where it has one."""
    data = MockCardState.open(made(profile, number=number)).read()
    key = [each for each in data.keys if each.reference in {0x01, 0x1B}][-1]
    return SoftwareKey(key.certificate, load_private_key(key.private_key))


AUTHENTICATED = pytest.mark.parametrize(
    "authenticated", [True, False], ids=["GCM", "CBC"]
)


def encrypted(
    *recipients: Recipient, content: bytes = CONTENT, authenticated: bool = True
) -> bytes:
    sink = BytesIO()
    encrypt(content, sink, recipients, authenticated=authenticated)
    return sink.getvalue()


def with_recipients(message: bytes, infos: bytes) -> bytes:
    """Return a message with other RecipientInfos, each of which is in DER."""
    old = cms.ContentInfo.load(message)["content"]["recipient_infos"].dump()
    assert message.count(old) == 1
    return message.replace(old, tlv(SET, infos))


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


@dataclass
class Altered:
    """A recipient whose part of the message has other values. It keeps the key."""

    recipient: Recipient
    alter: Callable[[core.Sequence], None] = lambda _: None
    content_key: bytes = b""

    def info(self, content_key: bytes) -> cms.RecipientInfo:
        self.content_key = content_key
        made = self.recipient.info(content_key)
        self.alter(made.chosen)
        return made
