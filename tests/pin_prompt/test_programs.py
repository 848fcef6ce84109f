# SPDX-License-Identifier: MIT
"""Requests of programs on the computer: the window names them; they may give up."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from native_host.gui.frame import HeadingBand
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.widgets import Notice
from native_host.pin_prompt.messages import (
    AskCodes,
    AskPin,
    AskStarted,
    CallerTimedOut,
    ChooseCard,
    Connections,
    OfferActivation,
    OfferUnlock,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    CardChoice,
    Operation,
    Problem,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import Stage, a_codes_question, a_question

FOR_PROGRAMS: list[Operation] = ["tls-login", "prepare-login"]
EACH = pytest.mark.parametrize("operation", FOR_PROGRAMS)
LATE = "Firefox has stopped waiting."


@pytest.fixture(params=[1, 2])
def text_scale(application: QApplication, request: Any) -> Iterator[None]:
    """The desktop's text at normal and at double size."""
    font = application.font()
    larger = QFont(font)
    larger.setPointSizeF(font.pointSizeF() * request.param)
    application.setFont(larger)
    yield
    application.setFont(font)


def opened(stage: Stage, operation: Operation = "tls-login", **changes: str) -> Stage:
    """A function that opens the window for a program."""
    stage.open(**{"operation": operation, "origin": "", "program": "Firefox"} | changes)
    return stage


def asked(stage: Stage, operation: Operation = "tls-login", **changes: int) -> PinPage:
    """A function that opens the page for PIN1, after the input guard's time."""
    opened(stage, operation).handle(AskPin(1, a_question(**changes)))
    stage.window.guard.end()
    return stage.pin_page


def notices(stage: Stage) -> list[Notice]:
    """The notices about a program that has given up waiting."""
    found = stage.window.findChildren(Notice)
    return [n for n in found if n.isVisible() and n.label.text().startswith(LATE)]


def can_be_seen(stage: Stage, part: QWidget) -> bool:
    """Whether the lower end of a part, and most of the part, is in view."""
    area = stage.window.findChildren(QScrollArea)[0].viewport()
    top = part.mapTo(area, QPoint(0, 0)).y()
    return top > -part.height() / 5 and top + part.height() <= area.height()


# Pages


def test_it_says_who_asks_what_is_handed_over_and_where_to_look(stage: Stage) -> None:
    page = asked(stage)
    for shown in (
        "This program on your computer wants to use your card:",
        "You identify yourself to the site in the address bar of Firefox.",
        "The Kortilla program can't see which site that is.",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "the card's certificate, with your name and your electronic client identifier",
        "Check the address bar before you type the PIN.",
        "Basic PIN (PIN1)",
    ):
        assert shown in stage.words
    QTest.keyClicks(page.field, "1234\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "1234"}]


def test_preparing_says_what_becomes_of_the_pin(stage: Stage) -> None:
    asked(stage, "prepare-login")
    for shown in (
        "The Kortilla program keeps the PIN for two minutes at most.",
        "It is used only once, in Firefox.",
        "Your name and your electronic client identifier are then handed over",
    ):
        assert shown in stage.words
    assert "Check the address bar before" not in stage.words


@EACH
@pytest.mark.usefixtures("text_scale")
def test_the_program_is_the_largest_text(stage: Stage, operation: Operation) -> None:
    page = asked(stage, operation)
    program = stage.site
    assert program.text() == "Firefox"
    labels = [w for w in stage.window.findChildren(QLabel) if w.isVisible()]
    others = [w.font().pointSizeF() for w in labels if w is not program]
    size = program.font().pointSizeF()
    assert size > max([*others, page.field.font().pointSizeF()])


@EACH
@pytest.mark.parametrize("language", texts.languages())
def test_title_and_heading_name_neither_program_nor_site(
    stage: Stage, operation: Operation, language: str
) -> None:
    program = "https://www.suomi.fi"
    opened(stage, operation, language=language, program=program)
    heading = stage.window.findChildren(HeadingBand)[-1].heading.text()
    assert heading == texts.load(language)(f"{operation}.heading")
    assert "suomi.fi" not in heading + stage.window.windowTitle()
    assert stage.site.text() == program


@EACH
def test_it_identifies_with_an_icon_of_its_own(operation: Operation) -> None:
    identifying = OPERATION_STYLES["authenticate"]
    assert OPERATION_STYLES[operation].colour == identifying.colour
    for other in OPERATION_STYLES.keys() - {*FOR_PROGRAMS}:
        assert OPERATION_STYLES[operation].icon != OPERATION_STYLES[other].icon
    assert OPERATION_STYLES["tls-login"].icon != OPERATION_STYLES["prepare-login"].icon


@pytest.mark.parametrize("program", ["", " \u200b\n", "\u2800"])
def test_a_program_without_a_name_is_called_unknown(stage: Stage, program: str) -> None:
    opened(stage, program=program)
    assert stage.site.text() == "(unknown program)"


def test_a_name_is_plain_text_on_one_line_and_whole(stage: Stage) -> None:
    opened(stage, program="<b>W</b>" + "W" * 60)
    name = stage.site
    assert name.text() == "<b>W</b>" + "W" * 32
    drawn = name._lay_out(name.width())
    assert drawn.boundingRect().height() <= name.height()
    for index in range(drawn.lineCount()):
        assert drawn.lineAt(index).naturalTextWidth() <= name.width()


@EACH
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wrong": True, "tries_left": 4}, "The PIN was wrong. You have 4 tries left."),
        ({"repeated": True, "tries_left": 4}, "No try was used. Type another PIN."),
        ({"tries_left": 2}, "You have only two tries left."),
        ({"pin_pad": True}, "The PIN is typed with the card reader's own keys."),
        ({"pin_pad": True, "pad_problem": "timed-out"}, "not typed on the reader"),
    ],
)
def test_what_happened_before_is_told(
    stage: Stage, operation: Operation, changes: dict[str, int], said: str
) -> None:
    opened(stage, operation).handle(AskPin(1, a_question(**changes)))
    assert said in stage.words.replace("\n", " ")


