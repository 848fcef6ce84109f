# SPDX-License-Identifier: MIT
"""Prompts without Qt: the host's side of the window, and the automatic prompt."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from native_host.errors import UserCancelledError
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.messages import MAX_REQUEST
from native_host.pin_prompt.model import (
    ActivationQuestion,
    CardChoice,
    CardQuestion,
    CodeField,
    ConsentQuestion,
    OtherCardQuestion,
    Problem,
    Progress,
    StartedQuestion,
    Step,
    UnlockQuestion,
)
from native_host.pin_prompt.prompt import DeclinedError, PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
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

#: The start of each script: ``hear`` reads a request, ``say`` answers.
HEAD = """
import json, sys, time, os, signal
def hear(): return json.loads(sys.stdin.readline())
def say(**message): print(json.dumps(message), flush=True)
"""
VISIBLE = "assert hear()['type'] == 'open'; say(type='visible')\n"
TO_THE_END = "sys.stdin.read()"


@asynccontextmanager
async def scripted(
    script: str,
) -> AsyncIterator[tuple[WindowPrompt, subprocess.Popen[bytes]]]:
    """A function that runs a script as the window; the teardown ends it."""
    process = spawn([sys.executable, "-I", "-c", HEAD + script])
    prompt = WindowPrompt(process)
    try:
        yield prompt, process
    finally:
        await prompt.close()
        assert process.returncode is not None


@asynccontextmanager
async def opened(script: str = "") -> AsyncIterator[WindowPrompt]:
    """A prompt that is open, with a script as the window."""
    async with scripted(VISIBLE + script + TO_THE_END) as (prompt, _):
        await prompt.open(a_conversation())
        yield prompt


async def test_both_sides_say_and_hear_the_same() -> None:
    script = """
def answer(kind, **fields):
    asked = hear()
    say(type=kind, number=asked['number'], **fields)
    return asked
conversation = hear()['conversation']
assert conversation['origin'] == 'https://login.service.example'
assert conversation['program'] == 'Firefox'
say(type='visible')
assert hear() == {'type': 'ask-started'}
say(type='started')
assert hear() == {
    'type': 'show', 'step': 'reading', 'problem': None, 'progress': None
}
choices = answer('chosen', index=1)['choices']
assert [choice['reader'] for choice in choices] == ['Reader A', 'Reader B']
assert answer('agreed')['question']['before'] == 'SPECIMEN-A'
question = answer('agreed')['question']
assert question == {'name': 'SPECIMEN-A', 'satu': '1', 'test_card': False}
assert answer('agreed')['question']['partly'] is True
asked = answer('agreed')
assert (asked['type'], asked['number']) == ('offer-unlock', 5)
assert answer('declined')['question']['can_decline']
assert answer('declined')['question']['can_activate']
assert answer('declined')['question']['undecided']
answer('codes', values=['1234567', '2580', '739146'])
asked = hear()
assert asked['question']['satu'] == '99902038C'
assert hear() == {'type': 'connections', 'count': 2}
assert hear() == {'type': 'caller-timed-out'}
say(type='pin', number=asked['number'], digits='1234')
"""
    async with scripted(script + TO_THE_END) as (prompt, _):
        await prompt.open(a_conversation(program="Firefox"))
        await prompt.ask(StartedQuestion())
        prompt.show(Step.READING)
        assert (await prompt.ask(CardQuestion(CARDS))).index == 1
        other = OtherCardQuestion("SPECIMEN-A", True, "B", "SPECIMEN-B", "1")
        await prompt.ask(other)
        await prompt.ask(ConsentQuestion("SPECIMEN-A", "1"))
        await prompt.ask(ActivationQuestion(True))
        await prompt.ask(UnlockQuestion("PIN1", "SPECIMEN-A", "1"))
        with pytest.raises(DeclinedError):
            await prompt.ask(a_codes_question(can_decline=True))
        with pytest.raises(DeclinedError):
            await prompt.ask(a_question(can_activate=True))
        with pytest.raises(DeclinedError):
            await prompt.ask(ActivationQuestion(False, undecided=True))
        codes = (await prompt.ask(a_codes_question())).codes
        expected = [b"1234567", b"2580", b"739146"]
        assert codes == dict(
            zip(("activation", "new-PIN1", "new-PIN2"), expected, strict=True)
        )
        asking = asyncio.ensure_future(prompt.ask(a_question()))
        await asyncio.sleep(0)
        prompt.show_connections(2)
        prompt.show_caller_timeout()
        pin = (await asking).digits
        assert pin == b"1234"
        # They can be wiped.
        assert {type(code) for code in (pin, *codes.values())} == {bytearray}
        await prompt.close()
        prompt.show_caller_timeout()  # the window is gone, which is no error
        prompt.show_connections(2)


CARDS = (
    CardChoice("Reader A", "SPECIMEN-A", "1"),
    CardChoice("Reader B", "SPECIMEN-B", "2"),
)


@pytest.mark.parametrize(
    "values",
    [
        ("1234567", "2580"),
        ("1234567", "2580", "739146", "1"),
        ("12345678", "2580", "739146"),
        ("1234567", "258", "739146"),
    ],
)
async def test_codes_that_do_not_fit_are_refused(values: tuple[str, ...]) -> None:
    script = f"say(type='codes', number=hear()['number'], values={[*values]})\n"
    async with opened(script) as prompt:
        with pytest.raises(PromptError, match="don't fit"):
            await prompt.ask(a_codes_question())


async def test_a_card_that_there_is_not_is_not_chosen() -> None:
    script = "say(type='chosen', number=hear()['number'], index=2)\n"
    async with opened(script) as prompt:
        with pytest.raises(PromptError):
            await prompt.ask(CardQuestion(CARDS))


async def test_an_answer_to_another_question_is_none() -> None:
    script = """
