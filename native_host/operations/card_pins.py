# SPDX-License-Identifier: MIT
"""What a card says of its PINs, and what can be done with each.

All that asks for a PIN, sets one, or tells of a card takes its answers from here: a PIN
that counts as set for one of them does so for all.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    CardNotActivatedError,
    PinBlockedError,
    PinTriesUnreadableError,
    PukBlockedError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinInfo, PinRole
from native_host.operations.activation_table import (
    TABLE,
    Action,
    PinState,
    Scheme,
    event_of,
    scheme_of,
)

logger = logging.getLogger(__name__)

#: The PINs that the person chooses.
PINS = (PinRole.PIN1, PinRole.PIN2)

#: How far a card has been activated; ``partly`` if only one of its PINs is set.
Activation = Literal["active", "new", "partly", "unknown"]

_WITHOUT_TRIES = (PinState.BLOCKED, PinState.NEVER_SET_BLOCKED)


class ActivationBlockedError(CardError):
    """A PIN that was never set has no tries left: only the PUK can set it now."""

    code = "ACTIVATION_BLOCKED"
    final = True


class ActivationMismatchError(CardError):
    """The code's length does not match this card's scheme; nothing was sent."""

    code = "ACTIVATION_MISMATCH"
    final = True


@dataclass(frozen=True)
class SetPinCommand:
    """One command that sets the PIN ``role``: a change, or unblocking with the PUK."""

    role: PinRole
    by_puk: bool

    @property
    def at_risk(self) -> PinRole:
        """The PIN or PUK that loses a try by a wrong code."""
        return PinRole.PUK if self.by_puk else self.role


class UsablePin(NamedTuple):
    """A PIN that may be asked for.

    ``can_activate`` says that it may never have been set, so that a person without a
    PIN can activate the card.
    """

    tries_left: int
    can_activate: bool = False


@dataclass(frozen=True, kw_only=True)
class CardPins:
    """The PINs of a card at one moment, and its scheme.

    ``pins`` has the PINs whose tries left could be read.
    """

    scheme: Scheme
    pins: Mapping[PinRole, PinInfo]

    def info(self, role: PinRole) -> PinInfo:
        """Return a PIN's state. Raises ``PinTriesUnreadableError``."""
        if role not in self.pins:
            raise PinTriesUnreadableError(
                f"The card does not say how many tries {role.name} has left."
            )
        return self.pins[role]

    def is_set(self, role: PinRole) -> bool | None:
        """Whether a PIN was ever set; None if nobody knows.

        One without tries has been locked, or is set like the others, where another one
        may work: to activate the card would overwrite that.
        """
        found = {each: is_set(self.pins.get(each), self.scheme) for each in PINS}
        if found[role] is False and None in found.values():
            return None
        return found[role]

    def usable(self, role: PinRole) -> UsablePin:
        """Return a PIN that may be asked for.

        Raises ``CardNotActivatedError`` for one that was never set, ``PinBlockedError``
        for one that the PUK can unlock, ``PukBlockedError`` if nothing sets it any
        more, ``PinTriesUnreadableError``.
        """
        info = self.info(role)
        if info.tries_left == 0 and self._is_puk_spent:
            raise _puk_blocked()
        # Checked first: a new card may have blocked PINs, and must then be activated.
        if self.is_set(role) is False:
            raise CardNotActivatedError("The card has not been activated.")
        if info.tries_left == 0:
            raise PinBlockedError(f"{role.name} has no tries left.")
        perhaps_new = info.changed is False and not self.activation_problem
        return UsablePin(info.tries_left, perhaps_new)

    @property
    def activation(self) -> Activation:
        """How far the card has been activated, as far as is known."""
        found = {self.is_set(role) for role in PINS}
        if None in found:
            return "unknown"
        if len(found) == 2:
            return "partly"
        return "active" if found == {True} else "new"

    @property
    def activation_problem(self) -> str:
        """The code of the error with which an activation ends before it asks anything.

        Empty if it can be done, or if nothing is left to do.
        """
        try:
            self.activation_commands()
        except CardError as error:
            return error.code
        return ""

    def activation_commands(
        self, done: Collection[PinRole] = ()
    ) -> tuple[SetPinCommand, ...]:
        """Return the commands for a code of any length that the scheme allows.

        ``done`` are the PINs that are set already in this operation. Raises what rules
        an activation out.
        """
        commands: list[SetPinCommand] = []
        obstacle: CardError | None = None
        for digits in self.scheme.value:
            try:
                commands += self.commands_for(digits, done)
            except CardError as error:
                obstacle = error
        if not commands and obstacle is not None:
            if isinstance(obstacle, ActivationMismatchError) and self.blocked:
                obstacle = _activation_blocked()
            only_puk = isinstance(obstacle, ActivationBlockedError | PinBlockedError)
            raise _puk_blocked() if only_puk and self._is_puk_spent else obstacle
        if any(self.info(each.at_risk).tries_left == 0 for each in commands):
            raise _puk_blocked()
        return tuple(commands)

    def commands_for(
        self, digits: int, done: Collection[PinRole] = ()
    ) -> tuple[SetPinCommand, ...]:
        """Return the commands for a code of so many digits.

        Raises what rules it out.
        """
        event = event_of(self.scheme, digits)
        found = []
        blocked: PinRole | None = None
        for role in PINS:
            if role in done:
                continue
            state = PinState.of(self.info(role))
            action = TABLE[state, event]
            if action in _REFUSALS:
                raise _REFUSALS[action]()
            if action is not Action.LEAVE:
                found.append(SetPinCommand(role, by_puk=action is Action.UNBLOCK))
            elif state is PinState.BLOCKED:
                blocked = role
        if blocked and not found:
            raise PinBlockedError(f"{blocked.name} has no tries left.")
        return tuple(found)

    @property
    def blocked(self) -> PinRole | None:
        """The first PIN that has no tries left."""
        states = {role: PinState.of(self.info(role)) for role in PINS}
        return next((role for role in PINS if states[role] in _WITHOUT_TRIES), None)

    @property
    def _is_puk_spent(self) -> bool:
        puk = self.pins.get(PinRole.PUK)
        return puk is not None and puk.tries_left == 0


