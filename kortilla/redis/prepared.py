# SPDX-License-Identifier: MIT
"""Prepared signatures in Redis."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import Redis
from redis.client import NEVER_DECODE

from kortilla.errors import PreparedSignatureNotFoundError
from kortilla.redis.connection import RUN_ID, asking, check_run, probe, text
from kortilla.signing.state import PreparedSignature
from kortilla.web.prepared import (
    LIFETIME,
    MAX_BYTES,
    MOST_PER_SESSION,
    PreparedStore,
    check_size,
    new_key,
)

#: Stores one with the run id, and drops the session's oldest beyond its number. The
#: first command is one that a full Redis refuses, since it refuses no later one.
_PUT = f"""{RUN_ID}
if not run_id then return run_id end
redis.call('ZADD', KEYS[2], ARGV[3] + ARGV[2] * 1000, KEYS[1])
redis.call('SET', KEYS[1], run_id .. ' ' .. ARGV[1], 'PX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[3])
local over = redis.call('ZCARD', KEYS[2]) - ARGV[4]
if over > 0 then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('DEL', key)
  end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, over - 1)
end
return run_id
"""
#: Removes one and returns it, with the current run id.
_TAKE = f"""
local found = redis.call('GETDEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
{RUN_ID}
return {{run_id, found}}
"""


class RedisPreparedStore(PreparedStore):
    """Prepared signatures in Redis. One GETDEL takes each.

    Each works only with the run of the Redis server that stored it, as a nonce does: a
    restored snapshot makes none work twice. ``client``, ``seconds`` are as in
    ``RedisChallengeStore``; the rest as in ``MemoryPreparedStore``. Redis bounds the
    sum itself (``maxmemory``). ``clock`` returns seconds since 1970.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        lifetime: float = LIFETIME,
        most_per_session: int = MOST_PER_SESSION,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}prepared:"
        self._seconds = seconds
        self._lifetime = lifetime
        self._most = most_per_session
        self._max_bytes = max_bytes
        self._clock = clock

    async def put(self, session: str, prepared: PreparedSignature) -> str:
        """Store it, and return the key for ``take``."""
        check_size(prepared, self._max_bytes)
        key, now = new_key(), int(self._clock() * 1_000_000)  # microseconds
        names = self._names(session, key)
        content, lives = prepared.to_bytes(), int(self._lifetime * 1000)
        async with asking(self._seconds):
            check_run(
                await self._client.eval(
                    _PUT, 2, *names, content, lives, now, self._most
                )
            )
        return key

    async def take(self, session: str, key: str) -> PreparedSignature:
        """Remove it, in one atomic script, and return it."""
        execute: Any = self._client.execute_command  # has no types
        async with asking(self._seconds):
            # A client that decodes would fail at the bytes of a PDF.
            run, found = await execute(
                "EVAL", _TAKE, 2, *self._names(session, key), **{NEVER_DECODE: True}
            )
            check_run(run)
            if found is not None:
                stored_by, _, content = found.partition(b" ")
                if text(stored_by) == text(run):
                    return PreparedSignature.from_bytes(content)
        raise PreparedSignatureNotFoundError(
            "The prepared signature has been used already, is unknown or too old, or "
            "is from before a restart of Redis."
        )

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` if nothing could be stored now."""
        await probe(self._client, self._prefix, self._seconds)

    def _names(self, session: str, key: str) -> tuple[str, str]:
        """Return the names of an entry and of its session's index in Redis."""
        index = _digest(session)
        entry = _digest(f"{index}{key}")  # of a fixed length, so that no two are alike
        return f"{self._prefix}{entry}", f"{self._prefix}session:{index}"


def _digest(name: str) -> str:
    """Hash a text. A page may send any as a key, also half a character."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
