# SPDX-License-Identifier: MIT
"""The environment that the window's process gets from the host."""

import asyncio
import json
import sys

import pytest

from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from tests.pin_prompt.conftest import a_conversation
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
