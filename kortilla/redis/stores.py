# SPDX-License-Identifier: MIT
"""Challenges, sessions and prepared signatures in Redis, a store for each."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.client import NEVER_DECODE

from kortilla.clock import utc_now
from kortilla.common import JsonObject
from kortilla.errors import ChallengeNonceNotFoundError, PreparedSignatureNotFoundError
from kortilla.redis.connection import (
    RUN,
    asking,
    check_run,
    prefix_for,
    probe,
    text,
)
from kortilla.signing.state import PreparedSignature
from kortilla.web.challenge import ChallengeStore
from kortilla.web.prepared import (
    LIFETIME,
    MAX_BYTES,
    MOST_PER_SESSION,
    PreparedStore,
    check_size,
    new_key,
)
from kortilla.web.sessions import SessionStore, new_session_id

#: A client of a Redis, or of a cluster.
Client = Redis | RedisCluster
#: How long an expired nonce is kept, to report it as expired.
_REMEMBERED = timedelta(minutes=5)
#: Digits of a session's start, in milliseconds since 1970, before its content.
_BORN = 13

#: Stores the expiry of a nonce, and the run.
_PUT_NONCE = f"""{RUN}
if run then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. run, 'PX', ARGV[2])
end
return run
"""
#: Removes a nonce and returns its value, with the current run.
_TAKE_NONCE = f"""
local found = redis.call('GETDEL', KEYS[1])
{RUN}
return {{run, found}}
"""
#: Replaces the content of a session that still exists; start and expiry stay.
_SAVE_SESSION = f"""
local old = redis.call('GET', KEYS[1])
if old then
  redis.call('SET', KEYS[1], string.sub(old, 1, {_BORN}) .. ARGV[1], 'KEEPTTL')
