# SPDX-License-Identifier: MIT
"""Challenges, sessions and prepared signatures in Redis, for several servers.

This needs ``kortilla[redis]`` and Redis 6.2 or later, or Valkey: one server, a primary
that Sentinels watch, or a cluster. ``kortilla.store.address`` has their URLs. If Redis
gives no valid answer in time, the error is ``StoreUnavailableError`` and nobody is
logged in.

After a restart Redis holds the content of its snapshot or log, and after a failover the
content of the replica. A nonce that was used since may be there again. So each nonce
works only with the run of Redis that stored it: from a start, or a promotion, of a
server to its end or demotion (``master_replid`` of INFO). A restart or failover ends
the open challenges, and people start their logins again. A machine that is restored
with its memory is not detected.

Sessions survive a failover if they had reached the replica. docs/operations.md says
what a primary that was replaced unawares loses.

Sessions survive a restart if Redis persists them. A session that ended after the
snapshot then exists again until it expires, for anybody who has a copy of its cookie. A
Redis without persistence (``save ""``, ``appendonly no``) restores none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from kortilla.clock import utc_now
from kortilla.store.connection import connect
from kortilla.store.redis import Client, RedisStore
from kortilla.web.challenge import ChallengeStore
from kortilla.web.prepared import LIFETIME, PreparedStore
from kortilla.web.sessions import SessionStore

__all__ = ["RedisStores"]


@dataclass(frozen=True)
class RedisStores:
    """All stores in one Redis, or in one hash slot of a cluster."""

    challenges: ChallengeStore
    sessions: SessionStore
    prepared: PreparedStore
    _store: RedisStore = field(repr=False)  # which may tell its password

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
        """Return stores in the Redis of a URL, see ``kortilla.store.address``.

        It connects at the first use. The rest is as in ``from_client``. Raises
        ``ConfigurationError``.
        """
        return cls.from_client(
            connect(url, seconds=seconds),
            prefix=prefix,
            seconds=seconds,
            connections=connections,
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
        connections: int = 50,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        prepared_lifetime: float = LIFETIME,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Return stores that use a client of redis-py, which ``close`` closes.

        It may be a ``Redis``, one of ``Sentinel.master_for``, or a ``RedisCluster``,
        for which ``prefix`` gets a hash tag. At most ``connections`` are used at once,
        and no command takes longer than ``seconds``. A session ends ``idle`` seconds
        after its last use and ``lifetime`` seconds after its start, a prepared
        signature after ``prepared_lifetime`` seconds. ``clock`` must be the same as the
        ``LoginService``'s.
        """
        store = RedisStore(
            client,
            prefix=prefix,
            seconds=seconds,
            connections=connections,
            clock=lambda: clock().timestamp(),
        )
        return cls(
            ChallengeStore(store),
            SessionStore(store, idle=idle, lifetime=lifetime),
            PreparedStore(store, lifetime=prepared_lifetime),
            store,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._store.close()
