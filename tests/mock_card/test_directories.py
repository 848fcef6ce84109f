# SPDX-License-Identifier: MIT
"""EF.OD leads to the keys, certificates and PINs in PKCS#15's own structures.

The host's TLV parser, which shares no code with their builder, parses them here.
``tests/card/test_profiles.py`` shows that the host finds each key by them.
"""

from collections.abc import Callable

import pytest
from asn1crypto import core, x509

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.files import Tlv
from tests.mock_card.conftest import SELECT_APPLICATION, read_file, send

PIN1, PIN2, PUK = b"\x01", b"\x02", b"\x03"
INTEGER, BIT_STRING, OCTET_STRING, SEQUENCE = 0x02, 0x03, 0x04, 0x30


def children(content: bytes) -> list[Tlv]:
    return list(Tlv.parse_all(content))


def bits(value: bytes) -> set[int]:
    """Return the numbers of the bits that are set in a BIT STRING."""
    found = core.BitString.load(bytes((BIT_STRING, len(value))) + value).native
    return {number for number, bit in enumerate(found) if bit}


class Directories:
    """The files that EF.OD leads to; only EF.OD's own file id is known in advance."""

    def __init__(self, state: MockCardState) -> None:
        self.card = MockCard(state)
        assert send(self.card, SELECT_APPLICATION) == "9000"
        paths = {
            entry.tag: entry.value_at(SEQUENCE, OCTET_STRING).hex()
            for entry in children(read_file(self.card, "5031"))
        }
        assert set(paths) == {0xA0, 0xA4, 0xA8}
        self.keys, self.certificates, self.pins = (
            children(read_file(self.card, paths[tag])) for tag in (0xA0, 0xA4, 0xA8)
        )


@pytest.fixture(params=list(PROFILES))
def directories(
    make_state: Callable[[str], MockCardState], request: pytest.FixtureRequest
) -> Directories:
    return Directories(make_state(request.param))


def attributes(entry: Tlv) -> tuple[Tlv, Tlv]:
    """Return the common attributes of an object and those of its class."""
    common, of_class, _of_type = children(entry.value)
    return common, of_class


def identifier(entry: Tlv) -> int:
    [value] = attributes(entry)[1].value_at(OCTET_STRING)
    return value


def test_each_certificate_belongs_to_the_key_of_its_identifier(
    directories: Directories,
) -> None:
    keys = {identifier(entry): entry for entry in directories.keys}
    assert list(keys)[:2] == [0x45, 0x46]
    assert [identifier(entry) for entry in directories.certificates] == list(keys)
    for entry in directories.certificates:
        assert entry.tag == SEQUENCE
        path = entry.value_at(0xA1, SEQUENCE, SEQUENCE, OCTET_STRING).hex()
        certificate = x509.Certificate.load(read_file(directories.card, path))
        kind = certificate.public_key.algorithm
        key = keys[identifier(entry)]
        assert key.tag == {"ec": 0xA0, "rsa": SEQUENCE}[kind]
        if kind == "rsa":
            size = int.from_bytes(key.value_at(0xA1, SEQUENCE, INTEGER))
            assert size == certificate.public_key.bit_size
        common, of_class = attributes(key)
        usage = bits(of_class.value_at(BIT_STRING))
        signing = certificate.key_usage_value.native == {"non_repudiation"}
        assert (9 in usage, 2 in usage) == (signing, not signing)
        assert common.value_at(OCTET_STRING) == (PIN2 if signing else PIN1)
        # PIN2 is asked for with each signature.
        consent = [each.value for each in children(common.value) if each.tag == INTEGER]
        assert consent == [b"\x01"] * signing
        # Sensitive, alwaysSensitive, neverExtractable, local.
        assert bits(children(of_class.value)[2].value) == {0, 2, 3, 4}


def test_keys_are_named_by_the_reference_that_the_card_takes(
    directories: Directories,
) -> None:
    references = {
        "v5": {0x45: 0x01, 0x46: 0x02},
        "v5-2026": {0x45: 0x01, 0x46: 0x02, 0x47: 0x1B, 0x48: 0x1C},
        "v4.2": {0x45: 0x01, 0x46: 0x02, 0x47: 0x03},
    }
    told = {}
    for entry in directories.keys:
        [reference] = attributes(entry)[1].value_at(INTEGER)
        told[identifier(entry)] = reference
        algorithm = 0x54 if entry.tag == 0xA0 else 0x42
        apdu = f"002241B6068001{algorithm:02X}8401{reference:02X}"
        assert send(directories.card, apdu) == "9000"
    assert told == references[directories.card.profile.name]


def test_pins_are_told_with_what_their_digits_may_be(directories: Directories) -> None:
    told = {}
    for entry in directories.pins:
        assert entry.tag == SEQUENCE
        common, of_class = attributes(entry)
        parts = children(entry.value_at(0xA1, SEQUENCE))
        flags, kind, *lengths, reference, padding = parts
        assert (kind.tag, kind.value) == (0x0A, b"\x01")  # ASCII digits
        assert (padding.tag, padding.value) == (OCTET_STRING, b"\x00")
        assert {4, 5} <= bits(flags.value)  # initialized, padded
        guards = [each.value for each in children(common.value) if each.tag == 0x04]
        told[int.from_bytes(reference.value)] = (
            of_class.value_at(OCTET_STRING),
            guards,
            [length.value[0] for length in lengths],
            bits(flags.value) & {1, 6},  # local, unblocks others
        )
    assert told == {
        0x11: (PIN1, [PUK], [4, 12, 12], set()),
        0x82: (PIN2, [PUK], [6, 12, 12], {1}),
        0x83: (PUK, [], [8, 12, 12], {1, 6}),
    }


def test_the_token_info_says_that_it_is_a_mock_card(directories: Directories) -> None:
    content = read_file(directories.card, "5032")
    # OpenSC's driver looks for an OCTET STRING from offset 4 on, and takes a card for
    # an invalid one whose serial number has other characters.
    assert content[:2] == bytes.fromhex("3082"), "the length takes two bytes"
    parts = children(Tlv.parse(content).value)
    version, serial, manufacturer, label, flags, algorithms = parts
    assert (version.tag, version.value) == (INTEGER, b"\x00")
    assert serial.tag == OCTET_STRING
    assert serial.value.isalnum()
    if directories.card.profile.name == "v4.2":
        assert len(serial.value) == 20
        assert serial.value.isdigit()
    else:
        assert serial.value.startswith(b"MOCK")
        assert serial.value[-9:].isdigit()
    assert (manufacturer.tag, manufacturer.value) == (0x0C, b"Kortilla")
    assert label.tag == 0x80
    assert label.value == b"KORTILLA MOCK CARD - NOT A REAL CARD"
    assert bits(flags.value) == {3}
    # The low halves of the algorithm bytes of MSE.
    each_algorithm = [children(each.value) for each in children(algorithms.value)]
    kinds = {parts[-1].value[0] & 0xF for parts in each_algorithm}
    assert (algorithms.tag, kinds) == (0xA2, {2, 4, 5})
