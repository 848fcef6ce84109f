# SPDX-License-Identifier: MIT
"""BER-TLV: built objects parse, and invalid ones raise an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native_host.card.files import Tlv, TlvError

TAGS = (
    st.integers(0x01, 0xFE).filter(lambda tag: tag & 0x1F != 0x1F)
    | st.sampled_from([0x5F20, 0x7F49, 0x9F7F, 0xDF21, 0xDF2F, 0x7F8101])
)  # fmt: skip


@given(TAGS, st.binary(max_size=70_000) | st.integers(0, 300).map(bytes), st.binary())
def test_what_is_built_is_parsed_and_the_rest_is_given_back(
    tag: int, value: bytes, rest: bytes
) -> None:
    tlv, left = Tlv.take(Tlv(tag, value) + rest)
    assert (tlv.tag, tlv.value, left) == (tag, value, rest)


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        tlv, rest = Tlv.take(data)
    except TlvError:
        return
    assert tlv + rest == data
    try:
        assert b"".join(Tlv.parse_all(data)) == data
        tlv.value_at(0xA0, 0x83)
        Tlv.parse(data)
    except TlvError:
        pass


@pytest.mark.parametrize(
    ("tag", "size", "header"),
    [
        (0x90, 48, "9030"),
        (0x90, 127, "907F"),
        (0x90, 128, "908180"),
        (0xDF21, 256, "DF21820100"),
        (0x30, 65536, "3083010000"),
    ],
)
def test_lengths_are_as_short_as_can_be(tag: int, size: int, header: str) -> None:
    assert Tlv(tag, bytes(size))[: len(header) // 2].hex().upper() == header


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "empty"),
        ("30", "before its length"),
        ("DF", "within its tag"),
        ("DF8181", "within its tag|more than three"),
        ("DF81818101", "more than three"),
        ("3080", "forbidden"),
        ("308401000000", "forbidden"),
        ("3082", "within its length"),
        ("308201", "within its length"),
        ("3003FFFF", "has only 2"),
        ("3083FFFFFF00", "has only 1"),
    ],
)
def test_what_is_wrong_is_said(data: str, reason: str) -> None:
    with pytest.raises(TlvError, match=reason):
        Tlv.take(bytes.fromhex(data))


def test_values_are_found_by_their_path_and_missing_ones_named() -> None:
    with pytest.raises(TlvError, match="1 bytes follow"):
        Tlv.parse(bytes.fromhex("300100FF"))
    tlv = Tlv.parse(bytes.fromhex("A0088301116103830199"))
    assert tlv.value_at(0x83) == b"\x11"
    assert tlv.value_at(0x61, 0x83) == b"\x99"
    assert tlv.value_at() == tlv.value
    with pytest.raises(TlvError, match="DF21"):
        tlv.value_at(0x61, 0xDF21)


def test_no_value_shows_in_a_log() -> None:
    assert repr(Tlv(0xDF21, b"SPECIMEN")) == "Tlv(DF21, 8 bytes)"
