# SPDX-License-Identifier: MIT
"""Reads requests from the browser, starts one at a time, and answers it.

Two protocols meet here (PROTOCOL.md): our own, whose requests carry an id, and Web
eID's, of which a process answers one request and ends.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from native_host.config import Config, load_config
from native_host.errors import (
    ConfigBrokenError,
    InvalidArgumentError,
    KortillaError,
    RequestExpiredError,
)
from native_host.install.calling_program import (
    is_sandboxed,
    program_in_place_of_browser,
)
from native_host.messaging.answers import (
    OwnResponder,
    Responder,
    WebEidResponder,
    web_eid_error,
)
from native_host.messaging.caller import Caller, CallerRefusedError
from native_host.messaging.commands import (
    PLAIN_COMMANDS,
    TOKEN_COMMANDS,
    Command,
    own_command,
    web_eid_command,
)
from native_host.messaging.frames import (
    WEB_EID_MAX_LENGTH,
    Frame,
    FrameWriter,
    PromptPrelaunch,
    parse,
)
from native_host.messaging.messages import (
    ChunkArguments,
    CommandContext,
    NoArguments,
    Request,
    WebEidRequest,
    check,
)
from native_host.operations.documents import DocumentInbox
from native_host.operations.environment import open_prompt, open_source
from native_host.operations.request import check_origin
from native_host.operations.results import Reply
from native_host.operations.sign import SigningInterruptedError
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import Progress, Step
from native_host.pin_prompt.prompt import Prompt, PromptError
from native_host.platform.log import log_unexpected
from native_host.platform.process_tree import parent_program
from native_host.texts.language import choose_language

logger = logging.getLogger(__name__)

#: Commands that are about a request under way, and carry its id.
_ABOUT_A_REQUEST = {"cancel", "chunk", "expire"}


class Dispatcher:
    """Answers what one browser port sends, until None comes in ``frames``."""

    def __init__(
        self,
        writer: FrameWriter,
        frames: "asyncio.Queue[Frame | None]",
        taken: Callable[[], None],
        *,
        caller: Caller,
        refusal: KortillaError | None,
        prelaunch: PromptPrelaunch,
        stdin: int,
    ) -> None:
        """Answer on ``writer``. ``caller`` and ``refusal`` are from ``find_caller``.

        ``stdin`` is the descriptor from which the frames come. ``taken`` is called for
        each of them.
        """
        self._writer = writer
        self._frames, self._taken = frames, taken
        self._prelaunch = prelaunch
        #: The request under way, and our own protocol's id of it.
        self._active: RequestRunner | None = None
        self._active_id = ""
        self._caller, self._refusal = caller, refusal
        #: True once this port is known to speak our own protocol.
        self._own = caller.is_own
        self._starter, self._stdin = parent_program(), stdin

    async def run(self) -> int:
        """Answer frames until None comes; return the exit status."""
        try:
            while (frame := await self._frames.get()) is not None:
                self._taken()
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
            return self._fault(KortillaError(message, code="INVALID_MESSAGE"))
        if "id" not in message and not self._own:
            if len(frame.body) > WEB_EID_MAX_LENGTH:
                return self._fault(
                    KortillaError(
                        f"The message is longer than {WEB_EID_MAX_LENGTH} bytes.",
                        code="INVALID_MESSAGE",
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
                    raise KortillaError(
                        "Another request is under way on this port.", code="BUSY"
                    )
                is_of_token = request.command in TOKEN_COMMANDS
                if is_of_token and sys.platform == "win32":
                    raise KortillaError(
                        "No browser on Windows has the card as a token.",
                        code="SYSTEM_UNSUPPORTED",
                    )
                if is_of_token and is_sandboxed(self._starter, self._stdin):
                    raise KortillaError(
                        "The browser comes from a flatpak or snap, which can't load "
                        "the card's module.",
                        code="BROWSER_CONFINED",
                    )
                write, words = self._writer.write, command.error_words
                responder = OwnResponder(write, request.id, words)
                self._start(command, responder, request.id)

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
            caller=program_in_place_of_browser(self._starter, self._stdin),
            prelaunch=self._prelaunch,
            previous=self._active,
        )
        self._active, self._active_id = runner, request_id
        runner.start().add_done_callback(lambda _: self._ended(runner))

    def _ended(self, runner: "RequestRunner") -> None:
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


#: Seconds for which the window says that it is done, unless the browser ends it.
_DONE_SHOWN = 1.0


class RequestRunner:
    """Runs the command of one request.

    The result is answered as soon as it is there, before the window has closed, and so
    is an error that the window explains until the person closes it. ``caller`` is the
    name of the program that asks, empty for a known browser. ``previous`` has been
    answered, and its window may still be open: it is ended first.
    """

    def __init__(
        self,
        command: Command,
        responder: Responder,
        *,
        caller: str,
        prelaunch: PromptPrelaunch,
        previous: "RequestRunner | None" = None,
    ) -> None:
        self._command = command
        self.responder = responder
        self._caller = caller
        self._prelaunch = prelaunch
        self._previous = previous
        self._inbox = DocumentInbox(command.documents) if command.documents else None
        self._task: asyncio.Task[None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._end: KortillaError | None = None
        self._visible = False
        #: True once the person has closed a window that explained an error.
        self.error_read = False

    def start(self) -> "asyncio.Task[None]":
        """Run in a new task, which answers every outcome and raises nothing."""
        self._task = asyncio.create_task(self._answer())
        return self._task

    def cancel(self) -> None:
        """Cancel the request: the page, or its tab, is gone."""
        self._forget_documents()
        if self._task is not None:
            _cancel_once(self._task)

    def expire(self) -> None:
        """Let go of the card and say so: the page has stopped waiting."""
        self._stop(RequestExpiredError("The page stopped waiting for an answer."))

    def take_chunk(self, values: Mapping[str, object]) -> None:
        """Take a piece of a document. A wrong one ends the request."""
        if self.responder.answered or self._end is not None:
            return
        try:
            if self._inbox is None:
                raise InvalidArgumentError("The request announced no documents.")
            chunk = check(ChunkArguments, values)
            done = self._inbox.put(chunk.document, chunk.number, chunk.data)
        except KortillaError as error:
            self._stop(error)
        else:
            self.responder.progress("receiving", Progress(done, self._inbox.total))

    async def run(self) -> None:
        """Run the command. Raises its errors and ``RequestExpiredError``.

        Errors that the window explains are answered, and not raised.
        """
        try:
            await self._run()
        finally:
            self._forget_documents()

    async def _answer(self) -> None:
        error: KortillaError
        try:
            await self.run()
            return
        except KortillaError as caught:
            error = caught
        except asyncio.CancelledError:
            error = KortillaError(
                "The request was cancelled.", code="REQUEST_CANCELLED"
            )
        except Exception as caught:
            log_unexpected(logger, caught)
            error = KortillaError("Something unexpected went wrong in the program.")
        self.error_read = False
        if not self.responder.answered:
            self.responder.fail(error)

    async def _run(self) -> None:
        if self._previous is not None:
            await self._previous.end()
            self._previous = None
        if self._end is not None:
            raise self._end
        if self._command.is_plain:
            self.responder.answer(await self._command.run(None))
            return
        config = load_config()
        if self._command.origin is not None:
            check_origin(self._command.origin, allow_localhost=config.allow_localhost)
        prompt = self._open_prompt(config)
        try:
            self._work = asyncio.create_task(self._run_command(config, prompt))
            await self._finish(self._work, prompt)
        finally:
            await prompt.close()

    async def end(self) -> None:
        """Cancel the request, and wait until it has ended."""
        self.cancel()
        if self._task is not None:
            await asyncio.wait({self._task})

    def _open_prompt(self, config: Config) -> Prompt:
        if not self._command.opens_prompt:
            return AutomaticPrompt({})
        window = self._prelaunch.take() if config.prompt == "window" else None
        return open_prompt(config, window=window, command=self._prelaunch.command)

    async def _run_command(self, config: Config, prompt: Prompt) -> None:
        command = self._command
        result: Reply | None = None
        try:
            async with open_source(config) as source:
                context = CommandContext(
                    source,
                    prompt,
                    self._report,
                    language=choose_language(config.language, command.language),
                    caller=self._caller,
                    inbox=self._inbox,
                )
                try:
                    result = await command.run(context)
                finally:
                    self._forget_documents()
                if command.origin is not None or not prompt.attended:
                    self.responder.answer(result)
                    return
            # Our own page does not need the result before the person has read it.
            with suppress(PromptError):
                await prompt.wait_for_cancel()
        finally:
            # What was done is done, also when the request is cancelled just then.
            if result is not None and not self.responder.answered:
                self.responder.answer(result)

    def _report(self, word: str, progress: Progress | None) -> None:
        self._visible = True  # the first word comes with the window's first page
        if word != "receiving":  # each chunk has been answered as it came
            self.responder.progress(word, progress)

    async def _finish(self, work: "asyncio.Task[None]", prompt: Prompt) -> None:
        """Wait for the command's end, and have the window say what came of it."""
        try:
            await asyncio.shield(work)
        except SigningInterruptedError as error:
            if not prompt.attended:
                raise
            self.responder.fail(error, shown=True)
            with suppress(PromptError):
                await prompt.wait_for_cancel()
            self.error_read = True
            return
        except asyncio.CancelledError:
            if not work.done():  # the whole request is cancelled
                _cancel_once(work)
                await asyncio.wait({work})
            # A request that has ended can be cancelled too, while it lets go of a card.
            if self._end is None or _is_cancelled():
                raise
            # It may have ended before there was a window to say it in.
            if self._visible and isinstance(self._end, RequestExpiredError):
                prompt.show(Step.EXPIRED)
                await prompt.wait_for_cancel()
            raise self._end from None
        if not self._visible:  # there was nothing to ask
            return
        prompt.show(Step.DONE)
        if prompt.attended and self._command.origin is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(prompt.wait_for_cancel(), _DONE_SHOWN)

    def _stop(self, error: KortillaError) -> None:
        """End with an error, unless there is an answer already."""
        if not self.responder.answered and self._end is None:
            self._end = error
            self._forget_documents()
            if self._work is not None:
                _cancel_once(self._work)

    def _forget_documents(self) -> None:
        """Delete the documents at once, also while the card still works."""
        if self._inbox is not None:
            self._inbox.close()


def _cancel_once(task: "asyncio.Task[None]") -> None:
    """Cancel a task, once: a second time would cut short its cleaning up."""
    if not task.cancelling():
        task.cancel()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
