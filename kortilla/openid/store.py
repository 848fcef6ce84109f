# SPDX-License-Identifier: MIT
"""What the provider keeps between requests: each entry has a lifetime.

Codes, pushed requests and the like are taken once, by one atomic operation. Keys are
digests of what clients and browsers hold, so that a copy of the store opens nothing.
"""

import asyncio
import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from kortilla.errors import StoreUnavailableError

__all__ = ["MemoryStore", "RedisStore", "Store"]

Data = dict[str, Any]


def _name(kind: str, key: str) -> str:
    # A header that is no UTF-8 has surrogates: it is a key that nobody was given.
    content = key.encode(errors="surrogatepass")
    return f"{kind}:{hashlib.sha256(content).hexdigest()}"


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

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class _Table:
    """Entries that expire, in the order in which they were stored.

    Expired ones go when the number has doubled. A full table drops its oldest entry, or
    refuses a new one where ``drops`` is False.
    """

    _SWEPT = 1000  # fewer entries are not worth a look

    def __init__(
        self, capacity: int, clock: Callable[[], float], *, drops: bool
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._drops = drops
        self._entries: dict[str, tuple[float, str]] = {}
        self._sweep_at = min(capacity, self._SWEPT)

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, name: str, data: Data, seconds: int) -> None:
        if name not in self._entries and len(self._entries) >= self._sweep_at:
            self._make_room()
        self._entries.pop(name, None)
        self._entries[name] = (self._clock() + seconds, json.dumps(data))

    def get(self, name: str) -> Data | None:
        return self._living(self._entries.get(name))

    def take(self, name: str) -> Data | None:
        return self._living(self._entries.pop(name, None))

    def clear(self) -> None:
        self._entries.clear()

    def _living(self, entry: tuple[float, str] | None) -> Data | None:
        if entry is None or self._clock() >= entry[0]:
            return None
        data: Data = json.loads(entry[1])
        return data

    def _make_room(self) -> None:
        now = self._clock()
        self._entries = {n: e for n, e in self._entries.items() if e[0] > now}
        if len(self._entries) >= self._capacity and not self._drops:
            raise StoreUnavailableError("The store in memory is full.")
        # Some at once, so that a flood does not have each request look at all entries.
        spare = self._capacity // 16 if len(self._entries) >= self._capacity else 0
        while len(self._entries) >= self._capacity - spare:
            del self._entries[next(iter(self._entries))]
        self._sweep_at = min(self._capacity, max(self._SWEPT, 2 * len(self._entries)))


class MemoryStore(Store):
    """The store of a provider that runs as one process.

    It holds at most ``capacity`` logins that anybody can begin, drops the oldest beyond
    that, and keeps as many other entries, such as the marks of what was used; more of
    these raise ``StoreUnavailableError``. ``clock`` returns seconds.
    """

    _BEGUN = ("login", "par")

    def __init__(
        self,
        *,
        capacity: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begun = _Table(capacity, clock, drops=True)
        self._kept = _Table(capacity, clock, drops=False)

    def __len__(self) -> int:
        return len(self._begun) + len(self._kept)

    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        """Store an entry, and now and then drop the expired ones."""
        self._of(kind).put(_name(kind, key), data, seconds)

    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        """Store an entry if one is there."""
        if await self.get(kind, key) is None:
            return False
        await self.put(kind, key, data, seconds=seconds)
        return True

    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        """Store that a key was seen, unless it is there."""
        if await self.get(kind, key) is not None:
            return False
        await self.put(kind, key, {}, seconds=seconds)
        return True

    async def get(self, kind: str, key: str) -> Data | None:
        """Return an entry that has not expired."""
        return self._of(kind).get(_name(kind, key))

    async def take(self, kind: str, key: str) -> Data | None:
        """Remove an entry and return it, in one step."""
        return self._of(kind).take(_name(kind, key))

    async def delete(self, kind: str, key: str) -> None:
        """Remove an entry."""
        self._of(kind).take(_name(kind, key))

    async def ping(self) -> None:
        """Return: memory is always there."""

    async def close(self) -> None:
        """Forget all."""
        self._begun.clear()
        self._kept.clear()

    def _of(self, kind: str) -> _Table:
        return self._begun if kind in self._BEGUN else self._kept


class RedisStore(Store):
    """The store that several processes share. An operation takes ``seconds`` at most.

    ``client`` is a ``redis.asyncio.Redis`` without retries, as ``connect`` makes it;
    ``close`` closes it.
    """

    def __init__(
        self, client: Any, *, prefix: str = "kortilla:", seconds: float = 2
    ) -> None:
        self._client = client
        self._prefix = f"{prefix}openid:"
        self._seconds = seconds

    @staticmethod
    def connect(url: str, *, seconds: float = 2, connections: int = 50) -> Any:
        """Return a client of the Redis of a URL, which connects at its first use.

        It retries nothing: a command that was lost may have been executed.
        """
        from redis.asyncio import (  # noqa: PLC0415 - redis is an extra
            BlockingConnectionPool,
            Redis,
        )
        from redis.asyncio.retry import Retry  # noqa: PLC0415 - likewise
        from redis.backoff import NoBackoff  # noqa: PLC0415 - likewise

        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        return Redis.from_pool(pool)

    async def put(self, kind: str, key: str, data: Data, *, seconds: int) -> None:
        """Store an entry with an expiry."""
        async with self._asking():
            await self._client.set(self._key(kind, key), json.dumps(data), ex=seconds)

    async def replace(self, kind: str, key: str, data: Data, *, seconds: int) -> bool:
        """Store an entry if one is there, by SET XX."""
        async with self._asking():
            name = self._key(kind, key)
            there = await self._client.set(name, json.dumps(data), ex=seconds, xx=True)
        return bool(there)

    async def add(self, kind: str, key: str, *, seconds: int) -> bool:
        """Store that a key was seen, by SET NX."""
        async with self._asking():
            name = self._key(kind, key)
            new = await self._client.set(name, "{}", ex=seconds, nx=True)
        return bool(new)

    async def get(self, kind: str, key: str) -> Data | None:
        """Return an entry."""
        async with self._asking():
            return _load(await self._client.get(self._key(kind, key)))

    async def take(self, kind: str, key: str) -> Data | None:
        """Remove an entry and return it, by GETDEL."""
        async with self._asking():
            return _load(await self._client.getdel(self._key(kind, key)))

    async def delete(self, kind: str, key: str) -> None:
        """Remove an entry."""
        async with self._asking():
            await self._client.delete(self._key(kind, key))

    async def ping(self) -> None:
        """Ask Redis whether it works."""
        async with self._asking():
            await self._client.ping()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _key(self, kind: str, key: str) -> str:
        return self._prefix + _name(kind, key)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        from redis.exceptions import RedisError  # noqa: PLC0415 - redis is an extra

        try:
            async with asyncio.timeout(self._seconds):
                yield
        except (RedisError, OSError, ValueError) as error:
            # Only the kind of error: Redis may quote the command with its key.
            raise StoreUnavailableError(
                f"Redis did not answer as it should: {type(error).__name__}."
            ) from error


def _load(content: bytes | str | None) -> Data | None:
    if content is None:
        return None
    data = json.loads(content)
    if not isinstance(data, dict):
        raise ValueError("not an entry")  # noqa: TRY004 - of any JSON
    return data
