# SPDX-License-Identifier: MIT
"""What the window's pages show and ask, and the order of the messages."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QScrollArea

from native_host.gui.panels import Notice
from native_host.gui.sizes import dp
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui import page_window
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.gui.widgets import StepPicture
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    CallerTimedOut,
    Close,
    Connections,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import Operation, Problem, Step, UnlockQuestion
from tests.pin_prompt.conftest import (
    CANCELLED,
    EACH_LANGUAGE,
    HOLDER,
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    SEVEN,
    SITE,
    Stage,
    a_codes_question,
    a_hash,
    a_question,
    text_size,
)
from tests.pin_prompt.test_appearance import layout_faults

# -- Words -----------------------------------------------------------------------------


def pin1(**changes: Any) -> Ask:
    return Ask(1, a_question(**changes))


def pin2(**changes: Any) -> Ask:
    return pin1(**{"role": "PIN2", "min_length": 6} | changes)


def codes(**changes: Any) -> Ask:
    return Ask(1, a_codes_question(**changes))


WAITING, HASHES = Step.WAITING_FOR_CARD, (a_hash(), a_hash())
NOT_MARKED, MANAGING = {"test_card": False}, {"operation": "activate", "origin": ""}
FIREFOX = {"operation": "tls-login", "origin": "", "program": "Firefox"}
PREPARING = FIREFOX | {"operation": "prepare-login"}
SIGNING = {"operation": "sign"}
MULLER = "https://www.xn--mller-kva.example"
#: What opens the window, a request, and the words that can be read then. Words after a
#: minus can't be read; a screen reader says those after a plus.
WORDS: list[tuple[dict[str, Any], WindowRequest, str]] = [
    ({}, pin1(), f"{SITE} | {HOLDER} | 99902038C | Basic PIN (PIN1) | 5 tries left"),
    ({}, pin1(), "you hand over your name and your electronic client identifier"),
    ({"origin": MULLER}, pin1(), f"{MULLER} | www.müller.example | -You have"),
    ({}, pin1(name="\u202eNIMI\x1b[2J <b>x</b>"), "\ufffdNIMI\ufffd[2J <b>x</b>"),
    ({}, pin1(tries_left=4, wrong=True), "The PIN was wrong. | You have 4 tries left."),
    ({}, pin1(wrong=True, repeated=True), "same wrong PIN again | -The PIN was wrong."),
    ({}, pin1(unlocked=True), "The PIN has been unlocked. | -You have"),
    ({}, AskStarted(), f"{SITE} | Your card has not been read yet."),
    (NOT_MARKED, pin1(), "-TEST"),
    (NOT_MARKED, pin1(test_card=True), "TEST CARD"),
    (NOT_MARKED | MANAGING, codes(test_card=True), "TEST CARD"),
    (
        {},
        Show(WAITING, Problem("UNSUPPORTED_CARD", "bank card")),
        "This card can't be used | a bank card | Error code: UNSUPPORTED_CARD"
        " | +This card can't be used",
    ),
    (
        SIGNING,
        Show(Step.FAILED, Problem("SIGNING_INTERRUPTED", "2/3")),
        "The service asked for 3 signatures. Signatures made: 2,",
    ),
    (
        SIGNING,
        pin2(documents=(a_hash(),)),
        "Documents that can't be shown here: 1 | The service sent only its hash"
        " | The service calls this: contract.asice | Hash (SHA-256)",
    ),
    (
        SIGNING,
        pin2(pin_pad=True, documents=HASHES),
        "The PIN is typed with the card reader's own keys."
        " | The reader asks for the PIN for each of them.",
    ),
    (
        {},
        pin1(pin_pad=True, pad_problem="timed-out"),
        "in time | No try was used. | +in time",
    ),
    (
        {},
        pin1(pad_problem="refused", pad_unused=True),
        "Typing on the card reader does not work on this computer."
        " | Otherwise type the PIN on the computer's keyboard. | Basic PIN (PIN1)"
        " | +does not work on this computer",
    ),
    (
        SIGNING,
        pin2(pad_unused=True, documents=HASHES),
        "Type the PIN on the computer's keyboard. | +Type the PIN on the computer's",
    ),
    ({}, Show(Step.PIN_PAD), "PIN1 | Never type it on the computer's keyboard."),
    (SIGNING, Show(Step.PIN_PAD), "PIN2 | -PIN1"),
    (
        FIREFOX,
        pin1(),
        "This program on your computer wants to use your card:"
        " | You identify yourself to the site in the address bar of Firefox."
        " | The Kortilla program can't see which site that is."
        f" | {HOLDER} | 99902038C | Basic PIN (PIN1)"
        " | certificate, with your name and your electronic client identifier"
        " | Check the address bar before you type the PIN."
        " | +Check the address bar before you type the PIN.",
    ),
    (
        PREPARING,
        pin1(),
        "The Kortilla program keeps the PIN for two minutes at most."
        " | It is used only once, in Firefox."
        " | Your name and your electronic client identifier are then handed over"
        " | -Check the address bar before",
    ),
    (
        PREPARING,
        Ask(1, UnlockQuestion("PIN1", HOLDER, "1")),
        "The basic PIN (PIN1) is locked | After that you go on identifying yourself.",
    ),
    (
        FIREFOX,
        Show(Step.READY),
        "Your PIN is right | Choose Try again there | Keep the card in the reader.",
    ),
    (
        MANAGING,
        codes(),
        "5 tries left | No hurry. | Tried with test cards only | -locked"
        " | -https:// | +5 tries left.",
    ),
    (
        MANAGING,
        codes(tries_left=3),
        "3 tries left | You have 3 tries left. | unlocked only with a PUK code",
    ),
    (
        MANAGING,
        codes(operation="change-pin", pin="PIN1", fields=(OLD_PIN, NEW_PIN1)),
        "No web page sees your PINs | 5 tries left | -locked",
    ),
    (
        MANAGING,
        codes(fields=(SEVEN, NEW_PIN2), done=("PIN1",), at_risk="PIN2"),
        "The basic PIN (PIN1) has already been set",
    ),
    (
        MANAGING,
        codes(
            operation="unblock",
            pin="PIN2",
            fields=(PUK, NEW_PIN2),
            at_risk="PUK",
            pin_pad=True,
            pad_problem="different",
        ),
        "Unlock the signature PIN (PIN2) | The reader asks first for the PUK code"
        " | New signature PIN (PIN2): 6–8 digits."
        " | was not typed the same way twice on the reader",
    ),
    (
        MANAGING,
        codes(wrong=True, tries_left=2),
        "+Activate your identity card. The activation code was wrong."
        " | +Activation code",
    ),
]


@pytest.mark.parametrize(("opening", "request_", "words"), WORDS)
def test_what_a_page_shows_and_says(
    stage: Stage, opening: dict[str, Any], request_: WindowRequest, words: str
) -> None:
    stage.open(**opening)
    stage.handle(request_)
    for each in words.split(" | "):
        if each.startswith("+"):
            assert each[1:] in stage.spoken[-1]
        elif each.startswith("-"):
            assert each[1:] not in stage.words
        else:
            stage.sees(each)


@pytest.mark.parametrize("step", list(Step))
def test_each_step_says_what_goes_on_and_can_be_left(stage: Stage, step: Step) -> None:
    stage.open()
    stage.handle(Show(step))
    heading, body = texts.Texts("en", "authenticate").step(step)
    stage.sees(heading, body)
    assert stage.spoken == [f"{heading}. {body}"]
    over = step in (Step.EXPIRED, Step.FAILED, Step.DONE, Step.READY)
    stage.button("Close the window" if over else "Cancel").click()
    assert stage.answers == CANCELLED
    assert not stage.window.isVisible()


@EACH_LANGUAGE
def test_the_mark_of_the_mock_card_is_everywhere(stage: Stage, language: str) -> None:
    mark = {"fi": "TESTIKORTTI", "sv": "TESTKORT", "en": "TEST CARD"}[language]
    stage.open(language=language)
    assert mark in stage.words
    pages: list[WindowRequest] = [AskStarted(), pin1(test_card=True)]
    for request in (*pages, *map(Show, Step)):
        stage.handle(request)
        assert stage.words.count(mark) == 1


@EACH_LANGUAGE
@pytest.mark.parametrize("operation", OPERATION_STYLES)
def test_title_and_heading_name_the_operation_and_nobody(
    stage: Stage, operation: Operation, language: str
) -> None:
    program = "https://www.suomi.fi"
    origin = "" if OPERATION_STYLES[operation].act == "manage" else program
    asking = {"origin": origin, "program": program}
    stage.open(operation=operation, language=language, **asking)
    text, title = texts.Texts(language, operation), stage.window.windowTitle()
    assert (title, stage.band.heading.text()) == (text("title"), text("heading"))
    assert "Kortilla" in title
    assert "suomi.fi" not in title + text("heading")


def test_no_picture_invites_to_put_in_a_card_in_vain(stage: Stage) -> None:
    stage.open()
    for code, pictures, button in (
        ("CARD_REMOVED", 1, "Cancel"),
        ("PIN_BLOCKED", 0, "Cancel"),
        # Only a new card helps.
        ("PUK_BLOCKED", 0, "Close the window"),
        ("CARD_EXPIRED", 1, "Close the window"),
    ):
        stage.show(Show(WAITING, Problem(code)))
        assert len(stage.visible(StepPicture)) == pictures
        assert stage.button(button)


def test_that_a_pin_was_unlocked_looks_good_and_is_no_warning(stage: Stage) -> None:
    stage.open()
    for changes, kind in (
        ({"unlocked": True}, "good"),
        ({"tries_left": 3}, "warning"),
        ({"tries_left": 4, "wrong": True}, "error"),
    ):
        stage.handle(pin1(**changes))
        notice = stage.pin_page.status_notice
        assert isinstance(notice, Notice)
        assert notice.kind == kind


# -- Who asks --------------------------------------------------------------------------


@pytest.mark.usefixtures("each_text_size")
@pytest.mark.parametrize("operation", ["authenticate", "tls-login", "prepare-login"])
def test_who_asks_is_the_largest_text(stage: Stage, operation: str) -> None:
    asking = {} if operation == "authenticate" else FIREFOX
    stage.open(**asking | {"operation": operation})
    stage.handle(pin1())
    assert stage.site.text() == asking.get("program", SITE)
    page, site = stage.pin_page, stage.site
    others = [label for label in stage.visible(QLabel) if label is not site]
    sizes = [w.font().pointSizeF() for w in (*others, *page.buttons, page.field)]
    assert site.font().pointSizeF() > max(sizes)


@pytest.mark.parametrize(
    ("origin", "program", "shown"),
    [
        *(
            (origin, "", origin)
            for origin in (
                "https://service.example",
                "https://xn--mller-kva.example:8443",
                "https://" + "a" * 60 + ".",
                ("https://" + "label-which-is-long.suomi.fi." * 9)[:247] + ".example",
            )
        ),
        ("", "<b>W</b>" + "W" * 60, "<b>W</b>" + "W" * 32),
        *(("", hidden, "(unknown program)") for hidden in ("", " \u200b\n", "\u2800")),
    ],
)
def test_who_asks_stands_there_byte_for_byte_and_whole(
    stage: Stage, origin: str, program: str, shown: str
) -> None:
    operation = "authenticate" if origin else "tls-login"
    stage.open(operation=operation, origin=origin, program=program)
    site = stage.site
    assert site.text() == shown
    drawn = site._lay_out(site.width())
    assert drawn.text().replace("\N{LINE SEPARATOR}", "") == shown
    assert drawn.boundingRect().height() <= site.height()
    for index in range(drawn.lineCount()):
        assert drawn.lineAt(index).naturalTextWidth() <= site.width()


# -- What is in view -------------------------------------------------------------------


@EACH_LANGUAGE
@pytest.mark.parametrize("operation", OPERATION_STYLES)
@pytest.mark.usefixtures("each_text_size")
def test_band_site_and_buttons_are_in_view_and_whole(
    stage: Stage, operation: Operation, language: str
) -> None:
    for_program = operation.endswith("-login") or operation.startswith("decrypt")
    managing = operation in ("activate", "change-pin", "unblock")
    origin = "" if for_program or managing else SITE
    program = "Firefox" if for_program else ""
    stage.open(operation=operation, language=language, origin=origin, program=program)
    question = pin1(tries_left=2, wrong=True)
    if managing:
        at_risk = "PUK" if operation == "unblock" else "PIN1"
        question = codes(operation=operation, pin="PIN1", at_risk=at_risk)
    stage.handle(question)
    assert layout_faults(stage.window) == []
    page = stage.window.page
    assert page is not None
    buttons = [button for button in page.buttons if button.isVisible()]
    for part in (stage.band, *buttons, *([] if managing else [stage.site])):
        assert part.visibleRegion().boundingRect() == part.rect()
    assert min(button.height() for button in buttons) >= dp(44)


@EACH_LANGUAGE
@pytest.mark.usefixtures("each_text_size")
@pytest.mark.parametrize("news", [None, CallerTimedOut(), Connections(8)])
def test_site_news_and_field_are_in_view_together_on_a_small_screen(
    stage: Stage, language: str, news: WindowRequest | None
) -> None:
    stage.open(language=language, **FIREFOX)
    stage.handle(pin1(tries_left=5 if news else 2, wrong=not news))
    if news:
        stage.handle(news)
    stage.settle()
    for part in (stage.site, stage.pin_page.field):
        assert part.visibleRegion().boundingRect() == part.rect()
    [notice] = stage.visible(Notice)
    area = stage.window.findChildren(QScrollArea)[0].viewport()
    top = notice.mapTo(area, QPoint(0, 0)).y()
    # Its lower end, and most of it.
    assert top > -notice.height() / 5
    assert top + notice.height() <= area.height()


def test_a_page_that_does_not_fit_is_scrolled_by_keys(stage: Stage) -> None:
    with text_size(3):
        stage.open()
        stage.handle(Show(WAITING, Problem("PIN_BLOCKED")))
        stage.settle()
        bar = stage.window.findChildren(QScrollArea)[0].verticalScrollBar()
        assert bar.maximum() > 0
        before, button = bar.value(), stage.button("Cancel")
        QTest.keyClick(button, Qt.Key.Key_PageDown)
        assert bar.value() > before
        QTest.keyClick(button, Qt.Key.Key_PageUp)
        assert bar.value() == before


def test_lines_that_wrap_beside_a_scroll_bar_do_not_cause_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.open(operation="sign")
    area = stage.window.findChildren(QScrollArea)[0]
    bar, width = area.verticalScrollBar(), stage.window.width()

    def ask(words: int) -> tuple[int, int]:
        """Show a question, and return its page's heights, without and with a bar."""
        stage.handle(pin2(documents=HASHES, name="SPECIMEN " * words))
        stage.settle()
        page, beside = stage.pin_page, width - bar.sizeHint().width()
        return page.heightForWidth(width), page.heightForWidth(beside)

    # Of some name the last word goes to another line beside a bar.
    words = next(n for n in range(1, 99) if len(set(ask(n))) > 1)
    high, higher = ask(words)
    around = stage.window.height() - area.height()
    screen = stage.window.screen().availableSize().height()
    monkeypatch.setattr(page_window, "_TITLE_BAR", screen - around - high)
    stage.window.resize(width, 1)
    ask(words)
    assert stage.window.height() == around + high < around + higher
    assert not bar.isVisible()
    assert stage.window.focusWidget() is stage.pin_page.field


def test_a_window_that_grows_stays_on_the_screen(stage: Stage) -> None:
    stage.open()
    screen = stage.window.screen().availableGeometry()
    stage.window.move(40, screen.bottom() - 100)
    stage.handle(pin1())
    stage.settle()
    assert stage.window.frameGeometry().bottom() <= screen.bottom()
    assert stage.window.frameGeometry().x() == 40


# -- Order of the messages -------------------------------------------------------------


@pytest.mark.parametrize("early", [AskStarted(), Show(Step.READING), CallerTimedOut()])
def test_the_window_is_opened_first_and_once(
    stage: Stage, early: WindowRequest
) -> None:
    with pytest.raises(ValueError, match="not open"):
        stage.handle(early)
    stage.open()
    with pytest.raises(ValueError, match="open already"):
        stage.open()
    stage.window.repaint()
    assert stage.said == [{"type": "visible"}]
    stage.handle(Close())
    assert not stage.window.isVisible()
    assert stage.answers == []
