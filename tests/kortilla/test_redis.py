# SPDX-License-Identifier: MIT
"""Challenges and sessions in a real Redis, and the effects of its failures."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from kortilla import LoginService, Trust
from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    StoreUnavailableError,
)
from kortilla.redis import RedisChallengeStore, RedisSessionStore, RedisStores
from kortilla.signing import Digest
from kortilla.signing.state import PreparedSignature
from kortilla.web.challenge import Challenges
from kortilla.web.http import Headers, Request
from kortilla.web.routes import LoginRoutes
from tests.kortilla.browser import COOKIE, Browser, code
from tests.kortilla.pki import ORIGIN, SATU, Clock, Leaf
from tests.kortilla.redis_server import RedisServer, running_redis
from tests.kortilla.sites import process
from tests.support.guide import DOCS

#: A prepared signature, as small as can be.
PREPARED = PreparedSignature("file", "a", Digest(bytes(48), "SHA-384"), b"", (), b"")
#: Seconds: longer than any response takes, and the time limit for a Redis that never
#: responds.
SECONDS, SHORT = 20.0, 2.0


@pytest.fixture
def seconds() -> float:
    return SECONDS


@pytest.fixture
async def stores(
    redis: RedisServer, clock: Clock, seconds: float
) -> AsyncIterator[RedisStores]:
    redis.client.flushdb()
    stores = RedisStores.from_url(redis.url, seconds=seconds, clock=clock)
    yield stores
    await stores.close()


@pytest.fixture
def challenges(stores: RedisStores, clock: Clock) -> Challenges:
    return Challenges(stores.challenges, clock=clock)


# --- what the stores promise


async def test_a_nonce_is_taken_once_and_leaves_nothing(
    stores: RedisStores, redis: RedisServer, clock: Clock
) -> None:
    until = clock.now.replace(microsecond=123_000)
    await stores.challenges.put("a", until)
    results = await asyncio.gather(
        *(stores.challenges.take("a") for _ in range(100)), return_exceptions=True
    )
    assert results.count(until) == 1
    assert sum(isinstance(r, ChallengeNonceNotFoundError) for r in results) == 99
    assert not redis.client.exists("kortilla:challenge:a")


async def test_a_nonce_expires_in_redis_too(
    challenges: Challenges, redis: RedisServer, clock: Clock
) -> None:
    session: dict[str, object] = {}
    nonce = await challenges.create(session)
    left = redis.client.pttl(f"kortilla:challenge:{nonce}")
    assert isinstance(left, int)
    assert 9 * 60_000 < left <= 10 * 60_000  # five more to report expiry
    clock.forward(minutes=5)
    with pytest.raises(ChallengeNonceExpiredError):
        await challenges.take(session)
    nonce = await challenges.create(session)
    redis.client.pexpire(f"kortilla:challenge:{nonce}", 0)
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session)


async def test_a_used_nonce_that_a_snapshot_brings_back_is_refused(
    challenges: Challenges, redis: RedisServer, clock: Clock
) -> None:
    session: dict[str, object] = {}
    nonce = await challenges.create(session)
    redis.client.save()
    assert await challenges.take(session) == nonce
    redis.kill()
    redis.start()
    assert redis.client.exists(f"kortilla:challenge:{nonce}")
    # Another server that has not seen the nonce's use.
    stores = RedisStores.from_url(redis.url, seconds=SECONDS, clock=clock)
    other = Challenges(stores.challenges, clock=clock)
    with pytest.raises(ChallengeNonceNotFoundError):
        await other.take(session)
    assert not redis.client.exists(f"kortilla:challenge:{nonce}")
    nonce = await other.create(session)
    assert await other.take(session) == nonce
    await stores.close()


async def test_a_nonce_of_another_instance_is_refused(
    challenges: Challenges, stores: RedisStores, redis: RedisServer, clock: Clock
) -> None:
    """As after a failover to a replica that has not received the use."""
    session: dict[str, object] = {}
    key = f"kortilla:challenge:{await challenges.create(session)}"
    content = redis.client.dump(key)
    with running_redis() as replica:
        replica.client.restore(key, 0, content)
        other = RedisStores.from_url(replica.url, seconds=SECONDS, clock=clock)
        with pytest.raises(ChallengeNonceNotFoundError):
            await Challenges(other.challenges, clock=clock).take(session)
        await other.close()
    # And one of an earlier version, which named no instance.
    redis.client.set(key, str(int(clock.now.timestamp() * 1000) + 1))
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session)


async def test_a_redis_that_does_not_say_which_run_it_is(
    challenges: Challenges, redis: RedisServer
) -> None:
    session: dict[str, object] = {}
    await challenges.create(session)
    with redis.forbidding("info"):
        for attempt in (challenges.create(session), challenges.take(session)):
            with pytest.raises(StoreUnavailableError, match="INFO"):
                await attempt


async def test_a_session_is_kept_and_ends(redis: RedisServer) -> None:
    now = 1_000_000_000.0
    async with Redis.from_url(redis.url) as client:
        store = RedisSessionStore(client, idle=60, lifetime=100, clock=lambda: now)
        session = await store.create({"ä": [1]})
        assert await store.load(session) == {"ä": [1]}
        await store.save(session, {"b": "\ud800"})
        assert await store.load(session) == {"b": "\ud800"}
        [key] = redis.client.keys("kortilla:session:*")
        redis.client.pexpire(key, 5_000)
        await store.save(session, {})  # this is no use of the session
        assert redis.client.pttl(key) <= 5_000
        await store.load(session)
        assert 50_000 < redis.client.pttl(key) <= 60_000
        now += 101  # used, but older than its maximum
        assert await store.load(session) is None
        assert not redis.client.exists(key)
        session = await store.create({})
        await store.delete(session)
        await store.save(session, {"a": 1})  # a late request restores nothing
        assert await store.load(session) is None


async def test_all_sessions_of_a_person_end_and_leave_nothing(
    redis: RedisServer,
) -> None:
    redis.client.flushdb()
    now = 1_000_000_000.0
    async with Redis.from_url(redis.url) as client:
        store = RedisSessionStore(client, idle=60, lifetime=100, clock=lambda: now)
        mine = [await store.create({}, satu=SATU) for _ in range(3)]
        others = [await store.create({}, satu="other"), await store.create({})]
        await store.delete(mine[0])
        assert SATU.encode() not in b"".join(redis.client.keys())
        assert await store.end_sessions(SATU) == 2
        assert await store.end_sessions(SATU) == 0
        assert [await store.load(each) for each in mine] == [None] * 3
        assert [await store.load(each) for each in others] == [{}] * 2
        # A late request restores nothing, and expired sessions leave the index.
        await store.save(mine[1], {"a": 1})
        assert await store.load(mine[1]) is None
        await store.create({}, satu=SATU)
        [index] = set(redis.client.keys("kortilla:person:*")) - {
            store._person("other").encode()
        }
        now += 101
        await store.create({}, satu=SATU)
        assert redis.client.zcard(index) == 1
        assert 0 < redis.client.pttl(index) <= 100_000


@pytest.mark.parametrize("command", ["zadd", "set"])
async def test_a_session_that_is_stored_in_part_is_none(
    command: str, redis: RedisServer
) -> None:
    redis.client.flushdb()
    async with Redis.from_url(redis.url) as client:
        store = RedisSessionStore(client, seconds=SECONDS)
        with redis.forbidding(command), pytest.raises(StoreUnavailableError):
            await store.create({}, satu=SATU)
        assert redis.client.keys("kortilla:session:*") == []
        with redis.forbidding("zrange"), pytest.raises(StoreUnavailableError):
            await store.end_sessions(SATU)


async def test_redis_is_never_told_a_sessions_id(redis: RedisServer) -> None:
    redis.client.flushdb()
    with redis.client.monitor() as monitor:
        async with Redis.from_url(redis.url) as client:
            store = RedisSessionStore(client, prefix="shop:")
            session = await store.create({})
            await store.load(session)
            await store.save(session, {})
            [key] = redis.client.keys()
            await store.delete(session)
        seen = ""
        while "DEL" not in seen.rpartition("\n")[2]:
            seen += "\n" + monitor.next_command()["command"]
    assert key.startswith(b"shop:session:")
    assert key.decode() in seen
    assert session not in seen


async def test_the_commands_of_the_guide_are_enough(redis: RedisServer) -> None:
    guide = (DOCS / "operations.md").read_text().partition("## Redis\n")[2]
    commands = re.findall(r"`([A-Z]+)`", guide.partition("Their keys")[0])
    assert len(commands) > 10
    allowed = [f"+{each.lower()}" for each in commands]
    user = ["guide", "on", "nopass", "~kortilla:*", "-@all"]
    redis.client.execute_command("ACL", "SETUSER", *user, *allowed)
    url = redis.url.replace("unix://", "unix://guide:x@")
    stores = RedisStores.from_url(url, seconds=SECONDS)
    until = Clock().now + timedelta(days=9999)
    await stores.challenges.put("guide", until)
    assert await stores.challenges.take("guide") == until
    for satu in (None, SATU):
        session = await stores.sessions.create({}, satu=satu)
        await stores.sessions.save(session, {"a": 1})
        assert await stores.sessions.load(session) == {"a": 1}
        await stores.sessions.delete(session)
    assert await stores.sessions.end_sessions(SATU) == 0
    for _ in range(7):
        key = await stores.prepared.put("session", PREPARED)
    assert await stores.prepared.take("session", key) == PREPARED
    for store in (stores.challenges, stores.sessions, stores.prepared):
        await store.check()
    await stores.close()
    redis.client.execute_command("ACL", "DELUSER", "guide")


async def test_a_client_that_decodes_is_as_good(redis: RedisServer) -> None:
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        clock = Clock()
        challenges = RedisChallengeStore(client, clock=clock)
        await challenges.put("b", clock.now)
        assert await challenges.take("b") == clock.now
        sessions = RedisSessionStore(client)
        assert await sessions.load(await sessions.create({"a": 1})) == {"a": 1}


# --- Redis fails

FAULTS: dict[str, Callable[[RedisServer], AbstractContextManager[None]]] = {
    "away": RedisServer.away,
    "frozen": RedisServer.frozen,
    "forbidden": lambda redis: redis.forbidding("@all"),
    "read-only": lambda redis: redis.configured(min_replicas_to_write="1"),
    "full": lambda redis: redis.configured(maxmemory="1"),
}


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [(each, SHORT if each == "frozen" else SECONDS) for each in FAULTS],
)
async def test_each_fault_is_the_stores_and_passes(
    fault: str, redis: RedisServer, challenges: Challenges, stores: RedisStores
) -> None:
    known = await stores.sessions.create({"a": 1})
    session: dict[str, object] = {}
    await challenges.create(session)
    with FAULTS[fault](redis):
        results = await asyncio.gather(
            challenges.create({}),
            stores.sessions.create({}),
            stores.sessions.save(known, {"b": 1}),
            return_exceptions=True,
        )
    for result in results:
        assert isinstance(result, StoreUnavailableError)
        assert "kortilla" not in str(result)
    await challenges.create(session)
    await challenges.take(session)
    assert await stores.sessions.load(known) is not None


@pytest.mark.parametrize("change", ["wrong:secret@", "nowhere", "no-redis"])
async def test_a_redis_that_is_not_ours(change: str, redis: RedisServer) -> None:
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    url = {
        "wrong:secret@": redis.url.replace("://", "://wrong:secret@"),
        "nowhere": redis.url + "-nowhere",
        "no-redis": f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}",
    }[change]
    stores = RedisStores.from_url(url, seconds=SECONDS)
    with pytest.raises(StoreUnavailableError) as caught:
        await stores.sessions.create({})
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(stores)
    await stores.close()
    server.close()
    await server.wait_closed()


async def test_something_else_is_where_a_nonce_or_a_session_should_be(
    redis: RedisServer, stores: RedisStores
) -> None:
    session = await stores.sessions.create({})
    [key] = redis.client.keys("kortilla:session:*")
    redis.client.set("kortilla:challenge:c", "soon")
    with pytest.raises(StoreUnavailableError):
        await stores.challenges.take("c")
    for wrong in ("", "x", f"{9:<013}", f"{9:<013}[]", f"{9:<013}{{"):
        redis.client.set(key, wrong)
        with pytest.raises(StoreUnavailableError):
            await stores.sessions.load(session)
    redis.client.delete(key)
    redis.client.rpush(key, "x")
    redis.client.rpush("kortilla:challenge:d", "x")
    for attempt in (
        stores.sessions.load(session),
        stores.sessions.save(session, {}),
        stores.challenges.take("d"),
    ):
        with pytest.raises(StoreUnavailableError):
            await attempt


# --- Redis fails during a login


async def post(
    routes: LoginRoutes, path: str, content: object, cookie: str = ""
) -> tuple[int, Any, dict[str, str]]:
    """Return a response's status, content and headers."""

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(content).encode()

    given = {"Origin": ORIGIN, "Content-Type": "application/json", "Cookie": cookie}
    answer = await routes.handle(Request("POST", path, Headers(given.items()), body()))
    return answer.status, json.loads(answer.body), dict(answer.headers)


