# SPDX-License-Identifier: MIT
"""The table of activation: every state × every event, in the table and on the card."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinInfo
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.operations import card_pins
from native_host.operations.activation_table import (
    TABLE,
    Action,
    Event,
    PinState,
    Scheme,
    event_of,
    scheme_of,
)
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.prompt import PromptError
from tests.operations.managing import (
    CODES,
    NewCard,
    activating,
    codes_sent,
    managed,
    reason,
    typing,
)

COMMANDS = {Action.CHANGE: 0x24, Action.UNBLOCK: 0x2C}
ALL = list(product(PinState, Event))


@pytest.mark.parametrize(("state", "event"), ALL, ids=lambda each: each.name)
def test_the_table_keeps_the_rules(state: PinState, event: Event) -> None:
    action = TABLE[state, event]
    seven = event in {Event.SEVEN, Event.SEVEN_IN_DOUBT}
    eight = event in {Event.EIGHT, Event.EIGHT_IN_DOUBT}
    in_doubt = event in {Event.SEVEN_IN_DOUBT, Event.EIGHT_IN_DOUBT}
    if action is Action.CHANGE:
        assert seven
        assert state is PinState.NEVER_SET
    if action is Action.UNBLOCK:
        assert eight
        assert state is not PinState.IN_USE
        assert not (in_doubt and state is PinState.NEVER_SET)
    if event is Event.MISFIT or state in {PinState.IN_USE, PinState.UNKNOWN}:
        assert action not in COMMANDS
    # A user with the right code of a card that can be activated must succeed.
    if state is PinState.NEVER_SET and event in {Event.SEVEN, Event.EIGHT}:
        assert action in COMMANDS


SCHEMES = {
    Event.SEVEN: (Scheme.SEVEN_DIGITS, 7),
    Event.EIGHT: (Scheme.EIGHT_DIGITS, 8),
    Event.SEVEN_IN_DOUBT: (Scheme.UNCLEAR, 7),
    Event.EIGHT_IN_DOUBT: (Scheme.UNCLEAR, 8),
    Event.MISFIT: (Scheme.EIGHT_DIGITS, 7),
}
SAID = {
    Action.MISMATCH: "ACTIVATION_MISMATCH",
    Action.LOCKED: "ACTIVATION_BLOCKED",
    Action.UNREADABLE: "PIN_TRIES_UNREADABLE",
    Action.LEAVE: "PIN_BLOCKED",
}
WITHOUT_TRIES = {PinState.BLOCKED, PinState.NEVER_SET_BLOCKED}


def put_into(card: MockCardState, state: PinState, code: str) -> None:
    """Put both PINs into a state; a card that is activated by changing has the code."""
    with card.update() as data:
        for pin in (data.pin1, data.pin2):
            pin.changed = state in {PinState.IN_USE, PinState.BLOCKED}
            pin.tries = 0 if state in WITHOUT_TRIES else 5
            pin.value = code if state is PinState.NEVER_SET else "11111111"


@pytest.mark.parametrize(("state", "event"), ALL, ids=lambda each: each.name)
async def test_the_card_gets_what_the_table_says(
    state: PinState, event: Event, new_card: NewCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme, digits = SCHEMES[event]
    assert event_of(scheme, digits) is event
    card = new_card("eight")
    put_into(card, state, CODES[7])
    monkeypatch.setattr(card_pins, "scheme_of", lambda _: scheme)
    action = TABLE[state, event]
    locked = action in {Action.LOCKED, Action.LEAVE} and state in WITHOUT_TRIES
    # Where no code can help, none is asked for.
    codes = [] if locked and scheme is Scheme.SEVEN_DIGITS else [typing(digits)]
    async with MockCardSource(card.folder) as source:
        if state is PinState.UNKNOWN:
            hide_whether_set(monkeypatch)
        user, record, result = await managed(source, card, activating, codes=codes)
    sent = codes_sent(record.commands())
    if action in COMMANDS:
        ins = COMMANDS[action]
        assert sent == [(ins, 0x11, CODES[digits]), (ins, 0x82, CODES[digits])]
        assert not user.problems()
        assert result == PinsSet("set", "set")
    else:
        assert not sent
        if state is PinState.IN_USE:
            assert result == PinsSet("was-set", "was-set")
            assert not user.codes_questions
        elif event is Event.MISFIT and user.codes_questions:
            assert isinstance(result, PromptError)  # the prompt should have rejected it
        else:
            assert bool(user.unlock_offers) is locked
            assert set(user.problems()) == (set() if locked else {SAID[action]})
            assert reason(result) == SAID[action] or not locked
    expected = PinState.IN_USE if action in COMMANDS else state
    for pin in (card.read().pin1, card.read().pin2):
        then = PinState.of(PinInfo(pin.tries, pin.changed))
        assert state is PinState.UNKNOWN or then is expected


def hide_whether_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the card report other values than 00 and 01 for each PIN."""
    send = MockCardConnection.send_and_receive

    def send_and_hide(card: MockCardConnection, apdu: bytes) -> tuple[bytes, int]:
        data, status = send(card, apdu)
        return (data[:-1] + b"\x02" if apdu[1] == 0xCB else data), status

    monkeypatch.setattr(MockCardConnection, "send_and_receive", send_and_hide)


@pytest.mark.parametrize("digits", [*range(13)])
@pytest.mark.parametrize("scheme", Scheme)
def test_digits_that_the_scheme_does_not_have_are_a_misfit(
    scheme: Scheme, digits: int
) -> None:
    assert (event_of(scheme, digits) is Event.MISFIT) is (digits not in scheme.value)


@pytest.mark.parametrize(
    ("days", "scheme"),
    [
        *((days, Scheme.EIGHT_DIGITS) for days in (-700, -15)),
        *((days, Scheme.UNCLEAR) for days in (-14, 0, 14)),
        *((days, Scheme.SEVEN_DIGITS) for days in (15, 700)),
    ],
)
def test_the_date_of_the_certificate_tells_the_scheme(
    days: int, scheme: Scheme
) -> None:
    assert scheme_of(datetime(2026, 1, 13, tzinfo=UTC) + timedelta(days)) is scheme
