# SPDX-License-Identifier: MIT
"""Signs with PIN1 where it is known already: nobody is asked, and no try is risked.

It was accepted by the card before, or comes from the program that the card serves
(PKCS#11's C_Login).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardRemovedError, WrongPinError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource, Reader
from native_host.errors import KortillaError, RequestCancelledError
from native_host.operations.authenticate import authentication_key
from native_host.operations.card_session import same_card
from native_host.operations.pin import usable_pin, wipe
from native_host.operations.refusals import Refusals

__all__ = ["ConfirmationNeededError", "KnownPin", "KnownPins"]

P = ParamSpec("P")
T = TypeVar("T")


class ConfirmationNeededError(KortillaError):
    """The last try is spent by nobody who has not been told so, in a window."""

    code = "CONFIRMATION_NEEDED"


@dataclass(eq=False)
class KnownPin:
    """A PIN that a card has accepted, and the card as it lies in its reader."""

    pin: bytearray = field(repr=False)
    certificate: CardCertificate
    reader: Reader


class KnownPins:
    """Verifies and uses PINs that are known, on the cards of a source.

    A PIN that a card has refused is not sent to it again: ``refusals`` are those.
    ``turn`` is held while a card is: one conversation at a time is enough.
    """

    def __init__(
        self, source: CardSource, turn: asyncio.Lock, refusals: Refusals
    ) -> None:
        self._source = source
        self._turn = turn
        self._refusals = refusals

    async def verify(
        self, certificate: CardCertificate, reader: Reader, pin: bytearray
    ) -> KnownPin:
        """Have the card in a reader verify a PIN, which the caller wipes.

        Raises ``WrongPinError``, ``PinBlockedError``, ``ConfirmationNeededError`` with
        one try left, ``CardRemovedError`` and what the card raises.
        """
        known = KnownPin(bytearray(pin), certificate, reader)
        try:
            async with self._card(known) as card:
                await self._send(card, known, card.verify_pin, PinRole.PIN1, known.pin)
        except BaseException:
            await self.wipe(known.pin)
            raise
        return known

    async def sign(
        self, known: KnownPin, digest: bytes, algorithm: SignatureAlgorithm
    ) -> bytes:
        """Sign with a PIN on its card, unless that has been moved.

        Raises as ``verify`` does: ``WrongPinError`` when it was changed meanwhile, and
        ``RequestCancelledError`` when it has been wiped.
        """
        async with self._card(known) as card:
            return await self._send(
                card, known, _sign, card, known.pin, digest, algorithm
            )

    async def wipe(self, pin: bytearray) -> None:
        """Wipe a PIN on the card's thread, behind whatever is still done with it there.

        A wiped PIN that is sent would cost a try.
        """
        await self._source.run(wipe, pin)

    async def _send(
        self,
        card: FineidCard,
        known: KnownPin,
        function: Callable[P, T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do what sends a PIN to its card, unless that has refused it before."""
        certificate = known.certificate
        tries_left = await self._source.run(_tries_left, card)
        self._refusals.meet(certificate, tries_left)
        if not any(known.pin):  # for who used it before, it was the wrong one
            raise RequestCancelledError("The PIN has been forgotten.")
        if self._refusals.holds(certificate, known.pin):
            raise WrongPinError(tries_left)
        self._refusals.sending(certificate, known.pin, tries_left)
        try:
            result = await self._source.run(function, *args, **kwargs)
        except WrongPinError as error:
            self._refusals.refused(certificate, known.pin, error.tries_left)
            raise
        self._refusals.accepted(certificate)
        return result

    @asynccontextmanager
    async def _card(self, known: KnownPin) -> AsyncIterator[FineidCard]:
        """Hold the card of a PIN, as it lies in its reader.

        The card is reset at the end. Raises ``CardRemovedError`` where there is none.
        """
        async with self._turn:
            if not same_card(known.reader, await self._source.readers()):
                raise CardRemovedError("The card is not in its reader any more.")
            connection = await self._source.connect(known.reader)
            try:
                card = await self._source.run(FineidCard, connection)
                _, found = await self._source.run(authentication_key, card)
                if found.der != known.certificate.der:
                    raise CardRemovedError("Another card is in the reader.")
                yield card
            finally:
                await asyncio.shield(self._source.run(connection.close))


def _tries_left(card: FineidCard) -> int:
    """Return PIN1's tries when it may be verified without asking the person."""
    tries_left = usable_pin(card, PinRole.PIN1).tries_left
    if tries_left == 1:
        raise ConfirmationNeededError(
            "One try is left: that is confirmed in the window."
        )
    return tries_left


def _sign(
    card: FineidCard, pin: bytearray, digest: bytes, algorithm: SignatureAlgorithm
) -> bytes:
    key, _ = authentication_key(card)
    card.verify_pin(PinRole.PIN1, pin)
    return card.sign(key, digest, algorithm)
