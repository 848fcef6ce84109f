# SPDX-License-Identifier: MIT
"""The mock card of ``kortilla.mock_card`` as a source of cards: one reader and card."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from kortilla.mock_card import errors
from kortilla.mock_card.apdu import Style
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.contactless import ContactlessCard, contactless_atr
from kortilla.mock_card.faults import CardGoneError, CardSilentError, FaultyCard
from kortilla.mock_card.folder import Presence, locked
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError, CardMuteError, CardRemovedError
from native_host.card.pcsc_threads import Worker
from native_host.card.service_watch import ServiceWatch
from native_host.card.source import CardConnection, CardSource, Reader
from native_host.errors import InvalidArgumentError, KortillaError

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

READER_NAME = "Kortilla mock card"

_TAKEN_OUT = "The mock card was taken out of its reader."

_PATIENCE = 3.0  # seconds, as for a real card that another program holds
_LOOK_AGAIN = 0.02  # seconds; flock has no time-out


class MockCardBrokenError(KortillaError):
    """The mock card's folder can't be used; the message names the file and the key."""

    code = errors.MockCardBrokenError.code


@contextmanager
def host_errors() -> Iterator[None]:
    """Raise the host's own errors in place of the mock card's, with the same codes.

    Also a decorator of functions that are no coroutines.
    """
    try:
        yield
    except errors.MockCardBrokenError as error:
        raise MockCardBrokenError(str(error)) from error
    except errors.InvalidArgumentError as error:
        raise InvalidArgumentError(str(error)) from error


class MockCardConnection(CardConnection):
    """An exclusive connection to the mock card in a folder.

    With ``contactless`` it lies on a contactless reader. Raises ``CardBusyError`` if
    another process holds the card for longer than ``patience`` seconds, and
    ``MockCardBrokenError``.
    """

    @host_errors()
    def __init__(
        self,
        state: MockCardState,
        *,
        style: Style | str = Style.DIRECT,
        patience: float = _PATIENCE,
        contactless: bool = False,
    ) -> None:
        card = ContactlessCard(state) if contactless else MockCard(state, style=style)
        self.protocol = int(contactless)
        self._card = FaultyCard(card)
        self.atr = self._card.atr
        self._held = ExitStack()
        deadline = time.monotonic() + patience
        while True:
            try:
                self._held.enter_context(
                    locked(state.folder / "session.lock", wait=False)
                )
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise CardBusyError(
                        "Another program holds the mock card."
                    ) from None
                time.sleep(_LOOK_AGAIN)
            except OSError as error:
                raise MockCardBrokenError(
                    f"{state.folder / 'session.lock'} can't be used: {error.strerror}."
                ) from None
            else:
                return

    @host_errors()
    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Transmit an APDU to the card, with its faults.

        Raises ``CardRemovedError``, ``CardMuteError`` and ``MockCardBrokenError``.
        """
        try:
            answer = self._card.transmit(apdu)
        except CardGoneError:
            raise CardRemovedError(_TAKEN_OUT) from None
        except CardSilentError:
            raise CardMuteError("The mock card does not answer.") from None
        if len(answer) < 2:
            raise CardMuteError("The mock card's answer has no status word.")
        return answer[:-2], int.from_bytes(answer[-2:])

    def hurry(self) -> None:
        """End the delay of a running command, from any thread."""
        self._card.hurry()

    def close(self) -> None:
        """Reset the card and release it. May be called twice."""
        self._card.reset()
        self._held.close()


