# SPDX-License-Identifier: MIT
"""Programs that stop waiting or open several connections, and unknown callers."""

import pytest
from PySide6.QtWidgets import QLabel

from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.gui.pin_page import PinPage
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
    ConsentQuestion,
    Operation,
    Problem,
    Progress,
    Step,
)
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    HOLDER,
    SITE,
    Stage,
    a_codes_question,
    a_question,
    pin,
)

LATE = "Firefox has stopped waiting."
WRONG = Ask(2, a_question(wrong=True, tries_left=4))
CHOICES = (CardChoice("A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2"))


def opened(stage: Stage, operation: Operation = "tls-login") -> Stage:
    """Open the window for a program."""
    stage.open(operation=operation, origin="", program="Firefox")
    return stage


def asked(
    stage: Stage, operation: Operation = "tls-login", **changes: object
) -> PinPage:
    """Open the page for PIN1, after the input guard's time."""
    opened(stage, operation).show(Ask(1, a_question(**changes)))
    return stage.pin_page


def late(stage: Stage) -> list[str]:
    """Return the notices about a program that has given up waiting."""
    return [notice for notice in stage.notices if notice.startswith(LATE)]


@EACH_LANGUAGE
def test_a_pin_pad_keeps_no_pin_and_the_window_says_so_before(
    stage: Stage, language: str
) -> None:
    text = texts.Texts(language, "prepare-login", program="Firefox")
    stage.open(
        operation="prepare-login", origin="", program="Firefox", language=language
    )
    for on_pad in (True, False):
        wanted = "pin_pad.consent" if on_pad else "consent"
        stage.spoken.clear()
        # On the keyboard, after the reader has refused its keys.
        problem = {} if on_pad else {"pad_problem": "refused", "pad_unused": True}
        stage.show(Ask(1, a_question(pin_pad=on_pad, **problem)))
        for key in ("consent", "pin_pad.consent"):
            assert (text(key) in stage.words) == (key == wanted)
        if on_pad:
            what_to_do = text(wanted).rpartition(". ")[0]
            assert what_to_do in " ".join(stage.spoken)


# -- Decryptions for a while -----------------------------------------------------------


@EACH_LANGUAGE
def test_no_choice_is_offered_with_a_pin_pad(stage: Stage, language: str) -> None:
    text = texts.Texts(language, "decrypt-mail", program="Thunderbird")
    stage.open(
        operation="decrypt-mail", origin="", program="Thunderbird", language=language
    )
    for on_pad in (False, True):
        stage.show(Ask(1, a_question(can_allow=True, pin_pad=on_pad)))
        page = stage.window.page
        assert (getattr(page, "allow_box", None) is None) is on_pad
        assert text("pin_pad.consent" if on_pad else "consent") in stage.words


def test_a_pin_allows_one_message_unless_the_box_is_ticked(stage: Stage) -> None:
    page = asked(stage, "decrypt-mail", can_allow=True)
    assert page.allow_box is not None
    assert not page.allow_box.isChecked()
    assert stage.focus is page.field
    stage.press("1234\r")
    assert stage.answers == pin("1234")


def test_a_tick_allows_more_messages(stage: Stage) -> None:
    page = asked(stage, "decrypt-mail", can_allow=True)
    assert page.allow_box is not None
    page.allow_box.setFocus()
    stage.press(" ")
    page.field.setFocus()
    stage.press("1234\r")
    assert stage.answers == [{**each, "type": "allowed"} for each in pin("1234")]


def test_a_tick_stays_after_a_wrong_pin(stage: Stage) -> None:
    page = asked(stage, "decrypt-mail", can_allow=True, wrong=True, ticked=True)
    assert page.allow_box is not None
    stage.press("1234\r")
    assert stage.answers == [{**each, "type": "allowed"} for each in pin("1234")]


def test_there_is_no_choice_where_nothing_can_be_allowed(stage: Stage) -> None:
    assert asked(stage).allow_box is None


def test_the_window_counts_and_its_button_ends_it(stage: Stage) -> None:
    opened(stage, "decrypt-mail")
    for done in (1, 2):
        stage.handle(Show(Step.READY, progress=Progress(done, done)))
        stage.sees(f"Opened so far: {done}")
    assert stage.window.page is not None
    [button] = stage.window.page.buttons
    assert button.text() == "End this now"
    button.click()
    assert stage.answers == [{"type": "cancel"}]


# -- Late answers ----------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["tls-login", "prepare-login"])
def test_typed_digits_and_focus_stay_when_late(
    stage: Stage, operation: Operation
) -> None:
    page = asked(stage, operation)
    stage.press("12")
    stage.spoken.clear()
    for _ in range(2):
        stage.handle(CallerTimedOut())
    assert len(late(stage)) == 1
    stage.sees("choose Try again in the browser")
    assert [words[: len(LATE)] for words in stage.spoken] == [LATE]
    assert stage.focus is page.field
    assert not stage.guard.active
    assert stage.answers == []
    stage.press("34\r")
    assert stage.answers == pin("1234")


def test_a_tick_and_a_focus_elsewhere_stay_when_it_is_late(stage: Stage) -> None:
    page = asked(stage, tries_left=1)
    assert page.last_try_box is not None
    page.last_try_box.click()
    page.field.setFocus()
    stage.press("1234")
    page.confirm.setFocus()
    stage.handle(CallerTimedOut())
    assert page.last_try_box.isChecked()
    assert stage.focus is page.confirm
    stage.press("\r")
    assert stage.answers == pin("1234")


def test_late_does_not_let_keys_through_that_the_guard_keeps_out(stage: Stage) -> None:
    opened(stage).handle(Ask(1, a_question()))
    stage.handle(CallerTimedOut())
    stage.press("1234\r")
    assert bytes(stage.pin_page.field.digits) == b""
    assert stage.answers == []


