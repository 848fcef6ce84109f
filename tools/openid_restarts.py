# SPDX-License-Identifier: MIT
"""Restarts two processes of the OpenID Provider in turn, under logins behind nginx.

nginx has the configuration of ``packaging/openid``, without TLS and on another port.
Redis has TLS and a password. The logins are those of ``bench_openid``, and nothing is
tried twice. This program holds the sockets, as systemd does; with ``--own`` each
process opens its own. ``python -m tools.openid_restarts --logins 2000 --restarts 14``
"""

import argparse
import asyncio
import contextlib
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp

from tests.kortilla.pki import Leaf
from tests.kortilla.redis_server import running_redis, tcp
from tests.kortilla.test_redis import tls
from tests.openid.served import Running, running
from tools.bench_openid import RefusedError, log_in, write_files

PEOPLE = 50
_NGINX = Path(__file__).parent.parent / "packaging" / "openid" / "nginx.conf"


def main() -> None:
    """Run it, and print what the people saw."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--logins", type=int, default=2000)
    arguments.add_argument("--restarts", type=int, default=14)
    arguments.add_argument("--own", action="store_true")
    chosen = arguments.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address, _ = tcp()
        secure = [*tls(folder, address), "--requirepass", "right"]
        redis = stack.enter_context(running_redis(*secure))
        redis.client.connection_pool.connection_kwargs["password"] = "right"  # noqa: S105
        url = f"rediss://:right@{address}?ssl_ca_certs={folder}/certificate.pem"
        leaf = write_files(folder, url)
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(2)
        ]
        ports = [each.getsockname()[1] for each in sockets]
        if chosen.own:
            for each in sockets:
                each.close()

        def start(number: int) -> Running:
            file = folder / "openid.toml"
            if chosen.own:
                place = "--port", str(ports[number])
                return stack.enter_context(running(file, *place))
            own = sockets[number]
            return stack.enter_context(running(file, listening=own))

        processes = [start(0), start(1)]
        front = stack.enter_context(nginx(folder, ports))
        asyncio.run(measure(front, leaf, processes, start, chosen))
        lines = [
            line.partition(" ERROR ")[2]
            for log in folder.glob("log-*")
            for line in log.read_text().splitlines()
        ]
        for what, count in Counter(filter(None, lines)).most_common():
            print(f"  {count} {what}")


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """Run nginx in front of two ports, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    text = _NGINX.read_text()
    for old, new in (
        ("127.0.0.1:8080", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:8081", f"127.0.0.1:{ports[1]}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{own}"),
        ("/var/log/nginx", str(folder)),
    ):
        assert old in text, old  # noqa: S101 - the example has changed
        text = text.replace(old, new)
    text = re.sub(r"(?m)^\s*ssl_.*$", "", text)
    file = folder / "nginx.conf"
    main = f"daemon off; pid {folder}/pid; error_log {folder}/error.log;"
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    events = "events { worker_connections 1024; }"
    file.write_text(f"{main}\n{events}\nhttp {{ {paths}\n{text}\n}}\n")
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert program, "there is no nginx"  # noqa: S101 - the tool's own need
    process = subprocess.Popen([program, "-c", str(file), "-p", str(folder)])  # noqa: S603
    try:
        while process.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", own)).close()
                break
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait()


async def measure(
    url: str,
    leaf: Leaf,
    processes: list[Running],
    start: Callable[[int], Running],
    chosen: argparse.Namespace,
) -> None:
    """Log in, restart, and print what came of it."""
    times: list[float] = []
    lost: Counter[str] = Counter()
    restarted = asyncio.Event()

    async with aiohttp.ClientSession(
        url,
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:

        async def person() -> None:
            while len(times) < chosen.logins or not restarted.is_set():
                try:
                    times.append((await log_in(http, leaf)).seconds)
                except (RefusedError, aiohttp.ClientError) as error:
                    lost[f"{type(error).__name__} {error}"] += 1

        begun = time.monotonic()
        people = asyncio.gather(*(person() for _ in range(PEOPLE)))
        for number in range(chosen.restarts):
            which = number % 2
            await asyncio.to_thread(processes[which].end)
            processes[which] = await asyncio.to_thread(start, which)
        restarted.set()
        await people
        took = time.monotonic() - begun
    p99 = statistics.quantiles(times, n=100)[98]
    print(
        f"{len(times)} logins in {took:.0f} s, {chosen.restarts} restarts, "
        f"{sum(lost.values())} lost, p99 {p99:.2f} s, longest {max(times):.2f} s"
    )
    for what, count in lost.most_common():
        print(f"  {count} {what}")


if __name__ == "__main__":
    main()
