# SPDX-License-Identifier: MIT
"""What the stores promise, in memory and in Redis; ``test_redis.py`` has the rest."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from redis.asyncio import Redis

from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    DocumentNotSignableError,
    PreparedSignatureNotFoundError,
    SigningUnavailableError,
    StoreUnavailableError,
)
from kortilla.redis import RedisChallengeStore, RedisPreparedStore, RedisSessionStore
from kortilla.signing import Digest
from kortilla.signing.state import PreparedSignature
from kortilla.web.challenge import (
    Challenges,
    ChallengeStore,
    MemoryChallengeStore,
    ReplayCache,
)
from kortilla.web.prepared import MemoryPreparedStore, PreparedStore
from kortilla.web.sessions import MemorySessionStore, SessionStore
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


class Stores(NamedTuple):
    challenges: ChallengeStore
    sessions: SessionStore
    prepared: PreparedStore


@pytest.fixture(
    params=[
        "memory",
        *(
            pytest.param(name, marks=pytest.mark.programs)
            for name in ("redis", "redis that decodes")
        ),
    ]
)
async def stores(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Stores]:
    """Stores whose sessions end after a minute, or after 100 seconds at the latest."""
    ends: dict[str, Any] = {"idle": 60, "lifetime": 100}
    ends["clock"] = lambda: clock().timestamp()
    if request.param == "memory":
        yield Stores(
            MemoryChallengeStore(clock=clock),
            MemorySessionStore(**ends),
            MemoryPreparedStore(max_bytes=1000),
        )
        return
    server: RedisServer = request.getfixturevalue("redis")
    server.client.flushdb()
    decodes = "decodes" in request.param
    async with Redis.from_url(server.url, decode_responses=decodes) as client:
        yield Stores(
            RedisChallengeStore(client, seconds=20, clock=clock),
            RedisSessionStore(client, seconds=20, **ends),
            RedisPreparedStore(client, seconds=20, max_bytes=1000),
        )


# --- all stores


async def test_of_a_hundred_takers_one_gets_it(stores: Stores, clock: Clock) -> None:
    until = clock.now.replace(microsecond=123_000)
    await stores.challenges.put("a", until)
    key = await stores.prepared.put(MINE, STATE)
    for take, found, error in (
        (lambda: stores.challenges.take("a"), until, ChallengeNonceNotFoundError),
        (
            lambda: stores.prepared.take(MINE, key),
            STATE,
            PreparedSignatureNotFoundError,
        ),
    ):
        results = await asyncio.gather(
            *(take() for _ in range(100)), return_exceptions=True
        )
        assert results.count(found) == 1
        assert sum(isinstance(result, error) for result in results) == 99


async def test_a_session_is_kept_and_ends(stores: Stores, clock: Clock) -> None:
    store = stores.sessions
    session = await store.create({"ä": [1]})
    clock.forward(seconds=50)
    assert await store.load(session) == {"ä": [1]}
    await store.save(session, {"b": "\ud800"})
    clock.forward(seconds=49)
    assert await store.load(session) == {"b": "\ud800"}
    clock.forward(seconds=2)  # used, but older than its maximum
    assert await store.load(session) is None
    session = await store.create({})
    await store.delete(session)
    await store.save(session, {"a": 1})  # a late request restores nothing
    assert await store.load(session) is None


async def test_all_sessions_of_a_person_end(stores: Stores) -> None:
    store = stores.sessions
    mine = [await store.create({}, satu=SATU) for _ in range(3)]
    others = [await store.create({}, satu="other"), await store.create({})]
    await store.delete(mine[0])
    assert await store.end_sessions(SATU) == 2
    assert await store.end_sessions(SATU) == 0
    await store.save(mine[1], {"a": 1})  # a late request restores nothing
    assert [await store.load(each) for each in mine] == [None] * 3
    assert [await store.load(each) for each in others] == [{}] * 2


async def test_another_session_neither_gets_it_nor_uses_it_up(stores: Stores) -> None:
    key = await stores.prepared.put(MINE, STATE)
    for session, other in (
        (THEIRS, key),
        (MINE, key[:-1]),
        (MINE, ""),
        (MINE, "\ud800"),
        (key, MINE),
        (MINE[:-1], MINE[-1] + key),
    ):
        with pytest.raises(PreparedSignatureNotFoundError):
            await stores.prepared.take(session, other)
    assert await stores.prepared.take(MINE, key) == STATE


async def test_a_session_loses_its_oldest_and_no_other_session_does(
    stores: Stores,
) -> None:
    store = stores.prepared
    theirs = await store.put(THEIRS, STATE)
    keys = [await store.put(MINE, replace(STATE, name=f"{n}.pdf")) for n in range(7)]
    assert len(set(keys)) == 7
    for key in keys[:2]:
        with pytest.raises(PreparedSignatureNotFoundError):
            await store.take(MINE, key)
    for number, key in enumerate(keys[2:], start=2):
        assert (await store.take(MINE, key)).name == f"{number}.pdf"
    assert await store.take(THEIRS, theirs) == STATE


async def test_one_that_is_too_long_is_refused(stores: Stores) -> None:
    with pytest.raises(DocumentNotSignableError) as caught:
        await stores.prepared.put(MINE, replace(STATE, document=bytes(1001)))
    assert caught.value.reason == "too-long"


# --- the bounds of memory


async def test_unused_sessions_end_and_are_bounded() -> None:
    now = 0.0
    store = MemorySessionStore(idle=60, capacity=3, clock=lambda: now)
    idle = await store.create({})
    now = 61.0
    assert await store.load(idle) is None
    for _ in range(5):
        await store.create({})
    assert len(store) == 3


async def test_prepared_signatures_expire_and_are_bounded() -> None:
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


async def test_challenges_are_bounded_and_forgotten(clock: Clock) -> None:
    store = MemoryChallengeStore(capacity=10, clock=clock)
    challenges = Challenges(store, clock=clock)
    for _ in range(25):
        await challenges.create({})
    assert len(store) == 10
    clock.forward(hours=2)
    await challenges.create({})
    assert len(store) == 1


def test_what_is_spent_is_bounded_and_forgotten(clock: Clock) -> None:
    spent = ReplayCache(capacity=10, clock=clock)
    for n in range(25):
        spent.add(str(n))
    assert len(spent) == 10
    assert "24" in spent
    assert "14" not in spent
    clock.forward(minutes=5)
    spent.add("25")
    assert len(spent) == 1


# --- a session's challenges


@pytest.fixture
def challenges(clock: Clock) -> Challenges:
    return Challenges(MemoryChallengeStore(clock=clock), clock=clock)


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
    class Forgetful(MemoryChallengeStore):
        """Restores its earlier data, as after a failover."""

        async def take(self, nonce: str) -> datetime:
            raised.append(nonce)
            if len(raised) == 1:
                raise StoreUnavailableError("away")
            return clock.now + timedelta(minutes=5)

    raised: list[str] = []
    challenges = Challenges(Forgetful(clock=clock), clock=clock)
    session: dict[str, Any] = {}
    first, second = [await challenges.create(session) for _ in range(2)]
    with pytest.raises(StoreUnavailableError):
        await challenges.take(session, first)
    assert await challenges.take(session, second) == second
    for nonce in (first, second, None):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, nonce)
    assert raised == [first, second]
