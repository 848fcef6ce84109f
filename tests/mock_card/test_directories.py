# SPDX-License-Identifier: MIT
"""EF.OD leads to the keys, certificates and PINs in PKCS#15's own structures.

asn1crypto parses them here; it shares no code with their builder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from asn1crypto import core, x509
from asn1crypto.parser import parse

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, read_file, send

MakeState = Callable[[str], MockCardState]

PIN1, PIN2, PUK = b"\x01", b"\x02", b"\x03"


@dataclass(frozen=True)
class Node:
    """A TLV: its whole tag byte, its value, and its children if constructed."""

    tag: int
    value: bytes
    children: tuple["Node", ...] = ()

    def at(self, *tags: int) -> "Node":
        """Return the first descendant along a path of tags."""
        node = self
        for tag in tags:
            node = next(child for child in node.children if child.tag == tag)
        return node


def nodes(content: bytes) -> tuple[Node, ...]:
    """Parse consecutive TLVs."""
    found, rest = [], content
    while rest:
        class_, method, tag, header, value, trailer = parse(rest)
        assert not trailer
        whole = class_ << 6 | method << 5 | tag
        found.append(Node(whole, value, nodes(value) if method else ()))
        rest = rest[len(header) + len(value) :]
    return tuple(found)


def bits(node: Node) -> set[int]:
    """Return the numbers of the bits that are set in a BIT STRING."""
    assert node.tag == 0x03
    value: Any = core.BitString.load(bytes((3, len(node.value))) + node.value).native
    return {number for number, bit in enumerate(value) if bit}


@dataclass(frozen=True)
class Directories:
    card: MockCard
    keys: tuple[Node, ...]
    certificates: tuple[Node, ...]
    pins: tuple[Node, ...]


@pytest.fixture(params=list(PROFILES))
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def directories(make_state: MakeState, profile: str) -> Directories:
    """The files that EF.OD leads to; only EF.OD's own file id is known in advance."""
    card = MockCard(make_state(profile))
    assert send(card, SELECT_APPLICATION) == "9000"
    paths = {
        node.tag: node.at(0x30, 0x04).value.hex()
        for node in nodes(read_file(card, "5031"))
    }
    assert set(paths) == {0xA0, 0xA4, 0xA8}
    keys, certificates, pins = (
        nodes(read_file(card, paths[tag])) for tag in (0xA0, 0xA4, 0xA8)
    )
    return Directories(card, keys, certificates, pins)


def identifier(entry: Node) -> int:
    """Return the iD among the class attributes, which follow the common ones."""
    [value] = entry.children[1].at(0x04).value
    return value


def test_each_certificate_belongs_to_the_key_of_its_identifier(
    directories: Directories,
) -> None:
    keys = {identifier(entry): entry for entry in directories.keys}
    assert list(keys)[:2] == [0x45, 0x46]
    assert [identifier(entry) for entry in directories.certificates] == list(keys)
    for entry in directories.certificates:
        assert entry.tag == 0x30
        path = entry.at(0xA1, 0x30, 0x30, 0x04).value.hex()
        certificate = x509.Certificate.load(read_file(directories.card, path))
        kind, bit_size = (
            certificate.public_key.algorithm,
            certificate.public_key.bit_size,
        )
        key = keys[identifier(entry)]
        assert key.tag == {"ec": 0xA0, "rsa": 0x30}[kind]
        if kind == "rsa":
            assert key.at(0xA1, 0x30, 0x02).value == bit_size.to_bytes(2)
        usage = bits(key.children[1].at(0x03))
        signing = certificate.key_usage_value.native == {"non_repudiation"}
        assert (9 in usage, 2 in usage) == (signing, not signing)
        assert key.children[0].at(0x04).value == (PIN2 if signing else PIN1)


