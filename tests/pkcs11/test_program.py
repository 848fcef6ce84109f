# SPDX-License-Identifier: MIT
"""The window names the program that uses the token."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.processes import ForeignPeerError, peer_of, program_of

Run = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A function that runs a program under another name until the end of the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(path: str, *beside: str) -> subprocess.Popen[bytes]:
        executable = tmp_path / path
        executable.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/cat", executable)
        for name in beside:
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
    ("path", "name"),
    [
        ("firefox", "Firefox"),
        ("usr/lib/firefox-esr/firefox-esr", "Firefox"),
        ("chromium", "Chromium"),
        ("chrome-linux/chrome", "Chromium"),
        ("opt/google/chrome/chrome", "Google Chrome"),
        ("p11tool", "p11tool"),
        ("a\u202eb\nc\x1b[1m", "a\ufffdb\ufffdc\ufffd[1m"),
        ("x" * 200, "x" * 40),
    ],
)
def test_programs_have_the_names_that_people_know(
    run: Run, path: str, name: str
) -> None:
    process = run(path)
    program = program_of(process.pid)
    assert (program.pid, program.name, program.gecko) == (process.pid, name, False)


def test_a_program_of_the_family_of_firefox_is_told_by_its_library(run: Run) -> None:
    assert program_of(run("firefox", "libxul.so").pid).gecko
    assert program_of(run("other/browser", "libxul.so").pid).gecko


def test_a_program_that_was_updated_meanwhile_keeps_its_name(
    run: Run, tmp_path: Path
) -> None:
    process = run("firefox-esr")
    (tmp_path / "firefox-esr").unlink()
    assert program_of(process.pid).name == "Firefox"


def test_a_program_that_is_not_there_has_its_number() -> None:
    assert program_of(2**22 + 1).name == f"PID {2**22 + 1}"


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
from native_host.processes import spawner
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
