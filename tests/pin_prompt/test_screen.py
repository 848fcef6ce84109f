# SPDX-License-Identifier: MIT
"""The window works on a real screen with a real window manager and real keys."""

import asyncio
import contextlib
import os
import subprocess
import sys
from asyncio import ensure_future, to_thread
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from native_host.errors import UserCancelledError
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.model import (
    Operation,
    Step,
)
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from native_host.processes import parent_of
from tests.pin_prompt.conftest import (
    a_codes_question,
    a_conversation,
    a_document,
    a_question,
    open_in_front,
)
from tests.pin_prompt.pictures import slow_jpeg
from tests.support.patience import patience
from tests.support.screen import Screen

TITLE = "Kortilla: identify yourself"
#: Keys that empty a field.
CLEAR = ("BackSpace", "Home", "shift+End")
#: Keys that type a PIN into the next field.
NEW_PIN = ("Tab", "2", "5", "8", "0")


@pytest.fixture
def window(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> Iterator[subprocess.Popen[bytes]]:
    """The window's process on that screen."""
    monkeypatch.setenv("DISPLAY", screen.display)
    process = spawn()
    yield process
    if process.poll() is None:  # the test failed, and the next one needs the focus
        process.kill()
        process.wait()


async def type_pin(
    screen: Screen,
    asking: "asyncio.Future[bytearray]",
    pin: str,
    operation: Operation = "authenticate",
) -> None:
    """Type a PIN when the window takes keys, and again if its page has changed."""
    while not asking.done():
        await to_thread(wait_for_keys, screen, operation)
        # Escape would cancel. Keys that the guarded field ignored are not in it.
        await to_thread(screen.press, *CLEAR)
        await to_thread(screen.type, f"{pin}\r")
        await asyncio.wait({asking}, timeout=0.6)


async def test_a_wrong_pin_and_then_the_right_one(
    screen: Screen, window: subprocess.Popen[bytes]
) -> None:
    prompt = WindowPrompt(window)
    await open_in_front(prompt, screen)
    for digits, question in (
        ("9999", a_question()),
        ("1234", a_question(tries_left=4, wrong=True)),
    ):
        asking = ensure_future(prompt.ask_pin(question))
        await asyncio.sleep(0)
        await type_pin(screen, asking, digits)
        assert await asking == digits.encode()
        prompt.show(Step.SIGNING)
    await prompt.close()
    assert window.returncode == 0
    await to_thread(screen.wait_until, lambda: not screen.ids(TITLE))


async def test_digits_stay_when_the_browser_waits_no_longer(
    screen: Screen, window: subprocess.Popen[bytes]
) -> None:
    prompt = WindowPrompt(window)
    shown = await open_in_front(
        prompt, screen, operation="tls-login", origin="", program="Firefox"
    )
    asking = ensure_future(prompt.ask_pin(a_question()))
    await asyncio.sleep(0)
    await to_thread(wait_for_keys, screen, "tls-login")
    before = height(screen, shown)
    await to_thread(screen.type, "12")
    prompt.show_caller_timeout()
    await to_thread(screen.wait_until, lambda: height(screen, shown) > before + 20)
    await to_thread(screen.type, "34\r")
    assert await asking == b"1234"
    prompt.show(Step.READY)
    closed = ensure_future(prompt.wait_for_cancel())
    while not closed.done():
        await to_thread(screen.press, "Escape")
        await asyncio.wait({closed}, timeout=0.6)
    await prompt.close()


async def test_an_activation_by_keyboard_with_a_step_back_and_a_change_of_mind(
    screen: Screen, window: subprocess.Popen[bytes]
) -> None:
    prompt = WindowPrompt(window)
    await open_in_front(prompt, screen, operation="activate", origin="")
    asking = ensure_future(prompt.ask_codes(a_codes_question()))
    await asyncio.sleep(0)
    await to_thread(wait_for_keys, screen, "activate")
    for text, keys in (
        # Into the third step, and back to the letter over the buttons.
        ("1234566\r2580\r2580\r73", ["Tab", "Tab", "Tab", "Return"]),
        ("", ["Tab", "Tab", "Tab", "Return", "BackSpace"]),
        # Escape asks, and the answer that has the focus goes on.
        ("7", ["Escape", "Return"]),
        ("\r\r\r", ["Escape", "Return"]),
        ("9146\r739146\r", []),
    ):
        assert not asking.done()
        await to_thread(screen.type, text)
        if keys:
            await to_thread(screen.press, *keys)
    assert await asking == {
        "activation": b"1234567",
        "new-PIN1": b"2580",
        "new-PIN2": b"739146",
    }
    await prompt.close()


async def test_typed_codes_are_thrown_away_only_after_the_question(
    screen: Screen, window: subprocess.Popen[bytes]
) -> None:
    prompt = WindowPrompt(window)
    await open_in_front(prompt, screen, operation="activate", origin="")
    asking = ensure_future(prompt.ask_codes(a_codes_question()))
    await asyncio.sleep(0)
    await to_thread(wait_for_keys, screen, "activate")
    await to_thread(screen.type, "123")
    before = screen.rows()
    await to_thread(screen.press, "alt+F4")
    await to_thread(screen.wait_until, lambda: screen.rows() != before)
    assert screen.ids("Kortilla: activate the card")
    # The window may still ignore the answer as one in haste.
    while not asking.done():
        await to_thread(screen.press, "Escape")
        await asyncio.wait({asking}, timeout=0.6)
    with pytest.raises(UserCancelledError):
        await asking
    await prompt.close()


def wait_for_keys(screen: Screen, operation: Operation) -> None:
    """Wait for the colour of the button that confirms, in the window's foot.

    The drawing of the letter has that colour too.
    """
    colour = OPERATION_STYLES[operation].colour
    pixels = bytes((colour.red(), colour.green(), colour.blue())) * 60

    def ready() -> bool:
        window = [row for row in screen.rows() if len(row.strip(b"\0")) > 900]
        return any(pixels in row for row in window[-50:])

    screen.wait_until(ready)


def height(screen: Screen, window: str) -> int:
    return screen.geometry(window)[3]


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The arguments and the environment that the system's viewer receives."""
    folder, log = tmp_path / "bin", tmp_path / "opened"
    folder.mkdir()
    program = folder / "xdg-open"
    program.write_text(
        "#!/bin/sh\npath=${1#file://}\n"
        f'echo "$path $(stat -c %a "$path") [$QT_QPA_PLATFORMTHEME]" >{log}.new\n'
        f"mv {log}.new {log}\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.delenv("QT_QPA_PLATFORMTHEME", raising=False)
    return log


def turned(screen: Screen, first: list[bytes]) -> bool:
    """Whether the screen shows another page than first, not just another focus."""
    rows = zip(screen.rows(), first, strict=True)
    return sum(now != then for now, then in rows) > 200


async def test_documents_are_looked_at_and_signed_with_the_keyboard(
    screen: Screen, viewer: Path, window: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    documents = (a_document(copies), a_document(copies, b"%PDF-1.7", name="lease.pdf"))
    prompt = WindowPrompt(window)
    shown = await open_in_front(prompt, screen, operation="sign")
    before = height(screen, shown)
    question = a_question(role="PIN2", min_length=6, documents=documents)
    asking = ensure_future(prompt.ask_pin(question))
    await asyncio.sleep(0)
    await to_thread(screen.wait_until, lambda: height(screen, shown) > before + 50)
    await to_thread(wait_for_keys, screen, "sign")
    # The text in the window and back; then the PDF in the system's viewer.
    back = ["shift+Tab"]
    first = screen.rows()
    await to_thread(screen.press, *back * 2, "space")
    await to_thread(screen.wait_until, partial(turned, screen, first))
    await to_thread(screen.press, "Escape")
    await to_thread(wait_for_keys, screen, "sign")
    await to_thread(screen.press, *back, "space")
    await to_thread(screen.wait_until, viewer.exists)
    path, mode, theme = (await to_thread(viewer.read_text)).split()
    assert (Path(path).name, mode, theme) == ("document-2.pdf", "400", "[]")
    assert Path(path).parent.parent == copies
    await type_pin(screen, asking, "123456", "sign")
    assert await asking == b"123456"
    await prompt.close()
    assert sorted(copies.iterdir()) == sorted(Path(d.path or "") for d in documents)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the running child processes of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            if parent_of(int(folder.name)) == process.pid:
                found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """Whether a process runs and is no zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return False
    return fields[0] != b"Z"


async def open_slow_picture(
    screen: Screen, window: subprocess.Popen[bytes], folder: Path, prompt: WindowPrompt
) -> "tuple[asyncio.Future[bytearray], list[int]]":
    """Open a picture that takes minutes to decode.

    Return the question and the decoder.
    """
    shown = await open_in_front(prompt, screen, operation="sign")
    before = height(screen, shown)
    document = a_document(folder, slow_jpeg(), name="plan")
    question = a_question(role="PIN2", min_length=6, documents=(document,))
    asking = ensure_future(prompt.ask_pin(question))
    await asyncio.sleep(0)
    await to_thread(screen.wait_until, lambda: height(screen, shown) > before + 50)
    await to_thread(wait_for_keys, screen, "sign")
    assert children(window) == []
    await to_thread(screen.press, "shift+Tab", "space")
    await to_thread(screen.wait_until, lambda: bool(children(window)))
    return asking, children(window)


async def test_a_slow_picture_does_not_stop_the_window(
    screen: Screen, window: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    prompt = WindowPrompt(window)
    asking, _ = await open_slow_picture(screen, window, tmp_path, prompt)
    await to_thread(screen.press, "Escape")
    await to_thread(screen.wait_until, lambda: not children(window))
    await type_pin(screen, asking, "123456", "sign")
    assert await asking == b"123456"
    await prompt.close()


async def test_a_picture_is_not_decoded_any_longer_than_there_is_a_window(
    screen: Screen, window: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    prompt = WindowPrompt(window)
    asking, decoders = await open_slow_picture(screen, window, tmp_path, prompt)
    window.kill()
    with pytest.raises(PromptError):
        await asking
    await to_thread(
        screen.wait_until, lambda: not any(runs(decoder) for decoder in decoders)
    )
    await prompt.close()


@pytest.mark.parametrize("keys", ["Escape", "alt+F4"])
async def test_escape_and_closing_cancel(
    screen: Screen, window: subprocess.Popen[bytes], keys: str
) -> None:
    prompt = WindowPrompt(window)
    await open_in_front(prompt, screen)
    asking = ensure_future(prompt.ask_pin(a_question()))
    await asyncio.sleep(0)
    await to_thread(screen.press, keys)
    with pytest.raises(UserCancelledError):
        await asking
    await to_thread(screen.wait_until, lambda: not screen.ids(TITLE))
    await prompt.close()


@pytest.fixture
def editor(screen: Screen) -> Iterator[subprocess.Popen[str]]:
    """Another program in which a person types; it prints the typed text."""
    editor = subprocess.Popen(
        [sys.executable, "-I", "-c", EDITOR],
        env=screen.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield editor
    editor.kill()
    editor.communicate()


async def test_a_window_nobody_asked_for_takes_no_keys(
    screen: Screen, window: subprocess.Popen[bytes], editor: subprocess.Popen[str]
) -> None:
    prompt = WindowPrompt(window)
    other = await to_thread(screen.find, "Another program")
    await to_thread(screen.activate, other)
    await prompt.open(a_conversation(started_by_person=False))
    asking = ensure_future(prompt.ask_started())
    shown = await to_thread(screen.find, TITLE)
    await to_thread(screen.type, "1234\r")
    assert editor.stdout is not None
    assert await to_thread(editor.stdout.readline) == "1234\n"
    assert screen.focused() == other
    assert not asking.done()
    # It accepts an answer only after the person has activated it.
    await to_thread(screen.activate, shown)
    await to_thread(wait_for_keys, screen, "authenticate")
    await to_thread(screen.press, "Tab", "Return")
    await asking
    await prompt.close()


@pytest.mark.parametrize(("role", "milliseconds"), [("PIN1", 700), ("PIN2", 1500)])
async def test_digits_for_another_window_are_no_pin_at_any_rhythm(
    screen: Screen,
    window: subprocess.Popen[bytes],
    editor: subprocess.Popen[str],
    role: Literal["PIN1", "PIN2"],
    milliseconds: int,
) -> None:
    operation: Operation = "authenticate" if role == "PIN1" else "sign"
    other = await to_thread(screen.find, "Another program")
    await to_thread(screen.activate, other)
    before = screen.rows()
    rhythm = str(2 * milliseconds)  # xdotool waits for half of it at each key
    typing = asyncio.create_task(
        to_thread(screen.run, "xdotool", "type", "--delay", rhythm, "9999999\r")
    )
    await to_thread(screen.wait_until, lambda: screen.rows() != before)
    prompt = WindowPrompt(window)
    await prompt.open(a_conversation(operation=operation))
    asking = ensure_future(prompt.ask_pin(a_question(role=role, min_length=4)))
    await typing
    assert not asking.done()
    await type_pin(screen, asking, "123456", operation)
    assert await asking == b"123456"
    await prompt.close()


async def test_a_window_that_the_desktop_makes_smaller_grows_again(
    screen: Screen, window: subprocess.Popen[bytes]
) -> None:
    prompt = WindowPrompt(window)
    shown = await open_in_front(prompt, screen)
    asking = ensure_future(prompt.ask_pin(a_question(tries_left=2, wrong=True)))
    await asyncio.sleep(0)
    await to_thread(wait_for_keys, screen, "authenticate")
    _, _, width, before = screen.geometry(shown)
    for low in ("301", "320"):
        await to_thread(screen.run, "xdotool", "windowsize", shown, str(width), low)
        await to_thread(screen.wait_until, lambda: height(screen, shown) >= before)
    await type_pin(screen, asking, "1234")
    assert await asking == b"1234"
    await prompt.close()


EDITOR = """
from PySide6.QtWidgets import QApplication, QLineEdit
application = QApplication([])
line = QLineEdit()
line.setWindowTitle("Another program")
line.returnPressed.connect(lambda: print(line.text(), flush=True))
line.show()
application.exec()
"""


async def test_a_key_pressed_while_a_page_is_laid_out_is_not_lost(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    prompt = WindowPrompt(spawn([sys.executable, "-I", "-c", IMPATIENT]))
    try:
        await open_in_front(prompt, screen)
        async with asyncio.timeout(patience()):
            await prompt.wait_for_cancel()
    finally:
        await prompt.close()


#: The window, and a person who presses Escape once, right when the page is laid out.
#: All drawing is done by then, so its reply can't wake the window.
IMPATIENT = """
import subprocess
from PySide6.QtCore import QTimer
from native_host.pin_prompt.__main__ import main
from native_host.pin_prompt.gui.prompt_window import PromptWindow
show = PromptWindow._show_page
def show_and_press(self, page):
    def press():
        subprocess.run(["xdotool", "key", "Escape"], check=True)
        self._settle(page)
    show(self, page)
    QTimer.singleShot(1500, lambda: QTimer.singleShot(0, press))
PromptWindow._show_page = show_and_press
main()
"""