end
"""
#: Lists a session in its person's index, and stores it. In this order a failure between
#: the two leaves no session that ``end_sessions`` would miss. The index lasts as long
#: as its longest session may. The first command is one that a full Redis refuses, since
#: it refuses no later one.
_CREATE_SESSION = """
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[4], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
"""
#: Deletes all sessions of an index, and says how many there were.
_END_SESSIONS = """
local ended = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  ended = ended + redis.call('DEL', key)
end
redis.call('DEL', KEYS[1])
return ended
"""
#: Stores a prepared signature with the run, and drops the session's oldest beyond
#: its number. The first command is again one that a full Redis refuses.
_PUT_PREPARED = f"""{RUN}
if not run then return run end
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[2] * 1000, KEYS[1])
redis.call('SET', KEYS[1], run .. ' ' .. ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
local over = redis.call('ZCARD', KEYS[2]) - ARGV[4]
if over > 0 then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('DEL', key)
  end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
return run
"""
#: Removes one and returns it, with the current run.
_TAKE_PREPARED = f"""
local found = redis.call('GETDEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
{RUN}
return {{run, found}}
"""


class _RedisStore:
    """A client, the beginning of the names in Redis, and a limit in seconds.

    In a cluster all names of a prefix have one hash slot: scripts need it.
    """

    def __init__(self, client: Client, prefix: str, kind: str, seconds: float) -> None:
        self._client: Any = client  # its types are incomplete
        self._base = prefix_for(client, prefix)
        self._prefix = f"{self._base}{kind}"
        self._seconds = seconds

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` if nothing could be stored now."""
        await probe(self._client, self._prefix, self._seconds)


class RedisChallengeStore(_RedisStore, ChallengeStore):
    """Nonces in Redis. One GETDEL takes each, in the server run that stored it.

    A Redis that does not name its run in INFO is refused: a restored state would go
    unnoticed. The caller closes ``client``, which should not retry: a retry can only
    make a nonce fail that had worked. An operation takes at most ``seconds``. ``clock``
    returns the time with its zone.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(client, prefix, "challenge:", seconds)
        self._clock = clock

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce; Redis drops it some time after its expiry."""
        until = int(expires_at.timestamp() * 1000)
        lives = (expires_at - self._clock() + _REMEMBERED) // timedelta(milliseconds=1)
        key = self._prefix + nonce
        async with asking(self._client, self._seconds):
            check_run(await self._client.eval(_PUT_NONCE, 1, key, until, lives))

    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return its expiry, in one atomic script."""
        async with asking(self._client, self._seconds):
            run, found = await self._client.eval(_TAKE_NONCE, 1, self._prefix + nonce)
            check_run(run)
            if found is not None:
                until, _, given_out_at = text(found).partition(" ")
                expires_at = datetime.fromtimestamp(
                    int(until) / 1000, self._clock().tzinfo
                )
                if given_out_at == text(run):
                    return expires_at
        raise ChallengeNonceNotFoundError(
            "The challenge has been used already, is unknown, or is from before a "
            "restart of Redis."
        )


class RedisSessionStore(_RedisStore, SessionStore):
    """Sessions in Redis, under the SHA-256 of their id.

    The content of Redis or of its log is thus not enough to take over a session. A
    session ends ``idle`` seconds after its last use and ``lifetime`` seconds after its
    start. ``client`` and ``seconds`` are as in ``RedisChallengeStore``; ``clock``
    returns seconds since 1970.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(client, prefix, "session:", seconds)
        self._people = f"{self._base}person:"
        self._idle = timedelta(seconds=idle)
        self._lifetime = lifetime
        self._clock = clock

    async def create(self, data: JsonObject, *, satu: str | None = None) -> str:
        session_id = new_session_id()
        key, born = self._key(session_id), int(self._clock() * 1000)
        content = f"{born:0{_BORN}}{json.dumps(data)}"
        async with asking(self._client, self._seconds):
            if satu is None:
                await self._client.set(key, content, px=self._idle)
            else:
                keys = key, self._person(satu)
                idle = self._idle // timedelta(milliseconds=1)
                more = content, idle, born, int(self._lifetime * 1000)
                await self._client.eval(_CREATE_SESSION, 2, *keys, *more)
        return session_id

    async def load(self, session_id: str) -> JsonObject | None:
        """Return the content of a session. This counts as a use."""
        key = self._key(session_id)
        async with asking(self._client, self._seconds):
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

    async def save(self, session_id: str, data: JsonObject) -> None:
        async with asking(self._client, self._seconds):
            key = self._key(session_id)
            await self._client.eval(_SAVE_SESSION, 1, key, json.dumps(data))

    async def delete(self, session_id: str) -> None:
        async with asking(self._client, self._seconds):
            await self._client.delete(self._key(session_id))

    async def end_sessions(self, satu: str) -> int:
        async with asking(self._client, self._seconds):
            return int(await self._client.eval(_END_SESSIONS, 1, self._person(satu)))

    def _person(self, satu: str) -> str:
        # No secret: there are few enough SATUs to try them all.
        return self._people + _digest(satu)

    def _key(self, session_id: str) -> str:
        return self._prefix + _digest(session_id)


class RedisPreparedStore(_RedisStore, PreparedStore):
    """Prepared signatures in Redis. One GETDEL takes each.

    Each works only with the run of the Redis server that stored it, as a nonce does: a
    restored snapshot makes none work twice. ``client``, ``seconds`` are as in
    ``RedisChallengeStore``; the rest as in ``MemoryPreparedStore``. Redis bounds the
    sum itself (``maxmemory``). ``clock`` returns seconds since 1970.
    """

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        lifetime: float = LIFETIME,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(client, prefix, "prepared:", seconds)
        self._lifetime = lifetime
        self._max_bytes = max_bytes
        self._clock = clock

    async def put(self, session: str, prepared: PreparedSignature) -> str:
        check_size(prepared, self._max_bytes)
        key, now = new_key(), int(self._clock() * 1_000_000)  # microseconds
        content, lives = prepared.to_bytes(), int(self._lifetime * 1000)
        more = *self._names(session, key), content, lives, now, MOST_PER_SESSION
        async with asking(self._client, self._seconds):
            check_run(await self._client.eval(_PUT_PREPARED, 2, *more))
        return key

    async def take(self, session: str, key: str) -> PreparedSignature:
        """Remove it, in one atomic script, and return it."""
        execute = self._client.execute_command
        words = "EVAL", _TAKE_PREPARED, 2, *self._names(session, key)
        async with asking(self._client, self._seconds):
            # A client that decodes would fail at the bytes of a PDF.
            run, found = await execute(*words, **{NEVER_DECODE: True})
            check_run(run)
            if found is not None:
                stored_by, _, content = found.partition(b" ")
                if text(stored_by) == text(run):
                    return PreparedSignature.from_bytes(content)
        raise PreparedSignatureNotFoundError(
            "The prepared signature has been used already, is unknown or too old, or "
            "is from before a restart of Redis."
        )

    def _names(self, session: str, key: str) -> tuple[str, str]:
        """Return the names of an entry and of its session's index in Redis."""
        index = _digest(session)
        entry = _digest(f"{index}{key}")  # of a fixed length, so that no two are alike
        return f"{self._prefix}{entry}", f"{self._prefix}session:{index}"


def _digest(name: str) -> str:
    """Hash a text. A page may send any as a key, also half a character."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
