# SPDX-License-Identifier: MIT
"""The keys of a card, from its directories or from the table of its generation.

EF.OD names the files of the directories, PrKD the private keys, CD the certificates and
AOD the PINs (PKCS#15 v1.1, ISO/IEC 7816-15). The directories of real cards are not
published, so nothing here relies on them: any inconsistency is a ``DirectoryError``,
and the table takes their place.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from native_host.card.atr import Generation
from native_host.card.errors import CardError
from native_host.card.files import Tlv, TlvError
from native_host.card.signature import KeyType

T = TypeVar("T")


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


# -- The directories -------------------------------------------------------------------

OBJECT_DIRECTORY = bytes.fromhex("5031")
_MASTER_FILE = bytes.fromhex("3F00")
_APPLICATION = bytes.fromhex("5015")  # PKCS#15 v1.1 §5.4: the usual id of its folder
_MAX_PATH = 8  # bytes inside the application, two for each file
_MAX_FILES = 8

_SEQUENCE = 0x30
_BOOLEAN = 0x01
_INTEGER = 0x02
_BIT_STRING = 0x03
_OCTET_STRING = 0x04
_TYPE_ATTRIBUTES = 0xA1  # PKCS15Object.typeAttributes, PKCS#15 v1.1 §6.1.2
_PIN_REFERENCE = 0x80  # PinAttributes.pinReference, §6.8.2

# PKCS15Objects, §6.2.
_PRIVATE_KEYS = 0xA0
_CERTIFICATES = 0xA4
_AUTHENTICATION_OBJECTS = 0xA8

# PKCS15PrivateKey is a choice by tag, §6.3.1. FINEID cards use no other kinds.
_KEY_TYPES = {_SEQUENCE: KeyType.RSA, 0xA0: KeyType.ECC}

# PKCS15KeyUsageFlags, §6.3.2: bit numbers, the first bit is 0.
_USAGE_SIGN = 2
_USAGE_NON_REPUDIATION = 9


class DirectoryError(CardError):
    """The card's directories can't be parsed, are contradictory or incomplete.

    The message contains nothing of their content.
    """


def read_keys(read: Callable[[bytes], bytes]) -> tuple[CardKey, ...]:
    """Read the directories and return their keys (see ``parse_directories``).

    ``read`` reads a file by its path inside the application; its errors propagate.
    """
    files = parse_object_directory(read(OBJECT_DIRECTORY))
    return parse_directories(*([read(path) for path in paths] for paths in files))


def parse_object_directory(content: bytes) -> list[list[bytes]]:
    """Return the files that EF.OD names, as paths inside the application.

    They are those with private keys, with certificates, and with authentication
    objects. Raises ``DirectoryError``.
    """
    found: dict[int, list[bytes]] = {
        _PRIVATE_KEYS: [],
        _CERTIFICATES: [],
        _AUTHENTICATION_OBJECTS: [],
    }
    try:
        for entry in _entries([content]):
            if entry.tag in found:
                found[entry.tag] += map(_path, Tlv.parse_all(entry.value))
    except TlvError as error:
        raise DirectoryError(f"EF.OD is odd: {error}") from error
    if not all(found.values()):
        raise DirectoryError("EF.OD does not name every directory.")
    if sum(map(len, found.values())) > _MAX_FILES:
        raise DirectoryError("EF.OD names too many directories.")
    return list(found.values())


def parse_directories(
    private_keys: Iterable[bytes],
    certificates: Iterable[bytes],
    authentication_objects: Iterable[bytes],
) -> tuple[CardKey, ...]:
    """Return the keys that sign, with the files of their certificates, ECC before RSA.

    The arguments are the contents of the PrKD, CD and AOD files. A key without a
    certificate is left out. Raises ``DirectoryError``, also if a key's PIN is not the
    one that its role requires, or if no key is for authentication.
    """
    try:
        paths = _unique(_certificates(certificates), "certificates")
        pins = _unique(_pins(authentication_objects), "PINs")
        listed = _unique(_keys(private_keys), "keys")
    except TlvError as error:
        raise DirectoryError(f"A directory is odd: {error}") from error
    keys = []
    for identifier, (pin, role, key_type, reference) in listed.items():
        if role is None or identifier not in paths:
            continue
        key = CardKey(role, key_type, reference, paths[identifier])
        if pins.get(pin) != key.pin.value:
            raise DirectoryError(f"A key for {role.value} has an unfit PIN.")
        keys.append(key)
    if not any(key.role is KeyRole.AUTHENTICATION for key in keys):
        raise DirectoryError("The directories list no key for authentication.")
    return tuple(sorted(keys, key=lambda key: key.key_type is KeyType.RSA))


_Key = tuple[bytes, KeyRole | None, KeyType, int]


def _keys(files: Iterable[bytes]) -> Iterator[tuple[bytes, _Key]]:
    """Yield the id of each key, with its PIN's id, its role, type and reference.

    The role is None for a key that does not sign.
    """
    for entry in _entries(files):
        key_type = _KEY_TYPES.get(entry.tag)
        if key_type is None:
            continue
        common, attributes = _attributes(entry)
        reference = _reference(_first(attributes, _INTEGER))
        if reference == 0:
            raise DirectoryError("A key has the reference 0.")
        usage = _first(attributes, _BIT_STRING)
        role = KeyRole.AUTHENTICATION if _bit(usage, _USAGE_SIGN) else None
        if _bit(usage, _USAGE_NON_REPUDIATION):
            role = KeyRole.SIGNATURE
        pin = _first(common, _OCTET_STRING)
        yield _first(attributes, _OCTET_STRING), (pin, role, key_type, reference)


def _certificates(files: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the id and the file of each certificate except those of CAs."""
    for entry in _entries(files):
        if entry.tag != _SEQUENCE:
            continue  # not X.509
        _, attributes = _attributes(entry)
        if any(child.tag == _BOOLEAN and any(child.value) for child in attributes):
            continue
        value = next(Tlv.parse_all(entry.value_at(_TYPE_ATTRIBUTES, _SEQUENCE)), None)
        if value is not None and value.tag == _SEQUENCE:  # else a URL, or itself
            yield _first(attributes, _OCTET_STRING), _path(value)