@pytest.mark.parametrize("command", ["getex", "getdel", "info", "del", "set"])
async def test_redis_fails_at_any_step_of_a_login(
    command: str, redis: RedisServer, trust: Trust, leaf: Leaf, clock: Clock
) -> None:
    """No login succeeds, and the nonce does not work afterwards."""
    redis.client.flushdb()
    stores = RedisStores.from_url(redis.url, seconds=SECONDS, clock=clock)
    service = LoginService(
        origin=ORIGIN, trust=trust, challenges=stores.challenges, clock=clock
    )
    routes = LoginRoutes(service, sessions=stores.sessions)
    _, answer, headers = await post(routes, "/challenge", {})
    cookie = headers["Set-Cookie"].partition(";")[0]
    body = {"authToken": leaf.token(nonce=answer["nonce"]), "nonce": answer["nonce"]}
    with redis.forbidding(command):
        status, _, headers = await post(routes, "/login", body, cookie)
        assert status == 503
        assert "Set-Cookie" not in headers
    status, refusal, _ = await post(routes, "/login", body, cookie)
    assert (status, refusal["error"]["code"]) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    for key in redis.client.keys("kortilla:session:*"):
        assert b"identity" not in redis.client.get(key)
    # The nonce is still there if the failure came before its use.
    left = redis.client.exists(f"kortilla:challenge:{answer['nonce']}")
    assert left == (command in {"getex", "getdel"})
    await stores.close()


