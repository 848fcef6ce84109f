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
from native_host.pin_prompt.gui.document_viewer import DocumentPage, ImageDecoder
from native_host.pin_prompt.messages import Close, Show
from native_host.pin_prompt.model import Problem, Step
from tests.pin_prompt.conftest import CANCELLED, NAME, Stage, a_document, interface, pin
from tests.pin_prompt.test_image_decoder import picture, slow_jpeg, written
from tests.pin_prompt.test_questions import documents_of


def press_open(stage: Stage, index: int = 0) -> None:
    button = documents_of(stage).cards[index].button
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
    assert interface(view).text(NAME) == "agreement.txt"
    stage.sees("characters that can't be seen")


def test_of_a_long_text_the_beginning_is_shown_and_that_is_said(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer, "_MOST_TEXT", 1000)
    stage.sign(a_document(tmp_path, b"line\n" * 1000))
    view = open_document(stage).findChildren(QPlainTextEdit)[0]
    assert view.toPlainText() == "line\n" * 200
    stage.sees("Only its beginning is shown here, 1.0 kilobytes")
    stage.sees("The whole document has 5.0 kilobytes")


@pytest.mark.parametrize("word", ["word ", "x"])
def test_a_line_without_end_is_split(stage: Stage, tmp_path: Path, word: str) -> None:
    text = word * (100_000 // len(word))
    stage.sign(a_document(tmp_path, text.encode()))
    shown = open_document(stage).findChildren(QPlainTextEdit)[0].toPlainText()
    assert shown.replace("\n", "") == text
    assert max(map(len, shown.split("\n"))) <= 2001
    assert all(line.endswith(word) for line in shown.split("\n"))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_picture_is_shown_and_announced(
    stage: Stage, tmp_path: Path, form: str
) -> None:
    stage.sign(a_document(tmp_path, picture(form), name="plan"))
    page = open_document(stage)
    [view] = [w for w in page.findChildren(QWidget) if w.accessibleName() == "plan"]
    middle = view.grab().toImage().pixelColor(20, 10)
    assert middle.red() > 2 * middle.green()
    assert stage.spoken[-2:] == [
        *("plan The picture is being opened.", "The picture is open.")
    ]
    assert "being opened" not in stage.words


@pytest.mark.parametrize("colour", ["white", "black", "#8a8a8a", "paper"])
def test_no_colour_hides_on_transparency(
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


def test_a_faulty_picture_is_said(stage: Stage, tmp_path: Path) -> None:
    stage.sign(a_document(tmp_path, picture("PNG")[:40]))
    open_document(stage)
    stage.sees("The picture could not be shown", "too large")
    assert "too large" in stage.spoken[-1]
    assert "being opened" not in stage.words


def test_a_slow_picture_may_be_left_again_and_again(
    stage: Stage, tmp_path: Path, application: QApplication
) -> None:
    stage.sign(a_document(tmp_path, slow_jpeg()))
    for _ in range(5):
        press_open(stage)
        stage.sees("The picture is being opened.")
        stage.press_button("Back to signing")
    stage.guard.end()
    stage.press("123456\r")
    assert stage.answers == pin("123456")
    # No decoder goes on without its page.
    decoders = application.findChildren(ImageDecoder)
    assert all(decoder.signalsBlocked() for decoder in decoders)


@pytest.mark.parametrize("data", [b"I agree.\n", b"%PDF-1.7"])
def test_what_has_changed_is_not_shown(
    stage: Stage, tmp_path: Path, opened: list[Path], data: bytes
) -> None:
    document = a_document(tmp_path, data)
    stage.sign(document)
    assert document.path is not None
    Path(document.path).write_bytes(data + b" Or not.")
    open_document(stage)
    stage.sees("The document has changed")
    assert "Or not" not in stage.words
    assert opened == []


@pytest.mark.parametrize("by", ["button", "escape"])
def test_back_leads_to_the_page_before(stage: Stage, tmp_path: Path, by: str) -> None:
    documents = a_document(tmp_path), a_document(tmp_path)
    page = stage.sign(*documents, tries_left=1)
    assert page.last_try_box is not None
    page.last_try_box.setChecked(True)
    QTest.keyClicks(page.field, "123456")
    before = stage.words
    view = open_document(stage, 1)
    stage.guard.end()
    if by == "button":
        stage.button("Back to signing").click()
    else:
        QTest.keyClick(view, Qt.Key.Key_Escape)
    stage.settle()
    assert stage.words == before
    page = stage.pin_page
    assert bytes(page.field.digits) == b""
    assert page.last_try_box is not None
    assert not page.last_try_box.isChecked()
    assert stage.guard.active
    assert stage.answers == []
    stage.guard.end()
    page.last_try_box.setChecked(True)
    QTest.keyClicks(page.field, "123456\r")
    assert stage.answers == pin("123456")


def test_a_document_gives_way_to_other_pages(stage: Stage, tmp_path: Path) -> None:
    stage.sign(a_document(tmp_path))
    open_document(stage).left.emit()
    stage.handle(Show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED")))
    stage.sees("The card was taken out")


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
    stage.press("1234")
    press_open(stage)
    press_open(stage)
    path = opened[0]
    assert opened == [path, path]
    assert path.name == "document-1.pdf"
    assert path.read_bytes() == b"%PDF-1.7 agreed"
    assert path.stat().st_mode & 0o777 == 0o400
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert bytes(page.field.digits) == b""
    assert page.field is stage.focus
    assert stage.guard.active
    stage.sees("opens in the computer's PDF program")
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


def test_closing_the_window_deletes_the_copies_and_cancels_from_a_document_too(
    stage: Stage, tmp_path: Path, opened: list[Path]
) -> None:
    stage.sign(a_document(tmp_path, b"%PDF-1.7"), a_document(tmp_path))
    press_open(stage)
    open_document(stage, 1)
    stage.window.close()
    assert not opened[0].parent.exists()
    assert stage.answers == CANCELLED


def test_a_pdf_that_nothing_opens_is_said(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_viewer.PrivateCopies, "open", lambda *_: False)
    stage.sign(a_document(tmp_path, b"%PDF-1.7"))
    press_open(stage)
    stage.sees("The document could not be opened.")
