# SPDX-License-Identifier: MIT
"""Files and responses match docs/reference/card.md, byte for byte."""

from collections.abc import Callable

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block, powered, send


def test_ca_certificates_are_in_the_master_file(
    make_state: Callable[[str], MockCardState],
) -> None:
    for profile, files in (
        ("v5", {"4334": "root.der", "4336": "issuing.der"}),
        ("v5-2026", {"4334": "root.der"}),
    ):
        state = make_state(profile)
        card = powered(state)
        for file, name in files.items():
            size = len((state.folder / name).read_bytes())
            assert send(card, "00A4000C023F00") == "9000"
            assert send(card, f"00A4020402{file}00") == f"62048102{size:04X}9000"
            assert send(card, "00B0000001") == "309000"
    assert send(card, "00A4020402433600") == "6A82"


def test_files_by_their_id_are_looked_for_in_the_current_directory(
    card: MockCard,
) -> None:
    assert send(card, "00A4020C024331") == "9000"
    assert send(card, "00A4020C024332") == "6A82"
    assert send(card, "00A4000C025016") == "9000"
    assert send(card, "00A4020C024332") == "9000"
    assert send(card, "00A4020C024331") == "6A82"


def test_reading_stops_at_the_end_of_the_file(
    card: MockCard, state: MockCardState
) -> None:
    certificate = state.read().keys[0].certificate
    size = len(certificate)
    assert send(card, "00A4080C024331") == "9000"
    assert send(card, f"00B0{size - 3:04X}00") == certificate[-3:].hex().upper() + (
        "9000"
    )
    assert send(card, f"00B0{size - 3:04X}04") == "6C03"
    assert send(card, f"00B0{size:04X}00") == "6282"
    assert send(card, "00B07FFF00") == "6282"
    assert send(card, "00B0800000") == "6B00"
    assert len(send(card, "00B00000FF")) == 2 * (181 + 2)
    assert len(send(card, "00B0000010")) == 2 * (16 + 2)


@pytest.mark.parametrize("file", ["4332", "4402", "5033", "3F00", "FFFF", "50164335"])
def test_what_is_not_there_is_not_found(card: MockCard, file: str) -> None:
    assert send(card, f"00A40804{len(file) // 2:02X}{file}00") == "6A82"


def test_nothing_but_files_is_known_before_the_application_is_selected(
    state: MockCardState,
) -> None:
    card = MockCard(state)
    for apdu in (
        "00200011",
        f"002000110C{pin_block('1234')}",
        "00CB00FF05A003830111",
        "002241B606800154840101",
        "002A9E9A60",
    ):
        assert send(card, apdu) == "6D00"
    assert send(card, "00A4080402433100") == "6A82"
    assert send(card, "00B0000000") == "6986"
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, "00200011") == "63C5"


@pytest.mark.parametrize(
    ("apdu", "status_word"),
    [
        ("", "6700"),
        ("00A404", "6700"),
        ("00A4040C0CA000", "6700"),  # shorter than its Lc
        ("00A4040C0CA000000063504B43532D31350000", "6700"),  # longer
        ("00A4040C00000CA000000063504B43532D3135", "6700"),  # extended length
        ("80200011", "6E00"),
        ("0C200011", "6E00"),
        ("00840000 08", "6D00"),
        ("00A4040C08A000000063504B43", "6A82"),  # another application
        ("00A4040C0BA000000063504B43532D31", "6A82"),  # a part of its name
        ("00A4000002 4331", "6A86"),
        ("00A40308024331", "6A86"),
        ("00A4080403433100", "6700"),
        ("00CB3FFF05A003830111", "6A86"),
        ("00CB00FF05A003840111", "6A80"),
        ("00CB00FF05A003830112", "6A88"),
        ("00200012", "6A88"),
        ("00200111", "6A86"),
        ("002281B606800154840101", "6A86"),
        ("002A9E9B60", "6A86"),
        ("00CB00FF05A00383011124", "6C25"),  # a wrong Le
        ("00A4080402433105", "6C06"),
        ("00C0000000", "6985"),  # nothing is pending
        ("00C0000100", "6A86"),
    ],
)
def test_faulty_commands_get_their_status_word(
    card: MockCard, apdu: str, status_word: str
) -> None:
    assert send(card, apdu) == status_word


def test_le_00_is_the_same_as_no_le(card: MockCard) -> None:
    """It asks for all available bytes, up to 256 (ISO/IEC 7816-4, Ne)."""
    change = pin_block("1234") + pin_block("1234")
    for apdu in (
        SELECT_APPLICATION,
        "00A4080C024331",
        "00A40804024331",
        "00B00000",
        "00CB00FF05A003830111",
        "00200011",
        f"002000110C{pin_block('1234')}",
        "00200011",
        f"0024001118{change}",
        f"002C001118{pin_block('12345678')}{pin_block('1234')}",
        f"002000110C{pin_block('1234')}",
        "002241B606800154840101",
        f"002A90A0329030{'AB' * 48}",
    ):
        assert send(card, apdu) == send(card, apdu + "00"), apdu
    assert len(send(card, "002A9E9A00")) == 2 * (96 + 2)


def test_answers_are_fetched_where_the_reader_is_plain(
    state: MockCardState, card: MockCard
) -> None:
    fetching_card = powered(state, "fetched")
    information = send(card, "00CB00FF05A003830111")
    assert send(fetching_card, "00A4080402433100") == "6106"
    assert send(fetching_card, "00C0000006")[:8] == "62048102"
    assert send(fetching_card, "00B0000002") == "30829000"  # no data: sent directly
    assert send(fetching_card, "00CB00FF05A003830111") == "6125"
    assert send(fetching_card, "00C0000026") == "6C25"
    assert send(fetching_card, "00C0000005") == information[:10] + "6120"
    assert send(fetching_card, "00C0000020") == information[10:]
    assert send(fetching_card, "00C0000000") == "6985"
    # An answer that is not fetched is lost at the next command.
    assert send(fetching_card, "00CB00FF05A003830111") == "6125"
    assert send(fetching_card, "00200011") == "63C5"
    assert send(fetching_card, "00C0000000") == "6985"
