# SPDX-License-Identifier: MIT
"""The terminal prompt, driven over a real terminal with a program's input."""

import asyncio
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from native_host.pin_prompt import texts
from native_host.pin_prompt.model import Progress, Step
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.terminal import TerminalPrompt
from tests.pin_prompt.conftest import EACH_LANGUAGE, a_conversation, a_document, a_hash
from tests.pin_prompt.terminal import ASKED, PROGRAM, Terminal, at
from tests.support.patience import patience

CANCELLED = "USER_CANCELLED"


#: What is asked, the last words of the question, and what stands before them.
QUESTIONS: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "certificate": (
        {"operation": "signing-certificate"},
        "Type yes",
        ["Nothing is signed yet"],
    ),
    "cards": (
        {
            "cards": [
                ["Reader A", "SPECIMEN-A", "1"],
                ["Reader\x1b B", "SPECIMEN-B", "2"],
            ]
        },
        "Type the number of the card",
        ["1. SPECIMEN-A, 1", "Card reader: Reader\ufffd B"],
    ),
    "pad": (
        {"pin_pad": True, "pad_problem": "timed-out"},
        "Type yes",
        ["The PIN is typed with the card reader's own keys.", "reader in time"],
    ),
    "last try": ({"tries_left": 1}, "Type yes", ["This is the last try."]),
    "started": ({"started": True}, "Type yes", ["Did you start this yourself?"]),
    "offer": (
        {"offer": "wholly"},
        "Type yes",
        ["not been activated yet", "tried with a test card only"],
    ),
    "second offer": (
        {"offer": "partly"},
        "Type yes",
        ["was not finished", "tried with a test card only"],
    ),
}


@pytest.mark.parametrize(
    ("question", "answer", "result"),
    [
        ("certificate", "yes", "agreed"),
        ("certificate", "no", CANCELLED),
        ("cards", "2", "1"),
        ("cards", " 1 ", "0"),
        *(("cards", answer, CANCELLED) for answer in ("3", "0", "")),
        ("pad", "yes", ""),
        *(("last try", answer, CANCELLED) for answer in ("", "no", "1234", "y")),
        ("started", "no", CANCELLED),
        ("offer", "yes", "agreed"),
        ("offer", "", CANCELLED),
        ("second offer", "yes", "agreed"),
        ("second offer", "", CANCELLED),
    ],
)
def test_a_question_is_answered_in_words(
    terminals: list[Terminal], question: str, answer: str, result: str
) -> None:
    asked, wanted, shown = QUESTIONS[question]
    terminal = at(terminals, **asked)
    terminal.expect(wanted)
    assert all(words in terminal.seen for words in shown), terminal.seen
    terminal.send(f"{answer}\n")
    assert terminal.result() == result
    assert "PIN1): " not in terminal.seen


