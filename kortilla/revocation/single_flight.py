# SPDX-License-Identifier: MIT
"""Runs one coroutine at a time for each key; concurrent callers share its result."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one coroutine for each key. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await the key's running coroutine, or start one.

        It continues if a caller is cancelled: others may be waiting.
        """
        return await asyncio.shield(self.start(key, make))

    def start(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]
    ) -> "asyncio.Task[T]":
        """Start the coroutine unless one is running, without waiting for it."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(make())
            self._running[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    async def close(self) -> None:
        """Cancel all running coroutines."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # with no caller left, an exception is no error
