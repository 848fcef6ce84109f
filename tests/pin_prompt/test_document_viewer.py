# SPDX-License-Identifier: MIT
"""Documents are shown before they are signed, and none of them harms the window."""

from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from native_host.pin_prompt.gui import document_viewer
from native_host.pin_prompt.gui.document_viewer import DocumentPage
from native_host.pin_prompt.messages import Close, Show
from native_host.pin_prompt.model import Problem, Step
from tests.pin_prompt.conftest import Stage, a_document
from tests.pin_prompt.pictures import huge_png, picture, slow_jpeg, written
from tests.pin_prompt.test_signing import accessible_name

ESCAPE = Qt.Key.Key_Escape


def press_open(stage: Stage, index: int = 0) -> None:
    documents = stage.pin_page.documents
    assert documents is not None
    button = documents.cards[index].button
    assert button is not None
    button.click()
    stage.settle()


def open_document(stage: Stage, index: int = 0) -> DocumentPage:
    press_open(stage, index)
    page = stage.window.page
    assert isinstance(page, DocumentPage)
    while page.opening:
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    stage.settle()
    return page


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
    assert "The whole document has 5.0 kilobytes" in stage.words


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
        press_open(stage)
        assert "The picture is being opened." in stage.words
        stage.press_button("Back to signing")
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
