# SPDX-License-Identifier: MIT
"""A connection that expects exact bytes, and files like those of real cards."""

from contextlib import suppress
from datetime import UTC, datetime

from asn1crypto import core, x509
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla.mock_card.authority import Authority, Person
from kortilla.mock_card.keys import PrivateKey
from native_host.card.certificate import CardCertificate
from native_host.card.errors import UnsupportedCardError
from native_host.card.files import Tlv
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.card.pin_pad import PinPad
from native_host.card.signature import KeyType, Padding, SignatureAlgorithm
from tests.support.cards import rsa_key

Exchange = tuple[str, str | Exception]

# The keys in the table of docs/reference/card.md, "Files".
AUTHENTICATION = CardKey(KeyRole.AUTHENTICATION, KeyType.ECC, 1, b"\x43\x31")
AUTHENTICATION_RSA = CardKey(KeyRole.AUTHENTICATION, KeyType.RSA, 1, b"\x43\x31")
SIGNATURE = CardKey(KeyRole.SIGNATURE, KeyType.ECC, 2, b"\x50\x16\x43\x32")

ES384 = SignatureAlgorithm(KeyType.ECC, "SHA-384")
PS256 = SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PSS)

SELECT = "00A4040C0CA000000063504B43532D3135"
SELECT_AUTHENTICATION = "00A40804024331"
SELECT_DIRECTORY = "00A40804025031"
SELECT_SIGNATURE = "00A408040450164332"
VERIFY_123456 = "002000820C313233343536000000000000"
VERIFY_1234 = "002000110C313233340000000000000000"

SELECTED: Exchange = (SELECT, "9000")
NO_DIRECTORY: Exchange = (SELECT_DIRECTORY, "6A82")


def information(
    role: PinRole = PinRole.PIN1, *, tries: int = 5, changed: str = "01"
) -> Exchange:
    """Return the exchange for PIN information, as in docs/reference/card.md."""
    ref = f"{role.value:02X}"
    return f"00CB00FF05A0038301{ref}", (
        f"A0238301{ref}8C04F00000009C04F0000000DF2104{tries:02X}FFA503"
        f"DF2702FFFFDF28010CDF2F01{changed}9000"
    )


class Script:
    """A card that expects exactly the script's commands and gives its responses.

    A response is a string of hexadecimal digits that ends with the status word. An
    exception is raised as the connection would raise it.
    """

    atr: bytes | None = None
    protocol = 0
    pin_pad: PinPad | None = None

    def __init__(self, *exchanges: Exchange) -> None:
        self.exchanges = list(exchanges)
        self.position = 0

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        assert type(apdu) is bytes
        assert self.position < len(self.exchanges), f"unexpected {apdu.hex().upper()}"
        expected, answer = self.exchanges[self.position]
        assert apdu.hex().upper() == expected.replace(" ", "")
        self.position += 1
        if isinstance(answer, Exception):
            raise answer
        reply = bytes.fromhex(answer)
        return reply[:-2], int.from_bytes(reply[-2:])

    def assert_done(self) -> None:
        """Check that the script is finished."""
        assert self.position == len(self.exchanges)


def reading(content: bytes, *, step: int = 181) -> list[Exchange]:
    """Return the exchanges that read a selected file."""
    return [
        (f"00B0{offset:04X}00", content[offset : offset + step].hex() + "9000")
        for offset in range(0, len(content), step)
    ]


def control_parameters(size: int) -> str:
    """Return the answer to SELECT of a file of ``size`` bytes."""
    return f"62048102{size:04X}9000"


def file(select: str, content: bytes) -> list[Exchange]:
    """Return the exchanges that select and read a file."""
    return [(select, control_parameters(len(content))), *reading(content)]


# keyUsage as in docs/reference/certificates.md, "Profile".
AUTHENTICATING = "03020388"
AUTHENTICATING_RSA = "030204B0"
SIGNING = "03020640"


#: No test needs the certificate of this CA.
_AUTHORITY = Authority.create()


