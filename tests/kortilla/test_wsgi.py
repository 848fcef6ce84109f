# SPDX-License-Identifier: MIT
"""Django and Flask under gunicorn: workers share logins, Redis and revocation."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kortilla import background
from tests.kortilla.browser import Browser, code, log_in
from tests.kortilla.pki import CA, SATU
from tests.kortilla.redis_server import RedisServer
from tests.kortilla.responder import Chain, List, OCSPAnswer, Server
from tests.kortilla.revocation_checks import well
from tests.kortilla.sites import RunningSite, gunicorn
from tests.support.patience import patience

#: The number of logins that each worker must serve, and the maximum of all logins.
ENOUGH, MOST = 4, 200


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    """No card is revoked, by OCSP and by CRL."""
    chain = well(server, root, by="ocsp")
    server.handlers |= {"crl/issuing.crl": List(chain.ca), "crl/root.crl": List(root)}
    return chain


@pytest.fixture(params=["django sync", "flask gthread", "django sync --preload"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, chain: Chain, redis: RedisServer
) -> Iterator[RunningSite]:
    application, kind, *more = request.param.split()
    for name, ca in {"ca": chain.ca, "root": chain.root}.items():
        (tmp_path / f"{name}.der").write_bytes(ca.der)
    options = ("--worker-class", kind, *more)
    with gunicorn(application, tmp_path, redis, *options, by="both") as site:
        yield site


@pytest.fixture
async def browsers(site: RunningSite) -> AsyncIterator[list[Browser]]:
    """Clients with simultaneous requests; any worker may take each one."""
    browsers = [Browser(site, keep_alive=False) for _ in range(4)]
    yield browsers
    for browser in browsers:
        await browser.http.close()


async def answered_by(browser: Browser) -> int:
    """Return the process that responds who is logged in."""
    async with browser.request("GET", "/who", headers={}) as answer:
        assert answer.status == 200
        assert (await answer.json())["satu"] == SATU
        return int(answer.headers["X-Process"])


async def log_in_often(browsers: list[Browser], chain: Chain) -> set[int]:
    """Log in until two workers have served enough, and return their processes."""
    seen: Counter[int] = Counter()

    async def one(browser: Browser) -> None:
        assert (await log_in(browser, chain.leaf))[0] == 200
        seen[await answered_by(browser)] += 1

    while len([n for n in seen.values() if n >= ENOUGH]) < 2:
        assert seen.total() < MOST, seen
        await asyncio.gather(*(one(browser) for browser in browsers))
    return set(seen)


async def test_workers_serve_again_and_again(
    browsers: list[Browser], chain: Chain, server: Server
) -> None:
    """All by one gunicorn: its start takes longer than all that is asked of it."""
    await log_in_often(browsers, chain)
    assert {"ocsp/issuing", "crl/issuing.crl"} <= set(server.asked)
    await what_revocation_says_counts_each_time(browsers, chain, server)
    await workers_that_end_are_replaced(browsers, chain)


async def what_revocation_says_counts_each_time(
    browsers: list[Browser], chain: Chain, server: Server
) -> None:
    good = server.handlers["ocsp/issuing"]
    for _ in range(3):
        for status, wanted in (
            ("revoked", "USER_CERTIFICATE_REVOKED"),
            ("unknown", "USER_CERTIFICATE_OCSP_CHECK_FAILED"),
        ):
            server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status=status)
            for browser in browsers:
                assert code(await log_in(browser, chain.leaf)) == (403, wanted)
        server.handlers["ocsp/issuing"] = good
        for browser in browsers:
            assert (await log_in(browser, chain.leaf))[0] == 200


async def end(process: int, kind: signal.Signals) -> None:
    """Send a signal, and wait for the exit that it causes."""
    ended = asyncio.Event()
    file = os.pidfd_open(process)
    asyncio.get_running_loop().add_reader(file, ended.set)
    signal.pidfd_send_signal(file, kind)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(file)
    os.close(file)


async def workers_that_end_are_replaced(browsers: list[Browser], chain: Chain) -> None:
    """One after a limit of requests or at a reload, and one by a crash."""
    before = await log_in_often(browsers, chain)
    kinds = [signal.SIGTERM, signal.SIGKILL]
    for process, kind in zip(sorted(before), kinds, strict=True):
        await end(process, kind)
    assert not await log_in_often(browsers, chain) & before


# --- the loop itself


async def thread_and_loop() -> tuple[str, int]:
    return threading.current_thread().name, id(asyncio.get_running_loop())


def test_synchronous_code_shares_one_loop() -> None:
    name, loop = background.run(thread_and_loop())
    assert name == "kortilla-loop"
    assert background.run(thread_and_loop()) == (name, loop)
    # And so are the loops of single requests.
    assert asyncio.run(background.call(thread_and_loop())) == (name, loop)
    assert background.run(background.call(thread_and_loop())) == (name, loop)


def test_an_error_comes_through() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        background.run(fail())
    with pytest.raises(KeyError, match="mine"):
        asyncio.run(background.call(fail()))


async def test_it_does_not_wait_where_a_loop_runs() -> None:
    with pytest.raises(RuntimeError, match="await"):
        background.run(thread_and_loop())


async def test_what_nobody_waits_for_any_more_is_cancelled() -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    here = asyncio.get_running_loop()

    async def work() -> None:
        here.call_soon_threadsafe(began.set)
        try:
            await asyncio.Event().wait()
        finally:
            here.call_soon_threadsafe(ended.set)

    waiting = asyncio.create_task(background.call(work()))
    await began.wait()
    waiting.cancel()
    await ended.wait()


FORK = """
import asyncio, os, sys, threading
from kortilla import background

async def close():
    await asyncio.sleep(0)
    print("closed", os.getpid(), flush=True)

async def work():
    return os.getpid(), threading.current_thread().name

async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("ended", os.getpid(), flush=True)

background.at_exit(close)
assert background.run(work())[0] == os.getpid()
child = os.fork()
assert background.run(work())[0] == os.getpid()
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert background.run(work())[0] == os.getpid()
background._started().call_soon_threadsafe(lambda: asyncio.ensure_future(forever()))
print("ran", os.getpid(), flush=True)
"""


def test_a_fork_has_a_loop_of_its_own_and_each_is_closed_at_its_end() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORK],
        capture_output=True,
        text=True,
        timeout=patience(),
        check=True,
    )
    assert done.stderr == ""
    lines = done.stdout.split("\n")[:-1]
    parts = [line.split() for line in lines]
    one, other = dict.fromkeys(process for _, process in parts)
    assert parts == [
        [word, process]
        for process in (one, other)
        for word in ("ran", "closed", "ended")
    ]
