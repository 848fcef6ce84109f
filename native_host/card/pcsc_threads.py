# SPDX-License-Identifier: MIT
"""Blocking calls on daemon threads, as futures of the event loop.

The threads of an executor would delay the end of the process if a reader's driver never
returns. Daemon threads do not.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Worker:
    """A daemon thread that runs functions one after the other."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run a function after the earlier ones; cancelling does not prevent it."""
        future, task = _task(function)
        self._tasks.put(task)
        if self._thread is None:
            self._thread = threading.Thread(
                target=_run, args=(self._tasks,), name="kortilla-card", daemon=True
            )
            self._thread.start()
        return future

    def stop(self) -> asyncio.Future[None]:
        """End the thread after all submitted functions.

        The future completes just before. A later function gets a thread of its own.
        """
        future = self.submit(lambda: None)
        self._tasks.put(None)
        self._tasks, self._thread = SimpleQueue(), None
        return future


def _run(tasks: SimpleQueue[Callable[[], None] | None]) -> None:
    while task := tasks.get():
        task()


def in_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Run a blocking function on a new daemon thread."""
    future, task = _task(function)
    threading.Thread(target=task, name="kortilla-pcsc", daemon=True).start()
    return future


def _task(function: Callable[[], T]) -> tuple[asyncio.Future[T], Callable[[], None]]:
    """Return a future, and the function with which a thread fulfils it."""
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
    """Call back from a thread, unless the event loop is closed."""
    try:
        loop.call_soon_threadsafe(function, argument)
    except RuntimeError:
        logger.debug("The event loop closed before a thread of PC/SC.")
