# SPDX-License-Identifier: MIT
"""What the store promises, in memory and in Redis; ``test_redis.py`` has the rest."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    DocumentNotSignableError,
    PreparedSignatureNotFoundError,
    StoreUnavailableError,
)
from kortilla.openid.protocol.store import ProviderStore
from kortilla.signing import Digest
from kortilla.signing.state import PreparedSignature
from kortilla.store import Store, Table
from kortilla.store.memory import MemoryStore
from kortilla.store.redis import RedisStore
from kortilla.web.challenge import Challenges, ChallengeStore
from kortilla.web.prepared import PreparedStore
from kortilla.web.sessions import SessionStore
from tests.kortilla.pki import SATU, Clock
from tests.kortilla.redis_server import RedisServer

#: A prepared signature whose document has bytes of all kinds.
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

PLAIN, ONCE = Table("plain"), Table("once", once=True)
FEW, SMALL = Table("few", most=5), Table("small", once=True, most_bytes=50_000)


class Ticking:
    """A clock that a test can change. No two of its times are the same."""

    now = 1_000_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture(
    params=[
        "memory",
        *(
            pytest.param(name, marks=pytest.mark.programs)
            for name in ("redis", "redis that decodes")
        ),
    ]
)
async def store(
    request: pytest.FixtureRequest, ticking: Ticking
) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(clock=ticking)
        return
    server: RedisServer = request.getfixturevalue("redis")
    server.client.flushdb()
    decodes = "decodes" in request.param
    async with Redis.from_url(server.url, decode_responses=decodes) as client:
        yield RedisStore(client, seconds=20, clock=ticking)


# --- both forms


@pytest.mark.parametrize("table", [PLAIN, ONCE, FEW, SMALL])
async def test_of_sixteen_takers_one_gets_it(store: Store, table: Table) -> None:
    value = bytes(range(256))
    assert await store.put(table, "a", value, seconds=60)
    assert await store.get(table, "a") == value
    taken = await asyncio.gather(*(store.take(table, "a") for _ in range(16)))
    assert sorted(taken, key=bool) == [None] * 15 + [value]
    assert await store.get(table, "a") is None


async def test_of_sixteen_that_add_a_key_one_is_first(store: Store) -> None:
    added = [store.put(PLAIN, "a", b"", seconds=60, when="new") for _ in range(16)]
    assert sorted(await asyncio.gather(*added)) == [False] * 15 + [True]


async def test_keys_are_any_texts_and_each_tables_own(store: Store) -> None:
    keys = ["", "a", "a:", "ä\n", "\ud800", "x" * 100_000]
    for number, key in enumerate(keys):
        for table in (PLAIN, ONCE):
            value = f"{table.name}{number}".encode()
            assert await store.put(table, key, value, seconds=60, group=key)
    for number, key in enumerate(keys):
        for table in (PLAIN, ONCE):
            assert await store.get(table, key) == f"{table.name}{number}".encode()


@pytest.mark.parametrize("table", [PLAIN, ONCE, FEW])
async def test_one_is_replaced_while_it_is_there(store: Store, table: Table) -> None:
    async def replaced(value: bytes, seconds: float | None = None) -> bool:
        return await store.put(table, "a", value, seconds=seconds, when="there")

    assert not await replaced(b"0", 60)
    await store.put(table, "a", b"1", seconds=60, group="g")
    assert await replaced(b"2")
    assert await replaced(b"3", 60)
    assert await store.end(table, "g") == 1  # it is in its group still
    assert not await replaced(b"4")
    assert await store.take(table, "a") is None


async def test_each_has_a_lifetime(store: Store, ticking: Ticking) -> None:
    await store.put(PLAIN, "used", b"u", seconds=60, at_most=100)
    await store.put(PLAIN, "short", b"s", seconds=60)
    await store.put(PLAIN, "long", b"l", seconds=60)
    ticking.now += 50
    assert await store.get(PLAIN, "used", seconds=60) == b"u"
    await store.put(PLAIN, "used", b"v", seconds=None, when="there")
    await store.put(PLAIN, "long", b"m", seconds=60, when="there")
    ticking.now += 49
    assert await store.get(PLAIN, "used", seconds=60) == b"v"
    assert await store.get(PLAIN, "short") is None
    assert await store.get(PLAIN, "long") == b"m"
    ticking.now += 2  # used, but older than its maximum
    assert await store.get(PLAIN, "used", seconds=60) is None
    assert await store.put(PLAIN, "used", b"", seconds=60, when="new")


async def test_a_group_loses_its_oldest_and_no_other_group_does(store: Store) -> None:
    async def put(key: str, group: str) -> None:
        await store.put(FEW, key, key.encode(), seconds=60, group=group)

    await put("theirs", "b")
    for number in range(7):
        await put(str(number), "a")
    found = [await store.get(FEW, str(number)) for number in range(7)]
    assert found == [None, None, b"2", b"3", b"4", b"5", b"6"]
    # What is taken makes room.
    assert await store.take(FEW, "4")
    await put("7", "a")
    assert await store.get(FEW, "2") == b"2"
    assert await store.get(FEW, "theirs") == b"theirs"


async def test_the_bytes_of_a_table_are_bounded(store: Store) -> None:
    await store.put(ONCE, "c", bytes(1000), seconds=60)
    for number in range(100):
        await store.put(SMALL, str(number), bytes(1000), seconds=60)
        await store.put(SMALL, str(number), bytes(1001), seconds=60, when="there")
    assert await store.get(SMALL, "99")
    assert await store.get(SMALL, "60") is None
    await store.put(SMALL, "kept", b"", seconds=60)
    for _ in range(100):
        await store.put(SMALL, "x", bytes(1000), seconds=60)
        assert await store.take(SMALL, "x")
    assert await store.get(SMALL, "kept") == b""
    assert await store.get(ONCE, "c")


async def test_all_of_a_group_end(store: Store, ticking: Ticking) -> None:
    for key, group in (("1", "a"), ("2", "a"), ("3", "a"), ("4", "b"), ("5", "")):
        await store.put(PLAIN, key, b"", seconds=60, group=group)
    await store.take(PLAIN, "1")
    assert await store.end(PLAIN, "a") == 2
    assert await store.end(PLAIN, "a") == 0
    found = [await store.get(PLAIN, key) for key in "12345"]
    assert found == [None, None, None, b"", b""]


async def test_a_session_is_kept_and_ends(store: Store, ticking: Ticking) -> None:
    sessions = SessionStore(store, idle=60, lifetime=100)
    session = await sessions.create({"ä": [1]}, satu=SATU)
    assert await sessions.load(session) == {"ä": [1]}
    await sessions.save(session, {"b": "\ud800"})
    assert await sessions.load(session) == {"b": "\ud800"}
    other = await sessions.create({})
    assert await sessions.end_sessions(SATU) == 1
    await sessions.save(session, {"a": 1})  # a late request restores nothing
    assert await sessions.load(session) is None
    await sessions.delete(other)
    await sessions.save(other, {"a": 1})
    assert await sessions.load(other) is None


async def test_another_session_neither_gets_it_nor_uses_it_up(store: Store) -> None:
    prepared = PreparedStore(store, max_bytes=1000)
    key = await prepared.put(MINE, STATE)
    for session, other in (
        (THEIRS, key),
        (MINE, key[:-1]),
        (MINE, ""),
        (MINE, "\ud800"),
        (key, MINE),
        (MINE[:-1], MINE[-1] + key),
    ):
        with pytest.raises(PreparedSignatureNotFoundError):
            await prepared.take(session, other)
    assert await prepared.take(MINE, key) == STATE
    with pytest.raises(DocumentNotSignableError) as caught:
        await prepared.put(MINE, replace(STATE, document=bytes(1001)))
    assert caught.value.reason == "too-long"


@pytest.mark.parametrize("kind", ["code", "login", "token"])
async def test_the_provider_keeps_json(store: Store, kind: str) -> None:
    entries = ProviderStore(store)
    await entries.put(kind, "x", {"a": ["ä"]}, seconds=60)
    assert await entries.replace(kind, "x", {"a": ["\ud800"]}, seconds=60)
    assert await entries.get(kind, "x") == {"a": ["\ud800"]}
    assert not await entries.add(kind, "x", seconds=60)
    assert await entries.take(kind, "x") == {"a": ["\ud800"]}
    assert await entries.add(kind, "x", seconds=60)


# --- the bounds of memory


async def test_expired_values_go(ticking: Ticking) -> None:
    store = MemoryStore(clock=ticking)
    for number in range(50_000):
        ticking.now += 1
        await store.put(PLAIN, str(number), b"", seconds=300, group=str(number % 7))
    assert len(store) <= 1000


async def test_a_full_store_refuses_more_and_forgets_nothing(ticking: Ticking) -> None:
    store = MemoryStore(capacity=10_000, clock=ticking)
    with pytest.raises(StoreUnavailableError):
        for number in range(1000):
            await store.put(PLAIN, str(number), b"", seconds=60)
    assert await store.get(PLAIN, "0") == b""
    with pytest.raises(StoreUnavailableError):
        await store.put(PLAIN, "0", bytes(1000), seconds=None, when="there")
    assert await store.get(PLAIN, "0") == b""
    ticking.now += 61
    assert await store.put(PLAIN, "new", b"", seconds=60)
    assert len(store) == 1


# --- a session's challenges


@pytest.fixture
def challenges(clock: Clock) -> Challenges:
    return Challenges(ChallengeStore(), clock=clock)


async def test_a_nonce_is_32_random_bytes_in_base64(challenges: Challenges) -> None:
    nonces = {await challenges.create({}) for _ in range(50)}
    assert len(nonces) == 50
    assert all(len(n) == 44 and len(base64.b64decode(n)) == 32 for n in nonces)


async def test_a_nonce_works_once_and_in_its_session(challenges: Challenges) -> None:
    mine: dict[str, Any] = {}
    theirs: dict[str, Any] = {}
    nonce = await challenges.create(mine)
    await challenges.create(theirs)
    for session in (theirs, {}):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, nonce)
    before = dict(mine)
    assert await challenges.take(mine) == nonce
    # Not even in a copy of the session that is put back.
    for session, named in ((mine, nonce), (mine, None), (before, nonce)):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, named)


async def test_five_minutes(challenges: Challenges, clock: Clock) -> None:
    session: dict[str, Any] = {}
    nonce = await challenges.create(session)
    clock.forward(minutes=5, seconds=-1)
    assert await challenges.take(session) == nonce

    await challenges.create(session)
    clock.forward(minutes=5)
    with pytest.raises(ChallengeNonceExpiredError):
        await challenges.take(session)
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session)


async def test_a_session_holds_four_challenges(challenges: Challenges) -> None:
    """One for each browser tab."""
    session: dict[str, Any] = {}
    nonces = [await challenges.create(session) for _ in range(5)]
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session, nonces[0])
    for nonce in nonces[1:]:
        assert await challenges.take(session, nonce) == nonce


async def test_a_nonce_is_asked_for_once_whatever_the_store_says(clock: Clock) -> None:
    class Forgetful(ChallengeStore):
        """Restores its earlier data, as after a failover."""

        async def take(self, nonce: str) -> datetime:
            raised.append(nonce)
            if len(raised) == 1:
                raise StoreUnavailableError("away")
            return clock.now + timedelta(minutes=5)

    raised: list[str] = []
    challenges = Challenges(Forgetful(), clock=clock)
    session: dict[str, Any] = {}
    first, second = [await challenges.create(session) for _ in range(2)]
    with pytest.raises(StoreUnavailableError):
        await challenges.take(session, first)
    assert await challenges.take(session, second) == second
    for nonce in (first, second, None):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, nonce)
    assert raised == [first, second]
