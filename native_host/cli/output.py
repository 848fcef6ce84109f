# SPDX-License-Identifier: MIT
"""The output of commands: JSON for scripts, messages for people."""

import json
from typing import Any

import click

__all__ = ["error_result", "print_result", "say"]


def print_result(result: Any) -> None:
    """Print a result on standard output as one line of JSON.

    Characters that could garble a terminal are escaped, as names of files have them.
    """
    line = json.dumps(result, ensure_ascii=False)
    click.echo("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line))


def error_result(code: str, message: str, reason: str | None = None) -> dict[str, Any]:
    """Return an error as the JSON object for scripts."""
    error = {"code": code, "message": message}
    return {"error": error if reason is None else {**error, "reason": reason}}


def say(words: str) -> None:
    """Print a message for people on standard error."""
    click.echo(words, err=True)
