# SPDX-License-Identifier: MIT
"""Change a PIN that the person knows, or set a new one with the PUK."""

from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn, Self

from kortilla.common import JsonObject
from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardNotActivatedError,
    PinBlockedError,
    PukBlockedError,
)
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pin_pad import PadUse
from native_host.card.pins import NEW_PIN_DIGITS, PIN_DIGITS, PUK_PAD_DIGITS
from native_host.errors import InvalidArgumentError, UserCancelledError
from native_host.operations.card_access.held_card import HeldCard
from native_host.operations.card_pins import SetPinCommand
from native_host.operations.pin_setting import (
    CardSnapshot,
    PinSetting,
    Plan,
    new_pin_field,
    pin_name,
    set_pins,
)
from native_host.operations.request import Context, Request, report_nothing
from native_host.pin_prompt.model import CodeField, UnlockQuestion
from native_host.pin_prompt.prompt import DeclinedError
from native_host.platform.tasks import race

#: The outcome for a PIN: set in this operation, set before it, or unchanged.
Outcome = Literal["set", "was-set", "untouched"]


@dataclass(frozen=True, kw_only=True)
class ManageRequest(Request):
    """A request to set PINs. It has no origin, since no web page can send it.

    ``reader`` is the name of the reader of the card that is meant, if it is known.
    ``unasked`` is True when the agent asks, and not the person. An activation is then
    offered first.
    """

    origin: str = field(default="", init=False)
    reader: str = ""
    unasked: bool = False


@dataclass(frozen=True)
class PinsSet:
    """The outcome for both PINs."""

    pin1: Outcome = "untouched"
    pin2: Outcome = "untouched"

    @classmethod
    def only(cls, role: PinRole) -> Self:
        return cls(pin1="set") if role is PinRole.PIN1 else cls(pin2="set")

    def fields(self) -> JsonObject:
        """Return the outcomes except ``untouched``, ``{"pin1": "set", …}``."""
        both = {"pin1": self.pin1, "pin2": self.pin2}
        return {name: value for name, value in both.items() if value != "untouched"}


async def change_pin(
    context: Context, request: ManageRequest, role: PinRole
) -> PinsSet:
    """Change a PIN with the old one.

    Raises ``InvalidArgumentError`` for the PUK. Otherwise it is as ``activate``.
    """
    await set_pins(_Change(context, role), context, request, request.reader)
    return PinsSet.only(role)


async def unblock(context: Context, request: ManageRequest, role: PinRole) -> PinsSet:
    """Set a PIN that is blocked or forgotten with the PUK.

    Raises ``InvalidArgumentError`` for the PUK. Otherwise it is as ``activate``.
    """
    setting = _OnePin(context, role, by_puk=True)
    await set_pins(setting, context, request, request.reader)
    return PinsSet.only(role)


class _OnePin(PinSetting):
    """Sets one PIN with its old value or with the PUK."""

    def __init__(self, context: Context, role: PinRole, *, by_puk: bool) -> None:
        super().__init__(context)
        if role not in NEW_PIN_DIGITS:
            raise InvalidArgumentError("The PUK can't be set.")
        self.operation = "unblock" if by_puk else "change-pin"
        self.pin = pin_name(role)
        self._command = SetPinCommand(role, by_puk)

    def check(self, card: FineidCard) -> None:
        """Raise the ``CardError`` that rules the card out. Sends nothing."""
        self.plan(card, self._see(card))

    def plan(self, card: FineidCard, seen: CardSnapshot) -> Plan | None:
        command = self._command
        if command.role in self.set:
            return None
        if command.by_puk:
            fields = _unblocking(card, seen, command.role)
        else:
            fields = _changing(card, seen, command.role)
        return Plan(
            fields=fields,
            code=fields[0].name,
            at_risk=command.at_risk,
            writes=lambda _: (command,),
            pin_pad=card.can_modify_on_pad,
            pad_unused=card.leaves_pad_unused(PadUse.MODIFY),
        )


