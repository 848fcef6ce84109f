# SPDX-License-Identifier: MIT
"""The terminal prompt, driven over a real terminal with a program's input."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from native_host.pin_prompt import texts
from native_host.pin_prompt.model import (
    ActivationQuestion,
    CanQuestion,
    CardChoice,
    CardQuestion,
    ConsentQuestion,
    OtherCardQuestion,
    Problem,
    Progress,
    StartedQuestion,
    Step,
)
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.terminal import TerminalPrompt
from native_host.platform import system
from native_host.texts.language import SPOKEN
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    HOLDER,
    NEW_PIN1,
    NEW_PIN2,
    PUK,
    SEVEN,
    SITE,
    a_codes_question,
    a_conversation,
    a_document,
    a_hash,
    a_question,
)
from tests.pin_prompt.terminal import PROGRAM, Call, Terminal, call, command
from tests.support.patience import patience

CANCELLED, DECLINED = "USER_CANCELLED", "declined"
At = Callable[..., Terminal]


def pin1(**changes: Any) -> Call:
    return call("ask", a_question(**changes))


def pin2(**changes: Any) -> Call:
    return pin1(**{"role": "PIN2", "min_length": 6, "documents": (a_hash(),)} | changes)


@contextlib.contextmanager
def written(prompt: TerminalPrompt) -> Iterator[None]:
    """Have a prompt write to standard error, as if it were open."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    prompt._terminal = system.Terminal(nowhere)
    try:
        yield
    finally:
        os.close(nowhere)


# -- Questions -------------------------------------------------------------------------

CARDS = (CardChoice("Reader A", "SPECIMEN-A", "1"), CardChoice("B\x1b", "B", "2"))
OTHER = OtherCardQuestion("SPECIMEN-\x1bA", True, "SPECIMEN Reader 2", HOLDER, "1")
ON_PAD = a_codes_question(
    operation="unblock", pin="PIN2", at_risk="PUK", pin_pad=True, fields=(PUK, NEW_PIN2)
)
#: A call, words of its question, and a result for each answer.
QUESTIONS: list[tuple[Call, list[str], dict[str, str]]] = [
    (
        call("ask", ConsentQuestion(HOLDER, "1")),
        [HOLDER, "Type yes"],
        {"yes": "agreed", "no": CANCELLED},
    ),
    (
        call("ask", CardQuestion(CARDS)),
        ["1. SPECIMEN-A, 1", "Card reader: B\ufffd", "Type the number of the card"],
        {"2": "1", " 1 ": "0", "3": CANCELLED, "0": CANCELLED, "": CANCELLED},
    ),
    (
        call("ask", OTHER),
        [
            "The card of SPECIMEN-\ufffdA was taken out of the reader.",
            *(HOLDER, "Card reader: SPECIMEN Reader 2", "Type yes"),
        ],
        {"yes": "agreed", "no": CANCELLED},
    ),
    (
        pin1(pin_pad=True, pad_problem="timed-out"),
        ["reader in time", "typed with the card reader's own keys.", "Type yes"],
        {"yes": ""},
    ),
    (
        pin1(tries_left=1),
        ["This is the last try.", "Type yes"],
        {"": CANCELLED, "no": CANCELLED, "1234": CANCELLED, "y": CANCELLED},
    ),
    (
        call("ask", ActivationQuestion(False)),
        ["is not activated yet", "Tried with test cards only", "Type yes"],
        {"yes": "agreed", "": CANCELLED},
    ),
    (
        # That nobody has a PIN is said at the PIN: here "no" is about the last try.
        pin1(tries_left=1, can_activate=True),
        ["This is the last try.", "Type yes"],
        {"no": CANCELLED, " Nej ": CANCELLED, "1234": CANCELLED},
    ),
    (
        pin1(pin_pad=True, can_activate=True),
        ["If you have no PIN yet, type no.", "Type yes"],
        {"EI": DECLINED, " Nej ": DECLINED, "yes": ""},
    ),
    (
        call("ask", ActivationQuestion(False, undecided=True)),
        ["if you have no PINs yet", "Tried with test cards only", "Type yes"],
        {"yes": "agreed", "no": CANCELLED},
    ),
    (
        call("ask", ActivationQuestion(True)),
        ["was not finished", "Tried with test cards only", "Type yes"],
        {"yes": "agreed"},
    ),
    (
        call("ask", a_codes_question(tries_left=1, at_risk="PUK", wrong=True)),
        ["activation code was wrong.", "never again be used online", "Type yes"],
        {"": CANCELLED, "1234567": CANCELLED},
    ),
    (
        call("ask", StartedQuestion()),
        ["Did you start this yourself?"],
        {"no": CANCELLED},
    ),
    (
        call("ask", ON_PAD),
        [
            "The reader asks first for the PUK code",
            *("New signature PIN (PIN2): 6–8 digits.", "Type yes"),
        ],
        {"yes": ""},
    ),
]


