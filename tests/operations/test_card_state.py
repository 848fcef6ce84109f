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
from native_host.cli import card as cli
from native_host.doctor.card import findings_in_readers
from native_host.doctor.findings import Sentences
from native_host.operations import card_status
from native_host.operations.card_access import card_session
from native_host.operations.card_state import can_change, can_unlock, card_state
from native_host.operations.card_status import reader_status
from native_host.operations.card_words import error_words, readers_words
from native_host.texts.card import CardTexts, date
from native_host.texts.language import SPOKEN
from native_host.texts.prompt import PromptTexts
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
    STATES,
    UNDECIDED,
    a_card,
    failed,
    status_of,
    tries,
)

#: What is sent to a card that is only looked at.
LOOKS = (CommandName.SELECT, CommandName.READ, CommandName.PIN_INFO)


#: What the popup says, for each result of ``card-status`` on standard input.
POPUP = """
import { readFileSync } from "node:fs";
import "./tests/extension/fake_browser.mjs";
const { statusTask } = await import("./extension/background/card_tasks.js");
const { wordsReport } = await import("./extension/popup/reports.js");
const said = JSON.parse(readFileSync(0, "utf8")).map((result) => {
  const { state, readers, login } = statusTask().readResult(result);
  const words = readers[0]?.card ?? state;
  return { ...wordsReport(words), acts: words.actions ?? [], login };
});
console.log(JSON.stringify(said));
"""
#: How the popup names what others call a look.
POPUP_LOOKS = {
    "good": "ready",
    "note": "note",
    "warning": "warning",
    "error": "problem",
}


def words_of(readers: list[Any], language: str = "en") -> Any:
    return readers_words(readers, NOW, CardTexts(language))


def words_of_one(words: Any) -> Any:
    """Return the words for the card in the one reader, or for a lack of them."""
    return next(filter(None, words["cards"]), words["state"])


def popup_of(results: Any) -> Any:
    """Return what the popup says of each result."""
    node = ["node", "--input-type=module", "-e", POPUP]
    given, root = json.dumps(results).encode(), Path(__file__).parents[2]
    return json.loads(subprocess.check_output(node, input=given, cwd=root))


@pytest.mark.parametrize("name", STATES)
def test_a_state_has_one_judgement_which_terminal_and_doctor_tell(name: str) -> None:
    """The popup's test is below; that of the desktop's page is in ``tests/desktop``."""
    readers, kind, look, code, acts = STATES[name]
    words = words_of(readers)
    said = words_of_one(words)
    assert (said["kind"], said["look"]) == (kind, look)
    actions = said.get("actions", [])
    assert [_act(each) for each in actions] == acts
    terminal = "\n".join(cli._words(words, readers))
    assert said["title"] in terminal
    assert said["more"] in terminal
    for each in actions:
        pin = f" {each['pin'].lower()}" if each["pin"] else ""
        assert f"kortilla card {each['command']}{pin}" in terminal
    sentences = Sentences("en")
    [found] = [
        each
        for each in findings_in_readers(readers, NOW)
        if each.code not in ("READER", "TEST_CARD")
    ]
    assert found.code == code
    assert found.sentence(sentences) == f"{said['title']} {said['more']}".strip()
    # What only looks like a choice elsewhere is what a person without PINs must do.
    fault = look in ("error", "warning") or kind in ("new", "no_card", "no_reader")
    assert found.is_fault == fault
    if found.fix:
        pin = acts[0].partition(" ")[2].lower()
        command = "unblock" if pin else "activate"
        assert found.fix.command == f"kortilla card {command} {pin}".strip()
    assert (found.fix is not None) == (bool(acts) and fault and kind not in _NO_FIX)


#: A person who may have PINs, or whose tries can't be read, is advised nothing.
_NO_FIX = ("pin1_last", "pin_tries_unreadable")


def _act(action: Any) -> str:
    return f"{action['act']} {action['pin'] or ''}".strip()


def test_the_popup_shows_what_the_host_says() -> None:
    given = [words_of(each.readers) for each in STATES.values()]
    results = [
        {"readers": each.readers, "words": words}
        for each, words in zip(STATES.values(), given, strict=True)
    ]
    for words, shown in zip(given, popup_of(results), strict=True):
        said = words_of_one(words)
        assert (shown["heading"], shown["explanation"]) == (said["title"], said["more"])
        assert (shown["state"], shown["code"]) == (
            *(POPUP_LOOKS[said["look"]], said["code"]),
        )
        assert shown["acts"] == said.get("actions", [])


@pytest.mark.parametrize("language", SPOKEN)
def test_each_state_has_words_in_each_language(language: str) -> None:
    for name, state in STATES.items():
        words = words_of(state.readers, language)
        assert words_of_one(words)["title"].endswith("."), name
        assert "{" not in json.dumps([*_texts(words)]), name


