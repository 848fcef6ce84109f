# SPDX-License-Identifier: MIT
"""Signed files go into a new message: by the desktop's portal, or by xdg-email.

The bus and the descriptors are real. The portal and xdg-email are stand-ins.
"""

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jeepney import (
    DBusAddress,
    HeaderFields,
    Message,
    message_bus,
    new_error,
    new_method_return,
    new_signal,
)
from jeepney.io.blocking import open_dbus_connection
from PySide6.QtDBus import QDBusConnection

from native_host.desktop import mail
from native_host.desktop.pages.sign import Page
from native_host.desktop.window import Window
from tests.desktop.conftest import Open, buttons, page_of, until, words

PORTAL, EMAIL = "org.freedesktop.portal.Desktop", "org.freedesktop.portal.Email"
REQUEST = "org.freedesktop.portal.Request"
COMPOSE = ("ComposeEmail", "sa{sv}")


@dataclass
class MailPortal:
    """Answers each call to compose a message with the next of ``answers``.

    An answer is the number of a response, or the name of an error.
    """

    answers: list[int | str]
    #: Of each call: the parent window, and the files by path and content.
    calls: "queue.Queue[tuple[str, dict[str, bytes]]]" = field(
        default_factory=queue.Queue
    )

    def answer(self, call: Message) -> list[Message]:
        parent, options = call.body
        assert call.header.fields[HeaderFields.signature] == COMPOSE[1]
        signature, descriptors = options["attachment_fds"]
        assert signature == "ah"
        files = {}
        for each in descriptors:
            with each.to_file("rb") as file:
                path = os.fspath(Path(f"/proc/self/fd/{file.fileno()}").readlink())
                files[path] = file.read()
        self.calls.put((parent, files))
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            return [new_error(call, answer)]
        sender = call.header.fields[HeaderFields.sender]
        path = "/".join(
            (
                "/org/freedesktop/portal/desktop/request",
                sender.removeprefix(":").replace(".", "_"),
                options["handle_token"][1],
            )
        )
        request = DBusAddress(path, interface=REQUEST)
        response = new_signal(request, "Response", "ua{sv}", (answer, {}))
        response.header.fields[HeaderFields.destination] = sender
        return [new_method_return(call, "o", (path,)), response]


@contextmanager
def open_mail_portal(session: str, *answers: int | str) -> Iterator[MailPortal]:
    """Join a session's bus as its portal, and leave it at exit."""
    portal = MailPortal([*answers])
    bus = open_dbus_connection(bus=session, enable_fds=True)
    bus.send_and_get_reply(message_bus.RequestName(PORTAL))

    def listen() -> None:
        with suppress(OSError):  # the end
            while True:
                call = bus.receive()
                if call.header.fields.get(HeaderFields.member) == COMPOSE[0]:
                    for each in portal.answer(call):
                        bus.send(each)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield portal
    finally:
        bus.sock.shutdown(2)
        thread.join()
        bus.close()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bus that the window is on."""
    words = ("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address")
    with subprocess.Popen(
        [*words, f"--address=unix:dir={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        name = f"{tmp_path}"
        monkeypatch.setattr(
            mail, "session_bus", lambda: QDBusConnection.connectToBus(address, name)
        )
        yield address
        QDBusConnection.disconnectFromBus(name)
        daemon.terminate()


@dataclass
class Signed:
    window: Window
    page: Page
    files: list[Path]

    def press_send(self, begins: str) -> str:
        """Press the button, and return what the page says of it."""
        buttons(self.page)["Send by e-mail…"].click()

        def said() -> list[str]:
            return [each for each in words(self.page) if each.startswith(begins)]

        until(said)
        return said()[0]


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
    said: list[Any] = []
    monkeypatch.setattr(one.window.services, "say", lambda *g, **_: said.append(g[0]))
    with open_mail_portal(session, 0, 1) as portal:
        focused = buttons(one.page)["Send by e-mail…"]
        focused.setFocus()
        words = one.press_send("Go on in the mail program.")
        assert str(tmp_path) in words
        # Qt's platform without a screen has no name of a window for portals.
        assert portal.calls.get() == (
            "",
            {str(each): each.name.encode() for each in one.files},
        )
        assert one.window.focusWidget() is focused
        assert said == [words]
        one.press_send("You cancelled.")
        assert "Go on in the mail program." not in " ".join(said[1:])


def test_without_a_portal_xdg_email_gets_the_files_or_it_is_said_where_they_are(
    session: str,
    signed: Callable[..., Signed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = signed("a-signed.pdf", "b.asice")
    noted = xdg_email(tmp_path, monkeypatch, 0)
    one.press_send("Go on in the mail program.")
    given = noted.read_text().splitlines()
    assert given == [p for each in one.files for p in ("--attach", str(each))]
    # A portal without mail, and one where something went wrong.
    for answer in (f"{PORTAL}.UnknownMethod", 2):
        noted.unlink()
        with open_mail_portal(session, answer):
            one.press_send("Go on in the mail program.")
        assert noted.exists()
    noted = xdg_email(tmp_path, monkeypatch, 4)
    assert one.press_send("No mail program").endswith(f": {tmp_path}")
    monkeypatch.setenv("PATH", str(tmp_path))
    one.press_send("No mail program")
    one.files[0].unlink()
    one.press_send("a-signed.pdf is no longer there.")


@pytest.mark.parametrize("name", ["a',bcc='mallory.pdf", "a\nb.pdf", "a%27.pdf"])
def test_a_name_can_not_write_to_the_message(
    session: str,
    signed: Callable[..., Signed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    noted = xdg_email(tmp_path, monkeypatch, 0)
    signed(name).press_send("No mail program")
    assert not noted.exists()
