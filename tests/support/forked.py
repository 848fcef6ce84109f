# SPDX-License-Identifier: MIT
"""A process with all imports done forks for each task that needs a new process.

Such a task may change state of the whole process: the environment, and values that
libraries read only once. The start of a new Python takes longer than most tasks. It may
start commands of Kortilla's with ``tests.support.commands``.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

from tests.support import cards, warm
from tests.support.patience import patience

_ROOT = Path(__file__).parent.parent.parent
#: Modules that tasks import at their first use.
_USED = ("encodings.idna", "smartcard.System")
_PDEATHSIG = 1  # of sys/prctl.h


def run(module: str, name: str, home: Path) -> None:
    """Run the function of a module with the name of ``inside``, with the HOME.

    Raises ``AssertionError`` with the whole output if the function raises an error or
    does not end.
    """
    with running(module, name, home):
        """That is all."""


@contextlib.contextmanager
def running(module: str, name: str, home: Path, *more: str) -> Iterator[None]:
    """Run it with more arguments while the context's body runs."""
    ahead = _ahead()
    ahead.begin([module, name, str(home), *more])
    try:
        yield
    finally:
        ahead.end()


class _Ahead:
    """The process that forks, seen from outside."""

    def __init__(self) -> None:
        control = warm.handed_on()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked", str(control)],
            cwd=_ROOT,
            pass_fds=[control],
            env={"PATH": os.environ["PATH"], **cards.handed_on()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        # After this there are no more tasks.
        atexit.register(self._process.communicate)

    def begin(self, what: list[str]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        assert self._process.stdout
        status, written = json.loads(self._process.stdout.readline())
        assert status == 0, f"It ended with {status}.\n{written}"


_ahead = functools.cache(_Ahead)


def _serve() -> None:
    """Run the tasks that arrive, one after the other, until the input ends."""
    warm.take_over(int(sys.argv[1]))
    for each in _USED:
        importlib.import_module(each)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        module, name, home, *more = json.loads(line)
        with contextlib.suppress(Exception):  # the parent raises it again
            importlib.import_module(module)
        # Garbage collection in the child leaves out all that is imported.
        gc.freeze()
        with tempfile.TemporaryFile() as output:
            child = os.fork()
            if not child:
                answers.close()
                _do([module, name, home, *more], output)
            status = _wait(child)
            output.seek(0)
            written = output.read().decode(errors="replace")
        print(json.dumps([status, written]), file=answers, flush=True)


def _do(what: list[str], output: BinaryIO) -> NoReturn:
    """Run a task in this process, which was forked for it, and end the process.

    The end leaves out what Python then does with each imported module, which takes
    longer than most tasks.
    """
    status = 1
    try:
        module, name, home, *more = what
        _settle_in(output, home)
        getattr(importlib.import_module(module), name).inside(Path(home), *more)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        warm.finish(status)


def _wait(child: int) -> int:
    """Return the exit status. Kills a process that does not end."""
    process = os.pidfd_open(child)
    if not select.select([process], [], [], patience())[0]:
        os.kill(child, signal.SIGKILL)
    os.close(process)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _settle_in(output: BinaryIO, home: str) -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    os.environ["HOME"] = home


if __name__ == "__main__":
    _serve()
