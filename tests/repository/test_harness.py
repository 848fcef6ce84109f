# SPDX-License-Identifier: MIT
"""Tests are marked with their requirements, and a worker that dies is a failure."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import pcsc
from tests.support.markers import PLACES, needs


class _Reader:
    @property
    def card(self) -> object:
        return pcsc.open_pcscd(Path())


def _through_a_class() -> object:
    return _Reader(), ("openssl", "version")


def _nothing() -> object:
    return Path("openssl.txt").exists


def test_what_a_test_reaches_is_what_it_needs() -> None:
    """And no more: ``make test-fast`` in a bare Debian shows what is forgotten."""
    assert needs(_through_a_class) == {"pcscd", "programs"}
    assert needs(_nothing) == set()


def test_each_marked_place_is_there(root: Path) -> None:
    assert all((root / "tests" / place).exists() for place in PLACES)


#: Each of two files has a test that kills its worker: in the middle, and at the end.
DEADLY = """
import os, signal, pytest

@pytest.mark.parametrize("number", range(3))
def test_it(number):
    if number == LAST:
        os.kill(os.getpid(), signal.SIGKILL)
"""
SCHEDULED = """
from tests.support.scheduling import Scheduling

def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
"""


@pytest.mark.slow
def test_a_run_ends_with_a_failure_where_workers_die(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(SCHEDULED)
    for name, last in (("middle", 1), ("end", 2), ("sound", 3)):
        text = DEADLY.replace("LAST", str(last))
        (tmp_path / f"test_{name}.py").write_text(text)
    # Each of its five processes would import the other plugins, for seconds.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ("-p", "xdist.plugin", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-q", "-n", "2"],
        cwd=tmp_path,
        env=alone,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "2 failed, 7 passed" in done.stdout, done.stdout
    for test in ("test_middle.py::test_it[1]", "test_end.py::test_it[2]"):
        assert f"crashed while running '{test}'" in done.stdout


_CLOCKS = {"now", "today", "time", "time_ns", "utcnow", "utc_now"}


def read_when_imported(source: str) -> list[int]:
    """Return the lines on which a module reads the clock while it is imported."""
    found: list[int] = []
    todo: list[ast.AST] = [ast.parse(source)]
    while todo:
        node = todo.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                body = [] if isinstance(node, ast.Lambda) else node.decorator_list
                todo += [*body, node.args]
                continue
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                found += [node.lineno] * (name in _CLOCKS)
        todo += ast.iter_child_nodes(node)
    return found


def test_no_module_of_tests_reads_the_clock_when_it_is_imported(root: Path) -> None:
    """A test that judges by another clock would be red on another day."""
    files = (root / "tests").rglob("*.py")
    read = {each: read_when_imported(each.read_text("utf-8")) for each in files}
    assert {str(each): lines for each, lines in read.items() if lines} == {}


def test_a_clock_that_is_read_at_an_import_is_found() -> None:
    fixed = "def f(a=datetime(2026, 6, 1)):\n    return datetime.now(UTC)\n"
    assert read_when_imported(f"{fixed}lambda: time.time()\n") == []
    for wrong in (
        "A = date.today()",
        "def f(a=utc_now()): pass",
        "@p([time.time()])\n" + fixed,
    ):
        assert read_when_imported(wrong) == [1]
