# SPDX-License-Identifier: MIT
"""What our own pages have the program do: check, switch, prepare, and open a window."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from native_host.install import nss
from tests.host.conftest import Scripted
from tests.host.process import HostProcess, Script, kortilla, make_environment, running
from tests.host.signing import card_of
from tests.host.test_own_page import CHROMIUM_CALLER, CHROMIUM_PAGE, FIREFOX_PAGE
from tests.install.nss_databases import make_profile
from tests.install.test_token import listed
from tests.support.patience import patience
from tests.support.token_control import TokenControl, runtime_folder

# -- The self-check and the token -----------------------------------------------------


MANIFEST = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
MODULE = ".config/pkcs11/modules/kortilla.module"
FIREFOX_MANIFEST = ".mozilla/pkcs11-modules/kortilla.json"


@pytest.fixture
def installed(home: Path, window: dict[str, str]) -> dict[str, str]:
    """A home with both browsers and the program installed."""
    (home / ".config/chromium").mkdir(parents=True)
    make_profile(home / ".mozilla/firefox")
    assert "error" not in kortilla(window, "install")
    return window


def test_a_page_gets_what_the_command_prints(
    home: Path, installed: dict[str, str]
) -> None:
    before = card_of(home)
    script = Script(home)
    with script.running(installed) as host:
        told = host.ask("self-check", page=FIREFOX_PAGE, lang="sv")["result"]
        # The port serves for more than one.
        assert "result" in host.ask("card-status", page=FIREFOX_PAGE)
    assert script.told() == [], "no window"
    # The configured language wins, as everywhere.
    assert told == kortilla(installed, "doctor", "--lang", "en")
    assert card_of(home) == before


def test_a_broken_configuration_is_said_by_the_check_and_refused_elsewhere(
    home: Path,
) -> None:
    with running(make_environment(home, 'card = "paper"\n')) as host:
        answer = host.ask("self-check", page=FIREFOX_PAGE, lang="sv")["result"]
        found = {each["code"]: each["message"] for each in answer["findings"]}
        assert "Inställningsfilen" in found["CONFIG_BROKEN"]
        refused = host.ask("card-status", page=FIREFOX_PAGE)
        assert refused["error"]["code"] == "CONFIG_BROKEN"
        stranger = host.ask("self-check", page=FIREFOX_PAGE, origin="https://a.example")
        assert stranger["error"]["code"] == "CALLER_REFUSED"


def test_what_is_fixed_is_named_by_its_code_alone(
    home: Path, installed: dict[str, str]
) -> None:
    (home / MANIFEST).unlink()
    with running(installed) as host:
        # What is not wrong, a person's own command, and one for root.
        for code in ("MANIFEST_BROKEN", "PIN_BLOCKED", "PCSCD_STOPPED", "NO_READER"):
            assert host.ask("fix", page=FIREFOX_PAGE, code=code)["result"] == {}
        assert not (home / MANIFEST).exists()
        assert "result" in host.ask("fix", page=FIREFOX_PAGE, code="MANIFEST_MISSING")
        assert (home / MANIFEST).exists()


def test_what_an_open_browser_uses_is_fixed_after_a_confirmation(
    home: Path, installed: dict[str, str]
) -> None:
    assert "error" not in kortilla(installed, "pkcs11", "enable")
    database = home / ".pki/nssdb"
    nss.delete_module(database, "Kortilla")
    with (database / "cert9.db").open(), running(installed) as host:
        wanted = {"page": FIREFOX_PAGE, "code": "PKCS11_INCOMPLETE"}
        answer = host.ask("fix", **wanted)
        assert answer["error"]["code"] == "BROWSER_RUNNING"
        assert listed(database) == {}
        assert host.ask("fix", **wanted, confirmed=True)["result"] == {}
        assert set(listed(database)) == {"Kortilla"}


def switch(host: HostProcess, page: str, **on: bool) -> dict[str, Any]:
    command = "token-switch" if on else "token-status"
    answer = host.ask(command, page=page, **on)
    told: dict[str, Any] = answer.get("result") or answer["error"]
    return told


def test_chromium_is_switched_on_and_off_and_starts_anew(
    home: Path, window: dict[str, str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    database = home / ".pki/nssdb"
    with running(window, CHROMIUM_CALLER) as host:
        assert switch(host, CHROMIUM_PAGE) == {"shown": False, "restart": False}
        on = switch(host, CHROMIUM_PAGE, on=True)
        assert on == {"shown": True, "restart": False}
        assert set(listed(database)) == {"Kortilla"}
        # Once it is open, the browser that began before the change has the old list.
        with (database / "cert9.db").open():
            assert switch(host, CHROMIUM_PAGE)["restart"]
            off = switch(host, CHROMIUM_PAGE, on=False)
            assert off == {"shown": False, "restart": True}
        assert listed(database) == {}
        assert not (home / MODULE).exists()
        # What is so already is no error.
        assert not switch(host, CHROMIUM_PAGE, on=False)["shown"]


def test_a_popup_that_is_closed_does_not_leave_the_switch_half_way(
    home: Path, window: dict[str, str]
) -> None:
    (home / ".config/chromium").mkdir(parents=True)
    arguments = {"page": CHROMIUM_PAGE, "on": True}
    with running(window, CHROMIUM_CALLER) as host:
        host.send({"id": "1", "command": "token-switch", "arguments": arguments})
        host.until((home / MODULE).exists)
        host.end_input()
        assert host.wait() == 0
    # The command writes this last, and holds nobody up.
    with running(window, CHROMIUM_CALLER) as host:
        host.until(lambda: switch(host, CHROMIUM_PAGE)["shown"])


def test_firefox_gets_the_files_and_its_database_is_left_to_itself(
    home: Path, window: dict[str, str]
) -> None:
    profile = make_profile(home / ".mozilla/firefox")
    with running(window) as host:
        assert switch(host, FIREFOX_PAGE) == {"shown": False, "restart": False}
        on = switch(host, FIREFOX_PAGE, on=True)
        assert on == {"shown": True, "restart": False}
        assert (home / MODULE).exists() and (home / FIREFOX_MANIFEST).exists()
        assert listed(profile) == {}
        library = json.loads((home / FIREFOX_MANIFEST).read_text())["path"]
        nss.add_module(profile, nss.NssModule("Kortilla", library))
        # Another profile still has the module.
        assert switch(host, FIREFOX_PAGE, on=False)["shown"]
        assert (home / MODULE).exists() and (home / FIREFOX_MANIFEST).exists()
        nss.delete_module(profile, "Kortilla")
        assert not switch(host, FIREFOX_PAGE, on=False)["shown"]
        assert not (home / MODULE).exists() and not (home / FIREFOX_MANIFEST).exists()


# -- A login that is prepared ---------------------------------------------------------


DONE: dict[str, object] = {"result": {}}


@pytest.fixture
def runtime(window: dict[str, str]) -> Iterator[Path]:
    """A run-time folder of the host without a token."""
    with runtime_folder() as folder:
        window["XDG_RUNTIME_DIR"] = str(folder)
        yield folder


def prepare(host: HostProcess) -> object:
    """Send the request; return ``{}`` or the error's code."""
    answer = host.ask("prepare-login", page=FIREFOX_PAGE)
    return answer["result"] if "result" in answer else answer["error"]["code"]


