# SPDX-License-Identifier: MIT
"""The page that encrypts files, and opens encrypted ones."""

import asyncio
import json
import stat
import subprocess
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QPdfWriter
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel

from kortilla.encryption import PasswordRecipient, encrypt
from native_host.desktop.pages import opening
from native_host.desktop.pages.encrypt import Page
from native_host.desktop.pages.recovery_password import draw_password
from native_host.desktop.prompts import Command
from native_host.desktop.texts import Texts
from native_host.desktop.window import Window
from native_host.files import encrypt as files_encrypt
from native_host.files.sources import MAX_FILES
from native_host.recipients import address_book, person
from native_host.recipients.person import Person, read_person
from tests.desktop.conftest import (
    LETTER,
    Open,
    buttons,
    headings,
    hear,
    is_heard_once,
    page_of,
    unnamed,
    until,
    visible,
    words,
)

PASSWORD = "ABCD-EFGH-JKLM-NPQR-STUV"


def page_with(window: Window, *files: Path, read: bool = True) -> Page:
    window.give_files("encrypt", files)
    page = page_of(window, Page)
    if read:
        until(lambda: not page.recipients.is_looking)
    return page


def boxes(page: Page) -> dict[str, QCheckBox]:
    return {each.text(): each for each in visible(page, QCheckBox)}


def press(page: Page, begin: str) -> None:
    """Press the button whose words begin so, and wait for the end of the work."""
    [button] = [b for name, b in buttons(page).items() if name.startswith(begin)]
    button.click()
    until(lambda: page._stop is None and not page._opening.is_busy)


def begins(page: Page, start: str) -> bool:
    return any(each.startswith(start) for each in words(page))