@pytest.mark.parametrize(
    ("profile", "references"),
    [
        ("v5", {0x45: 0x01, 0x46: 0x02}),
        ("v5-2026", {0x45: 0x01, 0x46: 0x02, 0x47: 0x1B, 0x48: 0x1C}),
        ("v4.2", {0x45: 0x01, 0x46: 0x02, 0x47: 0x03}),
    ],
)
def test_keys_are_named_by_the_reference_that_the_card_takes(
    directories: Directories, references: dict[int, int]
) -> None:
    told = {
        identifier(entry): entry.children[1].at(0x02).value[0]
        for entry in directories.keys
    }
    assert told == references
    for entry in directories.keys:
        algorithm = 0x54 if entry.tag == 0xA0 else 0x42
        reference = told[identifier(entry)]
        apdu = f"002241B6068001{algorithm:02X}8401{reference:02X}"
        assert send(directories.card, apdu) == "9000"


def test_pins_are_told_with_what_their_digits_may_be(directories: Directories) -> None:
    told = {}
    for entry in directories.pins:
        assert entry.tag == 0x30
        attributes = entry.at(0xA1, 0x30)
        flags, kind, *lengths, reference, padding = attributes.children
        assert (kind.tag, kind.value) == (0x0A, b"\x01")  # ASCII digits
        assert (padding.tag, padding.value) == (0x04, b"\x00")
        assert {4, 5} <= bits(flags)  # initialized, padded
        told[int.from_bytes(reference.value)] = (
            [length.value[0] for length in lengths],
            1 in bits(flags),  # local
            6 in bits(flags),  # unblocks others
        )
    assert told == {
        0x11: ([4, 12, 12], False, False),
        0x82: ([6, 12, 12], True, False),
        0x83: ([8, 12, 12], True, True),
    }


def test_keys_name_their_pins_and_pins_their_puk(directories: Directories) -> None:
    by_id = {entry.children[1].at(0x04).value: entry for entry in directories.pins}
    assert set(by_id) == {PIN1, PIN2, PUK}
    for each in (PIN1, PIN2):
        assert by_id[each].children[0].at(0x04).value == PUK
    for key in directories.keys:
        assert key.children[0].at(0x04).value in {PIN1, PIN2}


def test_pin2_is_asked_for_with_each_signature(directories: Directories) -> None:
    for key in directories.keys:
        common = key.children[0]
        consent = [child.value for child in common.children if child.tag == 0x02]
        assert consent == ([b"\x01"] if common.at(0x04).value == PIN2 else [])


def test_no_private_key_is_in_a_file(directories: Directories) -> None:
    for key in directories.keys:
        access = bits(key.children[1].children[2])
        assert access == {
            0,
            2,
            3,
            4,
        }  # sensitive, alwaysSensitive, neverExtractable, local


def test_the_token_info_says_that_it_is_a_mock_card(
    directories: Directories, profile: str
) -> None:
    [info] = nodes(read_file(directories.card, "5032"))
    version, serial, manufacturer, label, flags, algorithms = info.children
    assert (info.tag, version.value) == (0x30, b"\x00")
    assert serial.tag == 0x04
    if profile == "v4.2":
        assert len(serial.value) == 20
        assert serial.value.isdigit()
    else:
        assert serial.value.startswith(b"MOCK")
        assert serial.value[-9:].isdigit()
    assert (manufacturer.tag, manufacturer.value) == (0x0C, b"Kortilla")
    assert label.tag == 0x80
    assert label.value == b"KORTILLA MOCK CARD - NOT A REAL CARD"
    assert bits(flags) == {3}
    # The low halves of the algorithm bytes of MSE.
    kinds = {each.children[-1].value[0] & 0xF for each in algorithms.children}
    assert (algorithms.tag, kinds) == (0xA2, {2, 4, 5})


def test_opensc_finds_the_serial_number(directories: Directories) -> None:
    """OpenSC's driver looks for an OCTET STRING from offset 4 on."""
    content = read_file(directories.card, "5032")
    assert content[:2] == bytes.fromhex("3082"), "the length takes two bytes"
    assert int.from_bytes(content[2:4]) == len(content) - 4
    version, serial, *_ = nodes(content[4:])
    assert (version.tag, serial.tag) == (0x02, 0x04)
    assert serial.value.isalnum(), "else OpenSC takes the card for an invalid one"
