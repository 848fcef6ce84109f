# SPDX-License-Identifier: MIT
"""The card generations that the mock card plays, as data (card.md, Generations)."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal

__all__ = [
    "APPLICATION",
    "ISSUING_CA_FILE",
    "MASTER_FILE",
    "PROFILES",
    "ROOT_CA_FILE",
    "TOKEN_INFO_FILE",
    "KeySlot",
    "KeyType",
    "PinReference",
    "Profile",
]

#: AID of the PKCS#15 application.
APPLICATION = bytes.fromhex("A000000063504B43532D3135")

MASTER_FILE = 0x3F00
ROOT_CA_FILE = 0x4334  # in the master file
ISSUING_CA_FILE = 0x4336  # in the master file
TOKEN_INFO_FILE = 0x5032  # in the application


class PinReference(IntEnum):
    """How commands name the PINs: PIN1 is global, the two others are local."""

    PIN1 = 0x11
    PIN2 = 0x82
    PUK = 0x83


class KeyType(StrEnum):
    """The kinds of key on the cards in use."""

    P256 = "P-256"
    P384 = "P-384"
    RSA2048 = "RSA-2048"


@dataclass(frozen=True)
class KeySlot:
    """A key on the card, and the path of its certificate inside the application."""

    reference: int
    key_type: KeyType
    pin: PinReference
    certificate_path: tuple[int, ...]

    @property
    def purpose(self) -> Literal["authentication", "signature"]:
        """What the key is certified for; PIN1 guards the authentication key alone."""
        return "authentication" if self.pin is PinReference.PIN1 else "signature"


@dataclass(frozen=True)
class Profile:
    """A card generation: what tells it apart from the others over one driver.

    ``issuer`` is the kind of the issuing CA's key. ``null_parameters`` says that the
    leaves' ecdsa-with-SHA384 carries NULL parameters, the second encoding defect of
    certificates.md. ``serial_format`` makes the serial number in EF.TokenInfo out of
    nine digits.
    """

    name: str
    atr: bytes
    issuer: Literal["ECC", "RSA"]
    null_parameters: bool
    serial_format: str
    keys: tuple[KeySlot, ...]


_PROFILES = (
    Profile(
        name="v5",
        atr=bytes.fromhex("3B7F9600008031B865B085050011122460829000"),
        issuer="ECC",
        null_parameters=True,
        serial_format="MOCK{}",
        keys=(
            KeySlot(1, KeyType.P384, PinReference.PIN1, (0x4331,)),
            KeySlot(2, KeyType.P384, PinReference.PIN2, (0x5016, 0x4332)),
        ),
    ),
    Profile(
        name="v4.2",
        atr=bytes.fromhex("3B7F9600008031B865B08504021B1200F6829000"),
        issuer="RSA",
        null_parameters=False,
        serial_format="0000000000{}0",
        keys=(
            KeySlot(1, KeyType.RSA2048, PinReference.PIN1, (0x4331,)),
            KeySlot(2, KeyType.RSA2048, PinReference.PIN2, (0x5016, 0x4332)),
            KeySlot(3, KeyType.P256, PinReference.PIN2, (0x5016, 0x4335)),
        ),
    ),
)

PROFILES = {profile.name: profile for profile in _PROFILES}
