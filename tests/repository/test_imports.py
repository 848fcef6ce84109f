# SPDX-License-Identifier: MIT
"""Which of our packages import which.

The library imports neither the citizen's program nor Qt. The packages that both use
import nothing else of ours.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kortilla
import kortilla.testing


def imported(file: Path) -> set[str]:
    """Return the names of all modules that a file imports, on any level."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module)):
                names.add(module)
    return names


def test_no_module_of_the_library_imports_the_program(root: Path) -> None:
    files = list((root / "kortilla").rglob("*.py"))
    assert len(files) > 60
    importing = {
        str(file.relative_to(root))
        for file in files
        for name in imported(file)
        if name.partition(".")[0] in {"native_host", "PySide6", "smartcard", "tools"}
    }
    assert not importing


@pytest.mark.parametrize("package", ["mock_card", "common"])
def test_what_both_sides_use_imports_nothing_else_of_ours(
    root: Path, package: str
) -> None:
    files = list((root / "kortilla" / package).rglob("*.py"))
    assert len(files) > 4
    importing = {
        (str(file.relative_to(root)), name)
        for file in files
        for name in imported(file)
        if name.partition(".")[0] in {"kortilla", "native_host", "tests", "tools"}
        and not f"{name}.".startswith(f"kortilla.{package}.")
    }
    assert importing == set()


def test_what_testers_import_brings_no_program_no_qt_and_no_pcsc() -> None:
    """Each public name is requested, which imports the module that defines it."""
    program = """
import sys
import kortilla, kortilla.testing
assert "kortilla.mock_card.state" not in sys.modules  # names are imported when used
for package in (kortilla.testing, kortilla):
    for name in package.__all__:
        getattr(package, name)
import kortilla.testing.pytest_plugin
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    finished = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(finished.stdout.split())
    assert "kortilla" in loaded
    assert not loaded & {"native_host", "PySide6", "smartcard"}


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    for package in (kortilla, kortilla.testing):
        assert not hasattr(package, "authenticate")
