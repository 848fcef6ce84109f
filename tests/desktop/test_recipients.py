# SPDX-License-Identifier: MIT
"""Whom the page *Encrypt* offers as recipients, and the own certificate for others."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from native_host.recipients import address_book
from native_host.recipients.person import read_person
from tests.desktop.conftest import Open, buttons, unnamed, until, words
from tests.desktop.test_encrypt_page import (
    begins,
    boxes,
    certificate,
    page_with,
)
from tests.support import cards


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.txt"
    path.write_bytes(b"SPECIMEN")
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The certificate file of another card."""
    return certificate(tmp_path / "other", number=2)


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
    path = address_book._path()
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
