# SPDX-License-Identifier: MIT
"""The mock card as the rest of the host sees it: one reader, the card always in it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from native_host.card.connection import CardConnection
from native_host.card.errors import CardBusy, CardRemoved
from native_host.card.source import CardSource, Reader

from .card import MockCard, Style
from .files import locked
from .state import MockCardBroken, MockCardState

__all__ = ["READER_NAME", "MockCardConnection", "MockCardSource"]

P = ParamSpec("P")
T = TypeVar("T")

READER_NAME = "Kortilla mock card"

_TAKEN_OUT = "The mock card was taken out of its reader."

_PATIENCE = 3.0  # seconds, as for a real card that another program holds
_LOOK_AGAIN = 0.02  # seconds; flock can't wait for a limited time


class MockCardConnection(CardConnection):
    """A connection to the mock card in a folder, held against other processes.

    Raises ``CardBusy`` when another holds it for longer than ``patience`` seconds, and
    ``MockCardBroken``.
    """

    def __init__(
        self,
        state: MockCardState,
        *,
        style: Style | str = Style.DIRECT,
        patience: float = _PATIENCE,
    ) -> None:
        self._card = MockCard(state, style=style)
        self._removed = False
        self._held = ExitStack()
        deadline = time.monotonic() + patience
        while True:
            try:
                self._held.enter_context(
                    locked(state.folder / "session.lock", wait=False)
                )
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise CardBusy("Another program holds the mock card.") from None
                time.sleep(_LOOK_AGAIN)
            except OSError as error:
                raise MockCardBroken(
                    f"{state.folder / 'session.lock'} can't be used: {error.strerror}."
                ) from None
            else:
                return

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Let the card answer. Raises ``CardRemoved`` and ``MockCardBroken``."""
        answer = b"" if self._removed else self._card.transmit(apdu)
        if self._removed:
            raise CardRemoved(_TAKEN_OUT)
        return answer[:-2], int.from_bytes(answer[-2:])

    def remove(self) -> None:
        """Pull the card, from any thread; a command under way is not answered."""
        self._removed = True

    def close(self) -> None:
        """Reset the card and let go of it. May be called twice."""
        self._card.reset()
        self._held.close()


class MockCardSource(CardSource):
    """A single reader with the mock card of a folder.

    Raises ``MockCardBroken`` when there is no usable card in the folder. ``remove`` and
    ``insert`` are for tests, and are called in the event loop's thread.
    """

    test_card = True

    def __init__(
        self,
        folder: Path | None = None,
        *,
        style: Style | str = Style.DIRECT,
        patience: float = _PATIENCE,
    ) -> None:
        self._state = MockCardState.open(folder)
        self._style = style
        self._patience = patience
        self._reader = Reader(READER_NAME, self._state.profile.atr, insertion=1)
        self._changed = asyncio.Event()
        self._worker = ThreadPoolExecutor(1, "mock-card")
        self._connection: MockCardConnection | None = None

    async def readers(self) -> tuple[Reader, ...]:
        """Return the one reader."""
        return (self._reader,)

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        """Wait until the card was inserted or removed."""
        while (self._reader,) == known:
            await self._changed.wait()
        return (self._reader,)

    async def connect(self, reader: Reader) -> CardConnection:
        """Power the card. Raises ``CardBusy``, ``CardRemoved``, ``MockCardBroken``."""
        if reader != self._reader or reader.atr is None:
            raise CardRemoved(_TAKEN_OUT)
        opening = self._submit(
            MockCardConnection,
            self._state,
            style=self._style,
            patience=self._patience,
        )
        try:
            connection = await asyncio.shield(opening)
        except asyncio.CancelledError:
            # Nobody will have this connection: let go of the card once it is there.
            opening.add_done_callback(self._abandon)
            raise
        self._connection = connection
        if reader != self._reader:  # pulled meanwhile
            await self.run(connection.close)
            raise CardRemoved(_TAKEN_OUT)
        return connection

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the card's thread, to its end in any case."""
        return await asyncio.shield(self._submit(function, *args, **kwargs))

    async def close(self) -> None:
        """Wait for a command under way, reset the card, end the thread."""
        if self._connection:
            await self.run(self._connection.close)
            self._connection = None
        await asyncio.to_thread(self._worker.shutdown)

    def _submit(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(
            self._worker, lambda: function(*args, **kwargs)
        )

    def _abandon(self, opening: asyncio.Future[MockCardConnection]) -> None:
        if not opening.cancelled() and not opening.exception():
            opening.result().close()

    def remove(self) -> None:
        """Take the card out of the reader."""
        if self._connection:
            self._connection.remove()
        self._change(replace(self._reader, atr=None))

    def insert(self) -> None:
        """Put the card into the reader."""
        self._change(
            replace(
                self._reader,
                atr=self._state.profile.atr,
                insertion=self._reader.insertion + 1,
            )
        )

    def _change(self, reader: Reader) -> None:
        self._reader = reader
        self._changed.set()
        self._changed = asyncio.Event()
