# SPDX-License-Identifier: MIT
"""Faults: the command that each affects, and whether the card has executed it."""

import json
import logging
import threading
from typing import Any

import pytest

from kortilla.mock_card.apdu import Style
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.errors import InvalidArgumentError, MockCardBrokenError
from kortilla.mock_card.faults import (
    IN_SLOT,
    CardGoneError,
    CardSilentError,
    CommandName,
    Fault,
    FaultyCard,
)
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block

SELECT_FILE = "00A4080402433100"
READ = "00B0000000"
INFORMATION = "00CB00FF05A003830111"
TOLD = "A0238301118C04F00000009C04F0000000DF210405FFA503DF2702FFFFDF28010CDF2F01019000"
STATUS = "00200011"
VERIFY = f"002000110C{pin_block('1234')}"
WRONG = f"002000110C{pin_block('4321')}"
VERIFY_PIN2 = f"002000820C{pin_block('123456')}"
CHANGE = f"0024001118{pin_block('1234')}{pin_block('4711')}"
UNBLOCK = f"002C001118{pin_block('12345678')}{pin_block('4711')}"
CHOOSE = "002241B606800154840101"
HASH = f"002A90A0329030{'AB' * 48}"
SIGN = "002A9E9A60"

#: A session with one command of every name.
SESSION = [
    ("select", SELECT_APPLICATION),
    ("select", SELECT_FILE),
    ("read", READ),
    ("pin-info", INFORMATION),
    ("pin-info", STATUS),
    ("unblock", UNBLOCK),
    ("change", f"0024001118{pin_block('4711')}{pin_block('1234')}"),
    ("verify", VERIFY),
    ("choose-key", CHOOSE),
    ("hash", HASH),
    ("sign", SIGN),
]
#: The faults with which the card has executed nothing, unless they come after it.
LOSING = [name for name in IN_SLOT if name not in {"delay", "power-lost"}]


def powered(state: MockCardState, *, style: str = Style.DIRECT) -> FaultyCard:
    card = FaultyCard(MockCard(state, style=style))
    assert send(card, SELECT_APPLICATION) == "9000"
    return card


@pytest.fixture
def faulty(state: MockCardState) -> FaultyCard:
    return powered(state)


def send(card: FaultyCard, apdu: str) -> str:
    return card.transmit(bytes.fromhex(apdu)).hex().upper()


# -- Which command --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({name for name, _ in SESSION}))
def test_a_fault_strikes_the_first_command_of_its_name(
    state: MockCardState, name: str
) -> None:
    card = FaultyCard(MockCard(state))
    state.set_faults(Fault("mute", on=name))
    struck = next(index for index, (each, _) in enumerate(SESSION) if each == name)
    for index, (_, apdu) in enumerate(SESSION[: struck + 1]):
        if index == struck:
            with pytest.raises(CardSilentError):
                send(card, apdu)
        else:
            assert send(card, apdu)[-4:] in {"9000", "63C5"}
    assert state.faults() == ()
    for apdu in ("00C0000000", "0084000008", "002A90", "00", ""):
        assert CommandName.of(bytes.fromhex(apdu)) == "any"
    # The lost command can be sent again, and the session goes on.
    for _, apdu in SESSION[struck:]:
        assert send(card, apdu)[-4:] in {"9000", "63C5"}


def test_a_fault_lets_some_pass_and_strikes_as_often_as_told(
    state: MockCardState, faulty: FaultyCard
) -> None:
    state.set_faults(Fault("6F00", on="pin-info", skip=2, times=3))
    answers = []
    for _ in range(7):
        answers.append(send(faulty, STATUS))
        assert send(faulty, SELECT_APPLICATION) == "9000"  # another command
    assert answers == ["63C5"] * 2 + ["6F00"] * 3 + ["63C5"] * 2
    assert not (state.folder / "faults.json").exists()
    state.set_faults(Fault("6F00", times=None))  # until it is cleared
    assert [send(faulty, STATUS) for _ in range(3)] == ["6F00"] * 3
    state.set_faults(Fault("6F00", on="read"), Fault("61xx", skip=1))
    state.add_fault(Fault("6F00", on="pin-info"))
    assert send(faulty, STATUS) == "6F00"
    assert send(faulty, STATUS) == "6110"  # this one was pending since the first
    assert state.faults() == (Fault("6F00", on="read"),)


# -- Before or after ------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSING)
def test_before_means_that_the_card_knows_nothing_of_the_command(
    state: MockCardState, faulty: FaultyCard, name: str
) -> None:
    before = state.read()
    for on, apdu in (("verify", WRONG), ("change", CHANGE), ("unblock", UNBLOCK)):
        state.set_faults(Fault(name, on=on))
        answer = strike(faulty, apdu)
        assert answer != "9000"
        assert state.read() == before
        assert state.faults() == ()
        if name in {"card-pulled", "reader-pulled"}:
            state.insert()
            faulty = powered(state)


