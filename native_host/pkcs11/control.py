# SPDX-License-Identifier: MIT
"""Where a process that serves a program can be asked to prepare a login.

See ``native_host.operations.login_servers``, which asks.
"""

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from native_host.errors import KortillaError
from native_host.log import log_unexpected
from native_host.operations.login_servers import (
    ForeignPeerError,
    peer_pid,
    private_folder,
)
from native_host.paths import runtime_folder
from native_host.pkcs11.program import Program

__all__ = ["ControlSocket"]

logger = logging.getLogger(__name__)

_LONGEST_REQUEST = 256  # bytes: JSON in it can't be nested deeply
_LINE_PATIENCE = 10.0  # seconds until an asker who has not said a line is let go
_MOST_ASKERS = 32

_numbers = itertools.count()


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
        folder = runtime_folder()
        if folder is None:
            return self
        path = folder / f"pkcs11-{os.getpid()}-{next(_numbers)}.sock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if private_folder() is None:
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
            peer_pid(writer.get_extra_info("socket"))
            if len(self._askers) > _MOST_ASKERS:
                raise _GoneError
            async with asyncio.timeout(_LINE_PATIENCE):
                line = await reader.readline()
            answer = await self._unless_gone(reader, self._answer(line))
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (
            ForeignPeerError,
            OSError,
            ValueError,
            _GoneError,
        ):  # a TimeoutError is an OSError
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
        """Await an answer while the asker waits for it. Raises ``_GoneError``."""
        work = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(_end_of(reader))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise _GoneError
        finally:
            for future in (work, gone):
                future.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)


async def _end_of(reader: asyncio.StreamReader) -> None:
    """Wait for the end of what somebody says, and keep nothing of it."""
    while await reader.read(_LONGEST_REQUEST):
        pass


class _GoneError(Exception):
    """The asker does not wait any more."""
