# SPDX-License-Identifier: MIT
"""What a card's status means: the same as in the window that asks for a PIN."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName
from kortilla.mock_card.state import MockCardState
from native_host.agent.agent import _activation
from native_host.card.fineid import FineidCard
from native_host.card.mock_source import MockCardSource
from native_host.cli.card import _reader_words
from native_host.desktop.texts import Texts
from native_host.doctor.card import findings_in_readers
from native_host.operations import card_status
from native_host.operations.card_state import (
    can_change,
    can_unlock,
    card_state,
    valid_until,
)
from native_host.operations.card_status import reader_status
from tests.operations.faulty_session import Operation, log_in
from tests.operations.independent_card import (
    GRANTED_AFTER,
    GRANTED_BEFORE,
    GRANTED_NEAR,
    IndependentCard,
    OneCard,
    Secret,
)
from tests.operations.managing import activating
from tests.operations.user import User, until
from tests.support.card_statuses import (
    BLOCKED,
    LOST,
    NEW,
    NOW,
    PARTLY,
    READABLE,
    UNDECIDED,
    UNREADABLE,
    a_card,
    tries,
)

SPENT = {"activationProblem": "PUK_BLOCKED"}
UNREAD = {"activationProblem": "PIN_TRIES_UNREADABLE"}
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
        (UNDECIDED, "undecided", "note"),
        ({**UNDECIDED, **tries(1)}, "pin1_last", "warning"),
        ({**UNDECIDED, **tries(5, 5, 0), **SPENT}, "puk_locked", "warning"),
        ({"activation": "unknown", **UNREAD}, "unknown", "warning"),
        ({"certificates": [UNREADABLE] * 2}, "CARD_MUTE", "error"),
        ({"certificates": []}, "UNSUPPORTED_CARD", "error"),
        ({**NEW, "certificates": []}, "UNSUPPORTED_CARD", "error"),
        ({"certificates": [READABLE, UNREADABLE]}, "lacks_certificate", "warning"),
        (NEW, "new", "note"),
        (PARTLY, "partly", "warning"),
        (BLOCKED, "activation_blocked", "error"),
        (LOST, "activation_lost", "error"),
        ({**PARTLY, **tries(5, 0, 0), **SPENT}, "activation_lost", "error"),
        ({**NEW, **tries(0, 0, None), **UNREAD}, "PIN_TRIES_UNREADABLE", "warning"),
        # The PUK, which such a card's code is, sets a PIN without tries too.
        ({**NEW, **tries(0, 0)}, "new", "note"),
    ],
)
def test_a_card_has_one_state(changes: dict[str, Any], key: str, kind: str) -> None:
    state = card_state(a_card(**changes), NOW)
    assert (state.key.removeprefix("card.") or state.problem, state.kind) == (key, kind)
    undecided = changes.get("pinsSet") == UNDECIDED["pinsSet"]
    can_activate = key in ("new", "partly") or (undecided and key != "puk_locked")
    assert state.can_activate == can_activate


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
        (LOST, False, False),
        (UNDECIDED, True, True),
    ],
)
def test_a_button_is_there_if_it_can_do_something(
    changes: dict[str, Any], change: bool, unlock: bool
) -> None:
    card = a_card(**changes)
    assert (can_change(card, "PIN1"), can_unlock(card, "PIN1")) == (change, unlock)


# -- All faces of a card in all states ------------------------------------------------

#: What the popup says, for each reader of the host's answer on standard input.
POPUP = """
import { readFileSync } from "node:fs";
import "./tests/extension/fake_browser.mjs";
const { statusTask } = await import("./extension/background/card_tasks.js");
const { cardReport, loginAdvice } = await import("./extension/popup/reports.js");
const given = JSON.parse(readFileSync(0, "utf8"));
const said = given.map((reader) => {
  const readers = statusTask().readResult({ readers: [reader] });
  return [cardReport(readers[0].card).canActivate, loginAdvice(readers) !== null];
});
console.log(JSON.stringify(said));
"""


def all_states() -> Iterator[IndependentCard]:
    """Yield a card of each scheme in each state of its three codes."""
    said, left = (False, True, None), (0, 5)
    for granted in (GRANTED_BEFORE, GRANTED_NEAR, GRANTED_AFTER):
        for one, two in product(product(left, said), repeat=2):
            for puk in (0, 5, None):
                yield IndependentCard(
                    pin1=Secret("1234", *one),
                    pin2=Secret("123456", *two),
                    puk=Secret("12345678", puk, changed=False),
                    granted=granted,
                )


async def test_all_that_tells_of_a_card_agrees_on_what_can_be_done_with_it() -> None:
    cards = list(all_states())
    [reader] = await OneCard(cards[0]).readers()
    statuses = [await reader_status(OneCard(card), reader) for card in cards]
    for card, status, said in zip(cards, statuses, popup_of(statuses), strict=True):
        told = status["card"]
        assert told is not None
        about = (card.granted, card.pin1, card.pin2, card.puk)
        faces = {
            "the window": card_state(told, NOW).can_activate,
            "the terminal": "kortilla card activate" in " ".join(words_of(status)),
            "the popup": said[0],
            "the command": await asks(card, activating),
        }
        if told["activation"] == "active":  # the command unlocks a PIN of such a card
            del faces["the command"]
        assert len(set(faces.values())) == 1, (faces, about)
        can_activate = faces["the window"]
        # These advise it where it is needed, and not to a person who may have PINs.
        needed = can_activate and told["activation"] != "unknown"
        assert advises(status) == needed, about
        assert (_activation(card) in ("new", "partly")) == needed, about
        assert said[1] == await asks(card, log_in), about


def popup_of(statuses: Any) -> Any:
    """Return whether the popup offers activation, and a login, for each reader."""
    node = ["node", "--input-type=module", "-e", POPUP]
    given, root = json.dumps(statuses).encode(), Path(__file__).parents[2]
    return json.loads(subprocess.check_output(node, input=given, cwd=root))


def words_of(status: Any) -> Iterator[str]:
    return _reader_words(status, Texts("en"))


def advises(status: Any) -> bool:
    """Whether ``kortilla doctor`` advises the activation."""
    fixes = [each.fix for each in findings_in_readers([status], NOW)]
    return any(fix and fix.command == "kortilla card activate" for fix in fixes)


async def asks(card: IndependentCard, operation: Operation) -> bool:
    """Whether an operation begins with its own question, or else with a problem."""
    user = User(agrees=None)
    work = asyncio.ensure_future(operation(OneCard(card), user))
    asked = await settled(user, work)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert not card.sent
    return asked


async def settled(user: User, work: asyncio.Future[object]) -> bool:
    def asked() -> bool:
        return bool(user.codes_questions or user.questions)

    await until(
        lambda: (
            asked()
            or user.problems()
            or user.offers
            or user.unlock_offers
            or work.done()
        )
    )
    return asked()


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
