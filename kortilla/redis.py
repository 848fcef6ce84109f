# SPDX-License-Identifier: MIT
"""Challenges and sessions in Redis, for a service on several servers.

Needs ``kortilla[redis]``, and Redis 6.2 or later: one primary, to which all write.
Whatever keeps Redis from answering in time and in its form is a
``StoreUnavailableError``, and nobody is logged in. An answer to GETDEL that was lost
is not asked for again: the nonce is gone, so a second try could only say that somebody
had used it. Nor does this process ever ask for that nonce again
(``kortilla.web.challenge.Challenges``).

A Redis that ends and starts again has what its snapshot or log had, and a replica that
takes over has what it had heard of: a nonce may be there again that was used since. So
a nonce works only at the run of the Redis server that it was given out at (``run_id``
of INFO, new at each start): a restart and a failover end the challenges that are open,
and people begin their logins anew. What can't be told apart is a run that goes back in
itself: a machine put back with its memory, or a primary that was demoted, filled from
its successor and promoted again within five minutes.

Sessions last over a restart, if Redis keeps them. One that was ended since the snapshot
is there again, for whoever has a copy of its cookie, until its time is over. A Redis
that keeps nothing (``save ""``, ``appendonly no``) brings none back.
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
from kortilla.web.challenge import (
    ChallengeStore,
)
from kortilla.web.sessions import SessionStore, new_session_id

__all__ = ["RedisChallengeStore", "RedisSessionStore", "RedisStores"]

#: How long an expired nonce is still known as such.
_REMEMBERED = timedelta(minutes=5)

#: Reads the run of the server that runs the script: nil where INFO is forbidden.
_RUN_ID = """
local info = redis.pcall('INFO', 'server')
local run_id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
"""
#: Stores until when a nonce is valid, and the run.
_PUT = f"""{_RUN_ID}
if run_id then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. run_id, 'PX', ARGV[2])
end
return run_id
"""
#: Removes and returns what is stored of a nonce, with the run now.
_TAKE = f"""
local found = redis.call('GETDEL', KEYS[1])
{_RUN_ID}
return {{run_id, found}}
"""

#: Digits of a session's beginning, in milliseconds since 1970, before its content.
_BORN = 13
#: Puts content behind the beginning of a session that is still there; its expiry stays.
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
        # Of what Redis says only the kind: it may quote what it was sent.
        raise StoreUnavailableError(
            f"Redis did not answer as it should: {type(error).__name__}."
        ) from error


class RedisChallengeStore(ChallengeStore):
    """Nonces in Redis, each taken by one GETDEL, at the run that it was given out at.

    A Redis whose INFO is forbidden, or has no ``run_id``, is refused: nothing would
    tell whether it had been set back. ``client`` is the caller's, and the caller's to
    close; retries that it makes by itself can only turn a nonce that worked into one
    that did not. An operation takes at most ``seconds``. ``clock`` returns the time
    with its zone.
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
        """Store a nonce; Redis itself drops it a while after its time."""
        until = int(expires_at.timestamp() * 1000)
        lives = (expires_at - self._clock() + _REMEMBERED) // timedelta(milliseconds=1)
        async with _asking(self._seconds):
            _check_run(
                await self._client.eval(_PUT, 1, self._prefix + nonce, until, lives)
            )

    async def take(self, nonce: str) -> datetime:
        """Remove and return in one operation of Redis, which does one at a time."""
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

    Who reads what Redis holds, or its log, can take up no session with it. A session
    ends ``idle`` seconds after it was last used and ``lifetime`` seconds after it
    began. ``client`` and ``seconds`` are as in ``RedisChallengeStore``; ``clock``
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
        """Return what is in a session, which is thereby used."""
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
        """Store what is in a session, unless it has ended meanwhile."""
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

        At most ``connections`` are open at once. Nothing is tried twice, and nothing
        takes longer than ``seconds``. It connects when first asked. ``clock`` is the
        login's, where that has one of its own.
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
