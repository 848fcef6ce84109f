# SPDX-License-Identifier: MIT
"""A screen reader gets names, descriptions, and errors as they appear."""

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from native_host.gui.accessibility import List
from native_host.gui.frame import HeadingBand
from native_host.gui.labels import Heading
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.page_scroll_area import PageScrollArea
from native_host.pin_prompt.messages import (
    AskCodes,
    AskPin,
    AskStarted,
    CallerTimedOut,
    OfferUnlock,
    Show,
)
from native_host.pin_prompt.model import Problem, Step, UnlockQuestion
from tests.pin_prompt.conftest import Stage, a_codes_question, a_document, a_question

NAME, DESCRIPTION = QAccessible.Text.Name, QAccessible.Text.Description


def interface(widget: QWidget) -> QAccessibleInterface:
    found = QAccessible.queryAccessibleInterface(widget)
    assert found is not None
    return found


def test_all_that_can_have_the_focus_has_a_name(stage: Stage) -> None:
    stage.open()
    for request in (
        AskStarted(),
        AskPin(1, a_question(tries_left=1)),
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
    heading, body = (stage.window.page.text(f"step.{step}.{part}") for part in PARTS)  # type: ignore[union-attr] # the window is open
    assert spoken == [f"{heading}. {body}"]


PARTS = ("heading", "body")


def test_a_problem_is_announced(stage: Stage, spoken: list[str]) -> None:
    stage.open()
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    assert spoken[-1].startswith("The card was taken out of the reader. Put the card")


def test_a_question_is_announced_with_what_happened_before(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open()
    stage.handle(AskPin(1, a_question(tries_left=2, wrong=True)))
    assert spoken[-1].startswith("The PIN was wrong. You have only two tries left.")
    assert "https://login.service.example" in spoken[-1]


def test_the_announced_question_of_a_program_says_where_to_look(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(AskPin(1, a_question()))
    assert spoken[-1].startswith(
        "SPECIMEN-POHJALAINEN Aino. You identify yourself to the site in the address"
    )
    assert "Check the address bar before you type the PIN." in spoken[-1]


def test_that_nobody_waits_any_longer_can_be_read_where_it_stands(
    stage: Stage,
) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(AskPin(1, a_question()))
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
    stage.handle(AskCodes(2, a_codes_question()))
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


@pytest.mark.parametrize("language", texts.languages())
def test_a_login_is_announced_in_few_words_that_name_the_holder(
    stage: Stage, spoken: list[str], language: str
) -> None:
    stage.open(language=language)
    stage.handle(AskPin(1, a_question()))
    for words in ("SPECIMEN-POHJALAINEN Aino", "https://login.service.example", "PIN1"):
        assert words in spoken[-1]
    consent = texts.load(language, "authenticate")("consent")
    assert consent in spoken[-1]
    assert len(spoken[-1].split()) < 40
    stage.handle(AskPin(2, a_question(tries_left=2, wrong=True)))
    assert "SPECIMEN-POHJALAINEN Aino" in spoken[-1]
    assert len(spoken[-1].split()) < 40
    stage.handle(AskPin(3, a_question(tries_left=2)))
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
    stage.handle(OfferUnlock(1, UnlockQuestion("PIN1", "SPECIMEN-A", "99902038C")))
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
    stage.handle(AskCodes(2, a_codes_question()))
    window = interface(stage.window)
    parts = [window.child(index).object() for index in range(window.childCount())]
    kinds = [type(p) for p in parts if isinstance(p, QWidget) and p.isVisible()]
    assert kinds.index(HeadingBand) < kinds.index(PageScrollArea)
