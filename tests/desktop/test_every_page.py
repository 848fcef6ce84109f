# SPDX-License-Identifier: MIT
"""Each page and state of the pictures is named, and cut at no side."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from native_host.config import Config
from native_host.desktop.pages.page import PageBase
from native_host.desktop.window import Window
from native_host.texts.language import SPOKEN
from tests.desktop.conftest import buttons, settle, unnamed, visible, words
from tests.support.naming import misnamed
from tools.desktop_pictures import EACH, STATES, Show, Still

SHOWN = {**EACH, **STATES}


@pytest.fixture
def window(application: QApplication, home: Path) -> Iterator[Window]:
    background = Still()
    window = Window(Config(), "fi", background)
    window.show()
    window.activateWindow()
    settle(application)
    yield window
    window.hide()
    window.deleteLater()
    background.close()
    settle(application)


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
def test_all_is_named_and_nothing_is_cut(
    application: QApplication, window: Window, show: Show
) -> None:
    show(window)
    settle(application)
    assert unnamed(window) == []
    for width in (996, 700, 480):
        window.resize(width, 600)
        settle(application)
        [page] = [each for each in window.pages.values() if each.isVisible()]
        assert isinstance(page, PageBase)
        sheet = page.area.widget()
        assert sheet is not None
        assert sheet.minimumSizeHint().width() <= page.area.viewport().width()
        assert page.minimumSizeHint().width() <= page.width()
    is_updated_in_place(application, window, page)


def is_updated_in_place(
    application: QApplication, window: Window, page: PageBase
) -> None:
    """Assert that the place and the focus stay when the same is shown again."""
    build = getattr(page, "_build", None)
    if build is None:  # it shows the same at all times
        return
    window.resize(480, 320)
    settle(application)
    [*controls] = visible(page, QPushButton)
    if controls:
        controls[-1].setFocus()
    bar = page.area.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    before = (bar.value(), window.focusWidget(), words(page))
    build()
    settle(application)
    assert (bar.value(), window.focusWidget(), words(page)) == before


@pytest.mark.parametrize("language", SPOKEN)
def test_names_have_the_words_that_are_seen(
    application: QApplication, window: Window, language: str
) -> None:
    window.services.speak(language)
    wrong = set()
    for show in SHOWN.values():
        show(window)
        settle(application)
        wrong.update(misnamed(window))
    assert wrong == set()


def test_no_part_is_destroyed_while_the_window_is_open(
    application: QApplication, window: Window, tmp_path: Path
) -> None:
    """A screen reader may ask for any part at any time."""
    destroyed: list[str] = []
    followed: set[QWidget] = set()

    def follow() -> None:
        settle(application)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        for each in {*window.findChildren(QWidget)} - followed:
            followed.add(each)
            name = repr(each)
            each.destroyed.connect(lambda name=name: destroyed.append(name))

    for show in SHOWN.values():
        show(window)
        follow()
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for each in files:
        each.touch()
        window.give_files("sign", [each])
        follow()
    remove = window.services.texts("files.remove.this", name="0.txt")
    buttons(window)[remove].click()
    follow()
    files[1].unlink()
    [sign] = [b for name, b in buttons(window).items() if name.startswith("Allekirj")]
    sign.click()
    follow()
    window.services.speak("sv")
    follow()
    assert len(followed) > 300
    assert destroyed == []


@pytest.fixture
def large_text(application: QApplication) -> Iterator[None]:
    """Text of 30 pixels, twice the usual size."""
    before = application.font()
    large = QFont(before)
    dots = QApplication.primaryScreen().logicalDotsPerInch()
    large.setPointSizeF(30 * 72 / dots)
    application.setFont(large)
    yield
    application.setFont(before)


def in_sight(application: QApplication, window: Window, *size: int) -> bool:
    """Return whether the last page's row is in sight in a window of a size."""
    window.resize(*size)
    settle(application)
    assert window.height() == size[1]
    pages = window.sidebar.list
    last = pages.visualItemRect(pages.item(pages.count() - 1))
    return pages.viewport().rect().contains(last)


def test_all_pages_stay_in_sight_in_a_low_window(
    application: QApplication, window: Window
) -> None:
    assert all(in_sight(application, window, 480, each) for each in (680, 320))


@pytest.mark.usefixtures("large_text")
@pytest.mark.parametrize("language", SPOKEN)
def test_large_text_leaves_the_words_of_the_sidebar_and_whose_program_it_is(
    application: QApplication, window: Window, language: str
) -> None:
    window.setMinimumHeight(0)  # the title bar takes some of a screen of 600
    window.services.speak(language)
    for show, height in product(EACH.values(), (560, 768)):
        show(window)
        assert in_sight(application, window, 1024, height)
        sidebar = window.sidebar
        shape = sidebar.list.shape
        assert shape.has_words
        room = sidebar.list.viewport().width() - 2 * shape.outer - shape.words_at
        assert sidebar.list.width_of_words() <= room
        note = sidebar.note.geometry()
        assert sidebar.note.isVisible()
        assert sidebar.note.heightForWidth(note.width()) <= note.height()
        assert sidebar.rect().contains(note)
        assert not note.intersects(sidebar.list.geometry())
        [page] = [each for each in window.pages.values() if each.isVisible()]
        sheet = page.area.widget()
        assert sheet is not None
        assert sheet.minimumSizeHint().width() <= page.area.viewport().width()


def test_a_number_beside_a_page_leaves_its_word(
    application: QApplication, window: Window
) -> None:
    window.resize(600, 600)
    settle(application)
    before = window.sidebar.list.width_of_words()
    window.services.set_badge("self_check", 2)
    sidebar = window.sidebar
    assert sidebar.list.width_of_words() > before
    shape = sidebar.list.shape
    assert shape.has_words
    room = sidebar.list.width() - 2 * shape.outer - shape.words_at
    assert sidebar.list.width_of_words() <= room
