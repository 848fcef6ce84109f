# SPDX-License-Identifier: MIT
"""One request's operation: opened, answered, expired or called off, and put away."""

import asyncio
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from native_host.config import load_config
from native_host.environment import open_prompt, open_source
from native_host.errors import RequestExpired
from native_host.languages import choose_language
from native_host.messaging.models import WebEidAuthenticateArguments
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.origin import check_origin
from native_host.pin_prompt.prompt import Prompt, Step

__all__ = ["Authentication", "call_off"]

#: Seconds for which the window says that it is done, unless the browser ends it.
_DONE_SHOWN = 1.0


class Authentication:
    """Authenticates for one request.

    ``answer`` gets the token as soon as there is one, before the window has gone and
    the card has been reset. ``previous`` is an operation that has been answered and
    whose window may still say so: it is ended first.
    """

    def __init__(
        self,
        arguments: WebEidAuthenticateArguments,
        *,
        started_by_person: bool,
        progress: Callable[[str], None],
        answer: Callable[[dict[str, str]], None],
        window: Callable[[], "subprocess.Popen[bytes] | None"],
        prompt_command: Sequence[str] | None = None,
        previous: asyncio.Task[None] | None = None,
    ) -> None:
        self._arguments = arguments
        self._started_by_person = started_by_person
        self._progress = progress
        self._answer = answer
        self._window = window
        self._prompt_command = prompt_command
        self._previous = previous
        self._work: asyncio.Task[None] | None = None
        self._expired = False
        self._visible = False
        #: True once the token has left.
        self.answered = False

    def expire(self) -> None:
        """The page has stopped waiting: let go of the card, and say so."""
        if not self.answered:
            self._expired = True
            if self._work is not None:
                call_off(self._work)

    async def run(self) -> None:
        """Do it. Raises the errors of the operation and ``RequestExpired``."""
        if self._previous is not None:
            call_off(self._previous)
            await asyncio.wait({self._previous})
        if self._expired:
            raise _expired()
        config = load_config()
        origin = check_origin(
            self._arguments.origin, allow_localhost=config.allow_localhost
        )
        request = AuthenticateRequest(
            origin=origin,
            challenge_nonce=self._arguments.challengeNonce,
            language=choose_language(config.language, self._arguments.lang),
            started_by_person=self._started_by_person,
        )
        window = self._window() if config.prompt == "window" else None
        prompt = open_prompt(config, window=window, command=self._prompt_command)

        def progress(word: str) -> None:
            self._visible = True  # the first word comes with the window
            self._progress(word)

        async def work() -> None:
            async with open_source(config) as source:
                token = await authenticate(
                    request, source=source, prompt=prompt, progress=progress
                )
                self.answered = True
                self._answer(token)

        try:
            self._work = asyncio.create_task(work())
            await self._finish(self._work, prompt)
        finally:
            await prompt.close()

    async def _finish(self, work: asyncio.Task[None], prompt: Prompt) -> None:
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            if not work.done():  # the whole request is called off
                call_off(work)
                await asyncio.wait({work})
            # An expired request can be called off too, while its card is let go.
            if not self._expired or _is_called_off():
                raise
            if not self._visible:
                raise _expired() from None  # there is no window yet to say it in
            prompt.show(Step.EXPIRED)
            await prompt.wait_for_cancel()
            raise _expired() from None
        prompt.show(Step.DONE)
        with suppress(TimeoutError):
            await asyncio.wait_for(prompt.wait_for_cancel(), _DONE_SHOWN)


def call_off(task: "asyncio.Task[None]") -> None:
    """Cancel a task, once: a second time would cut short its putting away."""
    if not task.cancelling():
        task.cancel()


def _is_called_off() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _expired() -> RequestExpired:
    return RequestExpired("The page stopped waiting for an answer.")