@pytest.mark.parametrize("name", IN_SLOT)
def test_after_means_that_the_command_has_had_its_effect(
    state: MockCardState, faulty: FaultyCard, name: str
) -> None:
    seconds = 0.0 if name == "delay" else None
    state.set_faults(Fault(name, on="verify", when="after", seconds=seconds))
    answer = strike(faulty, WRONG)
    assert state.read().pin1.tries == 4
    assert (answer == "63C4") == (name in {"delay", "power-lost"})


def strike(card: FaultyCard, apdu: str) -> str:
    try:
        return send(card, apdu)
    except (CardGoneError, CardSilentError) as error:
        return type(error).__name__


@pytest.mark.parametrize("name", ["mute", "garbled", "too-short", "6Cxx", "6F00"])
def test_a_signature_that_was_made_and_lost_has_used_pin2_up(
    state: MockCardState, faulty: FaultyCard, name: str
) -> None:
    for when in ("before", "after"):
        state.set_faults(Fault(name, on="sign", when=when))
        for apdu in (VERIFY_PIN2, "002241B606800154840102", HASH):
            assert send(faulty, apdu) == "9000"
        strike(faulty, SIGN)
        if when == "before":  # it can be asked for again
            assert len(send(faulty, SIGN)) == 2 * (96 + 2)
        assert send(faulty, "00200082") == "63C5"
        assert send(faulty, SIGN) == "6985"


# -- Responses ------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["card-pulled", "reader-pulled"])
def test_a_card_that_was_pulled_has_forgotten_all_when_it_is_back(
    state: MockCardState, faulty: FaultyCard, name: str, when: str
) -> None:
    assert send(faulty, VERIFY) == "9000"
    state.set_faults(Fault(name, on="pin-info", when=when))
    for _ in range(2):
        with pytest.raises(CardGoneError):
            send(faulty, STATUS)
    assert not state.presence().card
    assert state.presence().reader is (name == "card-pulled")
    state.insert()
    assert (state.presence().card, state.presence().reader) == (True, True)
    # It is another card's session by now.
    with pytest.raises(CardGoneError):
        send(faulty, STATUS)
    assert send(powered(state), STATUS) == "63C5"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_card_whose_power_was_lost_has_forgotten_all_and_does_not_say_so(
    state: MockCardState, faulty: FaultyCard, when: str
) -> None:
    assert send(faulty, VERIFY) == "9000"
    state.set_faults(Fault("power-lost", on="pin-info", when=when))
    # Without the application it knows no PINs.
    assert send(faulty, STATUS) == ("6D00" if when == "before" else "9000")
    assert send(faulty, STATUS) == "6D00"
    assert send(faulty, SELECT_APPLICATION) == "9000"
    assert send(faulty, STATUS) == "63C5"
    assert state.presence().card


