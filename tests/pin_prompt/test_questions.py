# SPDX-License-Identifier: MIT
"""Questions: what is signed, choice, consent, PIN pads; and progress bars."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QProgressBar

from native_host.gui.tokens import tokens_for
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.document_list import DocumentList
from native_host.pin_prompt.gui.pages import CardChoicePage
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.messages import Ask, AskStarted, ChooseCard, Show
from native_host.pin_prompt.model import (
    CardChoice,
    CodesQuestion,
    ConsentQuestion,
    OtherCardQuestion,
    PinQuestion,
    Progress,
    Step,
)
from tests.pin_prompt.conftest import (
    CANCELLED,
    EACH_LANGUAGE,
    HOLDER,
    NAME,
    SITE,
    Stage,
    a_codes_question,
    a_document,
    a_hash,
    a_question,
    agreed,
    interface,
    pin,
    text_size,
)


def documents_of(stage: Stage) -> DocumentList:
    assert stage.pin_page.documents is not None
    return stage.pin_page.documents


def test_site_signer_and_documents_are_on_one_page(
    stage: Stage, tmp_path: Path
) -> None:
    contract = a_document(tmp_path, b"%PDF-1.7", name="lease.pdf")
    other = a_document(tmp_path, b"PK\x03\x04\0", name="a.docx")
    stage.sign(contract, a_document(tmp_path), other)
    stage.sees(
        *(SITE, HOLDER, "99902038C", "Documents to sign: 3"),
        *("You make 3 signatures. You type the PIN once.", "Signature PIN (PIN2)"),
        *("lease.pdf", "PDF document · 8 bytes", "6–12 digits"),
        *("agreement.txt", "text file · 9 bytes", "can't be shown here"),
    )
    assert documents_of(stage).cards[2].button is None
    assert contract.digest not in stage.words.replace(" ", "")
    stage.press_button("Technical details (hashes)")
    assert contract.digest in stage.words.replace(" ", "")
    stage.pin_page.field.setFocus()
    stage.press("123456\r")
    assert stage.answers == pin("123456")


@EACH_LANGUAGE
def test_own_files_are_signed_here(stage: Stage, tmp_path: Path, language: str) -> None:
    """No site and no program is named, and each file says what is made of it."""
    text = texts.Texts(language, "sign-own")
    made = [("a.pdf", "pdf", "a-1.pdf"), ("b", "container", "c.asice")]
    documents = [
        a_document(tmp_path, name.encode(), name=name, result=result, result_kind=kind)
        for name, kind, result in [*made, ("d", "container", "c.asice")]
    ]
    stage.open(operation="sign-own", origin="", language=language)
    asked = {"role": "PIN2", "min_length": 6, "documents": tuple(documents)}
    stage.handle(Ask(1, a_question(**asked)))
    assert stage.site.text() == text("here")
    stage.sees(
        text("asks"),
        text("result.pdf", name="a-1.pdf"),
        text("result.container", name="c.asice"),
        # The two files in one container get one signature.
        text("signatures.many", count=2),
    )
    assert text("here") in stage.spoken[-1]
    assert not re.search(r"https?:", stage.words)


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
    assert role in interface(field).text(NAME)
    field.enter("1")
    ground = tokens_for(field.palette()).field
    shot = field.grab(field._place(0).toRect()).toImage()
    drawn = {
        (x, y)
        for x, y in product(range(shot.width()), range(shot.height()))
        if shot.pixelColor(x, y) != ground
    }
    left, top = (min(place[axis] for place in drawn) for axis in (0, 1))
    # A square fills its corner, and a dot does not.
    assert ((left, top) in drawn) is (role == "PIN2")


@pytest.mark.parametrize("count", [1, 3, 20])
def test_field_and_buttons_are_in_view_however_much_is_signed(
    stage: Stage, tmp_path: Path, count: int
) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(count)), tries_left=4)
    stage.settle(5)
    for part in (stage.site, page.field, *page.buttons):
        assert part.visibleRegion().boundingRect() == part.rect()
    documents = documents_of(stage)
    bar = documents.verticalScrollBar()
    assert documents.height() >= documents.cards[0].height()
    assert (bar.maximum() > 0) is (count > 2)
    if count == 20:  # the list is scrolled by keys
        stage.settle(5)
        QTest.keyClick(page.field, Qt.Key.Key_PageDown)
        assert (before := bar.value()) > 0
        documents.setFocus()
        QTest.keyClick(documents, Qt.Key.Key_Down)
        assert bar.value() > before


def test_with_large_text_documents_come_first(stage: Stage, tmp_path: Path) -> None:
    with text_size(2):
        page = stage.sign(*(a_document(tmp_path) for _ in range(8)))
        stage.settle(5)
        documents = documents_of(stage)
        assert documents.hasFocus()
        assert not documents.cards[0].visibleRegion().isEmpty()
        # The page scrolls, so the list does not.
        assert documents.verticalScrollBar().maximum() == 0
        # A person who presses the button sees what is missing.
        page.confirm.click()
        assert page.field.hasFocus()


def test_everything_is_reached_by_tab_and_named(stage: Stage, tmp_path: Path) -> None:
    page = stage.sign(*(a_document(tmp_path) for _ in range(3)), a_hash())
    documents = documents_of(stage)
    opening = [card.button for card in documents.cards if card.button]
    order = stage.tab_order()
    assert order == [
        *(page.field, page.eye, *page.buttons, documents.fold, documents, *opening)
    ]
    assert all(interface(widget).text(NAME) for widget in order)
    assert interface(documents).text(NAME) == "Documents that can't be shown here: 4"
    assert interface(opening[0]).text(NAME) == "Open agreement.txt"
    assert "SHA-256" in interface(documents.cards[3].digest).text(NAME)


# -- Questions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("button", "answers"),
    [("Yes, go on", [{"type": "started"}]), ("No, cancel", CANCELLED)],
)
def test_a_request_without_a_click_takes_no_focus_and_is_asked_about(
    stage: Stage, button: str, answers: list[dict[str, str]]
) -> None:
    stage.open(started_by_person=False)
    stage.show(AskStarted())
    assert stage.window.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    assert stage.focus is stage.button("No, cancel")
    stage.button(button).click()
    assert stage.answers == answers


def choose(stage: Stage) -> CardChoicePage:
    stage.open()
    cards = (
        CardChoice("Reader A & Co", HOLDER, "99902038C"),
        CardChoice("Reader B\u202e", "", "99902039D"),
    )
    stage.show(ChooseCard(7, cards))
    assert isinstance(stage.window.page, CardChoicePage)
    return stage.window.page


def test_reader_and_holder_of_each_card_can_be_read(stage: Stage) -> None:
    cards = [interface(button) for button in choose(stage).group.buttons()]
    assert [card.text(NAME) for card in cards] == [
        f"{HOLDER}, 99902038C\nCard reader: Reader A & Co",
        "99902039D\nCard reader: Reader B\ufffd",
    ]
    assert {card.role().name for card in cards} == {"RadioButton"}


def test_no_card_is_chosen_before_the_person_chooses(stage: Stage) -> None:
    page = choose(stage)
    assert page.group.checkedId() == -1
    stage.press("\r")
    page.confirm.click()
    assert stage.answers == []
    # The button says what is missing.
    assert stage.spoken[-1] == "Choose the card that you want to use"
    assert stage.focus is page.group.button(0)


def test_a_card_is_chosen_with_the_keyboard(stage: Stage) -> None:
    page = choose(stage)
    for key, chosen in ((Qt.Key.Key_Down, 1), (Qt.Key.Key_Up, 0), (Qt.Key.Key_Down, 1)):
        QTest.keyClick(stage.focus, key)
        assert page.group.checkedId() == chosen
        assert stage.focus is page.group.button(chosen)
    while stage.focus is not page.confirm:
        stage.press("\t")
    stage.press("\r")
    page.confirm.click()
    assert stage.answers == [{"type": "chosen", "number": 7, "index": 1}]


@EACH_LANGUAGE
@pytest.mark.parametrize("removed", [True, False])
def test_another_card_is_confirmed(stage: Stage, language: str, removed: bool) -> None:
    before, reader = "SPECIMEN-A", "SPECIMEN Reader 2"
    question = OtherCardQuestion(before, removed, reader, "SPECIMEN-B", "99902038C")
    stage.open(language=language)
    stage.show(Ask(1, a_question(name=before)))
    stage.press("12")
    stage.handle(Ask(2, question))
    text = texts.Texts(language, "authenticate")
    key = "other.removed" if removed else "other.there"
    told = (text(key, before=before), text("choose.reader", reader=reader))
    stage.sees("SPECIMEN-B", "99902038C", text("other.heading"), *told)
    assert not stage.visible(PinField)
    # The rest of a PIN, and its Enter, confirm nothing.
    QTest.keyClicks(stage.window, "34\r")
    confirm = stage.button(text("choose.confirm"))
    assert not confirm.isEnabled()
    stage.guard.end()
    assert stage.focus is stage.button(text("cancel"))
    confirm.click()
    assert stage.answers == agreed(2)


@EACH_LANGUAGE
def test_consent_names_what_is_handed_over(stage: Stage, language: str) -> None:
    stage.open(operation="signing-certificate", language=language, test_card=False)
    stage.show(Ask(2, ConsentQuestion("SPECIMEN-A", "99902038C", True)))
    text = texts.Texts(language, "signing-certificate")
    stage.sees("SPECIMEN-A", "99902038C", text("consent"), text("mark.test_card"))
    assert not stage.visible(PinField)
    assert stage.focus is stage.button(text("cancel"))
    stage.button(text("confirm")).click()
    assert stage.answers == agreed(2)


UNBLOCK = {"operation": "unblock", "at_risk": "PUK"}


@pytest.mark.parametrize("question", [a_question(), a_codes_question(**UNBLOCK)])
def test_the_last_try_on_a_pad_is_confirmed_first(
    stage: Stage, question: PinQuestion | CodesQuestion
) -> None:
    stage.open()
    stage.show(Ask(1, replace(question, pin_pad=True, tries_left=1)))
    assert not stage.visible(PinField)
    stage.press_button("Go on to the card reader")
    assert stage.answers == []
    stage.press(" ")
    stage.press_button("Go on to the card reader")
    assert stage.answers == agreed()


# -- Progress --------------------------------------------------------------------------


def test_each_typing_on_the_pad_is_asked_for_anew(stage: Stage) -> None:
    stage.open(operation="sign")
    for done in (0, 1):
        stage.handle(Show(Step.PIN_PAD, progress=Progress(done, 2)))
        stage.sees(f"Signatures made: {done} / 2")
        assert [bar.value() for bar in stage.visible(QProgressBar)] == [done]
    assert len([words for words in stage.spoken if "PIN2" in words]) == 2


def test_progress_moves_the_bar_without_a_new_page_or_a_word(stage: Stage) -> None:
    stage.open(operation="sign")
    stage.handle(Show(Step.READING))
    # Nothing moves while the progress is unknown.
    assert not stage.visible(QProgressBar)
    stage.handle(Show(Step.RECEIVING, progress=Progress(0, 5_000_000)))
    page, before = stage.window.page, [*stage.spoken]
    stage.handle(Show(Step.RECEIVING, progress=Progress(1_234_567, 5_000_000)))
    assert stage.window.page is page
    [bar] = stage.visible(QProgressBar)
    # A bar with a known end has no animation.
    assert (bar.minimum(), bar.maximum(), bar.value()) == (0, 5_000_000, 1_234_567)
    assert bar.accessibleName() == "The documents are being received"
    stage.sees("1.2 megabytes of 5.0 megabytes received.")
    assert stage.spoken == before
    stage.handle(Show(Step.SIGNING, progress=Progress(2, 3)))
    assert stage.window.page is not page
    stage.sees("Signatures made: 2 / 3")
    stage.handle(Show(Step.SIGNING))
    assert "Signatures made" not in stage.words
    assert not stage.visible(QProgressBar)