def _pins(files: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the id and the reference of each PIN."""
    for entry in _entries(files):
        if entry.tag != _SEQUENCE:
            continue  # not a PIN
        _, attributes = _attributes(entry)
        reference = entry.value_at(_TYPE_ATTRIBUTES, _SEQUENCE, _PIN_REFERENCE)
        yield _first(attributes, _OCTET_STRING), _reference(reference)


def _entries(files: Iterable[bytes]) -> Iterator[Tlv]:
    """Parse the data objects of files, which may have padding of 00 or FF anywhere."""
    for content in files:
        rest = content
        while rest := rest.lstrip(b"\x00\xff"):
            entry, rest = Tlv.take(rest)
            yield entry


def _attributes(entry: Tlv) -> tuple[list[Tlv], list[Tlv]]:
    """Return the common attributes of an object, and those of its class (§6.1.2)."""
    both = list(Tlv.parse_all(entry.value))[:2]
    if [child.tag for child in both] != [_SEQUENCE, _SEQUENCE]:
        raise DirectoryError("An object of a directory lacks its attributes.")
    common, attributes = (list(Tlv.parse_all(child.value)) for child in both)
    return common, attributes


def _path(path: Tlv) -> bytes:
    """Return the file that a ``Path`` names, inside the application (§6.1.6).

    It may be absolute, relative to the application, or just a file's id.
    """
    parts = list(Tlv.parse_all(path.value))
    if path.tag != _SEQUENCE or not parts or parts[0].tag != _OCTET_STRING:
        raise DirectoryError("A path of a directory is none.")
    if any(part.tag == _INTEGER and any(part.value) for part in parts):
        raise DirectoryError("An object does not stand at the beginning of its file.")
    inside = parts[0].value.removeprefix(_MASTER_FILE)
    if len(inside) > len(_APPLICATION):
        inside = inside.removeprefix(_APPLICATION)
    if not inside or len(inside) % 2 or len(inside) > _MAX_PATH:
        raise DirectoryError("A path of a directory has an odd length.")
    return inside


def _reference(value: bytes) -> int:
    """Return a reference, a byte that has two forms as an INTEGER above 7F.

    DER encodes 82 as 00 82. A card may encode 82 alone, which is a negative number.
    """
    if len(value) == 2 and value[0] in {0x00, 0xFF}:
        value = value[1:]
    if len(value) != 1:
        raise DirectoryError("A reference of a directory is not a byte.")
    return value[0]


def _first(children: Iterable[Tlv], tag: int) -> bytes:
    for child in children:
        if child.tag == tag:
            return child.value
    raise DirectoryError(f"An object of a directory lacks its {tag:02X}.")


def _unique(pairs: Iterable[tuple[bytes, T]], what: str) -> dict[bytes, T]:
    """Create a dictionary from pairs. A repeated key must have the same value."""
    found: dict[bytes, T] = {}
    for identifier, value in pairs:
        if found.setdefault(identifier, value) != value:
            raise DirectoryError(f"Two {what} of the directories have one id.")
    return found


def _bit(bits: bytes, number: int) -> bool:
    """Whether a bit is set in a BIT STRING, whose first byte counts the unused bits.

    Omitted bits are zero.
    """
    byte = 1 + number // 8
    return len(bits) > byte and bool(bits[byte] & 0x80 >> number % 8)
