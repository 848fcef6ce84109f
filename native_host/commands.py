# SPDX-License-Identifier: MIT
"""The entry point of ``kortilla``, which names a missing extra.

This module imports only modules of the distribution without extras, and those late:
the command's first act is to close its memory (``native_host.platform.hardening``).
"""

import sys
from collections.abc import Sequence

from native_host.cli import main

_OWN = ("native_host", "kortilla")
#: The extra that a command of ``kortilla`` needs, if it is not ``host``.
_EXTRAS = {
    "mock-card": "testing",
    "trust": "host,signing",
    "verify": "host,signing",
}


def kortilla() -> int:
    try:
        return main()
    except ModuleNotFoundError as error:
        message = missing(error, extra_of(sys.argv[1:]))
        if message is None:
            raise
        print(message, file=sys.stderr)
        if is_for_scripts(sys.argv[1:]):
            import json

            print(json.dumps({"error": {"code": "TOOL_MISSING", "message": message}}))
        return 1


def extra_of(arguments: Sequence[str]) -> str:
    """Return the extra that a command line of ``kortilla`` needs."""
    return _EXTRAS.get(arguments[0] if arguments else "", "host")


def is_for_scripts(arguments: Sequence[str]) -> bool:
    """Return whether a command line prints JSON, and its errors as JSON too."""
    match arguments:
        case ["identify" | "demo", *_]:
            return True
        case ["sign", *options]:
            if any(each.partition("=")[0] == "--origin" for each in options):
                return True
    return "--json" in arguments


def missing(error: Exception, extra: str) -> str | None:
    """Return how to install the extra, if the error is a missing module of it.

    Return None for any other error, also for a missing module of Kortilla.
    """
    if not isinstance(error, ModuleNotFoundError):
        return None
    name = (error.name or "").partition(".")[0]
    if name in _OWN:
        return None
    from kortilla.common.imports import missing_words

    return missing_words(name, extra)
