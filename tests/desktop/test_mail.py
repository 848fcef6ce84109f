# SPDX-License-Identifier: MIT
"""Signed files go into a new message: by the desktop's portal, or by xdg-email.

The bus and the descriptors are real. The portal and xdg-email are stand-ins.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtDBus import QDBusConnection

from native_host.desktop import mail
from native_host.desktop.pages.sign import Page
from native_host.desktop.window import Window
from native_host.gui.panels import Notice
from tests.desktop.conftest import Open, buttons, hear, page_of, until, visible
from tests.support.mail_portal import PORTAL, open_mail_portal
from tests.support.session_bus import open_session_bus


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bus that the window is on."""
    with open_session_bus() as address:
        name = f"{tmp_path}"
        monkeypatch.setattr(
            mail, "session_bus", lambda: QDBusConnection.connectToBus(address, name)
        )
        yield address
        QDBusConnection.disconnectFromBus(name)


@dataclass
class Signed:
    window: Window
    page: Page
    files: list[Path]

    def press_send(self) -> str:
        """Press the button, and return what the page says of it."""
        buttons(self.page)["Send by e-mail…"].click()
        until(lambda: visible(self.page, Notice))
        [notice] = visible(self.page, Notice)
        return notice.label.text()


@pytest.fixture
def signed(open_window: Open, tmp_path: Path) -> Callable[..., Signed]:
    """A function that shows files as if they had been signed."""

    def signed(*names: str) -> Signed:
        files = [tmp_path / each for each in names]
        for each in files:
            each.write_text(each.name)
        window = open_window()
        page = page_of(window, Page)
        page._ended({"files": [{"file": str(each)} for each in files]})
        return Signed(window, page, files)

    return signed


def xdg_email(folder: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> Path:
    """Put a program of this name on the path. Return the file with its arguments."""
    noted, program = folder / "noted", folder / "bin/xdg-email"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{noted}"\nexit {status}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return noted


def test_the_portal_gets_all_files_and_each_answer_is_said(
    session: str,
    signed: Callable[..., Signed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = signed("a-signed.pdf", "ä',bcc='mallory.asice")
    said = hear(one.window.services, monkeypatch)
    with open_mail_portal(session, 0, 1) as portal:
        focused = buttons(one.page)["Send by e-mail…"]
        focused.setFocus()
        words = one.press_send()
        assert words.startswith("Go on in the e-mail program.")
        assert str(tmp_path) in words
        assert "attachments are missing" in words
        # Qt's platform without a screen has no name of a window for portals.
        assert portal.calls.get() == (
            "",
            {str(each): each.name.encode() for each in one.files},
        )
        assert one.window.focusWidget() is focused
        assert said == [words]
        assert one.press_send() == "You cancelled. No message was begun."


def test_without_a_portal_xdg_email_gets_the_files_or_it_is_said_where_they_are(
    session: str,
    signed: Callable[..., Signed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = signed("a-signed.pdf", "b.asice")
    noted = xdg_email(tmp_path, monkeypatch, 0)
    assert one.press_send().startswith("Go on in the e-mail program.")
    given = noted.read_text().splitlines()
    assert given == [p for each in one.files for p in ("--attach", str(each))]
    # A portal without mail, and one where something went wrong.
    for answer in (f"{PORTAL}.UnknownMethod", 2):
        noted.unlink()
        with open_mail_portal(session, answer):
            assert one.press_send().startswith("Go on in the e-mail program.")
        assert noted.exists()
    noted = xdg_email(tmp_path, monkeypatch, 4)
    said = one.press_send()
    assert said.startswith("No e-mail program")
    assert said.endswith(f": {tmp_path}")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert one.press_send().startswith("No e-mail program")
    one.files[0].unlink()
    assert one.press_send() == "a-signed.pdf is no longer there."


@pytest.mark.parametrize("name", ["a',bcc='mallory.pdf", "a\nb.pdf", "a%27.pdf"])
def test_a_name_can_not_write_to_the_message(
    session: str,
    signed: Callable[..., Signed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    noted = xdg_email(tmp_path, monkeypatch, 0)
    said = signed(name).press_send()
    assert said.startswith("No e-mail program could be opened. Attach the file to ")
    assert not noted.exists()
