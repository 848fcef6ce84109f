# SPDX-License-Identifier: MIT
"""The control socket: prepares a login on request of the person's other processes.

Each process that serves the card to a program listens in the person's runtime folder
while it has a client (``ControlServer``). Other processes find it with
``running_servers`` and send it a request with ``prepare_login``. One line of JSON goes
each way (docs/reference/pkcs11.md, "The control socket"). No PIN passes the socket: the
server opens its own window and keeps the PIN in its own memory.
"""

import asyncio
import itertools
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from kortilla.common import JsonObject
from native_host.errors import KortillaError
from native_host.platform.log import log_unexpected
from native_host.platform.paths import runtime_folder
from native_host.platform.posix.sockets import ForeignPeerError, peer_pid
from native_host.platform.private_files import private_folder
from native_host.platform.process_tree import Program
from native_host.platform.tasks import TaskSet, race

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

logger = logging.getLogger(__name__)

_SOCKET_PATTERN = "pkcs11-*.sock"

_LONGEST_REQUEST = 256  # bytes: JSON in it can't be nested deeply
_REQUEST_TIMEOUT = 10.0  # seconds for a client to send its line
_MOST_CLIENTS = 32

_LONGEST_ANSWER = 4096  # bytes
_WHO_TIMEOUT = 2.0  # seconds for a server to identify itself

_numbers = itertools.count()


# -- The server's end ------------------------------------------------------------------


class ControlServer:
    """Answers ``who`` and ``prepare`` for a program while its context is entered.

    ``prepare`` is called for each request, and cancelled when the client disconnects.
    Without a private runtime folder there is no socket.
    """

    def __init__(
        self, program: Program, prepare: Callable[[], Awaitable[None]]
    ) -> None:
        self._program = program
        self._prepare = prepare
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._connections = TaskSet()

    async def __aenter__(self) -> Self:
        folder = runtime_folder()
        if folder is None:
            return self
        path = folder / f"pkcs11-{os.getpid()}-{next(_numbers)}.sock"
        try:
            with private_folder(folder, create=True):
                path.unlink(missing_ok=True)  # of a process that had this number
            self._server = await asyncio.start_unix_server(
                self._serve, path, limit=_LONGEST_REQUEST
            )
            path.chmod(0o600)
        except OSError as error:
            logger.info("Nobody can prepare a login here: %s", error.strerror)
        else:
            self._path = path
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        await self._connections.cancel()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one connection. A client that breaks the rules gets no answer."""
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
        try:
            peer_pid(writer.get_extra_info("socket"))
            if len(self._connections) > _MOST_CLIENTS:
                return
            async with asyncio.timeout(_REQUEST_TIMEOUT):
                line = await reader.readline()
            answer = await race(self._answer(line), _raise_at_disconnection(reader))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (ForeignPeerError, OSError, ValueError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> JsonObject:
        try:
            request = json.loads(line)
            command = request.get("command") if isinstance(request, dict) else None
            if command == "who":
                program = self._program
                return {"result": {"program": program.name, "pid": program.pid}}
            if command == "prepare":
                await self._prepare()
                return {"result": {}}
            code, message = "INVALID_ARGUMENT", "The command is not known."
        except ValueError:
            code, message = "INVALID_ARGUMENT", "The line is not JSON."
        except KortillaError as error:
            code, message = error.code, str(error)
        except Exception as error:
            log_unexpected(logger, error)
            code, message = "INTERNAL", "This should not happen."
        return {"error": {"code": code, "message": message}}


async def _raise_at_disconnection(reader: asyncio.StreamReader) -> NoReturn:
    """Discard all that a client still sends; raise ``ConnectionError`` at its end."""
    while await reader.read(_LONGEST_REQUEST):
        pass
    raise ConnectionError("The client has disconnected.")


# -- The client's end ------------------------------------------------------------------


class ControlError(KortillaError):
    """A server answered with an error; ``code`` is that of its error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class RunningServer:
    """A server: its process, and the name and process of the program it serves."""

    path: Path
    pid: int
    program: str
    program_pid: int


async def running_servers() -> list[RunningServer]:
    """Return the servers of this person that run and have a client.

    Sockets without a listener are removed.
    """
    folder = runtime_folder()
    if folder is None:
        return []
    try:
        with private_folder(folder):
            paths = sorted(folder.glob(_SOCKET_PATTERN))
    except OSError:
        return []
    found = await asyncio.gather(*map(_ask_who, paths))
    return [server for server in found if server is not None]


async def prepare_login(server: RunningServer) -> None:
    """Make a server ask for the PIN in a window, and keep it for one login.

    Returns when the card has accepted the PIN. Raises ``ControlError`` with the code of
    the server's error, and ``PROGRAM_NOT_RUNNING`` when the server has ended.
    """
    try:
        answer = await _ask(server.path, "prepare")
    except (OSError, ValueError, ForeignPeerError) as error:
        raise KortillaError(
            "The program has let go of the card.", code="PROGRAM_NOT_RUNNING"
        ) from error
    if "result" not in answer:
        described = answer.get("error")
        fields: JsonObject = described if isinstance(described, dict) else {}
        raise ControlError(
            str(fields.get("code", "INTERNAL")), str(fields.get("message", ""))
        )


async def _ask_who(path: Path) -> RunningServer | None:
    try:
        async with asyncio.timeout(_WHO_TIMEOUT):
            result = (await _ask(path, "who"))["result"]
        pid = int(path.name.split("-")[1].removesuffix(".sock"))
        return RunningServer(path, pid, str(result["program"]), int(result["pid"]))
    except ConnectionRefusedError:
        _remove(path)
    except (OSError, ValueError, KeyError, TypeError, ForeignPeerError):
        pass  # a TimeoutError is an OSError
    return None


async def _ask(path: Path, command: str) -> JsonObject:
    """Send a command and return the answer.

    Raises ``OSError``, ``ValueError`` for an answer that is no JSON object, and
    ``ForeignPeerError``.
    """
    reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST_ANSWER)
    try:
        peer_pid(writer.get_extra_info("socket"))
        writer.write(json.dumps({"command": command}).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline())
        if not isinstance(answer, dict):
            raise ValueError("The answer is not an object.")  # noqa: TRY004
        return answer
    finally:
        writer.close()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
