# SPDX-License-Identifier: MIT
"""The store of prepared signatures: used once, expiring, bounded, by its session."""

import asyncio
import base64
import runpy
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from kortilla import LoginService, Trust
from kortilla.errors import (
    DocumentNotSignableError,
    PreparedSignatureNotFoundError,
    SigningUnavailableError,
    StoreUnavailableError,
)
from kortilla.redis import RedisPreparedStore, RedisStores
from kortilla.signing import Digest
from kortilla.signing.pades import prepare_pdf
from kortilla.signing.state import PreparedSignature
from kortilla.testing import KortillaCard
from kortilla.web.prepared import MemoryPreparedStore, PreparedStore
from tests.kortilla.pki import ORIGIN
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.signing_parts import make_pdf
from tests.support.guide import blocks

#: A document with bytes of all kinds.
STATE = PreparedSignature(
    kind="pdf",
    name="sopimus.pdf",
    digest=Digest(bytes(48), "SHA-384"),
    certificate=b"\x30\xff",
    chain=(b"\x30\x00",),
    signed_attributes=b"\x31\xfe",
    document=b"%PDF-1.7\n" + bytes(range(256)),
    gap=(9, 99),
)
MINE, THEIRS = "my session", "their session"


@pytest.fixture(params=["memory", "redis", "redis that decodes"])
async def store(
    request: pytest.FixtureRequest, redis: RedisServer
) -> AsyncIterator[PreparedStore]:
    if request.param == "memory":
        yield MemoryPreparedStore(max_bytes=1000)
        return
    decodes = "decodes" in request.param
    async with Redis.from_url(redis.url, decode_responses=decodes) as client:
        yield RedisPreparedStore(client, seconds=20, max_bytes=1000)


async def test_of_a_hundred_uses_one_gets_it(store: PreparedStore) -> None:
    key = await store.put(MINE, STATE)
    results = await asyncio.gather(
        *(store.take(MINE, key) for _ in range(100)), return_exceptions=True
    )
    assert results.count(STATE) == 1
    failed = [r for r in results if isinstance(r, PreparedSignatureNotFoundError)]
    assert len(failed) == 99


async def test_another_session_neither_gets_it_nor_uses_it_up(
    store: PreparedStore,
) -> None:
    key = await store.put(MINE, STATE)
    for session, other in (
        (THEIRS, key),
        (MINE, key[:-1]),
        (MINE, ""),
        (MINE, "\ud800"),
        (key, MINE),
        (MINE[:-1], MINE[-1] + key),
    ):
        with pytest.raises(PreparedSignatureNotFoundError):
            await store.take(session, other)
    assert await store.take(MINE, key) == STATE


async def test_a_session_loses_its_oldest_and_no_other_session_does(
    store: PreparedStore,
) -> None:
    theirs = await store.put(THEIRS, STATE)
    keys = [await store.put(MINE, replace(STATE, name=f"{n}.pdf")) for n in range(7)]
    assert len(set(keys)) == 7
    for key in keys[:2]:
        with pytest.raises(PreparedSignatureNotFoundError):
            await store.take(MINE, key)
    for number, key in enumerate(keys[2:], start=2):
        assert (await store.take(MINE, key)).name == f"{number}.pdf"
    assert await store.take(THEIRS, theirs) == STATE


async def test_one_that_is_too_long_is_refused(store: PreparedStore) -> None:
    with pytest.raises(DocumentNotSignableError) as caught:
        await store.put(MINE, replace(STATE, document=bytes(1001)))
    assert caught.value.reason == "too-long"


async def test_memory_expires_and_is_bounded() -> None:
    now = 0.0
    store = MemoryPreparedStore(lifetime=60, capacity=50_000, clock=lambda: now)
    first = await store.put("0", STATE)
    for session in "12":
        await store.put(session, STATE)
    # Nobody else's is dropped for one that finds no place.
    with pytest.raises(SigningUnavailableError):
        await store.put("3", STATE)
    now = 60.0
    assert await store.take("0", first) == STATE
    now = 60.1
    await store.put("3", STATE)
    assert len(store) == 1


