# SPDX-License-Identifier: MIT
"""Asks for a PIN until the card accepts it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Self, TypeVar

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardNotActivatedError,
    PinBlockedError,
    PinNotEnteredError,
    PukBlockedError,
    WrongPinError,
)
from native_host.card.fineid import CardKey, FineidCard, PinRole
from native_host.card.pin_pad import PadUse
from native_host.card.pins import PIN_DIGITS
from native_host.card.signature import SignatureAlgorithm
from native_host.errors import KortillaError, UserCancelledError
from native_host.operations.activate import ActivationOffer
from native_host.operations.card_access.card_session import SecondChoiceError
from native_host.operations.card_access.held_card import HeldCard
from native_host.operations.card_pins import UsablePin, usable_pin
from native_host.operations.refusals import Refusals
from native_host.operations.request import Context
from native_host.operations.set_pin import UnlockOffer
from native_host.pin_prompt.model import Document, PinQuestion, Progress, Step
from native_host.pin_prompt.prompt import DeclinedError
from native_host.state import unused_pads

T = TypeVar("T")


def prefer_usable(
    card: FineidCard, role: PinRole, certificate: CardCertificate
) -> CardCertificate:
    """Return the certificate of one of several cards (see ``UsableCards``).

    A card that the window can activate or unlock is the second choice. Raises the other
    errors of ``usable_pin``.
    """
    try:
        usable_pin(card, role)
    except (CardNotActivatedError, PinBlockedError) as error:
        raise SecondChoiceError(certificate) from error
    return certificate


class PinAsker:
    """Asks for one of the PINs, throughout one operation.

    A PIN that a card has refused is not sent to it again, even after the card was
    removed and inserted again. ``refusals`` are the PINs known as refused. For a card
    that is not activated, activation is offered first; for a blocked PIN, unblocking.
    Where nobody knows whether the PIN was ever set, the person can say that it was not.
    """

    def __init__(
        self,
        context: Context,
        role: Literal[PinRole.PIN1, PinRole.PIN2],
        refusals: Refusals | None = None,
    ) -> None:
        self.prompt = context.prompt
        self.role = role
        self.refusals = refusals or Refusals()
        #: Whether the last PIN was typed and not sent.
        self.unsent = False
        self.offer = ActivationOffer(context)
        self.unlock_offer = UnlockOffer(context, role)

    async def resume_activation(self, held_card: HeldCard) -> None:
        """Continue an activation that a removal of the card has interrupted.

        Call it first for each card. Raises ``UserCancelledError`` with the reason, and
        the card's errors.
        """
        await self.offer.resume(held_card)

    def tries(
        self,
        held_card: HeldCard,
        certificate: CardCertificate,
        *,
        documents: tuple[Document, ...] = (),
        batch: Progress | None = None,
        can_allow: bool = False,
    ) -> "PinTries":
        """Return the iterator over PIN attempts for a card, see ``PinTries``.

        ``documents`` are shown with the question. ``batch`` and ``can_allow`` are the
        question's.
        """
        return PinTries(
            self,
            held_card,
            certificate,
            documents=documents,
            batch=batch,
            can_allow=can_allow,
        )


class PinTries:
    """Iterates over entered PINs until the card has accepted one.

    Each is used in one ``async with attempt:`` block, which raises the errors of
    ``verify_pin``. If the card refuses the PIN there, the person is asked again. The
    loop ends when a block ends without an error. Iterating raises the errors of
    ``usable_pin``, ``UserCancelledError``, and errors of the prompt.
    """

    def __init__(
        self,
        asker: PinAsker,
        held_card: HeldCard,
        certificate: CardCertificate,
        *,
        documents: tuple[Document, ...],
        batch: Progress | None,
        can_allow: bool,
    ) -> None:
        self._asker = asker
        self.prompt = asker.prompt
        self.role = asker.role
        self._refusals = asker.refusals
        self._offer = asker.offer
        self._unlock_offer = asker.unlock_offer
        self.held_card = held_card
        self.pad = held_card.card.has_pin_pad
        self._certificate = certificate
        self._documents, self._batch = documents, batch
        self._can_allow = can_allow
        #: The next question; None before the PIN's tries left are known.
        self._question: PinQuestion | None = None
        self._not_activated = self._unlocked = self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "PinAttempt":
        if self._over:
            raise StopAsyncIteration
        while True:
            question = self._question or await self._first_question()
            try:
                attempt = await self._ask(question)
            except DeclinedError:  # the person has no PIN yet
                self._question, self._unlocked = None, False
                await self._offer.activate_undecided(self.held_card)
                continue
            if self._refusals.holds(self._certificate, attempt.digits):
                self._question = replace(question, repeated=True)
                await attempt.wipe()
                continue
            self._asker.unsent = attempt.pin is not None
            if await self._is_as_asked(question, attempt):
                self._asker.unsent = False
                break
            self._question, self._unlocked = None, False
            await attempt.wipe()
        if question.pad_problem == "refused":
            # By typing here, the person has agreed to do so with this reader.
            unused_pads.note(self.held_card.reader.name, PadUse.VERIFY)
        self._question = replace(question, repeated=False, unsent=False, unlocked=False)
        if attempt.pin is not None:
            self._refusals.sending(self._certificate, attempt.pin, question.tries_left)
        return attempt

    async def _is_as_asked(self, question: PinQuestion, attempt: "PinAttempt") -> bool:
        """Whether the PIN has the tries that the person has seen.

        Another program may have used the card meanwhile. The digits are wiped if this
        raises an error, for example since another card is in the reader.
        """
        card, run = self.held_card.card, self.held_card.run
        try:
            now = await self.prompt.watch(run(usable_pin, card, self.role))
        except (CardNotActivatedError, PinBlockedError, PukBlockedError):
            return False
        except BaseException:
            await attempt.wipe()
            raise
        return now.tries_left == question.tries_left

    async def _first_question(self) -> PinQuestion:
        await self.held_card.confirm(self._certificate)
        tries_left, can_activate = await self._usable_pin()
        digits = PIN_DIGITS[self.role]
        return PinQuestion(
            role="PIN1" if self.role is PinRole.PIN1 else "PIN2",
            name=self._certificate.name,
            satu=self._certificate.satu,
            tries_left=tries_left,
            wrong=self._refusals.meet(self._certificate, tries_left),
            unsent=self._asker.unsent,
            min_length=digits[0],
            max_length=digits[-1],
            documents=self._documents,
            batch=self._batch,
            pin_pad=self.pad,
            pad_unused=self.held_card.card.leaves_pad_unused(PadUse.VERIFY),
            test_card=self._certificate.test,
            unlocked=self._unlocked,
            can_allow=self._can_allow,
            can_activate=can_activate and self._offer.possible,
        )

    async def _usable_pin(self) -> UsablePin:
        """See ``usable_pin``. Offers to activate a card that is not activated."""
        if not self._not_activated:
            try:
                return await self._unblocked_pin()
            except CardNotActivatedError:
                if not self._offer.possible:
                    raise
        await self._offer.activate(self.held_card)
        return await self._unblocked_pin()

    async def _unblocked_pin(self) -> UsablePin:
        """See ``usable_pin``. Offers to unblock a blocked PIN."""
        card, run = self.held_card.card, self.held_card.run
        try:
            return await self.prompt.watch(run(usable_pin, card, self.role))
        except PinBlockedError:
            if not self._unlock_offer.possible:
                raise
        await self._unlock_offer.unlock(self.held_card, self._certificate)
        self._unlocked = True
        return await self.prompt.watch(run(usable_pin, card, self.role))

    async def _ask(self, question: PinQuestion) -> "PinAttempt":
        """Ask. Digits that arrive just as the caller is cancelled are wiped."""
        # After a wrong PIN, a tick that the person has set stays.
        ticked = question.can_allow and self.prompt.allowed
        question = replace(question, ticked=ticked)
        typed: list[bytearray] = []

        async def ask() -> bytearray:
            typed.append((await self.prompt.ask(question)).digits)
            return typed[-1]

        try:
            return PinAttempt(self, await self.held_card.ask(ask))
        except BaseException:
            for digits in typed:
                await self.held_card.wipe(digits)
            raise

    def end_attempt(self, pin: bytearray | None, error: BaseException | None) -> bool:
        """Process the end of an attempt. Return whether another one follows it.

        Raises ``UserCancelledError`` if the person has cancelled on the reader.
        """
        question = self._question
        if isinstance(error, PinBlockedError):
            self._refusals.meet(self._certificate, 0)
        match error:
            case None:
                self._refusals.accepted(self._certificate)
                self._over = True
                return False
            case PinNotEnteredError(why="cancelled"):
                raise UserCancelledError("Cancelled on the reader.") from error
            case CardNotActivatedError() | PinBlockedError() if self._offers(error):
                self._question, self._unlocked = None, False
                self._not_activated = isinstance(error, CardNotActivatedError)
                return True
        if question is None or not self.prompt.attended:
            return False
        match error:
            case WrongPinError(tries_left=tries_left):
                if pin is None:  # it was typed on the reader
                    self._refusals.meet(self._certificate, tries_left)
                else:
                    self._refusals.refused(self._certificate, pin, tries_left)
                self._question = replace(
                    question, tries_left=tries_left, wrong=True, pad_problem=""
                )
                return True
            case PinNotEnteredError(why=why):
                problem: Literal["length", "timed-out", "refused"] = "timed-out"
                if why in {"length", "refused"}:
                    problem = "length" if why == "length" else "refused"
                card = self.held_card.card
                self.pad = card.has_pin_pad  # not if it refuses that
                self._question = replace(
                    question,
                    wrong=False,
                    pin_pad=self.pad,
                    pad_problem=problem,
                    pad_unused=card.leaves_pad_unused(PadUse.VERIFY),
                )
                return True
        return False

    def _offers(self, error: CardNotActivatedError | PinBlockedError) -> bool:
        """Whether the person is offered to solve this in the prompt."""
        blocked = isinstance(error, PinBlockedError)
        return self._unlock_offer.possible if blocked else self._offer.possible


class PinAttempt:
    """A typed PIN, or the person's consent to type it on the PIN pad.

    Use it in an ``async with`` block, which wipes the digits at its end.
    """

    def __init__(self, tries: PinTries, digits: bytearray) -> None:
        self._tries = tries
        self._prompt, self._held_card = tries.prompt, tries.held_card
        self._pad = tries.pad
        self.digits = digits

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: object, error: BaseException | None, _traceback: object
    ) -> bool:
        try:
            return self._tries.end_attempt(self.pin, error)
        finally:
            await self.wipe()

    @property
    def pin(self) -> bytearray | None:
        """The PIN's digits; None for entry on the PIN pad."""
        return None if self._pad else self.digits

    async def show(self, progress: Progress | None = None) -> None:
        """Show that the card works, or that the PIN must be typed on the PIN pad now.

        Raises ``UserCancelledError`` if the person has cancelled by now.
        """
        await self._prompt.check_cancelled()
        step = Step.PIN_PAD if self.pin is None else Step.SIGNING
        self._prompt.show(step, progress=progress)

    async def sign(
        self, key: CardKey, digest: bytes, algorithm: SignatureAlgorithm
    ) -> bytes:
        """Send the four commands in one go: VERIFY, MSE, HASH and SIGN.

        Raises the errors of ``verify_and_run`` and ``sign``.
        """
        return await self.verify_and_run(lambda card: card.sign(key, digest, algorithm))

    async def verify_and_run(self, function: Callable[[FineidCard], T]) -> T:
        """Send VERIFY and what a function sends, in one go.

        Entry on the reader takes time. If the person cancels meanwhile, the function
        is not run. Raises the errors of ``verify_pin`` and the function's, and
        ``UserCancelledError``.
        """
        card = self._held_card.card
        cancelled = threading.Event()

        def send() -> T:
            card.verify_pin(self._tries.role, self.pin)
            if cancelled.is_set():
                raise KortillaError(
                    "The request was cancelled.", code="REQUEST_CANCELLED"
                )
            return function(card)

        try:
            return await self._prompt.watch(self._held_card.run(send))
        finally:
            cancelled.set()

    async def verify(self) -> None:
        """Send only VERIFY. Raises the errors of ``sign``."""
        card = self._held_card.card
        await self._prompt.watch(
            self._held_card.run(card.verify_pin, self._tries.role, self.pin)
        )

    async def wipe(self) -> None:
        """Wipe the digits, after a command that still uses them."""
        await self._held_card.wipe(self.digits)
