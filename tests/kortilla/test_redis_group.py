# SPDX-License-Identifier: MIT
"""The stores in several real servers: what a failover keeps, ends and refuses."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from redis.asyncio import RedisCluster
from redis.asyncio.sentinel import Sentinel
from redis.crc import key_slot

from kortilla.errors import (
    ChallengeNonceNotFoundError,
    ConfigurationError,
    PreparedSignatureNotFoundError,
    StoreUnavailableError,
)
from kortilla.openid.protocol.store import ProviderStore
from kortilla.redis import RedisStores
from kortilla.store import digest
from kortilla.store.address import parse_address
from kortilla.store.connection import connect, hash_tagged
from kortilla.store.redis import RedisStore
from kortilla.web.challenge import Challenges
from tests.kortilla.pki import SATU
from tests.kortilla.redis_group import (
    NAME,
    Group,
    cluster,
    replicated,
    sentinels,
    until,
)
from tests.kortilla.redis_server import RedisServer, running_redis, tcp
from tests.kortilla.test_stores import MINE, STATE

#: Seconds: longer than any answer takes on a busy machine.
SECONDS = 10.0


@pytest.fixture(scope="module")
def nodes() -> Iterator[Group]:
    with cluster() as group:
        yield group


async def works(stores: RedisStores) -> bool:
    with contextlib.suppress(StoreUnavailableError):
        await stores.challenges.check()
        return True
    return False


async def log_in(stores: RedisStores) -> str:
    """Use each store once. Returns the session's id."""
    challenges, browser = Challenges(stores.challenges), dict[str, object]()
    nonce = await challenges.create(browser)
    assert await challenges.take(browser, nonce=nonce) == nonce
    key = await stores.prepared.put(MINE, STATE)
    assert await stores.prepared.take(MINE, key) == STATE
    session = await stores.sessions.create({"a": 1}, satu=SATU)
    await stores.sessions.save(session, {"a": 2})
    return session


async def check_failover(
    group: Group,
    stores: RedisStores,
    primary: RedisServer,
    replica: RedisServer,
    failing: AbstractContextManager[None],
) -> None:
    """What was open begins again, and sessions are kept, with the old primary back."""
    session = await log_in(stores)
    challenges, browser = Challenges(stores.challenges), dict[str, object]()
    nonce = await challenges.create(browser)
    key = await stores.prepared.put(MINE, STATE)
    store = ProviderStore(stores._store)
    await store.put("token", "t", {"a": 1}, seconds=60)
    for kind in ("login", "code", "par"):
        await store.put(kind, "x", {"a": 1}, seconds=60)
    assert primary.client.wait(1, 10_000) == 1
    other = RedisStores.from_url(group.url, seconds=1)
    with failing:
        pending = asyncio.create_task(stores.sessions.create({}))
        await until(lambda: works(other))
    # A primary that was frozen answers now, until it hears that it is none any more.
    with contextlib.suppress(StoreUnavailableError):
        await pending

    async def is_replaced() -> bool:
        return bool(primary.client.role()[0] == b"slave")

    await until(is_replaced)
    # Open connections lead to it still.
    await log_in(stores)
    # The replica has all of it; what is used once is of the earlier run.
    assert any(digest(nonce).encode() in name for name in replica.client.keys("*"))
    with pytest.raises(ChallengeNonceNotFoundError):
        await challenges.take(browser, nonce=nonce)
    with pytest.raises(PreparedSignatureNotFoundError):
        await stores.prepared.take(MINE, key)
    for kind in ("login", "code", "par"):
        assert not await store.replace(kind, "x", {}, seconds=60)
        assert await store.get(kind, "x") is None
        assert await store.take(kind, "x") is None
    assert await store.get("token", "t") == {"a": 1}
    assert await other.sessions.load(session) == {"a": 2}
    await log_in(stores)
    assert await other.sessions.end_sessions(SATU) == 3
    await other.close()