def answer(*kinds):
    number = hear()['number']
    for kind, fields in kinds:
        say(type=kind, number=number, **fields)
agreed = ('agreed', {})
answer(('pin', {'digits': '1111'}), agreed)
answer(agreed, ('pin', {'digits': '2222'}))
answer(('codes', {'values': ['1234567']}), ('declined', {}), agreed)
answer(('declined', {}), ('pin', {'digits': '2222'}))
first, second = hear(), hear()
say(type='pin', number=first['number'], digits='1111')
say(type='pin', number=second['number'], digits='2222')
"""
    async with opened(script) as prompt:
        assert (await prompt.ask(a_question(pin_pad=True))).digits == b""
        assert (await prompt.ask(a_question())).digits == b"2222"
        assert (await prompt.ask(a_codes_question(pin_pad=True))).codes == {}
        assert (await prompt.ask(a_question())).digits == b"2222"
        given_up = asyncio.ensure_future(prompt.ask(a_question()))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await prompt.ask(a_question())).digits == b"2222"


@pytest.mark.parametrize(
    "ask",
    [
        lambda prompt: prompt.ask(StartedQuestion()),
        lambda prompt: prompt.ask(a_question()),
        lambda prompt: prompt.ask(a_codes_question()),
        lambda prompt: prompt.ask(ActivationQuestion(False)),
        lambda prompt: prompt.watch(asyncio.Event().wait()),
    ],
)
async def test_cancelling_is_heard_whatever_goes_on(
    ask: Callable[[WindowPrompt], Awaitable[object]],
) -> None:
    async with opened("hear(); say(type='cancel')\n") as prompt:
        prompt.show(Step.READING)
        with pytest.raises(UserCancelledError):
            await ask(prompt)
        await prompt.wait_for_cancel()


async def test_cancelling_counts_though_the_pin_has_come() -> None:
    async with opened() as prompt:
        asking = asyncio.ensure_future(prompt.ask(a_question()))
        await asyncio.sleep(0)
        prompt._receive(bytearray(b'{"type": "pin", "number": 1, "digits": "1234"}'))
        prompt._receive(bytearray(b'{"type": "cancel"}'))
        with pytest.raises(UserCancelledError):
            await asking


async def test_work_that_is_done_counts_though_the_person_cancels() -> None:
    async with opened() as prompt:
        assert await prompt.watch(asyncio.sleep(0, "done")) == "done"


async def test_progress_is_told_in_hundredths_and_to_the_end() -> None:
    script = """
heard = []
while (message := hear())['step'] == 'receiving':
    heard.append(message['progress']['done'])
assert len(heard) < 110 and heard[0] == 0 and heard[-1] == 10_050, heard
for done in (0, 1, 2):
    assert message['progress'] == {'done': done, 'total': 2}
    message = hear()
