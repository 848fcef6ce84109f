# SPDX-License-Identifier: MIT
"""Operations import no protocol, and the command line imports no browser code."""

import re
from pathlib import Path

import pytest

import native_host

_PACKAGE = Path(native_host.__file__).parent
_IMPORT = re.compile(r"^ *(?:from|import) ([\w.]+)", re.MULTILINE)


def imports(path: Path) -> set[str]:
    """Return all modules that a file imports, also within functions."""
    return set(_IMPORT.findall(path.read_text()))


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("cli", "messaging"),
        ("operations", "messaging"),
        ("operations", "cli"),
        ("card", "operations"),
        ("pin_prompt", "operations"),
    ],
)
def test_a_room_imports_nothing_of_one_above_it(room: str, unknown: str) -> None:
    forbidden = f"native_host.{unknown}"
    for path in sorted((_PACKAGE / room).rglob("*.py")):
        for module in imports(path):
            assert not f"{module}.".startswith(f"{forbidden}."), path.name
