# SPDX-License-Identifier: MIT
"""Everything stays legible and in reach on a low screen, however long the texts are."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QFont, QScreen
from PySide6.QtWidgets import QApplication

from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.pages import CardChoicePage
from native_host.pin_prompt.messages import (
    Ask,
    AskStarted,
    ChooseCard,
    OfferActivation,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import (
    CardChoice,
    ConsentQuestion,
    Document,
    OtherCardQuestion,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    NEW_PIN2,
    OLD_PIN,
    PUK,
    Stage,
    a_codes_question,
    a_document,
    a_hash,
    a_question,
)
from tests.pin_prompt.layout import layout_faults
from tests.pin_prompt.test_document_viewer import open_document

SATU = "99902038C"
NAME = "SPECIMEN-" + "POHJALAINENVIRTANEN" * 2 + "Å" * 13
ORIGIN = "https://" + "label-which-is-long.suomi." * 9 + "kunta.example"
MIXED = ("חוזה שכירות-\u202eABC fdp.exe\u2066 عقد " * 10)[:196] + ".txt"
UNBROKEN = "A" * 196 + ".pdf"
BAD: dict[str, Any] = {"language": "fi", "origin": ORIGIN, "caller": "c" * 255}
LAST_TRY: dict[str, Any] = {"name": NAME, "tries_left": 1, "wrong": True}


def documents(folder: Path) -> tuple[Document, ...]:
    return (
        a_document(folder, name=MIXED),
        a_document(folder, b"%PDF-1.7", name=UNBROKEN),
        a_document(folder, b"PK\3\4\0", name=MIXED[::-1], media_type="x" * 100),
    )


def choices() -> tuple[CardChoice, ...]:
    reader = "SPECIMEN Reader " * 5
    return (CardChoice(reader, NAME, SATU), CardChoice(reader, "", SATU)) * 3


def other_card(*, removed: bool) -> OtherCardQuestion:
    return OtherCardQuestion(NAME, removed, "SPECIMEN Reader " * 5, NAME, SATU)


def signing(folder: Path, **changes: Any) -> Ask:
    asked = {"role": "PIN2", "min_length": 6, "documents": documents(folder)}
    return Ask(1, a_question(**asked | changes))


#: The requests by the page's name, with the conversation's operation.
PAGES: dict[str, tuple[str, Callable[[Path], WindowRequest]]] = {
    "started": ("authenticate", lambda _: AskStarted()),
    "choose": ("authenticate", lambda _: ChooseCard(1, choices())),
    "other-card": (
        "sign",
        lambda _: Ask(1, other_card(removed=True)),
    ),
    "other-card-there": (
        "authenticate",
        lambda _: Ask(1, other_card(removed=False)),
    ),
    "consent": (
        "signing-certificate",
        lambda _: Ask(1, ConsentQuestion(NAME, SATU)),
    ),
    "pin1": ("authenticate", lambda _: Ask(1, a_question(**LAST_TRY))),
    "no-name": ("authenticate", lambda _: Ask(1, a_question(name=""))),
    "sign": ("sign", lambda folder: signing(folder, **LAST_TRY)),
    "sign-first": ("sign", signing),
    "pin-pad": ("sign", lambda folder: signing(folder, name=NAME, pin_pad=True)),
    "hashes": (
        "sign",
        lambda folder: signing(
            folder, documents=(a_hash(name=MIXED), a_hash(name=UNBROKEN))
        ),
    ),
    "activate": (
        "authenticate",
        lambda _: Ask(1, a_codes_question(**LAST_TRY)),
    ),
    "unblock": (
        "authenticate",
        lambda _: Ask(
            1,
            a_codes_question(
                operation="unblock",
                fields=(PUK, NEW_PIN1),
                pin="PIN1",
                at_risk="PUK",
                **LAST_TRY,
            ),
        ),
    ),
    "change-pin": (
        "change-pin",
        lambda _: Ask(
            1,
            a_codes_question(
                operation="change-pin",
                fields=(OLD_PIN, NEW_PIN2),
                pin="PIN2",
                at_risk="PIN2",
                **LAST_TRY,
            ),
        ),
    ),
    "offer": ("authenticate", lambda _: OfferActivation(1, partly=True)),
    "locked": (
        "authenticate",
        lambda _: Ask(1, UnlockQuestion("PIN1", NAME, SATU)),
    ),
    "problem": (
        "authenticate",
        lambda _: Show(
            Step.WAITING_FOR_CARD,
            Problem("UNSUPPORTED_CARD", "S4-2 organisation or health care card"),
        ),
    ),
    "receiving": (
        "sign",
        lambda _: Show(Step.RECEIVING, progress=Progress(1, 2_000_000)),
    ),
}


@pytest.fixture(params=[1, 2])
def low_screen(
    request: pytest.FixtureRequest,
    application: QApplication,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """A screen of 1024 by 600 with each text size, in a font that is missing."""
    before = QApplication.font()
    font = QFont(before)
    font.setFamilies(["SPECIMEN Missing Sans"])
    font.setPointSizeF(before.pointSizeF() * request.param)
    monkeypatch.setattr(QScreen, "availableSize", lambda _: QSize(1024, 600))
    application.setFont(font)
    yield
    application.setFont(before)


def settled(stage: Stage) -> None:
    stage.window.guard.end()
    for _ in range(5):
        stage.settle()


def test_the_bad_input_is_as_long_as_it_gets() -> None:
    assert (len(NAME), len(MIXED), len(UNBROKEN)) == (60, 200, 200)
    assert len(ORIGIN) == 255


@pytest.mark.usefixtures("low_screen")
@pytest.mark.parametrize("page", PAGES)
def test_nothing_overlaps_is_cut_off_or_out_of_reach(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    operation, request = PAGES[page]
    # No site changes a PIN.
    changes = {"origin": ""} if operation == "change-pin" else {}
    stage.open(operation=operation, **BAD | changes)
    stage.handle(request(tmp_path))
    settled(stage)
    assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
def test_each_step_of_an_activation_is_whole_too(stage: Stage) -> None:
    stage.open(**BAD)
    stage.handle(Ask(1, a_codes_question(name=NAME)))
    page = stage.window.page
    assert isinstance(page, CodesPage)
    for entry in page.entries[1:]:
        page.show_step_of(entry)
        entry.fields[0].setFocus()
        settled(stage)
        assert layout_faults(stage.window) == []


@pytest.mark.usefixtures("low_screen")
def test_a_document_with_such_a_name_is_shown_whole(
    stage: Stage, tmp_path: Path
) -> None:
    stage.open(operation="sign", **BAD)
    stage.handle(signing(tmp_path))
    settled(stage)
    open_document(stage)
    settled(stage)
    assert layout_faults(stage.window) == []


def test_a_card_without_a_name_is_chosen_by_its_number(stage: Stage) -> None:
    stage.open()
    stage.handle(ChooseCard(1, (CardChoice("SPECIMEN Reader", "", SATU),)))
    page = stage.window.page
    assert isinstance(page, CardChoicePage)
    assert page.group.button(0).text().startswith(SATU)
