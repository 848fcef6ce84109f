# SPDX-License-Identifier: MIT
"""The stores in a real Redis: what it keeps, how it fails, and connections to it."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kortilla import LoginService, Trust
from kortilla.errors import (
    ChallengeNonceNotFoundError,
    PreparedSignatureNotFoundError,
    StoreUnavailableError,
)
from kortilla.redis import RedisStores
from kortilla.store import Table, digest
from kortilla.store.connection import connect
from kortilla.store.redis import RedisStore
from kortilla.web.challenge import Challenges
from kortilla.web.routes import LoginRoutes
from kortilla.web.sessions import SessionStore
from tests.kortilla.browser import COOKIE, Browser, Visitor, code
from tests.kortilla.pki import ORIGIN, SATU, Clock, Leaf
from tests.kortilla.redis_server import RedisServer, running_redis, tcp
from tests.kortilla.sites import serving
from tests.kortilla.test_stores import MINE, STATE
from tests.support.guide import DOCS

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


@pytest.fixture
def routes(stores: RedisStores, trust: Trust, clock: Clock) -> LoginRoutes:
    service = LoginService(
        origin=ORIGIN, trust=trust, challenges=stores.challenges, clock=clock
    )
    return LoginRoutes(service, sessions=stores.sessions)


def names(redis: RedisServer, table: str) -> list[bytes]:
    """Return the names of a table's values."""
    found: list[bytes] = redis.client.keys(f"kortilla:{table}:*")
    return [each for each in found if b":group:" not in each]


# --- what is in Redis


async def test_a_nonce_stays_for_a_while_after_its_expiry(
    challenges: Challenges, redis: RedisServer
) -> None:
    session: dict[str, object] = {}
    key = f"kortilla:challenge:{digest(await challenges.create(session))}"
    assert 9 * 60_000 < redis.client.pttl(key) <= 10 * 60_000
    redis.client.pexpire(key, 0)
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(session)


async def test_values_and_their_groups_expire(redis: RedisServer) -> None:
    redis.client.flushdb()
    now = 1_000_000_000.0
    store = RedisStore(connect(redis.url), clock=lambda: now)
    sessions = SessionStore(store, idle=60, lifetime=100)
    session = await sessions.create({}, satu=SATU)
    [key] = names(redis, "session")
    [group] = redis.client.keys("kortilla:session:group:*")
    assert SATU.encode() not in group
    assert 60_000 < redis.client.pttl(group) <= 100_000
    redis.client.pexpire(key, 5_000)
    await sessions.save(session, {})  # this is no use of the session
    assert redis.client.pttl(key) <= 5_000
    await sessions.load(session)
    assert 50_000 < redis.client.pttl(key) <= 60_000
    now += 90
    await sessions.load(session)
    assert redis.client.pttl(key) <= 10_000
    now += 11
    assert await sessions.load(session) is None
    await sessions.create({}, satu=SATU)  # the expired one leaves the group
    assert redis.client.zcard(group) == 1
    await store.close()


async def test_what_is_taken_leaves_nothing(
    stores: RedisStores, redis: RedisServer, challenges: Challenges
) -> None:
    session: dict[str, object] = {}
    nonce = await challenges.create(session)
    key = await stores.prepared.put(MINE, STATE)
    found = redis.client.keys()
    assert len(found) == 5  # the two, their groups, and the bytes of one
    assert all(0 < redis.client.pttl(each) <= 15 * 60_000 for each in found)
    await challenges.take(session, nonce)
    assert await stores.prepared.take(MINE, key) == STATE
    [left] = redis.client.keys()
    assert redis.client.hgetall(left) == {b"sum": b"0"}


async def test_redis_counts_the_bytes_of_what_is_there(redis: RedisServer) -> None:
    redis.client.flushdb()
    most = 50_000
    table = Table("t", most_bytes=most)
    store = RedisStore(connect(redis.url), prefix="counted:")
    for number in range(100):
        await store.put(table, str(number), bytes(1000), seconds=60)
    [counted] = redis.client.keys("counted:t:group:*:bytes")
    kept = [each for each in redis.client.keys("counted:*") if b"group" not in each]
    assert sum(redis.client.memory_usage(key) for key in kept) <= most
    await store.put(table, "99", b"", seconds=60)
    sums = redis.client.hgetall(counted)
    total = int(sums.pop(b"sum"))
    assert total == sum(map(int, sums.values())) <= most
    await store.close()


