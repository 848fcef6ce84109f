# SPDX-License-Identifier: MIT
"""The window for signing has its own style and texts and shows the documents."""

from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtGui import QAccessible, QColor, QFont, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QWidget

from native_host.gui.tokens import tokens_for
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui import document_viewer
from native_host.pin_prompt.gui.document_viewer import DocumentPage
from native_host.pin_prompt.gui.pin_field import PinField, SignatureField
from native_host.pin_prompt.messages import AskPin, Close, Show
from native_host.pin_prompt.model import Problem, Step
from tests.pin_prompt.conftest import Stage, a_document, a_hash, a_question
from tests.pin_prompt.pictures import huge_png, picture, slow_jpeg, written

ENTER, ESCAPE, TAB = Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab
NAME = QAccessible.Text.Name


def open_document(stage: Stage, index: int = 0) -> DocumentPage:
    documents = stage.pin_page.documents
    assert documents is not None
    button = documents.cards[index].button
    assert button is not None
    button.click()
    stage.settle()
    page = stage.window.page
    assert isinstance(page, DocumentPage)
    while page.opening:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    stage.settle()
    return page


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
        "You make 2 signatures and type the PIN once.",
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


def test_a_bare_hash_is_shown_as_such(stage: Stage) -> None:
    page = stage.sign(a_hash())
    for shown in (
        "Hashes to sign: 1",
        "The service gave only a hash to sign",
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


@pytest.mark.parametrize("language", texts.languages())
@pytest.mark.parametrize("role", ["PIN1", "PIN2"])
def test_fields_of_pin1_and_pin2_never_look_or_sound_alike(
    stage: Stage, tmp_path: Path, language: str, role: str
) -> None:
    documents = (a_document(tmp_path),) if role == "PIN2" else ()
    stage.open(language=language, operation="sign" if documents else "authenticate")
    stage.handle(AskPin(1, a_question(role=role, documents=documents)))
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
        stage.handle(AskPin(number, question))
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


def test_with_large_text_what_is_signed_is_seen_before_the_field(
    stage: Stage, tmp_path: Path
) -> None:
    font = QApplication.font()
    larger = QFont(font)
    larger.setPointSizeF(font.pointSizeF() * 2)
    QApplication.setFont(larger)
    try:
        page = stage.sign(a_document(tmp_path), a_document(tmp_path))
        for _ in range(5):
            stage.settle()
        assert page.documents is not None
        assert page.documents is stage.window.focusWidget()
        assert not page.documents.cards[0].visibleRegion().isEmpty()
        # A person who presses the button sees what is missing.
        page.confirm.click()
        assert page.field is stage.window.focusWidget()
    finally:
        QApplication.setFont(font)


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
        "Hashes to sign: 2",
        "The service gave only hashes",
        "Signature PIN (PIN2)",
    ):
        assert words in spoken[-1]
    documents = page.documents
    assert documents is not None
    assert accessible_name(documents) == "Hashes to sign: 2"
    button = documents.cards[0].button
    assert button is not None
    assert accessible_name(button) == "Open agreement.txt"
    assert "SHA-256" in accessible_name(documents.cards[1].digest)


# The document viewer


def test_a_text_is_shown_as_it_is(stage: Stage, tmp_path: Path) -> None:
    data = "<b>I agree</b>\r\nto all\u202e".encode()
    stage.sign(a_document(tmp_path, data))
    page = open_document(stage)
    view = page.findChildren(QPlainTextEdit)[0]
    assert view.toPlainText() == "<b>I agree</b>\nto all" + r"\u{202E}"
    assert view.isReadOnly()
    assert accessible_name(view) == "agreement.txt"
    assert "characters that can't be seen" in stage.words


def test_of_a_long_text_the_beginning_is_shown_and_that_is_said(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer, "_MOST_TEXT", 1000)
    stage.sign(a_document(tmp_path, b"line\n" * 1000))
    view = open_document(stage).findChildren(QPlainTextEdit)[0]
    assert view.toPlainText() == "line\n" * 200
    assert "Only its beginning is shown here, 1.0 kilobytes" in stage.words
    assert "the whole document has 5.0 kilobytes" in stage.words


