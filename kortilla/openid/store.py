# SPDX-License-Identifier: MIT
"""What the provider keeps between requests: each entry has a lifetime.

Codes, pushed requests and the like are taken once, by one atomic operation. Keys are
digests of what clients and browsers hold, so that a copy of the store opens nothing.
"""

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from kortilla.common import JsonObject
from kortilla.errors import StoreUnavailableError

Data = JsonObject

#: What anybody can have stored. It is bounded by itself, and the oldest goes first.
_BEGUN = ("login", "par")
#: The bytes that it may take.
MOST_BYTES = 64 * 1024 * 1024

#: What is taken once. Each works only with the run of Redis that stored it, as a nonce
#: does: a replica or a snapshot may have it after it was taken.
_ONCE = (*_BEGUN, "code")

#: Begins each script for these, after ``kortilla.redis.connection.RUN``.
_OWN = """
if not run then return {''} end
local function own(content)
  if content and string.sub(content, 1, #run) == run then
    return string.sub(content, #run + 1)
  end
  return false
end
"""
#: Stores an entry of ``_BEGUN``, and drops the oldest ones beyond a number of bytes.
#: KEYS are the entry, the index by time, and the bytes of each with their sum. Expired
#: entries are subtracted some at a time. The first command is one that a full Redis
#: refuses, since it refuses no later one.
_PUT = """
redis.call('SET', KEYS[1], run .. ARGV[1], 'EX', ARGV[2])
local time = redis.call('TIME')
local now, size = time[1] * 1000000 + time[2], #ARGV[1] + ARGV[4]
local function forget(key)
  local had = redis.call('HGET', KEYS[3], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('HDEL', KEYS[3], key)
  return redis.call('HINCRBY', KEYS[3], 'sum', -(had or 0))
end
forget(KEYS[1])
redis.call('ZADD', KEYS[2], now, KEYS[1])
redis.call('HSET', KEYS[3], KEYS[1], size)
local sum = redis.call('HINCRBY', KEYS[3], 'sum', size)
local since = now - ARGV[2] * 1000000
local old = redis.call('ZRANGE', KEYS[2], '-inf', since, 'BYSCORE', 'LIMIT', 0, 100)
for _, key in ipairs(old) do sum = forget(key) end
while sum > tonumber(ARGV[3]) do
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  redis.call('DEL', oldest)
  sum = forget(oldest)
end
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[2])
return {run}
"""
#: Stores another entry.
_SET = """
redis.call('SET', KEYS[1], run .. ARGV[1], 'EX', ARGV[2])
return {run}
"""
#: Stores an entry in place of one, and says whether there was one.
_REPLACE = """
local there = own(redis.call('GET', KEYS[1]))
if there then redis.call('SET', KEYS[1], run .. ARGV[1], 'EX', ARGV[2]) end
return {run, there and '1'}
"""
#: Returns an entry.
_GET = "return {run, own(redis.call('GET', KEYS[1]))}"
#: Removes an entry and returns it; one of ``_BEGUN`` leaves the index too.
_TAKE = """
if #KEYS > 1 then
  local had = redis.call('HGET', KEYS[3], KEYS[1])
  if had then redis.call('HINCRBY', KEYS[3], 'sum', -had) end
  redis.call('HDEL', KEYS[3], KEYS[1])
  redis.call('ZREM', KEYS[2], KEYS[1])
end
return {run, own(redis.call('GETDEL', KEYS[1]))}
"""


def _name(kind: str, key: str) -> str:
    # A header that is no UTF-8 has surrogates: it is a key that nobody was given.
    content = key.encode(errors="surrogatepass")
    return f"{kind}:{hashlib.sha256(content).hexdigest()}"


def _written(data: Data) -> bytes:
    # As UTF-8: an escape would make six bytes of a letter.
    return json.dumps(data, ensure_ascii=False).encode(errors="surrogatepass")


