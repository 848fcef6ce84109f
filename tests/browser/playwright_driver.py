# SPDX-License-Identifier: MIT
"""Lets several Chromium share Playwright's driver.

The driver is a program for Node.js that takes as long to start as Chromium.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from playwright.async_api import Playwright, async_playwright


class _Shared:
    """The driver of an event loop. It starts at its first use."""

    def __init__(self, ending: contextlib.AsyncExitStack) -> None:
        self._ending = ending
        self._playwright: Playwright | None = None

    async def get(self) -> Playwright:
        if self._playwright is None:
            starting = async_playwright()
            self._playwright = await self._ending.enter_async_context(starting)
        return self._playwright


_shared: dict[asyncio.AbstractEventLoop, _Shared] = {}


@contextlib.asynccontextmanager
async def shared_driver() -> AsyncIterator[None]:
    """Let what runs in this event loop share a driver until the context exits."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as ending:
        _shared[loop] = _Shared(ending)
        try:
            yield
        finally:
            del _shared[loop]


async def driver() -> Playwright | None:
    """Return the driver that this event loop shares, if it shares one."""
    shared = _shared.get(asyncio.get_running_loop())
    return None if shared is None else await shared.get()
