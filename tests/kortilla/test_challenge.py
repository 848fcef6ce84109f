# SPDX-License-Identifier: MIT
"""Challenges are random and short-lived, work once, and are bound to a session."""

import asyncio
import base64
from datetime import datetime, timedelta
from typing import Any

import pytest

from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    StoreUnavailableError,
)
from kortilla.web.challenge import Challenges, MemoryChallengeStore, ReplayCache
from tests.kortilla.pki import NOW, Clock


@pytest.fixture
def store(clock: Clock) -> MemoryChallengeStore:
    return MemoryChallengeStore(clock=clock)


@pytest.fixture
def challenges(store: MemoryChallengeStore, clock: Clock) -> Challenges:
    return Challenges(store, clock=clock)


async def test_a_nonce_is_32_random_bytes_in_base64(challenges: Challenges) -> None:
    nonces = {await challenges.create({}) for _ in range(50)}
    assert len(nonces) == 50
    assert all(len(n) == 44 and len(base64.b64decode(n)) == 32 for n in nonces)


async def test_a_nonce_is_taken_once(challenges: Challenges) -> None:
    session: dict[str, Any] = {}
    nonce = await challenges.create(session)
    assert await challenges.take(session) == nonce
    for again in (nonce, None):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, again)


async def test_a_session_put_back_does_not_bring_a_nonce_back(
    challenges: Challenges,
) -> None:
    session: dict[str, Any] = {}
    nonce = await challenges.create(session)
    copy = dict(session)
    await challenges.take(session, nonce)
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(copy, nonce)


async def test_a_nonce_of_another_session(challenges: Challenges) -> None:
    mine: dict[str, Any] = {}
    nonce = await challenges.create(mine)
    others: dict[str, Any] = {}
    await challenges.create(others)
    for session in (others, {}):
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(session, nonce)
    assert await challenges.take(mine, nonce) == nonce


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


async def test_a_session_holds_four_challenges(
    challenges: Challenges,
) -> None:
    session: dict[str, Any] = {}
    nonces = [await challenges.create(session) for _ in range(5)]
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session, nonces[0])
    for nonce in nonces[1:]:
        assert await challenges.take(session, nonce) == nonce


async def test_of_a_hundred_takers_one_gets_it(challenges: Challenges) -> None:
    session: dict[str, Any] = {}
    nonce = await challenges.create(session)
    results = await asyncio.gather(
        *(challenges.take(session, nonce) for _ in range(100)), return_exceptions=True
    )
    assert results.count(nonce) == 1
    assert sum(isinstance(r, ChallengeNonceNotFoundError) for r in results) == 99


async def test_the_store_itself_gives_a_nonce_once(store: MemoryChallengeStore) -> None:
    await store.put("nonce", NOW + timedelta(minutes=5))
    assert await store.take("nonce") == NOW + timedelta(minutes=5)
    with pytest.raises(ChallengeNonceNotFoundError):
        await store.take("nonce")


async def test_the_store_is_bounded_and_forgets(clock: Clock) -> None:
    store = MemoryChallengeStore(capacity=10, clock=clock)
    challenges = Challenges(store, clock=clock)
    for _ in range(25):
        await challenges.create({})
    assert len(store) == 10
    clock.forward(hours=2)
    await challenges.create({})
    assert len(store) == 1


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
