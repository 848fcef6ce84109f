# SPDX-License-Identifier: MIT
"""The automatic prompt answers for the mock card alone, and never hangs."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.model import (
    CardChoice,
    CodeField,
    ConsentQuestion,
    OtherCardQuestion,
    Problem,
    Step,
)
from native_host.pin_prompt.prompt import PromptError
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    a_codes_question,
    a_conversation,
    a_question,
)

#: Configurations for a mock card, by name.
SET_UP = {
    "PIN1": "1234",
    "PIN2": "123456",
    "PUK": "12345678",
    "activation": "1234567",
    "new-PIN1": "2580",
}


async def test_what_was_set_up_is_typed_and_agreed_to() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    await prompt.open(a_conversation(operation="tls-login", origin="", program="X"))
    await prompt.ask_started()
    prompt.show(Step.READING)
    choices = [CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2")]
    assert await prompt.choose_card(choices) == 0
    await prompt.ask_consent(ConsentQuestion("SPECIMEN-A", "1"))
    prompt.show_caller_timeout()
    assert await prompt.ask_pin(a_question()) == bytearray(b"1234")
    # A kept PIN, and a program that waits no longer, end nothing.
    prompt.show(Step.READY)
    waiting = asyncio.ensure_future(prompt.wait_for_cancel())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    waiting.cancel()
    await prompt.close()
    await prompt.close()


async def test_a_real_card_is_refused() -> None:
    with pytest.raises(PromptError, match="mock card only"):
        await AutomaticPrompt(SET_UP).open(a_conversation(test_card=False))


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda p: p.ask_pin(a_question(tries_left=4, wrong=True)), "refused"),
        (lambda p: p.ask_pin(a_question(tries_left=4, repeated=True)), "refused"),
        (lambda p: p.ask_pin(a_question(pin_pad=True)), "reader"),
        (lambda p: p.ask_pin(a_question(role="PIN2")), "PIN2"),
        (lambda p: p.ask_codes(a_codes_question(wrong=True)), "refused"),
        (lambda p: p.ask_codes(a_codes_question(repeated=True)), "refused"),
        (lambda p: p.ask_codes(a_codes_question(pin_pad=True)), "reader"),
        (lambda p: p.ask_codes(a_codes_question()), "activation"),
        (lambda p: p.offer_activation(partly=False), "activate"),
        (
            lambda p: p.confirm_other_card(OtherCardQuestion("A", True, "B", "C", "1")),
            "which card",
        ),
    ],
)
async def test_nothing_else_is_typed_or_agreed_to(
    ask: Callable[[AutomaticPrompt], Awaitable[object]], why: str
) -> None:
    prompt = AutomaticPrompt({"PIN1": "1234", "activation": "123456"})
    with pytest.raises(PromptError, match=why):
        await ask(prompt)


@pytest.mark.parametrize("step", [Step.FAILED, Step.EXPIRED])
async def test_nobody_has_to_close_what_nobody_reads(step: Step) -> None:
    prompt = AutomaticPrompt({})
    prompt.show(step, Problem("SIGNING_INTERRUPTED", "1/2"))
    await prompt.wait_for_cancel()


@pytest.mark.parametrize(
    ("step", "problem", "code"),
    [
        (Step.WAITING_FOR_READER, None, "NO_READER"),
        (Step.WAITING_FOR_CARD, None, "NO_CARD"),
        (Step.WAITING_FOR_CARD, Problem("PIN_BLOCKED"), "PIN_BLOCKED"),
    ],
)
async def test_waiting_for_a_person_ends(
    step: Step, problem: Problem | None, code: str
) -> None:
    prompt = AutomaticPrompt({})
    waiting = asyncio.ensure_future(prompt.watch(asyncio.Event().wait()))
    await asyncio.sleep(0)
    prompt.show(step, problem)
    with pytest.raises(PromptError, match=code):
        await waiting


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (SEVEN, b"1234567"),
        (CodeField("activation", (8,)), b"12345678"),
        (PUK, b"12345678"),
        (OLD_PIN, b"1234"),
        (NEW_PIN1, b"2580"),
        (NEW_PIN2, b"123456"),
    ],
)
async def test_codes_that_were_set_up_are_typed(field: CodeField, code: bytes) -> None:
    question = a_codes_question(fields=(field,), pin="PIN1")
    typed = await AutomaticPrompt(SET_UP).ask_codes(question)
    assert typed == {field.name: bytearray(code)}
