# SPDX-License-Identifier: MIT
"""Another program of the same user, which attacks a process's memory from its start on.

``python held_memory.py COMMAND…`` starts a command of Kortilla. From the fork on it
opens ``/proc/PID/mem`` as often as it can, and keeps what it has opened. When the
command has closed its memory, it prints as JSON how many descriptors it holds, how many
of them still read that memory, and which later attacks succeed. It needs nothing but
Python, so that it runs in a system that has only the package.
"""

import contextlib
import ctypes
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PTRACE_SEIZE = 0x4206
_PATIENCE = 60.0  # seconds
_MOST = 500  # descriptors of each kind


def attack(command: list[str]) -> dict[str, object]:
    """Start a command, attack it, end it, and say how that went."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=subprocess.DEVNULL) as process:
        try:
            return _attack(process)
        finally:
            process.kill()


def _attack(process: subprocess.Popen[bytes]) -> dict[str, object]:
    held: list[tuple[int, int]] = []
    deadline = time.monotonic() + _PATIENCE
    while True:
        is_open = _opened(process.pid)
        if is_open is not None and len(held) < _MOST:
            held.append(is_open)
        elif is_open is not None:
            _close(held.pop())
            held.append(is_open)
        elif _has_hardened(process.pid):
            break
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline, "it never closes its memory"
    reads = sum(_reads(*each) for each in held)
    for each in held:
        _close(each)
    return {
        "held": len(held),
        "reads": reads,
        "copies": _copies(process.pid),
        "traces": _traces(process.pid),
    }


def _opened(pid: int) -> tuple[int, int] | None:
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        return memory, os.open(f"/proc/{pid}/maps", os.O_RDONLY)
    except OSError:
        os.close(memory)
        return None


def _close(pair: tuple[int, int]) -> None:
    for number in pair:
        os.close(number)


def _has_hardened(pid: int) -> bool:
    """Whether a process has disabled core dumps, as Kortilla's do next."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max core file size"):
            return line.split()[4:6] == ["0", "0"]
    return False


def _reads(memory: int, maps: int) -> bool:
    """Whether any part that the process may write to is read."""
    for place in _parts(maps):
        with contextlib.suppress(OSError, OverflowError):
            if os.pread(memory, 8, place):
                return True
    return False


def _parts(maps: int) -> Iterator[int]:
    text = b""
    with contextlib.suppress(OSError):
        while some := os.pread(maps, 1 << 16, len(text)):
            text += some
    for line in text.splitlines():
        place, rights = line.split()[:2]
        if rights.startswith(b"rw"):
            yield int(place.split(b"-")[0], 16)


def _copies(pid: int) -> bool:
    """Whether process_vm_readv(2) is permitted; there is nothing at the address."""
    place = (ctypes.c_size_t * 2)(4096, 1)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.process_vm_readv(pid, place, 1, place, 1, 0)
    return ctypes.get_errno() != errno.EPERM


def _traces(pid: int) -> bool:
    return int(ctypes.CDLL(None).ptrace(_PTRACE_SEIZE, pid, 0, 0)) == 0


if __name__ == "__main__":
    print(json.dumps(attack(sys.argv[1:])))
