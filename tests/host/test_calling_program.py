# SPDX-License-Identifier: MIT
"""Who asks through a service that starts hosts for others, and for flatpaks.

Processes, pipes and executables are real. What flatpak does with mounts is done with
links: ``/app`` is another folder, and a process's root is its working folder.
``tests/packaging/proxy.py`` has the real service, and a real sandbox.
"""

import array
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.install import calling_program
from native_host.install.calling_program import (
    is_sandboxed,
    program_in_place_of_browser,
)
from native_host.platform.process_tree import UNKNOWN, Program

PROXY = Program(2**22 + 1, "xdg-native-messaging-proxy")
PORTAL = Program(2**22 + 1, "xdg-desktop-portal")

Hold = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """A pipe: what a host reads from, and what asks it."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def hold(pipe: list[int], tmp_path: Path) -> Iterator[Hold]:
    """A function that has a program under another name hold the end that asks.

    This process then does not hold it any more.
    """
    running = []

    def start(path: str | Path, root: Path = tmp_path) -> subprocess.Popen[bytes]:
        executable = tmp_path / path
        executable.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/cat", executable)
        process = subprocess.Popen(
            [executable], stdin=subprocess.PIPE, stdout=pipe[1], cwd=root
        )
        running.append(process)
        assert process.stdin
        process.stdin.write(b"!")  # its echo shows that exec has taken place
        process.stdin.flush()
        assert os.read(pipe[0], 1) == b"!"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def asks(pipe: list[int], starter: Program = PROXY) -> str:
    """Return who asks; this process gives up its own end first."""
    if len(pipe) == 2:
        os.close(pipe.pop())
    return program_in_place_of_browser(starter, pipe[0])


@pytest.mark.parametrize("starter", [PROXY, PORTAL], ids=lambda each: each.name)
@pytest.mark.parametrize(("program", "named"), [("firefox", ""), ("discord",) * 2])
def test_who_can_write_to_the_host_asks(
    hold: Hold, pipe: list[int], starter: Program, program: str, named: str
) -> None:
    hold(program)
    # This process, which still holds the end too, is no browser.
    assert program_in_place_of_browser(starter, pipe[0]) != ""
    assert asks(pipe, starter) == named


def test_a_program_beside_a_browser_does_not_hide_behind_it(
    hold: Hold, pipe: list[int]
) -> None:
    hold("firefox")
    hold("discord")
    assert asks(pipe) == "discord"


def test_what_reads_the_requests_does_not_ask(hold: Hold, pipe: list[int]) -> None:
    hold("firefox")
    reader = subprocess.Popen(["sleep", "600"], stdin=pipe[0])
    assert asks(pipe) == ""
    reader.kill()
    reader.wait()


def test_a_program_that_only_has_the_name_of_the_service_is_named(
    hold: Hold, pipe: list[int]
) -> None:
    pretender = hold("xdg-native-messaging-proxy")
    starter = Program(pretender.pid, PROXY.name)
    assert asks(pipe, starter) == PROXY.name


def test_another_program_does_not_hide_behind_a_browser_that_holds_the_pipe(
    hold: Hold, pipe: list[int]
) -> None:
    hold("firefox")
    assert asks(pipe, Program(2**22 + 1, "discord")) == "discord"


def test_a_program_that_hides_its_end_is_unknown(pipe: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        # The end is on its way, and no process has it.
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", pipe[1:]))
        ours.sendmsg([b"!"], [rights])
        assert asks(pipe) == UNKNOWN
    assert asks(pipe) == UNKNOWN  # it is closed


def test_requests_that_come_otherwise_are_an_unknown_programs(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    (tmp_path / "file").touch()
    with ours, theirs, (tmp_path / "file").open() as file:
        for descriptor in (ours.fileno(), file.fileno(), None):
            assert program_in_place_of_browser(PROXY, descriptor) == UNKNOWN


# -- Flatpaks -------------------------------------------------------------------------

FIREFOX, DISCORD = "org.mozilla.firefox", "com.discordapp.Discord"
PROGRAM = "lib/firefox/firefox"


class Flatpak:
    """An application that is installed for the user, and its sandbox."""

    def __init__(self, folder: Path, name: str, installation: Path) -> None:
        self.name, self.root = name, folder / "root"
        self.files = installation / "app" / name / "x86_64/stable/0123abcd/files"
        self.removed = installation / ".removed" / f"{name}-0123abcd"
        self.app = folder / "app"
        self.info = self.root / ".flatpak-info"
        self.root.mkdir()
        self.say(self.files)

    def say(self, files: Path) -> None:
        self.info.write_text(
            f"[Application]\nname={self.name}\nruntime=a/b/c\n\n"
            f"[Instance]\ninstance-id=1\napp-path={files}\n"
        )

    def start(self, hold: Hold, program: str = PROGRAM) -> None:
        """Run an installed program in the sandbox."""
        hold(self.app / program, self.root)
        (self.files / program).parent.mkdir(parents=True)
        (self.files / program).hardlink_to(self.app / program)


@pytest.fixture
def flatpak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Flatpak]:
    """A function that makes one."""
    installation = tmp_path / "home/.local/share/flatpak"
    monkeypatch.setenv("XDG_DATA_HOME", str(installation.parent))
    monkeypatch.setattr(calling_program, "_APP", str(tmp_path / "app"))
    monkeypatch.setattr(calling_program, "_INFO", "cwd/.flatpak-info")
    return lambda name: Flatpak(tmp_path, name, installation)


def test_a_browser_out_of_a_flatpak_asks_without_a_warning(
    hold: Hold, pipe: list[int], flatpak: Callable[[str], Flatpak]
) -> None:
    firefox = flatpak(FIREFOX)
    firefox.start(hold)
    assert asks(pipe) == ""
    # An update moves the files away, while it goes on.
    firefox.removed.parent.mkdir()
    firefox.files.parent.rename(firefox.removed)
    assert asks(pipe) == ""


def test_a_browser_in_a_sandbox_has_other_files_than_the_person(
    hold: Hold,
    pipe: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outside = hold("usr/lib/firefox/firefox")
    asks(pipe)
    for starter in (PROXY, PORTAL):
        assert not is_sandboxed(starter, pipe[0])
    monkeypatch.setattr(calling_program, "_SNAP", str(tmp_path / "usr"))
    assert is_sandboxed(PORTAL, pipe[0])
    assert not is_sandboxed(Program(outside.pid, "firefox", browser=True), pipe[0])


def test_so_has_a_browser_out_of_a_flatpak(
    hold: Hold, pipe: list[int], flatpak: Callable[[str], Flatpak]
) -> None:
    firefox = flatpak(FIREFOX)
    firefox.start(hold)
    asks(pipe)
    assert is_sandboxed(PROXY, pipe[0])
    assert not is_sandboxed(PROXY, None)


@pytest.mark.parametrize("program", [PROGRAM, "bin/discord"])
def test_another_application_is_named_by_its_id(
    hold: Hold, pipe: list[int], flatpak: Callable[[str], Flatpak], program: str
) -> None:
    flatpak(DISCORD).start(hold, program)
    assert asks(pipe) == DISCORD


@pytest.mark.parametrize(
    ("program", "named"),
    [("usr/bin/p11tool", "p11tool"), ("usr/bin/firefox", UNKNOWN)],
)
def test_a_program_in_a_sandbox_of_its_own_making_is_no_browser(
    hold: Hold,
    pipe: list[int],
    flatpak: Callable[[str], Flatpak],
    program: str,
    named: str,
) -> None:
    firefox = flatpak(FIREFOX)
    hold(program, firefox.root)
    assert asks(pipe) == named


def test_the_files_have_to_be_those_of_the_installed_application(
    hold: Hold, pipe: list[int], flatpak: Callable[[str], Flatpak], tmp_path: Path
) -> None:
    firefox = flatpak(FIREFOX)
    firefox.start(hold)
    elsewhere = tmp_path / "app" / FIREFOX / "x86_64/stable/0123abcd/files"
    shutil.copytree(firefox.files, elsewhere)
    for wrong in (
        Path("relative"),
        firefox.files.parent,
        firefox.files / "../files",
        Path(str(firefox.files).replace(FIREFOX, DISCORD)),
        elsewhere,
    ):
        firefox.say(wrong)
        assert asks(pipe) == UNKNOWN, wrong
    # Files of the user's that are in no installation, though they run.
    (elsewhere / PROGRAM).unlink()
    (elsewhere / PROGRAM).hardlink_to(firefox.app / PROGRAM)
    assert asks(pipe) == UNKNOWN
    firefox.say(firefox.files)
    assert asks(pipe) == ""


def test_a_strange_file_in_place_of_the_sandboxs_makes_an_unknown_program(
    hold: Hold, pipe: list[int], flatpak: Callable[[str], Flatpak], tmp_path: Path
) -> None:
    firefox = flatpak(FIREFOX)
    firefox.start(hold)
    good = firefox.info.read_bytes()
    for content in (b"", b"\xff\0[", b"[Application]\nname=\n", b"\n" * 70_000 + good):
        firefox.info.write_bytes(content)
        assert asks(pipe) == UNKNOWN, content[:20]
    firefox.info.rename(tmp_path / "elsewhere")
    os.mkfifo(firefox.info)
    assert asks(pipe) == UNKNOWN
    firefox.info.unlink()
    (tmp_path / "elsewhere").write_bytes(good)
    firefox.info.symlink_to(tmp_path / "elsewhere")
    assert asks(pipe) == UNKNOWN
    firefox.info.unlink()
    firefox.info.mkdir()
    assert asks(pipe) == UNKNOWN
    firefox.info.rmdir()
    firefox.info.write_bytes(good)
    assert asks(pipe) == ""
