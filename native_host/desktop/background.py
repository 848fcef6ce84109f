# SPDX-License-Identifier: MIT
"""An event loop on a thread, so that no card and no file keeps the window waiting."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, TypeVarTuple, Unpack

from PySide6.QtCore import QObject, Qt, Signal

from native_host.errors import KortillaError
from native_host.platform.log import log_unexpected

logger = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_END_WITHIN = 2.0  # seconds; a reader's driver may never return


class Background:
    """Runs coroutines, and passes their results to the thread of the window."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._works: set[Future[Any]] = set()
        self._window = _Window()
        self._closed = False
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="kortilla-background", daemon=True
        )
        self._thread.start()

    def start(
        self,
        work: Callable[[], Coroutine[None, None, T]],
        done: Callable[[T], object] = lambda _: None,
        failed: Callable[[KortillaError], object] = lambda _: None,
    ) -> Future[T]:
        """Run ``work``; then call ``done`` or ``failed`` on the window's thread.

        Neither is called if the returned future is cancelled. An unexpected error is
        logged, and ``failed`` gets a ``KortillaError`` for it. After ``close`` nothing
        is run, and the future is cancelled.
        """
        if self._closed:
            gone: Future[T] = Future()
            gone.cancel()
            return gone
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        self._works.add(future)

        def ended() -> None:
            self._works.discard(future)
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                done(future.result())
                return
            if not isinstance(error, KortillaError):
                if isinstance(error, Exception):
                    log_unexpected(logger, error)
                error = KortillaError("This should not happen.")
            failed(error)

        future.add_done_callback(lambda _: self.in_window(ended))
        return future

    def in_window(self, function: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Call a function on the window's thread, from any thread."""
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._window.called.emit(lambda: function(*args))

    def call(self, function: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        """Call a function on this event loop, from any thread."""
        if not self._closed:
            self._loop.call_soon_threadsafe(function, *args)

    def close(self) -> None:
        """Cancel all work, and wait a moment for its end. For the window's thread."""
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop)
        self._thread.join(_END_WITHIN)
        if not self._thread.is_alive():
            self._loop.close()

    async def _cancel(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_WITHIN)
        self._loop.stop()


class _Window(QObject):
    """Lives on the window's thread, and calls there what others hand over."""

    called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.called.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def _call(self, function: Callable[[], object]) -> None:
        function()
