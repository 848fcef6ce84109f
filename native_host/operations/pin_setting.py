# SPDX-License-Identifier: MIT
"""Sets PINs with a code: the common part of activating, changing and unblocking.

The person types all codes of a page. Then one command sets each PIN. Before each
command the program checks that the card and its state are still the ones that the
person was asked about (docs/reference/card.md, "Activation schemes").
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    NewPinRefusedError,
    PinBlockedError,
    PinNotEnteredError,
    PukBlockedError,
    WrongPinError,
    WrongPukError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinInfo, PinRole
from native_host.card.pin_pad import PadUse
from native_host.card.pins import ALL_TRIES, NEW_PIN_DIGITS
from native_host.operations.activation_table import PinState
from native_host.operations.card_access.card_session import UsableCards
from native_host.operations.card_access.held_card import HeldCard, OtherCardError
from native_host.operations.card_pins import (
    CardPins,
    SetPinCommand,
    is_set,
    read_pins,
)
from native_host.operations.refusals import Refusals
from native_host.operations.request import Context, Request, begin
from native_host.pin_prompt.model import CodeField, CodesQuestion, Progress, Step
from native_host.pin_prompt.prompt import DeclinedError, PromptError
from native_host.state import unused_pads

logger = logging.getLogger(__name__)

_REFUSED = (WrongPinError, WrongPukError, PinBlockedError, PukBlockedError)


@dataclass(frozen=True, kw_only=True)
class CardSnapshot(CardPins):
    """A card's state at one moment."""

    certificate: CardCertificate
    serial: bytes = field(repr=False)


@dataclass(frozen=True)
class Plan:
    """The questions to the person, and the commands that follow.

    ``writes`` returns the commands, in order, for a code of so many digits, or raises
    the ``CardError`` that rules them out. The field ``code`` is that code.
    """

    fields: tuple[CodeField, ...]
    code: str
    at_risk: PinRole
    writes: Callable[[int], tuple[SetPinCommand, ...]]
    done: tuple[Literal["PIN1", "PIN2"], ...] = ()
    pin_pad: bool = False
    pad_unused: bool = False


class _StateChangedError(Exception):
    """The card is not in the state in which the person was asked."""


class _CodeRefusedError(Exception):
    """The card has refused the code."""


@dataclass(frozen=True)
class _Attempt:
    """A command that has been sent, and the card's state before it."""

    write: SetPinCommand
    before: Mapping[PinRole, PinInfo]


