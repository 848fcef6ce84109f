# SPDX-License-Identifier: MIT
"""An event loop in a background thread, for WSGI servers.

A connection belongs to the event loop that opened it, but a synchronous server makes a
new loop for each call. So this module runs one loop for the process. It starts at its
first use, after the server has forked its workers, and ends with the process. A process
that forks later gets another loop.

    person = background.run(validate_signer(der, trust=trust, revocation=revocation))

A server that runs no threads between requests (uWSGI without ``enable-threads``) can't
use it.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

__all__ = ["at_exit", "call", "run"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that closing everything may take at the end of the process.
_EXIT_SECONDS = 5.0

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_closers: list[Callable[[], Awaitable[None]]] = []


def run(coroutine: Coroutine[None, None, T]) -> T:
    """Run a coroutine on the process's loop, and wait for its result.

    For synchronous code. Raises ``RuntimeError`` in a thread with a running event loop:
    await the coroutine there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        future = asyncio.run_coroutine_threadsafe(coroutine, _started())
    else:
        coroutine.close()
        raise RuntimeError("An event loop runs here: await, in place of run().")
    try:
        return future.result()
    except BaseException:
        # The server's own time-out ended the wait: the result is not needed.
        future.cancel()
        raise


async def call(coroutine: Coroutine[None, None, T]) -> T:
    """Run a coroutine on the process's loop, from a loop that lives for one request."""
    loop = _started()
    if asyncio.get_running_loop() is loop:
        return await coroutine
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))


def at_exit(close: Callable[[], Awaitable[None]]) -> None:
    """Register a function to call on the loop when the process ends.

    For objects with connections on the loop: ``at_exit(stores.close)``. It is not
    called if the loop never started.
    """
    _closers.append(close)


def _started() -> asyncio.AbstractEventLoop:
    global _loop, _thread  # noqa: PLW0603 - a process has one
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            # The interpreter waits for threads that are no daemons before atexit.
            _thread = threading.Thread(
                target=_loop.run_forever, name="kortilla-loop", daemon=True
            )
            _thread.start()
        return _loop


def _end() -> None:
    global _loop, _thread  # noqa: PLW0603 - a process has one
    with _lock:
        loop, thread = _loop, _thread
        _loop = _thread = None
    if loop is None or thread is None:
        return
    future = asyncio.run_coroutine_threadsafe(_close_all(), loop)
    try:
        future.result(_EXIT_SECONDS)
    except TimeoutError:
        logger.warning("What a server had open was not closed in time.")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_EXIT_SECONDS)
    if not loop.is_running():
        loop.close()


async def _close_all() -> None:
    for close in _closers:
        try:
            await close()
        except Exception:
            logger.exception("Something could not be closed at the end.")
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


def _forget() -> None:
    """Drop the parent's loop after a fork: its thread is not in this process."""
    global _loop, _thread, _lock  # noqa: PLW0603 - a process has one
    _loop = _thread = None
    _lock = threading.Lock()


atexit.register(_end)
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget)