def is_set(info: PinInfo | None, scheme: Scheme) -> bool | None:
    """Whether a PIN with this state was ever set; None if nobody knows.

    That it was not (DF2F = 00) is known of cards with a code of seven digits alone. No
    source says whether the cards before set DF2F when the PUK sets a PIN
    (docs/reference/card.md, "PIN info"). So a PIN with tries left may work, and is
    asked for: a wrong one costs a try of its own, and never one of the PUK. One without
    tries counts as never set, since the PUK sets it in either case.
    """
    if info is None:
        return None
    may_work = info.tries_left > 0 and scheme is not Scheme.SEVEN_DIGITS
    return None if info.changed is False and may_work else info.changed


def usable_pin(card: FineidCard, role: PinRole) -> UsablePin:
    """Read what a card says of a PIN; this costs no try. See ``CardPins.usable``."""
    info = card.pin_info(role)
    if info.tries_left and info.changed is not False:
        return UsablePin(info.tries_left)  # all other PINs are of no importance
    return read_pins(card).usable(role)


def read_pins(card: FineidCard) -> CardPins:
    """Read the PINs of a card. Without its certificate, its scheme is unclear."""
    scheme = Scheme.UNCLEAR
    try:
        certificate = card.certificate(card.key(KeyRole.AUTHENTICATION))
        scheme = scheme_of(certificate.not_before)
    except CONNECTION_ERRORS:
        raise
    except CardError as error:
        logger.info("The card's scheme is unclear: %s", error)
    return CardPins(scheme=scheme, pins=read_infos(card))


def read_infos(card: FineidCard) -> dict[PinRole, PinInfo]:
    """Read the PINs of a card, without those whose tries left can't be read."""
    pins: dict[PinRole, PinInfo] = {}
    for role in PinRole:
        try:
            pins[role] = card.pin_info(role)
        except PinTriesUnreadableError as error:
            logger.info("%s", error)
    return pins


def _activation_blocked() -> CardError:
    return ActivationBlockedError("A PIN that was never set has no tries left.")


def _puk_blocked() -> CardError:
    return PukBlockedError("The PUK has no tries left.")


_REFUSALS: dict[Action, Callable[[], CardError]] = {
    Action.MISMATCH: lambda: ActivationMismatchError(
        "The code has not as many digits as this card's."
    ),
    Action.LOCKED: _activation_blocked,
    Action.UNREADABLE: lambda: PinTriesUnreadableError(
        "The card does not say whether its PINs were ever set."
    ),
}
