# SPDX-License-Identifier: MIT
"""Sessions in Redis."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from kortilla.redis.connection import asking, probe
from kortilla.web.sessions import SessionStore, new_session_id

#: Digits of a session's start, in milliseconds since 1970, before its content.
_BORN = 13
#: Replaces the content of a session that still exists; start and expiry stay.
_SAVE = f"""
local old = redis.call('GET', KEYS[1])
if old then
  redis.call('SET', KEYS[1], string.sub(old, 1, {_BORN}) .. ARGV[1], 'KEEPTTL')
end
"""
#: Lists a session in its person's index, and stores it. In this order a failure between
#: the two leaves no session that ``end_sessions`` would miss. The index lasts as long
#: as its longest session may. The first command is one that a full Redis refuses, since
#: it refuses no later one.
_CREATE = """
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[4], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
"""
#: Deletes all sessions of an index, and says how many there were.
_END_ALL = """
local ended = 0
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  ended = ended + redis.call('DEL', key)
end
redis.call('DEL', KEYS[1])
return ended
"""


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
        self._people = f"{prefix}person:"
        self._seconds = seconds
        self._idle = timedelta(seconds=idle)
        self._lifetime = lifetime
        self._clock = clock

    async def create(self, data: dict[str, Any], *, satu: str | None = None) -> str:
        """Store a new session and return its id."""
        session_id = new_session_id()
        key, born = self._key(session_id), int(self._clock() * 1000)
        content = f"{born:0{_BORN}}{json.dumps(data)}"
        async with asking(self._seconds):
            if satu is None:
                await self._client.set(key, content, px=self._idle)
            else:
                idle = self._idle // timedelta(milliseconds=1)
                life = int(self._lifetime * 1000)
                person = self._person(satu)
                await self._client.eval(
                    _CREATE, 2, key, person, content, idle, born, life
                )
        return session_id

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return the content of a session. This counts as a use."""
        key = self._key(session_id)
        async with asking(self._seconds):
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
        async with asking(self._seconds):
            key = self._key(session_id)
            await self._client.eval(_SAVE, 1, key, json.dumps(data))

    async def delete(self, session_id: str) -> None:
        """End a session, if there is one."""
        async with asking(self._seconds):
            await self._client.delete(self._key(session_id))

    async def end_sessions(self, satu: str) -> int:
        """End all sessions of a person, and return how many there were."""
        async with asking(self._seconds):
            return int(await self._client.eval(_END_ALL, 1, self._person(satu)))

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` if no session could be stored now."""
        await probe(self._client, self._prefix, self._seconds)

    def _person(self, satu: str) -> str:
        # No secret: there are few enough SATUs to try them all.
        return self._people + hashlib.sha256(satu.encode()).hexdigest()

    def _key(self, session_id: str) -> str:
        return self._prefix + hashlib.sha256(session_id.encode()).hexdigest()
