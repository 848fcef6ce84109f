# SPDX-License-Identifier: MIT
"""The content of the card: its keys, and its files by path.

The directory files EF.OD, EF.PrKD, EF.CD, EF.AOD and EF.TokenInfo have the structures
of PKCS#15 v1.1 §6 (ISO/IEC 7816-15). The contents and file ids of real cards are not
public (docs/reference/card.md, "Directories"). The mock's ids of PrKD, CD and AOD are
invented, so that a program must read EF.OD to find them.
"""

from collections.abc import Mapping
from functools import lru_cache

from cryptography.hazmat.primitives import serialization

from kortilla.mock_card.ber import bit_string, encode, integer, octets, sequence, text
from kortilla.mock_card.card_data import CardData
from kortilla.mock_card.errors import MockCardBrokenError
from kortilla.mock_card.keys import PrivateKey, load_private_key
from kortilla.mock_card.profiles import (
    ISSUING_CA_FILE,
    OBJECT_DIRECTORY_FILE,
    PROFILES,
    ROOT_CA_FILE,
    TOKEN_INFO_FILE,
    KeySlot,
    PinReference,
    Profile,
)
from kortilla.mock_card.state import MockCardState

#: The application in paths; no file id can have this value.
APPLICATION_DF = -1

_CA_NAMES = {ROOT_CA_FILE: "root.der", ISSUING_CA_FILE: "issuing.der"}


def card_keys(
    state: MockCardState, data: CardData
) -> dict[int, tuple[KeySlot, PrivateKey]]:
    """Return the keys by their references. Raises ``MockCardBrokenError``."""
    return {
        slot.reference: (slot, _load_key(state, index, data))
        for index, slot in enumerate(PROFILES[data.profile].keys)
    }


def card_files(state: MockCardState, data: CardData) -> dict[tuple[int, ...], bytes]:
    """Return the files by their paths from the master file.

    All elements of a path except the last are directories. Raises
    ``MockCardBrokenError``.
    """
    profile = PROFILES[data.profile]
    files: dict[tuple[int, ...], bytes] = {
        (file,): state.read_file(_CA_NAMES[file]) for file in profile.ca_files
    }
    for file, content in directory_files(profile, data.serial).items():
        files[(APPLICATION_DF, file)] = content
    for slot, key in zip(profile.keys, data.keys, strict=True):
        files[(APPLICATION_DF, *slot.certificate_path)] = key.certificate
    return files


def _load_key(state: MockCardState, index: int, data: CardData) -> PrivateKey:
    """Load a key, and check that it matches its certificate."""
    where = f"{state.folder / 'card.json'}: keys.{index}"
    try:
        key, public = _key_pair(data.keys[index].private_key)
    except (ValueError, TypeError):
        raise MockCardBrokenError(f"{where}.private_key is not a key.") from None
    if public not in data.keys[index].certificate:
        raise MockCardBrokenError(f"{where}.certificate is not of the private key.")
    return key


@lru_cache(maxsize=8)  # each connection loads the same keys
def _key_pair(private_key: bytes) -> tuple[PrivateKey, bytes]:
    """Load a key, and return it with the DER of its public key."""
    key = load_private_key(private_key)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key, public


# -- The directory files -------------------------------------------------------------

#: EF.TokenInfo's label. It distinguishes the card from real ones.
TOKEN_LABEL = "KORTILLA MOCK CARD - NOT A REAL CARD"  # noqa: S105 - names a smart card

_PRIVATE_KEYS_FILE, _CERTIFICATES_FILE, _AUTHENTICATION_FILE = 0x4401, 0x4404, 0x4408

# Tags of the directories in EF.OD (PKCS15Objects, §6.2).
_OBJECTS = {
    0xA0: _PRIVATE_KEYS_FILE,
    0xA4: _CERTIFICATES_FILE,
    0xA8: _AUTHENTICATION_FILE,
}

# Identifiers in EF.AOD, by which keys and PINs refer to the PIN that guards them.
_PIN_IDS = {
    PinReference.PIN1: b"\x01",
    PinReference.PIN2: b"\x02",
    PinReference.PUK: b"\x03",
}
_PIN_LABELS = {
    PinReference.PIN1: "perustunnusluku",
    PinReference.PIN2: "allekirjoitustunnusluku",
    PinReference.PUK: "PUK-tunnusluku",
}
_SHORTEST_PIN = {PinReference.PIN1: 4, PinReference.PIN2: 6, PinReference.PUK: 8}
_PIN_SIZE = 12
_ASCII_DIGITS = b"\x0a\x01\x01"  # PinType: ENUMERATED ascii-numeric

# Bits of PinFlags (§6.8.2), CommonObjectFlags (§6.1.8), KeyUsageFlags and
# KeyAccessFlags (§6.1.9).
_LOCAL, _UNBLOCK_DISABLED, _CHANGE_DISABLED = 1, 3, 2
_INITIALIZED, _NEEDS_PADDING, _UNBLOCKING_PIN = 4, 5, 6
_PRIVATE, _MODIFIABLE = 0, 1
_DECRYPT, _SIGN, _UNWRAP, _DERIVE, _NON_REPUDIATION = 1, 2, 5, 8, 9
_KEY_ACCESS = bit_string(0, 2, 3, 4)  # generated on the card, never extracted

_EID_COMPLIANT = 3  # bit of TokenFlags
_COMPUTE_SIGNATURE = 1  # bit of Operations

