# SPDX-License-Identifier: MIT
"""The algorithms of encrypted messages, and what a recipient's key does of them.

RFC 5753 (key agreement), RFC 3565 and 5084 (AES), RFC 3560 (OAEP), RFC 3211
(passwords).
"""

import os
from enum import StrEnum
from typing import NamedTuple, Protocol

from asn1crypto import core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from kortilla.errors import EncryptionUnsupportedError


class RsaPadding(StrEnum):
    """The paddings of RSA key transport (RFC 8017 §7). OAEP's mask uses its hash."""

    PKCS1 = "PKCS1.5"
    OAEP_SHA1 = "OAEP-SHA-1"
    OAEP_SHA224 = "OAEP-SHA-224"
    OAEP_SHA256 = "OAEP-SHA-256"
    OAEP_SHA384 = "OAEP-SHA-384"
    OAEP_SHA512 = "OAEP-SHA-512"


class DecryptionKey(Protocol):
    """A recipient's private key.

    ``certificate`` (DER) is its own. Each method returns None for an input that the key
    refuses. Nobody outside may learn which of the steps failed, so the caller then goes
    on with a random key (RFC 3218). Other errors are raised: a card that was pulled
    out, or a PIN that is missing.
    """

    @property
    def certificate(self) -> bytes:
        """The certificate of the key (DER)."""

    def decrypt(self, encrypted: bytes, padding: RsaPadding) -> bytes | None:
        """Decrypt with an RSA key. ``encrypted`` may have any length."""

    def agree(self, point: bytes) -> bytes | None:
        """Return the x coordinate of the point shared with ``point`` (ECDH).

        ``point`` is on the key's curve, and uncompressed: 04, x and y.
        """


ENVELOPED_DATA = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"
DATA = "1.2.840.113549.1.7.1"
AES256_WRAP = "2.16.840.1.101.3.4.1.45"
PASSWORD_WRAP = "1.2.840.113549.1.9.16.3.9"  # noqa: S105 - id-alg-PWRI-KEK
PBKDF2 = "1.2.840.113549.1.5.12"

#: Bytes of the keys that AES key wrap uses.
KEY_WRAPS = {
    "2.16.840.1.101.3.4.1.5": 16,
    "2.16.840.1.101.3.4.1.25": 24,
    AES256_WRAP: 32,
}

_SHA1 = hashes.SHA1()  # noqa: S303 - only read: OpenSSL's default
#: The hash functions of stdDH and cofactorDH, which are the same on NIST's curves.
KEY_AGREEMENTS: dict[str, hashes.HashAlgorithm] = {
    "1.3.133.16.840.63.0.2": _SHA1,
    "1.3.133.16.840.63.0.3": _SHA1,
    **{
        f"1.3.132.1.{scheme}.{number}": function
        for scheme in (11, 14)
        for number, function in enumerate(
            (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
        )
    },
}
#: The scheme for a key on each curve.
WRITTEN_AGREEMENTS = {
    "secp256r1": "1.3.132.1.11.1",
    "secp384r1": "1.3.132.1.11.2",
    "secp521r1": "1.3.132.1.11.3",
}

OAEP_PADDINGS = {
    "sha1": RsaPadding.OAEP_SHA1,
    "sha224": RsaPadding.OAEP_SHA224,
    "sha256": RsaPadding.OAEP_SHA256,
    "sha384": RsaPadding.OAEP_SHA384,
    "sha512": RsaPadding.OAEP_SHA512,
}


class ContentCipher(NamedTuple):
    """An algorithm of the content: its key in bytes, and whether it is GCM or CBC."""

    key_size: int
    authenticated: bool


CONTENT_CIPHERS = {
    **{
        f"2.16.840.1.101.3.4.1.{number}": ContentCipher(size, authenticated=True)
        for number, size in ((6, 16), (26, 24), (46, 32))
    },
    **{
        f"2.16.840.1.101.3.4.1.{number}": ContentCipher(size, authenticated=False)
        for number, size in ((2, 16), (22, 24), (42, 32))
    },
}
AES256_GCM, AES256_CBC = "2.16.840.1.101.3.4.1.46", "2.16.840.1.101.3.4.1.42"


class GcmParameters(core.Sequence):  # type: ignore[misc] # asn1crypto has no types
    """RFC 5084 §3.2."""

    _fields = [
        ("nonce", core.OctetString),
        ("tag_size", core.Integer, {"default": 12}),
    ]


class _SharedInfo(core.Sequence):  # type: ignore[misc] # asn1crypto has no types
    """ECC-CMS-SharedInfo, RFC 5753 §7.2."""

    _fields = [
        ("key_info", core.Any),
        ("entity_u_info", core.OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", core.OctetString, {"explicit": 2}),
    ]


def derive_key(
    shared: bytes,
    function: hashes.HashAlgorithm,
    wrap: core.Asn1Value,
    size: int,
    ukm: bytes | None,
) -> bytes:
    """Return the key for a key wrap of ``size`` bytes, from ECDH's shared secret.

    ``wrap`` is the wrap's AlgorithmIdentifier as it stands in the message.
    """
    info = _SharedInfo(
        {"key_info": wrap, "supp_pub_info": (8 * size).to_bytes(4)}
        | ({} if ukm is None else {"entity_u_info": ukm})
    )
    return X963KDF(function, size, info.dump()).derive(shared)


_BLOCK = 16


def wrap_by_password(key: bytes, content_key: bytes, iv: bytes) -> bytes:
    """Encrypt a content's key by a password's (RFC 3211 §2.3.1)."""
    check = bytes(byte ^ 0xFF for byte in content_key[:3])
    text = bytes([len(content_key)]) + check + content_key
    text += os.urandom(max(-len(text) % _BLOCK, 2 * _BLOCK - len(text), 0))
    once = _cbc(key, iv, text, encrypt=True)
    return _cbc(key, once[-_BLOCK:], once, encrypt=True)


def unwrap_by_password(key: bytes, wrapped: bytes, iv: bytes) -> bytes | None:
    """Return the content's key (RFC 3211 §2.3.2), or None for a wrong password."""
    if len(wrapped) < 2 * _BLOCK or len(wrapped) % _BLOCK or len(iv) != _BLOCK:
        return None
    last = _cbc(key, wrapped[-2 * _BLOCK : -_BLOCK], wrapped[-_BLOCK:], encrypt=False)
    text = _cbc(key, iv, _cbc(key, last, wrapped, encrypt=False), encrypt=False)
    size, check, content_key = text[0], text[1:4], text[4 : 4 + text[0]]
    fits = check == bytes(byte ^ 0xFF for byte in content_key[:3])
    return content_key if fits and len(content_key) == size else None


def _cbc(key: bytes, iv: bytes, data: bytes, *, encrypt: bool) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(data) + context.finalize()


def unsupported(what: str, identifier: str) -> EncryptionUnsupportedError:
    """Return the error for an algorithm that is not known here."""
    return EncryptionUnsupportedError(f"The {what} {identifier} is not supported.")