@EACH
def test_the_last_try_is_confirmed_first(stage: Stage, operation: Operation) -> None:
    page = asked(stage, operation, tries_left=1)
    assert "the basic PIN (PIN1) is locked" in stage.words
    QTest.keyClicks(page.field, "1234\r")
    assert stage.answers == []
    assert page.last_try_box is not None
    page.last_try_box.click()
    QTest.keyClicks(page.field, "\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "1234"}]


@EACH
def test_a_locked_pin_says_how_to_unlock_it(stage: Stage, operation: Operation) -> None:
    opened(stage, operation)
    stage.handle(OfferUnlock(1, UnlockQuestion("PIN1", "SPECIMEN-POHJALAINEN", "1")))
    assert "The basic PIN (PIN1) is locked" in stage.words
    assert "After that you go on identifying yourself." in stage.words


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("tls-login", "Choose Try again there"),
        ("prepare-login", "identify yourself there within two minutes"),
    ],
)
def test_a_pin_that_is_kept_says_what_to_do_now(
    stage: Stage, operation: Operation, said: str
) -> None:
    opened(stage, operation).handle(Show(Step.READY))
    for shown in ("Your PIN is right", said, "Keep the card in the reader."):
        assert shown in stage.words
    stage.button("Close the window").click()
    assert stage.answers == [{"type": "cancel"}]


# Late answers


@EACH
def test_what_was_typed_and_the_focus_stay_when_it_is_late(
    stage: Stage, spoken: list[str], operation: Operation
) -> None:
    page = asked(stage, operation)
    QTest.keyClicks(page.field, "12")
    spoken.clear()
    stage.handle(CallerTimedOut())
    assert len(notices(stage)) == 1
    assert "choose Try again in the browser" in stage.words
    assert [words[: len(LATE)] for words in spoken] == [LATE]
    assert stage.window.focusWidget() is page.field
    assert not stage.window.guard.active
    assert stage.answers == []
    QTest.keyClicks(page.field, "34\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "1234"}]


def test_a_tick_and_a_focus_elsewhere_stay_when_it_is_late(stage: Stage) -> None:
    page = asked(stage, tries_left=1)
    assert page.last_try_box is not None
    page.last_try_box.click()
    QTest.keyClicks(page.field, "1234")
    page.confirm.setFocus()
    stage.handle(CallerTimedOut())
    assert page.last_try_box.isChecked()
    assert stage.window.focusWidget() is page.confirm
    QTest.keyClick(page.confirm, Qt.Key.Key_Return)
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "1234"}]


def test_late_does_not_let_keys_through_that_the_guard_keeps_out(stage: Stage) -> None:
    opened(stage).handle(AskPin(1, a_question()))
    stage.handle(CallerTimedOut())
    QTest.keyClicks(stage.pin_page.field, "1234\r")
    assert bytes(stage.pin_page.field.digits) == b""
    assert stage.answers == []


