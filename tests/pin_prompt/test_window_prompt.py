# SPDX-License-Identifier: MIT
"""The host's side of the window, with a scripted process and with the real one."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from native_host.errors import UserCancelledError
from native_host.pin_prompt.messages import MAX_REQUEST
from native_host.pin_prompt.model import (
    CardChoice,
    ConsentQuestion,
    OtherCardQuestion,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from native_host.pin_prompt.prompt import DeclinedError, PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.conftest import a_codes_question, a_conversation, a_question

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
    script: str, **options: float
) -> AsyncIterator[tuple[WindowPrompt, subprocess.Popen[bytes]]]:
    """A function that runs a script as the window; the teardown ends it."""
    process = spawn([sys.executable, "-I", "-c", HEAD + script])
    prompt = WindowPrompt(process, **options)
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


async def test_a_pin_comes_in_a_buffer_that_can_be_wiped() -> None:
    answer = "say(type='pin', number=hear()['number'], digits='1234')\n"
    async with opened(answer) as prompt:
        pin = await prompt.ask_pin(a_question())
        assert type(pin) is bytearray
        assert pin == b"1234"


async def test_what_was_said_is_what_the_window_hears() -> None:
    script = """
opened = hear()
say(type='visible')
assert opened['conversation']['origin'] == 'https://login.service.example'
assert hear() == {'type': 'ask-started'}
say(type='started')
assert hear() == {
    'type': 'show', 'step': 'reading', 'problem': None, 'progress': None
}
asked = hear()
assert asked['question']['satu'] == '99902038C'
say(type='pin', number=asked['number'], digits='1234')
"""
    async with scripted(script + TO_THE_END) as (prompt, _):
        await prompt.open(a_conversation())
        await prompt.ask_started()
        prompt.show(Step.READING)
        assert await prompt.ask_pin(a_question()) == b"1234"


async def test_a_program_that_waits_no_longer_is_told_of_in_the_midst() -> None:
    script = """
opened = hear()
say(type='visible')
assert opened['conversation']['program'] == 'Firefox'
asked = hear()
assert hear() == {'type': 'connections', 'count': 2}
assert hear() == {'type': 'caller-timed-out'}
say(type='pin', number=asked['number'], digits='1234')
"""
    async with scripted(script + TO_THE_END) as (prompt, _):
        await prompt.open(
            a_conversation(operation="prepare-login", origin="", program="Firefox")
        )
        asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        prompt.show_connections(2)
        prompt.show_caller_timeout()
        assert await asking == b"1234"
        await prompt.close()
        prompt.show_caller_timeout()  # the window is gone, which is no error
        prompt.show_connections(2)


def codes(*values: str) -> str:
    """A script that answers the next question with these codes."""
    return f"say(type='codes', number=hear()['number'], values={list(values)})\n"


async def test_codes_come_each_in_a_buffer_by_its_name() -> None:
    answer = codes("1234567", "2580", "739146")
    async with opened(answer) as prompt:
        typed = await prompt.ask_codes(a_codes_question())
        assert typed == {
            "activation": b"1234567",
            "new-PIN1": b"2580",
            "new-PIN2": b"739146",
        }
        assert {type(code) for code in typed.values()} == {bytearray}


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
    async with opened(codes(*values)) as prompt:
        with pytest.raises(PromptError, match="don't fit"):
            await prompt.ask_codes(a_codes_question())


async def test_where_codes_are_typed_on_the_reader_none_come() -> None:
    script = """
asked = hear()
assert asked['question']['pin_pad']
say(type='codes', number=asked['number'], values=['1234567'])
say(type='agreed', number=asked['number'])
"""
    async with opened(script) as prompt:
        assert await prompt.ask_codes(a_codes_question(pin_pad=True)) == {}


async def test_activation_is_offered() -> None:
    script = """