def test_a_program_waits_for_pin1_and_sends_the_digits(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    assert not terminal.echoes
    terminal.send("1234\n")
    assert terminal.result() == "1234"
    assert terminal.echoes
    assert "1234" not in terminal.seen


# Signing


@EACH_LANGUAGE
@pytest.mark.parametrize("tries", [1, 5])
def test_a_program_waits_for_pin2_and_a_colon(
    terminals: list[Terminal], language: str, tries: int
) -> None:
    documents = [dataclasses.astuple(a_hash())]
    terminal = at(
        terminals,
        operation="sign",
        language=language,
        tries_left=tries,
        documents=documents,
    )
    if tries == 1:
        terminal.expect({"fi": "kyllä", "sv": "Skriv ja", "en": "Type yes"}[language])
        terminal.send({"fi": "kyllä\n", "sv": "ja\n", "en": "yes\n"}[language])
    terminal.expect("PIN2): ")
    assert not terminal.echoes
    assert not re.search(r"PIN2\W*:", terminal.seen.removesuffix("PIN2): "))
    terminal.send("123456\n")
    assert terminal.result() == "123456"


def test_what_is_signed_stands_before_the_question(
    terminals: list[Terminal], tmp_path: Path
) -> None:
    documents = [
        a_document(tmp_path, name="a\u202egpj.exe\x1b[2J"),
        a_document(tmp_path, b"%PDF-1.7", name="lease.pdf", media_type=""),
    ]
    terminal = at(
        terminals,
        operation="sign",
        documents=[dataclasses.astuple(document) for document in documents],
    )
    terminal.expect("PIN2): ")
    seen = terminal.seen.replace("\r\n", "\n")
    for shown in (
        "This service asks you to sign:",
        "Documents to sign: 2",
        r"1. a\u{202E}gpj.exe\u{1B}[2J",
        "plain text · 9 bytes",
        "2. lease.pdf",
        "PDF document · 8 bytes",
        "Hash (SHA-384): ",
        "You make 2 signatures. You type the PIN once.",
    ):
        assert shown in seen
    assert documents[0].digest in seen.replace(" ", "")
    assert "\x1b" not in seen
    terminal.send("123456\n")
    assert terminal.result() == "123456"
    assert "2 signatures. Signatures made: 1," in terminal.seen


def test_a_bare_hash_is_the_services_claim(terminals: list[Terminal]) -> None:
    documents = [dataclasses.astuple(a_hash())]
    terminal = at(terminals, operation="sign", documents=documents)
    terminal.expect("PIN2): ")
    assert "*** You do not see the document in this window" in terminal.seen
    assert "The service calls this: contract.asice" in terminal.seen
    terminal.send("\n")
    assert terminal.result() == "USER_CANCELLED"


@pytest.mark.parametrize(("answer", "result"), [("yes", "1234"), ("no", CANCELLED)])
def test_another_card_than_before_needs_a_yes(
    terminals: list[Terminal], answer: str, result: str
) -> None:
    terminal = at(terminals, before="SPECIMEN-\x1bA")
    terminal.expect("Type yes")
    assert "The card of SPECIMEN-\ufffdA was taken out of the reader." in terminal.seen
    assert "Card reader: SPECIMEN Reader 2" in terminal.seen
    assert "SPECIMEN-POHJALAINEN Aino" in terminal.seen
    terminal.send(f"{answer}\n")
    if answer == "yes":
        terminal.expect("PIN1")
        terminal.send("1234\n")
    assert terminal.result() == result


def test_each_typing_on_the_pad_is_asked_for_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompt = TerminalPrompt()
    prompt._texts = texts.load("en", "sign")
    prompt._terminal = os.open(os.devnull, os.O_WRONLY)
    try:
        for done in (0, 0, 1):
            prompt.show(Step.PIN_PAD, progress=Progress(done, 2))
    finally:
        os.close(prompt._terminal)
    said = capsys.readouterr().err
    assert said.count("Signatures made: 0 / 2") == 2
    assert said.count("Signatures made: 1 / 2") == 1


def test_how_far_a_batch_has_got_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    prompt = TerminalPrompt()
    prompt._texts = texts.load("en", "sign")
    prompt._terminal = os.open(os.devnull, os.O_WRONLY)
    try:
        for done in (0, 1, 1, 2):
            prompt.show(Step.SIGNING, progress=Progress(done, 3))
    finally:
        os.close(prompt._terminal)
    said = capsys.readouterr().err
    assert [said.count(f"Signatures made: {done} / 3") for done in range(3)] == [1] * 3
    assert said.count("You are signing") == 1


def test_the_mark_comes_with_a_question_about_a_test_card(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, test_card=True)
    terminal.expect("PIN1")
    assert terminal.seen.count("*** TEST CARD ***") == 1
    terminal.send("1234\n")
    assert terminal.result() == "1234"


# Identifying


def test_whom_what_and_to_whom_stand_before_the_question(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, origin="https://www.xn--mller-kva.example", language="fi")
    terminal.expect("PIN1")
    for shown in (
        "*** TESTIKORTTI ***",
        "https://www.xn--mller-kva.example",
        "www.müller.example",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "Tunnistautumalla luovutat nimesi ja sähköisen asiointitunnuksesi palvelulle.",
    ):
        assert shown in terminal.seen
    assert terminal.seen.count("Korttia luetaan") == 1
    terminal.send("\n")
    assert terminal.result() == "USER_CANCELLED"


# For a program


FIREFOX = {"operation": "tls-login", "origin": "", "program": "Fire\x1bfox"}


def test_a_program_is_named_and_the_address_bar_is_what_to_look_at(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, **FIREFOX)
    terminal.expect("PIN1): ")
    seen = terminal.seen.replace("\r\n", "\n")
    for shown in (
        "This program on your computer wants to use your card:\n\n    Fire\ufffdfox\n",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "You identify yourself to the site in the address bar of Fire\ufffdfox.",
        "Check the address bar before you type the PIN.",
    ):
        assert shown in seen
    assert seen.count("PIN1") == 1
    assert "\x1b" not in seen
    terminal.send("1234\n")
    assert terminal.result() == "1234"
    assert "Choose Try again there" in terminal.seen


def test_what_was_typed_stays_when_the_program_waits_no_longer(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, **FIREFOX | {"operation": "prepare-login"})
    terminal.expect("PIN1): ")
    terminal.send("12")
    for _ in range(2):
        terminal.process.send_signal(signal.SIGUSR1)
    terminal.expect("has stopped waiting")
    terminal.expect("PIN1): ")
    assert not terminal.echoes
    terminal.send("34\n")
    assert terminal.result() == "1234"
    assert terminal.seen.count("has stopped waiting") == 1
    assert "within two minutes" in terminal.seen
    assert "12" not in terminal.seen


async def test_a_kept_pin_waits_for_no_one_at_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    prompt = TerminalPrompt()
    prompt._texts = texts.load("en", "tls-login", program="Firefox")
    prompt._terminal = os.open(os.devnull, os.O_WRONLY)
    try:
        prompt.show_connections(1)
        prompt.show_connections(2)
        prompt.show_caller_timeout()
        prompt.show(Step.READY)
        waiting = asyncio.ensure_future(prompt.wait_for_cancel())
        done, _ = await asyncio.wait({waiting}, timeout=0)
        assert not done  # nobody has closed the prompt yet
        assert prompt.cancel()
        await waiting
    finally:
        os.close(prompt._terminal)
    said = capsys.readouterr().err
    assert said.startswith("Firefox has opened 2 connections at once.")
    assert said.index("Firefox has stopped") < said.index("Your PIN is right")


@pytest.mark.parametrize("answer", ["\n", "\x04"])
def test_an_empty_answer_cancels(terminals: list[Terminal], answer: str) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    terminal.send(answer)
    assert terminal.result() == "USER_CANCELLED"


def test_what_is_no_pin_is_asked_again(terminals: list[Terminal]) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    for answer, error_notice in (
        ("12", "too short"),
        ("12a4", "digits only"),
        ("1234567890123", "at most 12"),
    ):
        terminal.send(f"{answer}\n")
        terminal.expect(error_notice)
        terminal.seen = ""
        terminal.expect("PIN1")
    terminal.send("1234\n")
    assert terminal.result() == "1234"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tries_left": 3}, "You have 3 tries left."),
        ({"tries_left": 2, "wrong": True}, "The PIN was wrong."),
        ({"tries_left": 2}, "only two tries left"),
        ({"tries_left": 4, "repeated": True}, "No try was used"),
    ],
)
def test_tries_and_the_last_pin_are_told_before(
    terminals: list[Terminal], asked: dict[str, Any], said: str
) -> None:
    terminal = at(terminals, **asked)
    terminal.expect("PIN1")
    assert said in terminal.seen