async def test_redis_is_told_no_session_id_and_no_key(
    stores: RedisStores, redis: RedisServer
) -> None:
    with redis.client.monitor() as monitor:
        key = await stores.prepared.put(MINE, STATE)
        await stores.prepared.take(MINE, key)
        session = await stores.sessions.create({})
        await stores.sessions.load(session)
        await stores.sessions.save(session, {})
        [name] = names(redis, "session")
        await stores.sessions.delete(session)
        seen = ""
        while "DEL kortilla:session" not in seen.rpartition("\n")[2]:
            seen += "\n" + monitor.next_command()["command"]
    assert name.decode() in seen
    assert session not in seen
    assert key not in seen


@pytest.mark.parametrize("command", ["zadd", "set"])
async def test_a_session_that_is_stored_in_part_is_none(
    command: str, stores: RedisStores, redis: RedisServer
) -> None:
    with redis.forbidding(command), pytest.raises(StoreUnavailableError):
        await stores.sessions.create({}, satu=SATU)
    assert names(redis, "session") == []
    with redis.forbidding("zrange"), pytest.raises(StoreUnavailableError):
        await stores.sessions.end_sessions(SATU)


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
        key = await stores.prepared.put("session", STATE)
    assert await stores.prepared.take("session", key) == STATE
    for store in (stores.challenges, stores.sessions, stores.prepared):
        await store.check()
    await stores.close()
    redis.client.execute_command("ACL", "DELUSER", "guide")


# --- Redis is restored or another one


async def test_what_a_snapshot_brings_back_was_used(
    challenges: Challenges, stores: RedisStores, redis: RedisServer, clock: Clock
) -> None:
    session: dict[str, object] = {}
    nonce = await challenges.create(session)
    key = await stores.prepared.put(MINE, STATE)
    redis.client.save()
    assert await challenges.take(session) == nonce
    assert await stores.prepared.take(MINE, key) == STATE
    redis.kill()
    redis.start()
    assert names(redis, "challenge")
    assert names(redis, "prepared")
    # Another server that has not seen their use.
    again = RedisStores.from_url(redis.url, seconds=SECONDS, clock=clock)
    other = Challenges(again.challenges, clock=clock)
    with pytest.raises(ChallengeNonceNotFoundError):
        await other.take(session)
    with pytest.raises(PreparedSignatureNotFoundError):
        await again.prepared.take(MINE, key)
    nonce = await other.create(session)
    assert await other.take(session) == nonce
    await again.close()


async def test_a_nonce_of_another_instance_is_refused(
    challenges: Challenges, redis: RedisServer, clock: Clock
) -> None:
    """As after a failover to a replica that has not received the use."""
    session: dict[str, object] = {}
    await challenges.create(session)
    [key] = names(redis, "challenge")
    content = redis.client.dump(key)
    with running_redis() as replica:
        replica.client.restore(key, 0, content)
        other = RedisStores.from_url(replica.url, seconds=SECONDS, clock=clock)
        with pytest.raises(ChallengeNonceNotFoundError):
            await Challenges(other.challenges, clock=clock).take(session)
        await other.close()


async def test_a_redis_that_does_not_say_which_run_it_is(
    challenges: Challenges, redis: RedisServer
) -> None:
    session: dict[str, object] = {}
    await challenges.create(session)
    with redis.forbidding("info"):
        for attempt in (challenges.create(session), challenges.take(session)):
            with pytest.raises(StoreUnavailableError, match="INFO"):
                await attempt


async def test_something_else_is_where_an_entry_should_be(
    redis: RedisServer, stores: RedisStores
) -> None:
    """A value of another version is none, and what is no value is a fault."""
    for wrong in ("", "x", "123 {}", " 9999999999999999 \n{}"):
        for session in (await stores.sessions.create({}), "unknown"):
            redis.client.set(f"kortilla:session:{digest(session)}", wrong)
            found = await stores.sessions.load(session)
            assert found == ({} if wrong.endswith("{}") and wrong[0] == " " else None)
        redis.client.set("kortilla:challenge:" + digest("c"), wrong)
        with pytest.raises(ChallengeNonceNotFoundError):
            await stores.challenges.take("c")
    for table in ("session", "challenge"):
        redis.client.rpush(f"kortilla:{table}:{digest('d')}", "x")
    for attempt in (
        stores.sessions.load("d"),
        stores.sessions.save("d", {}),
        stores.challenges.take("d"),
    ):
        with pytest.raises(StoreUnavailableError):
            await attempt


# --- Redis fails

