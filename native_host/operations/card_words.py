# SPDX-License-Identifier: MIT
"""The words for readers, cards, PINs and certificates, for all that shows them.

The fields are those of PROTOCOL.md, ``card-status``. Names are printable.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from kortilla.common.escaping import printable
from native_host.card.errors import CardKind, PukBlockedError
from native_host.operations.card_state import (
    PINS,
    Act,
    CardState,
    Look,
    acts_of_pin,
    can_log_in,
    certificate_state,
    failure_state,
    readable,
    reader_state,
    state_of_readers,
    valid_until,
)
from native_host.operations.card_status import (
    CardStatus,
    CertificateStatus,
    ReaderStatus,
)
from native_host.texts import as_sentence
from native_host.texts.card import CardTexts, date

#: The command of ``kortilla card``, and of PROTOCOL.md §3, for each act.
COMMANDS: dict[Act, str] = {
    "activate": "activate",
    "change": "change-pin",
    "forgotten": "unblock",
    "unlock": "unblock",
}
_CODES = (*PINS, "PUK")
#: States with texts of the PIN window's own, in which a person does what is said.
_NOTES = ("CARD_NOT_ACTIVATED",)


class Action(TypedDict):
    """A button. ``name`` says the same where no PIN is beside it."""

    act: Act
    command: str
    pin: str | None
    label: str
    name: str


class HelpWords(TypedDict):
    """A question and its answer."""

    title: str
    more: str


class StateWords(TypedDict):
    """What is said of a state. ``code`` is for support, empty where nothing failed.

    ``help`` answers a question that not everybody has.
    """

    kind: str
    look: Look
    title: str
    more: str
    code: str
    help: HelpWords | None


class CodeWords(TypedDict):
    """A PIN or the PUK. ``tries`` is None if unknown, or if the PIN is not set yet.

    ``words`` tells of them, and ``short`` does beside a drawing of them.
    """

    code: str
    title: str
    use: str
    tries: int | None
    words: str
    short: str
    actions: list[Action]


class CertificateWords(TypedDict):
    title: str
    words: str


class CardWords(StateWords):
    """A card, or why it can't be read. ``actions`` make it usable."""

    mark: str
    holder: str
    satu: str
    valid: str
    actions: list[Action]
    codes: list[CodeWords]
    certificates: list[CertificateWords]


class ReadersWords(TypedDict):
    """All readers. ``cards`` has None for an empty one; ``state`` is about all.

    ``login`` says why to prepare a login, or is None if none can succeed.
    """

    state: StateWords | None
    cards: list[CardWords | None]
    login: str | None


def readers_words(
    readers: Sequence[ReaderStatus], now: datetime, texts: CardTexts
) -> ReadersWords:
    state = state_of_readers(readers)
    login = None
    if able := [each for each in readers if can_log_in(each, now)]:
        # A browser sees no card on a contactless reader before that.
        unread = any(each["card"] is None for each in able)
        login = texts("login.contactless" if unread else "login.ready")
    return {
        "state": state_words(state, texts) if state else None,
        "cards": [card_words(each, now, texts) for each in readers],
        "login": login,
    }


def state_words(state: CardState, texts: CardTexts) -> StateWords:
    """Return the words for a state; those of the PIN window for an error's code."""
    # What to do does not depend on the PIN.
    group = state.kind.rpartition("_")[2] if state.kind.startswith("pin") else ""
    if f"{state.kind}.title" in texts:
        title, more = texts(f"{state.kind}.title"), ""
        for key in (f"{state.kind}.more", f"{group}.more"):
            if not more and key in texts:
                more = texts(key)
    else:
        kind = CardKind[state.detail].value if state.detail else ""
        title, more = texts.problem(state.problem, kind)
    also = [texts(f"{code}_last.also") for code in state.last]
    return {
        "kind": state.kind,
        "look": state.look,
        "title": as_sentence(title),
        "more": " ".join(filter(None, (more, *also))),
        "code": state.problem if state.look == "error" else "",
        "help": _help(group, texts),
    }


