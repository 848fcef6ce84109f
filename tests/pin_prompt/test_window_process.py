# SPDX-License-Identifier: MIT
"""The window's process: its environment, its end, and real keys on a real screen."""

import asyncio
import json
import os
import select
import subprocess
import sys
from asyncio import ensure_future, to_thread
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from PySide6.QtGui import QImage

from native_host.errors import UserCancelledError
from native_host.pin_prompt.gui.header import OPERATION_STYLES
from native_host.pin_prompt.messages import (
    MAX_REQUEST,
    Ask,
    AskStarted,
    Open,
    encode_request,
)
from native_host.pin_prompt.model import (
    Answer,
    CodesQuestion,
    Operation,
    PinQuestion,
    StartedQuestion,
    Step,
)
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    OLD_PIN,
    a_codes_question,
    a_conversation,
    a_document,
    a_question,
    ask_in_front,
    open_in_front,
)
from tests.support.offscreen import OFFSCREEN
from tests.support.patience import patience
from tests.support.screen import Screen

PRINT_IT = "import json, os; print(json.dumps(dict(os.environ)))"
HOSTILE = dict.fromkeys(
    [
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GCONV_PATH", "GTK_MODULES"),
        *("PYTHONPATH", "PYTHONHOME", "QT_PLUGIN_PATH", "QT_QPA_PLATFORM_PLUGIN_PATH"),
        *("QT_QPA_PLATFORMTHEME", "QT_QPA_GENERIC_PLUGINS", "QT_STYLE_OVERRIDE"),
        *("QT_IM_MODULE", "XMODIFIERS", "QT_LOGGING_RULES", "WAYLAND_DEBUG"),
        *("XKB_CONFIG_ROOT", "XCOMPOSEFILE"),
    ],
    "evil",
)
HARMLESS = {
    "DISPLAY": ":7",
    "WAYLAND_DISPLAY": "wayland-7",
    "XAUTHORITY": "/somewhere/.Xauthority",
    "XDG_RUNTIME_DIR": "/somewhere",
    "XDG_CURRENT_DESKTOP": "GNOME",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/somewhere",
    "LC_ALL": "fi_FI.UTF-8",
    "QT_SCALE_FACTOR": "2",
    "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
}


def test_without_a_screen_no_window_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    with pytest.raises(PromptError, match="--prompt terminal"):
        spawn()


def environment() -> dict[str, str]:
    """Return the environment of a window's process."""
    process = spawn([sys.executable, "-I", "-c", PRINT_IT])
    found: dict[str, str] = json.loads(process.communicate()[0])
    return found


def test_no_hostile_variable_reaches_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (HOSTILE | HARMLESS).items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert not HOSTILE.keys() & found.keys()
    assert HARMLESS.items() <= found.items()


@pytest.mark.parametrize(
    "platform", ["xcb", "wayland", "vnc", "vnc;xcb", "offscreen", "xcb:anything"]
)
def test_the_window_is_drawn_by_x11_or_wayland_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    passed = platform if platform in ("xcb", "wayland") else None
    assert environment().get("QT_QPA_PLATFORM") == passed


LOGIN = encode_request(Open(a_conversation())) + encode_request(Ask(1, a_question()))
ACTIVATION = encode_request(Open(a_conversation(operation="activate", origin="")))
ACTIVATION += encode_request(Ask(1, a_codes_question()))


