# SPDX-License-Identifier: MIT
"""What a screen reader gets: names, roles, and few words when a page appears."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from shiboken6 import delete

from native_host.gui import accessibility
from native_host.gui.accessibility import List
from native_host.gui.frame import HeadingBand
from native_host.gui.labels import Heading
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import MOST_WORDS, Announcement, Page
from native_host.pin_prompt.gui.page_window import PageScrollArea
from native_host.pin_prompt.gui.pages import StepPage
from native_host.pin_prompt.gui.prompt_window import create_page
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    Connections,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    ActivationQuestion,
    CardChoice,
    CodesQuestion,
    ConsentQuestion,
    Conversation,
    Operation,
    OtherCardQuestion,
    PinQuestion,
    Problem,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    DESCRIPTION,
    EACH_LANGUAGE,
    HOLDER,
    NAME,
    NEVER,
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    SITE,
    Stage,
    a_codes_question,
    a_conversation,
    a_document,
    a_hash,
    a_question,
    interface,
)
from tests.support.naming import misnamed

Role = QAccessible.Role

# -- What can be read ------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        AskStarted(),
        Ask(1, a_question(tries_left=1)),
        Ask(1, a_question(tries_left=2, wrong=True)),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_MUTE")),
    ],
)
def test_all_words_and_controls_can_be_read(
    stage: Stage, request_: WindowRequest
) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(request_)
    stage.handle(CallerTimedOut())
    assert all(interface(widget).text(NAME) for widget in stage.tab_order())
    for label in stage.visible(QLabel):
        heading = isinstance(label, Heading)
        assert interface(label).role() == (Role.Heading if heading else Role.StaticText)
        assert label.text() in interface(label).text(NAME)


def test_window_field_and_box_say_each_thing_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = stage.ask(tries_left=1, wrong=True)
    window, field = interface(stage.window), interface(page.field)
    assert page.last_try_box is not None
    box, parties = interface(page.last_try_box), f"{SITE}. {HOLDER}."
    # Of a dialog, Orca says the description twice.
    assert window.role() == Role.Window
    assert "Kortilla" in window.text(NAME)
    assert window.text(DESCRIPTION) == ""
    assert box.role() == Role.CheckBox
    assert box.text(NAME).startswith("I understand: if the PIN is wrong")
    assert field.text(NAME) == "Basic PIN (PIN1)"
    assert field.state().passwordEdit
    rule = "The PIN has 4 to 12 digits."
    assert field.text(DESCRIPTION) == rule
    page.field.setFocus()
    stage.press("1234")
    assert field.text(DESCRIPTION) == rule
    assert "1" not in field.text(QAccessible.Text.Value)
    # A person who comes back hears it again.
    monkeypatch.setattr(stage.window, "isActiveWindow", lambda: False)
    QApplication.sendEvent(stage.window, QEvent(QEvent.Type.ActivationChange))
    stage.settle()
    assert window.text(DESCRIPTION) == parties


def test_no_button_gets_the_focus_between_two_pages(stage: Stage) -> None:
    focused: list[QWidget | None] = []

    def follow(_: object, now: QWidget | None) -> None:
        focused.append(now)

    page = stage.ask()
    stage.window._focus_later.setInterval(NEVER)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    application.focusChanged.connect(follow)
    stage.press("1234\r")
    stage.show(Show(Step.SIGNING))
    stage.show(Ask(2, a_question(wrong=True, tries_left=4)))
    stage.show(Show(Step.SIGNING))
    stage.show(Ask(3, a_codes_question()))
    stage.codes_page._show_step(1)
    application.focusChanged.disconnect(follow)
    assert page.field not in focused[1:]
    assert not [each for each in focused if isinstance(each, QPushButton)]
    # A page that stays has its button in reach.
    stage.show(Show(Step.SIGNING))
    stage.window._focus_later.timeout.emit()
    assert isinstance(stage.focus, QPushButton)


def test_no_page_is_destroyed_while_the_window_is_open(stage: Stage) -> None:
    """A screen reader may ask for any part at any time."""
    destroyed: list[str] = []
    page = stage.ask()
    stage.press("12345")
    for each in stage.window.findChildren(QWidget):
        name = repr(each)
        each.destroyed.connect(lambda name=name: destroyed.append(name))
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    stage.handle(Ask(2, a_codes_question()))
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert destroyed == []
    assert not page.field.digits
    assert not page.field.isVisible()


@EACH_LANGUAGE
def test_a_login_is_announced_in_few_words(stage: Stage, language: str) -> None:
    text = texts.Texts(language, "authenticate")
    stage.open(language=language)
    for status, needs_consent in (
        ({}, True),
        # The person has just heard it.
        ({"tries_left": 2, "wrong": True}, False),
        ({"tries_left": 2}, True),
    ):
        question = a_question(**status)
        stage.handle(Ask(1, question))
        said = stage.spoken[-1]
        news = [words.partition(". ")[0] for words in text.pin_status(question)]
        assert said.startswith(" ".join(news))
        assert all(words in said for words in (SITE, HOLDER, text("pin.PIN1")))
        assert text("consent") in said or not needs_consent
        assert len(said.split()) < MOST_WORDS


def test_documents_are_heard_before_the_pin(stage: Stage, tmp_path: Path) -> None:
    stage.sign(a_document(tmp_path, name="lease.txt"), a_document(tmp_path))
    hashes = a_question(role="PIN2", min_length=6, documents=(a_hash(), a_hash()))
    stage.handle(Ask(2, hashes))
    for said, words in (
        (stage.spoken[-2], "1. lease.txt. 2. agreement.txt."),
        (stage.spoken[-1], "Documents that can't be shown here: 2"),
        (stage.spoken[-1], "The service sent only their hashes"),
    ):
        assert said.index(SITE) < said.index(words) < said.index("PIN2")


def test_what_unlocks_a_pin_is_a_list_of_two(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, UnlockQuestion("PIN1", "SPECIMEN-A", "99902038C")))
    [needed] = stage.visible(List)
    items = interface(needed)
    assert items.role() == Role.List
    text = texts.Texts("en", "authenticate")
    names = [text(f"unlock.need.{key}") for key in ("letter", "puk")]
    found = [items.child(index) for index in range(items.childCount())]
    assert [item.text(NAME) for item in found] == names
    assert {item.role() for item in found} == {Role.ListItem}


def test_the_heading_comes_first_in_an_activation_on_the_way(stage: Stage) -> None:
    stage.ask()
    stage.handle(Ask(2, a_codes_question()))
    window = interface(stage.window)
    parts = [window.child(index).object() for index in range(window.childCount())]
    kinds = [type(p) for p in parts if isinstance(p, QWidget) and p.isVisible()]
    assert kinds.index(HeadingBand) < kinds.index(PageScrollArea)


# -- What is said when a page appears --------------------------------------------------

CARDS = (CardChoice("Reader A", HOLDER, "1"), CardChoice("B", HOLDER, "2"))
#: Those with a panel of who asks, or of the file.
WITH_PANEL: tuple[Operation, ...] = (
    *("tls-login", "prepare-login", "mail-login", "decrypt-mail", "decrypt"),
)
FOR_PIN1: tuple[Operation, ...] = ("authenticate", *WITH_PANEL)
PROGRAM = {"origin": "", "program": "Firefox"}
MANAGED: dict[Operation, CodesQuestion] = {
    "activate": a_codes_question(),
    "change-pin": a_codes_question(
        operation="change-pin", fields=(OLD_PIN, NEW_PIN2), pin="PIN2", at_risk="PIN2"
    ),
    "unblock": a_codes_question(
        operation="unblock", fields=(PUK, NEW_PIN1), pin="PIN1", at_risk="PUK"
    ),
}
OTHER_CARDS = [
    OtherCardQuestion("SPECIMEN-AALTO Ville", removed, "Reader B", HOLDER, "1")
    for removed in (True, False)
]
STATUS: tuple[dict[str, Any], ...] = (
    {},
    {"tries_left": 4, "wrong": True},
    {"tries_left": 2},
    {"tries_left": 2, "wrong": True, "repeated": True},
    {"tries_left": 3, "unsent": True},
    {"tries_left": 1},
    {"tries_left": 1, "wrong": True},
    {"tries_left": 3, "pin_pad": True, "pad_problem": "timed-out"},
    {"tries_left": 1, "pin_pad": True, "wrong": True},
    {"tries_left": 1, "pad_problem": "refused", "pad_unused": True},
)
OPERATIONS = (*FOR_PIN1, "sign", "signing-certificate", *MANAGED)


def place_of(operation: Operation) -> dict[str, str]:
    if operation in MANAGED:
        return {"origin": ""}
    return PROGRAM if operation in WITH_PANEL else {}


def requests(operation: Operation, folder: Path) -> Iterator[WindowRequest]:
    """Yield a request for each page that an operation can show."""
    if operation in ("authenticate", "sign", "signing-certificate"):
        yield AskStarted()
    yield ChooseCard(1, CARDS)
    yield from (Ask(1, each) for each in OTHER_CARDS)
    if operation == "signing-certificate":
        yield Ask(1, ConsentQuestion(HOLDER, "1"))
    if operation == "activate":
        for partly in (False, True):
            yield Ask(1, ActivationQuestion(partly))
            yield Ask(1, ActivationQuestion(partly, HOLDER, "1", unasked=True))
        yield Ask(1, ActivationQuestion(False, undecided=True))
    if operation in FOR_PIN1:
        yield Ask(1, a_question(unlocked=True))
    yield Ask(1, UnlockQuestion("PIN2", HOLDER, "1"))
    for step in Step:
        yield Show(step)
    keys = " ".join(texts.Texts("en")._catalogue)
    for code in sorted({*re.findall(r"problem\.(\w+)", keys)}):
        yield Show(Step.WAITING_FOR_CARD, Problem(code))
    yield Show(Step.FAILED, Problem("SIGNING_INTERRUPTED", "2/3"))
    for question in questions(operation, folder):
        yield from (Ask(1, replace(question, **status)) for status in STATUS)


def questions(
    operation: Operation, folder: Path
) -> Iterator[PinQuestion | CodesQuestion]:
    """Yield the questions for PINs and codes, without their status."""
    if operation in FOR_PIN1:
        yield a_question(can_allow=operation == "decrypt-mail")
        yield a_question(can_activate=True)
    elif operation == "sign":
        pin2 = {"role": "PIN2", "min_length": 6}
        there = a_document(folder, name="lease.txt"), a_document(folder)
        yield a_question(**pin2, documents=there)
        yield a_question(**pin2, documents=(a_hash(), a_hash()))
    elif operation in MANAGED:
        yield MANAGED[operation]
    if operation == "activate":
        yield a_codes_question(at_risk="PUK")
        yield a_codes_question(fields=(SEVEN, NEW_PIN2), done=("PIN1",))


def announced(request: Any, conversation: Conversation, text: texts.Texts) -> str:
    """Return what is announced when the page for a request appears."""
    guard = InputGuard(NEVER, 2 * NEVER)
    page: Page
    if isinstance(request, Show):
        page = StepPage(conversation, text, request.step, request.problem)
    else:
        page = create_page(request, conversation, text, guard)
    said = str(page.announcement)
    assert misnamed(page) == []
    assert [each for button in page.buttons for each in misnamed(button)] == []
    for part in (*page.buttons, page):
        delete(part)  # which its own signals would keep alive
    return said


@EACH_LANGUAGE
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_page_is_announced_in_few_words(
    application: QApplication, tmp_path: Path, operation: Operation, language: str
) -> None:
    asking = {"operation": operation, "language": language}
    conversation = a_conversation(**asking | place_of(operation))
    for request in requests(operation, tmp_path):
        question: Any = getattr(request, "question", None)
        pin = getattr(question, "pin", "")
        text = texts.Texts(language, operation, pin, conversation.program)
        said = announced(request, conversation, text)
        assert len(said.split()) <= MOST_WORDS, said
        if question is not None and question.name:
            assert HOLDER in said
        if isinstance(question, PinQuestion):
            assert (conversation.origin or conversation.program) in said
        if getattr(question, "tries_left", 5) == 1:
            risk = f".{question.at_risk}" if operation in MANAGED else ""
            first, second, *_ = text(f"last_try{risk}").split(". ")
            assert f"{first}. {second}." in said


@EACH_LANGUAGE
@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("authenticate", AskStarted()),
        ("authenticate", Ask(1, a_question(tries_left=1))),
        ("prepare-login", Ask(1, a_question(tries_left=1, pin_pad=True))),
        ("signing-certificate", Ask(1, ConsentQuestion(HOLDER, "1"))),
        ("sign", Ask(1, a_question(tries_left=1, documents=(a_hash(), a_hash())))),
        ("activate", Ask(1, a_codes_question(tries_left=1, at_risk="PUK"))),
    ],
)
def test_a_stranger_s_first_question_is_announced_in_few_words(
    stage: Stage, operation: Operation, request_: WindowRequest, language: str
) -> None:
    asking = {"operation": operation, "language": language, "caller": "python3.13"}
    stage.open(**asking | place_of(operation))
    stage.handle(request_)
    assert stage.spoken[-1].count("python3.13") == 1
    assert len(stage.spoken[-1].split()) <= MOST_WORDS, stage.spoken[-1]


@EACH_LANGUAGE
@pytest.mark.parametrize("status", STATUS[2:6])
def test_late_and_several_connections_are_announced_in_few_words(
    stage: Stage, status: dict[str, Any], language: str
) -> None:
    stage.open(operation="tls-login", language=language, **PROGRAM)
    stage.handle(Ask(1, a_question()))
    for request in (Connections(3), CallerTimedOut(), Ask(2, a_question(**status))):
        stage.handle(request)
        assert len(stage.spoken[-1].split()) <= MOST_WORDS, stage.spoken[-1]


def test_what_is_said_within_a_moment_is_one_announcement(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orca drops a second announcement that comes within 0.1 s."""
    assert accessibility._TOGETHER > 100
    monkeypatch.setattr(accessibility.Announcer, "together", NEVER)
    stage.open()
    stage.handle(Show(Step.READING))
    stage.handle(Ask(1, a_question()))
    stage.handle(CallerTimedOut())
    assert stage.spoken == []
    stage.window._announcer._timer.timeout.emit()
    [words] = stage.spoken
    assert words.startswith(f"{SITE} {HOLDER}.")
    assert stage.window._text("late") in words
    assert "Reading" not in words


@EACH_LANGUAGE
def test_the_steps_of_an_activation_are_announced_in_few_words(language: str) -> None:
    text = texts.Texts(language, "activate")
    for name in ("activation", "new-PIN1", "new-PIN2"):
        keys = (f"steps.{name}.heading", f"steps.{name}.use")
        said = [text("steps", step=2, count=3, name=text(f"steps.{name}.name"))]
        said += [text(key) for key in keys if key in text]
        assert len(" ".join(said).split()) <= MOST_WORDS


def test_what_is_needed_is_said_and_the_rest_as_far_as_it_fits() -> None:
    said = Announcement()
    said.add("One two. " + "more " * 30 + "end. Last.", needed=1)
    said.add("Ten " * 9 + "ten.")
    said.add("It is number 2. lease.txt.", needed=1)
    rest = "more " * 30 + "end. Last. It is number 2. lease.txt."
    assert str(said) == f"One two. {rest}"
    assert not Announcement()
