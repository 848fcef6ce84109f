# SPDX-License-Identifier: MIT
"""What the window's pages show, and the order of the messages."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QProgressBar, QScrollArea, QWidget

from native_host.gui.frame import HeadingBand
from native_host.gui.panels import Notice
from native_host.gui.sizes import dp, text_width
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.widgets import StepPicture
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    Close,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import Operation, Problem, Progress, Step
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    Stage,
    a_codes_question,
    a_question,
    text_size,
)

# Content


def test_the_page_for_the_pin_shows_whom_what_and_to_whom(stage: Stage) -> None:
    stage.ask()
    for shown in (
        "https://login.service.example",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "you hand over your name and your electronic client identifier",
        "Basic PIN (PIN1)",
    ):
        assert shown in stage.words


@pytest.mark.usefixtures("each_text_size")
@pytest.mark.parametrize(
    "asking",
    [
        {},
        {"operation": "tls-login", "origin": "", "program": "Firefox"},
        {"operation": "prepare-login", "origin": "", "program": "Firefox"},
    ],
)
def test_who_asks_is_the_largest_text(stage: Stage, asking: dict[str, str]) -> None:
    stage.open(**asking)
    stage.handle(Ask(1, a_question()))
    page = stage.pin_page
    assert stage.site.text() == asking.get("program", "https://login.service.example")
    labels = [w for w in stage.window.findChildren(QLabel) if w.isVisible()]
    others = [w.font().pointSizeF() for w in labels if w is not stage.site]
    buttons = [b.font().pointSizeF() for b in page.buttons]
    size = stage.site.font().pointSizeF()
    assert size > max([*others, *buttons, page.field.font().pointSizeF()])


@pytest.mark.parametrize(
    "origin",
    [
        "https://service.example",
        "https://xn--mller-kva.example:8443",
        "https://" + "a" * 60 + ".",
        ("https://" + "label-which-is-long.suomi.fi." * 9)[:247] + ".example",
    ],
)
def test_the_origin_stands_there_byte_for_byte_and_whole(
    stage: Stage, origin: str
) -> None:
    stage.open(origin=origin)
    site = stage.site
    assert site.text() == origin
    drawn = site._lay_out(site.width())
    assert drawn.text().replace("\N{LINE SEPARATOR}", "") == origin
    assert drawn.boundingRect().height() <= site.height()
    for index in range(drawn.lineCount()):
        assert drawn.lineAt(index).naturalTextWidth() <= site.width()


def test_an_international_name_is_shown_in_both_forms(stage: Stage) -> None:
    stage.open(origin="https://www.xn--mller-kva.example")
    assert "https://www.xn--mller-kva.example" in stage.words
    assert "www.müller.example" in stage.words


@pytest.mark.parametrize(
    ("language", "mark"),
    [("fi", "TESTIKORTTI"), ("sv", "TESTKORT"), ("en", "TEST CARD")],
)
def test_the_mark_of_the_test_card_is_on_every_page(
    stage: Stage, language: str, mark: str
) -> None:
    stage.open(language=language)
    assert mark in stage.words
    requests: list[WindowRequest] = [
        AskStarted(),
        Ask(1, a_question()),
        *(Show(step) for step in Step),
    ]
    for request in requests:
        stage.handle(request)
        assert mark in stage.words


def test_a_real_card_has_no_mark(stage: Stage) -> None:
    stage.open(test_card=False)
    assert "TEST" not in stage.words


@EACH_LANGUAGE
def test_the_title_names_the_program_and_the_operation(
    stage: Stage, language: str
) -> None:
    stage.open(language=language)
    assert stage.window.windowTitle() == texts.load(language)("authenticate.title")
    assert "Kortilla" in stage.window.windowTitle()


@pytest.mark.parametrize("step", list(Step))
def test_each_step_says_what_goes_on_and_can_be_left(stage: Stage, step: Step) -> None:
    stage.open()
    stage.handle(Show(step))
    for words in texts.load("en", "authenticate").step(step):
        assert words in stage.words
    over = step in (Step.EXPIRED, Step.FAILED, Step.DONE, Step.READY)
    stage.button("Close the window" if over else "Cancel").click()
    assert stage.answers == [{"type": "cancel"}]
    assert not stage.window.isVisible()


def test_a_problem_stands_where_the_step_would(stage: Stage) -> None:
    stage.open()
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("UNSUPPORTED_CARD", "bank card")))
    assert "This card can't be used" in stage.words
    assert "a bank card" in stage.words
    assert "Error code: UNSUPPORTED_CARD" in stage.words


def test_no_picture_invites_to_put_in_a_card_that_must_be_mended_elsewhere(
    stage: Stage,
) -> None:
    stage.open()
    for code, pictures in (("CARD_REMOVED", 1), ("PIN_BLOCKED", 0)):
        stage.handle(Show(Step.WAITING_FOR_CARD, Problem(code)))
        assert stage.window.page is not None
        assert len(stage.window.page.findChildren(StepPicture)) == pictures


def test_names_from_the_card_cannot_garble_what_is_shown(stage: Stage) -> None:
    stage.open()
    stage.handle(Ask(1, a_question(name="SPECIMEN\u202eNIMI\x1b[2J <b>x</b>")))
    assert "SPECIMEN\ufffdNIMI\ufffd[2J <b>x</b>" in stage.words


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        (4, "You have 4 tries left."),
        (3, "You have 3 tries left."),
        (2, "You have only two tries left."),
        (1, "This is the last try."),
    ],
)
def test_tries_are_told_before_the_first_key(
    stage: Stage, tries: int, said: str
) -> None:
    stage.ask(tries_left=tries)
    assert said in stage.words


def test_no_notice_tells_of_tries_when_all_are_left(stage: Stage) -> None:
    stage.ask()
    assert "You have" not in stage.words
    assert "5 tries left" in stage.words


def test_a_wrong_pin_and_a_repeated_one_are_told_apart(stage: Stage) -> None:
    stage.ask(tries_left=4, wrong=True)
    assert "The PIN was wrong." in stage.words
    stage.handle(Ask(2, a_question(tries_left=4, wrong=True, repeated=True)))
    assert "You typed the same wrong PIN again." in stage.words
    assert "No try was used." in stage.words
    assert "The PIN was wrong." not in stage.words


def test_that_a_pin_was_unlocked_looks_good_and_is_no_warning(stage: Stage) -> None:
    for changes, kind in (
        ({"unlocked": True}, "good"),
        ({"tries_left": 3}, "warning"),
        ({"tries_left": 4, "wrong": True}, "error"),
    ):
        stage.window.hide()
        stage.__post_init__()
        notice = stage.ask(**changes).status_notice
        assert isinstance(notice, Notice)
        assert notice.kind == kind


@pytest.mark.usefixtures("large_text")
def test_site_news_and_field_are_in_view_together_on_a_small_screen(
    stage: Stage,
) -> None:
    page = stage.ask(tries_left=2, wrong=True)
    stage.settle()
    assert page.status_notice is not None
    for part in (stage.site, page.status_notice, page.field):
        assert part.visibleRegion().boundingRect() == part.rect()


@EACH_LANGUAGE
@pytest.mark.usefixtures("each_text_size")
def test_everything_fits_a_small_screen(stage: Stage, language: str) -> None:
    stage.open(language=language)
    stage.handle(Ask(1, a_question(tries_left=1, wrong=True)))
    room = stage.window.screen().availableSize()
    assert stage.window.width() <= room.width()
    assert stage.window.height() <= room.height()
    page = stage.pin_page
    for part in page.findChildren(QWidget):
        if not part.isVisible():
            continue
        assert part.mapTo(page, QPoint(part.width(), 0)).x() <= page.width()
    for button in page.buttons:
        right = button.mapTo(stage.window, QPoint(button.width(), button.height()))
        assert stage.window.rect().contains(right - QPoint(1, 1))


OPERATIONS: list[Operation] = [*OPERATION_STYLES]


@EACH_LANGUAGE
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.usefixtures("each_text_size")
def test_band_site_and_buttons_are_in_view_and_whole(
    stage: Stage, operation: Operation, language: str
) -> None:
    for_program = operation in ("tls-login", "prepare-login")
    managing = OPERATION_STYLES[operation].act == "manage"
    origin = "" if for_program or managing else "https://login.service.example"
    program = "Firefox" if for_program else ""
    stage.open(operation=operation, language=language, origin=origin, program=program)
    question: WindowRequest = Ask(1, a_question(tries_left=2, wrong=True))
    if managing:
        at_risk = "PUK" if operation == "unblock" else "PIN1"
        asked = a_codes_question(operation=operation, pin="PIN1", at_risk=at_risk)
        question = Ask(1, asked)
    stage.handle(question)
    stage.settle()
    [band] = [
        band for band in stage.window.findChildren(HeadingBand) if band.isVisible()
    ]
    page = stage.window.page
    assert page is not None
    buttons = [button for button in page.buttons if button.isVisible()]
    parts: list[QWidget] = [band, band.heading, *buttons]
    if not managing:
        parts.append(stage.site)
    for part in parts:
        assert part.visibleRegion().boundingRect() == part.rect()
        assert stage.window.rect().contains(
            QRect(part.mapTo(stage.window, QPoint(0, 0)), part.size())
        )
    assert band.heading.heightForWidth(band.heading.width()) <= (band.heading.height())
    for button in buttons:
        words = text_width(button.text(), button.font())
        assert words + dp(16) <= button.width()
        assert button.height() >= dp(44)


# The question about a request without a click


def test_the_question_who_started_names_the_site_and_takes_no_focus(
    stage: Stage,
) -> None:
    stage.open(started_by_person=False)
    stage.handle(AskStarted())
    assert stage.window.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    assert "https://login.service.example" in stage.words
    assert "Your card has not been read yet." in stage.words
    assert stage.window.focusWidget() is stage.button("No, cancel")


def test_yes_answers_the_question(stage: Stage) -> None:
    stage.open(started_by_person=False)
    stage.handle(AskStarted())
    stage.window.guard.end()
    stage.button("Yes, go on").click()
    assert stage.answers == [{"type": "started"}]


def test_no_cancels(stage: Stage) -> None:
    stage.open(started_by_person=False)
    stage.handle(AskStarted())
    stage.button("No, cancel").click()
    assert stage.answers == [{"type": "cancel"}]


# Order of the messages


@pytest.mark.parametrize("request_", [AskStarted(), Show(Step.READING)])
def test_nothing_is_shown_before_the_window_is_opened(
    stage: Stage, request_: AskStarted | Show
) -> None:
    with pytest.raises(ValueError, match="not open"):
        stage.window.handle(request_)


def test_a_window_is_opened_once(stage: Stage) -> None:
    stage.open()
    with pytest.raises(ValueError, match="open already"):
        stage.open()


def test_visible_is_said_once(stage: Stage) -> None:
    stage.ask()
    stage.window.repaint()
    assert stage.said.count({"type": "visible"}) == 1


def test_close_takes_the_window_away(stage: Stage) -> None:
    stage.open()
    stage.handle(Close())
    assert not stage.window.isVisible()
    assert stage.answers == []


def test_nothing_moves_while_the_progress_is_unknown(stage: Stage) -> None:
    def bars() -> list[QProgressBar]:
        return [b for b in stage.window.findChildren(QProgressBar) if b.isVisible()]

    stage.open()
    stage.handle(Show(Step.READING))
    assert "The card is being read" in stage.words
    assert not bars()
    stage.handle(Show(Step.RECEIVING, progress=Progress(1, 3)))
    [bar] = bars()
    # A bar with a known end has no animation.
    assert (bar.minimum(), bar.maximum(), bar.value()) == (0, 3, 1)
    assert bar.accessibleName() == "The documents are being received"


def test_a_page_that_does_not_fit_is_scrolled_by_keys(stage: Stage) -> None:
    with text_size(3):
        stage.open()
        stage.handle(Show(Step.WAITING_FOR_CARD, Problem("PIN_BLOCKED")))
        stage.settle()
        page = stage.window.page
        assert page is not None
        bar = stage.window.findChildren(QScrollArea)[0].verticalScrollBar()
        assert bar.maximum() > 0
        QTest.keyClick(page.buttons[0], Qt.Key.Key_PageUp)
        before = bar.value()
        QTest.keyClick(page.buttons[0], Qt.Key.Key_PageDown)
        assert bar.value() > before
        QTest.keyClick(page.buttons[0], Qt.Key.Key_PageUp)
        assert bar.value() == before


def test_a_window_that_grows_stays_on_the_screen(stage: Stage) -> None:
    stage.open()
    screen = stage.window.screen().availableGeometry()
    stage.window.move(40, screen.bottom() - 100)
    stage.handle(Ask(1, a_question()))
    stage.settle()
    assert stage.window.frameGeometry().bottom() <= screen.bottom()
    assert stage.window.frameGeometry().x() == 40
