# SPDX-License-Identifier: MIT
"""A Debian that boots in a container, with a person at its screen.

``tests/booted/run`` has made the system's folder, and has put this process into the
computer's network. The files of a run are layers over that folder.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.patience import patience

PERSON = "specimen"
_CGROUP = Path("/sys/fs/cgroup")


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait for a condition that sends no event, and return its value."""
    end = time.monotonic() + patience(seconds)
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"never: {what}")


class Computer:
    """A computer that has been switched on.

    ``leader`` is the process that is number 1 there.
    """

    def __init__(self, name: str, leader: int) -> None:
        self.name, self.leader = name, leader
        self.root = Path(f"/proc/{leader}/root")
        path = Path(f"/proc/{leader}/cgroup").read_text().split("::")[1].strip()
        self._group = _CGROUP / path.lstrip("/").removesuffix("/init.scope") / "entered"
        self._group.mkdir(exist_ok=True)
        self._session: Mapping[str, str] = {}

    def inside(self, *words: str) -> list[str]:
        """Return what runs a command as root, outside every session."""
        return [
            # Its systemd may move the process to a unit only from a group of its own.
            *("sh", "-c", f'echo $$ >{self._group}/cgroup.procs && exec "$@"', "sh"),
            *("nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc"),
            *("--pid", "--cgroup", "--root", "--wd=/", "env", "-i"),
            *("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=fi_FI.UTF-8", *words),
        ]

    def as_user(self, user: str, *words: str, in_session: bool = True) -> list[str]:
        """Return what runs a command of a user with the session's environment.

        ``in_session`` starts it as the desktop does, in a unit of the user's systemd;
        otherwise polkit takes it for a program of no session. It ends with this
        command.
        """
        unit = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
        uid = self._uid(user)
        given = {
            "HOME": f"/home/{user}",
            "USER": user,
            "XDG_RUNTIME_DIR": f"/run/user/{uid}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{uid}/bus",
            **(self._session if user == PERSON else {}),
        }
        return self.inside(
            *("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"),
            *("--pdeathsig=TERM", "env", f"--chdir=/home/{user}"),
            *(f"{name}={value}" for name, value in given.items()),
            *(*(unit if in_session else ()), *words),
        )

    def run(self, *words: str, check: bool = True, given: str | None = None) -> str:
        """Run a command as root, and return what it prints on standard output."""
        return _finish(self.inside(*words), check=check, given=given)

    def user(
        self,
        *words: str,
        check: bool = True,
        given: str | None = None,
        name: str = PERSON,
    ) -> str:
        """Run a command in the person's session, and return what it prints."""
        return _finish(self.as_user(name, *words), check=check, given=given)

    def observe(self, *words: str, given: str | None = None) -> str:
        """Run a command that only looks, or moves keys and pointer; never fails."""
        command = self.as_user(PERSON, *words, in_session=False)
        return _finish(command, check=False, given=given)

    def learn_session(self) -> Mapping[str, str]:
        """Take over the environment of the session's programs."""
        self._session = {}
        told = self.observe("systemctl", "--user", "show-environment")
        lines = shlex.split(told, posix=True)
        self._session = dict(line.split("=", 1) for line in lines if "=" in line)
        return self._session

    def processes(self, *words: str, user: str = PERSON) -> list[int]:
        """Return the ids, as they are here, of a user's processes with such words."""
        found = []
        uid = self._uid(user)
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().split(b"\0")
                there = (folder / "status").read_text()
                if f"\nUid:\t{uid}\t" in there and all(
                    word.encode() in line for word in words
                ):
                    found.append(int(folder.name))
        return found

    def _uid(self, user: str) -> int:
        return (self.root / "home" / user).stat().st_uid

    def at_screen(self) -> tuple[str, str]:
        """Return the session at the screen, as logind says: its number, its user."""
        asked = ("loginctl", "show-seat", "seat0", "--property=ActiveSession")
        session = self.run(*asked, "--value", check=False).strip()
        asked = ("loginctl", "show-session", session, "--property=Name")
        return session, self.run(*asked, "--value", check=False).strip()

    def switch_off(self) -> None:
        """Power off, as a person does."""
        self.run("systemctl", "poweroff", check=False)


def _finish(command: list[str], *, check: bool, given: str | None) -> str:
    done = subprocess.run(
        command,
        input=given,
        stdin=None if given is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience(300),
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"{command[-6:]}: {done.stdout}{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def boot(desktop: str) -> Iterator[Computer]:
    """Switch on a computer whose person has this desktop, and switch it off at exit."""
    work = Path(os.environ["BOOTED_WORK"], desktop)
    system = work / "system"
    for folder in (system, work / "upper", work / "layers"):
        folder.mkdir(parents=True)
    lower = f"{os.environ['BOOTED_LISTS']}:{os.environ['BOOTED_BASE']}"
    layers = f"lowerdir={lower},upperdir={work}/upper,workdir={work}/layers"
    _mount("-t", "overlay", "overlay", "-o", layers, str(system))
    (system / "etc/booted").write_text(f"{desktop}\n")
    name = f"kortilla-{desktop}"
    group = _CGROUP / name
    group.mkdir(exist_ok=True)
    archives = os.environ["BOOTED_ARCHIVES"]
    console = (work / "console").open("wb")
    leader = 0
    machine = subprocess.Popen(
        [
            *("sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"),
            *("systemd-nspawn", f"--directory={system}", f"--machine={name}"),
            *("--register=no", "--keep-unit", "--boot", "--console=read-only"),
            f"--bind={archives}:/var/cache/apt/archives",
        ],
        env=os.environ
        | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_LOCK": "0"},
        stdin=subprocess.DEVNULL,
        stdout=console,
        stderr=subprocess.STDOUT,
    )
    try:
        leader = wait_until(lambda: _leader(machine), "the computer starts")
        computer = Computer(desktop, leader)
        yield computer
        computer.switch_off()
        with contextlib.suppress(subprocess.TimeoutExpired):
            machine.wait(patience(2))
    except BaseException:
        sys.stderr.write((work / "console").read_text(errors="replace")[-2000:])
        raise
    finally:
        if leader and machine.poll() is None:
            os.kill(leader, signal.SIGKILL)  # all of its processes go with it
        machine.kill()
        machine.wait()
        console.close()
        subprocess.run(["umount", "--lazy", str(system)], check=True)
        subprocess.run(["rm", "-rf", "--one-file-system", str(work)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _leader(machine: subprocess.Popen[bytes]) -> int | None:
    """Return the process that is number 1 in a namespace below nspawn's own."""
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            for line in status.read_text().splitlines():
                numbers = line.split()[1:]
                if line.startswith("NSpid:") and numbers[1:] == ["1"]:
                    return int(numbers[0])
    if machine.poll() is not None:
        raise AssertionError(f"systemd-nspawn ended: {machine.returncode}")
    return None