def test_the_token_of_the_nearest_program_asks_and_this_host_has_no_window(
    runtime: Path, scripted: Scripted
) -> None:
    script = scripted()
    with (
        TokenControl(runtime, os.getppid(), answer=DONE, pid=1) as farther,
        TokenControl(runtime, os.getpid(), answer=DONE) as token,
        script.running() as host,
    ):
        assert prepare(host) == {}
        assert (token.prepared, farther.prepared) == (1, 0)
        assert prepare(host) == {}, "the port accepts further requests"
    assert script.told() == []


def test_what_stands_in_the_way_is_told(runtime: Path, window: dict[str, str]) -> None:
    with running(window) as host:
        assert prepare(host) == "PROGRAM_NOT_RUNNING"
        # This token belongs to another program, whose login must not be prepared.
        with TokenControl(runtime, host.process.pid, answer=DONE) as other:
            assert prepare(host) == "PROGRAM_NOT_RUNNING"
        assert other.prepared == 0
        for code in ("USER_CANCELLED", "PIN_BLOCKED", "PIN_PAD_ONLY"):
            answer = {"error": {"code": code, "message": "It did not work."}}
            with TokenControl(runtime, os.getpid(), answer=answer):
                assert prepare(host) == code


def test_whoever_closes_the_browser_is_not_asked_any_longer(
    runtime: Path, window: dict[str, str]
) -> None:
    with (
        TokenControl(runtime, os.getpid(), answer=None) as token,
        running(window) as host,
    ):
        asked = {"command": "prepare-login", "arguments": {"page": FIREFOX_PAGE}}
        host.send({"id": "a", **asked})
        assert token.begun.wait(patience())
        assert prepare(host) == "BUSY"
        host.end_input()
        assert host.wait() == 0
        assert token.left.wait(patience())
    assert token.prepared == 1


# -- The desktop window ---------------------------------------------------------------


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