@pytest.mark.parametrize(
    ("asked", "shown", "answer", "result"),
    [
        (asked, shown, answer, result)
        for asked, shown, answers in QUESTIONS
        for answer, result in answers.items()
    ],
)
def test_a_question_is_answered_in_words(
    at: At, asked: Call, shown: list[str], answer: str, result: str
) -> None:
    terminal = at(asked)
    for words in shown:
        terminal.wait_for(words)
    assert terminal.echoes
    terminal.type(f"{answer}\n")
    assert terminal.result() == result
    assert "PIN1): " not in terminal.seen


# -- PINs ------------------------------------------------------------------------------


def test_whom_what_and_to_whom_stand_before_the_question(at: At) -> None:
    origin = "https://www.xn--mller-kva.example"
    reading = call("show", Step.READING)
    terminal = at(reading, reading, pin1(), origin=origin, language="fi")
    terminal.wait_for("PIN1")
    for shown in (
        *("*** TESTIKORTTI ***", origin, "www.müller.example", HOLDER, "99902038C"),
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle.",
    ):
        assert shown in terminal.seen
    assert terminal.seen.count("Korttia luetaan") == 1
    assert not terminal.echoes
    terminal.type("1234\n")
    assert terminal.result() == "1234"
    assert terminal.echoes
    assert "1234" not in terminal.seen


@EACH_LANGUAGE
def test_who_has_no_pin_yet_says_so_in_place_of_it(at: At, language: str) -> None:
    text = texts.Texts(language)
    terminal = at(pin1(can_activate=True), language=language)
    terminal.wait_for("PIN1): ")
    assert text("no_pin.more") in terminal.seen
    assert text("terminal.no_pin") in terminal.seen
    terminal.type(f"{text('terminal.no')}\n")
    assert terminal.result() == DECLINED


def test_a_word_in_place_of_a_pin_that_must_be_there_is_not_taken(at: At) -> None:
    terminal = at(pin1())
    terminal.answer(("PIN1): ", "no"), ("PIN1): ", "1234"))
    assert terminal.result() == "1234"
    assert "Type digits only." in terminal.seen


@EACH_LANGUAGE
@pytest.mark.parametrize("tries", [1, 5])
def test_a_program_waits_for_pin2_and_colon(at: At, language: str, tries: int) -> None:
    text = texts.Texts(language, "sign")
    terminal = at(pin2(tries_left=tries), operation="sign", language=language)
    if tries == 1:
        terminal.answer((text("terminal.go_on"), text("terminal.yes").upper()))
    terminal.wait_for("PIN2): ")
    assert not terminal.echoes
    assert not re.search(r"PIN2\W*:", terminal.seen.removesuffix("PIN2): "))
    assert f"*** {text('hashes.warning')}" in terminal.seen
    assert text("document.claimed_name", name="contract.asice") in terminal.seen
    terminal.type("123456\n")
    assert terminal.result() == "123456"