def render(
    target: Path, *options: str, lines: bytes = LOGIN
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-m", "tools.window_pictures"]
    return subprocess.run(
        [*command, str(target), *options],
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_pictures_are_drawn_without_a_screen(tmp_path: Path) -> None:
    drawn = {}
    for options in (
        *("", "--dark --digits 4", "--text-scale 2"),
        *("--codes ", "--codes 1234567,2580,2580"),
    ):
        target = tmp_path / "window.png"
        lines = ACTIVATION if "--codes" in options else LOGIN
        arguments = options.split(" ") if options else []
        assert render(target, *arguments, lines=lines).returncode == 0
        picture = drawn[options] = QImage(str(target))
        assert picture.width() > 400
        dark = picture.pixelColor(3, picture.height() - 3).lightness() < 128
        assert dark is ("--dark" in options)
    assert drawn["--codes "] != drawn["--codes 1234567,2580,2580"]
    assert render(tmp_path / "missing" / "window.png").returncode != 0


# -- Its start and its end -------------------------------------------------------------


async def test_the_real_window_appears_and_goes() -> None:
    process = spawn(OFFSCREEN)
    prompt = WindowPrompt(process)
    await prompt.open(a_conversation(language="fi"))
    for step in Step:
        prompt.show(step)
    asking = asyncio.ensure_future(prompt.ask(a_question()))
    done, _ = await asyncio.wait({asking}, timeout=0.05)
    assert not done
    await prompt.close()
    assert process.returncode == 0
    with pytest.raises(PromptError):
        await asking


def test_the_real_window_ends_when_the_host_is_killed() -> None:
    script = (
        "import time; from native_host.pin_prompt.spawn import spawn; "
        f"print(spawn({OFFSCREEN!r}).pid, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-I", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as host:
        try:
            assert host.stdout is not None
            window = os.pidfd_open(int(host.stdout.readline()))
        finally:
            host.kill()
    assert select.select([window], [], [], patience())[0], "it is still there"
    os.close(window)


async def test_the_window_needs_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":no-such")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    prompt = WindowPrompt(spawn())
    with pytest.raises(PromptError, match="ended by itself"):
        await prompt.open(a_conversation())
    await prompt.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "pin", "digits": "4711"}\n',
        b"4711\n",
        b"4711" * MAX_REQUEST,
        encode_request(AskStarted()),
    ],
)
def test_the_real_window_ends_at_nonsense_without_repeating_it(line: bytes) -> None:
    done = subprocess.run(
        OFFSCREEN, input=line, capture_output=True, timeout=patience(), check=False
    )
    # The end of input ends the window too, and may arrive first.
    assert done.returncode in (0, 2)
    assert b"4711" not in done.stderr + done.stdout


def test_the_host_pays_for_no_toolkit() -> None:
    script = (
        "import sys, native_host.pin_prompt.window, native_host.pin_prompt.spawn; "
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('PySide6', 'shiboken6', 'click', 'pydantic', 'publicsuffixlist')])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"


TITLE = "Kortilla: identify yourself"
#: Keys that empty a field.
CLEAR = ("BackSpace", "Home", "shift+End")


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


async def ask(
    prompt: WindowPrompt,
    screen: Screen,
    question: PinQuestion | CodesQuestion,
    operation: Operation = "authenticate",
) -> "asyncio.Future[Any]":
    """Ask in a new window in front, which takes keys."""
    asking = await ask_in_front(prompt, screen, question, operation=operation)
    wait_for_keys(screen, operation)
    return asking


async def type_pin(
    screen: Screen,
    asking: "asyncio.Future[Answer]",
    pin: str,
    operation: Operation = "authenticate",
) -> None:
    """Type a PIN when the window takes keys, and again if its page has changed."""
    while not asking.done():
        wait_for_keys(screen, operation)
        # Escape would cancel. Keys that the guarded field ignored are not in it.
        screen.press(*CLEAR)
        screen.type(f"{pin}\r")
        await asyncio.wait({asking}, timeout=0.6)
    assert (await asking).digits == pin.encode()


async def test_typed_codes_are_thrown_away_only_after_the_question(
    screen: Screen, window: WindowPrompt
) -> None:
    asking = await ask(window, screen, a_codes_question(), "activate")
    screen.type("123")
    before = screen.rows()
    screen.press("alt+F4")
    screen.wait_until(lambda: screen.rows() != before)
    assert screen.ids("Kortilla: activate the card")
    # The window may still ignore the answer as one in haste.
    while not asking.done():
        screen.press("Escape")
        await asyncio.wait({asking}, timeout=0.6)
    with pytest.raises(UserCancelledError):
        await asking
    await window.close()


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
    screen: Screen, viewer: Path, window: WindowPrompt, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    documents = (a_document(copies), a_document(copies, b"%PDF-1.7", name="lease.pdf"))
    question = a_question(role="PIN2", min_length=6, documents=documents)
    asking = await ask(window, screen, question, "sign")
    # The text in the window and back; then the PDF in the system's viewer.
    first = screen.rows()
    screen.press("shift+Tab", "shift+Tab", "space")
    screen.wait_until(partial(turned, screen, first))
    screen.press("Escape")
    wait_for_keys(screen, "sign")
    screen.press("shift+Tab", "space")
    screen.wait_until(viewer.exists)
    path, mode, theme = (await to_thread(viewer.read_text)).split()
    assert (Path(path).name, mode, theme) == ("document-2.pdf", "400", "[]")
    assert Path(path).parent.parent == copies
    await type_pin(screen, asking, "123456", "sign")
    await window.close()
    assert sorted(copies.iterdir()) == sorted(Path(d.path or "") for d in documents)


