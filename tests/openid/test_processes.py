# SPDX-License-Identifier: MIT
"""Several processes on one real Redis, and what its failures do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kortilla.openid.store import RedisStore
from kortilla.redis.connection import connect
from kortilla.testing import KortillaCard
from tests.kortilla.redis_server import RedisServer
from tests.openid.provider import (
    ISSUER,
    SECRET,
    Browser,
    LocalOP,
    asked,
    basic,
    configuration,
    key_file,
    toml,
    write_files,
)
from tests.openid.served import Running, code, redeem, running, visitor


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, card: KortillaCard, redis: RedisServer
) -> Iterator[tuple[Running, Running]]:
    """Two simulators that share a Redis."""
    folder = tmp_path_factory.mktemp("pair")
    write_files(folder, card)
    config = folder / "openid.toml"
    server = {"metrics_port": 0}
    config.write_text(toml(configuration(redis={"url": redis.url}, server=server)))
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(running(config, "--simulator")) for _ in range(2)
        )
        yield first, second


async def test_a_code_that_twenty_redeem_at_two_processes_works_once(
    pair: tuple[Running, Running],
) -> None:
    async with visitor() as session:
        for _ in range(3):
            _, form = await code(session, pair[0].url)
            answers = await asyncio.gather(
                *(redeem(session, pair[n % 2].url, form) for n in range(20))
            )
            assert sorted(status for status, _ in answers) == [200] + [400] * 19
            errors = {content.get("error") for _, content in answers}
            assert errors == {None, "invalid_grant"}


async def test_every_key_in_the_store_has_a_lifetime(
    pair: tuple[Running, Running], redis: RedisServer
) -> None:
    async with visitor() as session:
        _, form = await code(session, pair[0].url)
        await redeem(session, pair[1].url, form)
        await redeem(session, pair[1].url, form)
        await code(session, pair[0].url)
        where, form = f"{pair[0].url}/authorize", asked()[1]
        async with session.post(where, data=form, allow_redirects=False) as answer:
            assert answer.status == 303
    keys = redis.client.keys("*")
    assert all(key.startswith(b"kortilla:") for key in keys)
    kinds = {key.decode().split(":")[-2] for key in keys}
    assert {"token", "replayed", "code", "par"} <= kinds
    lifetimes = {key: redis.client.ttl(key) for key in keys}
    assert all(0 < each <= 1800 for each in lifetimes.values()), lifetimes


async def test_logs_have_no_name_code_or_state(pair: tuple[Running, Running]) -> None:
    async with visitor() as session:
        found, form = await code(session, pair[0].url)
        _, content = await redeem(session, pair[0].url, form)
        headers = {"Authorization": f"Bearer {content['access_token']}"}
        async with session.get(f"{pair[0].url}/userinfo", headers=headers) as answer:
            told = await answer.json()
        async with session.get(f"{pair[0].url}/x?code={found}\n") as answer:
            assert answer.status == 404
    log = pair[0].log.read_text()
    assert "GET /openid/authorize 303" in log
    assert "POST /openid/token 200" in log
    secrets = [
        found, "STATE-OF-A-LOGIN", form["code_verifier"], SECRET, basic(),
        content["access_token"], content["id_token"], *map(str, told.values()),
    ]  # fmt: skip
    assert [each for each in secrets if each in log] == []


async def test_metrics_count_logins_on_a_port_of_their_own(
    pair: tuple[Running, Running],
) -> None:
    running = pair[0]
    assert running.metrics

    async def logins(session: aiohttp.ClientSession) -> float:
        async with session.get(str(running.metrics)) as answer:
            lines = (await answer.text()).splitlines()
        assert not any("99955512B" in line for line in lines)
        name = 'kortilla_events_total{event="login"} '
        return sum(float(line.removeprefix(name)) for line in lines if name in line)

    async with visitor() as session:
        before = await logins(session)
        await code(session, running.url)
        assert await logins(session) == before + 1
        async with session.get(f"{running.url}/metrics") as answer:
            assert answer.status == 404


async def test_a_process_is_alive_and_ready(pair: tuple[Running, Running]) -> None:
    async with visitor() as session:
        for path in ("healthz", "readyz"):
            async with session.get(f"{pair[0].url}/{path}") as answer:
                assert (answer.status, await answer.json()) == (200, {"status": "ok"})


@pytest.fixture
async def op(
    files: Path, card: KortillaCard, redis: RedisServer
) -> AsyncIterator[LocalOP]:
    op = LocalOP.create(files, card, redis={"url": redis.url})
    yield op
    await op.provider.close()


async def test_a_login_goes_through_redis(op: LocalOP) -> None:
    found, verifier = await op.code()
    assert (await op.token(found, verifier)).status == 200


async def test_redis_replaces_an_entry_while_it_is_there(op: LocalOP) -> None:
    store = op.provider.store
    assert not await store.replace("login", "x", {"a": 1}, seconds=60)
    await store.put("login", "x", {"a": 1}, seconds=60)
    assert await store.replace("login", "x", {"a": 2}, seconds=60)
    assert await store.take("login", "x") == {"a": 2}


async def test_redis_bounds_the_bytes_that_anybody_can_store(
    redis: RedisServer,
) -> None:
    store = RedisStore(connect(redis.url), prefix="bounded:", most_bytes=50_000)
    await store.put("code", "c", {"a": "a" * 1000}, seconds=60)
    for number in range(100):
        for kind in ("login", "par"):
            await store.put(kind, str(number), {"a": "ä" * 500}, seconds=60)
        await store.replace("login", str(number), {"a": "ä" * 500}, seconds=60)
    kept = redis.client.keys("bounded:openid:login:*")
    assert sum(redis.client.memory_usage(key) for key in kept) <= 50_000
    for kind in ("login", "par"):
        assert await store.get(kind, "99")
        assert await store.get(kind, "70") is None
    # What is taken makes room, and what is not begun is not dropped.
    for number in range(100):
        await store.put("login", str(number), {"a": "a" * 1000}, seconds=60)
        assert await store.take("login", str(number))
    assert await store.get("login", "99") is None
    assert await store.get("code", "c")
    # What expires makes room too: the sum is of what is there.
    await store.put("login", "x", {}, seconds=1)
    sums = "bounded:openid:login:bytes"
    assert int(redis.client.hget(sums, "sum")) == sum(
        int(size) for name, size in redis.client.hgetall(sums).items() if name != b"sum"
    )
    await store.close()


@pytest.mark.parametrize(
    ("simulator", "issuer"),
    [(False, ISSUER), (True, "https://other.example/openid")],
    ids=["cards", "another issuer"],
)
async def test_a_session_counts_at_its_own_provider_alone(
    files: Path, card: KortillaCard, redis: RedisServer, simulator: bool, issuer: str
) -> None:
    shared: dict[str, Any] = {"redis": {"url": redis.url}, "sso_minutes": 60}
    first = LocalOP.create(files, card, simulator=True, **shared)
    second = LocalOP.create(files, card, simulator=simulator, issuer=issuer, **shared)
    browser = Browser(first)
    await browser.authorize(login_hint="SPECIMEN-VIRTANEN")
    _, own = await browser.authorize(prompt="none")
    assert "code" in own.parameters
    _, there = await Browser(second, dict(browser.cookies)).authorize(prompt="none")
    assert there.parameters["error"] == "login_required"
    for op in (first, second):
        await op.provider.close()


async def test_while_the_store_is_away_the_answer_is_503(
    op: LocalOP, redis: RedisServer
) -> None:
    browser = Browser(op)
    page = await browser.page()
    found, verifier = await op.code()
    with redis.away():
        _, refused = await Browser(op).authorize()
        statuses = [
            refused.status,
            (await browser.send("GET", page)).status,
            (await browser.send("POST", f"{page}/challenge", body=b"{}")).status,
            (await op.token(found, verifier)).status,
            (await op.userinfo("t")).status,
            (await op.send("GET", "/readyz")).status,
        ]
        assert statuses == [503] * 6
        answer = await op.token(found, verifier)
        assert answer.json == {"error": "temporarily_unavailable"}
        assert (await op.send("GET", "/healthz")).status == 200
    # All goes on as before.
    assert (await op.send("GET", "/readyz")).status == 200
    assert (await op.token(found, verifier)).status == 200
    assert (await browser.send("GET", page)).status == 200


async def test_a_process_that_is_asked_to_end_ends_well(
    files: Path, tmp_path: Path, card: KortillaCard
) -> None:
    assert key_file(files).check()
    write_files(tmp_path, card)
    config = tmp_path / "openid.toml"
    config.write_text(toml(configuration(issuer="https://login.example")))
    with running(config) as started:
        async with (
            visitor() as session,
            session.get(f"{started.url}/.well-known/openid-configuration") as answer,
        ):
            document = await answer.json()
            assert document["issuer"] == "https://login.example"
        assert started.end() == 0
