# SPDX-License-Identifier: MIT
"""Helpers for asyncio: the first result of several awaitables, and a set of tasks."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TypeVar


class TaskSet:
    """Tasks until they end. An error in one of them does not affect the others.

    ``asyncio.TaskGroup`` would cancel them, and can't be cancelled from outside.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[None, None, object]) -> None:
        self.add(asyncio.create_task(coroutine))

    def add(self, task: asyncio.Task[object]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def join(self) -> None:
        """Wait for all tasks. Raises the error of the first that fails."""
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


T = TypeVar("T")


async def race(*awaitables: Awaitable[T]) -> T:
    """Return the result, or raise the error, of the first awaitable that ends.

    If several have ended, the leftmost of them counts. The others are cancelled, and
    have ended when this returns.
    """
    futures: list[asyncio.Future[T]] = [
        asyncio.ensure_future(each) for each in awaitables
    ]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        return next(each for each in futures if each.done()).result()
    finally:
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)
