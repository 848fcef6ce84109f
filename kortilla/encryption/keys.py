# SPDX-License-Identifier: MIT
"""What decrypts: the key of a card, or any other that can do the same."""

from enum import StrEnum
from typing import Protocol


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
        """Decrypt with an RSA key. ``encrypted`` is as long as its modulus."""

    def agree(self, point: bytes) -> bytes | None:
        """Return the x coordinate of the point shared with ``point`` (ECDH).

        ``point`` is uncompressed: 04, x and y.
        """