class Store(ABC):
    """Entries by kind and key.

    A store that can't be reached raises ``StoreUnavailableError``.
    """

    @abstractmethod
    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        """Store an entry for so many seconds, in place of an earlier one."""

    @abstractmethod
    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        """Store an entry in place of one. Returns False if there is none."""

    @abstractmethod
    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        """Store that a key was seen. Returns False if it was there."""

    @abstractmethod
    async def get(self, kind: str, key: str) -> Data | None:
        """Return an entry, or None."""

    @abstractmethod
    async def take(self, kind: str, key: str) -> Data | None:
        """Remove an entry and return it: exactly one of several callers gets it."""

    @abstractmethod
    async def delete(self, kind: str, key: str) -> None:
        """Remove an entry, if there is one."""

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store works. Raises ``StoreUnavailableError``."""

    async def advice(self) -> str:
        """Return a sentence about what could be better, or nothing."""
        return ""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class _Table:
    """Entries that expire, in the order in which they were stored.

    Expired ones go when the number has doubled, and when the table is full. A table
    that is still full then drops its oldest entries, or refuses a new one where
    ``drops`` is False.
    """

    _SWEPT = 1000  # fewer entries are not worth a look
    _AROUND = 400  # bytes of an entry beside its content: name, tuple, place in a dict

    def __init__(
        self, capacity: int, most_bytes: int, clock: Callable[[], float], *, drops: bool
    ) -> None:
        self._capacity = capacity
        self._most_bytes = most_bytes
        self._clock = clock
        self._drops = drops
        self._entries: dict[str, tuple[float, bytes]] = {}
        self._bytes = 0
        self._sweep_at = min(capacity, self._SWEPT)

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, name: str, data: Data, seconds: int) -> None:
        content = _written(data)
        size = self._AROUND + len(content)
        more = name not in self._entries and len(self._entries) >= self._sweep_at
        if more or self._bytes + size > self._most_bytes:
            self._make_room(size)
        self._remove(name)
        self._entries[name] = (self._clock() + seconds, content)
        self._bytes += size

    def has(self, name: str) -> bool:
        entry = self._entries.get(name)
        return entry is not None and self._clock() < entry[0]

    def get(self, name: str) -> Data | None:
        return self._living(self._entries.get(name))

    def take(self, name: str) -> Data | None:
        return self._living(self._remove(name))

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _remove(self, name: str) -> tuple[float, bytes] | None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= self._AROUND + len(entry[1])
        return entry

    def _living(self, entry: tuple[float, bytes] | None) -> Data | None:
        if entry is None or self._clock() >= entry[0]:
            return None
        return _load(entry[1])

    def _make_room(self, size: int) -> None:
        now = self._clock()
        for name in [n for n, entry in self._entries.items() if entry[0] <= now]:
            self._remove(name)
        if self._is_full(size):
            if not self._drops:
                raise StoreUnavailableError("The store in memory is full.")
            # Some at once, so that a flood does not have each request look at all.
            more, spare = size + self._most_bytes // 16, self._capacity // 16
            while self._entries and self._is_full(more, spare):
                self._remove(next(iter(self._entries)))
        self._sweep_at = min(self._capacity, max(self._SWEPT, 2 * len(self._entries)))

    def _is_full(self, size: int, spare: int = 0) -> bool:
        """Return whether there is no room for an entry and so many others."""
        count = len(self._entries) + spare
        return count >= self._capacity or self._bytes + size > self._most_bytes


class MemoryStore(Store):
    """The store of a provider that runs as one process.

    It holds at most ``capacity`` logins that anybody can begin, in ``most_bytes`` of
    memory, and drops the oldest beyond that. It keeps as many other entries, such as
    the marks of what was used; more of these raise ``StoreUnavailableError``. ``clock``
    returns seconds.
    """

    def __init__(
        self,
        *,
        capacity: int = 100_000,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begun = _Table(capacity, most_bytes, clock, drops=True)
        self._kept = _Table(capacity, most_bytes, clock, drops=False)

    def __len__(self) -> int:
        return len(self._begun) + len(self._kept)

    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        self._of(kind).put(_name(kind, key), data, seconds)

    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        if not self._of(kind).has(_name(kind, key)):
            return False
        await self.put(kind, key, data, seconds=seconds)
        return True

    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        if self._of(kind).has(_name(kind, key)):
            return False
        await self.put(kind, key, {}, seconds=seconds)
        return True

    async def get(self, kind: str, key: str) -> Data | None:
        return self._of(kind).get(_name(kind, key))

    async def take(self, kind: str, key: str) -> Data | None:
        return self._of(kind).take(_name(kind, key))

    async def delete(self, kind: str, key: str) -> None:
        self._of(kind).take(_name(kind, key))

    async def ping(self) -> None:
        """Return: memory is always there."""

    async def close(self) -> None:
        self._begun.clear()
        self._kept.clear()

    def _of(self, kind: str) -> _Table:
        return self._begun if kind in _BEGUN else self._kept


class RedisStore(Store):
    """The store that several processes share. An operation takes ``seconds`` at most.

    Of the logins that anybody can begin, and of the requests that anybody can push, it
    keeps ``most_bytes`` each, and drops the oldest beyond that. What is taken once is
    taken by one GETDEL, in the run of Redis that stored it; ``add`` is SET NX.
    ``client`` is one as ``kortilla.redis.connection`` makes it, or another of redis-py;
    ``close`` closes it.
    """

    #: Bytes of an entry beside its content: its name three times, and what it gains
    #: until the person has logged in.
    _AROUND = 1250

    def __init__(
        self,
        client: Any,
        *,
        prefix: str = "kortilla:",
        seconds: float = 2,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        from kortilla.redis import connection  # noqa: PLC0415 - redis is an extra

        self._connection = connection
        self._client = client
        self._most_bytes = most_bytes
        self._prefix = f"{connection.prefix_for(client, prefix)}openid:"
        self._seconds = seconds

    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        async with self._asking():
            content = _written(data)
            if kind in _BEGUN:
                own = content, seconds, self._most_bytes, self._AROUND
                await self._run(_PUT, self._keys(kind, key), *own)
            elif kind in _ONCE:
                await self._run(_SET, self._keys(kind, key), content, seconds)
            else:
                await self._client.set(self._key(kind, key), content, ex=seconds)

    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        async with self._asking():
            content = _written(data)
            if kind in _ONCE:
                # The index stays as it is: a login's place and size in it do.
                keys = self._keys(kind, key)[:1]
                return bool(await self._run(_REPLACE, keys, content, seconds))
            name = self._key(kind, key)
            return bool(await self._client.set(name, content, ex=seconds, xx=True))

    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        async with self._asking():
            name = self._key(kind, key)
            new = await self._client.set(name, "{}", ex=seconds, nx=True)
        return bool(new)

    async def get(self, kind: str, key: str) -> Data | None:
        async with self._asking():
            if kind in _ONCE:
                return _load(await self._run(_GET, self._keys(kind, key)[:1]))
            return _load(await self._client.get(self._key(kind, key)))

    async def take(self, kind: str, key: str) -> Data | None:
        async with self._asking():
            if kind in _ONCE:
                return _load(await self._run(_TAKE, self._keys(kind, key)))
            return _load(await self._client.getdel(self._key(kind, key)))

    async def delete(self, kind: str, key: str) -> None:
        async with self._asking():
            await self._client.delete(self._key(kind, key))

    async def ping(self) -> None:
        await self._connection.probe(self._client, self._prefix, self._seconds)

    async def advice(self) -> str:
        return await self._connection.advice(self._client, self._prefix, self._seconds)

    async def close(self) -> None:
        await self._client.aclose()

    def _asking(self) -> AbstractAsyncContextManager[None]:
        return self._connection.asking(self._client, self._seconds)

    async def _run(self, script: str, keys: Sequence[str], *arguments: Any) -> Any:
        """Run a script for an entry of ``_ONCE``, and return what it found."""
        whole = f"{self._connection.RUN}{_OWN}{script}"
        run, *found = await self._client.eval(whole, len(keys), *keys, *arguments)
        self._connection.check_run(run)
        return found[0] if found else None

    def _key(self, kind: str, key: str) -> str:
        return self._prefix + _name(kind, key)

    def _keys(self, kind: str, key: str) -> Sequence[str]:
        """Return the keys of ``_PUT``, or the entry's if it is in no index."""
        if kind not in _BEGUN:
            return (self._key(kind, key),)
        index = f"{self._prefix}{kind}:index"
        return self._key(kind, key), index, f"{self._prefix}{kind}:bytes"


def _load(content: bytes | str | None) -> Data | None:
    if content is None:
        return None
    data = json.loads(content)
    if not isinstance(data, dict):
        raise ValueError("not an entry")  # noqa: TRY004 - of any JSON
    return data
