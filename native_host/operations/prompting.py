# SPDX-License-Identifier: MIT
"""The context of every operation, and the opening of its prompt."""

from collections.abc import Callable
from dataclasses import dataclass

from native_host.card.source import CardSource
from native_host.operations.documents import sweep_leftovers
from native_host.pin_prompt.model import Conversation, Operation, Progress
from native_host.pin_prompt.prompt import Prompt

#: Reports the progress of an operation to the page, in PROTOCOL.md's words. They never
#: say whether there is a reader or a card.
Report = Callable[[str, Progress | None], None]


def report_nothing(_word: str, _progress: Progress | None) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Context:
    """The cards and the prompt of one operation, and the receiver of its progress.

    The caller closes ``source`` and ``prompt``.
    """

    source: CardSource
    prompt: Prompt
    progress: Report = report_nothing


@dataclass(frozen=True, kw_only=True)
class Request:
    """The fields that the requests of all operations have.

    ``origin`` has passed ``check_origin``; ``language`` is ``fi``, ``sv`` or ``en``.
    ``started_by_person`` is False when no click in the page preceded the request.
    ``caller`` is the name of the program that asks, empty for a known browser.
    """

    origin: str
    language: str
    started_by_person: bool = True
    caller: str = ""


async def begin(operation: Operation, context: Context, request: Request) -> None:
    """Open the prompt; without a click in the page, ask the person who started this.

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
