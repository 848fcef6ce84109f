# SPDX-License-Identifier: MIT
"""Await several things at once, and return the first result."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


async def race(*awaitables: Awaitable[T]) -> T:
    """Return the result, or raise the error, of the first awaitable that ends.

    If several have ended, the leftmost of them counts. The others are cancelled, and
    have ended when this returns.
    """
    futures: list[asyncio.Future[Any]] = [
        asyncio.ensure_future(each) for each in awaitables
    ]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        result: T = next(each for each in futures if each.done()).result()
        return result
    finally:
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)
