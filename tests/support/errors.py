# SPDX-License-Identifier: MIT
"""What an error has to be."""

from collections.abc import Callable

from native_host.errors import KortillaError


def with_code(code: str) -> Callable[[KortillaError], bool]:
    """Return the check of ``pytest.raises`` for an error of a code."""
    return lambda error: error.code == code
