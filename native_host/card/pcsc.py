# SPDX-License-Identifier: MIT
"""Cards in the readers of the system, through PC/SC.

Calls of PC/SC block, so none is made on the event loop. One thread waits for reader
events, one holds the card session; a short-lived one connects, since that waits for
other programs' transactions, and nothing in PC/SC can call such a wait off.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from native_host.card.errors import CardBusyError, PcscUnavailableError
from native_host.card.pcsc_connection import BUSY_PATIENCE, PcscConnection
from native_host.card.pcsc_monitor import ReaderMonitor, Readers
from native_host.card.pcsc_threads import Worker, call_soon, in_thread
from native_host.card.service_watch import ServiceWatch, socket_path
from native_host.card.source import CardSource, Reader

__all__ = ["PcscSource"]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# A service that begins to listen may take a moment until it does: seconds between the
# tries that follow a piece of news.
_SERVICE_STARTS = (0.0, 0.02, 0.1, 0.5)
_STOP_PATIENCE = 0.4  # seconds that the reader thread is given to end
_COMMAND_PATIENCE = 5.0  # seconds that a command under way is waited for at the end
_CLOSED = "The source of cards was closed."


class PcscSource(CardSource):
    """The readers of the system. To be used on one event loop.

    Nothing is started and no service asked before the first call. After
    ``PcscUnavailableError``, ``wait_for_service`` waits for the service to come.
    """

    def __init__(self) -> None:
        self._insertions = itertools.count(1)
        self._watch: _Watch | None = None
        self._worker = Worker()
        self._attempts: dict[str, _Attempt] = {}
        self._connections: list[PcscConnection] = []
        self._closed = False

    async def readers(self) -> Readers:
        """Return the readers as they are now. Raises ``PcscUnavailableError``."""
        return (await self._begin_watch()).current()

    async def wait_for_change(self, known: Readers) -> Readers:
        """Wait until the readers differ from ``known`` and return them."""
        watch = await self._begin_watch()
        while (readers := watch.current()) == known:
            await watch.news.wait()
        return readers

    async def wait_for_service(self) -> None:
        """Wait until PC/SC can be reached, by the events of its socket.

        Under systemd the first try starts it.
        """
        service = ServiceWatch(socket_path())
        try:
            while True:
                service.arm()
                for pause in _SERVICE_STARTS:
                    await asyncio.sleep(pause)
                    if (await self._begin_watch()).failure is None:
                        return
                await service.news()
        finally:
            service.close()

    async def connect(self, reader: Reader) -> PcscConnection:
        """Connect to the card in a reader, exclusively (see ``CardSource``)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + BUSY_PATIENCE
        while (attempt := self._attempts.get(reader.name)) and attempt.wanted:
            # It is another caller's, and PC/SC has the next one wait for its end.
            left = deadline - loop.time()
            if left <= 0:
                raise CardBusyError("A connection to the card is being made already.")
            await asyncio.wait({attempt.future}, timeout=left)
        taken_up = attempt is not None
        if attempt is None:
            attempt = self._attempts[reader.name] = _Attempt(reader.name)
        attempt.wanted = True
        try:
            left = deadline - loop.time()
            await asyncio.wait({attempt.future}, timeout=left)
        except asyncio.CancelledError:
            self._abandon(attempt)
            raise
        if not attempt.future.done():
            # It goes on: the next call takes it up where it is.
            self._abandon(attempt)
            raise CardBusyError("Another program holds the card.")
        del self._attempts[reader.name]
        if taken_up and isinstance(attempt.future.exception(), CardBusyError):
            return await self.connect(reader)  # its time was over, not this call's
        connection = attempt.future.result()
        self._connections = [c for c in self._connections if c.open]
        self._connections.append(connection)
        return connection

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking function on the card's thread, to its end in any case."""
        return await self._worker.submit(lambda: function(*args, **kwargs))

    async def close(self) -> None:
        """Wait for a command under way, close connections and end the threads."""
        if self._closed:
            return
        self._closed = True
        for attempt in self._attempts.values():
            attempt.too_late.set()
        if self._watch:
            self._watch.hear(PcscUnavailableError(_CLOSED))
            stopped = in_thread(self._watch.monitor.stop)
            await asyncio.wait({stopped}, timeout=_STOP_PATIENCE)
        closing = [self._worker.submit(c.close) for c in self._connections]
        closing.append(self._worker.stop())
        _, left = await asyncio.wait(closing, timeout=_COMMAND_PATIENCE)
        if left:
            logger.warning("A command to the card does not end; it is left behind.")

    async def _begin_watch(self) -> "_Watch":
        """Return a watch that has heard something, begun anew if the last one ended."""
        if self._closed:
            raise PcscUnavailableError(_CLOSED)
        if self._watch is None or self._watch.failure:
            self._watch = _Watch(self._insertions)
        watch = self._watch
        while watch.readers is None and watch.failure is None:
            await watch.news.wait()
        return watch

    def _abandon(self, attempt: "_Attempt") -> None:
        attempt.wanted = False

        def discard(future: asyncio.Future[PcscConnection]) -> None:
            if attempt.wanted or self._attempts.get(attempt.reader) is not attempt:
                return  # taken up by another call
            del self._attempts[attempt.reader]
            if future.exception() is None:
                in_thread(future.result().close)

        attempt.future.add_done_callback(discard)


class _Attempt:
    """A connection in the making, and whether anybody still waits for it."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.wanted = False
        self.too_late = threading.Event()
        self.future = in_thread(self._connect)

    def _connect(self) -> PcscConnection:
        connection = PcscConnection(self.reader)
        if self.too_late.is_set():
            connection.close()
            raise PcscUnavailableError(_CLOSED)
        return connection


class _Watch:
    """What the event loop knows of a monitor; ``news`` is set at each report."""

    def __init__(self, insertions: Iterator[int]) -> None:
        self.readers: Readers | None = None
        self.failure: PcscUnavailableError | None = None
        self.news = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.monitor = ReaderMonitor(
            lambda report: call_soon(loop, self.hear, report), insertions
        )
        self.monitor.start()

    def current(self) -> Readers:
        """Return the readers.

        Raises ``PcscUnavailableError`` when the monitor has ended.
        """
        if self.failure:
            raise type(self.failure)(str(self.failure))
        return self.readers or ()

    def hear(self, report: Readers | PcscUnavailableError) -> None:
        """Take a report in, and wake everybody who waits for one."""
        if isinstance(report, PcscUnavailableError):
            self.failure = self.failure or report
        else:
            self.readers = report
        self.news.set()
        self.news = asyncio.Event()
