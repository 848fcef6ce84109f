# SPDX-License-Identifier: MIT
"""The window for signing has its own style and texts and shows the documents."""

import re
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

from native_host.gui.tokens import tokens_for
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.messages import Ask
from tests.pin_prompt.conftest import (
    EACH_LANGUAGE,
    Stage,
    a_document,
    a_hash,
    a_question,
)

TAB = Qt.Key.Key_Tab
NAME = QAccessible.Text.Name


def accessible_name(widget: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(widget)
    assert interface is not None
    return interface.text(NAME)


# Content


def test_site_signer_and_each_document_are_on_one_page(
    stage: Stage, tmp_path: Path
) -> None:
    contract = a_document(tmp_path, b"%PDF-1.7", name="lease.pdf")
    stage.sign(contract, a_document(tmp_path))
    for shown in (
        "https://login.service.example",
        "SPECIMEN-POHJALAINEN Aino",
        "99902038C",
        "Documents to sign: 2",
        "You make 2 signatures. You type the PIN once.",
        "lease.pdf",
        "PDF document · 8 bytes",
        "agreement.txt",
        "plain text · 9 bytes",
        "Signature PIN (PIN2)",
        "6–12 digits",
    ):
        assert shown in stage.words
    assert contract.digest not in stage.words.replace(" ", "")
    stage.button("Technical details (hashes)").click()
    assert contract.digest in stage.words.replace(" ", "")


@EACH_LANGUAGE
def test_own_files_are_signed_on_this_computer(
    stage: Stage, tmp_path: Path, language: str
) -> None:
    """No site and no program is named, and each file says what is made of it."""
    text = texts.load(language, "sign-own")
    made = [("a.pdf", "pdf", "a-1.pdf"), ("b", "container", "c.asice")]
    documents = [
        a_document(tmp_path, name.encode(), name=name, result=result, result_kind=kind)
        for name, kind, result in [*made, ("d", "container", "c.asice")]
    ]
    stage.open(operation="sign-own", origin="", language=language)
    asked = {"role": "PIN2", "min_length": 6, "documents": tuple(documents)}
    stage.handle(Ask(1, a_question(**asked)))
    assert stage.site.text() == text("here")
    for shown in (
        text("asks"),
        text("result.pdf", name="a-1.pdf"),
        text("result.container", name="c.asice"),
        # The two files in one container get one signature.
        text("signatures.many", count=2),
    ):
        assert shown in stage.words
    assert text("here") in str(stage.pin_page.announcement)
    assert not re.search(r"https?:", stage.words)


def test_a_bare_hash_is_shown_as_such(stage: Stage) -> None:
    page = stage.sign(a_hash())
    for shown in (
        "Documents that can't be shown here: 1",
        "The service sent only its hash",
        "The service calls this: contract.asice",
        "Hash (SHA-256)",
    ):
        assert shown in stage.words
    assert page.documents is not None
    assert page.documents.cards[0].button is None


def test_hostile_names_are_shown_escaped_and_whole(
    stage: Stage, tmp_path: Path
) -> None:
    name = "a" * 200 + "\u202egpj.exe <b>"
    page = stage.sign(a_document(tmp_path, name=name))
    shown = "a" * 200 + r"\u{202E}gpj.exe <b>"
    assert shown in stage.words
    assert page.documents is not None
    label = next(w for w in page.documents.findChildren(QLabel) if w.text() == shown)
    lines = label.lay_out(label.width())  # type: ignore[attr-defined] # a private kind
    assert lines.boundingRect().height() <= label.height()
    for index in range(lines.lineCount()):
        assert lines.lineAt(index).naturalTextWidth() <= label.width()


@EACH_LANGUAGE
@pytest.mark.parametrize("role", ["PIN1", "PIN2"])
def test_fields_of_pin1_and_pin2_never_look_or_sound_alike(
    stage: Stage, tmp_path: Path, language: str, role: str
) -> None:
    documents = (a_document(tmp_path),) if role == "PIN2" else ()
    stage.open(language=language, operation="sign" if documents else "authenticate")
    stage.handle(Ask(1, a_question(role=role, documents=documents)))
    field = stage.pin_page.field
    assert type(field) is (SignatureField if role == "PIN2" else PinField)
    assert role in accessible_name(field)
    field.enter("1")
    typed = field._place(0).toRect()
    ground = tokens_for(field.palette()).field
    shot = field.grab(typed).toImage()
    drawn = {
        (x, y)
        for x, y in product(range(shot.width()), range(shot.height()))
        if shot.pixelColor(x, y) != ground
    }
    left, top = (min(place[axis] for place in drawn) for axis in (0, 1))
    # A square fills its corner, and a dot does not.
    assert ((left, top) in drawn) is (role == "PIN2")


def test_the_mark_of_a_test_card_comes_with_the_question(
    stage: Stage, tmp_path: Path
) -> None:
    stage.open(operation="sign", test_card=False)
    assert "TEST CARD" not in stage.words
    documents = (a_document(tmp_path),)
    for number in (1, 2):
        question = a_question(role="PIN2", documents=documents, test_card=number == 1)
        stage.handle(Ask(number, question))
        assert stage.words.count("TEST CARD") == 1


@pytest.mark.parametrize("count", [1, 3, 20])
def test_field_and_buttons_are_in_view_however_much_is_signed(
    stage: Stage, tmp_path: Path, count: int
) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(count)), tries_left=4)
    for _ in range(5):
        stage.settle()
    for part in (stage.site, page.field, *page.buttons):
        assert part.visibleRegion().boundingRect() == part.rect()
    documents = page.documents
    assert documents is not None
    assert documents.height() >= documents.cards[0].height()
    assert (documents.verticalScrollBar().maximum() > 0) is (count > 2)


