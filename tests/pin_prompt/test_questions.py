# SPDX-License-Identifier: MIT
"""Choice of a card, consent without a PIN, PIN pads, and progress bars."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProgressBar

from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.pages import CardChoicePage
from native_host.pin_prompt.gui.pin_field import PinField
from native_host.pin_prompt.messages import (
    Ask,
    ChooseCard,
    Show,
)
from native_host.pin_prompt.model import (
    CardChoice,
    CodesQuestion,
    ConsentQuestion,
    OtherCardQuestion,
    PinQuestion,
    Problem,
    Progress,
    Step,
)
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    Stage,
    a_codes_question,
    a_hash,
    a_question,
)

CARDS = (
    CardChoice("Reader A & Co", "SPECIMEN-POHJALAINEN Aino", "99902038C"),
    CardChoice("Reader B\u202e", "SPECIMEN-LAHTINEN Eino", "99902039D"),
)


# Which card


def choose(stage: Stage) -> CardChoicePage:
    stage.open()
    stage.handle(ChooseCard(7, CARDS))
    stage.window.guard.end()
    assert isinstance(stage.window.page, CardChoicePage)
    return stage.window.page


def test_reader_and_holder_of_each_card_can_be_read(stage: Stage) -> None:
    page = choose(stage)
    names = []
    for button in page.group.buttons():
        interface = QAccessible.queryAccessibleInterface(button)
        assert interface is not None
        assert interface.role() == QAccessible.Role.RadioButton
        names.append(interface.text(QAccessible.Text.Name))
    assert names == [
        "SPECIMEN-POHJALAINEN Aino, 99902038C\nCard reader: Reader A & Co",
        "SPECIMEN-LAHTINEN Eino, 99902039D\nCard reader: Reader B\ufffd",
    ]


def test_no_card_is_chosen_before_the_person_chooses(
    stage: Stage, spoken: list[str]
) -> None:
    page = choose(stage)
    assert page.group.checkedId() == -1
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Return)
    page.confirm.click()
    assert stage.answers == []
    # The button says what is missing.
    assert spoken[-1] == "Choose the card that you want to use"
    assert stage.window.focusWidget() is page.group.button(0)


def test_a_card_is_chosen_with_the_keyboard(stage: Stage) -> None:
    page = choose(stage)
    assert stage.window.focusWidget() is page.group.button(0)
    QTest.keyClick(page.group.button(0), Qt.Key.Key_Down)
    assert stage.window.focusWidget() is page.group.button(1)
    assert page.group.checkedId() == 1
    QTest.keyClick(page.group.button(1), Qt.Key.Key_Up)
    assert page.group.checkedId() == 0
    QTest.keyClick(page.group.button(0), Qt.Key.Key_Down)
    while stage.window.focusWidget() is not page.confirm:
        QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Tab)
    QTest.keyClick(page.confirm, Qt.Key.Key_Return)
    page.confirm.click()
    assert stage.answers == [{"type": "chosen", "number": 7, "index": 1}]


def test_the_guard_stands_before_a_choice(stage: Stage) -> None:
    stage.open()
    stage.handle(ChooseCard(7, CARDS))
    page = stage.window.page
    assert isinstance(page, CardChoicePage)
    page.group.button(0).click()
    assert not page.confirm.isEnabled()
    stage.window.guard.end()
    assert page.confirm.isEnabled()


# Another card than before


@EACH_LANGUAGE
@pytest.mark.parametrize("removed", [True, False])
def test_another_card_is_named_and_confirmed(
    stage: Stage, language: str, removed: bool
) -> None:
    before, reader = "SPECIMEN-A", "SPECIMEN Reader 2"
    question = OtherCardQuestion(before, removed, reader, "SPECIMEN-B", "99902038C")
    stage.open(language=language)
    stage.handle(Ask(1, a_question(name=before)))
    stage.window.guard.end()
    QTest.keyClicks(stage.window.focusWidget(), "12")
    stage.handle(Ask(2, question))
    text = texts.load(language, "authenticate")
    key = "other.removed" if removed else "other.there"
    told = (text(key, before=before), text("choose.reader", reader=reader))
    for words in ("SPECIMEN-B", "99902038C", text("other.heading"), *told):
        assert words in stage.words
    fields = stage.window.findChildren(PinField)
    assert not [each for each in fields if each.isVisible() or each.text()]
    # The rest of a PIN, and its Enter, confirm nothing.
    QTest.keyClicks(stage.window, "34\r")
    confirm = stage.button(text("choose.confirm"))
    assert not confirm.isEnabled()
    stage.window.guard.end()
    assert stage.window.focusWidget() is stage.button(text("cancel"))
    confirm.click()
    assert stage.answers == [{"type": "agreed", "number": 2}]


# Consent without a PIN


@EACH_LANGUAGE
def test_consent_names_what_is_handed_over_and_asks_for_no_pin(
    stage: Stage, language: str
) -> None:
    stage.open(operation="signing-certificate", language=language, test_card=False)
    stage.handle(Ask(2, ConsentQuestion("SPECIMEN-A", "99902038C", True)))
    text = texts.load(language, "signing-certificate")
    for words in ("SPECIMEN-A", "99902038C", text("consent"), text("mark.test_card")):
        assert words in stage.words
    assert stage.window.findChildren(PinField) == []
    confirm = stage.button(text("confirm"))
    assert not confirm.isEnabled()
    stage.window.guard.end()
    confirm.click()
    assert stage.answers == [{"type": "agreed", "number": 2}]


def test_a_stray_enter_hands_nothing_over(stage: Stage) -> None:
    stage.open(operation="signing-certificate")
    stage.handle(Ask(2, ConsentQuestion("SPECIMEN-A", "99902038C")))
    stage.window.guard.end()
    assert stage.window.focusWidget() is stage.button("Cancel")


# A reader with a PIN pad


def test_a_pad_has_no_field_and_says_where_to_type(stage: Stage) -> None:
    stage.open(operation="sign")
    documents = (a_hash(), a_hash())
    question = a_question(role="PIN2", pin_pad=True, documents=documents)
    stage.handle(Ask(3, question))
    assert stage.window.findChildren(PinField) == []
    assert "The PIN is typed with the card reader's own keys." in stage.words
    assert "The reader asks for the PIN for each of them." in stage.words
    stage.window.guard.end()
    stage.button("Go on to the card reader").click()
    assert stage.answers == [{"type": "agreed", "number": 3}]


@pytest.mark.parametrize(
    ("problem", "said"), [("timed-out", "in time"), ("length", "Too few or too many")]
)
def test_why_the_pad_gave_no_pin_is_said(
    stage: Stage, spoken: list[str], problem: str, said: str
) -> None:
    stage.open()
    stage.handle(Ask(1, a_question(pin_pad=True, pad_problem=problem)))
    assert said in stage.words
    assert "No try was used." in stage.words
    assert said in spoken[-1]


@pytest.mark.parametrize(
    "question",
    [
        a_question(role="PIN2", pin_pad=True, tries_left=1),
        a_codes_question(
            operation="unblock", at_risk="PUK", pin_pad=True, tries_left=1
        ),
    ],
)
def test_the_last_try_on_a_pad_is_confirmed_first(
    stage: Stage, question: PinQuestion | CodesQuestion
) -> None:
    stage.open(operation="sign")
    stage.handle(Ask(3, question))
    stage.window.guard.end()
    button = stage.button("Go on to the card reader")
    button.click()
    assert stage.answers == []
    QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Space)
    button.click()
    assert stage.answers == [{"type": "agreed", "number": 3}]


@pytest.mark.parametrize(
    ("operation", "pin"), [("authenticate", "PIN1"), ("sign", "PIN2")]
)
def test_while_the_pad_is_used_the_window_says_which_pin(
    stage: Stage, operation: str, pin: str
) -> None:
    stage.open(operation=operation)
    stage.handle(Show(Step.PIN_PAD))
    assert pin in stage.words
    assert "Never type it on the computer's keyboard." in stage.words


def test_each_typing_on_the_pad_is_asked_for_anew(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open(operation="sign")
    for done in (0, 1):
        stage.handle(Show(Step.PIN_PAD, progress=Progress(done, 2)))
        assert f"Signatures made: {done} / 2" in stage.words
        assert bar(stage).value() == done
    assert len([words for words in spoken if "PIN2" in words]) == 2


# Bars


def bar(stage: Stage) -> QProgressBar:
    found = stage.window.page
    assert found is not None
    return found.findChildren(QProgressBar)[0]


def test_progress_moves_the_bar_without_a_new_page_or_a_word(
    stage: Stage, spoken: list[str]
) -> None:
    stage.open(operation="sign")
    total = 5_000_000
    stage.handle(Show(Step.RECEIVING, progress=Progress(0, total)))
    page, before = stage.window.page, list(spoken)
    stage.handle(Show(Step.RECEIVING, progress=Progress(1_234_567, total)))
    assert stage.window.page is page
    assert (bar(stage).value(), bar(stage).maximum()) == (1_234_567, total)
    assert "1.2 megabytes of 5.0 megabytes received." in stage.words
    assert spoken == before


def test_signatures_are_counted(stage: Stage) -> None:
    stage.open(operation="sign")
    stage.handle(Show(Step.SIGNING, progress=Progress(2, 3)))
    assert "Signatures made: 2 / 3" in stage.words
    stage.handle(Show(Step.SIGNING))
    assert "Signatures made" not in stage.words
    assert not bar(stage).isVisible()


def test_another_step_is_another_page(stage: Stage) -> None:
    stage.open(operation="sign")
    stage.handle(Show(Step.RECEIVING, progress=Progress(3, 3)))
    page = stage.window.page
    stage.handle(Show(Step.SIGNING, progress=Progress(0, 3)))
    assert stage.window.page is not page


# Failures


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (
            Problem("SIGNING_INTERRUPTED", "2/3"),
            "The service asked for 3 signatures. Signatures made: 2,",
        ),
        (Problem("CERTIFICATE_MISMATCH"), "The service expects another card"),
        (None, "This did not succeed"),
    ],
)
def test_what_failed_stays_readable_until_it_is_closed(
    stage: Stage, problem: Problem | None, said: str
) -> None:
    stage.open(operation="sign")
    stage.handle(Show(Step.FAILED, problem))
    assert said in stage.words
    stage.button("Close the window").click()
    assert stage.answers == [{"type": "cancel"}]