@pytest.mark.parametrize(
    "later",
    [
        Show(Step.READING),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")),
        Show(Step.PIN_PAD),
        ChooseCard(2, CHOICES),
        AskStarted(),
        Ask(2, ActivationQuestion(False)),
        Ask(2, a_codes_question()),
        WRONG,
        Ask(2, a_question(pin_pad=True)),
    ],
)
def test_late_stands_on_this_page_and_later_ones(
    stage: Stage, later: WindowRequest
) -> None:
    opened(stage).handle(later)
    stage.handle(CallerTimedOut())
    assert len(late(stage)) == 1
    stage.handle(Show(Step.WAITING_FOR_CARD))
    stage.handle(later)
    assert len(late(stage)) == 1
    assert LATE in stage.spoken[-1]


@pytest.mark.parametrize(
    "step", [Step.SIGNING, Step.READY, Step.DONE, Step.FAILED, Step.EXPIRED]
)
def test_who_has_nothing_left_to_type_is_not_told_to(stage: Stage, step: Step) -> None:
    opened(stage).handle(Show(step))
    stage.handle(CallerTimedOut())
    assert not late(stage)
    assert LATE not in " ".join(stage.spoken)
    stage.handle(WRONG)
    assert len(late(stage)) == 1


# -- Several connections ---------------------------------------------------------------


def test_the_number_of_connections_is_said_in_passing(stage: Stage) -> None:
    page = asked(stage)
    stage.handle(Connections(1))
    assert not stage.notices
    stage.press("12")
    stage.spoken.clear()
    stage.handle(Connections(3))
    said = "Firefox has opened 3 connections at once."
    stage.sees(said)
    assert [words[: len(said)] for words in stage.spoken] == [said]
    assert stage.focus is page.field
    assert not stage.guard.active
    stage.handle(Connections(1))
    assert said not in stage.words
    stage.press("34\r")
    assert stage.answers == pin("1234")


@pytest.mark.parametrize(
    "later",
    [WRONG, Ask(2, a_question(pin_pad=True)), Show(Step.SIGNING), Show(Step.PIN_PAD)],
)
def test_the_number_of_connections_stands_where_they_are_signed_for(
    stage: Stage, later: WindowRequest
) -> None:
    said = "Firefox has opened 2 connections at once."
    opened(stage).handle(Connections(2))
    assert said not in stage.words
    stage.handle(later)
    stage.sees(said)
    assert said in stage.spoken[-1]
    stage.handle(Connections(3))
    stage.sees("Firefox has opened 3 connections at once.")
    stage.handle(Show(Step.READY))
    assert "connections at once" not in stage.words


# -- Callers that are no known browser -------------------------------------------------

PROGRAM = "python3.13"


@pytest.mark.parametrize("operation", ["authenticate", "sign", "signing-certificate"])
@EACH_LANGUAGE
def test_it_is_named_above_the_site_as_large_and_with_a_sign(
    stage: Stage, operation: Operation, language: str
) -> None:
    stage.open(operation=operation, language=language, caller=PROGRAM)
    found = stage.visible(SiteLabel)
    program, site = sorted(found, key=lambda e: e.mapTo(stage.window, e.pos()).y())
    assert (program.text(), site.text()) == (PROGRAM, SITE)
    largest = max(label.font().pointSizeF() for label in stage.visible(QLabel))
    assert program.font().pointSizeF() == site.font().pointSizeF() == largest
    text = texts.Texts(language, operation)
    assert text("caller.asks") in stage.notices
    stage.sees(text("caller.check"))


@pytest.mark.parametrize("operation", ["activate", "change-pin", "unblock"])
def test_it_is_named_where_no_site_asks_too(stage: Stage, operation: Operation) -> None:
    stage.open(operation=operation, origin="", caller="<b>a\u202eb</b>")
    names = [name.text() for name in stage.visible(SiteLabel)]
    assert names == ["<b>a\ufffdb</b>"]
    stage.sees(
        "This request does not come from a web browser that the Kortilla program knows",
        "Go on only if you started this program yourself.",
    )
    assert "service" not in stage.words


@pytest.mark.parametrize("caller", [PROGRAM, ""])
def test_it_stays_in_view_on_every_page(stage: Stage, caller: str) -> None:
    stage.open(caller=caller)
    for request in (
        AskStarted(),
        Show(Step.READING),
        Ask(1, a_question()),
        Show(Step.WAITING_FOR_CARD),
        Ask(2, ActivationQuestion(False)),
        Ask(3, a_codes_question()),
        Ask(4, a_question(wrong=True, tries_left=1)),
        Show(Step.DONE),
    ):
        stage.handle(request)
        # A browser or the person's own button is not named.
        assert stage.site.text() == (caller or SITE), request
        assert ("does not come from a web browser" in stage.words) is bool(caller)


@pytest.mark.parametrize(
    "request_",
    [
        AskStarted(),
        *(
            Ask(1, question)
            for question in (
                *(a_question(), a_codes_question()),
                ConsentQuestion(HOLDER, "99902038C"),
            )
        ),
    ],
    ids=lambda request: type(request).__name__,
)
def test_the_caller_is_heard_of_with_the_first_question(
    stage: Stage, request_: Ask
) -> None:
    stage.open(caller=PROGRAM)
    stage.handle(Show(Step.READING))
    stage.handle(request_)
    assert stage.spoken[-1].startswith(f"Unknown program: {PROGRAM}. ")
    assert "Cancel if you did not start it." in stage.spoken[-1]
    stage.handle(WRONG)
    assert stage.spoken[-1].startswith("The PIN was wrong.")
