# SPDX-License-Identifier: MIT
"""Measures logins at a real aiohttp server in a separate process.

A login includes a challenge, the card's signature, the validation of the token, and a
new session. A P-384 key in memory replaces the card. It signs in this process, on
another core than the server's; its time is not counted. TLS and revocation are not
measured either. Fifty simultaneous clients, each of which starts again when it is done,
fully load the server: a login's latency is then fifty times the server's work for one.

Memory is measured after 20,000 logins, when all data that the server holds of them has
reached its bound; ``--logins 100000`` takes five minutes and more.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla import LoginService, Trust
from kortilla.aiohttp import setup
from tests.kortilla.pki import CA, NOW, ORIGIN, Leaf, key

CONCURRENT = 50
LATENCIES = 3_000
LOGINS = 20_000
#: Logins whose processor time is measured together, and how often that is done.
TURN, TURNS = 100, 15
_HEADERS = {"Origin": ORIGIN, "Content-Type": "application/json"}


def main() -> None:
    """Measure and print the figures, or run the server."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--serve", metavar="FOLDER", type=Path)
    arguments.add_argument("--logins", type=int, default=LOGINS)
    chosen = arguments.parse_args()
    if chosen.serve:
        asyncio.run(serve(chosen.serve))
    else:
        measure(chosen.logins)


async def serve(folder: Path) -> None:
    """Run a service until standard input ends; print its port."""
    app = web.Application()
    trust = Trust.from_folder(folder, test=True)
    setup(app, LoginService(origin=ORIGIN, trust=trust, clock=lambda: NOW))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server, and yield its process id and its port."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, __file__, "--serve", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout  # noqa: S101 - for the type checker
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def measure(logins: int) -> None:
    """Print latencies and memory."""
    root = CA.create("SPECIMEN Root CA")
    authority = CA.create("SPECIMEN Issuing CA", parent=root)
    leaf = authority.issue(key("P-384"))
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "ca.der").write_bytes(authority.der)
        with server(Path(name)) as (pid, port):
            asyncio.run(log_in(port, leaf, LATENCIES // 10, CONCURRENT))  # warms up
            alone = asyncio.run(log_in(port, leaf, LATENCIES // 10, 1))
            begun = time.monotonic()
            times = asyncio.run(log_in(port, leaf, LATENCIES, CONCURRENT))
            rate = len(times) / (time.monotonic() - begun)
            work = processor_times(pid, port, leaf)
        show("login, one at a time", alone)
        show(f"login, {CONCURRENT} concurrent", times)
        print(f"{'logins per second, server on one core':44} {rate:7.0f}")
        for label, milliseconds, goal in (
            ("processor time of a login in the server", work[0], "goal 1.2 ms"),
            ("  two bare P-384 verifications", work[1], ""),
        ):
            print(f"{label:44} {milliseconds:7.2f} ms    {goal}")
        with server(Path(name)) as (pid, port):
            asyncio.run(log_in(port, leaf, LATENCIES // 10, CONCURRENT))
            before = memory(pid)
            asyncio.run(log_in(port, leaf, logins, CONCURRENT))
            after = memory(pid)
    print(
        f"{f'memory of the server after {logins:,} logins':44} {after:7.0f} MB    "
        f"({before:.0f} before)"
    )


def show(what: str, times: list[float]) -> None:
    """Print the 99th percentile of times, and the median."""
    p99 = statistics.quantiles(times, n=100)[98] * 1000
    median = statistics.median(times) * 1000
    print(f"{what + ', p99':44} {p99:7.1f} ms    (median {median:.1f})", flush=True)


async def log_in(port: int, leaf: Leaf, count: int, concurrent: int) -> list[float]:
    """Log in so many times, and return the duration of each login."""
    return await repeat(one_login, f"http://127.0.0.1:{port}", leaf, count, concurrent)


async def repeat(
    log_in: Callable[[aiohttp.ClientSession, Leaf], Awaitable[float]],
    url: str,
    leaf: Leaf,
    count: int,
    concurrent: int,
) -> list[float]:
    """Log in so many times, so many at once, and return the duration of each login."""
    times: list[float] = []
    left = iter(range(count))
    async with aiohttp.ClientSession(
        url,
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:

        async def person() -> None:
            for _ in left:
                times.append(await log_in(http, leaf))

        await asyncio.gather(*(person() for _ in range(concurrent)))
    return times


async def one_login(http: aiohttp.ClientSession, leaf: Leaf) -> float:
    """Log in from a new browser, and return the duration without the signature."""
    begun = time.monotonic()
    async with http.post("/auth/challenge", data="{}", headers=_HEADERS) as answer:
        nonce = (await answer.json())["nonce"]
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
    took = time.monotonic() - begun
    body = json.dumps({"authToken": leaf.token(nonce=nonce), "nonce": nonce})
    begun = time.monotonic()
    headers = {**_HEADERS, "Cookie": cookie}
    async with http.post("/auth/login", data=body, headers=headers) as answer:
        if answer.status != 200:
            raise SystemExit(f"bench_login: {await answer.text()}")
        await answer.read()
    return took + time.monotonic() - begun


def processor_times(pid: int, port: int, leaf: Leaf) -> tuple[float, float]:
    """Return milliseconds of a login at the server, and of two bare verifications.

    They are measured in turns, and the medians returned.
    """
    logins, bare = [], []
    for _ in range(TURNS):
        used = processor_time(pid)
        asyncio.run(log_in(port, leaf, TURN, 1))
        logins.append((processor_time(pid) - used) / TURN)
        bare.append(bare_verifications())
    return statistics.median(logins) * 1000, statistics.median(bare) * 1000


def bare_verifications() -> float:
    """Return the seconds of processor time that two P-384 verifications take."""
    own, algorithm = key("P-384"), ec.ECDSA(hashes.SHA384())
    assert isinstance(own, ec.EllipticCurvePrivateKey)  # noqa: S101 - for types
    signature, public = own.sign(b"x", algorithm), own.public_key()
    begun = time.process_time()
    for _ in range(2 * TURN):
        public.verify(signature, b"x", algorithm)
    return (time.process_time() - begun) / TURN


def ticks(pid: int) -> int:
    """Return a process's processor time in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def peak(pid: int, field: str = "VmHWM") -> float:
    """Return a process's peak resident memory, or another field of proc(5), in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = (each for each in status.splitlines() if each.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    return ticks(pid) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Return a process's resident memory in MB."""
    return peak(pid, "VmRSS")


if __name__ == "__main__":
    main()
