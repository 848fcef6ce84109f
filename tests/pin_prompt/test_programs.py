# SPDX-License-Identifier: MIT
"""The window names the programs that ask for a PIN, and unknown ones before a site."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QScrollArea, QWidget

from native_host.gui.frame import HeadingBand
from native_host.gui.panels import Notice
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.gui.pin_page import PinPage
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
    ConsentQuestion,
    Operation,
    Problem,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import EACH_LANGUAGE, Stage, a_codes_question, a_question
from tests.pin_prompt.terminal import Terminal

FOR_PROGRAMS: list[Operation] = ["tls-login", "prepare-login"]
EACH = pytest.mark.parametrize("operation", FOR_PROGRAMS)
LATE = "Firefox has stopped waiting."


def opened(stage: Stage, operation: Operation = "tls-login", **changes: str) -> Stage:
    """A function that opens the window for a program."""
    stage.open(**{"operation": operation, "origin": "", "program": "Firefox"} | changes)
    return stage


def asked(stage: Stage, operation: Operation = "tls-login", **changes: int) -> PinPage:
    """A function that opens the page for PIN1, after the input guard's time."""
    opened(stage, operation).handle(Ask(1, a_question(**changes)))
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
@EACH_LANGUAGE
def test_title_and_heading_name_neither_program_nor_site(
    stage: Stage, operation: Operation, language: str
) -> None:
    program = "https://www.suomi.fi"
    opened(stage, operation, language=language, program=program)
    heading = stage.window.findChildren(HeadingBand)[-1].heading.text()
    assert heading == texts.load(language)(f"{operation}.heading")
    assert "suomi.fi" not in heading + stage.window.windowTitle()
    assert stage.site.text() == program


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
def test_a_locked_pin_says_how_to_unlock_it(stage: Stage, operation: Operation) -> None:
    opened(stage, operation)
    stage.handle(Ask(1, UnlockQuestion("PIN1", "SPECIMEN-POHJALAINEN", "1")))
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
    opened(stage).handle(Ask(1, a_question()))
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
        Ask(2, a_codes_question()),
        Ask(2, a_question(wrong=True, tries_left=4)),
        Ask(2, a_question(pin_pad=True)),
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
    stage.handle(Ask(1, a_question(wrong=True, tries_left=4)))
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
    opened(stage, language=language).handle(Ask(1, a_question()))
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
        Ask(2, a_question(wrong=True, tries_left=4)),
        Ask(2, a_question(pin_pad=True)),
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


@pytest.mark.usefixtures("each_text_size")
@EACH_LANGUAGE
@pytest.mark.parametrize("news", [CallerTimedOut(), Connections(8)])
def test_field_and_notice_are_in_view_with_large_text_too(
    stage: Stage, language: str, news: WindowRequest
) -> None:
    opened(stage, language=language).handle(Ask(1, a_question()))
    stage.handle(news)
    stage.settle()
    assert can_be_seen(stage, stage.pin_page.field)
    shown = [n for n in stage.window.findChildren(Notice) if n.isVisible()]
    assert [can_be_seen(stage, notice) for notice in shown] == [True]


# -- Callers that are no known browser -------------------------------------------------

PROGRAM = "python3.13"
WARNING = (
    "This request does not come from a web browser that the Kortilla program knows."
)
FOR_SITES: list[Operation] = ["authenticate", "sign", "signing-certificate"]
MANAGING: list[Operation] = ["activate", "change-pin", "unblock"]
CONSENT = ConsentQuestion("SPECIMEN-POHJALAINEN Aino", "99902038C")


def names(stage: Stage) -> list[SiteLabel]:
    """The visible names of programs and sites, from the top."""
    found = [each for each in stage.window.findChildren(SiteLabel) if each.isVisible()]
    return sorted(found, key=lambda each: each.mapTo(stage.window, each.pos()).y())


