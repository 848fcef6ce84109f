# SPDX-License-Identifier: MIT
"""Reads requests from the browser, and starts one at a time.

Two protocols meet here (PROTOCOL.md): our own, whose requests carry an id, and Web
eID's, of which a process answers one request and ends.
"""

import asyncio
import logging

from native_host.config import load_config
from native_host.errors import (
    BusyError,
    ConfigBrokenError,
    InvalidArgumentError,
    KortillaError,
)
from native_host.messaging.caller import Caller, CallerRefusedError
from native_host.messaging.commands import (
    PLAIN_COMMANDS,
    Command,
    own_command,
    web_eid_command,
)
from native_host.messaging.framing import WEB_EID_MAX_LENGTH, Frame, FrameWriter, parse
from native_host.messaging.models import NoArguments, Request, WebEidRequest, check
from native_host.messaging.prompt_prelaunch import PromptPrelaunch
from native_host.messaging.request_runner import RequestRunner
from native_host.messaging.responder import OwnResponder, Responder, WebEidResponder
from native_host.messaging.results import web_eid_error
from native_host.processes import program_in_place_of_browser
from native_host.results import Reply

logger = logging.getLogger(__name__)

#: Commands that are about a request under way, and carry its id.
_ABOUT_A_REQUEST = {"cancel", "chunk", "expire"}


class InvalidMessageError(KortillaError):
    """What came is not a message: too long, not JSON, not an object."""

    code = "INVALID_MESSAGE"


class Dispatcher:
    """Answers what one browser port sends, until None comes in ``frames``."""

    def __init__(
        self,
        writer: FrameWriter,
        frames: "asyncio.Queue[Frame | None]",
        *,
        caller: Caller,
        refusal: KortillaError | None,
        prelaunch: PromptPrelaunch,
    ) -> None:
        """Answer on ``writer``. ``caller`` and ``refusal`` are from ``find_caller``."""
        self._writer = writer
        self._frames = frames
        self._prelaunch = prelaunch
        #: The request under way, and our own protocol's id of it.
        self._active: RequestRunner | None = None
        self._active_id = ""
        self._caller, self._refusal = caller, refusal
        #: True once this port is known to speak our own protocol.
        self._own = caller.is_own
        self._program = program_in_place_of_browser()

    async def run(self) -> int:
        """Answer frames until None comes; return the exit status."""
        try:
            while (frame := await self._frames.get()) is not None:
                if not self._take(frame):
                    break
                # A task that is cancelled before it has begun would answer nobody.
                await asyncio.sleep(0)
        finally:
            if self._active is not None:
                await self._active.end()
        return 0

    def _take(self, frame: Frame) -> bool:
        """Take one frame; return whether the port goes on."""
        message = parse(frame)
        if isinstance(message, str):
            return self._fault(InvalidMessageError(message))
        if "id" not in message and not self._own:
            if len(frame.body) > WEB_EID_MAX_LENGTH:
                return self._fault(
                    InvalidMessageError(
                        f"The message is longer than {WEB_EID_MAX_LENGTH} bytes."
                    )
                )
            return self._take_web_eid(message)
        self._own = True
        try:
            request = check(Request, message)
        except InvalidArgumentError as error:
            return self._fault(error)
        refusal = self._refusal_of(request.command)
        if refusal is not None:
            if request.command not in _ABOUT_A_REQUEST:
                self._fail(request.id, refusal)
            return not isinstance(refusal, CallerRefusedError)
        try:
            self._begin(request)
        except KortillaError as error:
            # Under an id in use it would be taken for the first request's answer.
            in_use = self._is_pending(request.id)
            self._fail(None if in_use else request.id, error)
        return True

    def _refusal_of(self, command: str) -> KortillaError | None:
        """Return why a command is refused, if it is."""
        # The self-check says what is wrong with a configuration.
        needs_none = command in PLAIN_COMMANDS | _ABOUT_A_REQUEST
        is_broken = isinstance(self._refusal, ConfigBrokenError)
        return None if needs_none and is_broken else self._refusal

    def _is_pending(self, request_id: str) -> bool:
        return (
            self._active is not None
            and self._active_id == request_id
            and not self._active.responder.answered
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
                    self._prelaunch.start()
                self._responder(request.id).answer({})
            case "cancel" | "expire" | "chunk":
                self._take_about_request(request)
            case _:
                command = own_command(request.command, request.arguments, self._caller)
                if self._active and not self._active.responder.answered:
                    raise BusyError("Another request is under way on this port.")
                self._start(command, self._responder(request.id), request.id)

    def _take_about_request(self, request: Request) -> None:
        if request.command != "chunk":
            check(NoArguments, request.arguments)
        # It may have ended while this was on its way: that is no fault.
        if self._active is None or self._active_id != request.id:
            return
        match request.command:
            case "cancel":
                self._active.cancel()
            case "expire":
                self._active.expire()
            case "chunk":
                self._active.take_chunk(request.arguments)

    def _responder(self, request_id: str | None) -> OwnResponder:
        return OwnResponder(self._writer.write, request_id)

    def _fail(self, request_id: str | None, error: KortillaError) -> None:
        """Answer a request that was not begun."""
        # A window that was started ahead for it is not needed.
        if self._active is None:
            self._prelaunch.discard()
        self._responder(request_id).fail(error)

    def _start(
        self, command: Command, responder: Responder, request_id: str = ""
    ) -> None:
        runner = RequestRunner(
            command,
            responder,
            caller=self._program,
            prelaunch=self._prelaunch,
            previous=self._active,
        )
        self._active, self._active_id = runner, request_id
        runner.start().add_done_callback(lambda _: self._ended(runner))

    def _ended(self, runner: RequestRunner) -> None:
        if runner is not self._active:
            return
        # Web eID's port is for one request: what follows it is not read.
        web_eid = isinstance(runner.responder, WebEidResponder)
        if not web_eid:
            self._active = None
        # After an error that the window explains, the browser leaves our port open only
        # until the person has read it.
        if web_eid or runner.error_read:
            self._frames.put_nowait(None)

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
            command = web_eid_command(request.command, request.arguments)
        except KortillaError as error:
            self._prelaunch.discard()
            self._writer.write(web_eid_error(error))
            return False
        self._start(command, WebEidResponder(self._writer.write))
        return True
