# SPDX-License-Identifier: MIT
"""Configuration of all tests."""

import ctypes
import functools
import gc
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import cards
from tests.support.markers import mark
from tests.support.patience import patience
from tests.support.scheduling import Scheduling, arrange

_TESTS = Path(__file__).parent
#: Folders and files with tests that import Qt.
_QT_TESTS = (
    "browser/test_open_program.py",
    "install/test_desktop_files.py",
    "desktop",
    "gui",
    "pin_prompt",
)
#: Folders whose tests need a computer, and the variable that says where it is.
_OF_COMPUTERS = {"booted": "BOOTED_BASE", "vm": "VM_WORK", "windows": "INSTALLER"}
_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a private folder in it
_ENOUGH = 1 << 30  # bytes
_PR_SET_DUMPABLE = 4  # of prctl(2)


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME, without other folders and settings in the environment."""
    for name in list(os.environ):
        if name.startswith(("XDG_", "KORTILLA_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def empty_session(
    empty_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty HOME, and an empty runtime folder."""
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    return empty_home


def pytest_configure() -> None:
    """Keep temporary folders in memory if it has room and allows programs.

    Mock cards fsync each change before they respond, and browsers do much the same with
    their profiles: tests would wait for the disk.

    Programs that tests start react to Ctrl-C, even if a shell has started the tests in
    the background and ignores that signal for them. They speak English, also where the
    developer does not: a test of another language sets it. They reach no session bus
    of the developer's, with the keyring and the notifications on it.
    """
    os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    for name in list(os.environ):
        if name in ("LANG", "LANGUAGE") or name.startswith("LC_"):
            del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The time that an example takes says nothing on a busy machine.
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    settings.register_profile("unhurried", deadline=None, suppress_health_check=slow)
    settings.load_profile("unhurried")
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
    """Disable garbage collection while pytest collects thousands of tests."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Enable garbage collection again, without the collected objects."""
    gc.freeze()
    gc.enable()


def pytest_runtest_teardown() -> None:
    """Make this process dumpable again for its child processes.

    Commands that a test runs in this process make it undumpable. Without
    CAP_SYS_PTRACE, child processes then can't read its /proc/PID/exe.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Any:
    """Give a test longer on a busy machine."""
    scaled = settings._replace(timeout=patience(settings.timeout))
    plugin: Any = item.config.pluginmanager.get_plugin("timeout")
    return plugin.pytest_timeout_set_timer(item, scaled)


# Before -m deselects tests by their markers.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Add the markers for each test's requirements."""
    for item in items:
        mark(item)


# After pytest has arranged them by their fixtures, which it does by the places of
# parameters in their lists: it does not see that two tests share a browser.
@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_collection_sort(items: list[pytest.Item]) -> None:
    """Put the longest first, and each browser's tests together."""
    arrange(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each browser's tests to one worker."""
    return Scheduling(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore tests that import Qt where this run is without it.

    Those of a computer are only for the script in their folder, which makes it.
    """
    within = collection_path.relative_to(_TESTS).as_posix()
    if within in _OF_COMPUTERS:
        return None if _OF_COMPUTERS[within] in os.environ else True
    return True if within in _QT_TESTS and _is_without_qt(config) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Report what is left out."""
    words = f"Qt can't be loaded here. Left out: {', '.join(_QT_TESTS)}."
    return [words] if _is_without_qt(config) else []


def _is_without_qt(config: pytest.Config) -> bool:
    return "not" in config.option.markexpr and not _qt_loads()


@functools.cache
def _qt_loads() -> bool:
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError:  # for example without libEGL
        return False
    return True
