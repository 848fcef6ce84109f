# SPDX-License-Identifier: MIT
"""The page of the settings: what its switches change."""

import stat
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QCheckBox, QRadioButton

from native_host.agent import presence
from native_host.config import Config, load_config
from native_host.desktop import system_settings
from native_host.desktop.pages.settings import Page
from native_host.desktop.system_settings import SystemSettings, save_setting
from native_host.desktop.window import Window
from native_host.doctor.examination import CommandFailedError
from native_host.errors import ConfigBrokenError
from native_host.gui.labels import Heading
from native_host.install.tables import Family
from native_host.state import remembered_can
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    page_of,
    unnamed,
    until,
    visible,
    words,
)

FOUND = SystemSettings(
    logins={
        "firefox": ("Firefox", False),
        "chromium": ("Chromium", True),
        "thunderbird": ("Thunderbird", False),
    },
    agent=True,
    language="system",
)


class Computer:
    """The browsers, and the changes that were made."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, bool, bool]] = []
        self.error = ""
        self.looks = 0
        self.found = FOUND

    async def look(self) -> SystemSettings:
        self.looks += 1
        return self.found

    async def set_login(self, family: Family, *, on: bool, confirmed: bool) -> None:
        self.changes.append((family, on, confirmed))
        if self.error and not confirmed:
            raise CommandFailedError(self.error)


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Computer:
    computer = Computer()
    monkeypatch.setattr(system_settings, "look", computer.look)
    monkeypatch.setattr(system_settings, "set_login", computer.set_login)
    return computer


def shown(window: Window) -> Page:
    """Show the page, and wait for what it finds."""
    page = page_of(window, Page)
    until(lambda: page._found)
    return page


def _is_told(page: Page, what: str) -> bool:
    return any(what in text for text in words(page))


def boxes(page: Page) -> dict[str, QCheckBox]:
    return {each.text(): each for each in visible(page, QCheckBox)}


def test_each_setting_has_its_state(open_window: Open, computer: Computer) -> None:
    window = open_window()
    page = shown(window)
    assert headings(page) == [
        "Settings",
        "Language",
        "Suomi.fi and MyKanta",
        "Encrypted e-mail",
        "New card",
        "Card access number (CAN)",
        "History",
    ]
    assert {text: box.isChecked() for text, box in boxes(page).items()} == {
        "Identification with the card: Firefox": False,
        "Identification with the card: Chromium": True,
        "Open encrypted e-mail with the card: Thunderbird": False,
        "Offer to activate a new card": True,
        "Keep a history": False,
    }
    assert unnamed(window) == []


def test_an_open_browser_is_asked_about_before_its_settings_change(
    open_window: Open, computer: Computer
) -> None:
    page = shown(open_window())
    computer.error = "BROWSER_RUNNING"
    boxes(page)["Identification with the card: Firefox"].click()
    until(lambda: "Change anyway" in buttons(page))
    # What is shown is what holds.
    assert not boxes(page)["Identification with the card: Firefox"].isChecked()
    buttons(page)["Change anyway"].click()
    until(lambda: computer.looks == 2 and not page._busy)
    assert computer.changes == [("firefox", True, False), ("firefox", True, True)]
    assert "Change anyway" not in buttons(page)
    assert boxes(page)["Identification with the card: Firefox"].hasFocus()


def test_mail_has_a_switch_of_its_own(open_window: Open, computer: Computer) -> None:
    page = shown(open_window())
    said = words(page)
    switch = "Open encrypted e-mail with the card: Thunderbird"
    assert said.index("Suomi.fi and MyKanta") < said.index("Encrypted e-mail")
    computer.error = "BROWSER_RUNNING"
    boxes(page)[switch].click()
    until(partial(_is_told, page, "Thunderbird is open."))
    assert not _is_told(page, "The browser is open.")
    buttons(page)["Change anyway"].click()
    until(lambda: computer.looks == 2 and not page._busy)
    assert computer.changes[-1] == ("thunderbird", True, True)


def test_the_wish_for_no_more_offers_for_a_card_is_undone_where_the_switch_is(
    open_window: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[bool] = []

    async def set_agent(*, on: bool) -> None:
        changed.append(on)
        computer.found = FOUND

    monkeypatch.setattr(system_settings, "set_agent", set_agent)
    computer.found = replace(FOUND, declined=1, agent=False)
    page = shown(open_window())
    assert not _is_told(page, "no longer offered")  # none is
    computer.found = replace(FOUND, declined=1)
    page.shown()
    until(partial(_is_told, page, "one card is no longer offered"))
    buttons(page)["Offer it again for all cards"].click()
    until(lambda: changed and not page._busy)
    assert changed == [True]
    assert not _is_told(page, "no longer offered")
    assert page.window().focusWidget() is not None


@pytest.mark.parametrize(
    ("can", "told"),
    [
        ("absent", "asked for each time"),
        ("locked", "is locked"),
        ("none", "No number is remembered"),
    ],
)
def test_what_is_known_of_a_remembered_number_is_said(
    open_window: Open, computer: Computer, can: remembered_can.State, told: str
) -> None:
    computer.found = replace(FOUND, can=can)
    page = shown(open_window())
    assert _is_told(page, told)
    assert "Forget the number" not in buttons(page)


def test_a_remembered_number_is_forgotten_at_once(
    open_window: Open, computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [False, True]

    async def forget() -> bool:
        gone = left.pop(0)
        if gone:
            computer.found = replace(FOUND, can="none")
        return gone

    monkeypatch.setattr(remembered_can, "forget", forget)
    computer.found = replace(FOUND, can="remembered")
    page = shown(open_window())
    spoken = hear(page.services, monkeypatch)
    assert _is_told(page, "The number is remembered.")
    buttons(page)["Forget the number"].click()
    until(partial(_is_told, page, "is locked"))
    until(lambda: not page._busy)
    buttons(page)["Forget the number"].click()
    until(partial(_is_told, page, "No number is remembered"))
    assert "Forget the number" not in buttons(page)
    assert "The number is forgotten." in spoken
    focused = page.window().focusWidget()
    assert isinstance(focused, Heading)
    assert focused.text() == "The number is forgotten"


def test_a_change_that_fails_is_told(open_window: Open, computer: Computer) -> None:
    page = shown(open_window())
    for code, told in (
        ("TOOL_MISSING", "libnss3-tools"),
        ("INSTALL_FAILED", "could not be made"),
    ):
        computer.error = code
        boxes(page)["Identification with the card: Chromium"].click()
        until(partial(_is_told, page, told))
    assert boxes(page)["Identification with the card: Chromium"].isChecked()


def test_the_language_changes_at_once_and_the_focus_stays(
    open_window: Open, computer: Computer, application: QApplication
) -> None:
    window = open_window("en")
    page = shown(window)
    radios = {each.text(): each for each in page.findChildren(QRadioButton)}
    radios["Svenska"].setFocus()
    radios["Svenska"].click()
    assert load_config().language == "sv"
    assert window.sidebar.list.currentItem().text() == "Inställningar"
    until(lambda: window.pages["settings"]._found)  # type: ignore[attr-defined]
    focused = application.focusWidget()
    assert isinstance(focused, QRadioButton)
    assert focused.text() == "Svenska"
    # Nothing that began for the page before shows or follows anything now.
    page._look()
    until(lambda: computer.looks == 3)


async def test_what_is_there_is_found_and_the_agent_is_switched(home: Path) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    found = await system_settings.look()
    assert [*found.logins.values()] == [("Chromium", False)]
    assert found.agent
    await system_settings.set_agent(on=False)
    assert not presence.is_enabled()


@pytest.fixture
def file(home: Path) -> Path:
    file = home / ".config/kortilla/config.toml"
    file.parent.mkdir(parents=True)
    return file


def test_without_a_file_one_is_made_that_only_its_owner_reads(home: Path) -> None:
    save_setting("language", "sv")
    assert load_config() == Config(language="sv")
    file = home / ".config/kortilla/config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'language = "fi"',
        '# mine\ncard = "mock"\n  language="en" # why\nallow_localhost = true\n',
        'extensions = [\n  "a", # b\n]\n',
        'extensions = ["""\nx"""]\n',
    ],
)
def test_all_other_settings_and_comments_stay(file: Path, text: str) -> None:
    file.write_text(text)
    before = load_config()
    save_setting("language", "sv")
    assert load_config() == before._replace(language="sv")
    assert text.count("#") - text.count("# why") == file.read_text().count("#")
    for wanted in (False, True):
        save_setting("ask_revocation", wanted)
        changed = before._replace(language="sv", ask_revocation=wanted)
        assert load_config() == changed
    assert file.read_text().count("ask_revocation") == 1


@pytest.mark.parametrize(
    "text",
    ["language = ", "unknown = 1\n", 'extensions = ["""\nlanguage = "fi"\n"""]\n'],
)
def test_a_file_that_is_broken_or_unclear_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigBrokenError):
        save_setting("language", "sv")
    assert file.read_text() == text


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('card = "mock"\n')
    file.symlink_to(tmp_path / "elsewhere")
    save_setting("language", "en")
    assert file.is_symlink()
    assert load_config() == Config(card="mock", language="en")
