# SPDX-License-Identifier: MIT
"""Several real servers: a primary with a replica and Sentinels, and a cluster.

Their files name each other from the start, so that they need not find each other.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kortilla.redis_server import RedisServer, tcp
from tests.support.patience import patience

NAME = "logins"
#: Hash slots of a cluster.
_SLOTS = 16384
#: A primary sends its content to a replica when it is asked, not five seconds later.
_AT_ONCE = ["--repl-diskless-sync-delay", "0"]


@dataclass
class Group:
    """Servers that listen on ``host`` at port 7001 and those after it.

    ``watchers`` replace a primary: the Sentinels, or the nodes of a cluster.
    """

    host: str
    servers: list[RedisServer]
    watchers: list[RedisServer]
    url: str


@contextlib.contextmanager
def sentinels(
    *options: str,
    down: int = 2000,
    replicas: int = 1,
    through: int = 7001,
    program: str = "redis-server",
) -> Iterator[Group]:
    """Run a primary, replicas and three Sentinels, which watch port ``through``.

    A primary that does not answer for ``down`` milliseconds is replaced. Replicas and
    Sentinels connect from the address at which they listen. ``options`` are more of
    the servers.
    """
    host = _host()
    with _running() as run:
        own = ["--bind", host, "--bind-source-addr", host, "--replica-announce-ip"]
        own += [host, *_AT_ONCE, *options]
        announced = ["--port", "7001", "--replica-announce-port", str(through)]
        servers = [run(*own, *announced, program=program)]
        for number in range(replicas):
            of = ["--port", str(7002 + number), "--replicaof", host, str(through)]
            servers.append(run(*own, *of, program=program))
        names = [f"{number:040x}" for number in range(1, 4)]
        watchers = []
        for number, name in enumerate(names):
            lines = [
                f"bind {host}",
                f"bind-source-addr {host}",
                f"port {26379 + number}",
                "unixsocket socket",
                "dir .",
                f"sentinel announce-ip {host}",
                f"sentinel myid {name}",
                f"sentinel monitor {NAME} {host} {through} 2",
                f"sentinel down-after-milliseconds {NAME} {down}",
                f"sentinel failover-timeout {NAME} 5000",
                *(
                    f"sentinel known-replica {NAME} {host} {7002 + replica}"
                    for replica in range(replicas)
                ),
                *(
                    f"sentinel known-sentinel {NAME} {host} {26379 + other} {known}"
                    for other, known in enumerate(names)
                    if known != name
                ),
            ]
            watcher = run(file=("sentinel.conf", lines), program="redis-sentinel")
            watchers.append(watcher)
        hosts = ",".join(f"{host}:{26379 + number}" for number in range(3))
        url = f"redis+sentinel://{hosts}/{NAME}"
        yield Group(host, servers, watchers, url)


@contextlib.contextmanager
def cluster(*, down: int = 1000) -> Iterator[Group]:
    """Run three primaries, and a replica of each."""
    host = _host()
    names = [f"{number:040x}" for number in range(1, 7)]
    size = _SLOTS // 3 + 1
    places = []
    for number, name in enumerate(names):
        of = names[number % 3]
        kind = "master -" if number < 3 else f"slave {of}"
        first = size * number
        slots = f" {first}-{min(first + size, _SLOTS) - 1}" if number < 3 else ""
        port = 7001 + number
        where = f"{host}:{port}@{port + 10000}"
        places.append((name, where, kind, number % 3 + 1, slots))
    with _running() as run:
        servers = []
        for number in range(6):
            lines = [
                f"{name} {where} {'myself,' * (own == number)}{kind} 0 0 {epoch} "
                f"connected{slots}"
                for own, (name, where, kind, epoch, slots) in enumerate(places)
            ]
            lines.append("vars currentEpoch 3 lastVoteEpoch 0")
            own_options = ["--bind", host, "--port", str(7001 + number)]
            own_options += ["--cluster-announce-ip", host, "--bind-source-addr", host]
            own_options += _AT_ONCE
            if number < 3:  # its flag is nofailover
                own_options += ["--cluster-replica-no-failover", "yes"]
            own_options += ["--cluster-enabled", "yes"]
            own_options += ["--cluster-node-timeout", str(down)]
            servers.append(run(*own_options, file=("nodes.conf", lines)))
        hosts = ",".join(f"{host}:{7001 + number}" for number in range(3))
        yield Group(host, servers, servers, f"redis+cluster://{hosts}")


async def replicated(*servers: RedisServer) -> None:
    """Wait until replicas have what their primaries have."""

    async def up() -> bool:
        states = [server.client.info("replication") for server in servers]
        return all(each.get("master_link_status") == "up" for each in states)

    await until(up)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds of servers that tell nobody when it does."""
    async with asyncio.timeout(patience()):
        while not await holds():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.02)


def _host() -> str:
    return tcp()[0].partition(":")[0]


@contextlib.contextmanager
def _running() -> Iterator[Callable[..., RedisServer]]:
    """Yield a function that starts a server in a folder of its own."""
    top = Path(tempfile.mkdtemp(prefix="redis-"))
    servers: list[RedisServer] = []

    def run(
        *options: str,
        program: str = "redis-server",
        file: tuple[str, list[str]] | None = None,
    ) -> RedisServer:
        folder = top / str(len(servers))
        folder.mkdir()
        if file is not None:
            (folder / file[0]).write_text("\n".join(file[1]) + "\n")
        server = RedisServer(
            folder,
            options,
            program=program,
            ready="+monitor" if program == "redis-sentinel" else "Ready to accept",
        )
        servers.append(server)
        server.start()
        return server

    try:
        yield run
    finally:
        for server in servers:
            server.client.close()
            server.kill()
        shutil.rmtree(top)
