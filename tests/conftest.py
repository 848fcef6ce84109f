# SPDX-License-Identifier: MIT
"""What holds for all tests."""

import ctypes
import functools
import gc
import importlib
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support import cards
from tests.support.markers import mark

_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
_ENOUGH = 1 << 30  # bytes
_PR_SET_DUMPABLE = 4  # of prctl(2)


def pytest_configure() -> None:
    """Have temporary folders in memory where there is room, and programs may be run.

    Mock cards are written to the disk for good before a command is answered, and
    browsers do much the same with their profiles: tests would wait for the disk.

    Programs that tests start end with Ctrl-C, also where a shell has started the tests
    in the background and ignores that signal for them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not os.access(_MEMORY, os.W_OK):
        return
    system = os.statvfs(_MEMORY)
    room = system.f_bavail * system.f_frsize
    if room >= _ENOUGH and not system.f_flag & os.ST_NOEXEC:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Let the workers have the same mock cards, each of which is made once."""
    os.environ.update(cards.handed_on())


def pytest_collection() -> None:
    """Look for no garbage while thousands of tests are collected."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among what was collected."""
    gc.freeze()
    gc.enable()


def pytest_runtest_teardown() -> None:
    """Let child processes see again which program this one is.

    Commands that a test runs in this process make it undumpable. Without
    CAP_SYS_PTRACE its children can't read /proc/PID/exe of it then.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


# Before -m leaves tests out by their markers.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with what it needs."""
    for item in items:
        mark(item)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the window's widgets where a part of the tests is run without Qt."""
    within = collection_path == Path(__file__).parent / "pin_prompt"
    return True if within and _is_without_qt(config) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is left out."""
    words = "Qt can't be loaded here: tests/pin_prompt is left out."
    return [words] if _is_without_qt(config) else []


def _is_without_qt(config: pytest.Config) -> bool:
    return "not" in config.option.markexpr and not _qt_loads()


@functools.cache
def _qt_loads() -> bool:
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError:  # as where the system has no libEGL
        return False
    return True
