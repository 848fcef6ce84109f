# SPDX-License-Identifier: MIT
"""What all operations do with their prompt: begin, and wait for one of two things."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from native_host.errors import UserCancelledError
from native_host.operations.documents import sweep_leftovers
from native_host.pin_prompt.model import Operation
from native_host.pin_prompt.prompt import Conversation, Progress, Prompt

__all__ = ["Report", "Request", "begin", "check_cancelled", "race"]

T = TypeVar("T")

#: Tells the page how far an operation has got, in PROTOCOL.md's words: nothing that
#: says whether there is a reader or a card.
Report = Callable[[str, Progress | None], None]


class Request(Protocol):
    """What the requests of all operations say.

    ``origin`` has passed ``check_origin``; ``language`` is ``fi``, ``sv`` or ``en``.
    ``caller`` is the name of the program that asks where that is no browser.
    """

    @property
    def origin(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def started_by_person(self) -> bool: ...
    @property
    def caller(self) -> str: ...


async def begin(
    operation: Operation,
    request: Request,
    *,
    test_card: bool,
    prompt: Prompt,
    progress: Report,
) -> None:
    """Open the prompt, and ask who started this where no click in the page did.

    Meanwhile the documents of processes that were killed are deleted. Raises
    ``UserCancelledError`` and ``PromptError``.
    """
    await prompt.open(
        Conversation(
            operation=operation,
            origin=request.origin,
            language=request.language,
            test_card=test_card,
            started_by_person=request.started_by_person,
            caller=request.caller,
        )
    )
    progress("window-open", None)
    sweep_leftovers()
    if not request.started_by_person:
        await prompt.ask_started()


async def check_cancelled(prompt: Prompt) -> None:
    """Raise ``UserCancelledError`` when the person has cancelled by now.

    ``Prompt.watch`` would see it after the card has got the next command.
    """
    cancel = asyncio.ensure_future(prompt.wait_for_cancel())
    try:
        await asyncio.sleep(0)
        if cancel.done():
            cancel.result()
            raise UserCancelledError
    finally:
        cancel.cancel()
        await asyncio.gather(cancel, return_exceptions=True)


async def race(interruption: Coroutine[Any, Any, None], awaitable: Awaitable[T]) -> T:
    """Await something, unless ``interruption`` ends first by raising its error."""
    work = asyncio.ensure_future(awaitable)
    watch = asyncio.ensure_future(interruption)
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            watch.result()
        return await work
    finally:
        for future in (work, watch):
            future.cancel()
        await asyncio.gather(work, watch, return_exceptions=True)
