# SPDX-License-Identifier: MIT
"""Blocking calls on daemon threads, as futures of the event loop.

A daemon thread can't hold up the end of the process when a reader's driver never
returns, as the threads of an executor do.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["Worker", "call_soon", "in_thread"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Worker:
    """One daemon thread that runs functions one after the other."""

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


def in_thread(function: Callable[[], T]) -> asyncio.Future[T]:
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
            call_soon(loop, fail, error)
        else:
            call_soon(loop, succeed, result)

    return future, task


def call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[[T], None], argument: T
) -> None:
    """Call back from a thread, unless nobody is there any more."""
    try:
        loop.call_soon_threadsafe(function, argument)
    except RuntimeError:
        logger.debug("The event loop closed before a thread of PC/SC.")
