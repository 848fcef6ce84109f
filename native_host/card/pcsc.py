# SPDX-License-Identifier: MIT
"""Cards in the system's readers, through PC/SC.

PC/SC's calls block, so the event loop makes none of them. One thread waits for reader
events, another one runs the card session. A short-lived thread connects, since that
waits for other programs' transactions, and PC/SC can't cancel such a wait.
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

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# After the event, a starting service may need a moment before it listens: seconds
# between the attempts.
_SERVICE_STARTS = (0.0, 0.02, 0.1, 0.5)
_STOP_PATIENCE = 0.4  # seconds that the reader thread has to end
_COMMAND_PATIENCE = 5.0  # seconds that a running command may take at the end
_CLOSED = "The source of cards was closed."


class PcscSource(CardSource):
    """The system's readers, for use on one event loop.

    It starts no thread and contacts no service before the first call. After
    ``PcscUnavailableError``, ``wait_for_service`` waits for the service.
    """

    def __init__(self) -> None:
        self._insertions = itertools.count(1)
        self._watch: _Watch | None = None
        self._worker = Worker()
        self._attempts: dict[str, _Attempt] = {}
        self._connections: list[PcscConnection] = []
        self._closed = False

    async def readers(self) -> Readers:
        """Return the readers' current state. Raises ``PcscUnavailableError``."""
        return (await self._begin_watch()).current()

    async def wait_for_change(self, known: Readers) -> Readers:
        """Wait until the readers differ from ``known`` and return them."""
        watch = await self._begin_watch()
        while (readers := watch.current()) == known:
            await watch.news.wait()
        return readers

    async def wait_for_service(self) -> None:
        """Wait until PC/SC can be reached, by the events of its socket.

        Under systemd the first attempt starts it.
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
            # It belongs to another caller, and PC/SC makes the next one wait for its
            # end.
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
            # It goes on: the next call takes it over.
            self._abandon(attempt)
            raise CardBusyError("Another program holds the card.")
        del self._attempts[reader.name]
        if taken_up and isinstance(attempt.future.exception(), CardBusyError):
            return await self.connect(reader)  # its time limit, not ours
        connection = attempt.future.result()
        self._connections = [c for c in self._connections if c.open]
        self._connections.append(connection)
        return connection

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a blocking function on the card's thread; it always runs to its end."""
        return await self._worker.submit(lambda: function(*args, **kwargs))

    async def close(self) -> None:
        """Wait for a running command, close connections and end the threads."""
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
        """Return a watch that has a report; start a new one if the last has ended."""
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
                return  # another call has taken it over
            del self._attempts[attempt.reader]
            if future.exception() is None:
                in_thread(future.result().close)

        attempt.future.add_done_callback(discard)


class _Attempt:
    """A connection being established, and whether a caller still waits for it."""

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
    """The event loop's view of a monitor; ``news`` is set at each report."""

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

        Raises ``PcscUnavailableError`` if the monitor has ended.
        """
        if self.failure:
            raise type(self.failure)(str(self.failure))
        return self.readers or ()

    def hear(self, report: Readers | PcscUnavailableError) -> None:
        """Store a report and wake all callers that wait for one."""
        if isinstance(report, PcscUnavailableError):
            self.failure = self.failure or report
        else:
            self.readers = report
        self.news.set()
        self.news = asyncio.Event()
