# SPDX-License-Identifier: MIT
"""Challenges, sessions and prepared signatures in Redis, for several servers.

This needs ``kortilla[redis]`` and Redis 6.2 or later: one primary that all servers
write to. If Redis gives no valid answer in time, the error is ``StoreUnavailableError``
and nobody is logged in. If the answer to GETDEL is lost, the command is not repeated:
the nonce may be gone, and this process never looks it up again
(``kortilla.web.challenge.Challenges``).

After a restart Redis holds the content of its snapshot or log, and after a failover the
content of the replica. A nonce that was used since may be there again. So each nonce
works only with the run of the Redis server that stored it (``run_id`` of INFO, new at
each start). A restart or failover ends the open challenges, and people start their
logins again. Two cases are not detected: a machine that is restored with its memory,
and a primary that is demoted, filled from its successor and promoted again within five
minutes.

Sessions survive a restart if Redis persists them. A session that ended after the
snapshot then exists again until it expires, for anybody who has a copy of its cookie. A
Redis without persistence (``save ""``, ``appendonly no``) restores none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from redis.asyncio import Redis

from kortilla.clock import utc_now
from kortilla.redis.connection import connect
from kortilla.redis.stores import (
    RedisChallengeStore,
    RedisPreparedStore,
    RedisSessionStore,
)
from kortilla.web.prepared import LIFETIME

__all__ = [
    "RedisChallengeStore",
    "RedisPreparedStore",
    "RedisSessionStore",
    "RedisStores",
]


@dataclass(frozen=True)
class RedisStores:
    """All stores in one Redis."""

    challenges: RedisChallengeStore
    sessions: RedisSessionStore
    prepared: RedisPreparedStore
    _client: Redis = field(repr=False)  # which may tell its password

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        connections: int = 50,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        prepared_lifetime: float = LIFETIME,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Return stores in the Redis of a URL (``redis://``, ``rediss://``, ``unix://``).

        At most ``connections`` are open at once. No command is retried or takes longer
        than ``seconds``. It connects at the first use. A session ends ``idle`` seconds
        after its last use and ``lifetime`` seconds after its start, a prepared
        signature after ``prepared_lifetime`` seconds. ``clock`` must be the same as the
        ``LoginService``'s.
        """
        client = connect(url, seconds=seconds, connections=connections)
        return cls(
            RedisChallengeStore(client, prefix=prefix, seconds=seconds, clock=clock),
            RedisSessionStore(
                client, prefix=prefix, seconds=seconds, idle=idle, lifetime=lifetime
            ),
            RedisPreparedStore(
                client, prefix=prefix, seconds=seconds, lifetime=prepared_lifetime
            ),
            client,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
