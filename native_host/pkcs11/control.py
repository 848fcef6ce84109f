# SPDX-License-Identifier: MIT
"""How the popup and the command line reach the server of a browser.

Each server listens in the person's runtime folder while it has a client. The PIN itself
never goes this way: the server opens a window of its own.
"""

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from native_host.errors import KortillaError, ProgramNotRunning
from native_host.log import log_unexpected

from .program import Program, Stranger, peer_of

__all__ = ["ControlFailed", "ControlSocket", "RunningServer", "prepare", "running"]

logger = logging.getLogger(__name__)

_PATTERN = "pkcs11-*.sock"
_LONGEST_REQUEST = 256  # bytes: JSON in it can't be nested deeply
_LONGEST_ANSWER = 4096  # bytes
_PATIENCE = 2.0  # seconds for a server to say who it is

_numbers = itertools.count()


class ControlFailed(KortillaError):
    """What a server answered instead of a result; ``code`` is that of its error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc] # of this one error, not of the class


@dataclass(frozen=True)
class RunningServer:
    """A server: its process, and the program that uses it with that one's process."""

    path: Path
    pid: int
    program: str
    program_pid: int


class ControlSocket:
    """Answers ``who`` and ``prepare`` for a program. Without a runtime folder, nobody.

    ``prepare`` is called in a task, which is cancelled when the asker goes.
    """

    def __init__(
        self, program: Program, prepare: Callable[[], Awaitable[None]]
    ) -> None:
        self._program = program
        self._prepare = prepare
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._askers: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        folder = _folder()
        if folder is None:
            return self
        path = folder / f"pkcs11-{os.getpid()}-{next(_numbers)}.sock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(folder):
                raise PermissionError(None, "others may write there", str(folder))
            path.unlink(missing_ok=True)  # of a process that had this number
            self._server = await asyncio.start_unix_server(
                self._welcome, path, limit=_LONGEST_REQUEST
            )
            path.chmod(0o600)
        except OSError as error:
            logger.info("Nobody can prepare a login here: %s", error.strerror)
        else:
            self._path = path
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for task in self._askers:
            task.cancel()
        await asyncio.gather(*self._askers, return_exceptions=True)

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._askers.add(task)
            task.add_done_callback(self._askers.discard)
        try:
            peer_of(writer.get_extra_info("socket"))
            line = await reader.readline()
            answer = await self._unless_gone(reader, self._answer(line))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (Stranger, OSError, ValueError, _Gone):
            pass  # nobody who is to be told anything
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
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

    async def _unless_gone(
        self, reader: asyncio.StreamReader, answer: Awaitable[dict[str, Any]]
    ) -> dict[str, Any]:
        """Await an answer while the asker waits for it. Raises ``_Gone``."""
        work = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise _Gone
        finally:
            for future in (work, gone):
                future.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)


class _Gone(Exception):
    """The asker does not wait any more."""


async def running() -> list[RunningServer]:
    """Return the servers of this person that run and have a client.

    Sockets that nobody listens on are taken away.
    """
    folder = _folder()
    if folder is None or not folder.is_dir() or not _is_private(folder):
        return []
    found = await asyncio.gather(*map(_ask_who, sorted(folder.glob(_PATTERN))))
    return [server for server in found if server is not None]


async def prepare(server: RunningServer) -> None:
    """Have the PIN typed in a window of a server, and kept there for one login.

    Returns when that has been done. Raises ``ControlFailed`` with the code of whatever
    stood in the way, and ``ProgramNotRunning`` for a server that has gone.
    """
    try:
        answer = await _ask(server.path, "prepare")
    except (OSError, ValueError, Stranger) as error:
        raise ProgramNotRunning("The program has let go of the card.") from error
    if "result" not in answer:
        said = answer.get("error")
        told: dict[str, Any] = said if isinstance(said, dict) else {}
        raise ControlFailed(
            str(told.get("code", "INTERNAL")), str(told.get("message", ""))
        )


async def _ask_who(path: Path) -> RunningServer | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            result = (await _ask(path, "who"))["result"]
        pid = int(path.name.split("-")[1].removesuffix(".sock"))
        return RunningServer(path, pid, str(result["program"]), int(result["pid"]))
    except ConnectionRefusedError:
        _remove(path)
    except (OSError, ValueError, KeyError, TypeError, Stranger, TimeoutError):
        pass
    return None


async def _ask(path: Path, command: str) -> dict[str, Any]:
    """Send a command and return its answer. Raises what can go wrong on the way."""
    reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST_ANSWER)
    try:
        peer_of(writer.get_extra_info("socket"))
        writer.write(json.dumps({"command": command}).encode() + b"\n")
        await writer.drain()
        answer = json.loads(await reader.readline())
        if not isinstance(answer, dict):
            raise TypeError("The answer is not an object.")
        return answer
    finally:
        writer.close()


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _folder() -> Path | None:
    """Return the runtime folder, as ``operations.offered`` has it."""
    from native_host.operations.offered import runtime_folder

    return runtime_folder()


def _is_private(folder: Path) -> bool:
    state = folder.stat()
    return state.st_uid == os.geteuid() and not state.st_mode & 0o022