def test_late_is_said_once(stage: Stage, spoken: list[str]) -> None:
    asked(stage)
    spoken.clear()
    stage.handle(CallerTimedOut())
    stage.handle(CallerTimedOut())
    assert len(notices(stage)) == len(spoken) == 1


CHOICES = (CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2"))


@pytest.mark.parametrize(
    "later",
    [
        Show(Step.READING),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")),
        Show(Step.PIN_PAD),
        ChooseCard(2, CHOICES),
        AskStarted(),
        OfferActivation(2, partly=False),
        AskCodes(2, a_codes_question()),
        AskPin(2, a_question(wrong=True, tries_left=4)),
        AskPin(2, a_question(pin_pad=True)),
    ],
)
def test_it_stands_on_later_pages_and_on_the_one_that_is_there(
    stage: Stage, spoken: list[str], later: WindowRequest
) -> None:
    opened(stage).handle(later)
    stage.handle(CallerTimedOut())
    assert len(notices(stage)) == 1
    stage.handle(Show(Step.WAITING_FOR_CARD))
    stage.handle(later)
    assert len(notices(stage)) == 1
    assert LATE in spoken[-1]


@pytest.mark.parametrize(
    "step", [Step.SIGNING, Step.READY, Step.DONE, Step.FAILED, Step.EXPIRED]
)
def test_who_has_nothing_left_to_type_is_not_told_to(
    stage: Stage, spoken: list[str], step: Step
) -> None:
    opened(stage).handle(Show(step))
    stage.handle(CallerTimedOut())
    assert not notices(stage)
    assert LATE not in " ".join(spoken)
    stage.handle(AskPin(1, a_question(wrong=True, tries_left=4)))
    assert len(notices(stage)) == 1


# Several connections


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fi", "Firefox on avannut 3 yhteyttä yhtä aikaa."),
        ("sv", "Firefox har öppnat 3 anslutningar samtidigt."),
        ("en", "Firefox has opened 3 connections at once."),
    ],
)
def test_the_number_of_connections_is_said_and_nothing_else_changes(
    stage: Stage, spoken: list[str], language: str, said: str
) -> None:
    opened(stage, language=language).handle(AskPin(1, a_question()))
    stage.window.guard.end()
    page = stage.pin_page
    stage.handle(Connections(1))
    assert not notices(stage)
    QTest.keyClicks(page.field, "12")
    spoken.clear()
    stage.handle(Connections(3))
    assert said in stage.words
    assert [words[: len(said)] for words in spoken] == [said]
    assert stage.window.focusWidget() is page.field
    assert not stage.window.guard.active
    stage.handle(Connections(1))
    assert said not in stage.words
    QTest.keyClicks(page.field, "34\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "1234"}]


@pytest.mark.parametrize(
    "later",
    [
        AskPin(2, a_question(wrong=True, tries_left=4)),
        AskPin(2, a_question(pin_pad=True)),
        Show(Step.SIGNING),
        Show(Step.PIN_PAD),
    ],
)
def test_the_number_of_connections_stands_where_they_are_signed_for(
    stage: Stage, spoken: list[str], later: WindowRequest
) -> None:
    said = "Firefox has opened 2 connections at once."
    opened(stage).handle(Connections(2))
    assert said not in stage.words
    stage.handle(later)
    assert said in stage.words
    assert said in spoken[-1]
    stage.handle(Connections(3))
    assert "Firefox has opened 3 connections at once." in stage.words
    stage.handle(Show(Step.READY))
    assert "connections at once" not in stage.words


def test_nothing_is_late_before_the_window_is_open(stage: Stage) -> None:
    with pytest.raises(ValueError, match="not open"):
        stage.handle(CallerTimedOut())


@pytest.mark.usefixtures("text_scale")
@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("news", [CallerTimedOut(), Connections(8)])
def test_field_and_notice_are_in_view_with_large_text_too(
    stage: Stage, language: str, news: WindowRequest
) -> None:
    opened(stage, language=language).handle(AskPin(1, a_question()))
    stage.handle(news)
    stage.settle()
    assert can_be_seen(stage, stage.pin_page.field)
    shown = [n for n in stage.window.findChildren(Notice) if n.isVisible()]
    assert [can_be_seen(stage, notice) for notice in shown] == [True]
