# SPDX-License-Identifier: MIT
"""What came of it: on each page a heading that has the focus and is said once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from native_host.desktop.pages.sign import Page
from native_host.desktop.prompts import Command
from native_host.desktop.window import Window
from native_host.gui.labels import Heading
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    is_heard_once,
    settle,
    until,
    words,
)

Said = list[str]
#: Signs two files, with a given result of the process.
Sign = Callable[[dict[str, Any]], Page]


@pytest.fixture
def window(open_window: Open) -> Window:
    return open_window()


@pytest.fixture
def said(window: Window, monkeypatch: pytest.MonkeyPatch) -> Said:
    """What a screen reader is given to say."""
    return hear(window.services, monkeypatch)


A, B = "/made/a-signed.pdf", "/made/b.asice"
#: What signing a.pdf and b.txt gave, the heading, what is said with it, and whether
#: files are left to be signed.
SIGNED: list[tuple[dict[str, Any], str, str, bool]] = [
    (
        {"files": [{"file": A}, {"file": B}]},
        "2 files signed",
        "2 files signed. a-signed.pdf, b.asice.",
        False,
    ),
    (
        {"files": [{"file": A}]},
        "Signed",
        "Signed. a-signed.pdf.",
        False,
    ),
    (
        {"error": {"code": "USER_CANCELLED"}},
        "You cancelled. Nothing was signed.",
        "You cancelled. Nothing was signed.",
        True,
    ),
    (
        {"error": {"code": "PROMPT_FAILED"}},
        "Nothing was signed",
        "Nothing was signed. Kortilla’s signing window could not be shown. "
        "The self-check says what is wrong.",
        True,
    ),
]


@pytest.fixture
def sign(window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sign:
    """A function that has two files signed, with a given result of the process."""
    files = [tmp_path / "a.pdf", tmp_path / "b.txt"]
    for each in files:
        each.write_text("%PDF-")

    def sign(result: dict[str, Any]) -> Page:
        failed = [str(tmp_path / each) for each in result.get("failed", ())]
        given = result | {"failed": failed}
        monkeypatch.setattr(Command, "run", lambda _: given)
        window.give_files("sign", files)
        page = window.pages["sign"]
        assert isinstance(page, Page)
        buttons(page)["Sign 2 files"].click()
        until(lambda: not page._busy)
        return page

    return sign


def test_each_end_of_a_signing_is_a_heading_that_is_said_once(
    window: Window, sign: Sign, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(window.services, "show_page", shown.append)
    for result, heading, spoken, left in SIGNED:
        said.clear()
        page = sign(result)
        assert is_heard_once(page, said, heading) == spoken
        # Nothing asks for a signature or for PIN2 when nothing is left to be signed.
        assert any("PIN2" in each for each in words(page)) == left, heading
        assert ("Sign 2 files" in buttons(page)) == left, heading
        assert ("Sign more" in buttons(page)) != left, heading
    # The same end twice is said twice.
    said.clear()
    for _ in range(2):
        page = sign(result)
    assert len([each for each in said if each.startswith(heading)]) == 2
    buttons(page)["Self-check"].click()
    assert shown == ["self_check"]


def test_what_was_left_out_is_in_the_sum_and_stays_in_the_list(
    sign: Sign, said: Said
) -> None:
    error = {"code": "FILE_NOT_WRITABLE"}
    page = sign({"files": [{"file": A}], "failed": ["b.txt"], "error": error})
    spoken = is_heard_once(page, said, "Signed: 1. Not signed: 1.")
    assert spoken.startswith("Signed: 1. Not signed: 1. a-signed.pdf. b.txt can’t be")
    assert "Sign 1 file" in buttons(page)


def test_the_outcome_is_in_sight_where_the_page_had_been_scrolled(
    application: QApplication,
    sign: Sign,
    tmp_path: Path,
) -> None:
    page = sign({"error": {"code": "USER_CANCELLED"}})
    page.window().resize(700, 320)
    (tmp_path / "b.txt").unlink()
    for _ in range(2):
        settle(application)
        bar = page.area.verticalScrollBar()
        assert bar.maximum() > 100
        bar.setValue(bar.maximum())
        buttons(page)["Sign 2 files"].click()
        settle(application)
        heading = page.window().focusWidget()
        assert isinstance(heading, Heading)
        assert heading.text() == "Nothing was signed"
        assert not heading.visibleRegion().isEmpty()


def test_an_outcome_behind_another_page_is_said_and_takes_no_focus(
    window: Window, sign: Sign, said: Said
) -> None:
    page = sign({"error": {"code": "USER_CANCELLED"}})
    said.clear()
    buttons(page)["Sign 2 files"].click()
    window.show_page("card")
    window.sidebar.list.setFocus()
    until(lambda: not page._busy)
    # The page Card may have said meanwhile what it has read.
    assert said.count("You cancelled. Nothing was signed.") == 1
    assert window.focusWidget() is window.sidebar.list


def test_sign_more_begins_anew(sign: Sign) -> None:
    page = sign({"files": [{"file": A}, {"file": B}]})
    assert "Choose files…" not in buttons(page)
    buttons(page)["Sign more"].click()
    assert page.window().focusWidget() is page.title
    assert "Choose files…" in buttons(page)
    assert headings(page) == ["Sign files"]