asked = hear()
assert asked == {'type': 'offer-activation', 'number': 1, 'partly': True}
say(type='agreed', number=asked['number'])
"""
    async with opened(script) as prompt:
        await prompt.offer_activation(partly=True)


async def test_unlocking_is_offered_and_codes_are_declined() -> None:
    script = """
asked = hear()
assert (asked['type'], asked['number']) == ('offer-unlock', 1)
say(type='agreed', number=asked['number'])
asked = hear()
say(type='declined', number=asked['number'])
"""
    question = UnlockQuestion("PIN1", "SPECIMEN-POHJALAINEN Aino", "99902038C")
    async with opened(script) as prompt:
        await prompt.offer_unlock(question)
        with pytest.raises(DeclinedError):
            await prompt.ask_codes(a_codes_question(can_decline=True))


async def test_a_question_that_leads_nowhere_back_is_not_declined() -> None:
    script = """
asked = hear()
say(type='declined', number=asked['number'])
say(type='agreed', number=asked['number'])
"""
    async with opened(script) as prompt:
        assert await prompt.ask_codes(a_codes_question(pin_pad=True)) == {}


@pytest.mark.parametrize("ask", ["started", "pin", "codes", "offer", "watch", "wait"])
async def test_cancelling_is_heard_whatever_goes_on(ask: str) -> None:
    cancel = "hear(); say(type='cancel')\n"
    async with opened(cancel) as prompt:
        prompt.show(Step.READING)
        if ask == "wait":
            await prompt.wait_for_cancel()
            return
        with pytest.raises(UserCancelledError):
            if ask == "started":
                await prompt.ask_started()
            elif ask == "pin":
                await prompt.ask_pin(a_question())
            elif ask == "codes":
                await prompt.ask_codes(a_codes_question())
            elif ask == "offer":
                await prompt.offer_activation(partly=False)
            else:
                await prompt.watch(asyncio.Event().wait())


async def test_cancelling_counts_though_the_pin_has_come() -> None:
    async with opened() as prompt:
        asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        prompt._receive(bytearray(b'{"type": "pin", "number": 1, "digits": "1234"}'))
        prompt._receive(bytearray(b'{"type": "cancel"}'))
        with pytest.raises(UserCancelledError):
            await asking


async def test_work_that_is_done_counts_though_the_person_cancels() -> None:
    async with opened() as prompt:
        assert await prompt.watch(asyncio.sleep(0, "done")) == "done"


async def test_a_card_is_chosen_and_consent_given() -> None:
    script = """
asked = hear()
assert [choice['reader'] for choice in asked['choices']] == ['Reader A', 'Reader B']
say(type='chosen', number=asked['number'], index=1)
assert (asked := hear())['question']['before'] == 'SPECIMEN-A'
say(type='agreed', number=asked['number'])
asked = hear()
assert asked['question'] == {'name': 'SPECIMEN-A', 'satu': '1', 'test_card': False}
say(type='agreed', number=asked['number'])
asked = hear()
assert asked['question']['pin_pad'] is True
say(type='agreed', number=asked['number'])
"""
    async with opened(script) as prompt:
        assert await prompt.choose_card(CARDS) == 1
        other = OtherCardQuestion("SPECIMEN-A", True, "B", "SPECIMEN-B", "1")
        await prompt.confirm_other_card(other)
        await prompt.ask_consent(ConsentQuestion("SPECIMEN-A", "1"))
        assert await prompt.ask_pin(a_question(pin_pad=True)) == b""


CARDS = [
    CardChoice("Reader A", "SPECIMEN-A", "1"),
    CardChoice("Reader B", "SPECIMEN-B", "2"),
]


async def test_a_card_that_there_is_not_is_not_chosen() -> None:
    script = "say(type='chosen', number=hear()['number'], index=2)\n"
    async with opened(script) as prompt:
        with pytest.raises(PromptError):
            await prompt.choose_card(CARDS)


async def test_an_answer_to_another_kind_of_question_is_none() -> None:
    script = """
