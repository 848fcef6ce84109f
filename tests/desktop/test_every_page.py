# SPDX-License-Identifier: MIT
"""Each page and state of the pictures is named, and cut at no side."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from native_host.config import Config
from native_host.desktop.page import PageBase
from native_host.desktop.window import Window
from tests.desktop.conftest import settle, unnamed
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


def test_all_pages_stay_in_sight_in_a_low_window(
    application: QApplication, window: Window
) -> None:
    pages = window.sidebar.list
    for height in (680, 320):
        window.resize(480, height)
        settle(application)
        last = pages.visualItemRect(pages.item(pages.count() - 1))
        assert pages.viewport().rect().contains(last)