def test_what_is_signed_stands_before_the_question(at: At, tmp_path: Path) -> None:
    documents = (
        a_document(tmp_path, name="a\u202egpj.exe\x1b[2J"),
        a_document(tmp_path, b"%PDF-1.7", name="lease.pdf", media_type=""),
    )
    failed = call("show", Step.FAILED, Problem("SIGNING_INTERRUPTED", "1/2"))
    asked = pin2(documents=documents)
    terminal = at(asked, failed, call("wait_for_cancel"), operation="sign")
    terminal.wait_for("PIN2): ")
    for shown in (
        *("This service asks you to sign:", "Documents to sign: 2"),
        *(r"1. a\u{202E}gpj.exe\u{1B}[2J", "text file · 9 bytes"),
        *("2. lease.pdf", "PDF document · 8 bytes", "Hash (SHA-384): "),
        "You make 2 signatures. You type the PIN once.",
    ):
        assert shown in terminal.seen
    assert documents[0].digest in terminal.seen.replace(" ", "")
    assert "\x1b" not in terminal.seen
    terminal.type("123456\n")
    assert terminal.result() == "123456\nagreed"
    assert "2 signatures. Signatures made: 1," in terminal.seen


def test_mark_and_result_of_the_last_pin_come_with_the_question(at: At) -> None:
    question = pin1(test_card=True, tries_left=2, wrong=True)
    terminal = at(question, test_card=False)
    terminal.wait_for("PIN1")
    assert terminal.seen.count("*** TEST CARD ***") == 1
    assert "The PIN was wrong.\nYou have only two tries left." in terminal.seen


@pytest.mark.parametrize("answer", ["\n", "\x04"])
def test_an_empty_answer_cancels(at: At, answer: str) -> None:
    terminal = at(pin1())
    terminal.wait_for("PIN1")
    terminal.type(answer)
    assert terminal.result() == CANCELLED


def test_what_is_no_pin_is_asked_again(at: At) -> None:
    terminal = at(pin1())
    terminal.answer(("PIN1): ", "12"), ("PIN1): ", "12a4"), ("PIN1): ", "1" * 13))
    terminal.answer(("PIN1): ", "1234"))
    assert terminal.result() == "1234"
    for said in ("too short", "digits only", "at most 12"):
        assert said in terminal.seen


def test_where_the_reader_refuses_its_keys_the_pin_is_typed_here(at: At) -> None:
    terminal = at(pin1(pad_problem="refused", pad_unused=True))
    terminal.wait_for("Otherwise type the PIN on the computer's keyboard.")
    terminal.answer(("PIN1): ", "1234"))
    assert terminal.result() == "1234"


# -- For a program ---------------------------------------------------------------------

FIREFOX = {"operation": "tls-login", "origin": "", "program": "Fire\x1bfox"}
READY = call("show", Step.READY)


def test_a_program_is_named_and_the_address_bar_is_what_to_look_at(at: At) -> None:
    terminal = at(pin1(), READY, **FIREFOX)
    terminal.wait_for("PIN1): ")
    for shown in (
        "This program on your computer wants to use your card:\n\n    Fire\ufffdfox\n",
        *(HOLDER, "99902038C"),
        "You identify yourself to the site in the address bar of Fire\ufffdfox.",
        "Check the address bar before you type the PIN.",
    ):
        assert shown in terminal.seen
    assert terminal.seen.count("PIN1") == 1
    assert "\x1b" not in terminal.seen
    terminal.type("1234\n")
    assert terminal.result() == "1234"
    assert "Choose Try again there" in terminal.seen


def test_what_was_typed_stays_when_the_program_waits_no_longer(at: At) -> None:
    terminal = at(pin1(), READY, **FIREFOX | {"operation": "prepare-login"})
    terminal.wait_for("PIN1): ")
    terminal.type("12")
    for _ in range(2):
        terminal.signal(signal.SIGUSR1)
    terminal.wait_for("has stopped waiting")
    terminal.wait_for("PIN1): ")
    assert not terminal.echoes
    terminal.type("34\n")
    assert terminal.result() == "1234"
    assert terminal.seen.count("has stopped waiting") == 1
    assert "within two minutes" in terminal.seen
    assert "12" not in terminal.seen


@EACH_LANGUAGE
def test_a_caller_that_is_no_browser_is_named_first(at: At, language: str) -> None:
    terminal = at(pin1(), language=language, caller="python3.13")
    text = texts.Texts(language, "authenticate")
    terminal.wait_for(f"*** {text('caller.asks')} python3.13. {text('caller.check')}")
    terminal.wait_for(SITE)
    terminal.wait_for("PIN1")


