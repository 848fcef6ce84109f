# SPDX-License-Identifier: MIT
"""Activate a new card: the code in the letter sets PIN1, and then PIN2.

An eight-digit code is the PUK, so it can also unblock a PIN (docs/reference/card.md,
"Activation schemes").
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardError,
    CardNotActivatedError,
    PinBlockedError,
    PinTriesUnreadableError,
    PukBlockedError,
)
from native_host.card.fineid import FineidCard, PinRole
from native_host.errors import UserCancelledError
from native_host.operations.activation_offers import decline, note
from native_host.operations.activation_table import (
    TABLE,
    Action,
    PinState,
    Scheme,
    event_of,
    scheme_of,
)
from native_host.operations.card_access.card_session import (
    SecondChoiceError,
    check_validity,
)
from native_host.operations.card_access.held_card import HeldCard
from native_host.operations.pin_setting import (
    CardSnapshot,
    PinSetting,
    Plan,
    SetPinCommand,
    new_pin_field,
    pin_name,
    set_pins,
)
from native_host.operations.request import Context, report_nothing
from native_host.operations.set_pin import ManageRequest, Outcome, PinsSet, UnlockOffer
from native_host.pin_prompt.model import ActivationQuestion, CodeField
from native_host.pin_prompt.prompt import DeclinedError

logger = logging.getLogger(__name__)

_PINS = (PinRole.PIN1, PinRole.PIN2)


class ActivationBlockedError(CardError):
    """A PIN that was never set has no tries left: only the PUK can set it now."""

    code = "ACTIVATION_BLOCKED"
    final = True


class ActivationMismatchError(CardError):
    """The code's length does not match this card's scheme; nothing was sent."""

    code = "ACTIVATION_MISMATCH"
    final = True


async def activate(context: Context, request: ManageRequest) -> PinsSet:
    """Set the PINs of a card that is new or only partly activated.

    The prompt shows ``DONE`` at the end. The progress is ``window-open``, and
    ``setting`` with the number of PINs. Raises ``UserCancelledError`` with the reason,
    and errors of the prompt.
    """
    activation = Activation(context)
    activation.unasked = request.unasked
    await set_pins(activation, context, request, request.reader)
    outcomes: tuple[Outcome, ...] = tuple(
        "set" if role in activation.set else "was-set" for role in _PINS
    )
    return PinsSet(*outcomes)


class Activation(PinSetting):
    """Sets the PINs that are not set yet, each according to its own state.

    Where the code in the letter can't set them, it offers to unblock one with the PUK.
    ``unlock_offers`` are those of an activation before this one.
    """

    operation = "activate"
    roles = (*_PINS, PinRole.PUK)

    def __init__(
        self,
        context: Context,
        unlock_offers: Mapping[PinRole, UnlockOffer] | None = None,
    ) -> None:
        super().__init__(context)
        #: Whether the person has to be asked first.
        self.unasked = False
        #: Whether the code in the letter can't set a PIN of this card.
        self.locked = False
        self.unlock_offers = unlock_offers or {
            role: UnlockOffer(context, role) for role in _PINS
        }

    def look(self, card: FineidCard) -> CardCertificate:
        """See ``PinSetting``. A card that can't be activated is the second choice."""
        seen = self._see(card)
        try:
            plan = self.plan(card, seen)
        except CardError as error:
            # The person sees this if no other card can be activated.
            logger.info("One of several cards can't be activated: %s", error.code)
            plan = None
        if plan is None:
            raise SecondChoiceError(seen.certificate)
        return seen.certificate

    async def work(self, held_card: HeldCard) -> None:
        note(held_card.reader)
        while True:
            try:
                if self.unasked:
                    await self._offer(held_card)
                    self.unasked = False
                await super().work(held_card)
                return
            except (ActivationBlockedError, PinBlockedError, PukBlockedError) as error:
                self.locked = True
                await self._unlock(held_card, error)
            self.locked = False

    async def _offer(self, held_card: HeldCard) -> None:
        """Offer to activate a card that can be activated.

        Raises ``UserCancelledError``, and records a person's wish for no more offers.
        """
        seen = await self._prompt.watch(held_card.run(self._see, held_card.card))
        if self.plan(held_card.card, seen) is None:
            return
        certificate = seen.certificate
        question = ActivationQuestion(
            partly=any(seen.info(role).changed for role in _PINS),
            name=certificate.name,
            satu=certificate.satu,
            unasked=True,
            test_card=certificate.test,
        )
        try:
            await held_card.ask(self._prompt.offer_activation, question)
        except DeclinedError:
            decline(certificate)
            raise

    async def _unlock(self, held_card: HeldCard, error: CardError) -> None:
        """Offer to unblock a PIN. Raises the error if that is impossible."""
        seen = await self._prompt.watch(held_card.run(self._see, held_card.card))
        role = _blocked(seen)
        if role is None or not self.unlock_offers[role].possible:
            raise error
        await self.unlock_offers[role].unlock(
            held_card, seen.certificate, reason=error.code
        )
        self.set.add(role)

    def plan(self, card: FineidCard, seen: CardSnapshot) -> Plan | None:
        """See ``PinSetting``. The code is always typed on the computer.

        A PIN pad has a single length for the code and the new PIN, so it could not
        prevent a code of the wrong length, which would cost a try.
        """
        check_validity(seen.certificate)
        scheme = scheme_of(seen.certificate.not_before)
        writes = partial(self._writes, scheme, seen)
        try:
            commands = _possible(writes, scheme)
        except ActivationMismatchError as error:
            if _blocked(seen) is None:
                raise
            raise _activation_blocked() from error
        if not commands:
            return None
        at_risk = min(
            (command.at_risk for command in commands),
            key=lambda role: seen.info(role).tries_left,
        )
        if seen.info(at_risk).tries_left == 0:
            raise PukBlockedError("The PUK has no tries left.")
        to_set = [r for r in _PINS if any(command.role is r for command in commands)]
        return Plan(
            fields=(
                CodeField("activation", scheme.value),
                *(new_pin_field(role) for role in to_set),
            ),
            code="activation",
            at_risk=at_risk,
            writes=writes,
            done=tuple(pin_name(role) for role in _PINS if role not in to_set),
        )

    def _writes(
        self, scheme: Scheme, seen: CardSnapshot, digits: int
    ) -> tuple[SetPinCommand, ...]:
        """Return the commands for a code of so many digits.

        Raises what rules it out.
        """
        event = event_of(scheme, digits)
        found = []
        blocked: PinRole | None = None
        for role in _PINS:
            if role in self.set:
                continue
            state = PinState.of(seen.info(role))
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


