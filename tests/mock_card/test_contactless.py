# SPDX-License-Identifier: MIT
"""The mock card's contactless side, beside what is public about real ones.

tests/card has the secure channel with the host, OpenPACE the host with another card.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.faults import Fault, FaultyCard
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import WrongCanError
from tests.card.contactless import Air
from tests.mock_card.conftest import SELECT_APPLICATION, send

CHOOSE = "0022C1A4 12 800A04007F00070202040204 830102 840110"
MASTER_FILE, CARD_ACCESS = "00A4000C023F00", "00A4020C02011C"


@pytest.fixture
def card(make_state: Callable[[str], MockCardState]) -> ContactlessCard:
    return ContactlessCard(make_state("v5-2026"))


def test_the_atr_is_the_one_of_a_real_card(card: ContactlessCard) -> None:
    """The check byte, too, of docs/reference/card.md, "Answer to reset"."""
    assert card.atr.hex().upper() == "3B8F80018031B865B08505102412246082900022"


def test_before_pace_only_card_access_can_be_read(card: ContactlessCard) -> None:
    for apdu in (SELECT_APPLICATION, "00B0000000", "00200011", "00A4020C024334"):
        assert send(card, apdu) == "6982"
    assert send(card, MASTER_FILE) == send(card, CARD_ACCESS) == "9000"
    answer = send(card, "00B0000000")
    assert "04007F00070202040204020102020110" in answer
    assert answer.endswith("9000")
    assert send(card, "00A4020C024334") == "6982"


def test_the_steps_have_an_order(card: ContactlessCard) -> None:
    assert send(card, "10860000027C0000") == "6985"
    assert send(card, CHOOSE.replace("840110", "84010D")) == "6A80"
    assert send(card, CHOOSE) == "9000"
    assert send(card, "00860000027C0000") == "6985"  # not chained
    assert send(card, "10860000027C0000") == "6985"  # not chosen again
    assert send(card, CHOOSE) == "9000"
    assert send(card, "10860000027C0000").startswith("7C128010")
    assert send(card, "10860000027C0000") == "6A80"


@pytest.mark.parametrize("point", ["04" + "00" * 96, "04" + "11" * 96, "00", ""])
def test_points_off_the_curve_are_refused(card: ContactlessCard, point: str) -> None:
    send(card, CHOOSE)
    send(card, "10860000027C0000")
    body = f"81{len(point) // 2:02X}{point}"
    body = f"7C{len(body) // 2:02X}{body}"
    assert send(card, f"10860000{len(body) // 2:02X}{body}00") == "6A80"


def test_after_wrong_cans_the_card_takes_its_time(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    waited: list[float] = []
    card = air._card._card
    assert isinstance(card, ContactlessCard)
    card._wait = waited.append
    for _ in range(3):
        with pytest.raises(WrongCanError):
            air.open_channel("000000")
    with air.state.update() as data:
        data.wrong_cans = 100
    air.open_channel()
    card.reset()
    air.open_channel()
    assert waited == [1.0, 2.0, 45.0]


@pytest.mark.parametrize(
    ("apdu", "first"),
    [
        (SELECT_APPLICATION, "6982"),  # in clear
        ("0CA4040C0A8E08000000000000000000", "6988"),  # a wrong checksum
        ("0CA4040C00", "6988"),
    ],
)
def test_a_channel_that_has_ended_needs_a_reset(
    tmp_path: Path, apdu: str, first: str
) -> None:
    air = Air(tmp_path / "card")
    air.channel()
    card = air._card._card
    assert send(card, apdu) == first
    assert send(card, MASTER_FILE) == send(card, CHOOSE) == "6999"
    card.reset()
    assert send(card, CHOOSE) == "9000"


def test_the_selection_of_the_master_file_ends_the_channel(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    channel = air.channel()
    card = air._card._card
    protected = channel._protect(bytes.fromhex(MASTER_FILE)).encode(1)
    assert send(card, protected.hex()) == "6988"
    assert send(card, protected.hex()) == "6999"


@pytest.mark.parametrize("fault", ["wrong-checksum", "wrong-padding", "replayed"])
def test_a_card_in_the_slot_has_no_channel(
    make_state: Callable[[str], MockCardState], fault: str
) -> None:
    card = FaultyCard(MockCard(make_state("v5")))
    card._state.set_faults(Fault(fault))
    with pytest.raises(InvalidArgumentError):
        card.transmit(bytes.fromhex(SELECT_APPLICATION))
