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
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from .connection import CardConnection
from .errors import CardBusy, CardError, CardMute, CardRemoved, PcscUnavailable
from .pcsc_calls import Code, check, code_of, establish_context, scard, status_change
from .pcsc_monitor import ReaderMonitor, Readers
from .source import CardSource, Reader

__all__ = ["PcscConnection", "PcscSource"]

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_BUSY_PATIENCE = 3.0  # seconds that another program's use of the card is waited for
_BUSY_RETRY = 0.1
_SERVICE_RETRY = 1.0  # seconds between looks for a service that is not there
_STOP_PATIENCE = 0.4  # seconds that the reader thread is given to end
_COMMAND_PATIENCE = 5.0  # seconds that a command under way is waited for at the end
_REMOVAL_PATIENCE = 0.8  # seconds that a reader may take to notice a card is gone

_STATE_PRESENT = 0x0020

_CLOSED = "The source of cards was closed."


class PcscConnection(CardConnection):
    """A card in a transaction of PC/SC, which no other program can get between."""

    def __init__(self, reader: str, *, patience: float = _BUSY_PATIENCE) -> None:
        """Connect. Waits ``patience`` seconds while another has the card exclusively,
        and for as long as another's transaction lasts.

        Raises ``CardBusy``, ``CardRemoved``, ``CardMute``, ``PcscUnavailable``.
        """
        self._reader = reader
        self._used = False
        self._card: int | None = None
        self._context = establish_context()
        try:
            self._connect(time.monotonic() + patience)
        except BaseException:
            scard().SCardReleaseContext(self._context)
            raise

    def _connect(self, deadline: float) -> None:
        api = scard()
        while True:
            result, card, protocol = api.SCardConnect(
                self._context,
                self._reader,
                api.SCARD_SHARE_SHARED,
                api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1,
            )
            step = "SCardConnect"
            if code_of(result) == Code.OK:
                result = api.SCardBeginTransaction(card)
                step = "SCardBeginTransaction"
                if code_of(result) == Code.OK:
                    break
                api.SCardDisconnect(card, api.SCARD_LEAVE_CARD)
            # A reset is another program's way to end; the card is there afterwards.
            passing = code_of(result) in {Code.SHARING_VIOLATION, Code.RESET_CARD}
            if not passing or time.monotonic() >= deadline:
                check(result, step)
            time.sleep(_BUSY_RETRY)
        self._card = card
        self._pci = api.SCARD_PCI_T1
        self.protocol = 1
        if protocol == api.SCARD_PROTOCOL_T0:
            self._pci, self.protocol = api.SCARD_PCI_T0, 0
        result, _, _, _, atr = api.SCardStatus(card)
        self.atr = bytes(atr) if code_of(result) == Code.OK and atr else None

    @property
    def open(self) -> bool:
        """Whether ``close`` has not been called."""
        return self._card is not None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the answer's data and its status word."""
        if self._card is None:
            raise CardError("The connection to the card is closed.")
        self._used = True
        result, answer = scard().SCardTransmit(self._card, self._pci, list(apdu))
        if code_of(result) != Code.OK:
            self._explain(code_of(result))
        if len(answer) < 2:
            raise CardMute("The card's answer has no status word.")
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]

    def close(self) -> None:
        """Reset the card, if anything was sent to it, and let go of it."""
        if self._card is None:
            return
        api, card = scard(), self._card
        self._card = None
        # The reset comes before another program's turn: it finds no verified PIN.
        ending = api.SCARD_RESET_CARD if self._used else api.SCARD_LEAVE_CARD
        result = api.SCardEndTransaction(card, ending)
        if code_of(result) == Code.OK:
            ending = api.SCARD_LEAVE_CARD
        else:
            logger.debug("The transaction ended with %08X.", code_of(result))
        api.SCardDisconnect(card, ending)
        api.SCardReleaseContext(self._context)

    def _explain(self, code: int) -> None:
        """Raise for a command that failed: readers say little, so look at the reader.

        A reader may take a moment to notice that its card is gone.
        """
        step = "SCardTransmit"
        if code in {Code.REMOVED_CARD, Code.RESET_CARD, Code.NO_SERVICE}:
            check(code, step)
        deadline = time.monotonic() + _REMOVAL_PATIENCE
        state = 0
        while (left := deadline - time.monotonic()) > 0:
            change, found = status_change(
                self._context, int(left * 1000) + 1, [(self._reader, state)]
            )
            if change == Code.TIMEOUT:
                break
            check(change, step)
            state = found[0][1] & ~0x0002
            if not state & _STATE_PRESENT:
                raise CardRemoved(f"The card was taken away. ({step}: {code:08X})")
        raise CardMute(f"The card does not answer. ({step}: {code:08X})")


