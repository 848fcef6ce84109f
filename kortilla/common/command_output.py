# SPDX-License-Identifier: MIT
"""The output of commands: words for people, or JSON for scripts."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar

import click

from kortilla.common import JsonObject
from kortilla.common.escaping import escape_text

_json_wanted = ContextVar("json_wanted", default=False)
_translate: ContextVar[Callable[[str], str]] = ContextVar("translate", default=str)

#: Accepts ``--json``. ``choose_output`` has read it by then.
json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    help="Print JSON for scripts in place of words.",
)


class CommandError(Exception):
    """A command failed: exit status 1.

    ``code`` is stable, for scripts. ``result`` is printed together with the error.
    """

    def __init__(self, code: str, message: str, **result: object) -> None:
        super().__init__(message)
        self.code = code
        self.result = result


def choose_output(*, for_scripts: bool, translate: Callable[[str], str] = str) -> None:
    """Choose between words and JSON, and the language of words, before a command runs.

    Errors of the command line itself follow the choice too.
    """
    _json_wanted.set(for_scripts)
    _translate.set(translate)


def for_scripts() -> bool:
    """Return whether results are JSON."""
    return _json_wanted.get()


def print_result(result: object, words: Iterable[str] = ()) -> None:
    """Print a result on standard output: its words, a line each, or its JSON."""
    if _json_wanted.get():
        click.echo(_one_line(result))
    else:
        print_words(words)


def print_progress(**progress: object) -> None:
    """Print a line of JSON for a program, while a command works.

    The work goes on if nobody reads it any more.
    """
    with suppress(OSError):
        print_result({"progress": progress})


def print_words(words: Iterable[str]) -> None:
    """Print lines for people on standard output, unless scripts get JSON."""
    if not _json_wanted.get():
        for line in words:
            click.echo(escape_text(_translate.get()(line)))


def print_error(
    message: str, code: str, reason: str | None = None, **result: object
) -> None:
    """Print an error: a sentence on standard error, and its JSON for scripts.

    ``result`` is printed together with the error.
    """
    say(message)
    print_result({**error_result(code, message, reason), **result})


def error_result(code: str, message: str, reason: str | None = None) -> JsonObject:
    """Return an error as the JSON object for scripts."""
    error = {"code": code, "message": message}
    return {"error": error if reason is None else {**error, "reason": reason}}


def _one_line(result: object) -> str:
    """Return JSON whose characters can't garble a terminal, as names of files could."""
    line = json.dumps(result, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def say(words: str) -> None:
    """Print on standard error what goes on or what fails, in words for people.

    The work goes on if nobody reads it any more.
    """
    with suppress(OSError):
        click.echo(escape_text(_translate.get()(words)), err=True)
