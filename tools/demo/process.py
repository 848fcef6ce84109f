# SPDX-License-Identifier: MIT
"""Programs and tasks that the demo starts, and how they end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine

_GRACE_SECONDS = 5


@contextlib.asynccontextmanager
async def background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a coroutine as a task, and cancel it when the context exits."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def cancel_on_signals() -> None:
    """Cancel the running task when the program receives SIGTERM or SIGHUP.

    asyncio does so for Ctrl-C. Without this, other signals would leave a browser
    behind.
    """
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def end_process(process: asyncio.subprocess.Process) -> None:
    """End a process that leads its own session, and the rest of its group.

    It receives SIGTERM, and SIGKILL after five seconds.
    """
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