def _texts(words: Any) -> Iterator[str]:
    values = words.values() if isinstance(words, dict) else words
    for each in values:
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list):
            yield from _texts(each)


def test_a_card_says_what_each_of_its_codes_and_certificates_can_do() -> None:
    [card] = words_of([status_of(a_card(**tries(5, 1, 4)))])["cards"]
    assert card["holder"] == "SPECIMEN-POHJALAINEN Aino"
    end = date(NOW + timedelta(days=900))
    assert card["valid"] == f"Valid until {end}"
    told = [(each["code"], each["tries"], each["words"]) for each in card["codes"]]
    assert told == [
        ("PIN1", 5, "5 tries left"),
        ("PIN2", 1, "1 try left"),
        ("PUK", 4, "4 tries left"),
    ]
    acts = [[_act(act) for act in each["actions"]] for each in card["codes"]]
    assert acts == [
        ["change PIN1", "forgotten PIN1"],
        ["change PIN2", "forgotten PIN2"],
        [],
    ]
    assert card["certificates"] == [
        {"title": "For identifying yourself", "words": f"valid until {end}"},
        {"title": "For signing", "words": f"valid until {end}"},
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("new, activation code at 1", "activation code"),
        ("new, PUK at 1", "PUK code"),
        ("PIN1 at 0, PUK at 1", "PUK code"),
    ],
)
def test_a_last_try_of_what_is_needed_next_is_told(name: str, code: str) -> None:
    said = words_of_one(words_of(STATES[name].readers))
    assert f"Only one try of the {code} is left." in said["more"]


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


def test_several_cards_have_a_word_of_their_own_and_each_its_state() -> None:
    readers = [status_of(a_card()), failed("CARD_MUTE"), status_of(a_card(**NEW))]
    words = words_of(readers)
    assert words["state"]["kind"] == "several_cards"
    kinds = [each["kind"] for each in words["cards"]]
    assert kinds == ["ready", "card_mute", "new"]


def test_a_login_is_prepared_with_a_usable_card_and_with_one_that_is_unread() -> None:
    for name, wanted in (
        ("ready", "login.ready"),
        ("contactless", "login.contactless"),
        *((each, None) for each in ("PIN1 at 0", "new", "bank card", "no card")),
        ("identification expired", None),
        ("PIN1 unreadable", None),
    ):
        login = words_of(STATES[name].readers)["login"]
        assert login == (CardTexts("en")(wanted) if wanted else None), name


def test_an_error_of_a_command_has_the_words_of_the_window() -> None:
    texts = CardTexts("en")
    for code in ("PCSC_UNAVAILABLE", "PCSC_DENIED", "OTHER_CARD", "WRONG_PUK"):
        words = error_words(code, texts)
        assert words is not None
        heading, body = PromptTexts("en", "change-pin").problem(code)
        assert (words["title"], words["more"]) == (f"{heading}.", body)
    for code in ("USER_CANCELLED", "BUSY", "CONFIG_BROKEN"):
        assert error_words(code, texts) is None
    lost = error_words("PUK_BLOCKED", texts, command="activate")
    assert lost is not None
    assert lost["title"] == texts("activation_lost.title")


# -- All faces of a card in all states of its codes -----------------------------------


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


async def test_all_that_tells_of_a_card_agrees_on_what_can_be_done_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(card_session, "utc_now", lambda: NOW)
    cards = list(all_states())
    [reader] = await OneCard(cards[0]).readers()
    statuses = [await reader_status(OneCard(card), reader) for card in cards]
    for card, status in zip(cards, statuses, strict=True):
        about = (card.granted, card.pin1, card.pin2, card.puk)
        told, words = status["card"], words_of([status])
        assert told is not None
        acts = [each["act"] for each in words_of_one(words)["actions"]]
        can_activate = "activate" in acts
        if told["activation"] != "active":  # the command unlocks a PIN of an active one
            assert await asks(card, activating) == can_activate, about
        # These advise it where it is needed, and not to a person who may have PINs.
        needed = can_activate and told["activation"] != "unknown"
        assert advises(status) == needed, about
        assert (_activation(card) in ("new", "partly")) == needed, about
        assert (words["login"] is not None) == await asks(card, log_in), about


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
    assert state.problem or state.kind in ("ready", "unknown")
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
    begin, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
    card = MockCardState.create(tmp_path / "card", not_before=begin, not_after=end)
    async with MockCardSource(card.folder) as source:
        assert await problem_of_look(source) == "CARD_EXPIRED"
        assert await problem_of_login(source) == "CARD_EXPIRED"
