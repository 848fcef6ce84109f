# SPDX-License-Identifier: MIT
"""The stores of logins, codes and marks: single use, lifetimes, and bounds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kortilla.errors import StoreUnavailableError
from kortilla.openid.store import MemoryStore, RedisStore, Store
from kortilla.redis.connection import connect
from tests.kortilla.redis_server import RedisServer

#: The bytes that logins, and pushed requests, may take.
MOST = 50_000


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.programs)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(most_bytes=MOST)
        return
    server: RedisServer = request.getfixturevalue("redis")
    server.client.flushdb()
    store = RedisStore(connect(server.url), most_bytes=MOST)
    yield store
    await store.close()


@pytest.mark.parametrize("kind", ["code", "login"])
async def test_one_of_many_takes_an_entry(store: Store, kind: str) -> None:
    data: dict[str, Any] = {"a": ["ä"]}
    await store.put(kind, "x", data, seconds=60)
    data["a"] = []  # what is stored is a copy
    taken = await asyncio.gather(*(store.take(kind, "x") for _ in range(20)))
    assert [each for each in taken if each is not None] == [{"a": ["ä"]}]


async def test_a_key_is_seen_once(store: Store) -> None:
    assert await store.add("jti", "a", seconds=60)
    assert not await store.add("jti", "a", seconds=60)
    assert await store.add("other", "a", seconds=60)


async def test_an_entry_is_replaced_while_it_is_there(store: Store) -> None:
    assert not await store.replace("login", "x", {"a": 1}, seconds=60)
    await store.put("login", "x", {"a": 1}, seconds=60)
    assert await store.replace("login", "x", {"a": 2}, seconds=60)
    assert await store.take("login", "x") == {"a": 2}
    assert not await store.replace("login", "x", {"a": 3}, seconds=60)
    assert await store.get("login", "x") is None


async def test_the_bytes_that_anybody_can_store_are_bounded(store: Store) -> None:
    await store.put("code", "c", {"a": "a" * 1000}, seconds=60)
    for number in range(100):
        for kind in ("login", "par"):
            await store.put(kind, str(number), {"a": "ä" * 500}, seconds=60)
        await store.replace("login", str(number), {"a": "ä" * 500}, seconds=60)
    for kind in ("login", "par"):
        assert await store.get(kind, "99")
        assert await store.get(kind, "70") is None
    # What is taken makes room, and what is not begun is not dropped.
    await store.put("login", "kept", {}, seconds=60)
    for _ in range(100):
        await store.put("login", "x", {"a": "a" * 1000}, seconds=60)
        assert await store.take("login", "x")
    assert await store.get("login", "kept") == {}
    assert await store.get("code", "c")


async def test_redis_counts_the_bytes_of_what_is_there(redis: RedisServer) -> None:
    store = RedisStore(connect(redis.url), prefix="counted:", most_bytes=MOST)
    for number in range(100):
        await store.put("login", str(number), {"a": "ä" * 500}, seconds=60)
    kept = redis.client.keys("counted:openid:login:*")
    assert sum(redis.client.memory_usage(key) for key in kept) <= MOST
    await store.put("login", "x", {}, seconds=1)
    sums = redis.client.hgetall("counted:openid:login:bytes")
    total = int(sums.pop(b"sum"))
    assert total == sum(map(int, sums.values()))
    await store.close()


# --- memory


async def test_expired_entries_go() -> None:
    now = 0.0
    store = MemoryStore(clock=lambda: now)
    assert await store.add("jti", "a", seconds=60)
    now = 60.0
    assert await store.add("jti", "a", seconds=60)
    for number in range(50_000):
        now = 60.0 + number
        await store.put("token", str(number), {}, seconds=300)
    assert len(store) <= 1000


async def test_a_flood_of_logins_is_bounded_and_forgets_no_mark_of_a_use() -> None:
    store = MemoryStore(capacity=10)
    assert await store.add("jti", "a", seconds=60)
    await store.put("replayed", "c", {}, seconds=60)
    for number in range(100):
        await store.put("login", str(number), {}, seconds=60)
        assert len(store) <= 12
    assert await store.get("login", "99") == {}
    assert await store.get("login", "0") is None
    assert not await store.add("jti", "a", seconds=60)
    assert await store.get("replayed", "c") == {}


@pytest.mark.parametrize("bound", [{"capacity": 10}, {"most_bytes": 10_000}])
async def test_a_full_store_takes_no_more_marks_than_it_can_keep(
    bound: dict[str, Any],
) -> None:
    store = MemoryStore(**bound)
    with pytest.raises(StoreUnavailableError):
        for number in range(1000):
            await store.add("jti", str(number), seconds=60)
    assert not await store.add("jti", "0", seconds=60)
