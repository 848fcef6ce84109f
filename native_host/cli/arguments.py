# SPDX-License-Identifier: MIT
"""What the words of a command line say before any command is imported."""

from collections.abc import Sequence

#: The extra that a command of ``kortilla`` needs, if it is not ``host``.
_EXTRAS = {
    "mock-card": "testing",
    "trust": "host,signing",
    "verify": "host,signing",
}


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
