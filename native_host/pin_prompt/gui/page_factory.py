# SPDX-License-Identifier: MIT
"""Creates the page for a request of the host, and connects it to its answer.

The window creates the page for a PIN itself, since documents are opened from it.
"""

from collections.abc import Callable

from native_host.pin_prompt.gui.codes_page import (
    ActivationOfferPage,
    CodesPage,
    PinPadCodesPage,
)
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.locked_page import LockedPage
from native_host.pin_prompt.gui.pages import (
    CardChoicePage,
    ConsentPage,
    OtherCardPage,
    Page,
    StartedPage,
    StepPage,
    YesNoPage,
)
from native_host.pin_prompt.messages import (
    AskCodes,
    AskConsent,
    AskStarted,
    ChooseCard,
    ConfirmOtherCard,
    OfferActivation,
    OfferUnlock,
    Show,
)
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.texts import Texts

PageRequest = (
    Show
    | AskStarted
    | ChooseCard
    | ConfirmOtherCard
    | AskConsent
    | AskCodes
    | OfferActivation
    | OfferUnlock
)


def create_page(
    request: PageRequest,
    conversation: Conversation,
    text: Texts,
    guard: InputGuard,
    send_answer: Callable[..., None],
) -> Page:
    """Return the page for a request. ``send_answer`` takes the fields of an answer."""
    if isinstance(request, Show):
        return StepPage(
            conversation, text, request.step, request.problem, request.progress
        )
    page: YesNoPage | CardChoicePage
    if isinstance(request, AskStarted):
        page = StartedPage(conversation, text)
        page.answered.connect(lambda: send_answer(type="started"))
        return page
    number = request.number
    if isinstance(request, ChooseCard):
        page = CardChoicePage(conversation, text, request.choices)
        page.answered.connect(
            lambda index: send_answer(type="chosen", number=number, index=index)
        )
    elif isinstance(request, AskCodes):
        return _codes_page(request, conversation, text, guard, send_answer)
    else:
        if isinstance(request, OfferActivation):
            page = ActivationOfferPage(conversation, text, partly=request.partly)
        elif isinstance(request, OfferUnlock):
            page = LockedPage(conversation, text, request.question)
        elif isinstance(request, ConfirmOtherCard):
            page = OtherCardPage(conversation, text, request.question)
        else:
            page = ConsentPage(conversation, text, request.question)
        page.answered.connect(lambda: send_answer(type="agreed", number=number))
    return page


def _codes_page(
    request: AskCodes,
    conversation: Conversation,
    text: Texts,
    guard: InputGuard,
    send_answer: Callable[..., None],
) -> Page:
    kind = PinPadCodesPage if request.question.pin_pad else CodesPage
    page = kind(conversation, text, request.question, guard)

    def answer(values: list[bytearray] | None) -> None:
        if values is None:
            send_answer(type="agreed", number=request.number)
        else:
            send_answer(type="codes", number=request.number, values=values)

    page.answered.connect(answer)
    page.declined.connect(lambda: send_answer(type="declined", number=request.number))
    return page
