# SPDX-License-Identifier: MIT
"""A browser that tests share."""

from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)

from tests.browser.browsers import Browser


class SharedBrowser:
    """Starts a browser at its first use, and a new one after it has failed."""

    def __init__(
        self, start: Callable[[], AbstractAsyncContextManager[Browser]]
    ) -> None:
        self._start = start
        self._started = AsyncExitStack()
        self._browser: Browser | None = None

    async def get(self) -> Browser:
        """Return the browser."""
        if self._browser is None or self._browser.failed:
            await self.close()
            self._browser = await self._started.enter_async_context(self._start())
        return self._browser

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Browser]:
        """Lend the browser to a test, which leaves it as it was. A failure ends it."""
        try:
            yield await self.get()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the browser. May be called twice."""
        self._browser = None
        await self._started.aclose()