@pytest.mark.parametrize("word", ["word ", "x"])
def test_a_line_without_end_does_not_stop_the_window(
    stage: Stage, tmp_path: Path, word: str
) -> None:
    text = word * (100_000 // len(word))
    stage.sign(a_document(tmp_path, text.encode()))
    shown = open_document(stage).findChildren(QPlainTextEdit)[0].toPlainText()
    assert shown.replace("\n", "") == text
    assert max(map(len, shown.split("\n"))) <= 2001
    assert all(line.endswith(word) for line in shown.split("\n"))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_picture_is_shown_with_its_name(
    stage: Stage, tmp_path: Path, form: str
) -> None:
    stage.sign(a_document(tmp_path, picture(form), name="plan"))
    page = open_document(stage)
    named = [w for w in page.findChildren(QWidget) if w.accessibleName() == "plan"]
    shot = named[0].grab().toImage()
    middle = shot.pixelColor(20, 10)
    assert middle.red() > 2 * middle.green()


@pytest.mark.parametrize("colour", ["white", "black", "#8a8a8a", "paper"])
def test_no_colour_hides_in_a_transparent_picture(
    stage: Stage, tmp_path: Path, colour: str
) -> None:
    image = QImage(40, 20, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    paper = stage.window.palette().window().color()
    ink = paper if colour == "paper" else QColor(colour)
    for x, y in product(range(20), range(20)):
        image.setPixelColor(x, y, ink)
    stage.sign(a_document(tmp_path, written(image, "PNG"), name="plan"))
    page = open_document(stage)
    [view] = [w for w in page.findChildren(QWidget) if w.accessibleName() == "plan"]
    shot = view.grab().toImage()
    left, right = (
        {shot.pixel(x, y) for x, y in product(columns, range(20))}
        for columns in (range(20), range(20, 40))
    )
    assert left != right


@pytest.mark.parametrize(
    "data",
    [
        picture("PNG")[:40],
        b"\x89PNG\r\n\x1a\n" + picture("JPEG"),
        b"\xff\xd8\xff" + b"\0" * 100,
    ],
    ids=["cut", "of another form", "empty"],
)
def test_a_faulty_picture_is_said(stage: Stage, tmp_path: Path, data: bytes) -> None:
    stage.sign(a_document(tmp_path, data))
    open_document(stage)
    assert "The picture could not be shown" in stage.words


def test_a_picture_that_would_fill_the_memory_is_said(
    stage: Stage, tmp_path: Path, spoken: list[str]
) -> None:
    stage.sign(a_document(tmp_path, huge_png(20_000), name="plan"))
    open_document(stage)
    assert "too large" in stage.words
    assert "being opened" not in stage.words
    assert spoken[-2] == "plan The picture is being opened."
    assert "too large" in spoken[-1]


def test_a_picture_is_said_to_be_open_once_it_is(
    stage: Stage, tmp_path: Path, spoken: list[str]
) -> None:
    stage.sign(a_document(tmp_path, picture("PNG"), name="plan"))
    open_document(stage)
    assert spoken[-2:] == [
        "plan The picture is being opened.",
        "The picture is open.",
    ]
    assert "being opened" not in stage.words


def test_a_slow_picture_may_be_left_again_and_again(
    stage: Stage, tmp_path: Path
) -> None:
    stage.sign(a_document(tmp_path, slow_jpeg()))
    for _ in range(5):
        documents = stage.pin_page.documents
        assert documents is not None
        button = documents.cards[0].button
        assert button is not None
        button.click()
        stage.settle()
        assert "The picture is being opened." in stage.words
        stage.button("Back to signing").click()
        stage.settle()
    stage.window.guard.end()
    QTest.keyClicks(stage.pin_page.field, "123456\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "123456"}]


def test_other_kinds_can_not_be_opened(stage: Stage, tmp_path: Path) -> None:
    page = stage.sign(a_document(tmp_path, b"PK\x03\x04\0", name="a.docx"))
    assert page.documents is not None
    assert page.documents.cards[0].button is None
    assert "can't be shown here" in stage.words


def test_what_has_changed_is_not_shown(stage: Stage, tmp_path: Path) -> None:
    document = a_document(tmp_path)
    stage.sign(document)
    assert document.path is not None
    Path(document.path).write_text("I don't agree.\n")
    open_document(stage)
    assert "The document has changed" in stage.words
    assert "I don't agree" not in stage.words


@pytest.mark.parametrize("by", ["button", "escape"])
def test_back_leads_to_the_same_page_with_nothing_typed(
    stage: Stage, tmp_path: Path, by: str
) -> None:
    documents = a_document(tmp_path), a_document(tmp_path)
    page = stage.sign(*documents, tries_left=1)
    assert page.last_try_box is not None
    page.last_try_box.setChecked(True)
    QTest.keyClicks(page.field, "123456")
    before = stage.words
    view = open_document(stage, 1)
    stage.window.guard.end()
    if by == "button":
        stage.button("Back to signing").click()
    else:
        QTest.keyClick(view, ESCAPE)
    stage.settle()
    assert stage.words == before
    page = stage.pin_page
    assert bytes(page.field.digits) == b""
    assert page.last_try_box is not None
    assert not page.last_try_box.isChecked()
    assert stage.window.guard.active
    assert stage.answers == []
    stage.window.guard.end()
    page.last_try_box.setChecked(True)
    QTest.keyClicks(page.field, "123456\r")
    assert stage.answers == [{"type": "pin", "number": 1, "digits": "123456"}]


def test_closing_the_window_cancels_from_a_document_too(
    stage: Stage, tmp_path: Path
) -> None:
    stage.sign(a_document(tmp_path))
    open_document(stage)
    stage.window.close()
    assert stage.answers == [{"type": "cancel"}]


def test_a_document_gives_way_to_what_happens_meanwhile(
    stage: Stage, tmp_path: Path
) -> None:
    stage.sign(a_document(tmp_path))
    view = open_document(stage)
    view.left.emit()
    stage.window.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    stage.settle()
    assert "The card was taken out" in stage.words


# A PDF


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The arguments of the system's viewer."""
    paths: list[Path] = []

    class Services:
        @staticmethod
        def openUrl(url: object) -> bool:  # noqa: N802 - Qt's name
            paths.append(Path(url.toLocalFile()))  # type: ignore[attr-defined] # QUrl
            return True

    monkeypatch.setattr(document_viewer, "QDesktopServices", Services)
    return paths


def press_open(stage: Stage) -> None:
    documents = stage.pin_page.documents
    assert documents is not None
    assert documents.cards[0].button is not None
    documents.cards[0].button.click()
    stage.settle()


def test_a_pdf_is_opened_by_the_system_on_a_private_copy(
    stage: Stage, tmp_path: Path, opened: list[Path]
) -> None:
    page = stage.sign(a_document(tmp_path, b"%PDF-1.7 agreed", name="../lease.pdf"))
    QTest.keyClicks(page.field, "1234")
    press_open(stage)
    press_open(stage)
    path = opened[0]
    assert opened == [path, path]
    assert path.name == "document-1.pdf"
    assert path.read_bytes() == b"%PDF-1.7 agreed"
    assert path.stat().st_mode & 0o777 == 0o400
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert bytes(page.field.digits) == b""
    assert page.field is stage.window.focusWidget()
    assert stage.window.guard.active
    assert "opens in the computer's PDF program" in stage.words
    stage.handle(Close())
    assert not path.parent.exists()


@pytest.mark.parametrize("left", [b"%PDF-1.7 ag", b"%PDF-1.7 agreed, and more"])
def test_a_copy_that_is_not_what_was_hashed_is_not_opened_again(
    left: bytes, stage: Stage, tmp_path: Path, opened: list[Path]
) -> None:
    stage.sign(a_document(tmp_path, b"%PDF-1.7 agreed"))
    press_open(stage)
    opened[0].unlink()
    opened[0].write_bytes(left)
    press_open(stage)
    assert opened[1].read_bytes() == b"%PDF-1.7 agreed"


def test_the_copies_go_when_the_person_cancels(
    stage: Stage, tmp_path: Path, opened: list[Path]
) -> None:
    stage.sign(a_document(tmp_path, b"%PDF-1.7"))
    press_open(stage)
    stage.window.close()
    assert not opened[0].parent.exists()


def test_a_pdf_that_has_changed_is_not_opened(
    stage: Stage, tmp_path: Path, opened: list[Path]
) -> None:
    document = a_document(tmp_path, b"%PDF-1.7")
    stage.sign(document)
    assert document.path is not None
    Path(document.path).write_bytes(b"%PDF-1.7 evil")
    open_document(stage)
    assert opened == []
    assert "The document has changed" in stage.words


def test_a_pdf_that_nothing_opens_is_said(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer.PrivateCopies, "open", lambda *_: False)
    stage.sign(a_document(tmp_path, b"%PDF-1.7"))
    press_open(stage)
    assert "The document could not be opened." in stage.words