async def test_sentinels_replace_a_primary_that_froze_and_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with sentinels() as group:
        primary, replica = group.servers
        await replicated(replica)
        stores = RedisStores.from_url(group.url, seconds=SECONDS)
        store = stores._store
        assert await store.advice() == ""
        with primary.configured(min_replicas_to_write="1"):
            assert "after a failover it refuses logins" in await store.advice()
        await check_failover(group, stores, primary, replica, primary.frozen())
        said = [record.getMessage() for record in caplog.records]
        assert any("Redis works again, after " in each for each in said)
        hosts = [(group.host, 26379 + number) for number in range(3)]
        watching: Any = Sentinel(hosts)  # type: ignore[no-untyped-call]
        own = RedisStores.from_client(watching.master_for(NAME), seconds=SECONDS)
        await log_in(own)
        # One of three Sentinels is enough to know it.
        for watcher in group.watchers[:2]:
            watcher.kill()
        await stores.close()
        stores = RedisStores.from_url(group.url, seconds=SECONDS)
        await log_in(stores)
        wrong = RedisStores.from_url(f"{group.url}x", seconds=SECONDS)
        with pytest.raises(StoreUnavailableError, match="and its name in the URL"):
            await wrong.challenges.check()
        for each in (own, stores, wrong):
            await each.close()
        for sentinel in watching.sentinels:
            await sentinel.aclose()


async def test_a_cluster_replaces_a_primary_that_was_killed_and_is_back(
    nodes: Group,
) -> None:
    """While a client of redis-py uses it too."""
    host = nodes.host
    own = RedisStores.from_client(RedisCluster(host=host, port=7001), seconds=SECONDS)
    stores = RedisStores.from_url(nodes.url, seconds=SECONDS)
    await until(lambda: works(stores))
    await replicated(*nodes.servers[3:])
    session = await log_in(own)
    [at] = [number for number in range(3) if nodes.servers[number].client.keys("*")]
    await own.sessions.end_sessions(SATU)
    primary, replica = nodes.servers[at], nodes.servers[at + 3]
    await check_failover(nodes, stores, primary, replica, primary.away())
    await until(lambda: works(own))
    assert await own.sessions.load(session) is None
    await log_in(own)
    for each in (own, stores):
        await each.close()


async def test_a_client_of_one_server_says_that_there_is_a_cluster(
    nodes: Group,
) -> None:
    for number in range(3):
        url = f"redis://{nodes.host}:{7001 + number}"
        for store in (RedisStore(connect(url)), RedisStore(connect(url), prefix="{a}")):
            with pytest.raises(StoreUnavailableError, match=r"redis\+cluster://"):
                await store.check()
            await store.close()


async def test_a_demoted_primary_that_is_promoted_again_knows_no_old_nonce() -> None:
    """It has the same process, and so the same ``run_id``, all the time."""
    with running_redis() as server:
        stores = RedisStores.from_url(server.url, seconds=SECONDS)
        challenges, browser = Challenges(stores.challenges), dict[str, object]()
        nonce = await challenges.create(browser)
        server.client.replicaof("127.0.0.1", "1")
        server.client.replicaof("NO", "ONE")
        assert server.client.exists(f"kortilla:challenge:{digest(nonce)}")
        with pytest.raises(ChallengeNonceNotFoundError):
            await challenges.take(browser)
        await stores.close()


async def test_valkey_works_as_redis_does() -> None:
    with running_redis(program="valkey-server") as server:
        assert server.client.info("server")["server_name"] == "valkey"
        stores = RedisStores.from_url(server.url, seconds=SECONDS)
        session = await log_in(stores)
        assert await stores.sessions.load(session) == {"a": 2}
        store = ProviderStore(stores._store)
        await store.put("login", "x", {"a": 1}, seconds=60)
        assert await store.replace("login", "x", {"a": 2}, seconds=60)
        assert await store.take("login", "x") == {"a": 2}
        await store.check()
        await stores.close()


