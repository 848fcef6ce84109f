# SPDX-License-Identifier: MIT
"""The page that checks signatures: what it says of files, and what garbles nothing."""

import asyncio
import shutil
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QFileDialog, QLabel

from kortilla.errors import UserCertificateOCSPCheckFailedError
from kortilla.signing.verification import Problem, verify_path
from native_host.card.mock_source import MockCardSource
from native_host.config import load_config
from native_host.desktop.pages import check as check_page
from native_host.desktop.pages import signed_content
from native_host.desktop.pages.check import Page
from native_host.desktop.pages.outcome import Outcome
from native_host.desktop.window import Window
from native_host.files import check as signature_check
from native_host.files import report, revocation
from native_host.files import words as catalogue
from native_host.files.sign import sign_own_files
from native_host.files.sources import Mark, Wish
from native_host.gui.buttons import Button, Fold
from native_host.gui.labels import MockCardMark
from native_host.gui.panels import Sign
from native_host.operations.request import Context
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.platform.paths import trust_folder
from tests.desktop.conftest import (
    Open,
    buttons,
    headings,
    hear,
    is_heard_once,
    page_of,
    settle,
    unnamed,
    until,
    visible,
    words,
)
from tests.kortilla.signed_files import replace_text, updated
from tests.kortilla.signing_parts import Services, make_pdf
from tests.support import cards

HOSTILE = "a\u202efdp <b>x.pdf"


def sign(wish: Wish, card: Path) -> None:
    async def run() -> None:
        async with MockCardSource(card) as source:
            prompt = AutomaticPrompt({"PIN2": "123456"})
            await sign_own_files(Context(source, prompt), wish)

    asyncio.run(run())


@pytest.fixture
def signed(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with signed files, whose card's CAs are those of KORTILLA_TRUST."""
    monkeypatch.setenv("KORTILLA_TRUST", str(tmp_path / "trust"))
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(make_pdf("Sopimus"))
    (folder / "b.txt").write_text("muistio")
    card = cards.new_card(tmp_path / "card").folder
    sign(Wish(files=tuple(sorted(folder.iterdir())), language="en"), card)
    trust_folder().mkdir(parents=True)
    for each in card.glob("*.der"):
        shutil.copy(each, trust_folder())
    (folder / HOSTILE).write_bytes(make_pdf("Sopimus"))
    content = (folder / "a-signed.pdf").read_bytes()
    (folder / "changed.pdf").write_bytes(content.replace(b"Sopimus", b"Sopinus"))
    return folder


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> Services:
    """The CAs' services, which know of no certificate that was revoked."""
    service = Services()
    monkeypatch.setattr(revocation, "Revocation", lambda **_: service)
    return service


def answer_dialog(monkeypatch: pytest.MonkeyPatch, path: Path | None) -> None:
    """Choose a path in the dialog of the desktop, or cancel it."""
    chosen = "" if path is None else str(path)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen, ""))


def signs(page: Page) -> set[str]:
    """Return the icons of the visible signs, except that of the place to drop."""
    return {each._icon for each in visible(page, Sign)} - {"take-in"}


def check(window: Window, *files: Path) -> Page:
    """Show the page, and have it check files to the end."""
    page = page_of(window, Page)
    page.take(files)
    assert "Stop the check" in buttons(page)
    until(lambda: "Stop the check" not in buttons(page))
    return page


def test_plain_words_come_first_and_details_are_folded(
    open_window: Open, signed: Path
) -> None:
    window = open_window()
    page = check(window, signed / "a-signed.pdf")
    said = words(page)
    assert "a-signed.pdf" in said
    assert "The signature is valid." in " ".join(headings(page))
    assert "What was signed has not been changed." in said
    assert any("clock of the signer" in each for each in said)
    assert "The certificate has not been revoked." in said
    [mark] = page.findChildren(MockCardMark)
    assert mark.text().startswith("TEST CARD")
    assert not any("SHA-256" in each for each in said)
    [fold] = visible(page, Fold)
    assert fold.accessibleDescription().startswith("1. AINO SPECIMEN-")
    fold.click()
    [common_name] = [
        each for text in words(page) for each in text.splitlines() if "CN" in each
    ]
    assert common_name.startswith(
        "Common name (CN) in the certificate: SPECIMEN-VIRTANEN AINO "
    )
    assert any("SHA-256 of the certificate" in each for each in words(page))
    assert unnamed(window) == []


