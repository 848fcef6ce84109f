# SPDX-License-Identifier: MIT
"""Values in the memory of one process."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kortilla.errors import StoreUnavailableError
from kortilla.store import MEGABYTE, Store, Table, When, digest

#: Bytes of a value beside its content: names, times, places in two dictionaries.
_AROUND = 500
#: Fewer values are not worth a look for those that have expired.
_FEW = 1000

#: A table's name, and the digest of a key or a group.
_Name = tuple[str, str]


def _name(table: Table, text: str) -> _Name:
    return table.name, digest(text)


@dataclass(slots=True)
class _Entry:
    value: bytes
    until: float
    ends: float
    group: _Name | None

    @property
    def size(self) -> int:
        return _AROUND + len(self.value)


@dataclass(slots=True)
class _Group:
    names: dict[_Name, None] = field(default_factory=dict)
    size: int = 0


class MemoryStore(Store):
    """The store of a service that runs as one process.

    It holds ``capacity`` bytes at most, and refuses more. ``clock`` returns seconds.
    """

    in_memory = True

    def __init__(
        self,
        *,
        capacity: int = 256 * MEGABYTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._entries: dict[_Name, _Entry] = {}
        self._groups: dict[_Name, _Group] = {}
        self._bytes = 0
        self._sweep_at = _FEW
        self._full_until = float("-inf")

    def __len__(self) -> int:
        return len(self._entries)

    async def put(
        self,
        table: Table,
        key: str,
        value: bytes,
        *,
        seconds: float | None,
        at_most: float | None = None,
        group: str = "",
        when: When = "always",
    ) -> bool:
        name, now = _name(table, key), self._clock()
        old = self._living(name)
        if when != "always" and (old is not None) != (when == "there"):
            return False
        if when == "there" and old is not None:
            entry = _Entry(value, old.until, old.ends, old.group)
        else:
            of = _name(table, group) if group or table.is_bounded else None
            entry = _Entry(value, now, now, of)
        if seconds is not None:
            entry.ends = now + (seconds if at_most is None else at_most)
            entry.until = min(now + seconds, entry.ends)
        if entry.group is not None:
            self._bound(table, self._groups.get(entry.group), entry.size)
        before = self._entries.get(name)
        self._make_room(entry.size - (before.size if before else 0))
        self._remove(name)
        self._entries[name] = entry
        self._bytes += entry.size
        if entry.group is not None:
            mine = self._groups.setdefault(entry.group, _Group())
            mine.names[name] = None
            mine.size += entry.size
        return True

    async def get(
        self, table: Table, key: str, *, seconds: float | None = None
    ) -> bytes | None:
        entry = self._living(_name(table, key))
        if entry is None:
            return None
        if seconds is not None:
            entry.until = min(self._clock() + seconds, entry.ends)
        return entry.value

    async def take(self, table: Table, key: str) -> bytes | None:
        entry = self._living(_name(table, key))
        self._remove(_name(table, key))
        return None if entry is None else entry.value

    async def end(self, table: Table, group: str) -> int:
        found = self._groups.get(_name(table, group), _Group())
        living = sum(self._living(name) is not None for name in found.names)
        for name in list(found.names):
            self._remove(name)
        return living

    async def close(self) -> None:
        self._entries.clear()
        self._groups.clear()
        self._bytes = 0

    def _living(self, name: _Name) -> _Entry | None:
        entry = self._entries.get(name)
        return entry if entry is not None and self._clock() < entry.until else None

    def _remove(self, name: _Name) -> None:
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        self._bytes -= entry.size
        if entry.group is not None:
            group = self._groups[entry.group]
            del group.names[name]
            group.size -= entry.size
            if not group.names:
                del self._groups[entry.group]

    def _bound(self, table: Table, group: _Group | None, size: int) -> None:
        """Remove the oldest of a group until another value has room in it."""
        while group is not None and group.names:
            over = table.most is not None and len(group.names) >= table.most
            if table.most_bytes is not None:
                over = over or group.size + size > table.most_bytes
            if not over:
                return
            self._remove(next(iter(group.names)))

    def _make_room(self, size: int) -> None:
        """Remove what has expired, if there is much more than at the last look."""
        now = self._clock()
        full = self._bytes + size > self._capacity
        # A flood does not have each request look at all.
        if len(self._entries) >= self._sweep_at or (full and now > self._full_until):
            for name in [n for n, each in self._entries.items() if each.until <= now]:
                self._remove(name)
            self._sweep_at = max(_FEW, 2 * len(self._entries))
            self._full_until = now + 1
        if self._bytes + size > self._capacity:
            raise StoreUnavailableError("The store in memory is full.")


class StoreUser:
    """Keeps values of one kind in a store, by default in memory.

    A subclass that keeps them in its own way overrides ``__init__`` and all methods.
    """

    _store: Store

    def __init__(self, store: Store | None = None) -> None:
        self._store = store or MemoryStore()

    @property
    def in_memory(self) -> bool:
        """Whether only this process can use it, as far as is known."""
        return hasattr(self, "_store") and self._store.in_memory

    async def check(self) -> None:
        """Raise ``StoreUnavailableError`` if nothing could be stored now."""
        if hasattr(self, "_store"):
            await self._store.check()
