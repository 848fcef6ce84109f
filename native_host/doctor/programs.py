# SPDX-License-Identifier: MIT
"""Programs that a check starts. None outlives the check."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import cast

from native_host.platform import processes

_MOST_OUTPUT = 1 << 20  # bytes
_GONE_WITHIN = 2.0  # seconds, for a killed process


@asynccontextmanager
async def started(
    *command: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.StreamReader]:
    """Start a program without input; kill it and its children at the end.

    Yields its standard output. ``environment`` replaces variables of this process.
    Raises ``OSError``.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=DEVNULL,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    try:
        yield cast(asyncio.StreamReader, process.stdout)
    finally:
        if process.returncode is None:
            processes.kill_session(process.pid)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GONE_WITHIN)


async def output_of(
    *command: str, environment: Mapping[str, str] | None = None
) -> bytes:
    """Return the standard output of a program, at most a megabyte of it.

    Raises ``OSError``.
    """
    async with started(*command, environment=environment) as output:
        parts = []
        left = _MOST_OUTPUT
        while left > 0 and (part := await output.read(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