async def test_what_is_said_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    prompt = TerminalPrompt()
    prompt._texts = texts.Texts("en", "sign")
    with written(prompt):
        for done in (0, 1, 1, 2):
            prompt.show(Step.SIGNING, progress=Progress(done, 3))
        # Each typing on the pad is asked for anew.
        for done in (0, 0, 1):
            prompt.show(Step.PIN_PAD, progress=Progress(done, 2))
        said = capsys.readouterr().err
        counts = [said.count(f"Signatures made: {n} / 3") for n in range(3)]
        counts += [said.count(f"Signatures made: {n} / 2") for n in range(2)]
        assert counts == [1, 1, 1, 2, 1]
        assert said.count("You are signing") == 1
        prompt._texts = texts.Texts("en", "tls-login", program="Firefox")
        prompt.show_connections(1)
        prompt.show_connections(2)
        prompt.show_caller_timeout()
        prompt.show(Step.READY)
        # Nobody has closed the prompt yet. A kept PIN waits for no one.
        waiting = asyncio.ensure_future(prompt.wait_for_cancel())
        ended, _ = await asyncio.wait({waiting}, timeout=0)
        assert not ended
        assert prompt.cancel()
        await waiting
    said = capsys.readouterr().err
    assert said.startswith("Firefox has opened 2 connections at once.")
    assert said.index("Firefox has stopped") < said.index("Your PIN is right")


