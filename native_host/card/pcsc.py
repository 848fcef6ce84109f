# SPDX-License-Identifier: MIT
"""Cards in the system's readers, through PC/SC.

PC/SC's calls block, so the event loop makes none of them. One thread waits for reader
events and never polls, another one runs the card session. A short-lived thread
connects, since that waits for other programs' transactions, and PC/SC can't cancel such
a wait.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardRemovedError,
    PcscUnavailableError,
)
from native_host.card.pcsc_connection import (
    BUSY_PATIENCE,
    Code,
    PcscConnection,
    ReaderState,
    check,
    code_of,
    establish_context,
    scard,
    status_change,
)
from native_host.card.pcsc_threads import Worker, call_soon, in_thread
from native_host.card.service_watch import ServiceWatch, socket_path
from native_host.card.source import CardConnection, CardSource, Reader

logger = logging.getLogger(__name__)

Readers = tuple[Reader, ...]

# A reader of this name "changes" when a reader is plugged in or unplugged. The high
# half of its state counts readers (Windows) or these events (pcsc-lite 2.3): unless the
# caller passes it back unchanged, every wait ends at once.
_PLUG_AND_PLAY = "\\\\?PnP?\\Notification"

_SECOND_LOOK = 1000  # milliseconds
_NO_READER_PAUSE = 1.0  # seconds


class _Watch:
    """The readers, which a thread follows; ``news`` is set at each change.

    When the service stops, ``failure`` says why and the thread ends. ``insertions``
    provides the numbers of ``Reader.insertion``. It is for one event loop, except for
    ``stop``.
    """

    def __init__(self, insertions: Iterator[int]) -> None:
        self.readers: Readers | None = None
        self.failure: PcscUnavailableError | None = None
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._insertions = insertions
        self._stopping = threading.Event()
        self._context: int | None = None
        self._thread = threading.Thread(
            target=self._run, name="kortilla-readers", daemon=True
        )
        self._thread.start()

    def current(self) -> Readers:
        """Return the readers.

        Raises ``PcscUnavailableError`` if the thread has ended.
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

    def stop(self) -> None:
        """End the thread. Returns when it has ended, within some milliseconds.

        SCardCancel has no effect just before the wait begins, hence the loop.
        """
        self._stopping.set()
        while self._thread.is_alive():
            context = self._context
            if context is not None:
                scard().SCardCancel(context)
            self._thread.join(0.02)

    def _report(self, report: Readers | PcscUnavailableError) -> None:
        call_soon(self._loop, self.hear, report)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._follow_service()
        except PcscUnavailableError as error:
            self._report(error)
        except CardError as error:
            self._report(PcscUnavailableError(str(error)))

    def _follow_service(self) -> None:
        try:
            self._context = establish_context()
            try:
                self._follow(self._context)
            finally:
                context, self._context = self._context, None
                scard().SCardReleaseContext(context)
        except CardRemovedError:  # on Windows, which then runs no service
            if self.readers != ():
                self._report(())
            self._stopping.wait(_NO_READER_PAUSE)

    def _follow(self, context: int) -> None:
        # The last report of each reader, whose state is passed to the next wait. State
        # 0 of a new one is "unaware": the call returns at once.
        known: dict[str, tuple[int, Reader]] = {}
        reported: Readers | None = None
        looked_again = False
        plugged = 0  # the plug-and-play state before the readers are listed
        while not self._stopping.is_set():
            names = _list_readers(context)
            known = {name: known[name] for name in names if name in known}
            readers = tuple(reader for _, reader in known.values())
            if len(known) == len(names) and readers != reported:
                reported = readers
                self._report(readers)
            # A service that is just starting has no readers yet. A reader that is found
            # between the list and the wait would be missed, hence the second check.
            looked_again = not names and not looked_again
            timeout = _SECOND_LOOK if looked_again else scard().INFINITE
            states = [(name, known[name][0] if name in known else 0) for name in names]
            states.append((_PLUG_AND_PLAY, plugged))
            code, found = status_change(context, timeout, states)
            if code in {Code.OK, Code.TIMEOUT}:
                plugged = found[-1][1] & ~ReaderState.CHANGED
            if code in {Code.CANCELLED, Code.TIMEOUT}:
                continue
            if code in {Code.UNKNOWN_READER, Code.READER_UNAVAILABLE}:
                # Removed between the list and the wait; the next list will be without
                # it.
                self._stopping.wait(0.1)
                continue
            check(code, "SCardGetStatusChange")
            for name, event, atr in found[:-1]:
                state = event & ~ReaderState.CHANGED
                known[name] = (state, self._reader(name, state, atr, known.get(name)))

    def _reader(
        self, name: str, state: int, atr: bytes, last: tuple[int, Reader] | None
    ) -> Reader:
        if not state & ReaderState.PRESENT:
            return Reader(name)
        events = state >> 16
        insertion = last[1].insertion if last and last[0] >> 16 == events else 0
        return Reader(
            name,
            atr or None,
            mute=not atr,
            insertion=insertion or next(self._insertions),
            events=events,
        )


def _list_readers(context: int) -> list[str]:
    result, names = scard().SCardListReaders(context, [])
    if code_of(result) == Code.NO_READERS_AVAILABLE:
        return []
    check(result, "SCardListReaders")
    return list(names)


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
        return await self._connect(reader)

    async def resume(
        self, reader: Reader, connection: CardConnection
    ) -> PcscConnection:
        """Hold the card of a released connection again (see ``CardSource``)."""
        released = next(c for c in self._connections if c is connection)
        # From here on an attempt has it, also where nobody waits for that any more.
        self._connections.remove(released)
        if reader.name in self._attempts:
            await self.run(released.close)
            return await self._connect(reader)
        return await self._connect(reader, released)

    async def _connect(
        self, reader: Reader, released: PcscConnection | None = None
    ) -> PcscConnection:
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
            attempt = self._attempts[reader.name] = _Attempt(reader.name, released)
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
            stopped = in_thread(self._watch.stop)
            await asyncio.wait({stopped}, timeout=_STOP_PATIENCE)
        closing = [self._worker.submit(c.close) for c in self._connections]
        closing.append(self._worker.stop())
        _, left = await asyncio.wait(closing, timeout=_COMMAND_PATIENCE)
        if left:
            logger.warning("A command to the card does not end; it is left behind.")

    async def _begin_watch(self) -> _Watch:
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
    """A connection being established, and whether a caller still waits for it.

    ``released`` is a connection that is to hold its card again.
    """

    def __init__(self, reader: str, released: PcscConnection | None) -> None:
        self.reader = reader
        self._released = released
        self.wanted = False
        self.too_late = threading.Event()
        self.future = in_thread(self._connect)

    def _connect(self) -> PcscConnection:
        connection = self._released or PcscConnection(self.reader)
        if self._released is not None:
            connection.hold()
        if self.too_late.is_set():
            connection.close()
            raise PcscUnavailableError(_CLOSED)
        return connection
