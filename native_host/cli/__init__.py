# SPDX-License-Identifier: MIT
"""The ``kortilla`` command.

Results are words on standard output, or with ``--json`` one line of JSON; errors are
words on standard error, and with ``--json`` also ``{"error": {"code", "message"}}`` on
standard output. `identify` and `sign --origin` are for scripts, and need no ``--json``.
The exit status is 0 for success, 1 for a refusal or a failure, and 2 for wrong usage.

This module imports only modules of the distribution without extras, and those late:
the command's first act is to close its memory (``native_host.platform.hardening``).
"""

import sys
from collections.abc import Sequence

from native_host.platform.hardening import harden

__all__ = ["kortilla", "main"]


def kortilla() -> int:
    """Run the command that was typed, or say which extra is missing."""
    try:
        return main()
    except ModuleNotFoundError as error:
        from kortilla.common.imports import missing
        from native_host.cli.arguments import extra_of, is_for_scripts

        message = missing(error, extra_of(sys.argv[1:]))
        if message is None:
            raise
        print(message, file=sys.stderr)
        if is_for_scripts(sys.argv[1:]):
            import json

            print(json.dumps({"error": {"code": "TOOL_MISSING", "message": message}}))
        return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    ``arguments`` are without the program's name (default: the command line's). Raises
    ``ModuleNotFoundError`` where the extra of all commands is missing.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    # The desktop window holds no PIN, and needs services that look at their caller.
    if arguments[:1] != ["open"]:
        harden()
    from native_host.cli.program import run

    return run(arguments)