async def test_logins_that_redis_dies_under(
    redis: RedisServer, trust: Trust, leaf: Leaf, clock: Clock
) -> None:
    """Pending logins get 503, and none of their tokens works again."""
    stores = RedisStores.from_url(redis.url, seconds=5, clock=clock)
    service = LoginService(
        origin=ORIGIN, trust=trust, challenges=stores.challenges, clock=clock
    )
    routes = LoginRoutes(service, sessions=stores.sessions)
    attempts = []
    for _ in range(10):
        _, answer, headers = await post(routes, "/challenge", {})
        cookie = headers["Set-Cookie"].partition(";")[0]
        token = leaf.token(nonce=answer["nonce"])
        attempts.append(({"authToken": token}, cookie))
    redis.client.save()
    with redis.frozen():
        logins = [
            asyncio.create_task(post(routes, "/login", *attempt))
            for attempt in attempts
        ]
        done, _ = await asyncio.wait(logins, timeout=0.1)
        assert not done
        redis.kill()
        answers = await asyncio.gather(*logins)
    redis.start()
    assert {status for status, _, _ in answers} == {503}
    again = [await post(routes, "/login", *attempt) for attempt in attempts]
    assert {status for status, _, _ in again} == {403}
    await stores.close()


# --- several servers


@pytest.fixture
async def two(
    trust_folder: Path, redis: RedisServer
) -> AsyncIterator[tuple[Browser, Browser]]:
    """One browser's session at two server processes."""
    wanted = f"aiohttp={redis.url}"
    with process(trust_folder, wanted) as [one], process(trust_folder, wanted) as [two]:
        browsers = Browser(one), Browser(two)
        yield browsers
        for browser in browsers:
            await browser.http.close()


async def test_of_a_hundred_uses_at_two_servers_one_wins(
    two: tuple[Browser, Browser], leaf: Leaf, redis: RedisServer
) -> None:
    one, other = two
    for _ in range(3):
        nonce = await one.challenge()
        other.cookie = cookie = one.cookie
        body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}

        mine = {"Cookie": f"{COOKIE}={cookie}"}
        answers = await asyncio.gather(
            *(two[n % 2].post("login", body, headers=mine) for n in range(100))
        )
        assert sorted(status for status, _ in answers) == [200] + [403] * 99
        assert {code(a)[1] for a in answers if a[0] == 403} == {
            "CHALLENGE_NONCE_NOT_FOUND"
        }
        # In either case, both servers know who is logged in.
        winner = one if one.cookie != cookie else other
        for browser in two:
            browser.cookie = winner.cookie
            assert await browser.who() == SATU
        await one.post("logout")
        other.cookie = winner.cookie
        assert await other.who() is None
        one.cookie = None

    # A token for one session does not work in another, at either server.
    nonce = await one.challenge()
    other.cookie = None
    await other.challenge()
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    answer = await other.post("login", body)
    assert code(answer) == (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert (await one.post("login", body))[0] == 200
