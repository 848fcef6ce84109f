# SPDX-License-Identifier: MIT
"""Takes requests apart, has one done at a time, and answers each.

Two protocols meet here (PROTOCOL.md): our own, whose requests carry an id, and Web
eID's, of which a process answers one request and ends.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from native_host.browsers.hosts import OWN_HOST, host_names, known_extensions
from native_host.config import load_config
from native_host.errors import (
    Busy,
    InvalidArgument,
    KortillaError,
    RequestCancelled,
)
from native_host.log import log_unexpected
from native_host.messaging.caller import Caller, CallerRefused, identify_caller
from native_host.messaging.framing import Frame, FrameWriter, parse
from native_host.messaging.models import (
    AuthenticateArguments,
    NoArguments,
    Request,
    WebEidAuthenticateArguments,
    WebEidRequest,
    check,
)
from native_host.messaging.operation import Authentication, call_off
from native_host.messaging.window_ahead import WindowAhead

__all__ = ["Dispatcher", "InvalidMessage", "UnknownCommand", "web_eid_error"]

logger = logging.getLogger(__name__)

#: Longest message of Web eID's protocol, in bytes.
_WEB_EID_MAX_LENGTH = 8192

Reply = dict[str, Any]


class InvalidMessage(KortillaError):
    """What came is not a message: too long, not JSON, not an object."""

    code = "INVALID_MESSAGE"


class UnknownCommand(KortillaError):
    """The command is not one of PROTOCOL.md's."""

    code = "UNKNOWN_COMMAND"


@dataclass
class _Active:
    """The one operation under way, and the request that it answers."""

    id: str
    operation: Authentication
    task: asyncio.Task[None]


