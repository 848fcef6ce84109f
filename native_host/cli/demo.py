# SPDX-License-Identifier: MIT
"""``kortilla demo``, which exists in a checkout and in no package."""

import importlib
from pathlib import Path

import click

from native_host.errors import ToolMissingError

_CHECKOUT = Path(__file__).parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def _elsewhere(words: tuple[str, ...]) -> None:
    """Log in and sign at a demo service; runs in a checkout of Kortilla's repository.

    This is an installed package: clone the repository and run `make demo` there.
    """
    raise ToolMissingError(
        "The demo is not installed: run it in a checkout of Kortilla's repository, "
        "by `make demo`."
    )


def _demo() -> click.Command:
    # Another package may be named tools, so the file decides.
    if not (_CHECKOUT / "tools" / "demo" / "command.py").is_file():
        return _elsewhere
    command: click.Command = importlib.import_module("tools.demo.command").demo
    return command


demo = _demo()
