# SPDX-License-Identifier: MIT
"""No core dump holds a PIN, and no program of the same user can read one."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import native_host
from tests.host.process import make_environment
from tests.support import held_memory
from tests.support.offscreen import OFFSCREEN
from tests.support.patience import patience

#: Root may read everything. Without this capability, processes have an ordinary user's
#: rights.
AS_ORDINARY = (
    ("setpriv", "--inh-caps=-all", "--bounding-set=-sys_ptrace")
    if os.getuid() == 0
    else ()
)
#: Nor may root read what its mode forbids, without these.
AS_STRICTLY_ORDINARY = (
    (*AS_ORDINARY[:2], f"{AS_ORDINARY[2]},-dac_override,-dac_read_search")
    if AS_ORDINARY
    else ()
)
PROGRAMS: dict[str, Sequence[str]] = {
    "host": ("-m", "native_host", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"),
    "window": OFFSCREEN[2:],
    "token": ("-m", "native_host.cli", "pkcs11"),
    "token on a socket": ("-m", "native_host.cli", "pkcs11", "--listen"),
    "agent": ("-m", "native_host.cli", "agent"),
    "own files": ("-m", "native_host.cli", "sign", "--files-from-input"),
}
EACH_PROGRAM = [
    pytest.param(words, id=name, marks=[pytest.mark.window] * (name == "window"))
    for name, words in PROGRAMS.items()
]


#: How each process begins that may hold a PIN: by a module or by the command's script.
ENTRY_POINTS = (
    ("native_host.__main__", "main(['caller'])"),
    ("native_host.__main__", "main(['-c', 'quit', '{}'])"),
    ("native_host.cli.__main__", ""),
    ("native_host.cli", "kortilla()"),
    ("native_host.pin_prompt.__main__", "main()"),
)
#: Tells which modules were imported when the memory has just been closed.
WATCHED = """
import os, runpy, sys  # -m has the second
import ctypes, resource, collections.abc  # what they bring depends on the Python
from native_host.platform import hardening
at_start, close_memory = {*sys.modules}, hardening.harden
def harden():
    close_memory()
    os.write(2, "\\n".join({*sys.modules} - at_start).encode())
    os._exit(0)
hardening.harden = harden
"""
#: What an entry point needs to close its memory, and the hello of a host.
FEW = {
    "gc",
    *("native_host.platform", "native_host.platform.posix"),
    "native_host.platform.posix.protection",
    *("native_host.cli", "native_host.pin_prompt"),
    *("native_host.texts", "native_host.texts.language"),
}


def test_no_entry_point_is_forgotten() -> None:
    package = Path(native_host.__file__).parent
    programs = {
        ".".join(each.relative_to(package.parent).with_suffix("").parts)
        for each in package.rglob("__main__.py")
    }
    assert programs == {each for each, _ in ENTRY_POINTS} - {"native_host.cli"}


@pytest.mark.parametrize(("module", "call"), ENTRY_POINTS)
def test_the_memory_is_closed_before_anything_takes_time(
    module: str, call: str
) -> None:
    code = f"{WATCHED}\nfrom {module} import *; {call}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "pkcs11"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    imported = {*done.stderr.decode().splitlines()}
    assert "native_host.platform.posix.protection" in imported
    assert imported - FEW == {module} - FEW


@pytest.fixture
def process(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that has received no message yet."""
    process = subprocess.Popen(
        [*AS_ORDINARY, sys.executable, "-I", *request.param],
        env=make_environment(tmp_path / "home", 'card = "mock"\n'),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    python = os.fsencode(sys.executable)
    command = Path(f"/proc/{process.pid}/cmdline")
    until(process, lambda: command.read_bytes().startswith(python))
    yield process
    process.kill()
    process.communicate()


def until(process: subprocess.Popen[bytes], happened: Callable[[], bool]) -> None:
    """Look every few milliseconds for a condition while the process runs."""
    deadline = time.monotonic() + patience()
    while not happened():
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"It ended with {process.wait(0.005)}.")
        assert time.monotonic() < deadline, "It does not happen."


def core_limits(pid: int) -> list[str]:
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    [core] = [line for line in limits if line.startswith("Max core file size")]
    return core.split()[4:6]


def can_be_read(pid: int) -> bool:
    opening = [*AS_ORDINARY, "head", "--bytes=0", f"/proc/{pid}/mem"]
    done = subprocess.run(opening, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("process", EACH_PROGRAM, indirect=True)
def test_the_memory_is_neither_dumped_nor_read(
    process: subprocess.Popen[bytes],
) -> None:
    until(process, lambda: core_limits(process.pid) == ["0", "0"])
    until(process, lambda: not can_be_read(process.pid))
    assert process.poll() is None


@pytest.fixture(scope="module")
def closed_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that may be run and not read, as the package has one."""
    folder = tmp_path_factory.mktemp("closed")
    real = Path(sys.executable).resolve()
    (folder / "pyvenv.cfg").write_text(
        f"home = {real.parent}\ninclude-system-site-packages = true\n"
    )
    (folder / "lib").symlink_to(Path(sys.prefix, "lib"))
    python = folder / "bin/python3"
    python.parent.mkdir()
    shutil.copyfile(real, python)
    python.chmod(0o111)
    return python


def attack(python: Path, program: Sequence[str], home: Path) -> dict[str, Any]:
    """Start a program, have another of the same user attack it, return the outcome."""
    attacker = [*AS_STRICTLY_ORDINARY, sys.executable, held_memory.__file__]
    done = subprocess.run(
        [*attacker, str(python), "-I", *program],
        env=make_environment(home, 'card = "mock"\n'),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("program", EACH_PROGRAM)
def test_nothing_that_was_opened_at_the_start_reads_the_memory(
    closed_python: Path, program: Sequence[str], tmp_path: Path
) -> None:
    found = attack(closed_python, program, tmp_path / "home")
    assert found | {"held": 0} == {
        "held": 0,
        "reads": 0,
        "copies": False,
        "traces": False,
    }


def test_the_doctor_knows_which_interpreter_closes_the_memory(
    closed_python: Path, tmp_path: Path
) -> None:
    code = (
        "import asyncio; from native_host.doctor.findings import Place; "
        "from native_host.doctor.browsers import check_host; "
        "print(*(each.code for each in asyncio.run(check_host(Place()))))"
    )
    said = [
        subprocess.run(
            [*AS_STRICTLY_ORDINARY, str(python), "-I", "-c", code],
            env=make_environment(tmp_path / "home", ""),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout.split()
        for python in (closed_python, Path(sys.executable))
    ]
    assert [b"MEMORY_OPEN_AT_START" in each for each in said] == [False, True]


def test_with_an_interpreter_that_can_be_read_it_does(tmp_path: Path) -> None:
    found = attack(Path(sys.executable), PROGRAMS["host"], tmp_path / "home")
    assert found["reads"]


@pytest.mark.parametrize(
    "process", [("-c", "import time; time.sleep(600)")], indirect=True
)
def test_the_memory_of_another_program_can_be_read(
    process: subprocess.Popen[bytes],
) -> None:
    assert can_be_read(process.pid)
