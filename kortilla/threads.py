# SPDX-License-Identifier: MIT
"""Threads for this package's long work, apart from the event loop's default executor.

The whole service resolves host names in the default executor, which must stay free.
"""

import asyncio
import functools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 2


_executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="kortilla")


def _begin_anew() -> None:
    global _executor  # noqa: PLW0603 - a forked process has no threads, and needs others
    _executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="kortilla")


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew)


async def in_thread(
    function: Callable[P, T], *arguments: P.args, **options: P.kwargs
) -> T:
    """Call a function in a thread, and return its result."""
    call = functools.partial(function, *arguments, **options)
    return await asyncio.get_running_loop().run_in_executor(_executor, call)
