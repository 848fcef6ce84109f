# SPDX-License-Identifier: MIT
"""The card's PINs and keys, and the known keys of each generation."""

from dataclasses import dataclass
from enum import Enum

from native_host.card.atr import Generation
from native_host.card.signature import KeyType


class PinRole(Enum):
    """The card's PINs, by their reference in commands."""

    PIN1 = 0x11
    PIN2 = 0x82
    PUK = 0x83


class KeyRole(Enum):
    """The purpose of a key."""

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"


@dataclass(frozen=True)
class CardKey:
    """A key on the card: its role, its PIN, and the file of its certificate.

    ``reference`` is its number in MSE; ``certificate_path`` is inside the application,
    two bytes for each file.
    """

    role: KeyRole
    key_type: KeyType
    reference: int
    certificate_path: bytes

    @property
    def pin(self) -> PinRole:
        """The PIN that protects the key."""
        return PinRole.PIN1 if self.role is KeyRole.AUTHENTICATION else PinRole.PIN2


_AUTHENTICATION = bytes.fromhex("4331")

#: The table of docs/reference/card.md, "Files": the keys of each generation if its
#: directories can't be used. The preferred key of a role comes first.
KNOWN_KEYS = {
    Generation.MULTIAPP_V5: (
        CardKey(KeyRole.AUTHENTICATION, KeyType.ECC, 0x01, _AUTHENTICATION),
        CardKey(KeyRole.SIGNATURE, KeyType.ECC, 0x02, bytes.fromhex("50164332")),
    ),
    Generation.MULTIAPP_V4: (
        CardKey(KeyRole.AUTHENTICATION, KeyType.RSA, 0x01, _AUTHENTICATION),
        CardKey(KeyRole.SIGNATURE, KeyType.ECC, 0x03, bytes.fromhex("50164335")),
        CardKey(KeyRole.SIGNATURE, KeyType.RSA, 0x02, bytes.fromhex("50164332")),
    ),
}