number = hear()['number']
say(type='pin', number=number, digits='1111')
say(type='agreed', number=number)
number = hear()['number']
say(type='agreed', number=number)
say(type='pin', number=number, digits='2222')
"""
    async with opened(script) as prompt:
        assert await prompt.ask_pin(a_question(pin_pad=True)) == b""
        assert await prompt.ask_pin(a_question()) == b"2222"


async def test_progress_is_told_in_hundredths_and_to_the_end() -> None:
    script = """
heard = []
while (message := hear())['type'] == 'show':
    heard.append(message['progress']['done'])
assert len(heard) < 110 and heard[0] == 0 and heard[-1] == 10_000, heard
say(type='started')
"""
    async with opened(script) as prompt:
        for done in range(10_001):
            prompt.show(Step.RECEIVING, progress=Progress(done, 10_000))
        await prompt.ask_started()


async def test_few_signatures_are_each_told() -> None:
    script = """
for done in (0, 1, 2):
    assert hear()['progress'] == {'done': done, 'total': 2}
assert hear()['problem']['code'] == 'CARD_REMOVED'
say(type='started')
"""
    async with opened(script) as prompt:
        for done in (0, 1, 2):
            prompt.show(Step.SIGNING, progress=Progress(done, 2))
        prompt.show(Step.SIGNING, Problem("CARD_REMOVED"), Progress(2, 2))
        await prompt.ask_started()


async def test_a_late_answer_is_not_taken_for_the_next_question() -> None:
    script = """
first, second = hear(), hear()
say(type='pin', number=first['number'], digits='1111')
say(type='pin', number=second['number'], digits='2222')
"""
    async with opened(script) as prompt:
        given_up = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert await prompt.ask_pin(a_question()) == b"2222"


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
            await prompt.ask_pin(a_question())
        with pytest.raises(PromptError):
            await prompt.watch(asyncio.Event().wait())


async def test_a_process_that_was_dead_before_it_was_opened_fails() -> None:
    process = spawn([sys.executable, "-I", "-c", ""])
    process.wait()
    prompt = WindowPrompt(process)
    with pytest.raises(PromptError):
        await prompt.open(a_conversation())
    await prompt.close()


async def test_a_window_that_never_appears_fails() -> None:
    async with scripted(TO_THE_END, open_within=0.05) as (prompt, _):
        with pytest.raises(PromptError, match="in time"):
            await prompt.open(a_conversation())


async def test_what_is_too_long_to_be_shown_fails() -> None:
    async with opened() as prompt:
        with pytest.raises(PromptError, match="too much"):
            await prompt.ask_pin(a_question(name="A" * MAX_REQUEST))


async def test_closing_ends_whoever_still_waits() -> None:
    async with opened() as prompt:
        asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        await prompt.close()
        with pytest.raises(PromptError, match="closed"):
            await asking
        await prompt.close()


async def test_a_window_that_does_not_listen_is_ended_anyway() -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + VISIBLE
    async with scripted(deaf + "time.sleep(600)") as (prompt, process):
        await prompt.open(a_conversation())
        await prompt.close()
        assert process.returncode == -signal.SIGKILL


async def test_a_window_that_was_never_opened_is_put_away() -> None:
    process = spawn([sys.executable, "-I", "-c", HEAD + TO_THE_END])
    await WindowPrompt(process).close()
    assert process.returncode is not None


async def test_a_program_that_is_to_end_cancels_in_the_persons_place() -> None:
    async with scripted(VISIBLE + TO_THE_END) as (prompt, _):
        assert not prompt.cancel()  # it has not begun
        await prompt.open(a_conversation())
        asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
        await asyncio.sleep(0)
        assert prompt.cancel()
        with pytest.raises(UserCancelledError):
            await asking
        with pytest.raises(UserCancelledError):
            await prompt.check_cancelled()
        assert not prompt.cancel()
