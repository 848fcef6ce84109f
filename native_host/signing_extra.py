# SPDX-License-Identifier: MIT
"""Says whether the extra ``signing`` is installed, without importing it."""

import importlib.util

from kortilla.common.imports import missing_words
from native_host.errors import KortillaError


class SigningMissingError(KortillaError):
    """The extra ``signing`` is not installed."""

    code = "TOOL_MISSING"


def check_library() -> None:
    """Raise ``SigningMissingError`` where the extra ``signing`` is missing."""
    for name in ("pyhanko", "lxml", "kortilla.signing"):
        if importlib.util.find_spec(name) is None:
            raise SigningMissingError(missing_words(name, "host,signing"))