class PinSetting(ABC):
    """Sets PINs in one operation, even if the card is removed meanwhile.

    A code that a card has refused is not sent to it again. If a command got no
    response, its outcome is read from the card after the next insertion.
    """

    operation: Literal["activate", "change-pin", "unblock"]
    #: The operation's PIN, if it is about a single one.
    pin: Literal["", "PIN1", "PIN2"] = ""
    #: Whether another question of the operation comes after declining.
    can_decline = False

    def __init__(self, context: Context) -> None:
        self._prompt = context.prompt
        self._progress = context.progress
        #: The PINs that were set in this operation.
        self.set: set[PinRole] = set()
        self._serial: bytes | None = None  # of the card that codes were typed for
        self._refusals = Refusals()
        self._unanswered: _Attempt | None = None
        # The messages of the next page.
        self._wrong = self._in_doubt = self._unsent = False

    @abstractmethod
    def plan(self, card: FineidCard, seen: CardSnapshot) -> Plan | None:
        """Return the plan for a card, or None if there is nothing to do.

        Sends nothing. Raises the ``CardError`` that rules the card out.
        """

    def look(self, card: FineidCard) -> CardCertificate:
        """Return the holder's certificate of one of several cards."""
        return self._see(card).certificate

    async def work(self, held_card: HeldCard) -> None:
        """Ask, and set the PINs of one card. See ``UsableCards``.

        Raises ``DeclinedError`` when the person declines.
        """
        repeated, pad_problem = False, ""
        while True:
            seen = await self._prompt.watch(held_card.run(self._see, held_card.card))
            self._settle(seen)
            plan = self.plan(held_card.card, seen)
            if plan is None:
                return
            await held_card.confirm(seen.certificate)
            question = self._question(plan, seen, repeated, pad_problem)
            repeated, pad_problem = False, ""
            typed: list[bytearray] = []
            try:
                codes = await held_card.ask(self._ask, question, typed)
                if question.pad_problem == "refused":
                    # By typing here, the person has agreed to do so with this reader.
                    unused_pads.note(held_card.reader.name, PadUse.MODIFY)
                if repeated := self._is_refused(plan, seen, codes):
                    continue
                self._wrong = self._in_doubt = self._unsent = False
                await self._write_all(held_card, plan, seen, codes)
                return
            except _StateChangedError:
                logger.info("The card has changed since the person was asked.")
                self._unsent = True
            except PinNotEnteredError as error:
                if error.why == "cancelled":
                    raise DeclinedError("Cancelled on the reader.") from error
                if not self._prompt.attended:
                    raise
                pad_problem = error.why
            except _CodeRefusedError:
                # If no try is left, the next plan reports that.
                self._wrong = True
            finally:
                # On the card's thread, after any command there that still uses the
                # codes.
                for code in typed:
                    await held_card.wipe(code)

    # -- The card, on its thread ------------------------------------------------------

    def _see(self, card: FineidCard) -> CardSnapshot:
        """Read the card's state. Raises ``OtherCardError``."""
        certificate = card.certificate(card.key(KeyRole.AUTHENTICATION))
        serial = card.serial()
        if self._serial not in {None, serial}:
            raise OtherCardError("Another card was put in.")
        pins = read_pins(card)
        return CardSnapshot(
            scheme=pins.scheme, pins=pins.pins, certificate=certificate, serial=serial
        )

    def _send(
        self,
        card: FineidCard,
        write: SetPinCommand,
        seen: CardSnapshot,
        code: bytearray | None,
        new: bytearray | None,
    ) -> None:
        """Send one command if the card's state is the one that the person saw.

        Raises ``OtherCardError`` and ``_StateChangedError`` if it is not.
        """
        if card.serial() != seen.serial:
            raise OtherCardError("Another card is in the reader.")
        pins: dict[PinRole, PinInfo] = {}
        for role in dict.fromkeys((write.role, write.at_risk)):
            now, then = card.pin_info(role), seen.info(role)
            pins[role] = now
            # More tries are possible: each right use restores those of the PUK.
            if PinState.of(now) is not PinState.of(then) or (
                now.tries_left < then.tries_left
            ):
                raise _StateChangedError
        tries_left = pins[write.at_risk].tries_left
        self._unanswered = _Attempt(write, pins)
        if code is not None:
            self._refusals.sending(seen.certificate, code, tries_left)
        try:
            if write.by_puk:
                card.unblock_pin(write.role, code, new)
            else:
                card.change_pin(write.role, code, new)
        except _REFUSED:
            if code is not None:
                self._refusals.refused(seen.certificate, code, tries_left - 1)
            self._unanswered = None
            raise
        except (NewPinRefusedError, PinNotEnteredError):
            self._answered(seen)
            raise
        self._answered(seen)
        self.set.add(write.role)

    def _answered(self, seen: CardSnapshot) -> None:
        self._refusals.accepted(seen.certificate)
        self._unanswered = None

    # -- The prompt ------------------------------------------------------------------

    def _question(
        self, plan: Plan, seen: CardSnapshot, repeated: bool, pad_problem: str
    ) -> CodesQuestion:
        return CodesQuestion(
            operation=self.operation,
            fields=plan.fields,
            name=seen.certificate.name,
            satu=seen.certificate.satu,
            at_risk=plan.at_risk.name,  # type: ignore[arg-type] # one of the three
            tries_left=seen.info(plan.at_risk).tries_left,
            issued=seen.certificate.not_before.year,
            pin=self.pin,
            done=plan.done,
            wrong=self._wrong,
            repeated=repeated,
            unsent=self._unsent,
            in_doubt=self._in_doubt,
            pin_pad=plan.pin_pad,
            pad_unused=plan.pad_unused,
            pad_problem=pad_problem,  # type: ignore[arg-type] # as PinNotEntered has it
            test_card=seen.certificate.test,
            can_decline=self.can_decline,
        )

    async def _ask(
        self, question: CodesQuestion, typed: list[bytearray]
    ) -> dict[str, bytearray]:
        """Ask, and add the codes to ``typed``; the caller wipes them in any case.

        Raises ``PromptError`` for codes that do not fit their fields.
        """
        codes = (await self._prompt.ask(question)).codes
        typed += codes.values()
        fields = () if question.pin_pad else question.fields
        fit = codes.keys() == {each.name for each in fields} and all(
            len(codes[each.name]) in each.lengths and codes[each.name].isdigit()
            for each in fields
        )
        if not fit:
            raise PromptError("The prompt gave codes that do not fit their fields.")
        return codes

    def _is_refused(
        self, plan: Plan, seen: CardSnapshot, codes: Mapping[str, bytearray]
    ) -> bool:
        # From now on the operation is about this card only.
        self._serial = seen.serial
        if plan.pin_pad:
            return False
        return self._refusals.holds(seen.certificate, codes[plan.code])

    async def _write_all(
        self,
        held_card: HeldCard,
        plan: Plan,
        seen: CardSnapshot,
        codes: Mapping[str, bytearray],
    ) -> None:
        code = codes.get(plan.code)
        writes = plan.writes(len(code) if code is not None else 0)
        for number, write in enumerate(writes):
            # PINs that are set remain set after cancelling; the rest can be set later.
            await self._prompt.check_cancelled()
            bar = Progress(number, len(writes))
            self._prompt.show(Step.PIN_PAD if plan.pin_pad else Step.SIGNING)
            self._progress("setting", bar)
            new = None if code is None else codes[f"new-{write.role.name}"]
            # Not interruptible: the card's response must be known. After any error, no
            # further PIN is set.
            try:
                await held_card.run(self._send, held_card.card, write, seen, code, new)
            except _REFUSED as error:
                if not self._prompt.attended:
                    raise
                raise _CodeRefusedError from error

    def _settle(self, seen: CardSnapshot) -> None:
        """Determine the outcome of a command that got no response."""
        attempt = self._unanswered
        if attempt is None:
            return
        role, at_risk = attempt.write.role, attempt.write.at_risk
        before, now = attempt.before[role], seen.info(role)
        tries_left = seen.info(at_risk).tries_left
        self._unanswered = None
        if _was_set(before, now):
            self._refusals.accepted(seen.certificate)
            self.set.add(role)
            return
        if tries_left < attempt.before[at_risk].tries_left:
            self._refusals.unanswered_refused(seen.certificate)
            self._wrong = True
            return
        self._refusals.accepted(seen.certificate)
        # A PIN that was set, with all its tries, looks the same after it is set anew.
        was_set = is_set(before, seen.scheme) is not False
        self._in_doubt = was_set and before.tries_left == ALL_TRIES


def _was_set(before: PinInfo, now: PinInfo) -> bool:
    """Whether a PIN's state shows that the command in between has set it."""
    if PinState.of(now) is not PinState.of(before) and now.changed:
        return now.tries_left > 0
    return now.tries_left > before.tries_left  # a new PIN has all its tries


async def set_pins(
    setting: PinSetting, context: Context, request: Request, reader: str = ""
) -> None:
    """Open the prompt, set the PINs of a card, and show ``DONE``.

    ``reader`` is the name of the reader of the card that is meant. Without it, the
    person chooses among several.

    Raises ``UserCancelledError`` with the reason, and errors of the prompt; if it is
    not attended, also the card's errors.
    """
    await begin(setting.operation, context, request)
    async for held_card in UsableCards(context, look=setting.look, reader=reader):
        async with held_card:
            await setting.work(held_card)
    context.prompt.show(Step.DONE)


def pin_name(role: PinRole) -> Literal["PIN1", "PIN2"]:
    return "PIN1" if role is PinRole.PIN1 else "PIN2"


def new_pin_field(role: PinRole) -> CodeField:
    lengths = tuple(NEW_PIN_DIGITS[role])
    return CodeField("new-PIN1" if role is PinRole.PIN1 else "new-PIN2", lengths)
