# SPDX-License-Identifier: MIT
"""Replaces the PIN window: the test receives its messages and answers them.

The host starts a small program as its window, which connects to the test's
``WindowListener`` and relays bytes both ways, until either side ends.
"""

import asyncio
import json
import sys
from typing import Any, Self

from tests.support.patience import patience

#: The mock card's.
PIN2 = "123456"

# It starts several hundred times in a run, so it imports only what is built in.
_BRIDGE = """
import _socket, _thread, os, sys

def pass_on_answers():
    while data := test.recv(65536):
        os.write(1, data)
    os._exit(7)

test = _socket.socket()
test.connect(("127.0.0.1", int(sys.argv[1])))
_thread.start_new_thread(pass_on_answers, ())
while data := os.read(0, 65536):
    while data:
        data = data[test.send(data) :]
os._exit(0)
"""


class Window:
    """One connection to the host. ``told`` holds all messages so far."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer
        self.told: list[dict[str, Any]] = []

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of a type. Earlier ones are in ``told``."""
        while (message := await self.read()) is not None:
            if message["type"] == kind:
                return message
        raise AssertionError(f"The window ended before {kind}: {self.told}")

    async def hear_step(self, step: str) -> dict[str, Any]:
        """Return the next ``show`` message of a step."""
        while (message := await self.hear("show"))["step"] != step:
            pass
        return message

    async def gone(self) -> None:
        """Wait until the host closes the window, and ignore its messages until then."""
        while await self.read() is not None:
            pass

    def say(self, kind: str) -> None:
        """Send the answer of a button: ``started`` or ``cancel``."""
        self._write({"type": kind})

    async def type_pin(self, digits: str) -> dict[str, Any]:
        """Wait for the request for a PIN, answer it, and return it."""
        message = await self.hear("ask-pin")
        self.answer(message, digits)
        return dict(message["question"])

    def answer(self, asked: dict[str, Any], digits: str, kind: str = "pin") -> None:
        """Answer a request for a PIN that was heard."""
        self._write({"type": kind, "number": asked["number"], "digits": digits})

    async def type_codes(self, values: dict[str, str]) -> dict[str, Any]:
        """Wait for the request for codes, answer each field by name, and return it."""
        message = await self.hear("ask-codes")
        fields = [field["name"] for field in message["question"]["fields"]]
        assert set(fields) == set(values)
        answer = {"type": "codes", "number": message["number"]}
        self._write({**answer, "values": [values[name] for name in fields]})
        return dict(message["question"])

    async def agree(self) -> dict[str, Any]:
        """Wait for the request without a PIN, confirm it, and return it."""
        message = await self.hear("ask-consent")
        self._write({"type": "agreed", "number": message["number"]})
        return dict(message["question"])

    async def read(self) -> dict[str, Any] | None:
        """Return the next message, or None after the host has closed the window."""
        try:
            async with asyncio.timeout(patience()):
                line = await self._reader.readline()
        except TimeoutError:
            raise AssertionError(f"The host is silent: {self.told}") from None
        except ConnectionError:
            return None
        if not line:
            return None
        message: dict[str, Any] = json.loads(line)
        self.told.append(message)
        return message

    def _write(self, message: object) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    @property
    def is_there(self) -> bool:
        """Whether the window is still open as far as the test knows."""
        return not self._reader.at_eof()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class WindowListener:
    """Accepts connections of windows. ``command`` is the host's window program."""

    def __init__(self) -> None:
        self._come: asyncio.Queue[Window] = asyncio.Queue()
        self._all: list[Window] = []
        self.command: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._receive, "127.0.0.1")
        port = self._server.sockets[0].getsockname()[1]
        self.command = [sys.executable, "-I", "-S", "-c", _BRIDGE, str(port)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for window in self._all:
            window.close()
        await self._server.wait_closed()

    async def opened(self) -> Window:
        """Wait until the host opens a window, and report it as visible.

        Skips windows that the host prelaunched and did not need.
        """
        while True:
            try:
                async with asyncio.timeout(patience()):
                    window = await self._come.get()
            except TimeoutError:
                raise AssertionError("No window was opened.") from None
            message = await window.read()
            if message is not None and message["type"] != "close":
                assert message["type"] == "open"
                window.say("visible")
                return window

    async def prelaunched(self) -> Window:
        """Wait for the process of a window that the host starts ahead."""
        async with asyncio.timeout(patience()):
            return await self._come.get()

    def forget(self) -> None:
        """Close the windows that are there, which no test has waited for."""
        while not self._come.empty():
            self._come.get_nowait().close()

    @property
    def count(self) -> int:
        """How many windows have connected."""
        return len(self._all)

    def _receive(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        window = Window(reader, writer)
        self._all.append(window)
        self._come.put_nowait(window)
