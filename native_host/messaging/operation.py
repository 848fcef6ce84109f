# SPDX-License-Identifier: MIT
"""One request's operation: opened, answered, expired or called off, and put away."""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from native_host.config import load_config
from native_host.environment import open_prompt, open_source
from native_host.errors import InvalidArgumentError, KortillaError, RequestExpiredError
from native_host.languages import choose_language
from native_host.messaging.jobs import Job, Setting
from native_host.messaging.models import ChunkArguments
from native_host.operations.documents import DocumentInbox
from native_host.operations.prompting import Report
from native_host.operations.sign import SigningInterruptedError
from native_host.origin import check_origin
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.prompt import Progress, Prompt, PromptError, Step
from native_host.results import Reply

__all__ = ["Operation", "call_off"]

#: Seconds for which the window says that it is done, unless the browser ends it.
_DONE_SHOWN = 1.0


class Operation:
    """Does the job of one request.

    ``answer`` gets the fields of the result as soon as there are any, before the window
    has gone. ``refuse`` gets an error that the window goes on to explain until the
    person closes it; all other errors are raised. ``caller`` is the name of what asks
    where that is no browser. ``previous`` is an operation that has
    been answered and whose window may still say so: it is ended first.
    """

    def __init__(
        self,
        job: Job,
        *,
        progress: Report,
        answer: Callable[[Reply], None],
        refuse: Callable[[KortillaError], None],
        caller: str,
        window: Callable[[], "subprocess.Popen[bytes] | None"],
        prompt_command: Sequence[str] | None = None,
        previous: "asyncio.Task[None] | None" = None,
    ) -> None:
        self._job = job
        self._progress = progress
        self._answer = answer
        self._refuse = refuse
        self._caller = caller
        self._window = window
        self._prompt_command = prompt_command
        self._previous = previous
        self._inbox = DocumentInbox(job.documents) if job.documents else None
        self._work: asyncio.Task[None] | None = None
        self._end: KortillaError | None = None
        self._visible = False
        #: True once the result has left, or the error that the window explains.
        self.answered = False
        #: True once it was such an error.
        self.refused = False

    def take_chunk(self, chunk: ChunkArguments) -> Progress | None:
        """Take a piece of a document; return how many bytes there are now.

        Returns None for an operation that is about to end. Raises
        ``InvalidArgumentError`` for a piece that is not the next one.
        """
        if self.answered or self._end is not None:
            return None
        if self._inbox is None:
            raise InvalidArgumentError("The request announced no documents.")
        done = self._inbox.put(chunk.document, chunk.number, chunk.data)
        return Progress(done, self._inbox.total)

    def fail(self, error: KortillaError) -> None:
        """End with an error, unless there is an answer already."""
        if not self.answered and self._end is None:
            self._end = error
            self.forget_documents()
            if self._work is not None:
                call_off(self._work)

    def expire(self) -> None:
        """The page has stopped waiting: let go of the card, and say so."""
        self.fail(RequestExpiredError("The page stopped waiting for an answer."))

    def forget_documents(self) -> None:
        """Delete the documents at once, whatever the card is still busy with."""
        if self._inbox is not None:
            self._inbox.close()

    async def run(self) -> None:
        """Do it. Raises the errors of the job and ``RequestExpiredError``."""
        try:
            await self._run()
        finally:
            self.forget_documents()

    async def _run(self) -> None:
        if self._previous is not None:
            call_off(self._previous)
            await asyncio.wait({self._previous})
        if self._end is not None:
            raise self._end
        config = load_config()
        job = self._job
        if job.origin is not None:
            check_origin(job.origin, allow_localhost=config.allow_localhost)
        if job.asks:
            window = self._window() if config.prompt == "window" else None
            prompt = open_prompt(config, window=window, command=self._prompt_command)
        else:
            prompt = AutomaticPrompt({})

        own = job.origin is None and prompt.attended
        results: list[Reply] = []

        def answer(result: Reply) -> None:
            self.answered = True
            self._answer(result)

        async def work() -> None:
            try:
                async with open_source(config) as source:
                    setting = Setting(
                        origin=job.origin or "",
                        language=choose_language(config.language, job.lang),
                        caller=self._caller,
                        source=source,
                        prompt=prompt,
                        progress=self._tell,
                        inbox=self._inbox,
                    )
                    try:
                        results.append(await job.work(setting))
                    finally:
                        self.forget_documents()
                    if not own:
                        answer(results.pop())
                        return
                # Our own page has nothing to do with it before the person has read it.
                with suppress(PromptError):
                    await prompt.wait_for_cancel()
            finally:
                # What was done is done, also when it is called off just then.
                for result in results:
                    answer(result)

        try:
            self._work = asyncio.create_task(work())
            await self._finish(self._work, prompt)
        finally:
            await prompt.close()

    def _tell(self, word: str, progress: Progress | None) -> None:
        self._visible = True  # the first word comes with the window
        if word != "receiving":  # each chunk has been answered as it came
            self._progress(word, progress)

    async def _finish(self, work: "asyncio.Task[None]", prompt: Prompt) -> None:
        try:
            await asyncio.shield(work)
        except SigningInterruptedError as error:
            if not prompt.attended:
                raise
            self.answered = self.refused = True
            self._refuse(error)
            with suppress(PromptError):
                await prompt.wait_for_cancel()
            return
        except asyncio.CancelledError:
            if not work.done():  # the whole request is called off
                call_off(work)
                await asyncio.wait({work})
            # An ended request can be called off too, while its card is let go.
            if self._end is None or _is_called_off():
                raise
            # It may have ended before there was a window to say it in.
            if self._visible and isinstance(self._end, RequestExpiredError):
                prompt.show(Step.EXPIRED)
                await prompt.wait_for_cancel()
            raise self._end from None
        prompt.show(Step.DONE)
        if prompt.attended and self._job.origin is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(prompt.wait_for_cancel(), _DONE_SHOWN)


def call_off(task: "asyncio.Task[None]") -> None:
    """Cancel a task, once: a second time would cut short its putting away."""
    if not task.cancelling():
        task.cancel()


def _is_called_off() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
