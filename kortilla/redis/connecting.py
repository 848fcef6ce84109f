# SPDX-License-Identifier: MIT
"""Connections to Redis that outlive its restarts."""

import select
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

__all__ = ["connect"]


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
    more: dict[str, Any] = {}
    if not url.startswith("unix:"):
        more["socket_keepalive"] = True  # finds a server that is gone without a word
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
