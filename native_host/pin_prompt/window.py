# SPDX-License-Identifier: MIT
"""The host's side of the PIN window, which is a separate process.

The two processes exchange the lines of ``messages`` over two pipes.
"""

import asyncio
import contextlib
import io
import subprocess
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, BinaryIO, TypeVar, TypeVarTuple, Unpack, cast

from kortilla.common.imports import missing_words
from native_host.card.contactless import CAN_DIGITS
from native_host.errors import UserCancelledError
from native_host.pin_prompt import messages, model
from native_host.pin_prompt.prompt import DeclinedError, Prompt, PromptError
from native_host.platform.hardening import wipe

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: Seconds until the window must be on the screen.
_OPEN_WITHIN = 20.0
#: Seconds that the process gets to end after "close", and again after SIGTERM.
_END_WITHIN = 0.12
#: Seconds more for a window that says that it stays for a screen reader.
_STAY_WITHIN = 2.0


class WindowPrompt(Prompt):
    """Runs one conversation with a process that ``spawn`` started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pump: threading.Thread | None = None
        self._number = 0
        self._wanted: tuple[str, ...] = ()
        self._pending: asyncio.Future[messages.Answer] | None = None
        self._shown: messages.Show | None = None
        #: Whether the window ends later, as a screen reader may still handle digits.
        self._stays = False

    def cancel(self) -> bool:
        """See ``Prompt``. Works once, and as the window's own button does."""
        if self._pump is None or self._over.done():
            return False
        self._over.set_result(None)
        return True

    async def open(self, conversation: model.Conversation) -> None:
        self._start()
        try:
            async with asyncio.timeout(_OPEN_WITHIN):
                await self._ask(messages.Open(conversation), "visible")
        except TimeoutError:
            raise PromptError("The PIN window did not appear in time.") from None

    def show(
        self,
        step: model.Step,
        problem: model.Problem | None = None,
        progress: model.Progress | None = None,
    ) -> None:
        show = messages.Show(step, problem, progress)
        if not _looks_same(self._shown, show):
            self._shown = show
            self._send(show)

    def show_caller_timeout(self) -> None:
        if not self._stdin.closed:  # the conversation may be over
            self._send(messages.CallerTimedOut())

    def show_connections(self, count: int) -> None:
        if not self._stdin.closed:
            self._send(messages.Connections(count))

    async def ask(self, question: model.AnyQuestion) -> model.Answer:
        match question:
            case model.StartedQuestion():
                await self._ask(messages.AskStarted(), "started")
            case model.CardQuestion(choices=choices):
                index = int(
                    await self._ask_about(messages.ChooseCard, choices, "chosen")
                )
                if index >= len(choices):
                    raise PromptError("The PIN window chose a card that there is not.")
                return model.Answer(index=index)
            case _:
                content = await self._ask_about(
                    messages.Ask, question, *_kinds(question)
                )
                return model.Answer(_typed(question, content))
        return model.Answer()

    async def wait_for_cancel(self) -> None:
        await asyncio.shield(self._over)

    async def close(self) -> None:
        self._start()
        self._end_with("The PIN window has been closed.")
        if not self._stdin.closed:
            self._send(messages.Close())
            with contextlib.suppress(OSError):
                self._stdin.close()
        # asyncio.timeout of Python 3.11.2 raises no TimeoutError in a cancelled task.
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            for end in (self._process.terminate, self._process.kill):
                done, _ = await asyncio.wait({ended}, timeout=_END_WITHIN)
                if self._stays and not done:
                    done, _ = await asyncio.wait({ended}, timeout=_STAY_WITHIN)
                    self._stays = False
                if done:
                    return
                end()
            await ended
        finally:
            ended.cancel()

    @property
    def _stdin(self) -> BinaryIO:
        return cast(BinaryIO, self._process.stdin)

    def _start(self) -> None:
        if self._pump is not None:
            return
        self._loop = asyncio.get_running_loop()
        #: Done when the person cancels, failed when the process breaks.
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._pump = threading.Thread(target=self._read, name="window", daemon=True)
        self._pump.start()
        threading.Thread(
            target=self._wait_for_exit, name="window-end", daemon=True
        ).start()

    def _send(self, request: messages.WindowRequest) -> None:
        try:
            line = messages.encode_request(request)
        except ValueError:
            raise PromptError("There is too much to be shown.") from None
        rest = memoryview(line)
        # A broken pipe means that the process has ended, which _read reports.
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[self._stdin.write(rest) :]

    async def _ask_about(
        self, kind: Callable[[int, T], messages.WindowRequest], about: T, *wanted: str
    ) -> bytearray:
        """Ask a question, which has the next number. See ``_ask``."""
        self._number += 1
        return await self._ask(kind(self._number, about), *wanted)

    async def _ask(self, request: messages.WindowRequest, *wanted: str) -> bytearray:
        """Send a request; return the content of its answer, of a kind in ``wanted``."""
        answer: asyncio.Future[messages.Answer] = self._loop.create_future()
        self._pending, self._wanted, self._shown = answer, wanted, None
        taken = False
        try:
            self._send(request)
            either: set[asyncio.Future[Any]] = {answer, self._over}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                self._over.result()
                raise UserCancelledError
            taken = True
            self.allowed = answer.result().kind == "allowed"
            if answer.result().kind == "declined":
                raise DeclinedError
            return answer.result().content
        finally:
            self._pending = None
            if not taken and answer.done():
                wipe(answer.result().content)

    def _read(self) -> None:
        """Pass each line to the event loop until the process ends (on a thread)."""
        stdout = cast(io.FileIO, self._process.stdout)
        # readinto, so that no library buffer keeps a copy of a PIN.
        buffer = bytearray(messages.MAX_ANSWER)
        filled = 0
        while count := stdout.readinto(memoryview(buffer)[filled:]):
            filled += count
            while (end := buffer.find(b"\n", 0, filled)) >= 0:
                self._call(self._receive, buffer[:end])
                filled -= end + 1
                buffer[:] = buffer[end + 1 :] + bytes(end + 1)
            if filled == messages.MAX_ANSWER:
                self._call(self._fail, "The PIN window sent a line that is too long.")
                filled = 0
        wipe(buffer)
        stdout.close()
        status = self._process.wait()
        why = f"The PIN window ended by itself (status {status})."
        if find_spec("PySide6") is None:
            why = missing_words("PySide6", "host")
        self._call(self._fail, why)

    def _wait_for_exit(self) -> None:
        """Wait for the process (on a thread): its children may hold the pipe longer."""
        self._process.wait()
        self._call(self._ended.set)

    def _call(self, function: Callable[[Unpack[Ts]], object], *args: *Ts) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(function, *args)

    def _receive(self, line: bytearray) -> None:
        """Take a line from the window (on the event loop)."""
        answer = messages.decode_answer(line)
        wipe(line)
        if answer is None:
            self._fail("The PIN window sent something unknown.")
        elif answer.kind == "stays":
            self._stays = True
        elif answer.kind == "cancel":
            if not self._over.done():
                self._over.set_result(None)
        elif not self._settle(answer):
            wipe(answer.content)

    def _settle(self, answer: messages.Answer) -> bool:
        """Resolve the pending request with its answer; return whether it fits."""
        pending = self._pending
        if pending is None or pending.done() or answer.kind not in self._wanted:
            return False
        if answer.number not in (None, self._number):
            return False
        pending.set_result(answer)
        return True

    def _end_with(self, message: str) -> None:
        if not self._over.done():
            self._over.set_exception(PromptError(message))
            self._over.exception()  # retrieved, in case it is never awaited

    def _fail(self, message: str) -> None:
        self._end_with(message)
        if self._process.returncode is None:
            self._process.kill()