def test_what_was_pulled_comes_back_by_itself_when_told_so(
    state: MockCardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    state.pull(reader=True, seconds=5)
    now += 4.9
    assert not state.presence().reader
    assert state.presence().seconds_left() == pytest.approx(0.1)
    now += 0.2
    presence = state.presence()
    assert (presence.card, presence.reader, presence.insertions) == (True, True, 2)
    assert presence.seconds_left() is None
    state.pull()
    assert state.presence().insertions == 2
    assert state.presence().seconds_left() is None
    state.insert()
    assert state.presence().insertions == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_lasts_and_changes_nothing(
    state: MockCardState, faulty: FaultyCard, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float | None] = []

    def wait(_: threading.Event, timeout: float | None = None) -> bool:
        tries = state.read().pin1.tries
        assert tries == (5 if when == "before" else 4)
        waited.append(timeout)
        return False

    monkeypatch.setattr(threading.Event, "wait", wait)
    state.set_faults(Fault("delay", when=when, seconds=0.25))
    assert send(faulty, WRONG) == "63C4"
    assert waited == [0.25]
    monkeypatch.undo()
    state.set_faults(Fault("delay", when=when, seconds=3600))
    faulty.hurry()  # it can be cut short
    assert send(faulty, STATUS) == "63C4"


@pytest.mark.parametrize(
    ("name", "information", "status"),
    [
        ("too-short", TOLD[:36] + "9000", "63"),  # half of a status word
        ("too-long", TOLD[:-4] + "00" * 8 + "9000", "00" * 8 + "63C5"),
        ("61xx", "6125", "6100"),
        ("6Cxx", "6C25", "6C00"),
        ("6F00", "6F00", "6F00"),
        ("mute", "CardSilentError", "CardSilentError"),
    ],
)
def test_an_answer_is_altered_and_the_card_remembers(
    state: MockCardState, faulty: FaultyCard, name: str, information: str, status: str
) -> None:
    assert send(faulty, INFORMATION) == TOLD
    state.set_faults(Fault(name, when="after", times=2))
    assert strike(faulty, INFORMATION) == information
    assert strike(faulty, STATUS) == status
    assert send(faulty, VERIFY) == "9000"
    state.set_faults(Fault(name, on="read"))
    strike(faulty, READ)
    assert send(faulty, STATUS) == "9000"


def test_a_garbled_answer_has_other_bits_in_each_byte(
    state: MockCardState, faulty: FaultyCard
) -> None:
    right = bytes.fromhex(TOLD)
    state.set_faults(Fault("garbled", when="after", times=2))
    wrong = bytes.fromhex(send(faulty, INFORMATION))
    assert all(a != b for a, b in zip(right[:-2], wrong[:-2], strict=True))
    assert wrong[-2:] == right[-2:]
    # Without data, the status word is none of ISO/IEC 7816-4.
    assert send(faulty, STATUS)[0] not in "69"


def test_answers_are_fetched_where_61xx_comes_although_the_reader_is_not_plain(
    state: MockCardState, faulty: FaultyCard
) -> None:
    for apdu in (SELECT_FILE, READ, INFORMATION):
        right = send(faulty, apdu)
        state.set_faults(Fault("61xx", when="after"))
        size = len(right) // 2 - 2
        assert send(faulty, apdu) == f"61{size:02X}"
        assert send(faulty, "00C0000004") == right[:8] + f"61{size - 4:02X}"
        assert send(faulty, "00C0000000") == right[8:]
        assert send(faulty, "00C0000000") == "6985"
    # A verified PIN is not lost with it, and what is not fetched is.
    state.set_faults(Fault("61xx", on="verify", when="after"))
    assert send(faulty, VERIFY) == "6100"
    assert send(faulty, "00C0000000") == "9000"
    state.set_faults(Fault("61xx", when="after"))
    assert send(faulty, INFORMATION) == "6125"
    assert send(faulty, STATUS) == "9000"
    assert send(faulty, "00C0000000") == "6985"
    state.set_faults(Fault("61xx"))  # nothing waits behind it before the command
    assert send(faulty, INFORMATION)[:2] == "61"
    assert send(faulty, "00C0000000") == "6985"


@pytest.mark.parametrize(
    ("apdu", "size"),
    [
        (SELECT_FILE, 6),
        ("00A4080C024331", 0),
        (READ, 181),
        (INFORMATION, 0x25),
        (VERIFY, 0),
        (CHOOSE, 0),
        (SIGN, 96),
    ],
)
def test_6cxx_tells_the_length_that_would_have_been_right(
    state: MockCardState, faulty: FaultyCard, apdu: str, size: int
) -> None:
    for each in (SELECT_FILE, VERIFY, CHOOSE, HASH):
        assert send(faulty, each)[-4:] == "9000"
    state.set_faults(Fault("6Cxx"))
    assert send(faulty, apdu) == f"6C{size:02X}"


# -- Impossible faults ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "unplugged"}, "card-pulled"),
        ({"name": "mute", "on": "login"}, "choose-key"),
        ({"name": "mute", "when": "during"}, "before"),
        ({"name": "mute", "skip": -1}, "skips 0 or more"),
        ({"name": "mute", "times": 0}, "strikes 1 or more"),
        ({"name": "6F00", "seconds": 1}, "6F00 takes no time"),
        ({"name": "delay", "seconds": -1}, "3600 seconds"),
        ({"name": "delay", "seconds": 3601}, "3600 seconds"),
        ({"name": "delay", "seconds": float("nan")}, "3600 seconds"),
    ],
)
def test_a_fault_that_can_not_be_is_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgumentError, match=named):
        Fault(**fields)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"5", b'"mute"', b'[{"on": "any"}]', b'[{"name": "unplugged"}]'),
        *(b'[{"name": "mute", "colour": 1}]', b'[{"name": "mute", "skip": "1"}]'),
    ],
)
@pytest.mark.parametrize("file", ["faults.json", "presence.json"])
def test_a_broken_file_is_named(
    state: MockCardState, faulty: FaultyCard, file: str, content: bytes
) -> None:
    (state.folder / file).write_bytes(content)
    with pytest.raises(MockCardBrokenError, match=file.replace(".", r"\.")):
        send(faulty, STATUS)


def test_faults_and_commands_are_logged_without_what_was_sent(
    state: MockCardState, faulty: FaultyCard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = "73519264"
    for apdu in (
        f"002000110C{pin_block(sent)}",
        f"0024001118{pin_block(sent) * 2}",
        f"002C001118{pin_block(sent) * 2}",
        f"00200011{pin_block(sent)}",  # malformed
    ):
        strike(faulty, apdu)
    assert "00200011 -> 63c4" in caplog.text
    for name in IN_SLOT:
        seconds = 0.0 if name == "delay" else None
        state.set_faults(Fault(name, when="after", seconds=seconds))
        state.insert()
        strike(FaultyCard(MockCard(state)), f"002000110C{pin_block(sent)}")
        assert f"Fault {name} after the command verify." in caplog.text
    for form in (sent, sent.encode().hex(), repr(sent.encode())[2:-1]):
        assert form not in caplog.text
        assert form not in json.dumps(state.describe())
