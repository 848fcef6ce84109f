# SPDX-License-Identifier: MIT
"""The guide in the window: readable, also by keyboard, and read from here only."""

import re
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAccessible, QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from native_host.desktop.pages import help as module
from native_host.desktop.pages.help import Page, _prepared
from native_host.desktop.window import Window
from native_host.texts.language import SPOKEN
from tests.desktop.conftest import Open, buttons, page_of, settle, unnamed

DOCS = Path(__file__).parents[2] / "docs"


def at_cursor(page: Page) -> str:
    return page.guide.textCursor().block().text()


def title_of(language: str) -> str:
    lines = (DOCS / f"citizens/{language}.md").read_text("utf-8").splitlines()
    return next(each.removeprefix("# ") for each in lines if each.startswith("# "))


@pytest.mark.parametrize("language", SPOKEN)
def test_f1_opens_the_guide_in_the_windows_language(
    open_window: Open, application: QApplication, language: str
) -> None:
    window = open_window(language)
    QTest.keyClick(window, Qt.Key.Key_F1)
    settle(application)
    page = window.pages["help"]
    assert isinstance(page, Page)
    assert page.guide.hasFocus()
    assert at_cursor(page) == title_of(language)
    assert unnamed(window) == []


def links(page: Page) -> dict[str, str]:
    """Return the targets of all links of what is shown, by their words."""
    return {
        each.text(): each.charFormat().anchorHref()
        for block in module._blocks(page.guide.document())
        for each in module._fragments(block)
        if each.charFormat().isAnchor()
    }


@pytest.mark.parametrize("language", SPOKEN)
def test_each_link_leads_somewhere(open_window: Open, language: str) -> None:
    page = page_of(open_window(language), Page)
    for name in sorted(each.name for each in (DOCS / "citizens").iterdir()):
        page._follow(QUrl(name))
        for words, target in links(page).items():
            if target.startswith("#"):
                page._follow(QUrl(target))
                assert page.guide.textCursor().position(), (name, words)
            elif not target.startswith("https://"):
                assert (DOCS / "citizens" / target.partition("#")[0]).is_file()


def test_the_keyboard_follows_links_and_comes_back(
    open_window: Open, application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        QDesktopServices, "openUrl", lambda url: opened.append(url.toString())
    )
    page = page_of(open_window(), Page)
    page.guide.setMarkdown(
        "# One\n\n[to two](#two)\n\n[out](https://dvv.fi/)\n\n## Two"
    )
    said: list[str] = []
    monkeypatch.setattr(page, "say", lambda words, **_: said.append(words))
    page.setFocus()
    assert said == ["One"]
    QTest.keyClick(page.guide, Qt.Key.Key_Tab)
    assert said == ["One", "to two, link"]
    QTest.keyClick(page.guide, Qt.Key.Key_Return)
    assert at_cursor(page) == said[-1] == "Two"
    page.guide.go_to("")
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Tab, Qt.Key.Key_Return):
        QTest.keyClick(page.guide, key)
    assert opened == ["https://dvv.fi/"]
    page._follow(QUrl(f"suomi-fi-{page.texts.language}.md"))
    assert "Suomi.fi" in at_cursor(page)
    buttons(page)["Back to the start of the help"].click()
    assert at_cursor(page) == title_of("en")
    assert "Back to the start of the help" not in buttons(page)


def test_a_screen_reader_reads_text_and_what_pictures_show(open_window: Open) -> None:
    page = page_of(open_window(), Page)
    page.guide.read(page._name)
    found = QAccessible.queryAccessibleInterface(page.guide)
    assert found is not None
    assert found.text(QAccessible.Text.Name) == "Help"
    text = found.textInterface()
    assert text is not None
    spoken = text.text(0, text.characterCount())
    words = re.search(r"!\[([^\]]+)", (DOCS / "citizens" / page._name).read_text())
    assert words and words[1] in spoken
    assert not found.state().editable


def test_nothing_but_the_guides_pictures_is_read(open_window: Open) -> None:
    page = page_of(open_window(), Page)
    load = page.guide.loadResource
    assert load(2, QUrl("../screenshots/pin-en.png")) is not None
    for name in ("/etc/passwd", "../../LICENSE", "https://dvv.fi/a.png", page._name):
        assert load(2, QUrl(name)) is None


@pytest.mark.parametrize("language", SPOKEN)
def test_on_windows_the_guide_says_what_holds_there(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    folder = DOCS / "citizens"
    guide = (folder / f"{language}.md").read_text("utf-8")
    # At the beginning of a line, a comment would end the paragraph on GitHub.
    assert not re.search(r"^\W*<!-- (Linux|Windows)", guide, re.MULTILINE)
    assert guide.count("<!-- Linux -->") == guide.count("<!-- Windows") > 5
    linux = _prepared(guide, folder)
    monkeypatch.setattr(sys, "platform", "win32")
    windows = _prepared(guide, folder)
    for shown, only, others in (
        (linux, {"GNOME", f"suomi-fi-{language}.md"}, "Windows 10"),
        (windows, {"Windows 10"}, f"GNOME|(terminal|suomi-fi|mail)-{language}.md"),
    ):
        assert all(each in shown for each in only)
        assert not re.search(others, shown)
        assert "<!--" not in shown and "-->" not in shown
    assert "\n\n\n" not in windows


def test_links_to_what_is_not_here_are_words(tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    text = "<!-- x -->\n[a](../here#b) [c](here#b) [d](https://dvv.fi/) [e](gone)"
    assert _prepared(text, tmp_path) == "a [c](here#b) [d](https://dvv.fi/) e"
    assert _prepared("A card. [Where](../here#b).\n[B](here).", tmp_path) == (
        "A card.\n[B](here)."
    )


def test_a_guide_that_is_missing_is_told(
    open_window: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "guides_folder", lambda: tmp_path)
    window: Window = open_window()
    assert "is not on this computer" in page_of(window, Page).guide.toPlainText()
