# SPDX-License-Identifier: MIT
"""Challenges and sessions in Redis, for a service on several servers.

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

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from kortilla.clock import utc_now
from kortilla.errors import ChallengeNonceNotFoundError, StoreUnavailableError
from kortilla.web.challenge import ChallengeStore
from kortilla.web.sessions import SessionStore, new_session_id

__all__ = ["RedisChallengeStore", "RedisSessionStore", "RedisStores"]

#: How long an expired nonce is kept, to report it as expired.
_REMEMBERED = timedelta(minutes=5)

#: Reads the run id of the server that runs the script: nil if INFO is forbidden.
_RUN_ID = """
local info = redis.pcall('INFO', 'server')
local run_id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
"""
#: Stores the expiry of a nonce, and the run id.
_PUT = f"""{_RUN_ID}
if run_id then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. run_id, 'PX', ARGV[2])
end
return run_id
"""
#: Removes a nonce and returns its value, with the current run id.
_TAKE = f"""
local found = redis.call('GETDEL', KEYS[1])
{_RUN_ID}
return {{run_id, found}}
"""

#: Digits of a session's start, in milliseconds since 1970, before its content.
_BORN = 13
#: Replaces the content of a session that still exists; start and expiry stay.
_SAVE = f"""
local old = redis.call('GET', KEYS[1])
if old then
  redis.call('SET', KEYS[1], string.sub(old, 1, {_BORN}) .. ARGV[1], 'KEEPTTL')
end
"""


@asynccontextmanager
async def _asking(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RedisError, OSError, ValueError) as error:
        # Only the kind of error: Redis may quote the command with the nonce.
        raise StoreUnavailableError(
            f"Redis did not answer as it should: {type(error).__name__}."
        ) from error


class RedisChallengeStore(ChallengeStore):
    """Nonces in Redis. One GETDEL takes each, in the server run that stored it.

    A Redis without ``run_id`` in INFO is refused: a restored state would go unnoticed.
    The caller closes ``client``, which should not retry: a retry can only make a nonce
    fail that had worked. An operation takes at most ``seconds``. ``clock`` returns the
    time with its zone.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}challenge:"
        self._seconds = seconds
        self._clock = clock

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce; Redis drops it some time after its expiry."""
        until = int(expires_at.timestamp() * 1000)
        lives = (expires_at - self._clock() + _REMEMBERED) // timedelta(milliseconds=1)
        async with _asking(self._seconds):
            _check_run(
                await self._client.eval(_PUT, 1, self._prefix + nonce, until, lives)
            )

    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return its expiry, in one atomic script."""
        async with _asking(self._seconds):
            run, found = await self._client.eval(_TAKE, 1, self._prefix + nonce)
            _check_run(run)
            if found is not None:
                until, _, given_out_at = _text(found).partition(" ")
                expires_at = datetime.fromtimestamp(
                    int(until) / 1000, self._clock().tzinfo
                )
                if given_out_at == _text(run):
                    return expires_at
        raise ChallengeNonceNotFoundError(
            "The challenge has been used already, is unknown, or is from before a "
            "restart of Redis."
        )


def _check_run(run: bytes | str | None) -> None:
    if not run:
        raise StoreUnavailableError(
            "Redis does not say which run of it answers: allow the command INFO, which "
            "has to have run_id."
        )


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


class RedisSessionStore(SessionStore):
    """Sessions in Redis, under the SHA-256 of their id.

    The content of Redis or of its log is thus not enough to take over a session. A
    session ends ``idle`` seconds after its last use and ``lifetime`` seconds after its
    start. ``client`` and ``seconds`` are as in ``RedisChallengeStore``; ``clock``
    returns seconds since 1970.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}session:"
        self._seconds = seconds
        self._idle = timedelta(seconds=idle)
        self._lifetime = lifetime
        self._clock = clock

    async def create(self, data: dict[str, Any]) -> str:
        """Store a new session and return its id."""
        session_id = new_session_id()
        content = f"{int(self._clock() * 1000):0{_BORN}}{json.dumps(data)}"
        async with _asking(self._seconds):
            await self._client.set(self._key(session_id), content, px=self._idle)
        return session_id

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return the content of a session. This counts as a use."""
        key = self._key(session_id)
        async with _asking(self._seconds):
            content = await self._client.getex(key, px=self._idle)
            if content is None:
                return None
            if self._clock() > int(content[:_BORN]) / 1000 + self._lifetime:
                await self._client.delete(key)
                return None
            data = json.loads(content[_BORN:])
            if not isinstance(data, dict):
                raise ValueError("not a session")  # noqa: TRY004 - of any JSON
            return data

    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Store the content of a session, unless it has ended."""
        async with _asking(self._seconds):
            key = self._key(session_id)
            await self._client.eval(_SAVE, 1, key, json.dumps(data))

    async def delete(self, session_id: str) -> None:
        """End a session, if there is one."""
        async with _asking(self._seconds):
            await self._client.delete(self._key(session_id))

    def _key(self, session_id: str) -> str:
        return self._prefix + hashlib.sha256(session_id.encode()).hexdigest()


@dataclass(frozen=True)
class RedisStores:
    """Both stores in one Redis."""

    challenges: RedisChallengeStore
    sessions: RedisSessionStore
    _client: Redis = field(repr=False)  # which may tell its password

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        connections: int = 50,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Return stores in the Redis of a URL (``redis://``, ``rediss://``, ``unix://``).

        At most ``connections`` are open at once. No command is retried or takes longer
        than ``seconds``. It connects at the first use. ``clock`` must be the same as
        the ``LoginService``'s.
        """
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        client = Redis.from_pool(pool)
        return cls(
            RedisChallengeStore(client, prefix=prefix, seconds=seconds, clock=clock),
            RedisSessionStore(client, prefix=prefix, seconds=seconds),
            client,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
