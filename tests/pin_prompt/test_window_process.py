# SPDX-License-Identifier: MIT
"""The window's process: its environment, its end, and pictures without a screen."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from native_host.pin_prompt.messages import (
    MAX_REQUEST,
    Ask,
    AskStarted,
    Open,
    encode_request,
)
from native_host.pin_prompt.model import Step
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.conftest import a_codes_question, a_conversation, a_question
from tests.support.offscreen import OFFSCREEN
from tests.support.patience import patience
from tests.support.screen import open_screen

PRINT_IT = "import json, os; print(json.dumps(dict(os.environ)))"
HOSTILE = {
    "LD_PRELOAD": "/somewhere/evil.so",
    "LD_LIBRARY_PATH": "/somewhere",
    "LD_AUDIT": "/somewhere/evil.so",
    "GCONV_PATH": "/somewhere",
    "GTK_MODULES": "evil",
    "PYTHONPATH": "/somewhere",
    "PYTHONHOME": "/somewhere",
    "QT_PLUGIN_PATH": "/somewhere",
    "QT_QPA_PLATFORM_PLUGIN_PATH": "/somewhere",
    "QT_QPA_PLATFORMTHEME": "evil",
    "QT_QPA_GENERIC_PLUGINS": "evil",
    "QT_STYLE_OVERRIDE": "evil",
    "QT_IM_MODULE": "ibus",
    "XMODIFIERS": "@im=evil",
    "QT_LOGGING_RULES": "*=true",
    "WAYLAND_DEBUG": "1",
    "XKB_CONFIG_ROOT": "/somewhere",
    "XCOMPOSEFILE": "/somewhere",
}
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
    """A function that returns the environment of a window's process."""
    process = spawn([sys.executable, "-I", "-c", PRINT_IT])
    found: dict[str, str] = json.loads(process.communicate()[0])
    return found


def test_a_hostile_environment_does_not_reach_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (HOSTILE | HARMLESS).items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert not HOSTILE.keys() & found.keys()
    assert HARMLESS.items() <= found.items()


@pytest.mark.parametrize(
    ("platform", "passed"),
    [
        ("xcb", "xcb"),
        ("wayland", "wayland"),
        ("vnc", None),
        ("vnc;xcb", None),
        ("offscreen", None),
        ("xcb:anything", None),
    ],
)
def test_the_window_is_drawn_by_x11_or_wayland_alone(
    monkeypatch: pytest.MonkeyPatch, platform: str, passed: str | None
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    assert environment().get("QT_QPA_PLATFORM") == passed


async def test_the_window_is_on_the_screen_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_screen() as screen:
        for name, value in HOSTILE.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("QT_QPA_PLATFORM", "vnc")
        monkeypatch.setenv("DISPLAY", screen.display)
        prompt = WindowPrompt(spawn())
        for name in HOSTILE:
            monkeypatch.delenv(name)
        await prompt.open(a_conversation())
        assert await asyncio.to_thread(screen.find, "Kortilla")
        await prompt.close()


LINES = encode_request(Open(a_conversation())) + encode_request(Ask(1, a_question()))


CODES = encode_request(Open(a_conversation(operation="activate", origin="")))
CODES += encode_request(Ask(1, a_codes_question()))


def render(
    target: Path, *options: str, lines: bytes = LINES
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            *(sys.executable, "-I", "-m", "native_host.pin_prompt"),
            *("--render", str(target), *options),
        ],
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [[], ["--dark", "--digits", "4"], ["--text-scale", "2"]]
)
def test_a_picture_is_saved(tmp_path: Path, options: list[str]) -> None:
    target = tmp_path / "window.png"
    assert render(target, *options).returncode == 0
    picture = QImage(str(target))
    assert picture.width() > 400
    assert (picture.pixelColor(3, picture.height() - 3).lightness() < 128) is (
        "--dark" in options
    )


@pytest.mark.slow
def test_a_page_for_codes_is_drawn_with_what_is_typed(tmp_path: Path) -> None:
    drawn = []
    for typed in ("", "1234567,2580,2580"):
        target = tmp_path / "window.png"
        assert render(target, "--codes", typed, lines=CODES).returncode == 0
        drawn.append(target.read_bytes())
    assert drawn[0] != drawn[1]


@pytest.mark.slow
def test_a_picture_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    assert render(tmp_path / "missing" / "window.png").returncode != 0


# -- Its start and its end -------------------------------------------------------------


async def test_the_real_window_appears_and_goes() -> None:
    process = spawn(OFFSCREEN)
    prompt = WindowPrompt(process)
    await prompt.open(a_conversation(language="fi"))
    for step in Step:
        prompt.show(step)
    asking = asyncio.ensure_future(prompt.ask_pin(a_question()))
    done, _ = await asyncio.wait({asking}, timeout=0.05)
    assert not done
    await prompt.close()
    assert process.returncode == 0
    with pytest.raises(PromptError):
        await asking


async def test_the_real_window_ends_with_the_host() -> None:
    process = spawn(OFFSCREEN)
    prompt = WindowPrompt(process)
    await prompt.open(a_conversation())
    assert process.stdin is not None
    process.stdin.close()
    assert await asyncio.to_thread(process.wait) == 0
    await prompt.close()


@pytest.fixture
def host() -> Iterator[subprocess.Popen[bytes]]:
    """A host with a window; it prints the window's process id."""
    script = (
        "import time; from native_host.pin_prompt.spawn import spawn; "
        f"print(spawn({OFFSCREEN!r}).pid, flush=True); time.sleep(600)"
    )
    host = subprocess.Popen(
        [sys.executable, "-I", "-c", script], stdout=subprocess.PIPE
    )
    yield host
    host.kill()
    host.communicate()


async def test_the_real_window_ends_when_the_host_is_killed(
    host: subprocess.Popen[bytes],
) -> None:
    assert host.stdout is not None
    window = os.pidfd_open(int(host.stdout.readline()))
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(window, gone.set)
    try:
        host.kill()
        async with asyncio.timeout(10):
            await gone.wait()
    finally:
        loop.remove_reader(window)
        os.close(window)


async def test_the_real_window_without_a_screen_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
