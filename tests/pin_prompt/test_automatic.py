# SPDX-License-Identifier: MIT
"""The automatic prompt answers for the mock card alone, and never hangs."""

import asyncio

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


async def test_the_pin_is_typed() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234", "PIN2": "123456"})
    await prompt.open(a_conversation())
    await prompt.ask_started()
    prompt.show(Step.READING)
    assert await prompt.ask_pin(a_question()) == bytearray(b"1234")
    await prompt.close()
    await prompt.close()


async def test_a_real_card_is_refused() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    with pytest.raises(PromptError, match="mock card only"):
        await prompt.open(a_conversation(test_card=False))


@pytest.mark.parametrize("change", [{"wrong": True}, {"repeated": True}])
async def test_a_refused_pin_is_not_typed_again(change: dict[str, bool]) -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    await prompt.open(a_conversation())
    with pytest.raises(PromptError, match="refused"):
        await prompt.ask_pin(a_question(tries_left=4, **change))


async def test_a_pin_that_was_not_set_up_is_said() -> None:
    with pytest.raises(PromptError, match="PIN2"):
        await AutomaticPrompt({"PIN1": "1234"}).ask_pin(a_question(role="PIN2"))


async def test_the_first_card_is_chosen_and_consent_given() -> None:
    prompt = AutomaticPrompt({})
    choices = [CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2")]
    assert await prompt.choose_card(choices) == 0
    await prompt.ask_consent(ConsentQuestion("SPECIMEN-A", "1"))
    with pytest.raises(PromptError):
        await prompt.confirm_other_card(OtherCardQuestion("A", True, "B", "C", "1"))


async def test_nobody_types_on_a_reader() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    with pytest.raises(PromptError, match="reader"):
        await prompt.ask_pin(a_question(pin_pad=True))


@pytest.mark.parametrize("step", [Step.FAILED, Step.EXPIRED])
async def test_nobody_has_to_close_what_nobody_reads(step: Step) -> None:
    prompt = AutomaticPrompt({})
    prompt.show(step, Problem("SIGNING_INTERRUPTED", "1/2"))
    await prompt.wait_for_cancel()


async def test_a_kept_pin_and_a_program_that_waits_no_longer_end_nothing() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    await prompt.open(a_conversation(operation="tls-login", origin="", program="X"))
    prompt.show_caller_timeout()
    assert await prompt.ask_pin(a_question()) == b"1234"
    prompt.show(Step.READY)
    waiting = asyncio.ensure_future(prompt.wait_for_cancel())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    waiting.cancel()


async def test_a_problem_ends_the_waiting_for_a_person() -> None:
    prompt = AutomaticPrompt({"PIN1": "1234"})
    await prompt.open(a_conversation())
    waiting = asyncio.ensure_future(prompt.watch(asyncio.Event().wait()))
    await asyncio.sleep(0)
    prompt.show(Step.WAITING_FOR_CARD, Problem("PIN_BLOCKED"))
    with pytest.raises(PromptError, match="PIN_BLOCKED"):
        await waiting


@pytest.mark.parametrize(
    ("step", "code"),
    [(Step.WAITING_FOR_READER, "NO_READER"), (Step.WAITING_FOR_CARD, "NO_CARD")],
)
async def test_nobody_puts_in_what_is_missing(step: Step, code: str) -> None:
    prompt = AutomaticPrompt({})
    prompt.show(step)
    with pytest.raises(PromptError, match=code):
        await prompt.watch(asyncio.Event().wait())


#: Configurations for a mock card, by name.
SET_UP = {
    "PIN1": "1234",
    "PIN2": "123456",
    "PUK": "12345678",
    "activation": "1234567",
    "new-PIN1": "2580",
}


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


@pytest.mark.parametrize(
    ("set_up", "changes", "why"),
    [
        ({}, {}, "activation"),
        ({"activation": "123456"}, {}, "activation"),
        (SET_UP, {"wrong": True}, "refused"),
        (SET_UP, {"repeated": True}, "refused"),
        (SET_UP, {"pin_pad": True}, "reader"),
    ],
)
async def test_no_other_code_is_typed(
    set_up: dict[str, str], changes: dict[str, bool], why: str
) -> None:
    with pytest.raises(PromptError, match=why):
        await AutomaticPrompt(set_up).ask_codes(a_codes_question(**changes))


async def test_nobody_takes_the_offer_to_activate() -> None:
    with pytest.raises(PromptError, match="activate"):
        await AutomaticPrompt(SET_UP).offer_activation(partly=False)