class Dispatcher:
    """Answers what one browser port sends, until its end."""

    def __init__(
        self,
        writer: FrameWriter,
        arguments: Sequence[str],
        *,
        window: WindowAhead,
        prompt_command: Sequence[str] | None = None,
    ) -> None:
        self._writer = writer
        self._window = window
        self._prompt_command = prompt_command
        self._active: _Active | None = None
        self._refusal: KortillaError | None = None
        #: True once this port is known to speak our own protocol.
        self._own = False
        self._find_caller(arguments)

    def _find_caller(self, arguments: Sequence[str]) -> None:
        caller = Caller(None)
        try:
            allowed = known_extensions() | frozenset(load_config().extensions)
            caller = identify_caller(arguments, allowed)
        except KortillaError as error:
            self._refusal = error
            if isinstance(error, CallerRefused):
                logger.warning("%s", error)
        [own] = (host for host in host_names() if host.name == OWN_HOST)
        self._own = caller.extension in (*own.chromium, *own.firefox)

    async def run(self, frames: "asyncio.Queue[Frame | None]") -> int:
        """Answer frames until None comes; return the exit status."""
        try:
            while (frame := await frames.get()) is not None:
                if not self._take(frame, frames):
                    break
                # What was begun begins: a task that is cancelled before answers nobody.
                await asyncio.sleep(0)
        finally:
            await self._end_operation()
        return 0

    def _take(self, frame: Frame, frames: "asyncio.Queue[Frame | None]") -> bool:
        """Take one frame; return whether the port goes on."""
        message = parse(frame)
        if isinstance(message, str):
            return self._fault(InvalidMessage(message))
        if "id" not in message and not self._own:
            if len(frame.body) > _WEB_EID_MAX_LENGTH:
                return self._fault(
                    InvalidMessage(
                        f"The message is longer than {_WEB_EID_MAX_LENGTH} bytes."
                    )
                )
            return self._take_web_eid(message, frames)
        self._own = True
        try:
            request = check(Request, message)
        except InvalidArgument as error:
            return self._fault(error)
        if self._refusal is not None:
            self._fail(request.id, self._refusal)
            return not isinstance(self._refusal, CallerRefused)
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
        if request.command not in {"cancel", "expire"} and self._is_pending(request.id):
            raise InvalidArgument("id: it is in use by another request.")
        match request.command:
            case "authenticate":
                arguments = check(AuthenticateArguments, request.arguments)
                self._begin_authentication(request.id, arguments)
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
                        call_off(active.task)
                    else:
                        active.operation.expire()
            case _:
                raise UnknownCommand("The command is not known.")

    def _begin_authentication(
        self, request_id: str, arguments: AuthenticateArguments
    ) -> None:
        if self._active is not None and not self._active.operation.answered:
            raise Busy("Another request is under way on this port.")
        operation = self._authentication(
            arguments,
            started_by_person=arguments.userActivation,
            progress=lambda step: self._writer.write(
                {"id": request_id, "progress": step}
            ),
            answer=lambda token: self._writer.write(
                {"id": request_id, "result": token}
            ),
            previous=self._active.task if self._active else None,
        )

        async def run() -> None:
            error = await _outcome(operation.run())
            if error is not None and not operation.answered:
                self._fail(request_id, error)
            if self._active is not None and self._active.operation is operation:
                self._active = None

        self._active = _Active(request_id, operation, asyncio.create_task(run()))

    def _authentication(
        self,
        arguments: WebEidAuthenticateArguments,
        *,
        started_by_person: bool,
        progress: Callable[[str], None] = lambda _: None,
        answer: Callable[[Reply], None],
        previous: asyncio.Task[None] | None = None,
    ) -> Authentication:
        return Authentication(
            arguments,
            started_by_person=started_by_person,
            progress=progress,
            answer=answer,
            window=self._window.take,
            prompt_command=self._prompt_command,
            previous=previous,
        )

    def _fail(self, request_id: str | None, error: KortillaError) -> None:
        # A window that was started ahead for this request is not needed.
        if self._active is None:
            self._window.discard()
        body: Reply = {"code": error.code, "message": str(error)}
        if (reason := getattr(error, "reason", None)) is not None:
            body["reason"] = reason
        self._writer.write({"id": request_id, "error": body})

    # Web eID's protocol

    def _take_web_eid(
        self, message: Reply, frames: "asyncio.Queue[Frame | None]"
    ) -> bool:
        if self._active is not None:
            return True  # one request a process: what follows it is not read
        try:
            if self._refusal is not None:
                raise self._refusal
            request = check(WebEidRequest, message)
            match request.command:
                case "quit":
                    check(NoArguments, request.arguments)
                    self._writer.write({})
                    return False
                case "authenticate":
                    arguments = check(WebEidAuthenticateArguments, request.arguments)
                case _:
                    raise UnknownCommand("The command is not known.")
        except KortillaError as error:
            self._window.discard()
            self._writer.write(web_eid_error(error))
            return False
        operation = self._authentication(
            arguments, started_by_person=True, answer=self._writer.write
        )

        async def run() -> None:
            error = await _outcome(operation.run())
            if error is not None and not operation.answered:
                self._writer.write(web_eid_error(error))
            frames.put_nowait(None)

        self._active = _Active("", operation, asyncio.create_task(run()))
        return True

    async def _end_operation(self) -> None:
        if self._active is not None:
            call_off(self._active.task)
            with suppress(asyncio.CancelledError):
                await self._active.task


async def _outcome(work: Coroutine[Any, Any, None]) -> KortillaError | None:
    """Return the error that an operation ended with, if any."""
    try:
        await work
    except KortillaError as error:
        return error
    except asyncio.CancelledError:
        return RequestCancelled("The request was called off.")
    except Exception as error:
        log_unexpected(logger, error)
        return KortillaError("Something unexpected went wrong in the program.")
    return None


def web_eid_error(error: KortillaError) -> Reply:
    """Return an error as Web eID's protocol has it: cancelled, or fatal."""
    cancelled = error.code in {"USER_CANCELLED", "REQUEST_CANCELLED"}
    code = "ERR_WEBEID_USER_CANCELLED" if cancelled else "ERR_WEBEID_NATIVE_FATAL"
    return {"error": {"code": code, "message": str(error)}}