class MockCardSource(CardSource):
    """A single reader with the mock card of a folder.

    With ``contactless`` it is a contactless reader.
    The folder records whether the card or the reader is pulled. Raises
    ``MockCardBrokenError`` if there is no usable card in the folder. Another card may
    take its place later; without a usable one the reader is empty.
    """

    test_card = True

    @host_errors()
    def __init__(
        self,
        folder: Path | None = None,
        *,
        style: Style | str = Style.DIRECT,
        patience: float = _PATIENCE,
        contactless: bool = False,
    ) -> None:
        self._state = MockCardState.open(folder)
        self._contactless = contactless
        self._style = style
        self._patience = patience
        self._file = self._state.folder / "card.json"
        #: Another card's ATR, see ``insert``.
        self._atr: bytes | None = None
        self._serial = self._state.read().serial
        self._replacements = 0
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._worker = Worker()
        self._connection: MockCardConnection | None = None
        self._openings: set[asyncio.Future[MockCardConnection]] = set()

    async def readers(self) -> tuple[Reader, ...]:
        """Return the one reader, or none if it is pulled."""
        presence = self._presence()
        if not presence.reader:
            return ()
        atr = self._card_atr() if presence.card else None
        insertion = self._replacements << 32 | presence.insertions
        return (Reader(READER_NAME, atr, insertion=insertion),)

    def _card_atr(self) -> bytes | None:
        """Return the ATR of the folder's card, and count another card than before."""
        try:
            data = self._state.read()
        except errors.MockCardBrokenError as error:
            logger.info("The reader is empty: %s", error)
            return None
        if data.serial != self._serial:
            self._serial = data.serial
            self._replacements += 1
        atr = self._atr or PROFILES[data.profile].atr
        return contactless_atr(atr) if self._contactless else atr

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        """Wait until the card or its reader is inserted, pulled or replaced."""
        if self._following is None:
            self._following = asyncio.create_task(self._follow_files())
        while True:
            changed = self._changed
            if (readers := await self.readers()) != known:
                return readers
            with suppress(TimeoutError):
                async with asyncio.timeout(self._presence().seconds_left()):
                    await changed.wait()

    @host_errors()
    def _presence(self) -> Presence:
        return self._state.presence()

    async def _follow_files(self) -> None:
        """Notice that the card is pulled or replaced, also with another folder."""
        files = ServiceWatch(self._file, "presence.json")
        try:
            while True:
                files.arm()
                self._changed.set()
                self._changed = asyncio.Event()
                await files.news()
        finally:
            files.close()

    async def connect(self, reader: Reader) -> CardConnection:
        """Power the card.

        Raises ``CardBusyError``, ``CardRemovedError``, ``MockCardBrokenError``.
        """
        if reader.atr is None or (reader,) != await self.readers():
            raise CardRemovedError(_TAKEN_OUT)
        # Not on the card's thread, which the current holder of the card needs.
        opening = asyncio.get_running_loop().run_in_executor(
            None,
            lambda: MockCardConnection(
                self._state,
                style=self._style,
                patience=self._patience,
                contactless=self._contactless,
            ),
        )
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)
        try:
            connection = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Nobody will use this connection: release the card once it is open.
            opening.add_done_callback(self._abandon)
            raise
        self._connection = connection
        if (reader,) != await self.readers():  # pulled meanwhile
            await self.run(connection.close)
            raise CardRemovedError(_TAKEN_OUT)
        return connection

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the card's thread; cancelling does not interrupt it."""
        return await self._worker.submit(lambda: function(*args, **kwargs))

    async def close(self) -> None:
        """Wait for a running command, reset the card, end the thread."""
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})
            self._following = None
        await asyncio.gather(*self._openings, return_exceptions=True)
        if self._connection:
            self._connection.hurry()
            await self.run(self._connection.close)
            self._connection = None
        await self._worker.stop()

    def _abandon(self, opening: asyncio.Future[MockCardConnection]) -> None:
        if not opening.cancelled() and not opening.exception():
            opening.result().close()

    def remove(self) -> None:
        """Pull the card; a running command gets no response."""
        self._state.pull()
        if self._connection:
            self._connection.hurry()

    def insert(self, atr: bytes | None = None) -> None:
        """Insert the card, or one with another ATR."""
        self._atr = atr
        self._state.insert()
