# SPDX-License-Identifier: MIT
"""What a screen reader gets: names, roles, and few words when a page appears."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import (
    QAccessible,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
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
    DESCRIPTION,
    EACH_LANGUAGE,
    NAME,
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
    interface,
)

# -- What can be read ------------------------------------------------------------------


def test_all_that_can_have_the_focus_has_a_name(stage: Stage) -> None:
    stage.open()
    for request in (
        AskStarted(),
        Ask(1, a_question(tries_left=1)),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_MUTE")),
    ):
        stage.handle(request)
        widget = stage.window.focusWidget()
        first = widget
        while True:
            assert interface(widget).text(NAME), widget
            QTest.keyClick(widget, Qt.Key.Key_Tab)
            widget = stage.window.focusWidget()
            if widget is first:
                break


def test_the_field_is_a_password_field_with_the_name_of_the_pin(stage: Stage) -> None:
    page = stage.ask()
    field = interface(page.field)
    assert field.text(NAME) == "Basic PIN (PIN1)"
    assert "4 to 12 digits" in field.text(DESCRIPTION)
    assert field.state().passwordEdit
    QTest.keyClicks(page.field, "1234")
    assert "1" not in field.text(QAccessible.Text.Value)


def test_the_field_tells_how_many_tries_are_left(stage: Stage) -> None:
    page = stage.ask(tries_left=3, wrong=True)
    description = interface(page.field).text(DESCRIPTION)
    assert "The PIN was wrong." in description
    assert "You have 3 tries left." in description


def test_the_box_to_tick_is_a_check_box_with_its_words(stage: Stage) -> None:
    page = stage.ask(tries_left=1)
    assert page.last_try_box is not None
    box = interface(page.last_try_box)
    assert box.role() == QAccessible.Role.CheckBox
    assert box.text(NAME).startswith("I understand: if the PIN is wrong")


def test_the_window_is_a_dialog_with_a_title(stage: Stage) -> None:
    stage.open()
    window = interface(stage.window)
    assert window.role() == QAccessible.Role.Dialog
    assert "Kortilla" in window.text(NAME)


def test_all_words_can_be_read_by_a_screen_reader(stage: Stage) -> None:
    stage.ask(tries_left=2, wrong=True)
    for label in stage.window.findChildren(QLabel):
        if label.isVisible():
            heading = isinstance(label, Heading)
            roles = QAccessible.Role
            role = roles.Heading if heading else roles.StaticText
            assert interface(label).role() == role
            assert label.text() in interface(label).text(NAME)


@pytest.mark.parametrize("step", list(Step))
def test_each_step_is_announced(stage: Stage, spoken: list[str], step: Step) -> None:
    stage.open()
    stage.handle(Show(step))
    heading, body = texts.load("en", "authenticate").step(step)
    assert spoken == [f"{heading}. {body}"]


def test_a_problem_is_announced(stage: Stage, spoken: list[str]) -> None:
    stage.open()
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    assert spoken[-1].startswith("The card was taken out of the reader. Put the card")


def test_a_question_is_announced_with_what_happened_before(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open()
    stage.handle(Ask(1, a_question(tries_left=2, wrong=True)))
    assert spoken[-1].startswith("The PIN was wrong. You have only two tries left.")
    assert "https://login.service.example" in spoken[-1]


def test_the_announced_question_of_a_program_says_where_to_look(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(Ask(1, a_question()))
    assert spoken[-1].startswith(
        "SPECIMEN-POHJALAINEN Aino. You identify yourself to the site in the address"
    )
    assert "Check the address bar before you type the PIN." in spoken[-1]


def test_that_nobody_waits_any_longer_can_be_read_where_it_stands(
    stage: Stage,
) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(Ask(1, a_question()))
    stage.handle(CallerTimedOut())
    late = next(
        w for w in stage.window.findChildren(QLabel) if "stopped waiting" in w.text()
    )
    assert interface(late).role() == QAccessible.Role.StaticText
    assert interface(late).text(NAME) == late.text()


def test_the_dialog_and_the_field_say_who_asks_and_whose_card_it_is(
    stage: Stage,
) -> None:
    page = stage.ask(tries_left=2, wrong=True)
    parties = "https://login.service.example. SPECIMEN-POHJALAINEN Aino."
    assert interface(stage.window).text(DESCRIPTION) == parties
    field = interface(page.field)
    assert field.text(DESCRIPTION).startswith("The PIN was wrong.")
    QTest.keyClicks(page.field, "1")
    assert field.text(DESCRIPTION).startswith(parties)


def test_no_page_is_destroyed_while_the_window_is_open(stage: Stage) -> None:
    """A screen reader may ask for any part at any time."""
    destroyed: list[str] = []
    page = stage.ask()
    QTest.keyClicks(page.field, "12345")
    parts = stage.window.findChildren(QWidget)
    for each in parts:
        name = repr(each)
        each.destroyed.connect(lambda name=name: destroyed.append(name))
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    stage.handle(Ask(2, a_codes_question()))
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert destroyed == []
    assert not page.field.digits
    assert not page.field.isVisible()


def test_a_complaint_is_announced_and_described(
    stage: Stage, spoken: list[str]
) -> None:
    page = stage.ask()
    QTest.keyClicks(page.field, "1\r")
    assert spoken[-1].startswith("The PIN is too short")
    assert spoken[-1] in interface(page.field).text(DESCRIPTION)


@EACH_LANGUAGE
def test_a_login_is_announced_in_few_words_that_name_the_holder(
    stage: Stage, spoken: list[str], language: str
) -> None:
    stage.open(language=language)
    stage.handle(Ask(1, a_question()))
    for words in ("SPECIMEN-POHJALAINEN Aino", "https://login.service.example", "PIN1"):
        assert words in spoken[-1]
    consent = texts.load(language, "authenticate")("consent")
    assert consent in spoken[-1]
    assert len(spoken[-1].split()) < 40
    stage.handle(Ask(2, a_question(tries_left=2, wrong=True)))
    assert "SPECIMEN-POHJALAINEN Aino" in spoken[-1]
    assert len(spoken[-1].split()) < 40
    stage.handle(Ask(3, a_question(tries_left=2)))
    assert consent in spoken[-1]


def test_documents_are_heard_before_the_pin(
    stage: Stage, spoken: list[str], tmp_path: Path
) -> None:
    stage.sign(a_document(tmp_path, name="lease.txt"), a_document(tmp_path))
    said = spoken[-1]
    assert "1. lease.txt. 2. agreement.txt." in said
    assert said.index("lease.txt") < said.index("PIN2")


def test_what_unlocks_a_pin_is_a_list_of_two(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, UnlockQuestion("PIN1", "SPECIMEN-A", "99902038C")))
    (needed,) = (w for w in stage.window.findChildren(List) if w.isVisible())
    items = interface(needed)
    assert items.role() == QAccessible.Role.List
    text = texts.load("en", "authenticate")
    names = [text(f"unlock.need.{key}") for key in ("letter", "puk")]
    found = [items.child(index) for index in range(items.childCount())]
    assert [item.text(NAME) for item in found] == names
    assert {item.role() for item in found} == {QAccessible.Role.ListItem}


def test_the_heading_comes_first_when_a_login_becomes_an_activation(
    stage: Stage,
) -> None:
    stage.ask()
    stage.handle(Ask(2, a_codes_question()))
    window = interface(stage.window)
    parts = [window.child(index).object() for index in range(window.childCount())]
    kinds = [type(p) for p in parts if isinstance(p, QWidget) and p.isVisible()]
    assert kinds.index(HeadingBand) < kinds.index(PageScrollArea)


# -- What is said when a page appears --------------------------------------------------

HOLDER = "SPECIMEN-POHJALAINEN Aino"
CARDS = (CardChoice("Reader A", HOLDER, "1"), CardChoice("B", HOLDER, "2"))
FOR_PIN1: tuple[Operation, ...] = ("authenticate", "tls-login", "prepare-login")
MANAGED: dict[Operation, dict[str, Any]] = {
    "activate": {"fields": (SEVEN, NEW_PIN1, NEW_PIN2)},
    "change-pin": {"fields": (OLD_PIN, NEW_PIN2), "pin": "PIN2", "at_risk": "PIN2"},
    "unblock": {"fields": (PUK, NEW_PIN1), "pin": "PIN1", "at_risk": "PUK"},
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
        yield Ask(1, ConsentQuestion(HOLDER, "1"))
    if operation == "activate":
        yield OfferActivation(1, partly=False)
        yield OfferActivation(1, partly=True)
    yield Ask(1, UnlockQuestion("PIN2", HOLDER, "1"))
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


@EACH_LANGUAGE
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
            assert HOLDER in said
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


@EACH_LANGUAGE
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
    assert accessibility._TOGETHER > 100
    monkeypatch.setattr(accessibility.Announcer, "together", NEVER)
    stage.open()
    stage.handle(Show(Step.READING))
    stage.handle(Ask(1, a_question()))
    stage.handle(CallerTimedOut())
    assert spoken == []
    stage.window._announcer._timer.timeout.emit()
    [words] = spoken
    assert words.startswith("https://login.service.example SPECIMEN-POHJALAINEN Aino.")
    assert stage.window._text("late") in words
    assert "Reading" not in words


@EACH_LANGUAGE
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
