# SPDX-License-Identifier: MIT
"""Operations import no protocol, and the command line imports no browser code."""

import re
from pathlib import Path

import pytest

import native_host

_PACKAGE = Path(native_host.__file__).parent


@pytest.mark.parametrize(
    ("package", "unknown"),
    [
        ("cli", "messaging"),
        ("operations", "messaging|cli"),
        ("card", "operations"),
        ("pin_prompt", "operations"),
    ],
)
def test_a_package_imports_nothing_of_one_above_it(package: str, unknown: str) -> None:
    forbidden = re.compile(
        rf"^ *(from|import) native_host\.({unknown})\b", re.MULTILINE
    )
    for path in sorted((_PACKAGE / package).rglob("*.py")):
        assert not forbidden.search(path.read_text()), path.name
