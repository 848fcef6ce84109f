# SPDX-License-Identifier: MIT
"""Calls a service's event hooks, each in a thread of its own.

A hook that raises, is slow or hangs delays nobody and decides nothing. Its events wait,
in order, up to a bound; beyond that they are dropped, which the log says.
"""

import asyncio
import inspect
import logging
import os
import queue
import threading
import time
from collections.abc import Callable

from kortilla.events import Event, EventHook

__all__ = ["HookThread"]

logger = logging.getLogger(__name__)

#: Events that wait for one hook.
_CAPACITY = 10_000
#: Seconds that a coroutine function may take for one event.
_ASYNC_SECONDS = 10.0
#: Seconds between two lines in the log about one hook.
_SILENCE = 60.0

_Item = tuple[Event, asyncio.AbstractEventLoop]


class HookThread:
    """One hook, its waiting events, and its thread, which starts with the first event.

    A process that forks has a thread of its own in each process.
    """

    def __init__(
        self,
        hook: EventHook,
        *,
        capacity: int = _CAPACITY,
        async_seconds: float = _ASYNC_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hook = hook
        self._name = getattr(hook, "__qualname__", type(hook).__qualname__)
        self._capacity = capacity
        self._async_seconds = async_seconds
        self._clock = clock
        self._process = 0
        self._said = -_SILENCE
        #: Events that were dropped, and calls that failed.
        self.dropped = self.failed = 0
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._waiting: queue.Queue[_Item | None] = queue.Queue(self._capacity)
        self._thread: threading.Thread | None = None

    def put(self, event: Event) -> None:
        """Hand an event to the hook. Call it on the service's event loop."""
        if self._process != os.getpid():
            self._begin_anew()
        try:
            self._waiting.put_nowait((event, asyncio.get_running_loop()))
        except queue.Full:
            self.dropped += 1
            self._complain(f"is too slow; {self.dropped} events were dropped so far")
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                # A daemon: a hook that hangs must not keep the process.
                self._thread = threading.Thread(
                    target=self._run, name="kortilla-events", daemon=True
                )
                self._thread.start()

    async def close(self, seconds: float) -> None:
        """Let the hook see the events that wait, and end its thread."""
        thread = self._thread
        if thread is None or self._process != os.getpid():
            return
        until = self._clock() + seconds
        ending = False
        # At the end of a process there is no thread to wait in.
        while thread.is_alive() and self._clock() < until:
            if not ending:
                try:
                    self._waiting.put_nowait(None)
                    ending = True
                except queue.Full:
                    pass
            await asyncio.sleep(0.005)
        if thread.is_alive():
            self._complain("did not finish; some of the last events may be lost")

    def _run(self) -> None:
        while item := self._waiting.get():
            try:
                self._call(*item)
            except BaseException as error:
                # SystemExit too: the thread goes on. A message may have personal data.
                self.failed += 1
                self._complain(f"failed: {type(error).__name__}")

    def _call(self, event: Event, loop: asyncio.AbstractEventLoop) -> None:
        given = self._hook(event)
        if not inspect.isawaitable(given):
            return

        async def wait() -> None:
            async with asyncio.timeout(self._async_seconds):
                await given

        coroutine = wait()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise
        future.result(self._async_seconds + 1)

    def _complain(self, what: str) -> None:
        now = self._clock()
        if now >= self._said + _SILENCE:
            self._said = now
            logger.error("The event hook %s %s.", self._name, what)