def _help(group: str, texts: CardTexts) -> HelpWords | None:
    key = f"{group}.help"
    if f"{key}.title" not in texts:
        return None
    return {"title": texts(f"{key}.title"), "more": texts(f"{key}.more")}


def error_words(code: str, texts: CardTexts, *, command: str = "") -> StateWords | None:
    """Return the words for the code of an error with which a command has ended.

    None if it is not about a reader or a card.
    """
    if code in ("NO_CARD", "NO_READER"):
        return state_words(CardState(code.lower(), "note"), texts)
    if command == "activate" and code == PukBlockedError.code:
        return state_words(CardState("activation_lost", "error", code), texts)
    if not texts.has_problem(code):
        return None
    words = state_words(failure_state({"code": code, "message": ""}), texts)
    if code in _NOTES:
        words["look"], words["code"] = "note", ""
    return words


def card_words(
    status: ReaderStatus, now: datetime, texts: CardTexts
) -> CardWords | None:
    """Return the words for the card in a reader; None if there is none."""
    if (state := reader_state(status, now)) is None:
        return None
    words: CardWords = {
        **state_words(state, texts),
        "mark": texts.test_card[0] if status["testCard"] else "",
        "holder": "",
        "satu": "",
        "valid": "",
        "actions": [],
        "codes": [],
        "certificates": [],
    }
    if (card := status["card"]) and readable(card):
        _add_card(words, card, now, texts)
    elif state.kind == "contactless":
        words["codes"] = [
            _code_words(pin, None, "", ["change", "unlock"], texts) for pin in PINS
        ]
    if state.can_activate:
        words["actions"].insert(0, _action("activate", None, texts))
    return words


def _add_card(
    words: CardWords, card: CardStatus, now: datetime, texts: CardTexts
) -> None:
    holder = card["holder"]
    words["holder"] = printable(holder["name"]) if holder else texts("holder_unknown")
    if holder:
        words["satu"] = texts("satu", satu=printable(holder["satu"]))
    if (end := valid_until(card)) and end > now:
        words["valid"] = texts("valid", date=date(end))
    for code in _CODES:
        is_set = code not in PINS or card["pinsSet"].get(code) is not False
        left = card["tries"][code]
        said = texts.tries(left, is_set=is_set)
        acts = acts_of_pin(card, code) if code in PINS else []
        shown = left if is_set else None
        words["codes"].append(_code_words(code, shown, said, acts, texts))
        words["actions"] += [
            _action(act, code, texts) for act in acts if act == "unlock"
        ]
    words["certificates"] = [
        _certificate_words(each, card["certificates"], now, texts)
        for each in card["certificates"]
    ]


def _code_words(
    code: str, tries: int | None, words: str, acts: list[Act], texts: CardTexts
) -> CodeWords:
    key = code.lower()
    return {
        "code": code,
        "title": texts(key),
        "use": texts(f"{key}.use"),
        "tries": tries,
        "words": words,
        "short": words if tries is None else texts.short_tries(tries),
        "actions": [_action(act, code, texts) for act in acts],
    }


def _action(act: Act, pin: str | None, texts: CardTexts) -> Action:
    return {
        "act": act,
        "command": COMMANDS[act],
        "pin": pin,
        "label": texts(act),
        "name": texts(f"{act}.{pin.lower()}" if pin else act),
    }


def _certificate_words(
    certificate: CertificateStatus,
    others: list[CertificateStatus],
    now: datetime,
    texts: CardTexts,
) -> CertificateWords:
    role, kind = certificate["role"], certificate.get("keyType", "")
    title = texts(f"certificate.{role}")
    if kind and sum(each["role"] == role for each in others) > 1:
        title = f"{title} ({kind})"
    state, day = certificate_state(certificate, now)
    dated = {"date": date(day)} if day else {}
    return {"title": title, "words": texts(f"certificate.{state}", **dated)}
