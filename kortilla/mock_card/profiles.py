# SPDX-License-Identifier: MIT
"""The card generations that the mock card plays, as data.

See docs/reference/card.md, "Generations".
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Literal

#: AID of the PKCS#15 application.
APPLICATION = bytes.fromhex("A000000063504B43532D3135")

MASTER_FILE = 0x3F00
ROOT_CA_FILE = 0x4334  # in the master file
ISSUING_CA_FILE = 0x4336  # in the master file
CARD_ACCESS_FILE = 0x011C  # in the master file, on the contactless side
OBJECT_DIRECTORY_FILE = 0x5031  # in the application
TOKEN_INFO_FILE = 0x5032  # in the application

#: Cards granted from this day on have an activation code of seven digits, which is the
#: initial value of both PINs (docs/reference/card.md, "Activation schemes").
NEW_SCHEME = datetime(2026, 1, 13, tzinfo=UTC)


class PinReference(IntEnum):
    """The PIN references in commands: PIN1 is global, the two others are local."""

    PIN1 = 0x11
    PIN2 = 0x82
    PUK = 0x83


class KeyType(StrEnum):
    """The kinds of key on the cards in use."""

    P256 = "P-256"
    P384 = "P-384"
    RSA2048 = "RSA-2048"
    RSA3072 = "RSA-3072"
    RSA4096 = "RSA-4096"

    @property
    def rsa_bits(self) -> int:
        """The length of an RSA modulus in bits, 0 for a key on a curve."""
        kind, bits = self.split("-")
        return int(bits) if kind == "RSA" else 0


@dataclass(frozen=True)
class KeySlot:
    """A key on the card, and the path of its certificate inside the application.

    MSE names the key by ``reference``. ``identifier`` (iD in PKCS#15) pairs it with its
    certificate in the directories.
    """

    identifier: int
    reference: int
    key_type: KeyType
    pin: PinReference
    certificate_path: tuple[int, ...]

    @property
    def purpose(self) -> Literal["authentication", "signature"]:
        """The purpose of the key's certificate; PIN1 guards authentication keys."""
        return "authentication" if self.pin is PinReference.PIN1 else "signature"


@dataclass(frozen=True)
class Profile:
    """A card generation, and its differences from the others.

    ``issuer`` is the kind of the issuing CA's key. ``null_parameters`` says that the
    leaves' ecdsa-with-SHA384 carries NULL parameters, the second defect of
    docs/reference/certificates.md, "Encoding defects". ``new_scheme`` says that such
    cards are granted from ``NEW_SCHEME`` on, and not before it. ``ca_files`` are the
    test CA's certificates in the master file. ``serial_format`` makes the serial number
    in EF.TokenInfo out of nine digits.
    """

    name: str
    atr: bytes
    issuer: Literal["ECC", "RSA"]
    null_parameters: bool
    new_scheme: bool
    ca_files: tuple[int, ...]
    serial_format: str
    keys: tuple[KeySlot, ...]


_AUTHENTICATION = (0x4331,)

_PROFILES = (
    # S4-1 v4.0: chip 1.0.0.
    Profile(
        name="v5",
        atr=bytes.fromhex("3B7F9600008031B865B085050011122460829000"),
        issuer="ECC",
        null_parameters=True,
        new_scheme=False,
        ca_files=(ROOT_CA_FILE, ISSUING_CA_FILE),
        serial_format="MOCK{}",
        keys=(
            KeySlot(0x45, 0x01, KeyType.P384, PinReference.PIN1, _AUTHENTICATION),
            KeySlot(0x46, 0x02, KeyType.P384, PinReference.PIN2, (0x5016, 0x4332)),
        ),
    ),
    # S4-1 v4.1 and v4.2: chip 2.0.0. The RSA keys' references are not published. These
    # are unlike any other, so that a program must read them from EF.PrKD.
    Profile(
        name="v5-2026",
        atr=bytes.fromhex("3B7F9600008031B865B085051024122460829000"),
        issuer="ECC",
        null_parameters=False,
        new_scheme=True,
        ca_files=(ROOT_CA_FILE,),
        serial_format="MOCK{}",
        keys=(
            KeySlot(0x45, 0x01, KeyType.P384, PinReference.PIN1, _AUTHENTICATION),
            KeySlot(0x46, 0x02, KeyType.P384, PinReference.PIN2, (0x5016, 0x4332)),
            KeySlot(0x47, 0x1B, KeyType.RSA3072, PinReference.PIN1, (0x5016, 0x4333)),
            KeySlot(0x48, 0x1C, KeyType.RSA4096, PinReference.PIN2, (0x5016, 0x4335)),
        ),
    ),
    # S4-1 v3.1.
    Profile(
        name="v4.2",
        atr=bytes.fromhex("3B7F9600008031B865B08504021B1200F6829000"),
        issuer="RSA",
        null_parameters=False,
        new_scheme=False,
        ca_files=(ROOT_CA_FILE, ISSUING_CA_FILE),
        serial_format="0000000000{}0",
        keys=(
            KeySlot(0x45, 0x01, KeyType.RSA2048, PinReference.PIN1, _AUTHENTICATION),
            KeySlot(0x46, 0x02, KeyType.RSA2048, PinReference.PIN2, (0x5016, 0x4332)),
            KeySlot(0x47, 0x03, KeyType.P256, PinReference.PIN2, (0x5016, 0x4335)),
        ),
    ),
)

PROFILES = {profile.name: profile for profile in _PROFILES}
