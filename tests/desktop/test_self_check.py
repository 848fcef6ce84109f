# SPDX-License-Identifier: MIT
"""The page of the self-check: its rows, what fixes them, and the report."""

import asyncio
import json
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from native_host.desktop.pages.self_check import Page
from native_host.desktop.window import Window
from native_host.doctor import examination
from native_host.doctor.card import findings_in_readers
from native_host.doctor.examination import CommandFailedError
from native_host.doctor.findings import (
    Finding,
    administrator,
    error,
    info,
    kortilla,
    warning,
)
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    is_heard_once,
    page_of,
    unnamed,
    until,
    words,
)
from tests.support.card_statuses import NOW, a_card, status_of, tries

[BLOCKED] = (
    each
    for each in findings_in_readers([status_of(a_card(**tries(0)))], NOW)
    if each.is_fault
)
FOUND = [
    info("READER", reader="Example Reader"),
    warning("AGENT_NOT_INSTALLED", kortilla("install")),
    error("PCSCD_STOPPED", administrator("systemctl", "start", "pcscd.socket")),
    BLOCKED,
]
MISSING = "The background program that notices a new card does not start"


class Computer:
    """What the doctor finds, and what it is asked to fix."""

    def __init__(self) -> None:
        self.found: list[Finding] | Exception = FOUND
        self.examined = 0
        self.fixed: list[tuple[str, bool]] = []
        self.error = ""

    async def examine(self, *_: object) -> list[Finding]:
        self.examined += 1
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def fix(self, _place: object, code: str, *, confirmed: bool) -> None:
        self.fixed.append((code, confirmed))
        if self.error:
            raise CommandFailedError(self.error)


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    computer = Computer()
    monkeypatch.setattr(examination, "examine", computer.examine)
    monkeypatch.setattr(examination, "fix", computer.fix)
    return computer


def shown(window: Window) -> Page:
    """Show the page, and wait for what it finds."""
    page = page_of(window, Page)
    until(lambda: not page._running)
    return page


def test_faults_come_first_each_with_what_fixes_it(
    open_window: Open, computer: Computer
) -> None:
    window = open_window()
    page = shown(window)
    said = [text for text in words(page) if text]
    assert "To fix: 3." in headings(page)
    assert said.index("Card reader: Example Reader.") > said.index(
        next(text for text in said if "does not start" in text)
    )
    assert [*buttons(page)] == ["Unlock", "Fix", "Copy the report", "Check again"]
    assert any("looks after the computer" in text for text in said)
    assert not any("systemctl" in text for text in said)
    item = window.sidebar.list.currentItem()
    assert item.toolTip() == "Self-check, to fix: 3"
    assert unnamed(window) == []


def test_of_several_cards_it_says_whose_is_meant_and_opens_the_window_for_that_one(
    open_window: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.found = [
        replace(
            BLOCKED,
            details={"reader": f"Reader {each}"},
            reader=f"Reader {each} (1)",
            holder=f"SPECIMEN-{each}",
        )
        for each in "AB"
    ]
    page = shown(open_window())
    assert any(
        text.startswith("Reader B: The basic PIN (PIN1) is locked")
        for text in words(page)
    )
    assert "SPECIMEN-B" in words(page)
    opened: list[tuple[str, ...]] = []

    def start(words: tuple[str, ...], _: object) -> bool:
        opened.append(words)
        return True

    monkeypatch.setattr(page._prompts, "start", start)
    buttons(page)["Unlock"].click()
    assert opened == [("unblock", "pin1", "--reader=Reader B (1)")]
    # What is said below one card's finding is not said below another's.
    monkeypatch.setattr(page._prompts, "start", lambda *_: False)
    buttons(page)["Unlock"].click()
    assert words(page).count(page.texts("card.window_open")) == 1
    buttons(page)["Copy the report"].click()
    assert "SPECIMEN-B" not in QGuiApplication.clipboard().text()


def test_a_fix_asks_where_a_browser_is_open_and_then_checks_again(
    open_window: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    heard = hear(window.services, monkeypatch)
    page = shown(window)
    # A person who goes through the pages in the sidebar stays there.
    assert window.sidebar.list.hasFocus()
    assert [each for each in heard if each.startswith("To fix: 3.")]
    computer.error = "BROWSER_RUNNING"
    buttons(page)["Fix"].setFocus()
    buttons(page)["Fix"].click()
    until(lambda: "Fix anyway" in buttons(page))
    assert computer.fixed == [("AGENT_NOT_INSTALLED", False)]
    computer.error, computer.found = "", FOUND[:1]
    buttons(page)["Fix anyway"].click()
    until(lambda: computer.examined == 2 and not page._running)
    assert computer.fixed[1:] == [("AGENT_NOT_INSTALLED", True)]
    is_heard_once(page, heard, "Everything is in order.")
    assert "Fixing…" in heard


def test_what_can_t_be_fixed_says_so(open_window: Open, computer: Computer) -> None:
    page = shown(open_window())
    computer.error = "INSTALL_FAILED"
    buttons(page)["Fix"].click()
    until(lambda: "It could not be fixed." in words(page))
    buttons(page)["Check again"].click()
    until(lambda: computer.examined == 2 and not page._running)
    assert "It could not be fixed." not in words(page)
    computer.found = RuntimeError()
    buttons(page)["Check again"].click()
    until(lambda: "The check could not be done. Try again." in words(page))


def test_the_report_is_copied_and_holds_what_the_doctor_says(
    open_window: Open, computer: Computer
) -> None:
    page = shown(open_window())
    buttons(page)["Copy the report"].click()
    assert "The report has been copied." in words(page)
    report = json.loads(QGuiApplication.clipboard().text())
    assert [each["code"] for each in report["findings"]] == [f.code for f in FOUND]
    assert {*report} == {"version", "system", "python", "findings"}


def test_a_number_says_that_something_is_wrong_before_the_page_is_opened(
    open_window: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "examine_files", computer.examine)
    window = open_window()
    window.look_for_faults()

    def spoken() -> str:
        role = Qt.ItemDataRole.AccessibleTextRole
        return str(window.sidebar.list.item(4).data(role))

    until(lambda: spoken() == "Self-check, to fix: 3")
    assert "self_check" not in window.pages
    computer.found = FOUND[:2]
    window.show_page("self_check")
    until(lambda: spoken() == "Self-check, to fix: 1")
    # What is found without a card says less than the page.
    computer.found = []
    window.look_for_faults()
    later: list[None] = []
    window.services.background.start(lambda: asyncio.sleep(0), later.append)
    until(lambda: computer.examined == 3 and later)
    assert spoken() == "Self-check, to fix: 1"
