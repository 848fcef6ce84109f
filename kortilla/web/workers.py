# SPDX-License-Identifier: MIT
"""Finds out whether several processes serve a login whose stores are in memory.

Each process then has its own challenges and sessions: most logins fail, and who is
logged in depends on the process that answers. No server says how many workers it has,
so there are four signs:

- the number of workers in the server's arguments or environment, at the start;
- ``wsgi.multiprocess`` of a WSGI request;
- a process that forked after the stores were made, if two processes serve requests;
- a process beside this one with the same parent and the same program (Linux).
"""

import itertools
import logging
import mmap
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

logger = logging.getLogger(__name__)

_SERVERS = {"daphne", "fastapi", "granian", "gunicorn", "hypercorn", "uvicorn"}
_WORKERS = re.compile(r"(?:-w|--workers)=?([0-9]+)?")
_PID = 8


class WorkerCheck:
    """Warns once if the stores are ``in_memory`` and several processes serve.

    It looks at its creation and at each of the first requests.
    """

    #: Another worker may start later than the first request here.
    _REQUESTS = 20

    def __init__(self, in_memory: bool) -> None:
        self._left = self._REQUESTS if in_memory else 0
        # Shared with processes that are forked from this one.
        self._first = mmap.mmap(-1, _PID) if in_memory else None
        if in_memory:
            workers = configured_workers(sys.argv, os.environ)
            if workers > 1:
                self._warn(f"the server is set to {workers} workers")

    def check(self) -> None:
        """Look for other processes, at a request."""
        if self._left and self._first is not None:
            self._left -= 1
            me = os.getpid().to_bytes(_PID, sys.byteorder)
            if self._first[:] == bytes(_PID):
                self._first[:] = me
            if self._first[:] != me:
                self._warn("two processes serve requests")
            elif other := siblings():
                self._warn(f"process {other} runs the same program beside this one")

    def check_environ(self, environ: Mapping[str, object]) -> None:
        """Look at a WSGI request. Django's test client says "several" without need."""
        several = environ.get("wsgi.multiprocess") is True
        if self._left and several and environ.get("SERVER_NAME") != "testserver":
            self._warn("the server says so (wsgi.multiprocess)")

    def _warn(self, sign: str) -> None:
        self._left = 0
        logger.warning(
            "Challenges or sessions are in the memory of one process, but there seem "
            "to be several: %s. Logins will fail. Use one process, or stores that "
            "all share (kortilla.redis).",
            sign,
        )


def configured_workers(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Return how many workers the server was told to run; 0 if nothing says it."""
    program = PurePath(arguments[0]) if arguments else PurePath()
    if program.stem == "__main__":  # of python -m
        program = program.parent
    if program.stem not in _SERVERS:
        return 0
    try:
        more = shlex.split(environment.get("GUNICORN_CMD_ARGS", ""))
    except ValueError:
        more = []
    # As these servers do it, the arguments come after the environment.
    found = _number(environment.get("WEB_CONCURRENCY", ""))
    for words in (more, arguments[1:]):
        for word, following in itertools.pairwise((*words, "")):
            if match := _WORKERS.fullmatch(word):
                found = _number(match[1] or following) or found
    return found


def siblings() -> int:
    """Return a process with our parent, our program and its arguments; 0 if none.

    0 where the system is not Linux, the parent runs another program than this one, or
    a test suite runs in several processes.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        return 0
    parent, me = os.getppid(), os.getpid()
    try:
        if _read(parent, "exe") != _read(me, "exe"):
            return 0
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        mine = _program(me)
    except OSError:
        return 0
    for child in map(int, children):
        try:
            if child != me and _program(child) == mine:
                return child
        except OSError:  # it has ended
            continue
    return 0


def _read(process: int, link: str) -> str:
    return str(Path(f"/proc/{process}/{link}").readlink())


def _program(process: int) -> tuple[str, bytes]:
    """Return executable and arguments, without the numbers of multiprocessing's."""
    line = Path(f"/proc/{process}/cmdline").read_bytes()
    if b"multiprocessing.spawn" in line:
        line = re.sub(rb"[0-9]+", b"", line)
    return _read(process, "exe"), line


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0
