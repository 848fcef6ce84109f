# SPDX-License-Identifier: MIT
"""Observes when a source has failed to reach the smart card service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from unittest import mock

from native_host.card.service_watch import ServiceWatch


@asynccontextmanager
async def watching_tries() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yield a function that waits until a source's attempts are over.

    After its attempts, the source waits for events of the service before it tries
    again.
    """
    over: asyncio.Queue[None] = asyncio.Queue()
    news = ServiceWatch.news

    async def note_and_wait(watch: ServiceWatch) -> None:
        over.put_nowait(None)
        await news(watch)

    async def tries_over() -> None:
        async with asyncio.timeout(60):
            await over.get()

    with mock.patch.object(ServiceWatch, "news", note_and_wait):
        yield tries_over
