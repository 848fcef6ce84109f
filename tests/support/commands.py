# SPDX-License-Identifier: MIT
"""Runs ``kortilla`` commands in processes that have all imports done."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping

from tests.browser.warm_host import window_command
from tests.support import warm
from tests.support.patience import patience

#: Begins a command in a process that is started as usual.
KORTILLA = (sys.executable, "-I", "-m", "native_host.cli")
_WINDOW = "from native_host.pin_prompt import spawn; spawn.COMMAND = {!r}; "
_CODE = "import sys; from native_host.cli import main; sys.exit(main())"


def begin(
    *words: str,
    environment: Mapping[str, str] | None = None,
    terminal: int | None = None,
    errors: int | None = None,
    window: bool = False,
) -> warm.WarmProcess:
    """Start a command, with the words after ``kortilla``.

    ``environment`` is all of it (default: this process's). ``errors`` is a file for its
    error output. ``window`` says that it opens a window, whose process then has all
    imports done too.
    """
    environment = os.environ if environment is None else environment
    code = _WINDOW.format(window_command()) + _CODE if window else _CODE
    return warm.start(code, words, environment, terminal=terminal, errors=errors)


@contextlib.contextmanager
def running(*words: str) -> Iterator[warm.WarmProcess]:
    """Run a command, which has ended at the end of the context at the latest."""
    process = begin(*words)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def end(process: warm.WarmProcess) -> subprocess.CompletedProcess[str]:
    """Return a command's output when it has ended."""
    written: list[str] = []
    reading = threading.Thread(
        target=lambda: written.append(process.stderr.read().decode())
    )
    reading.start()
    process.stdin.close()
    printed = process.stdout.read().decode()
    reading.join()
    status = process.wait(patience())
    for stream in (process.stdout, process.stderr):
        stream.close()
    return subprocess.CompletedProcess(KORTILLA, status, printed, written[0])


def run(
    *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command without input to its end."""
    process = begin(*words, environment=environment)
    try:
        return end(process)
    finally:
        process.kill()  # it has ended, unless this failed
