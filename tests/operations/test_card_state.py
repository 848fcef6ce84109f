# SPDX-License-Identifier: MIT
"""What a card's status means: the same as in the window that asks for a PIN."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.operations import card_status
from native_host.operations.card_state import (
    can_change,
    can_unlock,
    card_state,
    valid_until,
)
from native_host.operations.card_status import reader_status
from tests.operations.faulty_session import log_in
from tests.operations.user import User, until
from tests.support.card_statuses import (
    BLOCKED,
    NEW,
    NOW,
    PARTLY,
    READABLE,
    UNREADABLE,
    a_card,
    tries,
)

#: What is sent to a card that is only looked at.
LOOKS = (CommandName.SELECT, CommandName.READ, CommandName.PIN_INFO)


@pytest.mark.parametrize(
    ("changes", "key", "kind"),
    [
        ({}, "ready", "good"),
        (tries(0), "pin1_locked", "error"),
        (tries(5, 0), "pin2_locked", "error"),
        (tries(0, 0), "pins_locked", "error"),
        (tries(1), "pin1_last", "warning"),
        (tries(5, 1), "pin2_last", "warning"),
        (tries(1, 1), "pins_last", "warning"),
        (tries(0, 5, 0), "lost", "error"),
        (tries(5, 5, 0), "puk_locked", "warning"),
        (tries(5, 5, None), "ready", "good"),
        (tries(None), "PIN_TRIES_UNREADABLE", "warning"),
        (tries(None, 0), "pin2_locked", "error"),
        ({"activation": "unknown"}, "unknown", "warning"),
        ({"certificates": [UNREADABLE] * 2}, "CARD_MUTE", "error"),
        ({"certificates": []}, "UNSUPPORTED_CARD", "error"),
        ({**NEW, "certificates": []}, "UNSUPPORTED_CARD", "error"),
        ({"certificates": [READABLE, UNREADABLE]}, "lacks_certificate", "warning"),
        (NEW, "new", "note"),
        (PARTLY, "partly", "warning"),
        (BLOCKED, "activation_blocked", "error"),
        # The PUK, which such a card's code is, sets a PIN without tries too.
        ({**NEW, **tries(0, 0), "activationCodeLengths": [8]}, "new", "note"),
    ],
)
def test_a_card_has_one_state(changes: dict[str, Any], key: str, kind: str) -> None:
    state = card_state(a_card(**changes), NOW)
    assert (state.key.removeprefix("card.") or state.problem, state.kind) == (key, kind)
    assert state.can_activate == (key in ("new", "partly"))


@pytest.mark.parametrize("days", [-30, 1000])
def test_a_card_that_is_not_valid_today_says_so_before_all_else(days: int) -> None:
    card = a_card(**tries(0))
    day = NOW + timedelta(days=days)
    assert card_state(card, day).problem == "CARD_EXPIRED"
    card["certificates"][0] = {"role": "authentication", "error": {"code": "X"}}
    assert card_state(card, day).problem == "CARD_EXPIRED"
    assert valid_until(card) is not None
    assert valid_until(a_card(certificates=[])) is None


@pytest.mark.parametrize(
    ("changes", "change", "unlock"),
    [
        ({}, True, True),
        (tries(0), False, True),
        (tries(0, 5, 0), False, False),
        (tries(3, 5, 0), True, False),
        (NEW, False, False),
        (BLOCKED, False, True),
    ],
)
def test_a_button_is_there_if_it_can_do_something(
    changes: dict[str, Any], change: bool, unlock: bool
) -> None:
    card = a_card(**changes)
    assert (can_change(card, "PIN1"), can_unlock(card, "PIN1")) == (change, unlock)


# -- The mock card, looked at and logged in with --------------------------------------


async def problem_of_look(source: MockCardSource) -> str:
    """Return the code of the problem that a look at the card finds, if there is one."""
    [reader] = await source.readers()
    status = await reader_status(source, reader)
    if "error" in status:
        return status["error"]["code"]
    assert status["card"] is not None
    state = card_state(status["card"], datetime.now(UTC))
    # A login does without knowing whether the card was activated.
    assert state.problem or state.key in ("card.ready", "card.unknown")
    return state.problem


async def problem_of_login(source: MockCardSource) -> str:
    """Return the code of the problem that a login's window shows before the PIN."""
    user = User()
    login = asyncio.create_task(log_in(source, user))
    await until(lambda: user.problems() or user.questions)
    login.cancel()
    await asyncio.gather(login, return_exceptions=True)
    return "" if user.questions else user.problems()[-1]


@pytest.mark.parametrize("name", [each for each in IN_SLOT if each != "delay"])
async def test_a_look_tells_of_each_fault_as_a_login_does(
    source: MockCardSource, state: MockCardState, name: FaultName
) -> None:
    for on in LOOKS:
        for moment in ("before", "after"):
            for times in (1, None):
                fault = Fault(name, on, moment, 0, times)
                found = []
                for problem_of in (problem_of_look, problem_of_login):
                    state.insert()
                    state.set_faults(fault)
                    found.append(await problem_of(source))
                if found == ["PIN_TRIES_UNREADABLE", "CARD_RESET"]:
                    # Each look at a PIN costs the power. The login needs one only, and
                    # finds then that the card has forgotten the application.
                    assert (name, on, moment) == ("power-lost", "pin-info", "after")
                    continue
                passed = times == 1 and found[0] == ""  # it has been read once more
                assert passed or found[0] == found[1], fault


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault("garbled", CommandName.READ, "after", 0, None), 1),
        (Fault("garbled", CommandName.PIN_INFO, "after", 0, None), 1),
        (Fault("power-lost", CommandName.PIN_INFO, "before", 0, 1), 2),
    ],
)
async def test_only_after_a_loss_of_power_are_the_certificates_read_anew(
    source: MockCardSource,
    state: MockCardState,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    times: int,
) -> None:
    read_certificates = card_status._read_certificates
    looks: list[FineidCard] = []

    def read(session: FineidCard) -> card_status.CertificatesStatus:
        looks.append(session)
        return read_certificates(session)

    monkeypatch.setattr(card_status, "_read_certificates", read)
    state.set_faults(fault)
    await problem_of_look(source)
    assert len(looks) == times


@pytest.mark.parametrize("days", [(-900, -9), (9, 900)])
async def test_a_look_tells_of_dates_as_a_login_does(
    tmp_path: Path, days: tuple[int, int]
) -> None:
    begin, end = (NOW + timedelta(days=each) for each in days)
    card = MockCardState.create(tmp_path / "card", not_before=begin, not_after=end)
    async with MockCardSource(card.folder) as source:
        assert await problem_of_look(source) == "CARD_EXPIRED"
        assert await problem_of_login(source) == "CARD_EXPIRED"
