# SPDX-License-Identifier: MIT
"""Challenges, sessions and prepared signatures in Redis, for several servers.

This needs ``kortilla[redis]`` and Redis 6.2 or later, or Valkey: one server, a primary
that Sentinels watch, or a cluster. ``kortilla.redis.address`` has their URLs. If Redis
gives no valid answer in time, the error is ``StoreUnavailableError`` and nobody is
logged in. If the answer to GETDEL is lost, the command is not repeated: the nonce may
be gone, and this process never looks it up again (``kortilla.web.challenge``).

After a restart Redis holds the content of its snapshot or log, and after a failover the
content of the replica. A nonce that was used since may be there again. So each nonce
works only with the run of Redis that stored it: from a start, or a promotion, of a
server to its end or demotion (``master_replid`` of INFO). A restart or failover ends
the open challenges, and people start their logins again. A machine that is restored
with its memory is not detected.

Sessions survive a failover if they had reached the replica. A primary that was replaced
unawares, cut off or frozen, logs nobody in: ``kortilla.redis.primary``.

Sessions survive a restart if Redis persists them. A session that ended after the
snapshot then exists again until it expires, for anybody who has a copy of its cookie. A
Redis without persistence (``save ""``, ``appendonly no``) restores none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from kortilla.clock import utc_now
from kortilla.redis.connection import connect
from kortilla.redis.stores import (
    Client,
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
    """All stores in one Redis, or in one hash slot of a cluster."""

    challenges: RedisChallengeStore
    sessions: RedisSessionStore
    prepared: RedisPreparedStore
    _client: Client = field(repr=False)  # which may tell its password

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
        """Return stores in the Redis of a URL, see ``kortilla.redis.address``.

        At most ``connections`` are open at once. No command is retried or takes longer
        than ``seconds``. It connects at the first use. The rest is as in
        ``from_client``. Raises ``ConfigurationError``.
        """
        client = connect(url, prefix=prefix, seconds=seconds, connections=connections)
        return cls.from_client(
            client,
            prefix=prefix,
            seconds=seconds,
            idle=idle,
            lifetime=lifetime,
            prepared_lifetime=prepared_lifetime,
            clock=clock,
        )

    @classmethod
    def from_client(
        cls,
        client: Client,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        prepared_lifetime: float = LIFETIME,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Return stores that use a client of redis-py, which ``close`` closes.

        It may be a ``Redis``, one of ``Sentinel.master_for``, or a ``RedisCluster``,
        for which ``prefix`` gets a hash tag. It should retry nothing. One of
        ``master_for`` may use a primary that was replaced: no nonce works twice, but a
        login there is lost. A session ends ``idle`` seconds after its last use and
        ``lifetime`` seconds after its start, a prepared signature after
        ``prepared_lifetime`` seconds. ``clock`` must be the same as the
        ``LoginService``'s.
        """
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