# --- without a server


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://ADDRESS/m", "No Sentinel names the primary"),
        ("redis+cluster://ADDRESS", "No node of the cluster answers"),
    ],
)
async def test_nobody_is_there_to_name_the_primary(url: str, reason: str) -> None:
    stores = RedisStores.from_url(url.replace("ADDRESS", tcp()[0]), seconds=SECONDS)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=reason):
            await stores.challenges.check()
    await stores.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis+sentinel://ADDRESS/m", "write redis:// if it is a single server"),
        ("redis+cluster://ADDRESS", "write redis:// if it is a single server"),
    ],
)
async def test_a_single_server_is_neither(url: str, reason: str) -> None:
    address, options = tcp()
    with running_redis(*options):
        stores = RedisStores.from_url(url.replace("ADDRESS", address))
        with pytest.raises(StoreUnavailableError, match=reason):
            await stores.challenges.check()
        await stores.close()


def test_options_of_a_url_come_first() -> None:
    for url in ("redis://a", "redis+sentinel://a/m"):
        client: Any = connect(f"{url}?max_connections=3&socket_timeout=7")
        pool = client.connection_pool
        assert pool.max_connections == 3
        assert pool.connection_kwargs["socket_timeout"] == 7


@pytest.mark.parametrize("prefix", ["a:", "{a}:", "a{}:", "{}{a}", "a}b:", "{a", ""])
def test_all_keys_of_a_prefix_have_one_hash_slot(prefix: str) -> None:
    tagged = hash_tagged(prefix or "x")
    slots = {key_slot(f"{tagged}{end}".encode()) for end in ("", "a", "b:{c}", "}d")}
    assert len(slots) == 1


def test_the_parts_of_a_url() -> None:
    url = "rediss+sentinel://u:p%40@a:1,[::1],c.example/m/3"
    found = parse_address(f"{url}?sentinel_password=s&ssl_ca_certs=/ca")
    assert found.kind == "sentinel"
    assert found.hosts == (("a", 1), ("::1", 26379), ("c.example", 26379))
    assert found.name == "m"
    assert found.connection_class.__name__ == "SSLConnection"
    assert {"username": "u", "password": "p@", "db": 3}.items() <= found.options.items()
    assert found.options["ssl_ca_certs"] == "/ca"
    assert found.own == {"password": "s"}
    found = parse_address("valkey+cluster://a,b:7")
    assert (found.kind, found.hosts) == ("cluster", (("a", 6379), ("b", 7)))
    assert parse_address("valkeys://a").connection_class.__name__ == "SSLConnection"
    for each in ("p@", "secret", "/ca"):
        assert each not in repr(parse_address(f"{url}?ssl_ca_certs=/ca"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a", "begins with none of"),
        ("redis+sentinels://a/m", "begins with none of"),
        ("redis://secret@a,b", "has several hosts"),
        ("redis+sentinel://:secret@a,b,c", "names no primary"),
        ("redis+sentinel://a,b,a/m", "names a host twice"),
        ("redis+sentinel://a,b c/m", "names a host that is none"),
        ("redis+sentinel://a:99999/m", "names a host that is none"),
        ("redis+sentinel:///m", "names a host that is none"),
        ("redis+sentinel://a/m/x", "no number of a database"),
        ("redis+cluster://a,b/1", "a cluster has only 0"),
        ("redis+cluster://a/m", "no number of a database"),
        ("redis+cluster://a?sentinel_password=secret", "and no Sentinel"),
        ("redis+cluster://a?socket_timeout=secret", "can't be read: a port, an option"),
        ("redis://u:secret/x@a", "/ is written as %2F"),
        ("redis://u:secret#x@a", "can't be read"),
        ("redis+cluster://u:secret?x@a", "names a host that is none"),
        ("redis://u:secret\u2100@a", "can't be read"),
        ("redis+sentinel://a/m?ssl_ca_certs=secret", "TLS without rediss"),
        ("redis://a?sockettimeout=secret", "redis-py does not know"),
    ],
)
def test_a_url_that_is_unclear_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as caught:
        RedisStores.from_url(url)
    assert "secret" not in str(caught.value)
