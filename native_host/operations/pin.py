# SPDX-License-Identifier: MIT
"""Asking for a PIN until the card accepts it, for whatever it is then used for."""

import threading
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from native_host.card.certificate import CardCertificate
from native_host.card.errors import (
    CardNotActivatedError,
    PinBlockedError,
    PinNotEnteredError,
    WrongPinError,
)
from native_host.card.fineid import CardKey, FineidCard, PinInfo, PinRole
from native_host.card.signature import SignatureAlgorithm
from native_host.errors import RequestCancelledError, UserCancelledError
from native_host.operations.card_session import HeldCard
from native_host.operations.refusals import Refusals
from native_host.pin_prompt.prompt import Document, PinQuestion, Prompt

__all__ = ["PinAsker", "usable_pin", "wipe"]

T = TypeVar("T")

# How many digits may be typed: what the card itself accepts (docs/reference/card.md,
# "PINs and the activation code").
_SHORTEST = {PinRole.PIN1: 4, PinRole.PIN2: 6}
_LONGEST = 12


def usable_pin(card: FineidCard, role: PinRole) -> PinInfo:
    """Ask a card for a PIN's tries; no try is spent.

    Raises ``CardNotActivatedError`` for one that was never set, ``PinBlockedError``,
    ``PinTriesUnreadableError``.
    """
    info = card.pin_info(role)
    # First, since a new card's PINs may be shipped blocked: it wants to be activated.
    if info.changed is False:
        raise CardNotActivatedError("The card has not been activated.")
    if info.tries_left == 0:
        raise PinBlockedError(f"{role.name} has no tries left.")
    return info


class PinAsker:
    """Asks for one of the PINs, throughout one conversation.

    A PIN that a card has refused is not sent to it again, not even after the card was
    pulled out and put back. ``refusals`` are those that are known already.
    """

    def __init__(
        self,
        prompt: Prompt,
        role: Literal[PinRole.PIN1, PinRole.PIN2],
        refusals: Refusals | None = None,
    ) -> None:
        self._prompt = prompt
        self._role = role
        self._refusals = refusals or Refusals()

    async def until_accepted(
        self,
        held_card: HeldCard,
        certificate: CardCertificate,
        use: Callable[[bytearray | None], Awaitable[T]],
        *,
        documents: tuple[Document, ...] = (),
    ) -> T:
        """Ask, and ``use`` the PIN, until the card does not refuse it.

        ``use`` gets the PIN's digits, or None when it is to be verified on the reader's
        pad, and raises what ``verify_pin`` does. Once it has ended the digits are
        wiped. Raises what ``use`` and ``usable_pin`` do, and ``UserCancelledError``.
        """
        card = held_card.card
        pad = card.has_pin_pad
        info = await self._prompt.watch(held_card.run(usable_pin, card, self._role))
        tries_left, repeated = info.tries_left, False
        wrong = self._refusals.meet(certificate, tries_left)
        pad_problem: Literal["", "timed-out", "length"] = ""
        while True:
            question = PinQuestion(
                role="PIN1" if self._role is PinRole.PIN1 else "PIN2",
                name=certificate.name,
                satu=certificate.satu,
                tries_left=tries_left,
                wrong=wrong,
                repeated=repeated,
                min_length=_SHORTEST[self._role],
                max_length=_LONGEST,
                documents=documents,
                pin_pad=pad,
                pad_problem=pad_problem,
                test_card=certificate.test,
            )
            typed: list[bytearray] = []
            try:
                pin = await held_card.race_removal(self._ask(question, typed))
                repeated = self._refusals.holds(certificate, pin)
                if not repeated:
                    if not pad:
                        self._refusals.sending(certificate, pin, tries_left)
                    result = await use(None if pad else pin)
                    self._refusals.accepted(certificate)
                    return result
            except WrongPinError as error:
                if not self._prompt.attended:
                    raise
                if not pad:
                    self._refusals.refused(certificate, pin, error.tries_left)
                tries_left, wrong, pad_problem = error.tries_left, True, ""
            except PinNotEnteredError as error:
                if error.why == "cancelled":
                    raise UserCancelledError("Cancelled on the reader.") from error
                if not self._prompt.attended:
                    raise
                wrong = False
                pad_problem = "length" if error.why == "length" else "timed-out"
            finally:
                # On the card's thread, behind whatever it is still doing with the PIN
                # for a caller who was cancelled: a wiped PIN that is sent costs a try.
                for pin in typed:
                    await held_card.run(wipe, pin)

    async def verify_and_sign(
        self,
        held_card: HeldCard,
        pin: bytearray | None,
        key: CardKey,
        digest: bytes,
        algorithm: SignatureAlgorithm,
    ) -> bytes:
        """Send the four commands in one go: VERIFY, MSE, HASH and SIGN.

        Typing on the reader takes its time, and whoever has cancelled meanwhile signs
        nothing. Raises what ``verify_pin`` and ``sign`` do, and ``UserCancelledError``.
        """
        called_off = threading.Event()

        def send() -> bytes:
            held_card.card.verify_pin(self._role, pin)
            if called_off.is_set():
                raise RequestCancelledError("It was called off.")
            return held_card.card.sign(key, digest, algorithm)

        try:
            return await self._prompt.watch(held_card.run(send))
        finally:
            called_off.set()

    async def _ask(self, question: PinQuestion, typed: list[bytearray]) -> bytearray:
        """Ask, and keep what was typed from a caller who is cancelled just then."""
        typed.append(await self._prompt.ask_pin(question))
        return typed[-1]


def wipe(pin: bytearray) -> None:
    """Overwrite a PIN or code."""
    pin[:] = bytes(len(pin))
