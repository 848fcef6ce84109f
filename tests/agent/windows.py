# SPDX-License-Identifier: MIT
"""Replaces the command that opens the activation window."""

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
from tests.support.patience import patience

_PROGRAM = """
import os, socket, sys
token = os.environ.get("XDG_ACTIVATION_TOKEN")
words = [*sys.argv[2:], *([token] if token else [])]
with socket.socket(socket.AF_UNIX) as test:
    test.connect(sys.argv[1])
    test.sendall(" ".join(words).encode() + b"\\n")
    sys.exit(int(test.recv(8) or b"9"))
"""


@dataclass
class Window:
    """A window that stays open until the test ends it.

    ``words`` are what the agent has added to its command, and the desktop's token.
    """

    words: list[str]
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    def gone(self) -> bool:
        """Whether its process has ended."""
        return self._reader.at_eof()

    async def end(self, *, activated: bool) -> None:
        """End it with the exit status for an activated card, or for none."""
        self._writer.write(b"0" if activated else b"1")
        await self._writer.drain()
        self._writer.close()


class Windows:
    """The windows that ``command`` opens."""

    def __init__(self, address: Path) -> None:
        self.command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(address)]
        self.count = 0
        self._queue: asyncio.Queue[Window] = asyncio.Queue()

    async def take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.count += 1
        words = [(await reader.readline()).decode().rstrip()]
        self._queue.put_nowait(Window(words, reader, writer))

    async def opened(self, within: float | None = None) -> Window:
        """Wait for the next window. Raises ``TimeoutError``."""
        return await asyncio.wait_for(self._queue.get(), within or patience())

    async def none_opens(self, within: float = 0.3) -> None:
        """Check that no window opens in the time that one takes."""
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
    """Run an agent in this process.

    ``others_first`` is the number of seconds for which it lets other programs use a
    card first.
    """
    hurried = mock.patch.object(agent_module, "OTHERS_FIRST", others_first)
    with hurried:
        async with PcscSource() as source:
            agent = Agent(source, opening.command)
            running = asyncio.create_task(agent.run())
            try:
                yield agent
                assert not running.done()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def until(happened: Callable[[], object]) -> None:
    """Run the event loop until a condition holds that sends no event."""
    async with asyncio.timeout(patience()):
        while not happened():  # noqa: ASYNC110 - a state of anything, not an event
            await asyncio.sleep(0.01)


async def attended(agent: Agent) -> None:
    """Wait until the agent has started to examine a card."""
    await until(lambda: agent._seen)


async def settled(agent: Agent, cards: int = 1) -> None:
    """Wait until the agent has seen so many cards and has finished with them."""
    tasks = agent._seen
    await until(
        lambda: (
            len(tasks) == cards and all(t is None or t.done() for t in tasks.values())
        )
    )


def children(pid: int) -> str:
    """Return the running child processes of a process."""
    return " ".join(_of_threads(pid, "children")).strip()


def times_run(pid: int) -> int:
    """Return how many times the kernel has scheduled the threads of a process."""
    # Nanoseconds on the processor and in the queue, and the number of time slices.
    return sum(int(each.split()[2]) for each in _of_threads(pid, "schedstat"))


def _of_threads(pid: int, name: str) -> list[str]:
    """Return a file of /proc for each running thread of a process."""
    found = []
    for each in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end between its listing and the read.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append((each / name).read_text())
    return found