# The signature algorithms in EF.TokenInfo: the low half of MSE's algorithm byte, the
# mechanisms of PKCS#11 and the OIDs, each for SHA-224, SHA-256, SHA-384 and SHA-512
# (3 to 6 in the high half).
_RSA, _ECDSA = "2A864886F70D0101", "2A8648CE3D0403"
_ALGORITHMS = (
    (
        0x2,
        (0x46, 0x40, 0x41, 0x42),
        [f"{_RSA}{last}" for last in ("0E", "0B", "0C", "0D")],
    ),
    (0x4, (0x1043, 0x1044, 0x1045, 0x1046), [f"{_ECDSA}0{last}" for last in "1234"]),
    (0x5, (0x47, 0x43, 0x44, 0x45), [f"{_RSA}0A"] * 4),
)


@lru_cache(maxsize=8)  # each connection has the same
def directory_files(profile: Profile, serial: str) -> Mapping[int, bytes]:
    """Return the directory files, by their ids inside the application."""
    return {
        OBJECT_DIRECTORY_FILE: b"".join(
            encode(tag, _path(file)) for tag, file in _OBJECTS.items()
        ),
        _PRIVATE_KEYS_FILE: b"".join(_private_key(slot) for slot in profile.keys),
        _CERTIFICATES_FILE: b"".join(_certificate(slot) for slot in profile.keys),
        _AUTHENTICATION_FILE: b"".join(_pin(reference) for reference in PinReference),
        TOKEN_INFO_FILE: _token_info(serial),
    }


def _path(*files: int) -> bytes:
    return sequence(octets(b"".join(file.to_bytes(2) for file in files)))


def _object(common: bytes, of_class: bytes, of_type: bytes, tag: int = 0x30) -> bytes:
    """PKCS15Object (§6.1.4): common, class and type attributes."""
    return encode(tag, sequence(common), sequence(of_class), encode(0xA1, of_type))


def _private_key(slot: KeySlot) -> bytes:
    """PrivateKeyType (§6.3): RSA keys are untagged, EC keys have the tag [0]."""
    rsa_bits = slot.key_type.rsa_bits
    if slot.pin is PinReference.PIN2:
        usage = bit_string(_NON_REPUDIATION)
    elif rsa_bits:
        usage = bit_string(_DECRYPT, _SIGN, _UNWRAP)
    else:
        usage = bit_string(_SIGN, _DERIVE)
    # PIN2 is used up by a signature: userConsent 1.
    consent = integer(1) if slot.pin is PinReference.PIN2 else b""
    # No file that can be selected holds the key.
    where = _path(*slot.certificate_path[:-1])
    return _object(
        text(f"{slot.purpose} key {slot.key_type}")
        + bit_string(_PRIVATE)
        + octets(_PIN_IDS[slot.pin])
        + consent,
        octets(bytes((slot.identifier,)))
        + usage
        + _KEY_ACCESS
        + integer(slot.reference),
        sequence(where, integer(rsa_bits) if rsa_bits else b""),
        tag=0x30 if rsa_bits else 0xA0,
    )


def _certificate(slot: KeySlot) -> bytes:
    """X509 CertificateObject (§6.6); the path is relative to the application."""
    return _object(
        text(f"{slot.purpose} certificate {slot.key_type}") + bit_string(),
        octets(bytes((slot.identifier,))),
        sequence(_path(*slot.certificate_path)),
    )


def _pin(reference: PinReference) -> bytes:
    """AuthenticationObject with PinAttributes (§6.8.2)."""
    flags = [_INITIALIZED, _NEEDS_PADDING]
    # As an INTEGER, 82 takes a leading zero byte.
    if reference & 0x80:
        flags.append(_LOCAL)
    if reference is PinReference.PUK:
        flags += [_CHANGE_DISABLED, _UNBLOCK_DISABLED, _UNBLOCKING_PIN]
        common = bit_string(_PRIVATE)
    else:
        common = bit_string(_PRIVATE, _MODIFIABLE) + octets(_PIN_IDS[PinReference.PUK])
    return _object(
        text(_PIN_LABELS[reference]) + common,
        octets(_PIN_IDS[reference]),
        sequence(
            bit_string(*flags),
            _ASCII_DIGITS,
            integer(_SHORTEST_PIN[reference]),
            integer(_PIN_SIZE),
            integer(_PIN_SIZE),
            integer(reference, tag=0x80),
            octets(b"\x00"),
        ),
    )


def _token_info(serial: str) -> bytes:
    """TokenInfo (§6.9), whose length takes two bytes (docs/reference/card.md)."""
    algorithms = [
        (hash_ << 4 | scheme, mechanism, oid)
        for scheme, mechanisms, oids in _ALGORITHMS
        for hash_, mechanism, oid in zip(range(3, 7), mechanisms, oids, strict=True)
    ]
    return sequence(
        integer(0),
        octets(serial.encode("ascii")),
        text("Kortilla"),
        text(TOKEN_LABEL, tag=0x80),
        bit_string(_EID_COMPLIANT),
        encode(
            0xA2,
            *(
                _algorithm(number, *algorithm)
                for number, algorithm in enumerate(algorithms, start=1)
            ),
        ),
    )


def _algorithm(number: int, reference: int, mechanism: int, oid: str) -> bytes:
    """AlgorithmInfo (§6.9), without parameters."""
    return sequence(
        integer(number),
        integer(mechanism),
        encode(0x05),
        bit_string(_COMPUTE_SIGNATURE),
        encode(0x06, bytes.fromhex(oid)),
        integer(reference),
    )