def _kinds(question: model.Question) -> list[str]:
    """Return the kinds of answers that a question may get."""
    on_reader = getattr(question, "pin_pad", False)
    match question:
        case model.PinQuestion() | model.CanQuestion() if not on_reader:
            kinds = ["pin"]
        case model.CodesQuestion() if not on_reader:
            kinds = ["codes"]
        case _:
            kinds = ["agreed"]
    match question:
        case model.PinQuestion(can_allow=True) if not on_reader:
            kinds.append("allowed")
        case model.CanQuestion(can_remember=True):
            kinds.append("allowed")
    match question:
        case (
            model.PinQuestion(can_activate=True)
            | model.CodesQuestion(can_decline=True)
            | model.ActivationQuestion(unasked=True)
            | model.ActivationQuestion(undecided=True)
        ):
            kinds.append("declined")
    return kinds


def _typed(question: model.Question, content: bytearray) -> dict[str, bytearray]:
    """Return the digits in an answer, by field. Raises ``PromptError`` if unfit."""
    match question:
        case model.PinQuestion(pin_pad=False):
            return {question.role: content}
        case model.CanQuestion():
            if len(content) != CAN_DIGITS:
                wipe(content)
                raise PromptError("The PIN window sent a CAN of another length.")
            return {"CAN": content}
        case model.CodesQuestion():
            values = messages.split_codes(content)
            wipe(content)
            fields = () if question.pin_pad else question.fields
            fit = len(values) == len(fields) and all(
                len(value) in field.lengths
                for field, value in zip(fields, values, strict=True)
            )
            if not fit:
                for value in values:
                    wipe(value)
                raise PromptError("The PIN window sent codes that don't fit.")
            return {f.name: value for f, value in zip(fields, values, strict=True)}
    return {}


def _looks_same(before: messages.Show | None, now: messages.Show) -> bool:
    """Return whether both look the same: the bar moved by less than a hundredth.

    A page sends documents in hundreds of pieces.
    """
    if before is None or before.progress is None or now.progress is None:
        return before == now
    same = (before.step, before.problem) == (now.step, now.problem)
    total = now.progress.total
    if not same or total != before.progress.total:
        return False
    done = now.progress.done
    return done < total and 100 * (done - before.progress.done) < total
