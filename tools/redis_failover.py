# SPDX-License-Identifier: MIT
"""Has the primary of a Redis fail for 20 seconds under 50 logins at a time.

Three processes of the OpenID Provider use it. The logins are those of ``bench_openid``,
each request at the next process. In the end each login that succeeded is tried again,
with its card's signature and its code, and its session is asked for. A run takes a
minute. ``python -m tools.redis_failover`` prints a table.
"""

import argparse
import asyncio
import contextlib
import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.kortilla.pki import Leaf
from tests.kortilla.redis_group import (
    Group,
    cluster,
    replicated,
    sentinels,
)
from tools.bench_openid import (
    ASKED,
    Evidence,
    RefusedError,
    log_in,
    server,
    write_files,
)

PEOPLE = 50
#: Seconds before the failure, of it, and after it.
BEFORE, FAILURE, AFTER = 5, 20, 15
#: Milliseconds.
DOWN = 5000
RELAYED = 7101
#: How many logins around the failure are tried again, at most.
TRIED = 600
_SETTINGS = "sso_minutes = 60\n"


class Relay:
    """Passes on what comes to a port of a host, unless it is cut off.

    It has a thread, so that the people do not slow it down.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._cut: Callable[[str], bool] = lambda _: False
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it during the context."""
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        serving = asyncio.start_server(self._serve, self._host, RELAYED)
        server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        yield
        self._loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join()
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextmanager
    def cut_off(self, cut: Callable[[str], bool]) -> Iterator[None]:
        """Hold back what sources send and get, for the context."""
        self._cut = cut
        self._loop.call_soon_threadsafe(self._open.clear)
        yield
        self._cut = lambda _: False
        self._loop.call_soon_threadsafe(self._open.set)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        source = writer.get_extra_info("peername")[0]
        await self._passes(source)
        try:
            from_redis, to_redis = await asyncio.open_connection(self._host, 7001)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            self._pass(source, reader, to_redis),
            self._pass(source, from_redis, writer),
        )

    async def _pass(
        self, source: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._passes(source)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _passes(self, source: str) -> None:
        if self._cut(source):
            await self._open.wait()


@dataclass
class Result:
    """What the people saw. Times are in seconds since the start."""

    finished: list[tuple[float, Evidence]] = field(default_factory=list)
    refused: list[tuple[float, str]] = field(default_factory=list)
    replayed: int = 0
    lost: list[float] = field(default_factory=list)
    tried: int = 0
    failed_at: float = 0

    def row(self, name: str) -> str:
        """Return the table's row."""
        ends = [at for at, _ in self.finished if at > self.failed_at]
        gaps = [b - a for a, b in itertools.pairwise([self.failed_at, *ends])]
        return (
            f"| {name} | {len(self.finished)} | {max(gaps):.1f} s | "
            f"{len(self.refused)} | {self.replayed} of {2 * self.tried} | "
            f"{len(self.lost)} of {self.tried}{self._last()} |"
        )

    def _last(self) -> str:
        if not self.lost:
            return ""
        return f", the last of {max(self.lost) - self.failed_at:.1f} s after it"


async def people(
    urls: list[str], leaf: Leaf, fails: Callable[[], AbstractContextManager[None]]
) -> Result:
    """Log in all the time, while it fails."""
    result, begun, ended = Result(), time.monotonic(), asyncio.Event()
    async with browsers() as http:

        async def person() -> None:
            while not ended.is_set():
                try:
                    evidence = await log_in(http, leaf, itertools.cycle(urls))
                    result.finished.append((time.monotonic() - begun, evidence))
                except (RefusedError, aiohttp.ClientError) as error:
                    result.refused.append((time.monotonic() - begun, str(error)))
                    await asyncio.sleep(0.5)  # a person presses again

        tasks = [asyncio.create_task(person()) for _ in range(PEOPLE)]
        await asyncio.sleep(BEFORE)
        result.failed_at = time.monotonic() - begun
        with fails():
            await asyncio.sleep(FAILURE)
        await asyncio.sleep(AFTER)
        ended.set()
        await asyncio.gather(*tasks)
        await try_again(http, urls, result)
    return result


async def try_again(
    http: aiohttp.ClientSession, urls: list[str], result: Result
) -> None:
    """Send each signature and code again, and look for each session."""
    since = result.failed_at - 3
    for at, login in result.finished:
        if at < since or result.tried == TRIED:
            continue
        url = urls[result.tried % len(urls)]
        result.tried += 1
        silent = {**ASKED, "prompt": "none"}
        own = {"Cookie": login.session}
        signed: dict[str, Any] = {"json": login.token, "headers": login.headers}
        for path, options in (
            (f"{login.page}/login", signed),
            ("/token", {"data": login.form}),
        ):
            async with http.post(url + path, **options) as answer:
                result.replayed += answer.status == 200
        async with http.get(
            f"{url}/authorize", params=silent, headers=own, allow_redirects=False
        ) as answer:
            if "code=" not in answer.headers.get("Location", ""):
                result.lost.append(at)


@contextlib.asynccontextmanager
async def browsers() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session for all people."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield http


async def run(name: str) -> str:
    """Run one scenario, and return its row."""
    with ExitStack() as stack:
        group: Group
        relayed = "cut" in name
        if "cluster" in name:
            group = stack.enter_context(cluster(down=DOWN))
            await replicated(*group.servers[3:])
        else:
            least = "1" if "min-replicas" in name else "0"
            group = stack.enter_context(
                sentinels(
                    *("--min-replicas-to-write", least, "--min-replicas-max-lag", "2"),
                    down=DOWN,
                    replicas=2 if "two" in name else 1,
                    through=RELAYED if relayed else 7001,
                    program="valkey-server" if "Valkey" in name else "redis-server",
                )
            )
        relay = Relay(group.host)
        if relayed:
            stack.enter_context(relay.running())
        if "cluster" not in name:
            await replicated(*group.servers[1:])
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        leaf = write_files(folder, group.url, first=_SETTINGS)
        urls = [stack.enter_context(server(folder))[1] for _ in range(3)]

        def fails() -> AbstractContextManager[None]:
            used = next(each for each in group.servers if each.client.dbsize())
            if used.client.role()[0] != b"master":
                raise SystemExit("The primary was replaced before it failed.")
            if relayed:  # replica and Sentinels connect from the group's address
                others = "only" not in name
                return relay.cut_off(lambda source: others or source == group.host)
            return used.frozen() if "frozen" in name else used.away()

        result = await people(urls, leaf, fails)
    print(name, Counter(what for _, what in result.refused).most_common(6), flush=True)
    return result.row(name)


SCENARIOS = (
    "Sentinels, killed",
    "Sentinels, frozen",
    "Sentinels, cut off",
    "Sentinels, cut off from replica and Sentinels only",
    "Sentinels, cut off from replicas and Sentinels only, two, min-replicas-to-write 1",
    "Sentinels, Valkey, killed",
    "cluster, killed",
    "cluster, frozen",
)


def main() -> None:
    """Run the scenarios that are named, or all."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("scenarios", nargs="*", default=SCENARIOS)
    rows = [asyncio.run(run(name)) for name in arguments.parse_args().scenarios]
    print("| failure | logins | longest time without one | refused requests | ", end="")
    print("replayed | sessions lost |\n|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
