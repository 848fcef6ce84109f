# SPDX-License-Identifier: MIT
"""One piece of work at a time for each key, whose outcome all who ask share."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs coroutines, each key's once at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await the work that is under way, or begin it.

        It goes on when one who waits for it is cancelled: others may be waiting.
        """
        return await asyncio.shield(self.start(key, make))

    def start(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]
    ) -> "asyncio.Task[T]":
        """Begin the work unless it is under way, and don't wait for it."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(make())
            self._running[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    async def close(self) -> None:
        """Cancel what is under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # nobody may be waiting any more, which is no error