class PcscSource(CardSource):
    """The readers of the system. To be used on one event loop.

    Nothing is started and no service asked before the first call. After
    ``PcscUnavailable``, ``wait_for_service`` waits for the service to come.
    """

    def __init__(self) -> None:
        self._insertions = itertools.count(1)
        self._watch: _Watch | None = None
        self._worker = _Worker()
        self._attempts: dict[str, _Attempt] = {}
        self._connections: list[PcscConnection] = []
        self._closed = False

    async def readers(self) -> Readers:
        """Return the readers as they are now. Raises ``PcscUnavailable``."""
        return (await self._begin_watch()).current()

    async def wait_for_change(self, known: Readers) -> Readers:
        """Wait until the readers differ from ``known`` and return them."""
        watch = await self._begin_watch()
        while (readers := watch.current()) == known:
            await watch.news.wait()
        return readers

    async def wait_for_service(self) -> None:
        """Wait until PC/SC can be reached, by trying once a second.

        A service that is not there has no events to wait for. Under systemd the first
        try starts it.
        """
        while True:
            watch = await self._begin_watch()
            if watch.failure is None:
                return
            await asyncio.sleep(_SERVICE_RETRY)

    async def connect(self, reader: Reader) -> PcscConnection:
        """Connect to the card in a reader, exclusively (see ``CardSource``)."""
        attempt = self._attempts.get(reader.name)
        if attempt is None:
            attempt = self._attempts[reader.name] = _Attempt(reader.name)
        elif attempt.wanted:
            raise CardBusy("A connection to the card is being made already.")
        attempt.wanted = True
        try:
            await asyncio.wait({attempt.future}, timeout=_BUSY_PATIENCE)
        except asyncio.CancelledError:
            self._abandon(attempt)
            raise
        if not attempt.future.done():
            # It goes on: the next call takes it up where it is.
            self._abandon(attempt)
            raise CardBusy("Another program holds the card.")
        del self._attempts[reader.name]
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
            self._watch.hear(PcscUnavailable(_CLOSED))
            stopped = _in_thread(self._watch.monitor.stop)
            await asyncio.wait({stopped}, timeout=_STOP_PATIENCE)
        closing = [self._worker.submit(c.close) for c in self._connections]
        closing.append(self._worker.stop())
        _, left = await asyncio.wait(closing, timeout=_COMMAND_PATIENCE)
        if left:
            logger.warning("A command to the card does not end; it is left behind.")

    async def _begin_watch(self) -> "_Watch":
        """Return a watch that has heard something, begun anew if the last one ended."""
        if self._closed:
            raise PcscUnavailable(_CLOSED)
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
                _in_thread(future.result().close)

        attempt.future.add_done_callback(discard)


class _Attempt:
    """A connection in the making, and whether anybody still waits for it."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.wanted = False
        self.too_late = threading.Event()
        self.future = _in_thread(self._connect)

    def _connect(self) -> PcscConnection:
        connection = PcscConnection(self.reader)
        if self.too_late.is_set():
            connection.close()
            raise PcscUnavailable(_CLOSED)
        return connection


class _Watch:
    """What the event loop knows of a monitor; ``news`` is set at each report."""

    def __init__(self, insertions: Iterator[int]) -> None:
        self.readers: Readers | None = None
        self.failure: PcscUnavailable | None = None
        self.news = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.monitor = ReaderMonitor(
            lambda report: _call_soon(loop, self.hear, report), insertions
        )
        self.monitor.start()

    def current(self) -> Readers:
        """Return the readers. Raises ``PcscUnavailable`` when the monitor has ended."""
        if self.failure:
            raise PcscUnavailable(str(self.failure))
        return self.readers or ()

    def hear(self, report: Readers | PcscUnavailable) -> None:
        """Take a report in, and wake everybody who waits for one."""
        if isinstance(report, PcscUnavailable):
            self.failure = self.failure or report
        else:
            self.readers = report
        self.news.set()
        self.news = asyncio.Event()


class _Worker:
    """One daemon thread that runs functions one after the other.

    Unlike an executor's, it can't hold up the end of the process when a reader's driver
    never returns.
    """

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run a function after those before it; cancelling does not take it back."""
        future, task = _task(function)
        self._tasks.put(task)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="kortilla-card", daemon=True
            )
            self._thread.start()
        return future

    def stop(self) -> asyncio.Future[None]:
        """End the thread after what was submitted; the future is done just before."""
        future = self.submit(lambda: None)
        self._tasks.put(None)
        return future

    def _run(self) -> None:
        while task := self._tasks.get():
            task()


def _in_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Run a blocking function on a daemon thread of its own."""
    future, task = _task(function)
    threading.Thread(target=task, name="kortilla-pcsc", daemon=True).start()
    return future


def _task(function: Callable[[], T]) -> tuple[asyncio.Future[T], Callable[[], None]]:
    """Return a future, and what a thread calls to fulfil it with the function."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def task() -> None:
        try:
            result = function()
        except BaseException as error:
            _call_soon(loop, fail, error)
        else:
            _call_soon(loop, succeed, result)

    return future, task


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[[T], None], argument: T
) -> None:
    """Call back from a thread, unless nobody is there any more."""
    try:
        loop.call_soon_threadsafe(function, argument)
    except RuntimeError:
        logger.debug("The event loop closed before a thread of PC/SC.")
