# SPDX-License-Identifier: MIT
"""Takes requests apart, has one done at a time, and answers each.

Two protocols meet here (PROTOCOL.md): our own, whose requests carry an id, and Web
eID's, of which a process answers one request and ends.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from native_host.browsers.native_messaging.hosts import known_extensions, own_extensions
from native_host.config import load_config
from native_host.errors import (
    BusyError,
    InvalidArgumentError,
    KortillaError,
    RequestCancelledError,
)
from native_host.log import log_unexpected
from native_host.messaging.caller import (
    Caller,
    CallerRefusedError,
    identify_caller,
    program_in_place_of_browser,
)
from native_host.messaging.framing import Frame, FrameWriter, parse
from native_host.messaging.jobs import Job, own_job, web_eid_job
from native_host.messaging.models import (
    ChunkArguments,
    NoArguments,
    Request,
    WebEidRequest,
    check,
)
from native_host.messaging.operation import Operation, call_off
from native_host.messaging.prompt_prelaunch import PromptPrelaunch
from native_host.messaging.results import Reply, error_fields, web_eid_error
from native_host.pin_prompt.prompt import Progress

__all__ = ["Dispatcher", "InvalidMessageError"]

logger = logging.getLogger(__name__)

#: Longest message of Web eID's protocol, in bytes.
_WEB_EID_MAX_LENGTH = 8192

#: Commands that are about a request under way, and carry its id.
_ABOUT_A_REQUEST = {"cancel", "chunk", "expire"}


class InvalidMessageError(KortillaError):
    """What came is not a message: too long, not JSON, not an object."""

    code = "INVALID_MESSAGE"


@dataclass
class _Active:
    """The one operation under way, and the request that it answers."""

    id: str
    operation: Operation
    task: asyncio.Task[None]

    def call_off(self) -> None:
        self.operation.forget_documents()
        call_off(self.task)


class Dispatcher:
    """Answers what one browser port sends, until None comes in ``frames``."""

    def __init__(
        self,
        writer: FrameWriter,
        arguments: Sequence[str],
        frames: "asyncio.Queue[Frame | None]",
        *,
        window: PromptPrelaunch,
        prompt_command: Sequence[str] | None = None,
    ) -> None:
        self._writer = writer
        self._frames = frames
        self._window = window
        self._prompt_command = prompt_command
        self._active: _Active | None = None
        self._refusal: KortillaError | None = None
        #: True once this port is known to speak our own protocol.
        self._own = False
        self._program = program_in_place_of_browser()
        self._find_caller(arguments)

    def _find_caller(self, arguments: Sequence[str]) -> None:
        self._caller = Caller(None)
        try:
            allowed = known_extensions() | frozenset(load_config().extensions)
            self._caller = identify_caller(arguments, allowed)
        except KortillaError as error:
            self._refusal = error
            if isinstance(error, CallerRefusedError):
                logger.warning("%s", error)
        self._own = self._caller.extension in own_extensions()

    async def run(self) -> int:
        """Answer frames until None comes; return the exit status."""
        try:
            while (frame := await self._frames.get()) is not None:
                if not self._take(frame):
                    break
                # What was begun begins: a task that is cancelled before answers nobody.
                await asyncio.sleep(0)
        finally:
            await self._end_operation()
        return 0

    def _take(self, frame: Frame) -> bool:
        """Take one frame; return whether the port goes on."""
        message = parse(frame)
        if isinstance(message, str):
            return self._fault(InvalidMessageError(message))
        if "id" not in message and not self._own:
            if len(frame.body) > _WEB_EID_MAX_LENGTH:
                return self._fault(
                    InvalidMessageError(
                        f"The message is longer than {_WEB_EID_MAX_LENGTH} bytes."
                    )
                )
            return self._take_web_eid(message)
        self._own = True
        try:
            request = check(Request, message)
        except InvalidArgumentError as error:
            return self._fault(error)
        if self._refusal is not None:
            if request.command not in _ABOUT_A_REQUEST:
                self._fail(request.id, self._refusal)
            return not isinstance(self._refusal, CallerRefusedError)
        try:
            self._begin(request)
        except KortillaError as error:
            # Under an id in use it would be taken for the first request's answer.
            in_use = self._is_pending(request.id)
            self._fail(None if in_use else request.id, error)
        return True

    def _is_pending(self, request_id: str) -> bool:
        active = self._active
        return (
            active is not None
            and active.id == request_id
            and not active.operation.answered
        )

    def _fault(self, error: KortillaError) -> bool:
        """Answer what could not be read. Web eID's port ends with that."""
        if self._own:
            self._fail(None, error)
        else:
            self._writer.write(web_eid_error(error))
        return self._own

    # Our own protocol

    def _begin(self, request: Request) -> None:
        if request.command not in _ABOUT_A_REQUEST and self._is_pending(request.id):
            raise InvalidArgumentError("id: it is in use by another request.")
        match request.command:
            case "prepare":
                check(NoArguments, request.arguments)
                if load_config().prompt == "window":
                    self._window.start()
                self._writer.write({"id": request.id, "result": {}})
            case "cancel" | "expire":
                check(NoArguments, request.arguments)
                active = self._active
                # It may have been answered while this was on its way: no fault.
                if active is not None and active.id == request.id:
                    if request.command == "cancel":
                        active.call_off()
                    else:
                        active.operation.expire()
            case "chunk":
                self._take_chunk(request)
            case _:
                job = own_job(request.command, request.arguments, self._caller)
                self._begin_operation(request.id, job)

    def _take_chunk(self, request: Request) -> None:
        """Hand on a piece of a document. A wrong one ends the request that it is of."""
        # It may have been answered while this was on its way: no fault.
        if self._active is None or not self._is_pending(request.id):
            return
        operation = self._active.operation
        try:
            received = operation.take_chunk(check(ChunkArguments, request.arguments))
        except KortillaError as error:
            operation.fail(error)
        else:
            if received is not None:
                self._progress(request.id, "receiving", received)

    def _begin_operation(self, request_id: str, job: Job) -> None:
        if self._active is not None and not self._active.operation.answered:
            raise BusyError("Another request is under way on this port.")
        operation = Operation(
            job,
            progress=partial(self._progress, request_id),
            answer=lambda result: self._writer.write(
                {"id": request_id, "result": result}
            ),
            refuse=partial(self._fail, request_id, shown=True),
            caller=self._program,
            window=self._window.take,
            prompt_command=self._prompt_command,
            previous=self._active.task if self._active else None,
        )

        async def run() -> None:
            error = await _outcome(operation.run())
            if error is not None and not operation.answered:
                self._fail(request_id, error)
            if self._active is not None and self._active.operation is operation:
                self._active = None
                # The browser has left the port open for the window's sake alone.
                if operation.refused and error is None:
                    self._frames.put_nowait(None)

        self._active = _Active(request_id, operation, asyncio.create_task(run()))

    def _progress(self, request_id: str, word: str, progress: Progress | None) -> None:
        numbers = {} if progress is None else asdict(progress)
        self._writer.write({"id": request_id, "progress": word, **numbers})

    def _fail(
        self, request_id: str | None, error: KortillaError, *, shown: bool = False
    ) -> None:
        # A window that was started ahead for this request is not needed.
        if self._active is None:
            self._window.discard()
        fields = error_fields(error)
        if shown:
            fields["shown"] = True
        self._writer.write({"id": request_id, "error": fields})

    # Web eID's protocol

    def _take_web_eid(self, message: Reply) -> bool:
        if self._active is not None:
            return True  # one request a process: what follows it is not read
        try:
            if self._refusal is not None:
                raise self._refusal
            request = check(WebEidRequest, message)
            if request.command == "quit":
                check(NoArguments, request.arguments)
                self._writer.write({})
                return False
            job = web_eid_job(request.command, request.arguments)
        except KortillaError as error:
            self._window.discard()
            self._writer.write(web_eid_error(error))
            return False
        operation = Operation(
            job,
            progress=lambda _word, _progress: None,
            answer=self._writer.write,
            refuse=lambda error: self._writer.write(web_eid_error(error)),
            caller=self._program,
            window=self._window.take,
            prompt_command=self._prompt_command,
        )

        async def run() -> None:
            error = await _outcome(operation.run())
            if error is not None and not operation.answered:
                self._writer.write(web_eid_error(error))
            self._frames.put_nowait(None)

        self._active = _Active("", operation, asyncio.create_task(run()))
        return True

    async def _end_operation(self) -> None:
        if self._active is not None:
            self._active.call_off()
            with suppress(asyncio.CancelledError):
                await self._active.task


async def _outcome(work: Coroutine[Any, Any, None]) -> KortillaError | None:
    """Return the error that an operation ended with, if any."""
    try:
        await work
    except KortillaError as error:
        return error
    except asyncio.CancelledError:
        return RequestCancelledError("The request was called off.")
    except Exception as error:
        log_unexpected(logger, error)
        return KortillaError("Something unexpected went wrong in the program.")
    return None