@pytest.mark.parametrize("operation", FOR_SITES)
@EACH_LANGUAGE
def test_it_is_named_above_the_site_as_large_and_with_a_sign(
    stage: Stage, operation: Operation, language: str
) -> None:
    stage.open(operation=operation, language=language, caller=PROGRAM)
    program, site = names(stage)
    assert (program.text(), site.text()) == (PROGRAM, "https://login.service.example")
    assert program.font().pointSizeF() == site.font().pointSizeF()
    labels = [each for each in stage.window.findChildren(QLabel) if each.isVisible()]
    assert program.font().pointSizeF() == max(
        each.font().pointSizeF() for each in labels
    )
    text = texts.load(language, operation)
    assert text("caller.asks") in [
        notice.label.text()
        for notice in stage.window.findChildren(Notice)
        if notice.isVisible()
    ]
    assert text("caller.check") in stage.words


@pytest.mark.parametrize("operation", MANAGING)
def test_it_is_named_where_no_site_asks_too(stage: Stage, operation: Operation) -> None:
    stage.open(operation=operation, origin="", caller=PROGRAM)
    [program] = names(stage)
    assert program.text() == PROGRAM
    assert WARNING in stage.words
    assert "Go on only if you started this program yourself." in stage.words
    assert "service" not in stage.words
    assert "No web page sees your codes." in stage.words


def test_it_stays_in_view_on_every_page(stage: Stage) -> None:
    stage.open(caller=PROGRAM)
    for request in (
        AskStarted(),
        Show(Step.READING),
        Ask(1, a_question()),
        Show(Step.WAITING_FOR_CARD),
        OfferActivation(2, partly=False),
        Ask(3, a_codes_question()),
        Ask(4, a_question(wrong=True, tries_left=1)),
        Show(Step.DONE),
    ):
        stage.handle(request)
        assert names(stage)[0].text() == PROGRAM, request
        assert WARNING in stage.words


def test_a_browser_or_the_persons_own_button_is_not_named(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, a_question()))
    assert WARNING not in stage.words
    assert [each.text() for each in names(stage)] == ["https://login.service.example"]


def test_what_a_browser_logs_in_with_is_no_such_program(stage: Stage) -> None:
    stage.open(operation="tls-login", origin="", program="Firefox")
    stage.handle(OfferActivation(1, partly=False))
    assert WARNING not in stage.words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\u202eb\nc", "a\ufffdb\ufffdc"),
        ("x" * 500, "x" * 40),
        ("\u2800", "(unknown program)"),
        ("<b>Firefox</b>", "<b>Firefox</b>"),
    ],
)
def test_no_name_can_hide_or_pass_for_words_of_ours(
    stage: Stage, name: str, shown: str
) -> None:
    stage.open(caller=name)
    assert names(stage)[0].text() == shown


@pytest.mark.parametrize(
    "request_",
    [
        Ask(1, a_question()),
        Ask(1, CONSENT),
        Ask(1, a_codes_question()),
        AskStarted(),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_screen_reader_hears_of_it_with_the_first_question_and_once(
    stage: Stage, spoken: list[str], request_: Ask
) -> None:
    stage.open(caller=PROGRAM)
    stage.handle(Show(Step.READING))
    stage.handle(request_)
    assert spoken[-1].startswith(f"The program {PROGRAM} asks, no known browser.")
    assert "Cancel if you did not start it." in spoken[-1]
    stage.handle(Ask(2, a_question(wrong=True, tries_left=4)))
    assert spoken[-1].startswith("The PIN was wrong.")


@EACH_LANGUAGE
def test_a_terminal_says_it_first(terminals: list[Terminal], language: str) -> None:
    terminal = Terminal(language=language, caller=PROGRAM)
    terminals.append(terminal)
    text = texts.load(language, "authenticate")
    terminal.expect(f"*** {text('caller.asks')} {PROGRAM}. {text('caller.check')}")
    terminal.expect("https://login.service.example")
    terminal.expect("PIN1")
