# SPDX-License-Identifier: MIT
"""Measures the window of ``kortilla open`` on a virtual screen, with the mock card."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.kortilla.signing_parts import make_pdf
from tests.support.screen import Screen, open_screen
from tools.bench_login import peak, ticks

RUNS = 7
SETTLED = 5  # seconds until the card is read and the window is still
IDLE = 20  # seconds
BATCH = 20  # PDFs

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

#: Presses the button as soon as there are files, and says how long it took until PIN2
#: was there, and from then until the page showed what was made. PIN2 is typed at once,
#: and the mock card takes no time.
_BATCH_CODE = """
import json, sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from native_host.desktop.pages.sign import Page
from native_host.desktop.prompts import Command
from native_host.cli import main
run, take, ended = Command.run, Page.take, Page._ended
times = []
def run_alone(command):
    given = json.loads(command.given)
    assert given["prompt"] == "window"
    command.given = json.dumps({**given, "prompt": "automatic"}).encode()
    return run(command)
def take_and_sign(page, files):
    take(page, files)
    times.append(time.monotonic())
    page._sign()
def progressed_and_note(page, progress):
    times.append(time.monotonic())
    progressed(page, progress)
def ended_and_say(page, result):
    ended(page, result)
    QApplication.processEvents()
    typed = times[1]
    print(typed - times[0], time.monotonic() - typed, len(result["files"]), flush=True)
    QApplication.quit()
progressed, Page._progressed = Page._progressed, progressed_and_note
Command.run, Page.take, Page._ended = run_alone, take_and_sign, ended_and_say
main(["open", "--card", "mock", "--lang", "fi", "--sign", *sys.argv[1:]])
"""


def measure_batch(home: Path) -> tuple[list[float], list[float]]:
    """Return the seconds before PIN2, and after it for each PDF, of signed batches."""
    before, after = [], []
    with open_screen(1366, 768) as screen, TemporaryDirectory() as folder:
        for number in range(RUNS):
            files = [Path(folder) / f"{number}-{each}.pdf" for each in range(BATCH)]
            for each in files:
                each.write_bytes(make_pdf("Sopimus"))
            done = subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-I", "-c", _BATCH_CODE, *files],
                env=_environment(home, screen),
                capture_output=True,
                check=True,
                timeout=120,  # seconds: a window that waits would stay for ever
            )
            to_pin, from_pin, made = done.stdout.split()[:3]
            assert int(made) == BATCH  # noqa: S101 - or the figure means nothing
            before.append(float(to_pin))
            after.append(float(from_pin) / BATCH)
    return before, after


def _environment(home: Path, screen: Screen) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "DISPLAY": screen.display,
    }


def measure(home: Path) -> tuple[list[float], float, int]:
    """Return the seconds to the window, its peak memory in MB, and idle processor time.

    The latter is in hundredths of a second, in ``IDLE`` seconds.
    """
    times = []
    with open_screen(1366, 768) as screen:
        environment = _environment(home, screen)
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