def test_a_letter_to_two_people_opens_with_the_card_and_with_the_password(
    open_window: Open,
    letter: Path,
    own_card: Path,
    other: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, opened = Command.run, []

    def run(command: Command) -> dict[str, Any]:
        command.words[command.words.index("window")] = "automatic"
        assert not [each for each in command.words if "letter" in each]
        return real(command)

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(Command, "run", run)
    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    window = open_window()
    said = hear(window.services, monkeypatch)
    page = page_with(window, letter)
    assert said[0].startswith("letter.txt is to be encrypted. A card that is lost")
    until(lambda: page.recipients.own)
    assert unnamed(window) == []
    [own] = [each for name, each in boxes(page).items() if name.startswith("Me, ")]
    assert own.isChecked()
    # What a lost or expired card means, and until when it is valid, is said before.
    assert "A card that is lost or has expired opens nothing any more." in words(page)
    assert begins(page, "The chosen card expires on ")
    page.recipients.add([other])
    assert begins(page, "The last of the chosen cards expires on ")
    boxes(page)["Anybody with the recovery password"].click()
    press(page, "Encrypt 1 file")
    # Nobody's CA is known here, so the other's certificate could not be checked.
    assert "Nothing was encrypted" in headings(page)
    assert [*letter.parent.iterdir()] == [letter]
    press(page, "Encrypt 1 file")
    assert [*letter.parent.iterdir()] == [letter]
    [accept] = [each for name, each in boxes(page).items() if "I understand" in name]
    accept.click()
    press(page, "Encrypt 1 file")
    sealed = letter.with_name("letter.txt.p7m")
    assert {*letter.parent.iterdir()} == {letter, sealed}
    assert letter.read_bytes() == LETTER
    assert is_heard_once(page, said, "Encrypted").startswith(
        "Encrypted. letter.txt.p7m. It is shown"
    )
    assert unnamed(window) == []
    password = page._panel.password
    assert password in words(page)
    buttons(page)["Copy the password"].click()
    assert QGuiApplication.clipboard().text() == password
    buttons(page)["Show in folder: letter.txt.p7m"].click()
    assert opened == [str(letter.parent)]
    # The other one is offered the next time, and the password is shown no more.
    name = read_person(other).name
    until(lambda: [each.name for each in address_book.people()] == [name])
    press(page, "Encrypt more")
    # It is in no part that is hidden either, and each part stays.
    assert all(password not in each.text() for each in page.findChildren(QLabel))

    letter.unlink()
    page = page_with(window, sealed)
    assert "Open encrypted files" in headings(page)
    until(lambda: begins(page, "Encrypted for: your own card, "))
    assert begins(page, f"Encrypted for: your own card, {name}")
    press(page, "Open with the card")
    heard = is_heard_once(page, said, "Opened")
    assert heard.startswith("Opened. letter.txt. It is on this computer without")
    assert begins(page, "It is on this computer without encryption now.")
    assert letter.read_bytes() == LETTER
    assert stat.S_IMODE(letter.stat().st_mode) == 0o600
    assert sealed.exists()
    buttons(page)["Open letter.txt"].click()
    assert opened[-1] == str(letter)
    assert unnamed(window) == []

    page = page_with(window, sealed)
    until(lambda: "The recovery password opens it too." in words(page))
    press(page, "Open with the password")
    assert "Type the recovery password first." in words(page)
    page._opening.field.setText("abcd")
    press(page, "Open with the password")
    assert begins(page, "letter.txt.p7m: The file can't be opened.")
    # Spaces in place of dashes, and small letters, are good too.
    page._opening.field.setText(password.lower().replace("-", " "))
    press(page, "Open with the password")
    assert (letter.parent / "letter-2.txt").read_bytes() == LETTER
    assert page._opening.field.text() == ""


def test_what_is_missing_is_said_and_nothing_is_encrypted(
    open_window: Open, letter: Path
) -> None:
    window = open_window()
    page = page_with(window)
    press(page, "Encrypt")
    assert "Choose first which files you want to encrypt." in words(page)
    assert page.focusWidget() is page.choose_button
    page = page_with(window, letter.parent)
    assert begins(page, "files: ")
    page = page_with(window, letter)
    page.recipients.show([], [])
    press(page, "Encrypt 1 file")
    assert "Choose first who can open the files." in words(page)
    page.recipients.add([letter])
    assert "letter.txt: This file is not a certificate." in words(page)
    boxes(page)["Anybody with the recovery password"].click()
    letter.rename(letter.with_name("moved.txt"))
    press(page, "Encrypt 1 file")
    assert "Nothing was encrypted" in headings(page)
    assert "letter.txt is no longer there." in words(page)
    buttons(page)["Remove letter.txt from the list"].click()
    assert "Encrypt" in buttons(page)


def test_files_are_not_encrypted_without_the_own_card_while_it_is_read(
    open_window: Open, letter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = threading.Event()

    async def own_card(source: object) -> list[Person]:
        await asyncio.to_thread(reading.wait)
        return []

    monkeypatch.setattr(person, "own_card", own_card)
    try:
        page = page_with(open_window(), letter, read=False)
        assert "Reading the card…" in words(page)
        boxes(page)["Anybody with the recovery password"].click()
        press(page, "Encrypt 1 file")
        assert begins(page, "Your card has not been read yet.")
        assert [*letter.parent.iterdir()] == [letter]
        # A reader may never answer.
        press(page, "Encrypt 1 file")
        assert len([*letter.parent.iterdir()]) == 2
    finally:
        reading.set()


def test_files_over_the_limit_are_left_out_with_a_word(
    open_window: Open, tmp_path: Path
) -> None:
    sealed = [tmp_path / f"{number}.p7m" for number in range(MAX_FILES + 1)]
    for each in sealed:
        each.write_bytes(b"")
    page = page_with(open_window(), *sealed)
    assert begins(page, f"At most {MAX_FILES} encrypted files can be opened at once.")
    assert page._opening.files == sealed[:MAX_FILES]
    plain = [each.rename(each.with_suffix(".txt")) for each in sealed]
    page._opening.forget()
    page.take(plain)
    assert begins(page, f"At most {MAX_FILES} files can be encrypted at once.")
    assert page._files == plain[:MAX_FILES]


def test_a_password_that_was_not_noted_is_not_lost_to_another_file(
    open_window: Open, letter: Path
) -> None:
    window = open_window()
    page = page_with(window, letter)
    boxes(page)["Anybody with the recovery password"].click()
    press(page, "Encrypt 1 file")
    password = page._panel.password
    sealed = letter.with_name("letter.txt.p7m")
    page = page_with(window, letter, sealed)
    assert password in words(page)
    assert "letter.txt is to be encrypted." in words(page)
    assert begins(page, "First finish what is on this page.")
    window.show_page("card")
    window.show_page("encrypt")
    assert password in words(page)
    press(page, "Encrypt more")
    assert "Encrypt 1 file" in buttons(page)


@pytest.mark.parametrize("how", ["stop", "quit"])
def test_an_encryption_that_is_stopped_leaves_nothing(
    open_window: Open, letter: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    begun = threading.Event()
    stopped = threading.Event()

    def slow(source: Any, *rest: Any, **more: Any) -> None:
        begun.set()
        stopped.wait()
        encrypt(source, *rest, **more)

    monkeypatch.setattr(files_encrypt, "encrypt", slow)
    page = page_with(open_window(), letter)
    boxes(page)["Anybody with the recovery password"].click()
    buttons(page)["Encrypt 1 file"].click()
    # An Enter that comes late presses nothing.
    assert page.focusWidget() is page._words
    until(begun.is_set)
    # The end of the program stops it too.
    page.quit() if how == "quit" else buttons(page)["Stop"].click()
    stopped.set()
    until(lambda: page._stop is None)
    assert "You stopped" in headings(page)
    assert [*letter.parent.iterdir()] == [letter]
    assert "Encrypt 1 file" in buttons(page)


def fields(*made: tuple[Path, bool], **error: Any) -> dict[str, Any]:
    """Return what the command says that decrypts."""
    files = [
        {
            "file": str(path.with_suffix("")),
            "original": str(path),
            "authenticated": good,
        }
        for path, good in made
    ]
    return {"files": files} | ({"error": error} if error else {})


@pytest.fixture
def sealed(tmp_path: Path) -> Callable[[str], Path]:
    """A function that makes an encrypted file."""

    def make(name: str) -> Path:
        path = tmp_path / name
        with path.open("wb") as sink:
            encrypt(LETTER, sink, [PasswordRecipient(PASSWORD)])
        return path

    return make


def result_of(
    monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]
) -> list[list[str]]:
    """Have the command end with a result. Returns the words that it gets."""
    given: list[list[str]] = []

    def run(command: Command) -> dict[str, Any]:
        files, _ = command.given.splitlines()
        given.append([*command.words, *json.loads(files)])
        return result

    monkeypatch.setattr(Command, "run", run)
    return given


def test_content_that_was_not_protected_is_not_offered_to_be_opened(
    open_window: Open,
    sealed: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad, failed = map(sealed, ("a.txt.cms", "b.txt.p7c", "c.txt.p7m"))
    fault = {"file": str(failed), "reason": "altered"}
    result = fields((good, True), (bad, False), code="X", files=[fault])
    given = result_of(monkeypatch, result)
    page = page_with(open_window(), good, bad, failed)
    press(page, "Open with the card")
    assert given[0][:3] == ["decrypt", "--prompt", "window"]
    assert given[0][-3:] == [str(good), str(bad), str(failed)]
    assert {"Open a.txt", "Show in folder: a.txt", "Show in folder: b.txt"} <= {
        *buttons(page)
    }
    assert "Open b.txt" not in buttons(page)
    assert begins(page, "b.txt was not protected against changes.")
    assert begins(page, "c.txt.p7m: The file can't be opened. It was changed")
    # It stays for another try.
    assert "c.txt.p7m" in words(page)
    assert "a.txt.cms" not in words(page)


def test_errors_of_the_whole_and_other_files_are_said(
    open_window: Open,
    letter: Path,
    sealed: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window = open_window()
    said = hear(window.services, monkeypatch)
    path = sealed("a\u202e<b>.txt.p7m")
    page = page_with(window, path, letter)
    assert begins(page, "Encrypted files are opened separately.")
    assert "a\\u{202E}<b>.txt.p7m" in words(page)
    for code in ("USER_CANCELLED", "PROMPT_FAILED", "A_NEW_ONE"):
        said.clear()
        result_of(monkeypatch, {"error": {"code": code}})
        press(page, "Open with the card")
        key = code if code in opening.CODES else "other"
        assert Texts("en")(f"decrypt.error.{key}") in words(page)
        cancelled = code == "USER_CANCELLED"
        heading = "You cancelled. Nothing was opened."
        is_heard_once(page, said, heading if cancelled else "Nothing was opened")
        assert ("Self-check" in buttons(page)) != cancelled
    press(page, "Encrypt files")
    assert "Encrypt files" in headings(page)
    # What is no encrypted file is found out without a card.
    broken = letter.with_name("broken.p7m")
    broken.write_bytes(LETTER)
    monkeypatch.undo()
    page = page_with(window, broken)
    page._opening.field.setText(PASSWORD)
    page._opening._by_password()
    until(lambda: not page._opening.is_busy)
    assert begins(page, "broken.p7m: This is not an encrypted file")
    assert begins(page, "broken.p7m: ") and "page Check" in " ".join(words(page))


def test_a_saved_mail_is_opened_if_it_is_encrypted(
    open_window: Open, sealed: Callable[[str], Path]
) -> None:
    """Another is a file like any other, also one that only names such a file."""
    path = sealed("letter.eml")
    kind = "Content-Type: application/pkcs7-mime; smime-type={}-data; name=smime.p7m"
    body = b"\r\n\r\n" + path.read_bytes()
    window = open_window()
    path.write_bytes(kind.format("authEnveloped").encode() + body)
    page = page_with(window, path)
    assert "Open encrypted files" in headings(page)
    until(lambda: "The recovery password opens it too." in words(page))
    page._opening.field.setText(PASSWORD)
    page._opening._by_password()
    until(lambda: not page._opening.is_busy)
    assert path.with_name("smime").read_bytes() == LETTER
    press(page, "Encrypt files")
    for other in (b"Subject: smime.p7m\r\n\r\nHei", kind.format("signed").encode()):
        path.write_bytes(other + body)
        page = page_with(window, path)
        assert "Encrypt files" in headings(page)
        buttons(page)["Remove letter.eml from the list"].click()


def test_the_password_is_printed_with_what_it_opens(
    application: QApplication, tmp_path: Path
) -> None:
    for language in ("fi", "sv", "en"):
        path = tmp_path / f"{language}.pdf"
        writer = QPdfWriter(str(path))
        texts = Texts(language)
        draw_password(writer, texts, PASSWORD, ["letter.txt.p7m"] * 25)
        text = subprocess.check_output(["pdftotext", path, "-"], text=True)
        text = " ".join(unicodedata.normalize("NFKC", text).split())
        for each in (PASSWORD, "letter.txt.p7m", texts("encrypt.password.printed")):
            assert each in text
        assert "(+ 5)" in text
