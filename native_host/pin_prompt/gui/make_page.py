# SPDX-License-Identifier: MIT
"""From what the host asks to a page, and from what the person does there to an answer.

All but the page for a PIN, from which documents are looked at.
"""

from collections.abc import Callable

from native_host.pin_prompt.gui.codes_page import CodesPage, OfferPage, PadCodesPage
from native_host.pin_prompt.gui.input_guard import Guard
from native_host.pin_prompt.gui.pages import (
    ChoosePage,
    ConsentPage,
    Page,
    StartedPage,
    StepPage,
)
from native_host.pin_prompt.messages import (
    AskCodes,
    AskConsent,
    AskStarted,
    ChooseCard,
    OfferActivation,
    Show,
)
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.texts import Texts

__all__ = ["Asked", "make_page"]

Asked = Show | AskStarted | ChooseCard | AskConsent | AskCodes | OfferActivation


def make_page(
    request: Asked,
    conversation: Conversation,
    text: Texts,
    guard: Guard,
    say: Callable[..., None],
) -> Page:
    """Return the page for a request. ``say`` sends the fields of an answer."""
    if isinstance(request, Show):
        return StepPage(
            conversation, text, request.step, request.problem, request.progress
        )
    page: StartedPage | ChoosePage | OfferPage | ConsentPage
    if isinstance(request, AskStarted):
        page = StartedPage(conversation, text)
        page.answered.connect(lambda: say(type="started"))
        return page
    number = request.number
    if isinstance(request, ChooseCard):
        page = ChoosePage(conversation, text, request.choices)
        page.answered.connect(
            lambda index: say(type="chosen", number=number, index=index)
        )
    elif isinstance(request, AskCodes):
        return _codes_page(request, conversation, text, guard, say)
    else:
        if isinstance(request, OfferActivation):
            page = OfferPage(conversation, text, partly=request.partly)
        else:
            page = ConsentPage(conversation, text, request.question)
        page.answered.connect(lambda: say(type="agreed", number=number))
    return page


def _codes_page(
    request: AskCodes,
    conversation: Conversation,
    text: Texts,
    guard: Guard,
    say: Callable[..., None],
) -> Page:
    number, question = request.number, request.question
    page: CodesPage | PadCodesPage
    if question.pin_pad:
        page = PadCodesPage(conversation, text, question, guard)
        page.answered.connect(lambda _none: say(type="agreed", number=number))
    else:
        page = CodesPage(conversation, text, question, guard)
        page.answered.connect(
            lambda values: say(type="codes", number=number, values=values)
        )
    return page
