# SPDX-License-Identifier: MIT
"""Opens the secure channel to a card on a contactless reader, and opens it again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from native_host.card.atr import identify, is_contactless
from native_host.card.contactless.pace import open_channel
from native_host.card.errors import CardKind, UnsupportedCardError, WrongCanError
from native_host.card.source import (
    CardConnection,
    CardSource,
    Reader,
    closing_on_error,
    removal,
)
from native_host.operations.card_access.access_numbers import AccessNumbers
from native_host.operations.request import Context
from native_host.pin_prompt.model import Problem, Step
from native_host.platform.hardening import wipe
from native_host.state import remembered_can
from native_host.state.activation_offers import note

logger = logging.getLogger(__name__)

#: Seconds until the person is told that a card is slow, and until it is one that does
#: not answer: 45 have been seen (docs/reference/card.md, "Contactless").
SLOW_AFTER, MUTE_AFTER = 5.0, 60.0

_UNKNOWN = "The card lies on a contactless reader, and nobody was asked for its CAN."

#: Connects to a card. Meanwhile the prompt shows the step, and the problem if any.
Connect = Callable[[Reader, Step, Problem | None], Awaitable[CardConnection]]
Watch = Callable[[Awaitable[CardConnection]], Awaitable[CardConnection]]


class SecureChannels:
    """The secure channels of one operation, with the CANs of its context."""

    def __init__(self, context: Context, connect: Connect) -> None:
        self._source = context.source
        self._prompt = context.prompt
        self._numbers = context.numbers
        self._connect = connect

    async def open(self, reader: Reader) -> CardConnection:
        """Connect to a card on a contactless reader; ask for its CAN until it fits.

        A wrong CAN is sent once. Nothing is held while the person types. The agent then
        does not tell the person of this card.
        """
        note(reader)
        while True:
            can = await self._numbers.number(
                reader, self._prompt, lambda: removal(self._source, reader)
            )
            try:
                return await self._try(reader, can)
            except WrongCanError:
                await self._numbers.refused(reader, can)
            finally:
                # After the command that still uses it for a cancelled caller.
                await asyncio.shield(self._source.run(wipe, can))

    async def _try(self, reader: Reader, can: bytearray) -> CardConnection:
        slow = self._numbers.slow(reader)
        connect = partial(self._connect, reader, Step.CONTACTLESS, slow)
        with self._showing_delay(shown=slow is not None):
            channel = await _channel(self._source, connect, can, self._prompt.watch)
        await self._numbers.accepted(reader)
        return channel

    @contextmanager
    def _showing_delay(self, *, shown: bool = False) -> Iterator[None]:
        """Say that the card is slow, if it is: it is so after wrong CANs of anybody.

        After a minute, say that it does not answer. It is still waited for: only the
        person can end that without an interruption of PACE by us. ``shown`` says that
        the card has been called slow. In the end the window says it no more.
        """
        said = [shown]

        def say(code: str) -> None:
            said[0] = True
            self._prompt.show(Step.CONTACTLESS, Problem(code))

        loop = asyncio.get_running_loop()
        timers = []
        if self._prompt.attended:
            timers.append(loop.call_later(MUTE_AFTER, say, "CARD_MUTE"))
            if not shown:
                timers.append(loop.call_later(SLOW_AFTER, say, "CARD_SLOW"))
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
        if said[0]:
            self._prompt.show(Step.CONTACTLESS)

    async def reopen(self, reader: Reader) -> CardConnection | None:
        """Open the channel to a released card again, with the CAN it has accepted.

        Returns None if the card refuses the CAN, also for another task meanwhile: it is
        another card, whose CAN is to be asked for. Raises the other errors of
        ``connect`` and ``open_channel``.
        """
        if reader not in self._numbers:
            return None
        can = self._numbers.known(reader)
        try:
            with self._showing_delay():
                connect = partial(self._source.connect, reader)
                return await _channel(self._source, connect, can)
        except WrongCanError:
            await self._numbers.refused(reader, can)
            return None
        finally:
            await asyncio.shield(self._source.run(wipe, can))


async def connect_unasked(
    source: CardSource, reader: Reader, numbers: AccessNumbers | None = None
) -> CardConnection:
    """Connect to a card and ask nobody: on a contactless reader by a known CAN.

    That is the one of ``numbers``, or the remembered one. A card that refuses it gets
    no other one. Raises the errors of ``connect`` and ``open_channel``, and
    ``UnsupportedCardError`` where no CAN is known.
    """
    atr = reader.atr or b""
    identify(atr, contactless=True)
    if not is_contactless(atr):
        return await source.connect(reader)
    if known := numbers if numbers and reader in numbers else None:
        can: bytearray | None = known.known(reader)
    else:
        can = await remembered_can.recall()
    if can is None:
        raise UnsupportedCardError(_UNKNOWN, kind=CardKind.CONTACTLESS)
    try:
        return await _channel(source, partial(source.connect, reader), can)
    except WrongCanError:
        if known:
            await known.refused(reader, can)
        else:
            await remembered_can.forget()
        raise UnsupportedCardError(_UNKNOWN, kind=CardKind.CONTACTLESS) from None
    finally:
        await asyncio.shield(source.run(wipe, can))


async def _channel(
    source: CardSource,
    connect: Callable[[], Awaitable[CardConnection]],
    can: bytearray,
    watch: Watch | None = None,
) -> CardConnection:
    """Connect, and run PACE once. The card is reset if that fails.

    Another program may have left the card with a channel, open or broken. Then it
    refuses EF.CardAccess. It is reset and all of it begins once more, which gives a
    false card no second guess of the CAN: nothing of that has been sent.
    """

    async def once() -> CardConnection:
        connection = await connect()
        async with closing_on_error(source, connection):
            opening = source.run(open_channel, connection, can)
            return await (watch(opening) if watch else opening)

    with suppress(UnsupportedCardError):
        return await once()
    logger.info("The card was reset: another program may have left a channel.")
    return await once()