FAULTS: dict[str, Callable[[RedisServer], AbstractContextManager[None]]] = {
    "away": RedisServer.away,
    "frozen": RedisServer.frozen,
    "forbidden": lambda redis: redis.forbidding("@all"),
    "without SET": lambda redis: redis.forbidding("set"),
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
    key = await stores.prepared.put(MINE, STATE)
    with FAULTS[fault](redis):
        results = await asyncio.gather(
            challenges.create({}),
            stores.sessions.create({}),
            stores.sessions.create({}, satu=SATU),
            stores.sessions.save(known, {"b": 1}),
            stores.prepared.put(MINE, STATE),
            *(store.check() for store in (stores.challenges, stores.sessions)),
            stores.prepared.check(),
            return_exceptions=True,
        )
    for result in results:
        assert isinstance(result, StoreUnavailableError)
        assert "kortilla" not in str(result)
    await challenges.create(session)
    await challenges.take(session)
    assert await stores.sessions.load(known) is not None
    if fault == "away":  # it was of an earlier run
        with pytest.raises(PreparedSignatureNotFoundError):
            await stores.prepared.take(MINE, key)
    else:
        assert await stores.prepared.take(MINE, key) == STATE


async def test_no_connection_to_a_primary_that_is_cut_off_is_kept(
    redis: RedisServer, stores: RedisStores
) -> None:
    """The next one asks the Sentinels, if there are any."""
    await stores.sessions.create({})
    client: Any = stores._store._client
    [connection] = client.connection_pool._available_connections
    assert connection.is_connected
    with (
        redis.configured(min_replicas_to_write="1"),
        pytest.raises(StoreUnavailableError, match="too few replicas"),
    ):
        await stores.sessions.create({})
    assert not connection.is_connected


@pytest.mark.parametrize("command", ["get", "info", "del", "set"])
async def test_redis_fails_at_any_step_of_a_login(
    command: str, redis: RedisServer, routes: LoginRoutes, leaf: Leaf
) -> None:
    """No login succeeds, and the nonce does not work afterwards."""
    visitor = Visitor(routes)
    nonce = await visitor.challenge()
    body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
    with redis.forbidding(command):
        answer = await visitor.post("/login", body)
        assert answer.status == 503
        assert "Set-Cookie" not in dict(answer.headers)
    refused = (403, "CHALLENGE_NONCE_NOT_FOUND")
    assert await visitor.refusal("/login", body) == refused
    for key in names(redis, "session"):
        assert b"identity" not in redis.client.get(key)


@pytest.mark.parametrize("seconds", [5])
async def test_logins_that_redis_dies_under(
    redis: RedisServer, routes: LoginRoutes, leaf: Leaf
) -> None:
    """Pending logins get 503, and none of their tokens works again."""
    attempts = []
    for _ in range(10):
        visitor = Visitor(routes)
        token = leaf.token(nonce=await visitor.challenge())
        attempts.append((visitor, {"authToken": token}))
    redis.client.save()
    with redis.frozen():
        logins = [
            asyncio.create_task(visitor.post("/login", body))
            for visitor, body in attempts
        ]
        done, _ = await asyncio.wait(logins, timeout=0.1)
        assert not done
        redis.kill()
        answers = await asyncio.gather(*logins)
    redis.start()
    assert {answer.status for answer in answers} == {503}
    for visitor, body in attempts:
        assert (await visitor.post("/login", body)).status == 403


async def test_of_a_hundred_uses_at_two_servers_one_wins(
    trust_folder: Path, redis: RedisServer, leaf: Leaf
) -> None:
    own = "aiohttp", trust_folder, redis.url
    with serving(*own) as one, serving(*own) as two:
        async with Browser(one) as here, Browser(two) as there:
            both = here, there
            nonce = await here.challenge()
            cookie = here.cookie
            body = {"authToken": leaf.token(nonce=nonce), "nonce": nonce}
            mine = {"Cookie": f"{COOKIE}={cookie}"}
            answers = await asyncio.gather(
                *(both[n % 2].post("login", body, headers=mine) for n in range(100))
            )
            assert sorted(status for status, _ in answers) == [200] + [403] * 99
            assert {code(a)[1] for a in answers if a[0] == 403} == {
                "CHALLENGE_NONCE_NOT_FOUND"
            }
            # In either case, both servers know who is logged in.
            winner = here if here.cookie != cookie else there
            for browser in both:
                browser.cookie = winner.cookie
                assert await browser.who() == SATU
            await here.post("logout")
            there.cookie = winner.cookie
            assert await there.who() is None


# --- connections


@pytest.mark.parametrize("by", ["unix", "tcp"])
@pytest.mark.parametrize("noticed", [True, False])
async def test_after_a_restart_no_idle_connection_refuses_a_request(
    by: str, noticed: bool
) -> None:
    """Not even one with a command that can't be repeated."""
    address, options = tcp()
    with running_redis(*options) as redis:
        url = redis.url if by == "unix" else f"redis://{address}"
        stores = RedisStores.from_url(url, seconds=SECONDS)
        challenges = Challenges(stores.challenges)

        async def log_in() -> None:
            session: dict[str, object] = {}
            await challenges.create(session)
            await challenges.take(session)
            await stores.sessions.load(await stores.sessions.create({"a": 1}))

        def connections() -> Any:
            return redis.client.info("stats")["total_connections_received"]

        await asyncio.gather(*(log_in() for _ in range(40)))
        assert redis.client.info("clients")["connected_clients"] > 30
        with redis.away():
            if noticed:  # by the event loop, which has not looked yet otherwise
                for _ in range(3):
                    await asyncio.sleep(0)
        await asyncio.gather(*(log_in() for _ in range(40)))
        # What is dropped is what was closed: the others are used again.
        before = connections()
        await asyncio.gather(*(log_in() for _ in range(20)))
        assert connections() == before
        await stores.close()


HTTP, TLS, PASSWORD = ["HTTP"], ["TLS"], ["--requirepass", "right"]
#: What is wrong: options of the server (None: there is none), the URL, the sentence.
MISTAKES: list[tuple[list[str] | None, str, str]] = [
    (None, "redis://ADDRESS", "No Redis is at the address of the URL"),
    (None, "redis://a.invalid", "No Redis is at the address of the URL"),
    (None, "unix:///nowhere", "The socket or the file that Redis's URL names is not"),
    (HTTP, "redis://ADDRESS", "Redis"),
    (PASSWORD, "redis://ADDRESS", "refuses the user"),
    (
        PASSWORD,
        "redis://:secret@ADDRESS",
        "Redis refuses the user or the password: write both into the URL",
    ),
    ([], "rediss://ADDRESS", "whether it speaks TLS"),
    (TLS, "redis://ADDRESS", "write rediss:// in place of redis://"),
    (
        TLS,
        "rediss://ADDRESS",
        "refused: self-signed certificate. Name its CA in the URL, "
        "rediss://HOST?ssl_ca_certs=FILE.",
    ),
    (TLS, "rediss://ADDRESS?ssl_ca_certs=/nowhere", "names is not there"),
]


def tls(folder: Path, address: str) -> list[str]:
    """Return the options of a server with TLS, whose certificate is its own CA."""
    host = address.partition(":")[0]
    files = ["-keyout", "key.pem", "-out", "certificate.pem"]
    name = ["-subj", "/CN=Redis", "-addext", f"subjectAltName=IP:{host}"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", *files, *name],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    own = ["--tls-port", "6379", "--tls-auth-clients", "no"]
    own += ["--tls-cert-file", f"{folder}/certificate.pem"]
    return ["--bind", host, *own, "--tls-key-file", f"{folder}/key.pem"]


async def no_redis(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(("options", "url", "sentence"), MISTAKES)
async def test_a_sentence_names_the_mistake_and_what_to_do(
    options: list[str] | None, url: str, sentence: str, tmp_path: Path
) -> None:
    address, plain = tcp()
    async with contextlib.AsyncExitStack() as stack:
        if options == HTTP:
            host, _, port = address.partition(":")
            server = await asyncio.start_server(no_redis, host, int(port))
            await stack.enter_async_context(server)
        elif options is not None:
            secure = options == TLS
            wanted = tls(tmp_path, address) if secure else [*plain, *options]
            stack.enter_context(running_redis(*wanted))
        # The one that never answers has a short limit.
        seconds = SHORT if sentence.startswith("whether") else SECONDS
        stores = RedisStores.from_url(url.replace("ADDRESS", address), seconds=seconds)
        with pytest.raises(StoreUnavailableError) as caught:
            await stores.sessions.create({})
        await stores.close()
    assert sentence in str(caught.value)
    assert len(re.findall(r"[.:] ", str(caught.value))) <= 2
    assert "secret" not in f"{caught.value}{stores!r}"


async def test_a_redis_with_a_ca_of_its_own_works(tmp_path: Path) -> None:
    address, _ = tcp()
    with running_redis(*tls(tmp_path, address)) as redis:
        ca = f"{tmp_path}/certificate.pem"
        stores = RedisStores.from_url(f"rediss://{address}?ssl_ca_certs={ca}")
        for _ in range(20):
            assert await stores.sessions.load(await stores.sessions.create({})) == {}
        # One connection of the stores, which is used again, and the test's own.
        assert redis.client.info("stats")["total_connections_received"] == 2
        # What many connections at once need to know of TLS is read once.
        await asyncio.gather(*(stores.sessions.create({}) for _ in range(20)))
        client: Any = stores._store._client
        pool = client.connection_pool
        contexts = {id(each.ssl_context) for each in pool._available_connections}
        assert len(pool._available_connections) > 1
        assert len(contexts) == 1
        await stores.close()