def _blocked(seen: CardSnapshot) -> PinRole | None:
    """Return the first PIN that has no tries left."""
    without = (PinState.BLOCKED, PinState.NEVER_SET_BLOCKED)
    states = {role: PinState.of(seen.info(role)) for role in _PINS}
    return next((role for role in _PINS if states[role] in without), None)


def _activation_blocked() -> CardError:
    return ActivationBlockedError("A PIN that was never set has no tries left.")


def _possible(
    writes: Callable[[int], tuple[SetPinCommand, ...]], scheme: Scheme
) -> list[SetPinCommand]:
    """Return the commands for a code of any length that the scheme allows.

    Raises what rules them out if no length is possible.
    """
    commands: list[SetPinCommand] = []
    obstacle: CardError | None = None
    for digits in scheme.value:
        try:
            commands += writes(digits)
        except CardError as error:
            obstacle = error
    if not commands and obstacle is not None:
        raise obstacle
    return commands


_REFUSALS: dict[Action, Callable[[], CardError]] = {
    Action.MISMATCH: lambda: ActivationMismatchError(
        "The code has not as many digits as this card's."
    ),
    Action.LOCKED: _activation_blocked,
    Action.UNREADABLE: lambda: PinTriesUnreadableError(
        "The card does not say whether its PINs were ever set."
    ),
}


class ActivationOffer:
    """Offers to activate a card during another operation.

    An activation continues after the card has been removed and inserted again.
    """

    def __init__(self, context: Context) -> None:
        self._prompt = context.prompt
        # The requesting page is not informed of the activation.
        self._context = replace(context, progress=report_nothing)
        self._activation = Activation(self._context)
        self._begun = self._over = False

    @property
    def possible(self) -> bool:
        """Whether a person is present and has not activated a card yet."""
        return not self._over and self._prompt.attended

    async def resume(self, held_card: HeldCard) -> None:
        """Continue an activation that has started and not ended."""
        if self._begun and not self._over:
            await self.activate(held_card)

    async def activate(self, held_card: HeldCard) -> None:
        """Offer to activate a card, and activate it.

        Raises ``CardError``, and ``UserCancelledError`` with the reason.
        """
        try:
            if not self._begun:
                partly = await self._prompt.watch(
                    held_card.run(_any_set, held_card.card)
                )
                note(held_card.reader)
                question = ActivationQuestion(partly)
                await held_card.ask(self._prompt.offer_activation, question)
                self._begun = True
            await self._activation.work(held_card)
        except CardError:
            if self._activation.locked:
                # Another card may replace this one.
                offers = self._activation.unlock_offers
                self._activation = Activation(self._context, offers)
                self._begun = False
            raise
        except UserCancelledError as error:
            reason = error.reason or CardNotActivatedError.code
            raise UserCancelledError(reason=reason) from error
        self._over = True


def _any_set(card: FineidCard) -> bool:
    return any(card.pin_info(role).changed for role in _PINS)
