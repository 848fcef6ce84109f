# SPDX-License-Identifier: MIT
"""Which command activates a PIN, as one table.

The schemes are those of docs/reference/card.md, "Activation schemes".

A PIN's state is what the card tells at that moment. It is never remembered: the card
is asked again after each command.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType

from native_host.card.fineid import PinInfo

#: From this day on cards are granted with a code of seven digits.
_NEW_SCHEME = datetime(2026, 1, 13, tzinfo=UTC)
#: So long before and after it the date of a certificate proves nothing.
_DOUBT = timedelta(days=14)


class Scheme(Enum):
    """How a card is activated. The values are how many digits its letter's code has."""

    EIGHT_DIGITS = (8,)
    SEVEN_DIGITS = (7,)
    UNCLEAR = (7, 8)


def scheme_of(not_before: datetime) -> Scheme:
    """Tell the scheme of cards whose certificates are valid from a time on."""
    age = not_before - _NEW_SCHEME
    if abs(age) <= _DOUBT:
        return Scheme.UNCLEAR
    return Scheme.EIGHT_DIGITS if age < timedelta(0) else Scheme.SEVEN_DIGITS


class PinState(Enum):
    """What the card says of a PIN."""

    # By the card's own account; ``card_pins.is_set`` says where that is known.
    NEVER_SET = "never set"
    NEVER_SET_BLOCKED = "never set, and without tries"
    IN_USE = "in use"
    BLOCKED = "blocked"
    UNKNOWN = "nobody knows whether it was ever set"

    @classmethod
    def of(cls, info: PinInfo) -> "PinState":
        """Return the state that belongs to what a card has told."""
        if info.changed is None:
            return cls.UNKNOWN
        if info.changed:
            return cls.IN_USE if info.tries_left else cls.BLOCKED
        return cls.NEVER_SET if info.tries_left else cls.NEVER_SET_BLOCKED


class Event(Enum):
    """A code was typed: of how many digits, and for a card of which scheme."""

    SEVEN = "seven digits, as the card's scheme has them"
    EIGHT = "eight digits, as the card's scheme has them"
    SEVEN_IN_DOUBT = "seven digits, for a card whose scheme is unclear"
    EIGHT_IN_DOUBT = "eight digits, for a card whose scheme is unclear"
    MISFIT = "digits of another number than the scheme has"


_EVENTS = {
    (Scheme.SEVEN_DIGITS, 7): Event.SEVEN,
    (Scheme.EIGHT_DIGITS, 8): Event.EIGHT,
    (Scheme.UNCLEAR, 7): Event.SEVEN_IN_DOUBT,
    (Scheme.UNCLEAR, 8): Event.EIGHT_IN_DOUBT,
}


def event_of(scheme: Scheme, digits: int) -> Event:
    """Return what a code of so many digits means for a card."""
    return _EVENTS.get((scheme, digits), Event.MISFIT)


class Action(Enum):
    """What is done with a PIN then."""

    CHANGE = "CHANGE REFERENCE DATA, with the code as the old PIN"
    UNBLOCK = "RESET RETRY COUNTER, with the code as the PUK"
    LEAVE = "nothing: the code is not for it"
    # With these, nothing is sent for any PIN.
    MISMATCH = "the code is said not to be this card's"
    LOCKED = "only a PUK is said to help"
    UNREADABLE = "the card is said not to tell enough"


# One column for each event, in their order.
_ACTIONS: dict[PinState, tuple[Action, Action, Action, Action, Action]] = {
    PinState.NEVER_SET: (
        Action.CHANGE,
        Action.UNBLOCK,
        Action.CHANGE,
        Action.MISMATCH,  # it looks like the scheme of seven digits
        Action.MISMATCH,
    ),
    PinState.NEVER_SET_BLOCKED: (
        Action.LOCKED,
        Action.UNBLOCK,
        Action.MISMATCH,  # it looks like the scheme of eight digits
        Action.UNBLOCK,
        Action.MISMATCH,
    ),
    PinState.IN_USE: (
        Action.LEAVE,
        Action.LEAVE,
        Action.LEAVE,
        Action.LEAVE,
        Action.MISMATCH,
    ),
    PinState.BLOCKED: (
        Action.LEAVE,
        Action.UNBLOCK,
        Action.LEAVE,
        Action.UNBLOCK,
        Action.MISMATCH,
    ),
    PinState.UNKNOWN: (Action.UNREADABLE,) * 5,
}

#: The action for a PIN in each state at each event. One that sets it puts it in use.
TABLE: Mapping[tuple[PinState, Event], Action] = MappingProxyType(
    {
        (state, event): action
        for state, actions in _ACTIONS.items()
        for event, action in zip(Event, actions, strict=True)
    }
)