@pytest.fixture
def editor(screen: Screen) -> Iterator[subprocess.Popen[str]]:
    """Another program in which a person types; it prints the typed text."""
    editor = subprocess.Popen(
        [sys.executable, "-I", "-c", EDITOR],
        env=screen.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    screen.activate(screen.find("Another program"))
    yield editor
    editor.kill()
    editor.communicate()


def picture_of(screen: Screen, window: str, before: list[bytes]) -> list[bytes]:
    """Return what a window looks like when it no longer changes, unlike before."""
    looks = [before]

    def is_still() -> bool:
        looks.append(screen.rows_of(window))
        return looks[-1] != before and looks[-10:].count(looks[-1]) == 10

    screen.wait_until(is_still)
    return looks[-1]


async def test_digits_are_hidden_when_another_window_gets_the_focus(
    screen: Screen, window: WindowPrompt, editor: subprocess.Popen[str]
) -> None:
    other = screen.focused()
    fields = (OLD_PIN, NEW_PIN1)
    question = a_codes_question(operation="change-pin", pin="PIN1", fields=fields)
    opening: dict[str, Any] = {"operation": "change-pin", "origin": ""}
    asking = await ask_in_front(window, screen, question, **opening)
    shown = screen.focused()
    wait_for_keys(screen, "change-pin")
    empty = screen.rows_of(shown)
    screen.type("7391")
    screen.press("Tab", "Tab", "Tab")
    typed = picture_of(screen, shown, empty)
    screen.activate(other)
    hidden = picture_of(screen, shown, typed)
    screen.activate(shown)
    wait_for_keys(screen, "change-pin")
    screen.wait_until(lambda: screen.rows_of(shown) == typed)
    screen.hold("space")
    screen.wait_until(lambda: screen.rows_of(shown) != typed)
    screen.activate(other)
    screen.wait_until(lambda: screen.rows_of(shown) == hidden)
    screen.release("space")
    assert not asking.done()
    asking.cancel()
    await window.close()


EDITOR = """
from PySide6.QtWidgets import QApplication, QLineEdit
application = QApplication([])
application.setCursorFlashTime(0)
line = QLineEdit()
line.setWindowTitle("Another program")
line.returnPressed.connect(lambda: print(line.text(), flush=True))
line.show()
application.exec()
"""


async def test_a_window_nobody_asked_for_takes_no_keys(
    screen: Screen, window: WindowPrompt, editor: subprocess.Popen[str]
) -> None:
    other = screen.focused()
    await window.open(a_conversation(started_by_person=False))
    asking = ensure_future(window.ask(StartedQuestion()))
    await asyncio.sleep(0)
    shown = screen.find(TITLE)
    screen.type("1234\r")
    assert editor.stdout is not None
    assert await to_thread(editor.stdout.readline) == "1234\n"
    assert screen.focused() == other
    assert not asking.done()
    # It accepts an answer only after the person has activated it.
    screen.activate(shown)
    wait_for_keys(screen, "authenticate")
    screen.press("Tab", "Return")
    await asking
    await window.close()


@pytest.mark.parametrize(("role", "milliseconds"), [("PIN1", 700), ("PIN2", 1500)])
@pytest.mark.usefixtures("editor")
async def test_digits_for_another_window_are_no_pin_at_any_rhythm(
    screen: Screen,
    window: WindowPrompt,
    role: Literal["PIN1", "PIN2"],
    milliseconds: int,
) -> None:
    operation: Operation = "authenticate" if role == "PIN1" else "sign"
    before = screen.rows()
    rhythm = str(2 * milliseconds)  # xdotool waits for half of it at each key
    typing = asyncio.create_task(
        to_thread(screen.run, "xdotool", "type", "--delay", rhythm, "9999999\r")
    )
    await to_thread(screen.wait_until, lambda: screen.rows() != before)
    await window.open(a_conversation(operation=operation))
    asking = ensure_future(window.ask(a_question(role=role, min_length=4)))
    await typing
    assert not asking.done()
    await type_pin(screen, asking, "123456", operation)
    await window.close()


async def test_a_window_that_the_desktop_makes_smaller_grows_again(
    screen: Screen, window: WindowPrompt
) -> None:
    asking = await ask(window, screen, a_question(tries_left=2, wrong=True))
    shown = screen.focused()
    _, _, width, before = screen.geometry(shown)
    for low in ("301", "320"):
        screen.run("xdotool", "windowsize", shown, str(width), low)
        screen.wait_until(lambda: screen.geometry(shown)[3] >= before)
    await type_pin(screen, asking, "1234")
    await window.close()


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
