# SPDX-License-Identifier: MIT
"""Stands in for the command that opens the activation window."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from native_host.agent import agent as agent_module
from native_host.agent.agent import Agent
from native_host.card.pcsc import PcscSource

__all__ = [
    "Windows",
    "agent_with",
    "attended",
    "children",
    "settled",
    "times_run",
    "until",
    "windows",
]

_PROGRAM = """
import socket, sys
with socket.socket(socket.AF_UNIX) as test:
    test.connect(sys.argv[1])
    sys.exit(int(test.recv(8) or b"9"))
"""


@dataclass
class Window:
    """A window that is open until the test ends it."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    def gone(self) -> bool:
        """Say whether it has ended by itself."""
        return self._reader.at_eof()

    async def end(self, *, activated: bool) -> None:
        """End it, with the exit status of a card activated, or of none."""
        self._writer.write(b"0" if activated else b"1")
        await self._writer.drain()
        self._writer.close()


class Windows:
    """The windows that are opened by ``command``."""

    def __init__(self, address: Path) -> None:
        self.command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(address)]
        self.count = 0
        self._queue: asyncio.Queue[Window] = asyncio.Queue()

    async def take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.count += 1
        self._queue.put_nowait(Window(reader, writer))

    async def opened(self, within: float = 20) -> Window:
        """Wait for the next window. Raises ``TimeoutError``."""
        return await asyncio.wait_for(self._queue.get(), within)

    async def none_opens(self, within: float = 0.3) -> None:
        """Give a window the time that one takes, and see none."""
        with contextlib.suppress(TimeoutError):
            await self.opened(within)
            raise AssertionError("A window was opened.")


@contextlib.asynccontextmanager
async def windows() -> AsyncIterator[Windows]:
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder, "windows")
        found = Windows(address)
        server = await asyncio.start_unix_server(found.take, address)
        try:
            yield found
        finally:
            server.close()


@contextlib.asynccontextmanager
async def agent_with(
    opening: Windows, *, others_first: float = 0.05
) -> AsyncIterator[Agent]:
    """Let an agent run in this process.

    ``others_first`` is how many seconds it leaves to others that wait for a card.
    """
    hurried = mock.patch.object(agent_module, "_OTHERS_FIRST", others_first)
    with hurried:
        async with _running(opening) as agent:
            yield agent


@contextlib.asynccontextmanager
async def _running(opening: Windows) -> AsyncIterator[Agent]:
    async with PcscSource() as source:
        agent = Agent(source, opening.command)
        running = asyncio.create_task(agent.run())
        try:
            yield agent
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(happened: Callable[[], object], seconds: float = 20) -> None:
    """Let the loop run until something is so, which gives no sign of itself."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - a state of anything, not an event
            await asyncio.sleep(0.01)


async def attended(agent: Agent) -> None:
    """Wait until the agent has begun to see after a card."""
    await until(lambda: agent._seen)


async def settled(agent: Agent, cards: int = 1) -> None:
    """Wait until the agent has seen so many cards and needs do no more about them."""
    tasks = agent._seen
    await until(
        lambda: (
            len(tasks) == cards and all(t is None or t.done() for t in tasks.values())
        )
    )


def children(pid: int) -> str:
    """Return the processes that a process has started and that have not ended."""
    return " ".join(_of_threads(pid, "children")).strip()


def times_run(pid: int) -> int:
    """Return how often the threads of a process have been given a processor."""
    # Nanoseconds that it ran and waited, and how often it ran.
    return sum(int(each.split()[2]) for each in _of_threads(pid, "schedstat"))


def _of_threads(pid: int, name: str) -> list[str]:
    """Return a file of /proc for each thread of a process that has not ended."""
    found = []
    for each in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end between being listed and being looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append((each / name).read_text())
    return found
