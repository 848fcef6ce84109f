# SPDX-License-Identifier: MIT
"""The output of commands: JSON for scripts, words for people."""

import json
from typing import Any

import click

__all__ = ["CommandError", "print_result", "say"]


class CommandError(Exception):
    """A command failed: exit status 1.

    ``code`` is stable, for scripts. ``result`` is printed together with the error.
    """

    def __init__(self, code: str, message: str, **result: Any) -> None:
        super().__init__(message)
        self.code = code
        self.result = result


def print_result(result: Any) -> None:
    """Print a result on standard output as one line of JSON."""
    click.echo(json.dumps(result, ensure_ascii=False))


def say(words: str) -> None:
    """Print words for people on standard error."""
    click.echo(words, err=True)
