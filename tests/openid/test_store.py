# SPDX-License-Identifier: MIT
"""The store in memory: single use, lifetimes, and a bound."""

import asyncio

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.openid.store import MemoryStore


class Seconds:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_one_of_many_takes_an_entry() -> None:
    store = MemoryStore()
    await store.put("code", "a", {"b": 1}, seconds=60)
    taken = await asyncio.gather(*(store.take("code", "a") for _ in range(20)))
    assert [each for each in taken if each is not None] == [{"b": 1}]


async def test_a_key_is_seen_once_until_it_expires() -> None:
    clock = Seconds()
    store = MemoryStore(clock=clock)
    assert await store.add("jti", "a", seconds=60)
    assert not await store.add("jti", "a", seconds=60)
    assert await store.add("other", "a", seconds=60)
    clock.now = 60
    assert await store.add("jti", "a", seconds=60)


async def test_expired_entries_go() -> None:
    clock = Seconds()
    store = MemoryStore(clock=clock)
    for number in range(50_000):
        clock.now = number
        await store.put("token", str(number), {}, seconds=300)
    assert len(store) <= 1000


async def test_the_number_of_entries_is_bounded() -> None:
    store = MemoryStore(capacity=100)
    for number in range(1000):
        await store.put("login", str(number), {}, seconds=300)
        assert len(store) <= 100
    assert await store.get("login", "999") == {}
    assert await store.get("login", "0") is None


async def test_the_bytes_of_entries_are_bounded() -> None:
    store = MemoryStore(most_bytes=100_000)
    for number in range(1000):
        await store.put("login", str(number), {"a": "ä" * 2000}, seconds=300)
        assert len(store) <= 100_000 // 4000
    assert await store.get("login", "999") == {"a": "ä" * 2000}
    assert await store.get("login", "970") is None
    # What is taken or replaced makes room.
    for _ in range(1000):
        await store.put("login", "x", {"a": "ä" * 2000}, seconds=300)
        assert await store.take("login", "x")
    assert await store.get("login", "999")


async def test_marks_that_exceed_the_bytes_are_refused() -> None:
    store = MemoryStore(most_bytes=10_000)
    with pytest.raises(StoreUnavailableError):
        for number in range(1000):
            await store.put("code", str(number), {"a": "a" * 1000}, seconds=300)
    assert await store.get("code", "0")


async def test_a_changed_entry_is_a_copy() -> None:
    store = MemoryStore()
    data = {"a": 1}
    await store.put("login", "x", data, seconds=60)
    data["a"] = 2
    assert await store.get("login", "x") == {"a": 1}


async def test_an_entry_is_replaced_while_it_is_there() -> None:
    store = MemoryStore()
    assert not await store.replace("login", "x", {"a": 1}, seconds=60)
    await store.put("login", "x", {"a": 1}, seconds=60)
    assert await store.replace("login", "x", {"a": 2}, seconds=60)
    assert await store.take("login", "x") == {"a": 2}
    assert not await store.replace("login", "x", {"a": 3}, seconds=60)
    assert await store.get("login", "x") is None
