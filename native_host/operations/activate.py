# SPDX-License-Identifier: MIT
"""Activate a new card: the code in the letter sets PIN1, and then PIN2.

An eight-digit code is the PUK, so it can also unblock a PIN (docs/reference/card.md,
"Activation schemes").
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardError,
    CardNotActivatedError,
    PinBlockedError,
    PukBlockedError,
)
from native_host.card.fineid import FineidCard, PinRole
from native_host.errors import UserCancelledError
from native_host.operations.card_access.card_session import (
    SecondChoiceError,
    check_validity,
)
from native_host.operations.card_access.held_card import HeldCard
from native_host.operations.card_pins import PINS, ActivationBlockedError
from native_host.operations.pin_setting import (
    CardSnapshot,
    PinSetting,
    Plan,
    new_pin_field,
    pin_name,
    set_pins,
)
from native_host.operations.request import Context, report_nothing
from native_host.operations.set_pin import ManageRequest, Outcome, PinsSet, UnlockOffer
from native_host.pin_prompt.model import ActivationQuestion, CodeField
from native_host.pin_prompt.prompt import DeclinedError
from native_host.state.activation_offers import decline, note

logger = logging.getLogger(__name__)


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
        "set" if role in activation.set else "was-set" for role in PINS
    )
    return PinsSet(*outcomes)


class Activation(PinSetting):
    """Sets the PINs that are not set yet, each according to its own state.

    Where the code in the letter can't set them, it offers to unblock one with the PUK.
    ``unlock_offers`` are those of an activation before this one.
    """

    operation = "activate"

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
            role: UnlockOffer(context, role) for role in PINS
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
            partly=any(seen.info(role).changed for role in PINS),
            name=certificate.name,
            satu=certificate.satu,
            unasked=True,
            test_card=certificate.test,
        )
        try:
            await held_card.ask(self._prompt.ask, question)
        except DeclinedError:
            decline(certificate)
            raise

    async def _unlock(self, held_card: HeldCard, error: CardError) -> None:
        """Offer to unblock a PIN. Raises the error if that is impossible."""
        seen = await self._prompt.watch(held_card.run(self._see, held_card.card))
        role = seen.blocked
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
        commands = seen.activation_commands(self.set)
        if not commands:
            return None
        at_risk = min(
            (command.at_risk for command in commands),
            key=lambda role: seen.info(role).tries_left,
        )
        to_set = [r for r in PINS if any(command.role is r for command in commands)]
        return Plan(
            fields=(
                CodeField("activation", seen.scheme.value),
                *(new_pin_field(role) for role in to_set),
            ),
            code="activation",
            at_risk=at_risk,
            writes=lambda digits: seen.commands_for(digits, self.set),
            done=tuple(pin_name(role) for role in PINS if role not in to_set),
        )


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
            with suppress(DeclinedError):  # they go back to the PIN
                await self.activate(held_card)

    async def activate_undecided(self, held_card: HeldCard) -> None:
        """Activate a card whose PIN may be set, for a person who says that none is.

        The person can go back from the offer and from the codes.
        """
        self._activation.can_decline = True
        with suppress(DeclinedError):
            await self.activate(held_card)

    async def activate(self, held_card: HeldCard) -> None:
        """Offer to activate a card, and activate it.

        Raises ``CardError``, and ``UserCancelledError`` with the reason, or
        ``DeclinedError`` where the person can go back.
        """
        undecided = self._activation.can_decline
        try:
            if not self._begun:
                partly = await self._prompt.watch(
                    held_card.run(_any_set, held_card.card)
                )
                note(held_card.reader)
                question = ActivationQuestion(partly, undecided=undecided)
                await held_card.ask(self._prompt.ask, question)
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
            if undecided and isinstance(error, DeclinedError):
                self._begun = self._activation.can_decline = False
                raise
            reason = error.reason or CardNotActivatedError.code
            raise UserCancelledError(reason=reason) from error
        self._over = True


def _any_set(card: FineidCard) -> bool:
    return any(card.pin_info(role).changed for role in PINS)