@pytest.mark.parametrize(
    ("answer", "language"), [("yes", "en"), ("kyllä", "fi"), ("JA", "sv")]
)
def test_the_last_try_is_confirmed_first(
    terminals: list[Terminal], answer: str, language: str
) -> None:
    terminal = at(terminals, tries_left=1, language=language)
    terminal.expect(
        {"en": "Type yes", "fi": "Kirjoita kyllä", "sv": "Skriv ja"}[language]
    )
    assert terminal.echoes
    terminal.seen = ""
    terminal.send(f"{answer}\n")
    terminal.expect("PIN1")
    terminal.send("1234\n")
    assert terminal.result() == "1234"


def test_the_question_is_on_the_terminal_and_among_the_errors(
    terminals: list[Terminal],
) -> None:
    terminal = at(terminals, separate_errors=True)
    terminal.expect("PIN1")
    terminal.send("1234\n")
    assert isinstance(terminal.process, subprocess.Popen)
    out, errors = terminal.process.communicate(timeout=patience())
    assert out == b"1234\n"
    assert b"PIN1" in errors


def test_ctrl_c_ends_it_and_gives_the_echo_back(terminals: list[Terminal]) -> None:
    terminal = at(terminals)
    terminal.expect("PIN1")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(patience()) != 0
    assert terminal.echoes


def test_the_host_can_close_it_while_it_asks(terminals: list[Terminal]) -> None:
    terminal = at(terminals, close_after=0.01)
    assert terminal.result() == "PROMPT_FAILED"
    assert terminal.echoes


def test_without_a_terminal_it_fails_clearly() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, json.dumps(ASKED)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=patience(),
        check=True,
    )
    assert done.stdout == b"PROMPT_FAILED\n"


async def test_it_is_never_cancelled_but_by_ctrl_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = asyncio.ensure_future(TerminalPrompt().wait_for_cancel())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    assert not done
    waiting.cancel()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PromptError, match="needs a terminal"):
        await TerminalPrompt().open(a_conversation())