async def test_redis_expires_it_and_its_index_and_is_told_no_key(
    redis: RedisServer,
) -> None:
    redis.client.flushdb()
    stores = RedisStores.from_url(redis.url, seconds=20, prepared_lifetime=60)
    with redis.client.monitor() as monitor:
        key = await stores.prepared.put(MINE, STATE)
        names = [name.decode() for name in redis.client.keys("kortilla:prepared:*")]
        assert len(names) == 2
        for name in names:
            assert 50_000 < redis.client.pttl(name) <= 60_000
        assert await stores.prepared.take(MINE, key) == STATE
        seen = ""
        while "ZREM" not in seen.rpartition("\n")[2]:
            seen += "\n" + monitor.next_command()["command"]
    assert key not in seen
    assert redis.client.keys("kortilla:prepared:*") == []
    await stores.close()


async def test_one_that_a_snapshot_brings_back_is_refused(redis: RedisServer) -> None:
    stores = RedisStores.from_url(redis.url, seconds=20)
    key = await stores.prepared.put(MINE, STATE)
    redis.client.save()
    assert await stores.prepared.take(MINE, key) == STATE
    redis.kill()
    redis.start()
    await stores.close()
    stores = RedisStores.from_url(redis.url, seconds=20)
    assert redis.client.exists(stores.prepared._names(MINE, key)[0])
    with pytest.raises(PreparedSignatureNotFoundError):
        await stores.prepared.take(MINE, key)
    assert await stores.prepared.take(MINE, await stores.prepared.put(MINE, STATE))
    await stores.close()


async def test_redis_is_away_frozen_or_full_and_comes_back(redis: RedisServer) -> None:
    stores = RedisStores.from_url(redis.url, seconds=2)
    key = await stores.prepared.put(MINE, STATE)
    for fault in (
        redis.away(),
        redis.frozen(),
        redis.configured(maxmemory="1"),
        redis.forbidding("set"),
    ):
        with fault:
            results = await asyncio.gather(
                stores.prepared.put(MINE, STATE),
                stores.sessions.create({}, satu="x"),
                stores.prepared.check(),
                stores.sessions.check(),
                stores.challenges.check(),
                return_exceptions=True,
            )
        assert {type(result) for result in results} == {StoreUnavailableError}
        await stores.prepared.check()
    # It was of an earlier run.
    with pytest.raises(PreparedSignatureNotFoundError):
        await stores.prepared.take(MINE, key)
    key = await stores.prepared.put(MINE, STATE)
    with redis.away(), pytest.raises(StoreUnavailableError):
        await stores.prepared.take(MINE, key)
    await stores.close()


async def test_something_else_is_where_it_should_be(redis: RedisServer) -> None:
    stores = RedisStores.from_url(redis.url, seconds=20)
    run = redis.client.info("server")["run_id"].encode()
    for content in (b"", b"x", run + b" ", run + b" {}", run + b" \xff"):
        key = await stores.prepared.put(MINE, STATE)
        redis.client.set(stores.prepared._names(MINE, key)[0], content)
        with pytest.raises((StoreUnavailableError, PreparedSignatureNotFoundError)):
            await stores.prepared.take(MINE, key)
    await stores.close()


async def test_the_example_of_the_guide(
    kortilla_card: KortillaCard, tmp_path: Path
) -> None:
    example = tmp_path / "example.py"
    example.write_text(blocks("operations.md", "python")[1])
    defined = runpy.run_path(str(example))
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    service = LoginService(origin=ORIGIN, trust=trust)
    store = MemoryPreparedStore()
    prepared = await prepare_pdf(
        make_pdf(),
        certificate=kortilla_card.state.read().keys[1].certificate,
        trust=trust,
        name="a.pdf",
    )
    given = await defined["remember"](prepared, MINE, store)
    answer = kortilla_card.sign(
        ORIGIN, {"a.pdf": base64.b64decode(given["hash"])}, given["hashFunction"]
    )
    signed = await defined["finish"](given["key"], answer, MINE, store, service)
    assert signed.startswith(b"%PDF-")
    with pytest.raises(PreparedSignatureNotFoundError):
        await defined["finish"](given["key"], answer, MINE, store, service)