def test_the_verdict_or_the_sum_has_the_focus_and_is_said_once(
    open_window: Open, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window()
    said = hear(window.services, monkeypatch)
    page = check(window, signed / "a-signed.pdf")
    verdict = "Test card. This is not a real person's signature. "
    verdict += "The signature is valid."
    assert is_heard_once(page, said, verdict) == f"{verdict} a-signed.pdf."
    # What was found is before what may be checked next.
    shown = words(page)
    assert shown.index(verdict) < shown.index("Drop signed files here")
    monkeypatch.setattr(check_page, "MAX_FILES", 3)
    gone = [signed / f"{number}.pdf" for number in range(3)]
    page = check(window, *[signed / "changed.pdf"] * 2, *gone)
    is_heard_once(page, said, "Unclear: 2. Not valid: 1.")
    assert "Only the first 3 files are checked at once." in words(page)


def test_a_changed_file_is_not_valid_and_others_are_told_apart(
    open_window: Open, signed: Path
) -> None:
    names = ("changed.pdf", "b.asice", "a.pdf", "b.txt", "gone.pdf", HOSTILE)
    page = check(open_window(), *(signed / name for name in names))
    total, changed, container, unsigned, other, gone, _ = headings(page)[1:]
    assert total == "Not signed: 2. Unclear: 3. Not valid: 1."
    assert "a\\u{202E}fdp <b>x.pdf" in words(page)
    assert not any("\u202e" in each for each in words(page))
    assert "Don't trust the file." in changed
    assert any("not the one that was signed" in each for each in words(page))
    assert "The signature is valid." in container
    assert "Signed files: b.txt" in words(page)
    assert unsigned == "Nobody has signed this file."
    assert other == "It could not be confirmed that the signature is valid."
    assert gone == "The file can't be read."


@pytest.fixture
def other(signed: Path) -> Path:
    """A file that was changed after it was signed."""
    content = (signed / "a-signed.pdf").read_bytes()
    path = signed / "other.pdf"
    path.write_bytes(updated(content, replace_text))
    return path


def test_a_changed_file_is_red_and_offers_first_what_was_signed(
    open_window: Open, other: Path
) -> None:
    window = open_window()
    page = check(window, other)
    [verdict] = headings(page)[1:]
    assert verdict.endswith("The file was changed after it was signed. Don't trust it.")
    assert signs(page) == {"error"}
    [outcome] = visible(page, Outcome)
    [first] = outcome.findChildren(Button)
    assert first.text() == "What AINO signed"
    assert "What was signed has not been changed." not in words(page)
    assert "The certificate has not been revoked." not in words(page)
    assert unnamed(window) == []


def test_a_signer_is_said_to_have_signed_without_a_later_mark(
    open_window: Open, application: QApplication, signed: Path, tmp_path: Path
) -> None:
    mark, file = Mark(0, "bottom-left"), signed / "a-signed.pdf"
    sign(Wish(files=(file,), language="en", mark=mark), tmp_path / "card")
    window = open_window()
    page = check(window, signed / "a-signed-signed.pdf")
    [verdict] = headings(page)[1:]
    assert verdict.endswith("Both signatures are valid. A later signer added a mark.")
    settle(application)
    name, unchanged = "AINO SPECIMEN-VIRTANEN", "What was signed has not been changed."
    said = f"{name} signed the document without the mark of {name} on page 1."
    # It can be opened before anything else is said of that signature.
    order = [f"1. {name}: valid", said, "What AINO signed", f"2. {name}: valid"]
    shown: list[QLabel | Button] = [*visible(page, QLabel)]
    shown += visible(page, Button)
    places = {each.text(): each.mapToGlobal(QPoint()).y() for each in reversed(shown)}
    assert sorted(order, key=places.__getitem__) == order
    time = min(top for text, top in places.items() if "clock of the signer" in text)
    assert places["What AINO signed"] < time
    # Only of the second one it is said that nothing came after it.
    assert places[unchanged] > places[f"2. {name}: valid"]
    assert unnamed(window) == []


@pytest.mark.parametrize("code", ["ACTIVE_CONTENT", "IRREGULAR"])
def test_no_signature_is_good_in_a_file_that_may_be_read_differently(
    open_window: Open, signed: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    async def doubting(*arguments: Any, **more: Any) -> Any:
        report = await verify_path(*arguments, **more)
        return replace(report, problems=(Problem(code),))

    monkeypatch.setattr(signature_check, "verify_path", doubting)
    page = check(open_window(), signed / "a-signed.pdf")
    assert signs(page) == {"warning"}
    assert catalogue.load("en")[code] in words(page)
    assert "1. AINO SPECIMEN-VIRTANEN: could not be confirmed" in words(page)
    assert "What was signed has not been changed." not in words(page)


def test_what_was_signed_is_opened_and_saved_as_a_copy(
    open_window: Open,
    other: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(signed_content, "open_file", opened.append)
    folder = tmp_path / "saved"
    folder.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    original = other.with_name("a-signed.pdf").read_bytes()
    window = open_window()
    page = check(window, other)
    buttons(page)["What AINO signed"].click()
    until(lambda: opened)
    [copy] = opened
    assert copy.read_bytes() == original
    assert copy.name == "other-as-signed.pdf"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o400
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    for name in ("other-as-signed.pdf", "other-as-signed-2.pdf"):
        buttons(page)["Save…"].click()
        saved = folder / name
        until(saved.exists)
        assert saved.read_bytes() == original
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    until(lambda: f"Saved: {folder / 'other-as-signed-2.pdf'}" in words(page))
    other.write_bytes(original + b" ")
    buttons(page)["Save…"].click()
    until(lambda: any("changed after it was checked" in each for each in words(page)))
    assert len([*folder.iterdir()]) == 2
    page.leave()
    assert not copy.parent.exists()


def test_the_signed_files_of_a_package_are_saved(
    open_window: Open, signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    page = check(open_window(), signed / "b.asice", signed / "a-signed.pdf")
    buttons(page)["Save the signed files…"].click()
    until(lambda: f"Saved: {tmp_path / 'b-as-signed'}" in words(page))
    [saved] = (tmp_path / "b-as-signed").iterdir()
    assert (saved.name, saved.read_text()) == ("b.txt", "muistio")
    # A folder that can't be written is named.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/proc")
    buttons(page)["Save the signed files…"].click()
    until(lambda: any("could not be written" in each for each in words(page)))


def test_without_the_authoritys_certificates_nothing_is_valid_and_it_offers_them(
    open_window: Open,
    signed: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for each in trust_folder().iterdir():
        each.unlink()
    page = check(open_window(), signed / "a-signed.pdf")
    assert "It could not be confirmed that the signature is valid." in headings(page)
    until(lambda: "Get the certificates" in buttons(page))
    asked: list[Path] = []

    async def fetch(folder: Path) -> bool:
        asked.append(folder)
        return len(asked) > 1

    monkeypatch.setattr(signature_check, "fetch_authority", fetch)
    buttons(page)["Get the certificates"].click()
    assert "Getting the authority’s certificates…" in words(page)
    until(lambda: any("online" in each for each in words(page)))
    buttons(page)["Get the certificates"].click()
    until(lambda: len(asked) == 2 and page._running is not None)
    until(lambda: page._running is None)
    assert "Get the certificates" not in buttons(page)
    assert asked == [trust_folder()] * 2


def test_a_good_file_without_an_answer_is_no_warning_and_can_be_asked_again(
    open_window: Open, signed: Path, service: Services
) -> None:
    service.error = UserCertificateOCSPCheckFailedError("no answer")
    window = open_window()
    page = check(window, signed / "a-signed.pdf")
    [verdict] = headings(page)[1:]
    assert "Signed by AINO SPECIMEN-VIRTANEN. The signature is intact." in verdict
    assert "could not be checked whether the card was reported lost" in verdict
    assert signs(page) == {"info"}
    assert catalogue.load("en")["REVOCATION_UNKNOWN"] in words(page)
    assert any("Check that the computer is online" in each for each in words(page))
    assert unnamed(window) == []
    service.error = None
    buttons(page)["Ask again"].click()
    until(lambda: page._running is None)
    assert service.count == 2
    assert "The signature is valid." in headings(page)[1]
    assert "Ask again" not in buttons(page)


def test_the_person_need_not_wait_for_the_answer(
    open_window: Open, signed: Path, service: Services
) -> None:
    service.silent = True
    page = page_of(open_window(), Page)
    page.take([signed / "a-signed.pdf"])
    assert any("asking the authority" in each for each in words(page))
    until(lambda: service.count == 1)
    buttons(page)["Go on without the answer"].click()
    until(lambda: page._running is None)
    assert "has not been checked whether the card" in headings(page)[1]
    assert signs(page) == {"info"}
    service.silent = False
    buttons(page)["Ask now"].click()
    until(lambda: page._running is None)
    assert "The signature is valid." in headings(page)[1]


def test_whether_the_authority_is_asked_is_kept(
    open_window: Open, signed: Path, service: Services, home: Path
) -> None:
    window = open_window()
    page = check(window, signed / "a-signed.pdf")
    assert service.count == 1
    [box] = visible(page, QCheckBox)
    assert box.isChecked()
    box.click()
    assert "The signature is valid." in headings(page)[1]  # what is known stays
    page = check(window, signed / "a-signed.pdf")
    assert "has not been checked whether the card" in headings(page)[1]
    assert "Ask now" in buttons(page)
    # Another language makes the page anew, and another window reads the settings.
    window._speak("fi")
    assert not page_of(window, Page)._ask_box.isChecked()
    assert load_config().ask_revocation is False
    window = open_window(config=load_config())
    page = check(window, signed / "a-signed.pdf")
    assert service.count == 1
    [box] = visible(page, QCheckBox)
    box.setFocus()
    box.click()
    until(lambda: service.count == 2 and page._running is None)
    assert window.focusWidget() is box  # a switch moves no focus
    assert "The signature is valid." in headings(page)[1]
    assert load_config().ask_revocation is True


def test_a_choice_that_can_not_be_kept_holds_for_the_window(
    open_window: Open, signed: Path, home: Path
) -> None:
    config = home / ".config/kortilla/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("broken")
    window = open_window()
    page = page_of(window, Page)
    [box] = visible(page, QCheckBox)
    box.click()
    assert any("could not be saved" in each for each in words(page))
    page = check(window, signed / "a-signed.pdf")
    assert "Ask now" in buttons(page)
    assert config.read_text() == "broken"


def test_switching_off_ends_the_asking(
    open_window: Open, signed: Path, service: Services
) -> None:
    service.silent = True
    page = page_of(open_window(), Page)
    page.take([signed / "a-signed.pdf"])
    until(lambda: service.count == 1)
    [box] = visible(page, QCheckBox)
    box.click()
    until(lambda: page._running is None)
    assert "has not been checked whether the card" in headings(page)[1]


def test_a_check_can_be_stopped(open_window: Open, signed: Path) -> None:
    window = open_window()
    page = page_of(window, Page)
    page.take([signed / "a-signed.pdf"])
    buttons(page)["Stop the check"].click()
    assert any("was stopped" in each for each in words(page))
    stopped = "The check was stopped. There are no results."
    assert headings(page) == ["Check a signature", stopped]
    assert signs(page) == {"info"}
    # It still works.
    page = check(window, signed / "a-signed.pdf")
    assert len(headings(page)) == 2


@pytest.mark.parametrize(
    ("chosen", "written"),
    [("out.json", "out.json"), ("out.pdf", "out.pdf"), ("out", "out.pdf")],
)
def test_a_report_can_be_saved(
    open_window: Open,
    signed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: str,
    written: str,
) -> None:
    window = open_window()
    page = page_of(window, Page)
    assert "Save a report…" not in buttons(page)
    check(window, signed / "a-signed.pdf", signed / "changed.pdf")
    answer_dialog(monkeypatch, tmp_path / chosen)
    threads, render = [], report.render

    def note(*arguments: Any, **options: Any) -> bytes:
        threads.append(threading.current_thread())
        return render(*arguments, **options)

    monkeypatch.setattr(report, "render", note)
    buttons(page)["Save a report…"].click()
    until(lambda: f"The report was saved: {written}" in words(page))
    # It takes long for many files, and the window goes on.
    assert threading.main_thread() not in threads
    content = (tmp_path / written).read_bytes()
    assert content.startswith(b"{" if chosen == "out.json" else b"%PDF-")
    # The dialog has asked about a name that is taken, but not about a completed one.
    (tmp_path / written).write_text("mine")
    check(window, signed / "a-signed.pdf")
    assert f"The report was saved: {written}" not in words(page)
    buttons(page)["Save a report…"].click()
    if chosen == written:
        until(lambda: f"The report was saved: {written}" in words(page))
    else:
        until(lambda: any("could not be saved" in each for each in words(page)))
    assert ((tmp_path / written).read_text("latin-1") == "mine") is (chosen != written)


def test_a_report_is_not_saved_over_a_file_that_is_checked(
    open_window: Open, signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (signed / "a-signed.pdf").read_bytes()
    page = check(open_window(), signed / "a-signed.pdf")
    answer_dialog(monkeypatch, None)
    buttons(page)["Save a report…"].click()
    answer_dialog(monkeypatch, signed / "a-signed.pdf")
    buttons(page)["Save a report…"].click()
    until(lambda: any("could not be saved" in each for each in words(page)))
    assert (signed / "a-signed.pdf").read_bytes() == before
    assert unnamed(page) == []


def test_files_are_dropped_and_never_moved(
    open_window: Open, application: QApplication, signed: Path
) -> None:
    window = open_window()
    page = page_of(window, Page)
    dropped = QMimeData()
    dropped.setUrls(
        [QUrl.fromLocalFile(str(signed / "a.pdf")), QUrl("https://a.example/b.pdf")]
    )
    given = (
        Qt.DropAction.MoveAction | Qt.DropAction.CopyAction,
        dropped,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    entering = QDragEnterEvent(QPoint(5, 5), *given)
    application.sendEvent(page.area.viewport(), entering)
    assert entering.isAccepted()
    event = QDropEvent(QPointF(5, 5), *given)
    application.sendEvent(page.area.viewport(), event)
    assert event.dropAction() == Qt.DropAction.CopyAction
    until(lambda: page._running is None)
    assert "Nobody has signed this file." in headings(page)
    assert len(headings(page)) == 2