assert message['problem']['code'] == 'CARD_REMOVED'
say(type='started')
"""
    async with opened(script) as prompt:
        for done in range(10_051):
            prompt.show(Step.RECEIVING, progress=Progress(done, 10_050))
        for done in (0, 1, 2):
            prompt.show(Step.SIGNING, progress=Progress(done, 2))
        prompt.show(Step.SIGNING, Problem("CARD_REMOVED"), Progress(2, 2))
        await prompt.ask(StartedQuestion())


@pytest.mark.parametrize(
    "last_words",
    [
        "os._exit(3)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "say(type='sing')",
        "say(type='cancel', why='so')",
        "print('no json', flush=True)",
        "print('x' * 300, flush=True)",
        "print('x' * 300_000, flush=True)",
        "say(type='pin', number=asked['number'], digits='12a4')",
    ],
)
async def test_a_window_that_dies_or_talks_nonsense_fails(last_words: str) -> None:
    script = f"{VISIBLE}asked = hear()\n{last_words}\n{TO_THE_END}"
    async with scripted(script) as (prompt, _):
        await prompt.open(a_conversation())
        with pytest.raises(PromptError):
            await prompt.ask(a_question())
        with pytest.raises(PromptError):
            await prompt.watch(asyncio.Event().wait())


async def test_a_process_that_was_dead_before_it_was_opened_fails() -> None:
    process = spawn([sys.executable, "-I", "-c", ""])
    process.wait()
    prompt = WindowPrompt(process)
    with pytest.raises(PromptError):
        await prompt.open(a_conversation())
    await prompt.close()


async def test_a_window_that_never_appears_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("native_host.pin_prompt.window._OPEN_WITHIN", 0.05)
    async with scripted(TO_THE_END) as (prompt, _):
        with pytest.raises(PromptError, match="in time"):
            await prompt.open(a_conversation())


async def test_what_is_too_long_to_be_shown_fails() -> None:
    async with opened() as prompt:
        with pytest.raises(PromptError, match="too much"):
            await prompt.ask(a_question(name="A" * MAX_REQUEST))


async def test_closing_ends_whoever_still_waits_and_a_window_that_is_deaf() -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + VISIBLE
    async with scripted(deaf + "time.sleep(600)") as (prompt, process):
        await prompt.open(a_conversation())
        asking = asyncio.ensure_future(prompt.ask(a_question()))
        await asyncio.sleep(0)
        await prompt.close()
        with pytest.raises(PromptError, match="closed"):
            await asking
        assert process.returncode == -signal.SIGKILL
    async with scripted(TO_THE_END):  # never opened
        pass


async def test_a_program_that_is_to_end_cancels_in_the_persons_place() -> None:
    async with scripted(VISIBLE + TO_THE_END) as (prompt, _):
        assert not prompt.cancel()  # it has not begun
        await prompt.open(a_conversation())
        asking = asyncio.ensure_future(prompt.ask(a_question()))
        await asyncio.sleep(0)
        assert prompt.cancel()
        with pytest.raises(UserCancelledError):
            await asking
        with pytest.raises(UserCancelledError):
            await prompt.check_cancelled()
        assert not prompt.cancel()


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
    await prompt.ask(StartedQuestion())
    prompt.show(Step.READING)
    choices = (CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2"))
    assert (await prompt.ask(CardQuestion(choices))).index == 0
    await prompt.ask(ConsentQuestion("SPECIMEN-A", "1"))
    prompt.show_caller_timeout()
    assert (await prompt.ask(a_question())).digits == bytearray(b"1234")
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
        (lambda p: p.ask(a_question(tries_left=4, wrong=True)), "refused"),
        (lambda p: p.ask(a_question(tries_left=4, repeated=True)), "refused"),
        (lambda p: p.ask(a_question(pin_pad=True)), "reader"),
        (lambda p: p.ask(a_question(role="PIN2")), "PIN2"),
        (lambda p: p.ask(a_codes_question(wrong=True)), "refused"),
        (lambda p: p.ask(a_codes_question(repeated=True)), "refused"),
        (lambda p: p.ask(a_codes_question(pin_pad=True)), "reader"),
        (lambda p: p.ask(a_codes_question()), "activation"),
        (lambda p: p.ask(ActivationQuestion(False)), "activate"),
        (
            lambda p: p.ask(OtherCardQuestion("A", True, "B", "C", "1")),
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
    typed = await AutomaticPrompt(SET_UP).ask(question)
    assert typed.codes == {field.name: bytearray(code)}
