# SPDX-License-Identifier: MIT
"""Signs with PIN1 where it is known already: nobody is asked, and no try is risked.

It was accepted by the card before, or comes from the program that the card serves
(PKCS#11's C_Login).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardRemoved, WrongPin
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.signature import SignatureAlgorithm
from native_host.card.source import CardSource, Reader
from native_host.errors import KortillaError
from native_host.operations.authenticate import authentication_key
from native_host.operations.card_session import same_card
from native_host.operations.pin import fingerprint, usable_pin, wipe

__all__ = ["ConfirmationNeeded", "KnownPin", "KnownPins"]


class ConfirmationNeeded(KortillaError):
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

    A PIN that a card has refused is not sent to it again. ``turn`` is held while a card
    is: this process has one conversation with it at a time.
    """

    def __init__(self, source: CardSource, turn: asyncio.Lock) -> None:
        self._source = source
        self._turn = turn
        self._refused: set[bytes] = set()

    async def verify(self, certificate: CardCertificate, pin: bytearray) -> KnownPin:
        """Have the card of a certificate verify a PIN, which the caller wipes.

        Raises ``WrongPin``, ``PinBlocked``, ``ConfirmationNeeded`` with one try left,
        ``CardRemoved`` and what the card raises.
        """
        attempt = fingerprint(certificate, pin)
        async with self._card(certificate) as (reader, card):
            tries_left = await self._source.run(_tries_left, card)
            if attempt in self._refused:
                raise WrongPin(tries_left)
            try:
                await self._source.run(card.verify_pin, PinRole.PIN1, pin)
            except WrongPin:
                self._refused.add(attempt)
                raise
        return KnownPin(bytearray(pin), certificate, reader)

    async def sign(
        self, known: KnownPin, digest: bytes, algorithm: SignatureAlgorithm
    ) -> bytes:
        """Sign with a PIN on its card, unless that has been moved.

        Raises as ``verify`` does: ``WrongPin`` when it was changed meanwhile.
        """
        try:
            async with self._card(known.certificate, known.reader) as (_, card):
                return await self._source.run(_sign, card, known.pin, digest, algorithm)
        except WrongPin:
            self._refused.add(fingerprint(known.certificate, known.pin))
            raise

    async def wipe(self, pin: bytearray) -> None:
        """Wipe a PIN on the card's thread, behind whatever is still done with it there.

        A wiped PIN that is sent would cost a try.
        """
        await self._source.run(wipe, pin)

    @asynccontextmanager
    async def _card(
        self, certificate: CardCertificate, reader: Reader | None = None
    ) -> AsyncIterator[tuple[Reader, FineidCard]]:
        """Hold the card of a certificate, as it lies in a reader if one is named.

        The card is reset at the end. Raises ``CardRemoved`` where there is none.
        """
        async with self._turn:
            for each in await self._source.readers():
                if each.atr is None or (reader and not same_card(reader, (each,))):
                    continue
                connection = await self._source.connect(each)
                try:
                    card = await self._source.run(FineidCard, connection)
                    _, found = await self._source.run(authentication_key, card)
                    if found.der == certificate.der:
                        yield each, card
                        return
                finally:
                    await asyncio.shield(self._source.run(connection.close))
            raise CardRemoved("The card is not in a reader any more.")


def _tries_left(card: FineidCard) -> int:
    """Return PIN1's tries when it may be verified without asking the person."""
    tries_left = usable_pin(card, PinRole.PIN1).tries_left
    if tries_left == 1:
        raise ConfirmationNeeded("One try is left: that is confirmed in the window.")
    return tries_left


def _sign(
    card: FineidCard, pin: bytearray, digest: bytes, algorithm: SignatureAlgorithm
) -> bytes:
    key, _ = authentication_key(card)
    _tries_left(card)
    card.verify_pin(PinRole.PIN1, pin)
    return card.sign(key, digest, algorithm)
