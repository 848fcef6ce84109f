# SPDX-License-Identifier: MIT
"""Says whether the extra ``signing`` is installed, without importing it."""

import importlib.util

from kortilla.common.imports import missing_words
from native_host.errors import KortillaError


def check_library() -> None:
    """Raise ``TOOL_MISSING`` where the extra ``signing`` is missing."""
    for name in ("pyhanko", "lxml", "kortilla.signing"):
        if importlib.util.find_spec(name) is None:
            raise KortillaError(
                missing_words(name, "host,signing"), code="TOOL_MISSING"
            )
