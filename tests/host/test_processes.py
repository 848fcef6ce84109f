# SPDX-License-Identifier: MIT
"""The names of programs, whether they are browsers, and who is behind a socket."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.install.calling_program import program_in_place_of_browser
from native_host.platform.posix.sockets import ForeignPeerError
from native_host.platform.process_tree import UNKNOWN, peer_of, program_of

Run = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A function that runs a program under another name until the end of the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(path: str, *files: str) -> subprocess.Popen[bytes]:
        executable = tmp_path / path
        executable.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/cat", executable)
        for name in files:
            (executable.parent / name).touch()
        process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        running.append(process)
        assert process.stdin and process.stdout
        process.stdin.write(b"!")  # its echo shows that exec has taken place
        process.stdin.flush()
        assert process.stdout.read(1) == b"!"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("path", "files", "name", "kind"),
    [
        ("firefox", (), "Firefox", "browser"),
        ("usr/lib/firefox-esr/firefox-esr", ("libxul.so",), "Firefox", "gecko"),
        ("opt/zen/zen-bin", ("libxul.so",), "zen-bin", "gecko"),
        ("chromium", (), "Chromium", "browser"),
        ("chrome-linux/chrome", (), "Chromium", "browser"),
        ("opt/google/chrome/chrome", (), "Google Chrome", "browser"),
        ("opt/microsoft/msedge/msedge", (), "Microsoft Edge", "browser"),
        ("p11tool", (), "p11tool", ""),
        ("firefox.sh", (), "firefox.sh", ""),
        ("Firefox", (), "Firefox", ""),
        ("a\u202eb\nc\x1b[1m", (), "a\ufffdb\ufffdc\ufffd[1m", ""),
        ("x" * 200, (), "x" * 40, ""),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_programs_have_the_names_that_people_know_and_browsers_are_told_apart(
    run: Run,
    path: str,
    files: tuple[str, ...],
    name: str,
    kind: str,
) -> None:
    process = run(path, *files)
    program = program_of(process.pid)
    assert (program.pid, program.name) == (process.pid, name)
    assert program.gecko is (kind == "gecko")
    assert program.browser is (kind in {"browser", "gecko"})
    # The window names what started the host, unless that is a browser.
    assert program_in_place_of_browser(program) == ("" if kind else name)


def test_a_program_whose_name_is_the_kernels_remark_has_a_number(run: Run) -> None:
    process = run("bin/ (deleted)")
    assert program_of(process.pid).name == f"PID {process.pid}"


@pytest.mark.parametrize(
    ("path", "may"),
    [
        ("usr/lib/thunderbird/thunderbird", True),
        ("gpgsm", True),
        ("chromium", False),
        ("slack/slack", False),
        ("usr/bin/ssh", False),
        ("WebKitNetworkProcess", False),
    ],
)
def test_what_shows_pages_or_asks_for_others_may_not_decrypt(
    run: Run, path: str, may: bool
) -> None:
    beside = {"slack": ("resources.pak",), "thunderbird": ("libxul.so",)}
    program = program_of(run(path, *beside.get(Path(path).name, ())).pid)
    assert program.may_decrypt is may
    assert program.mail is (program.name == "Thunderbird")


def test_a_program_that_was_updated_meanwhile_keeps_its_name(
    run: Run, tmp_path: Path
) -> None:
    process = run("firefox-esr")
    (tmp_path / "firefox-esr").unlink()
    assert program_of(process.pid).name == "Firefox"


def test_a_program_that_is_not_there_has_its_number() -> None:
    assert program_of(2**22 + 1).name == f"PID {2**22 + 1}"


def test_a_program_that_has_no_number_either_is_unknown() -> None:
    """It has ended, or is outside of this container."""
    assert program_of(0).name == UNKNOWN  # as the token's window has it
    assert program_in_place_of_browser(program_of(0)) == UNKNOWN


def test_the_other_end_of_a_socket_is_known() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours).pid == os.getpid()


def test_another_user_is_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with ours, theirs, pytest.raises(ForeignPeerError):
        peer_of(ours)


_SPAWNED = """
import sys
from native_host.platform.process_tree import spawner
print(spawner(0).pid, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["sh", "-c", '"$@"; exit $?', "sh"],
        ["sh", "-c", 'sh -c \'"$@"; exit $?\' sh "$@"; exit $?', "sh"],
    ],
)
@pytest.mark.parametrize("by", ["file", "socket"])
def test_the_program_that_started_this_one_is_known_through_shells(
    command: list[str], by: str
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(
            [*command, sys.executable, "-I", "-c", _SPAWNED],
            stdin=theirs.fileno() if by == "socket" else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
    assert int(done.stderr) == os.getpid()
