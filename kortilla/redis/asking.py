# SPDX-License-Identifier: MIT
"""Commands to Redis: their time limit, their errors, and the server's run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.exceptions import RedisError

from kortilla.errors import StoreUnavailableError

__all__ = ["RUN_ID", "asking", "check_run", "probe", "text"]

#: Reads the run id of the server that runs the script: nil if INFO is forbidden.
RUN_ID = """
local info = redis.pcall('INFO', 'server')
local run_id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
"""
#: Writes, reads and names the run: a Redis that is full or read-only fails.
_PROBE = f"""{RUN_ID}
redis.call('SET', KEYS[1], '1', 'PX', 1000)
return run_id
"""


@asynccontextmanager
async def asking(seconds: float) -> AsyncIterator[None]:
    """Limit a command's time. Its errors become ``StoreUnavailableError``."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError, ValueError) as error:
        # Only the kind of error: Redis may quote the command with the nonce.
        raise StoreUnavailableError(
            f"Redis did not answer as it should: {type(error).__name__}."
        ) from error


async def probe(client: Redis, prefix: str, seconds: float) -> None:
    """Raise ``StoreUnavailableError`` unless Redis takes what the stores write."""
    async with asking(seconds):
        check_run(await client.eval(_PROBE, 1, f"{prefix}health"))


def check_run(run: bytes | str | None) -> None:
    """Raise ``StoreUnavailableError`` if Redis does not name its run."""
    if not run:
        raise StoreUnavailableError(
            "Redis does not say which run of it answers: allow the command INFO, which "
            "has to have run_id."
        )


def text(value: bytes | str) -> str:
    """Return an answer of a client that decodes, or does not, as text."""
    return value if isinstance(value, str) else value.decode()
