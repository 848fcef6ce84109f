# SPDX-License-Identifier: MIT
"""What a screen reader hears at once when a page appears has few words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEventLoop
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QApplication
from shiboken6 import delete

from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import MOST_WORDS, Announcement, Page
from native_host.pin_prompt.gui.pages import StepPage
from native_host.pin_prompt.gui.prompt_window import create_page
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    Connections,
    OfferActivation,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    CardChoice,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    Operation,
    OtherCardQuestion,
    Problem,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    NEVER,
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    Stage,
    a_codes_question,
    a_conversation,
    a_document,
    a_hash,
    a_question,
)

EACH = pytest.mark.parametrize("language", texts.languages())
NAME = "SPECIMEN-POHJALAINEN Aino"
CARDS = (CardChoice("Reader A", NAME, "1"), CardChoice("B", NAME, "2"))
FOR_PIN1: tuple[Operation, ...] = ("authenticate", "tls-login", "prepare-login")
MANAGED: dict[Operation, dict[str, Any]] = {
    "activate": {"fields": (SEVEN, NEW_PIN1, NEW_PIN2)},
    "change-pin": {"fields": (OLD_PIN, NEW_PIN2), "pin": "PIN2", "at_risk": "PIN2"},
    "unblock": {"fields": (PUK, NEW_PIN1), "pin": "PIN1", "at_risk": "PUK"},
}
OTHER_CARDS = [
    OtherCardQuestion("SPECIMEN-AALTO Ville", removed, "Reader B", NAME, "1")
    for removed in (True, False)
]
STATUS: tuple[dict[str, Any], ...] = (
    {},
    {"tries_left": 4, "wrong": True},
    {"tries_left": 2},
    {"tries_left": 2, "wrong": True, "repeated": True},
    {"tries_left": 1},
    {"tries_left": 1, "wrong": True},
    {"tries_left": 3, "pin_pad": True, "pad_problem": "timed-out"},
    {"tries_left": 1, "pin_pad": True, "wrong": True},
)
PLACES: dict[str, dict[str, Any]] = {
    "site": {},
    "program": {"origin": "", "program": "Firefox"},
    "own": {"origin": ""},
    "stranger": {"caller": "python3.13"},
}


def place_of(operation: Operation) -> str:
    if operation in MANAGED:
        return "own"
    return "program" if operation in ("tls-login", "prepare-login") else "site"


def requests(operation: Operation, folder: Path) -> Iterator[WindowRequest]:
    """Yield a request for each page that an operation can show."""
    if operation in ("authenticate", "sign", "signing-certificate"):
        yield AskStarted()
    yield ChooseCard(1, CARDS)
    yield from (Ask(1, each) for each in OTHER_CARDS)
    if operation == "signing-certificate":
        yield Ask(1, ConsentQuestion(NAME, "1"))
    if operation == "activate":
        yield OfferActivation(1, partly=False)
        yield OfferActivation(1, partly=True)
    yield Ask(1, UnlockQuestion("PIN2", NAME, "1"))
    for step in Step:
        yield Show(step)
    for code in problems():
        yield Show(Step.WAITING_FOR_CARD, Problem(code))
    yield Show(Step.FAILED, Problem("SIGNING_INTERRUPTED", "2/3"))
    for status in STATUS:
        if operation in FOR_PIN1:
            yield Ask(1, a_question(**status))
        elif operation == "sign":
            pin2 = {"role": "PIN2", "min_length": 6}
            for documents in (
                (a_document(folder, name="lease.txt"), a_document(folder)),
                (a_hash(), a_hash()),
            ):
                yield Ask(1, a_question(documents=documents, **pin2, **status))
        for question in codes_questions(operation, status):
            yield Ask(1, question)
    if operation in FOR_PIN1:
        yield Ask(1, a_question(unlocked=True))


def codes_questions(
    operation: Operation, status: dict[str, Any]
) -> Iterator[CodesQuestion]:
    if operation not in MANAGED:
        return
    asked = MANAGED[operation]
    yield a_codes_question(operation=operation, **asked, **status)
    if operation == "activate":
        yield a_codes_question(**asked, **status, at_risk="PUK")
        done = {"fields": (SEVEN, NEW_PIN2), "done": ("PIN1",)}
        yield a_codes_question(**done, **status)


def problems() -> list[str]:
    """Return the codes that have a text, without their details."""
    keys = texts.load("en")._catalogue
    found = {
        key.split("problem.")[1].split(".")[0] for key in keys if "problem." in key
    }
    return sorted(found)


OPERATIONS: tuple[Operation, ...] = (
    *FOR_PIN1,
    "sign",
    "signing-certificate",
    *MANAGED,
)


def announced(request: Any, conversation: Conversation, text: texts.Texts) -> str:
    """Return what is announced when the page for a request appears."""
    guard = InputGuard(NEVER, 2 * NEVER)
    page: Page
    if isinstance(request, Show):
        page = StepPage(conversation, text, request.step, request.problem)
    else:
        page = create_page(request, conversation, text, guard)
    said = str(page.announcement)
    for part in (*page.buttons, page):
        delete(part)  # which its own signals would keep alive
    return said


@EACH
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_page_is_announced_in_few_words(
    application: QApplication, tmp_path: Path, operation: Operation, language: str
) -> None:
    place = PLACES[place_of(operation)]
    conversation = a_conversation(operation=operation, language=language, **place)
    for request in requests(operation, tmp_path):
        question: Any = getattr(request, "question", None)
        pin = getattr(question, "pin", "")
        text = texts.load(language, operation, pin, conversation.program)
        said = announced(request, conversation, text)
        assert len(said.split()) <= MOST_WORDS, said
        if question is not None:
            assert NAME in said
        if getattr(question, "tries_left", 5) == 1:
            risk = f".{question.at_risk}" if operation in MANAGED else ""
            first, second, *_ = text(f"last_try{risk}").split(". ")
            assert f"{first}. {second}." in said


@EACH
@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("authenticate", AskStarted()),
        ("authenticate", Ask(1, a_question(tries_left=1))),
        ("prepare-login", Ask(1, a_question(tries_left=1, pin_pad=True))),
        ("signing-certificate", Ask(1, ConsentQuestion(NAME, "1"))),
        ("sign", Ask(1, a_question(tries_left=1, documents=(a_hash(), a_hash())))),
        ("activate", Ask(1, a_codes_question(tries_left=1, at_risk="PUK"))),
    ],
)
def test_a_stranger_s_first_question_is_announced_in_few_words(
    stage: Stage,
    spoken: list[str],
    operation: Operation,
    request_: WindowRequest,
    language: str,
) -> None:
    place = PLACES[place_of(operation)] | PLACES["stranger"]
    stage.open(operation=operation, language=language, **place)
    stage.handle(request_)
    assert spoken[-1].count("python3.13") == 1
    assert len(spoken[-1].split()) <= MOST_WORDS, spoken[-1]


@EACH
@pytest.mark.parametrize("status", STATUS[2:6])
def test_late_and_several_connections_are_announced_in_few_words(
    stage: Stage, spoken: list[str], status: dict[str, Any], language: str
) -> None:
    stage.open(operation="tls-login", language=language, **PLACES["program"])
    stage.handle(Ask(1, a_question()))
    for request in (Connections(3), CallerTimedOut(), Ask(2, a_question(**status))):
        stage.handle(request)
        assert len(spoken[-1].split()) <= MOST_WORDS, spoken[-1]


def test_what_is_said_within_a_moment_is_one_announcement(
    stage: Stage, spoken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orca drops a second announcement that comes within 0.1 s."""
    monkeypatch.undo()
    heard = QEventLoop()
    said: list[str] = []

    def update(event: Any) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            said.append(event.message())
            heard.quit()

    monkeypatch.setattr(QAccessible, "updateAccessibility", update)
    monkeypatch.setattr(QApplication, "exit", lambda: None)
    stage.open()
    stage.handle(Show(Step.READING))
    stage.handle(Ask(1, a_question()))
    stage.handle(CallerTimedOut())
    heard.exec()
    [words] = said
    assert words.startswith("https://login.service.example SPECIMEN-POHJALAINEN Aino.")
    assert stage.window._text("late") in words
    assert "Reading" not in words


@EACH
def test_the_steps_of_an_activation_are_announced_in_few_words(
    stage: Stage, spoken: list[str], language: str
) -> None:
    text = texts.load(language, "activate")
    for name in ("activation", "new-PIN1", "new-PIN2"):
        keys = (f"steps.{name}.heading", f"steps.{name}.body")
        said = [text("steps", step=2, count=3, name=text(f"steps.{name}.name"))]
        said += [text(key) for key in keys if key in text]
        assert len(" ".join(said).split()) <= MOST_WORDS


def test_what_is_needed_is_said_and_the_rest_as_far_as_it_fits() -> None:
    said = Announcement()
    said.add("One two. " + "more " * 30 + "end. Last.", needed=1)
    said.add("Ten " * 9 + "ten.")
    said.add("It is number 2. lease.txt.", needed=1)
    assert (
        str(said)
        == "One two. " + "more " * 30 + "end. Last. It is number 2. lease.txt."
    )
    assert not Announcement()
