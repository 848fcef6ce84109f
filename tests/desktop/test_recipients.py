# SPDX-License-Identifier: MIT
"""Whom the page *Encrypt* offers as recipients, and the own certificate for others."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from native_host.config import Config
from native_host.platform.paths import recipients_file
from native_host.recipients import address_book, directory
from native_host.recipients.person import Person, read_person
from tests.desktop.conftest import (
    Open,
    buttons,
    certificate,
    hear,
    unnamed,
    until,
    words,
)
from tests.desktop.test_encrypt_page import (
    begins,
    boxes,
    page_with,
    press,
)
from tests.support import cards


def test_many_earlier_recipients_are_shown_when_asked_for(
    open_window: Open, letter: Path, other: Path
) -> None:
    page = page_with(open_window(), letter)
    somebody = read_person(other)
    many = [
        replace(somebody, certificate=bytes([number]), name=f"SPECIMEN {number}")
        for number in range(20)
    ]
    page.recipients.show([], many)
    assert "SPECIMEN 11" in boxes(page)
    assert "SPECIMEN 12" not in boxes(page)
    buttons(page)["Show all earlier recipients"].click()
    assert page.focusWidget() is boxes(page)["SPECIMEN 12"]
    assert "SPECIMEN 19" in boxes(page)


def test_an_earlier_recipient_is_removed_and_put_back(
    open_window: Open, letter: Path, other: Path
) -> None:
    somebody = read_person(other)
    address_book.remember([somebody])
    window = open_window()
    page = page_with(window, letter)
    remove = f"Remove {somebody.name} from the earlier recipients"
    buttons(page)[remove].click()
    until(lambda: somebody.name not in boxes(page))
    assert address_book.people() == []
    assert f"{somebody.name} was removed from the earlier recipients." in words(page)
    undo = buttons(page)["Undo the removal"]
    assert page.focusWidget() is undo
    undo.click()
    until(lambda: somebody.name in boxes(page))
    assert [each.name for each in address_book.people()] == [somebody.name]
    assert page.focusWidget() is boxes(page)[somebody.name]
    assert "Undo the removal" not in buttons(page)
    assert unnamed(window) == []
    # What can't be written is there still.
    path = recipients_file()
    path.unlink()
    path.mkdir()
    buttons(page)[remove].click()
    until(lambda: begins(page, "The list of earlier recipients could not be changed."))
    assert somebody.name in boxes(page)


def test_it_asks_which_of_two_own_certificates_is_saved(
    open_window: Open,
    letter: Path,
    other: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    page = page_with(open_window(), letter)
    [first] = page.recipients.own
    assert "Save my certificate…" in buttons(page)
    second = replace(read_person(other), own=True, name="SPECIMEN Toinen")
    page.recipients.show([first, second], [])
    saved = tmp_path / "own.cer"
    chosen = (str(saved), "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: chosen)
    for each in (second, first):
        name = f"Save my certificate… {each.name}, SATU {each.satu}"
        [button] = [b for said, b in buttons(page).items() if said.startswith(name)]
        button.click()
        assert saved.read_bytes() == each.certificate


def test_a_tick_for_one_certificate_is_not_for_another(
    open_window: Open, letter: Path, other: Path, tmp_path: Path
) -> None:
    third = certificate(tmp_path / "third", number=3)
    page = page_with(open_window(), letter)
    page.recipients.add([other])
    for _ in range(2):
        press(page, "Encrypt 1 file")
        [accept] = [each for name, each in boxes(page).items() if "I under" in name]
        assert not accept.isChecked()
        accept.click()
        page.recipients.add([third])
    assert [*letter.parent.iterdir()] == [letter]
    # The people who have been seen with this doubt, both of them now, are accepted.
    press(page, "Encrypt 1 file")
    assert len([*letter.parent.iterdir()]) == 2


def test_the_own_certificate_is_saved_for_others(
    open_window: Open, own_card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, chosen = tmp_path / "my-certificate.cer", [""]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen[0], "*.cer"))
    page = page_with(open_window())
    [own] = page.recipients.own
    for path, begin in (
        ("", ""),
        (str(there), "my-certificate.cer was saved."),
        (str(there / "in-a-file.cer"), "in-a-file.cer could not be saved."),
    ):
        chosen[0] = path
        buttons(page)["Save my certificate…"].click()
        assert begins(page, begin)
    assert read_person(there).certificate == own.certificate
    # Without a card there is nothing to save.
    page.recipients.show([], [])
    assert "Save my certificate…" not in buttons(page)


def test_somebody_is_found_in_the_directory_by_the_client_identifier(
    open_window: Open, letter: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_person(other)
    asked: list[tuple[str, str]] = []

    async def find(address: str, satu: str) -> list[Person]:
        asked.append((address, satu))
        if satu == "00000000A":
            raise directory.DirectoryError("no answer")
        return [found] if satu == found.satu else []

    monkeypatch.setattr(directory, "find", find)
    page = page_with(open_window(), letter)
    assert "Search the directory" not in buttons(page)
    config = Config(card="mock", directory="ldap://directory.example/c=FI")
    window = open_window(config=config)
    page, heard = page_with(window, letter), hear(window.services, monkeypatch)
    for typed, said in (
        ("Ville", "A client identifier has eight digits"),
        ("00000000A", "The directory did not answer."),
        ("11111111A", "The directory has no certificate for 11111111A."),
    ):
        page.recipients._satu.setText(typed)
        buttons(page)["Search the directory"].click()
        until(partial(begins, page, said))
    page.recipients._satu.setText(f" {found.satu.lower()} ")
    buttons(page)["Search the directory"].click()
    until(lambda: found.name in boxes(page))
    assert boxes(page)[found.name].isChecked()
    assert heard[-1] == f"{found.name}."
    assert asked[-1] == (config.directory, found.satu)
    assert "Ville" not in {satu for _, satu in asked}
