# SPDX-License-Identifier: MIT
"""The extension's popup starts the desktop window, which outlives the host."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.process import HostProcess, make_environment, running
from tests.host.test_own_page import FIREFOX_PAGE

#: Writes what a window's process has, and stays until the test ends it.
_PROGRAM = """
import json, os, signal, sys
told = {"pid": os.getpid(), "session": os.getsid(0), "environment": {**os.environ},
        "words": sys.argv[2:], "folder": os.getcwd(),
        "files": [os.readlink(f"/proc/self/fd/{each}") for each in (0, 1, 2)],
        "open": sorted(map(int, os.listdir("/proc/self/fd")))}
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(told, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
signal.pause()
"""


class Started:
    """The process that takes the place of the window, which needs a screen."""

    def __init__(self, home: Path) -> None:
        self._told = home / "told.json"
        command = [sys.executable, "-I", "-c", _PROGRAM, str(self._told)]
        self.prelude = (
            "from native_host.messaging import own_page_commands as commands\n"
            "words = commands._WINDOW[4:]\n"
            f"commands.open_window.__defaults__ = ([*{command!r}, *words],)"
        )

    def exists(self) -> bool:
        return self._told.exists()

    def read(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._told.read_text())
        return told


@pytest.fixture
def started(home: Path) -> Iterator[Started]:
    started = Started(home)
    yield started
    if started.exists():
        os.kill(started.read()["pid"], signal.SIGKILL)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_the_window_goes_on_when_the_browser_has_ended_the_host(
    home: Path, window: dict[str, str], started: Started
) -> None:
    environment = window | {
        "DISPLAY": ":77",
        "LD_PRELOAD": "/nowhere/of-the-browser.so",
        "MOZ_LAUNCHED_CHILD": "1",
        "DESKTOP_STARTUP_ID": "of-the-browser",
        "XDG_ACTIVATION_TOKEN": "of-the-browser",
    }
    with running(environment, prelude=started.prelude) as host:
        assert host.ask("open-window", page=FIREFOX_PAGE)["result"] == {}
        host.until(started.exists)
        told = started.read()
        # The card is free, and the port goes on.
        assert "result" in host.ask("card-status", page=FIREFOX_PAGE)
        host.end_input()
        assert host.wait() == 0
        # A browser may kill the host's process group.
        assert told["session"] == told["pid"] != os.getsid(0)
    assert is_alive(told["pid"])
    assert told["words"] == ["open"], "nothing that the extension says"
    assert told["files"] == ["/dev/null"] * 3
    assert told["folder"] == str(home)
    passed = told["environment"]
    assert (passed["DISPLAY"], passed["HOME"]) == (":77", str(home))
    assert passed["KORTILLA_CONFIG"] == window["KORTILLA_CONFIG"]
    assert passed["XDG_RUNTIME_DIR"] == window["XDG_RUNTIME_DIR"]
    for name in environment.keys() - window.keys() - {"DISPLAY"}:
        assert name not in passed, name


def refusal(host: HostProcess) -> str:
    return str(host.ask("open-window", page=FIREFOX_PAGE)["error"]["code"])


def test_what_keeps_the_window_from_opening_is_said(
    home: Path, window: dict[str, str], started: Started
) -> None:
    on_screen = window | {"DISPLAY": ":77"}
    with running(window, prelude=started.prelude) as host:
        assert refusal(host) == "PROMPT_FAILED", "there is no screen"
    # As without the package: the finder does not know it.
    without = "import sys; sys.modules['PySide6'] = None; import importlib.util as u\n"
    without += "find = u.find_spec\n"
    without += "u.find_spec = lambda name: None if name == 'PySide6' else find(name)\n"
    with running(on_screen, prelude=without + started.prelude) as host:
        assert refusal(host) == "TOOL_MISSING"
    broken = make_environment(home, 'card = "paper"\n') | {"DISPLAY": ":77"}
    with running(broken, prelude=started.prelude) as host:
        assert refusal(host) == "CONFIG_BROKEN"
    assert not started.exists()
