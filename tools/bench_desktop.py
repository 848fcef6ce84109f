# SPDX-License-Identifier: MIT
"""Measures the window of ``kortilla open`` on a virtual screen, with the mock card."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.screen import open_screen

__all__ = ["measure"]

RUNS = 7
SETTLED = 5  # seconds until the card is read and the window is still
IDLE = 20  # seconds

#: Says when the window has been painted for the first time, and takes keys.
_CODE = """
from native_host.desktop.sidebar import Sidebar
paint = Sidebar.paintEvent
def paint_and_say(self, event):
    paint(self, event)
    Sidebar.paintEvent = paint
    print("visible", flush=True)
Sidebar.paintEvent = paint_and_say
from native_host.cli import main
main(["open", "--card", "mock", "--lang", "fi"])
"""


def measure(home: Path) -> tuple[list[float], float, int]:
    """Return the seconds to the window, its peak memory in MB, and idle processor time.

    The latter is in hundredths of a second, in ``IDLE`` seconds.
    """
    times = []
    with open_screen(1366, 768) as screen:
        environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "DISPLAY": screen.display,
        }
        for _ in range(RUNS):
            begun = time.monotonic()
            window = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", _CODE],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert window.stdout  # noqa: S101 - for the type checker
            window.stdout.readline()
            times.append(time.monotonic() - begun)
            if len(times) == RUNS:
                time.sleep(SETTLED)
                before = ticks(window.pid)
                time.sleep(IDLE)
                used = ticks(window.pid) - before
                memory = peak(window.pid)
            window.terminate()
            window.communicate()
    return times, memory, used


def ticks(pid: int) -> int:
    """Return a process's processor time in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def peak(pid: int) -> float:
    """Return a process's peak resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = (each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