async def test_what_is_no_can_is_wiped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the PIN."""
    typed = [bytearray(each) for each in (b"1234", b"12345a", b"654321")]
    answers = iter(typed)

    async def ask(_words: str) -> bytearray:
        return next(answers)

    prompt = TerminalPrompt()
    prompt._texts = texts.Texts("en", "sign")
    monkeypatch.setattr(prompt, "_ask", ask)
    with written(prompt):
        answer = await prompt.ask(CanQuestion())
        assert answer.digits is typed[-1]
    assert typed == [bytes(4), bytes(6), b"654321"]
    said = capsys.readouterr().err
    assert said.count("Nothing was sent to the card.") == 2
    assert "1234" not in said


@pytest.mark.parametrize("language", SPOKEN)
def test_no_text_in_a_terminal_names_the_windows_button(language: str) -> None:
    text = texts.Texts(language)
    text.in_terminal = True
    for key in (
        *("authenticate.last_try", "sign.last_try", "pin.two_tries"),
        *("manage.two_tries", "pin_pad.refused", "manage.pin_pad.refused"),
        *("activate.last_try.PUK", "change-pin.last_try.PIN1"),
        *("unblock.last_try.PUK", "prepare-login.pin_pad.consent"),
    ):
        words = text(key)
        assert "Ctrl+C" in words, key
        assert not re.search(rf"\b{text('cancel')}\b", words), key


# -- Codes -----------------------------------------------------------------------------

OWN = {"operation": "activate", "origin": ""}
CODE, AGAIN = ("code, 7 digits: ", "1234567"), "once more: "
EASY = "other answer you choose another: "


def activate(at: At, *later: Call, **changes: Any) -> Terminal:
    """Start the activation of a card by a code of seven digits."""
    asked = call("ask", a_codes_question(**changes))
    return at(asked, *later, **OWN)


def test_all_codes_are_asked_for_and_the_new_ones_twice(at: At) -> None:
    terminal = activate(at, call("show", Step.SIGNING), call("show", Step.DONE))
    terminal.wait_for("code, 7 digits: ")
    assert not terminal.echoes
    terminal.type("1234567\n")
    terminal.answer(
        ("(PIN1), 4–8 digits: ", "2580"),
        (f"(PIN1) {AGAIN}", "2580"),
        ("(PIN2), 6–8 digits: ", "739146"),
        (f"(PIN2) {AGAIN}", "739146"),
    )
    assert terminal.result() == "activation 1234567 new-PIN1 2580 new-PIN2 739146"
    assert terminal.echoes
    for said in (
        "No web page sees your PINs",
        "Take out the letter with this card's activation code.",
        "Tried with test cards only",
        *("You have 5 tries left.", "unlocked only with a PUK code"),
        *("Activating the card.", "The card has been activated."),
    ):
        assert said in terminal.seen
    assert "https://" not in terminal.seen
    assert not re.search("1234567|2580|739146", terminal.seen)


@pytest.mark.parametrize(
    ("fields", "answers", "result", "said"),
    [
        (
            (SEVEN, NEW_PIN1),
            [
                *(("7 digits: ", code) for code in ("12345678", "1234 67", "1234567")),
                *(("4–8 digits: ", code) for code in ("258", "2580")),
                *((AGAIN, "2581"), ("4–8 digits: ", "1234"), (EASY, "2580")),
                *(("4–8 digits: ", "1234"), (EASY, "yes"), (AGAIN, "1234")),
            ],
            "activation 1234567 new-PIN1 1234",
            [
                *("The code must have 7 digits", "Type digits only."),
                "Digits typed: 3. There should be 4–8 digits.",
                "The new PIN was not typed the same way twice.",
                "This PIN is easy to guess",
            ],
        ),
        (
            (SEVEN, NEW_PIN1, NEW_PIN2),
            [
                *(CODE, ("4–8 digits: ", "739146"), (AGAIN, "739146")),
                *(("6–8 digits: ", "739146"), (EASY, "yes"), (AGAIN, "739146")),
            ],
            "activation 1234567 new-PIN1 739146 new-PIN2 739146",
            ["Both PINs are the same."],
        ),
        (
            (SEVEN, NEW_PIN2),
            # The last try is confirmed first.
            [
                ("Type yes", "yes"),
                CODE,
                ("6–8 digits: ", "1234567"),
                (EASY, "yes"),
                (AGAIN, "1234567"),
            ],
            "activation 1234567 new-PIN2 1234567",
            ["This is the code in the letter, or the PUK code."],
        ),
    ],
)
def test_what_does_not_fit_is_explained_and_asked_for_again(
    at: At, fields: Any, answers: list[tuple[str, str]], result: str, said: list[str]
) -> None:
    tries = 1 if answers[0][1] == "yes" else 5
    terminal = activate(at, fields=fields, tries_left=tries)
    terminal.answer(*answers)
    assert terminal.result() == result
    assert not [words for words in said if words not in terminal.seen]
    # Another PIN in place of yes is not shown either.
    typed = [answer for _, answer in answers if answer.isdigit()]
    assert not [answer for answer in typed if f": {answer}" in terminal.seen]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_empty_answer_cancels_anywhere(at: At, after: int) -> None:
    terminal = activate(at, fields=(SEVEN, NEW_PIN1))
    steps = [CODE, ("4–8 digits: ", "2580"), (AGAIN, "2580")]
    terminal.answer(*steps[:after], (steps[after][0], ""))
    assert terminal.result() == CANCELLED


# -- The terminal ----------------------------------------------------------------------


def test_the_question_is_on_the_terminal_and_among_the_errors(at: At) -> None:
    terminal = at(pin1(), separate_errors=True)
    terminal.wait_for("PIN1")
    terminal.type("1234\n")
    assert isinstance(terminal.process, subprocess.Popen)
    out, errors = terminal.process.communicate(timeout=patience())
    assert out == b"1234\n"
    assert b"PIN1" in errors


def test_ctrl_c_ends_it_and_gives_the_echo_back(at: At) -> None:
    terminal = at(pin1())
    terminal.wait_for("PIN1")
    terminal.signal(signal.SIGINT)
    assert terminal.process.wait(patience()) != 0
    assert terminal.echoes


def test_the_host_can_close_it_while_it_asks(at: At) -> None:
    terminal = at(pin1(), close_after=0.01)
    assert terminal.result() == "PROMPT_FAILED"
    assert terminal.echoes


def test_without_a_terminal_it_fails_clearly() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, command(a_conversation(), pin1())],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=patience(),
        check=True,
    )
    assert done.stdout == b"PROMPT_FAILED\n"


async def test_without_an_input_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PromptError, match="needs a terminal"):
        await TerminalPrompt().open(a_conversation())