class _Change(_OnePin):
    """Changes a PIN. If it is blocked, offers to unblock it."""

    def __init__(self, context: Context, role: PinRole) -> None:
        super().__init__(context, role, by_puk=False)
        self._role = role
        self._offer = UnlockOffer(context, role)

    async def work(self, held_card: HeldCard) -> None:
        try:
            await super().work(held_card)
        except PinBlockedError:
            if not self._offer.possible:
                raise
            certificate = await self._prompt.watch(
                held_card.run(self.look, held_card.card)
            )
            await self._offer.unlock(held_card, certificate)
            self.set.add(self._role)


class UnlockOffer:
    """Offers to unblock a PIN during another operation.

    The person can go back from the codes to the offer. A code that a card has refused
    is not sent to it again, even after that.
    """

    def __init__(self, context: Context, role: PinRole) -> None:
        self._prompt = context.prompt
        # The requesting page is not informed of the unblocking.
        self._context = replace(context, progress=report_nothing)
        self._role = role
        #: The unfinished settings, by the card's certificate.
        self._settings: dict[bytes, _OnePin] = {}

    @property
    def possible(self) -> bool:
        """Whether a person is present who may do that now."""
        return self._prompt.attended and self._prompt.patient

    async def unlock(
        self,
        held_card: HeldCard,
        certificate: CardCertificate,
        *,
        reason: str = PinBlockedError.code,
    ) -> None:
        """Offer to unblock a card's PIN, and unblock it.

        Raises ``CardError``, and ``UserCancelledError`` with ``reason``, which is the
        code of an error. If a card is put into another reader meanwhile, it raises
        ``PinBlockedError``.
        """
        await held_card.confirm(certificate)
        setting = self._settings.get(certificate.der)
        if setting is None:
            setting = _OnePin(self._context, self._role, by_puk=True)
            setting.can_decline = True
            self._settings[certificate.der] = setting
        question = UnlockQuestion(
            pin_name(self._role),
            certificate.name,
            certificate.satu,
            test_card=certificate.test,
        )
        try:
            while not await self._is_unlocked(held_card, setting, question):
                pass
        except UserCancelledError as error:
            raise UserCancelledError(reason=error.reason or reason) from error
        # All tries are back. If the PIN is blocked once more, this begins anew.
        del self._settings[certificate.der]

    async def _is_unlocked(
        self, held_card: HeldCard, setting: _OnePin, question: UnlockQuestion
    ) -> bool:
        """Offer it once. Return False if the person goes back from the codes."""
        await self._prompt.watch(held_card.run(setting.check, held_card.card))

        async def offer() -> None:
            unlock = self._prompt.ask(question)
            await race(unlock, self._other_card(held_card))

        await held_card.ask(offer)
        try:
            await setting.work(held_card)
        except DeclinedError:
            return False
        return True

    async def _other_card(self, held_card: HeldCard) -> NoReturn:
        await held_card.wait_for_other_card()
        raise PinBlockedError("Another card has been put in.")


def _changing(
    card: FineidCard, seen: CardSnapshot, role: PinRole
) -> tuple[CodeField, CodeField]:
    """Return the fields for changing a PIN. Raises what rules it out."""
    seen.usable(role)
    # On the PIN pad, the old PIN must have a length that a new one may have.
    old = NEW_PIN_DIGITS[role] if card.can_modify_on_pad else PIN_DIGITS[role]
    return CodeField("old", tuple(old)), new_pin_field(role)


def _unblocking(
    card: FineidCard, seen: CardSnapshot, role: PinRole
) -> tuple[CodeField, CodeField]:
    """Return the fields for unblocking a PIN. Raises what rules it out."""
    # Without tries left, activation by seven digits is impossible, but the PUK works.
    if seen.info(role).tries_left and seen.is_set(role) is False:
        raise CardNotActivatedError("The card has not been activated.")
    if seen.info(PinRole.PUK).tries_left == 0:
        raise PukBlockedError("The PUK has no tries left.")
    new = new_pin_field(role)
    if card.can_modify_on_pad:
        digits = tuple(PUK_PAD_DIGITS)
        return CodeField("PUK", digits), CodeField(new.name, digits)
    return CodeField("PUK", tuple(PIN_DIGITS[PinRole.PUK])), new