def make_certificate(
    key: PrivateKey,
    *,
    null_parameters: bool = True,
    key_usage: str | None = AUTHENTICATING,
    policy: str = "1.2.246.517.1.10.352.1",
    **subject: str | None,
) -> bytes:
    """Return a leaf with the encoding defects of real ones, and these attributes.

    The common name differs from the attributes on purpose.
    """
    der = _AUTHORITY.issue(
        key.public_key(),
        Person(),
        "authentication",
        not_before=datetime(2024, 1, 1, tzinfo=UTC),
        not_after=datetime(2028, 12, 31, 23, 59, 59, tzinfo=UTC),
        policy=policy,
        null_parameters=null_parameters,
        key_usage=False,
    )
    certificate = x509.Certificate.load(der)
    body = certificate["tbs_certificate"]
    attributes: dict[str, str | None] = {
        "serial_number": "99900111N",
        "given_name": "Aino",
        "surname": "SPECIMEN-KORHONEN",
        "common_name": "SPECIMEN-WRONG NAME 00000000X",
    }
    attributes |= subject
    body["subject"] = x509.Name.build(
        {name: value for name, value in attributes.items() if value is not None}
    )
    if key_usage:
        value = core.ParsableOctetString(bytes.fromhex(key_usage))
        usage = {"extn_id": "key_usage", "critical": True, "extn_value": value}
        body["extensions"].append(usage)
    return bytes(certificate.dump())


# The keys of cards of both generations, and their certificates.
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
RSA3072 = rsa_key(3072)  # the measured length
V5 = make_certificate(P384)
V5_SIGNING = make_certificate(P384, key_usage=SIGNING)
V4_2 = make_certificate(RSA3072, null_parameters=False, key_usage=AUTHENTICATING_RSA)
V4_2_SIGNING = make_certificate(RSA3072, key_usage=SIGNING)


def certificates_of(card: FineidCard) -> dict[CardKey, CardCertificate]:
    """Return the certificates of a card's keys, except for keys that have none."""
    keys, found = card.keys(), {}
    for key in keys:
        with suppress(UnsupportedCardError):
            found[key] = card.certificate(key)
    return found


# -- Directories of PKCS#15 v1.1, valid or with any error ------------------------------

AUTHENTICATION_USAGE = "0520"  # sign alone
SIGNATURE_USAGE = "060040"  # nonRepudiation alone, the tenth bit


def path(file: str) -> bytes:
    """Return a Path."""
    return Tlv(0x30, Tlv(0x04, bytes.fromhex(file)))


def object_directory(keys: bytes, certificates: bytes, pins: bytes) -> bytes:
    """Return EF.OD, from the paths of each directory."""
    return Tlv(0xA0, keys) + Tlv(0xA4, certificates) + Tlv(0xA8, pins)


def private_key(
    identifier: str,
    reference: str,
    pin: str,
    *,
    usage: str = AUTHENTICATION_USAGE,
    tag: int = 0xA0,
) -> bytes:
    """Return a PrKD entry, by default of an EC key."""
    common = (
        Tlv(0x0C, b"key") + bytes.fromhex("03020780") + Tlv(0x04, bytes.fromhex(pin))
    )
    attributes = (
        Tlv(0x04, bytes.fromhex(identifier))
        + Tlv(0x03, bytes.fromhex(usage))
        + bytes.fromhex("030203B8")  # accessFlags
        + Tlv(0x02, bytes.fromhex(reference))
    )
    value = Tlv(0xA1, Tlv(0x30, path("3F004B01") + bytes.fromhex("02020180")))
    return Tlv(tag, Tlv(0x30, common) + Tlv(0x30, attributes) + value)


def certificate(identifier: str, file: str, *, authority: bool = False) -> bytes:
    """Return a CD entry."""
    attributes: bytes = Tlv(0x04, bytes.fromhex(identifier))
    if authority:
        attributes += bytes.fromhex("0101FF")
    value = Tlv(0xA1, Tlv(0x30, path(file)))
    return Tlv(0x30, Tlv(0x30, Tlv(0x0C, b"cert")) + Tlv(0x30, attributes) + value)


def pin(identifier: str, reference: str) -> bytes:
    """Return an AOD entry."""
    attributes = (
        bytes.fromhex("0303040C100A010102010402010C02010C")
        + Tlv(0x80, bytes.fromhex(reference))
        + bytes.fromhex("040100")
    )
    return Tlv(
        0x30,
        Tlv(0x30, Tlv(0x0C, b"PIN"))
        + Tlv(0x30, Tlv(0x04, bytes.fromhex(identifier)))
        + Tlv(0xA1, Tlv(0x30, attributes)),
    )
