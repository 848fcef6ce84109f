# SPDX-License-Identifier: MIT
"""Redis: connections that outlive its restarts, and commands that end in time."""

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from kortilla.errors import StoreUnavailableError


class _Pool(BlockingConnectionPool):
    """Hands out no connection that Redis has closed.

    A command that was sent on one can't be repeated, since Redis may have executed it.
    So the pool looks before a command is sent. redis-py looks too late or not at all,
    depending on its version.
    """

    async def ensure_connection(self, connection: AbstractConnection) -> None:
        """Connect anew in place of a connection that has ended."""
        if _has_ended(connection):
            await connection.disconnect(nowait=True)
        await super().ensure_connection(connection)


def _has_ended(connection: AbstractConnection) -> bool:
    reader, writer = connection._reader, connection._writer
    if reader is None or writer is None:
        return False
    if writer.is_closing() or reader.at_eof():
        return True
    # Nobody waits for an answer, so what can be read is the end, or is not for us. The
    # event loop may not have looked yet.
    poller = select.poll()
    poller.register(writer.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poller.poll(0))


def connect(url: str, *, seconds: float = 2, connections: int = 50) -> Redis:
    """Return a client of the Redis of a URL, which connects at its first use.

    At most ``connections`` are open at once. It retries nothing: a command that was
    lost may have been executed.
    """
    # It finds a server that is gone without a word.
    more = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = _Pool.from_url(
        url,
        max_connections=connections,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        **more,
    )
    return Redis.from_pool(pool)


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
        raise StoreUnavailableError(_problem(error)) from error


#: What is wrong by the kind of error, and what to do; the first that fits.
_PROBLEMS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (ssl.SSLCertVerificationError,),
        "The certificate of Redis is refused: %s. Name its CA in the URL, "
        "rediss://HOST?ssl_ca_certs=FILE.",
    ),
    (
        (ssl.SSLError,),
        "No TLS with Redis is possible: write redis:// in place of rediss://, or "
        "switch TLS on in Redis.",
    ),
    (
        (AuthenticationError,),
        "Redis refuses the user or the password: write both into the URL, "
        "rediss://USER:PASSWORD@HOST, without USER for the default one.",
    ),
    (
        (NoPermissionError,),
        "The user of Redis may not use a command: docs/operations.md lists those that "
        "it needs.",
    ),
    ((OutOfMemoryError,), "Redis is full: give it more maxmemory."),
    ((ReadOnlyError,), "Redis is a replica: name the primary in the URL."),
    (
        (ConnectionResetError,),
        "Redis closed the connection: if it expects TLS, write rediss:// in place of "
        "redis://.",
    ),
    (
        (FileNotFoundError,),
        "The socket or the file that Redis's URL names is not there.",
    ),
    (
        (ConnectionRefusedError, socket.gaierror),
        "No Redis is at the address of the URL: start it, or correct the address.",
    ),
    (
        (TimeoutError, RedisTimeoutError),
        "Redis did not answer in time: look whether it runs, and whether it speaks TLS "
        "if the URL has rediss://.",
    ),
)


def _problem(error: BaseException) -> str:
    """Say what is wrong, and what to do. It quotes neither URL nor command."""
    cause: BaseException | None = error
    while cause is not None:
        for kinds, sentence in _PROBLEMS:
            if isinstance(cause, kinds):
                reason = getattr(cause, "verify_message", "")
                return sentence % reason if "%s" in sentence else sentence
        cause = cause.__cause__ or cause.__context__
    return f"Redis did not answer as it should: {type(error).__name__}."


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
