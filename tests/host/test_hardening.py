# SPDX-License-Identifier: MIT
"""No core dump holds a PIN, and no program of the same user can read one."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from native_host.pin_prompt.messages import Open, encode_request
from native_host.pin_prompt.model import Conversation
from tests.host.process import make_environment
from tests.support.offscreen import OFFSCREEN
from tests.support.patience import patience

#: Root may read everything. Without this capability, processes have an ordinary user's
#: rights.
AS_ORDINARY = (
    ("setpriv", "--inh-caps=-all", "--bounding-set=-sys_ptrace")
    if os.getuid() == 0
    else ()
)
WITH_PROMPT = """
import asyncio
from native_host.cli.run import run_with_prompt
from native_host.config import Config
run_with_prompt(Config(), lambda _open: asyncio.sleep(600))
"""
PROGRAMS: dict[str, Sequence[str]] = {
    "host": ("-m", "native_host", "{48e30dea-567c-4965-9e98-7118cfcaca7e}"),
    "window": OFFSCREEN[2:],
    "token": ("-m", "native_host.cli", "pkcs11"),
    "token on a socket": ("-m", "native_host.cli", "pkcs11", "--listen"),
    "agent": ("-m", "native_host.cli", "agent"),
    "command": ("-c", WITH_PROMPT),
}


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
    if request.param == OFFSCREEN[2:]:
        # It protects its memory when a page takes digits, but not before its first
        # page.
        assert process.stdin is not None
        process.stdin.write(
            encode_request(Open(Conversation("sign", "https://a.example", "en", True)))
        )
        process.stdin.flush()
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
    """Return the soft and the hard limit of a process's core dumps."""
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    [core] = [line for line in limits if line.startswith("Max core file size")]
    return core.split()[4:6]


def can_be_read(pid: int) -> bool:
    """Whether a program of the same user can read a process's memory."""
    opening = [*AS_ORDINARY, "head", "--bytes=0", f"/proc/{pid}/mem"]
    done = subprocess.run(opening, stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("process", PROGRAMS.values(), ids=PROGRAMS, indirect=True)
def test_the_memory_is_neither_dumped_nor_read(
    process: subprocess.Popen[bytes],
) -> None:
    until(process, lambda: core_limits(process.pid) == ["0", "0"])
    until(process, lambda: not can_be_read(process.pid))
    assert process.poll() is None


@pytest.mark.parametrize(
    "process", [("-c", "import time; time.sleep(600)")], indirect=True
)
def test_the_memory_of_another_program_can_be_read(
    process: subprocess.Popen[bytes],
) -> None:
    assert can_be_read(process.pid)