@pytest.mark.usefixtures("large_text")
def test_with_large_text_what_is_signed_is_seen_before_the_field(
    stage: Stage, tmp_path: Path
) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(8)))
    for _ in range(5):
        stage.settle()
    assert page.documents is not None
    assert page.documents is stage.window.focusWidget()
    assert not page.documents.cards[0].visibleRegion().isEmpty()
    # The page scrolls, so the list does not.
    assert page.documents.verticalScrollBar().maximum() == 0
    # A person who presses the button sees what is missing.
    page.confirm.click()
    assert page.field is stage.window.focusWidget()


# The keyboard


def test_everything_is_reached_by_tab_and_comes_into_view(
    stage: Stage, tmp_path: Path
) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(8)))
    documents = page.documents
    assert documents is not None
    seen = []
    while (widget := stage.window.focusWidget()) not in seen:
        assert accessible_name(widget)
        assert not widget.visibleRegion().isEmpty()
        seen.append(widget)
        QTest.keyClick(widget, TAB)
    opening = [card.button for card in documents.cards]
    last = [page.field, page.eye, *page.buttons]
    assert seen == [*last, documents.fold, documents, *opening]


def test_the_list_is_scrolled_by_keys(stage: Stage, tmp_path: Path) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(20)))
    for _ in range(5):
        stage.settle()
    assert page.documents is not None
    bar = page.documents.verticalScrollBar()
    QTest.keyClick(page.field, Qt.Key.Key_PageDown)
    assert bar.value() > 0
    page.documents.setFocus()
    before = bar.value()
    QTest.keyClick(page.documents, Qt.Key.Key_Down)
    assert bar.value() > before


def test_enter_signs_and_opens_nothing(stage: Stage, tmp_path: Path) -> None:
    page = stage.sign(a_document(tmp_path))
    QTest.keyClicks(page.field, "123456\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "123456"}]


# Screen readers


def test_a_screen_reader_hears_how_much_is_signed_and_of_what(
    stage: Stage, tmp_path: Path, spoken: list[str]
) -> None:
    page = stage.sign(a_document(tmp_path), a_hash())
    for words in (
        "https://login.service.example",
        "Documents that can't be shown here: 2",
        "The service sent only their hashes",
        "Signature PIN (PIN2)",
    ):
        assert words in spoken[-1]
    documents = page.documents
    assert documents is not None
    assert accessible_name(documents) == "Documents that can't be shown here: 2"
    button = documents.cards[0].button
    assert button is not None
    assert accessible_name(button) == "Open agreement.txt"
    assert "SHA-256" in accessible_name(documents.cards[1].digest)
