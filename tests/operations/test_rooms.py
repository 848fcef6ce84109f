# SPDX-License-Identifier: MIT
"""Operations know no protocol, and the command line none of the browser's."""

import ast
from pathlib import Path

import pytest

import native_host

_PACKAGE = Path(native_host.__file__).parent


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere, also within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


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
