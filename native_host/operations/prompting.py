# SPDX-License-Identifier: MIT
"""What an operation works with, and what all of them do with their prompt."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol

from native_host.card.source import CardSource
from native_host.errors import UserCancelledError
from native_host.operations.documents import sweep_leftovers
from native_host.pin_prompt.model import Conversation, Operation, Progress
from native_host.pin_prompt.prompt import Prompt
from native_host.race import race

__all__ = ["Context", "Report", "Request", "begin", "check_cancelled", "report_nothing"]

#: Tells the page how far an operation has got, in PROTOCOL.md's words. They never say
#: whether there is a reader or a card.
Report = Callable[[str, Progress | None], None]


def report_nothing(_word: str, _progress: Progress | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Context:
    """The cards and the person of one operation, and who hears of its progress.

    The caller closes ``source`` and ``prompt``.
    """

    source: CardSource
    prompt: Prompt
    progress: Report = report_nothing


class Request(Protocol):
    """The fields that the requests of all operations have.

    ``origin`` has passed ``check_origin``; ``language`` is ``fi``, ``sv`` or ``en``.
    ``caller`` is the name of the program that asks, empty for a known browser.
    """

    @property
    def origin(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def started_by_person(self) -> bool: ...
    @property
    def caller(self) -> str: ...


async def begin(operation: Operation, context: Context, request: Request) -> None:
    """Open the prompt, and ask who started this where no click in the page did.

    Meanwhile the documents of processes that were killed are deleted. Raises
    ``UserCancelledError`` and ``PromptError``.
    """
    await context.prompt.open(
        Conversation(
            operation=operation,
            origin=request.origin,
            language=request.language,
            test_card=context.source.test_card,
            started_by_person=request.started_by_person,
            caller=request.caller,
        )
    )
    context.progress("window-open", None)
    sweep_leftovers()
    if not request.started_by_person:
        await context.prompt.ask_started()


async def check_cancelled(prompt: Prompt) -> None:
    """Raise ``UserCancelledError`` when the person has cancelled by now.

    ``Prompt.watch`` would notice only after the card has received the next command.
    """

    async def cancelled() -> NoReturn:
        await prompt.wait_for_cancel()
        raise UserCancelledError

    await race(cancelled(), asyncio.sleep(0))
