# SPDX-License-Identifier: MIT
"""``kortilla pkcs11``: its output, and its use by real programs."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.pkcs11 import control
from native_host.pkcs11.control import RunningServer
from tests.cli.conftest import Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.support.patience import patience
from tests.support.token_control import runtime_folder

MODULE = ".config/pkcs11/modules/kortilla.module"
HIGHEST_VERSION = b"\x01"  # the first byte of p11-kit's RPC


@pytest.mark.parametrize(
    ("card", "ended"),
    [("mock", (0, b"\x01", b"")), ("paper", (1, b"", b"config.toml: the key 'card'"))],
)
def test_standard_output_is_the_wire_and_has_no_error(
    configure: Callable[[str], Path], card: str, ended: tuple[int, bytes, bytes]
) -> None:
    configure(f'card = "{card}"')
    served = subprocess.run(
        [*KORTILLA, "pkcs11"],
        input=HIGHEST_VERSION,
        capture_output=True,
        check=False,
        timeout=patience(),
    )
    assert (served.returncode, served.stdout) == ended[:2]
    assert ended[2] in served.stderr
    assert bool(served.stderr) == bool(ended[2])


def test_a_fault_of_ours_does_not_go_on_the_wire_either(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: object) -> int:
        raise ValueError(f"{config} and a secret")

    monkeypatch.setattr("native_host.cli.pkcs11.serve_stdio", fail)
    outcome = run("pkcs11", json=False)
    assert (outcome.status, outcome.words) == (1, "")


def test_a_person_who_starts_it_by_hand_is_told_what_it_is() -> None:
    with contextlib.closing(Terminal([*KORTILLA, "pkcs11"])) as terminal:
        terminal.wait_for("kortilla pkcs11 --help")
        terminal.type("\x03")
        assert terminal.outcome().lines == []


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with runtime_folder() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        yield runtime


def test_programs_with_p11_kits_client_find_a_listening_one(
    runtime: Path, configure: Callable[[str], Path]
) -> None:
    configure('card = "mock"')
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(
            subprocess.Popen(
                [*KORTILLA, "pkcs11", "--listen", "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(listening.kill)  # or a failed test would wait for its end
        assert listening.stdout and listening.stderr
        said = listening.stderr.readline().split()[-1]
        address = said.removeprefix("P11_KIT_SERVER_ADDRESS=")
        assert address == f"unix:path={runtime}/kortilla/pkcs11"
        found = subprocess.run(
            ["p11tool", "--provider", "p11-kit-client.so", "--list-token-urls"],
            env={**os.environ, "P11_KIT_SERVER_ADDRESS": address},
            capture_output=True,
            text=True,
            check=True,
            timeout=patience(),
        )
        assert "token=Kortilla" in found.stdout
        listening.send_signal(signal.SIGTERM)
        assert json.loads(listening.stdout.read()) == {
            "address": address,
            "pkcs11": "ended",
        }
        assert listening.wait(patience()) == 0
    assert not (runtime / "kortilla/pkcs11").exists()


def test_where_it_can_not_listen_it_says_no_address(
    run: Run, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "kortilla").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(runtime / "kortilla/pkcs11"))
        other.listen()
        outcome = run("pkcs11", "--listen")
    assert outcome.status == 1
    assert "another program listens there" in outcome.words
    assert "P11_KIT_SERVER_ADDRESS" not in outcome.words
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    outcome = run("pkcs11", "--listen")
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert "XDG_RUNTIME_DIR" in outcome.words


def test_enable_status_and_disable_say_what_they_did(run: Run, home: Path) -> None:
    enable = ("pkcs11", "enable", "--browser", "chromium")
    tried = run(*enable, "--dry-run")
    assert tried.result["dry_run"] is True
    words = run(*enable, "--dry-run", json=False).words
    assert f"Would write {home / MODULE}" in words
    assert f"Would make the database {home}/.pki/nssdb" in words
    assert list(home.iterdir()) == []
    enabled = run(*enable)
    assert enabled.status == 0
    assert enabled.result["changes"] == tried.result["changes"]
    assert run("pkcs11", "disable").status == 0
    words = run(*enable, json=False).words
    assert f"Told the database {home}/.pki/nssdb of the card" in words
    assert "start it again" in words
    assert "{" not in words
    status = run("pkcs11", "status")
    assert [each["enabled"] for each in status.result["browsers"]] == [False, True]
    words = run("pkcs11", "status", json=False).words
    assert "Firefox: does not see the card." in words
    assert "Chromium: sees the card." in words
    [chromium] = run("pkcs11", "status", "--browser", "chromium").result["browsers"]
    assert chromium["browser"] == "chromium"
    assert "knows of the card already" in run(*enable, json=False).words
    disabled = run("pkcs11", "disable", json=False)
    assert f"Removed {home / MODULE}" in disabled.words
    assert list(home.iterdir()) == []
    assert "nothing to do" in run("pkcs11", "disable", json=False).words


def test_what_does_not_work_is_said(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run("pkcs11", "enable")
    assert (outcome.status, outcome.error) == (1, "INSTALL_FAILED")
    assert "--browser" in outcome.words
    enabled = run("pkcs11", "enable", "--browser", "firefox", json=False)
    assert "no profile yet" in enabled.words
    words = run("pkcs11", "status", json=False).words
    assert "Firefox: sees the card when told so in the extension's options." in words
    assert "no profile yet" not in run("pkcs11", "disable", json=False).words
    (home / ".config/chromium").mkdir(parents=True)
    (home / ".var/app/org.chromium.Chromium").mkdir(parents=True)
    words = run("pkcs11", "enable", json=False).words
    assert "chromium is a flatpak, which can't load" in words
    for user, ignored in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        for command in ("enable", "status", "disable"):
            words = run("pkcs11", command, json=False).words
            assert ("Kortilla needs no root" in words) is ignored
        assert run("pkcs11", "status").result["root"] is ignored


@pytest.fixture
def running(home: Path) -> Path:
    """A Chromium that runs, according to its lock."""
    lock = home / ".config/chromium/SingletonLock"
    lock.parent.mkdir(parents=True)
    lock.symlink_to(f"{socket.gethostname()}-{os.getpid()}")
    return lock


def test_a_browser_that_runs_stops_it_unless_told_to_go_on(
    run: Run, running: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    outcome = run("pkcs11", "enable")
    assert (outcome.status, outcome.error) == (1, "BROWSER_RUNNING")
    assert "Chromium" in outcome.words
    assert not (home / MODULE).exists()
    assert run("pkcs11", "enable", "--dry-run").result["running"] == ["Chromium"]
    assert run("pkcs11", "enable", "--yes").result["running"] == ["Chromium"]
    assert (home / MODULE).exists()
    for command in (["pkcs11", "disable"], ["uninstall"]):
        assert run(*command).error == "BROWSER_RUNNING"
        assert (home / MODULE).exists()
    running.unlink()
    assert run("uninstall").status == 0
    assert not (home / MODULE).exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked_while_a_browser_runs(
    running: Path, home: Path, answer: str
) -> None:
    assert running.is_symlink()
    with contextlib.closing(Terminal([*KORTILLA, "pkcs11", "enable"])) as terminal:
        terminal.wait_for("Go on anyway? [y/N]")
        terminal.type(f"{answer}\r")
        outcome = terminal.outcome()
    assert outcome.status == (0 if answer == "y" else 1)
    assert outcome.status == 0 or outcome.error == "BROWSER_RUNNING"
    assert (home / MODULE).exists() is (answer == "y")


def test_uninstall_takes_the_token_back_too(run: Run, home: Path) -> None:
    run("install", "--browser", "chromium")
    run("pkcs11", "enable")
    named = run("uninstall", "--browser", "chromium", "--dry-run")
    assert "pkcs11" not in named.result
    tried = run("uninstall", "--dry-run")
    words = run("uninstall", "--dry-run", json=False).words
    assert f"Would remove {home / MODULE}" in words
    assert (home / MODULE).is_file()
    outcome = run("uninstall")
    assert outcome.result["pkcs11"] == tried.result["pkcs11"]
    assert list(home.iterdir()) == []


Asked = list[RunningServer]
FIREFOX = RunningServer(Path("/1"), 11, "Firefox", 10)
CHROME = RunningServer(Path("/2"), 21, "Google Chrome", 20)
TOOL = RunningServer(Path("/3"), 31, "p11tool", 30)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """A function that runs token servers and returns those asked to prepare a login."""

    def let_run(*those: RunningServer) -> Asked:
        asked: Asked = []

        async def running() -> list[RunningServer]:
            return list(those)

        async def prepare(server: RunningServer) -> None:
            asked.append(server)

        monkeypatch.setattr(control, "running_servers", running)
        monkeypatch.setattr(control, "prepare_login", prepare)
        return asked

    return let_run


def test_a_login_is_prepared_with_the_browser_that_is_meant(
    run: Run, servers: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for those, arguments, chosen in (
        ([FIREFOX], [], FIREFOX),
        ([FIREFOX, CHROME], ["--browser", "firefox"], FIREFOX),
        ([FIREFOX, CHROME, TOOL], ["--browser", "chromium"], CHROME),
    ):
        asked = servers(*those)
        outcome = run("pkcs11", "prepare", *arguments)
        told = run("pkcs11", "prepare", *arguments, json=False)
        assert asked == [chosen] * 2
        assert outcome.result == {"program": chosen.program, "pid": chosen.program_pid}
        assert f"Log in with {chosen.program} within two minutes." in told.lines
    # No window opens where it is not clear for whom.
    for those, arguments, code, said in (
        ([], [], "PROGRAM_NOT_RUNNING", "Open the browser first"),
        ([FIREFOX], ["--browser", "chromium"], "PROGRAM_NOT_RUNNING", "Open the"),
        ([TOOL], ["--browser", "chromium"], "PROGRAM_NOT_RUNNING", "Open the"),
        ([FIREFOX, CHROME], [], "INVALID_ARGUMENT", "Firefox (process 10), Google"),
    ):
        asked = servers(*those)
        outcome = run("pkcs11", "prepare", *arguments)
        assert (outcome.status, outcome.error, asked) == (1, code, [])
        assert said in outcome.words
