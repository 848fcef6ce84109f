# SPDX-License-Identifier: MIT
"""What commands share: options, groups, and prompts that a signal can end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, TypedDict, TypeVar

import click

from kortilla.common.command_output import json_option
from native_host.config import CARDS, PROMPTS, Config, load_config
from native_host.files.sources import FILES_FROM_INPUT
from native_host.platform import system
from native_host.texts.language import choose_language

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., object])
Card = Literal["pcsc", "mock"]
PromptKind = Literal["window", "terminal", "automatic"]

#: The type of arguments and options that name a file.
PATH = click.Path(path_type=Path)
#: The same for a file that is there.
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_files_from_input = click.option(
    FILES_FROM_INPUT,
    is_flag=True,
    hidden=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: _read_files(context, wanted=wanted),
)


def _read_files(context: click.Context, *, wanted: bool) -> None:
    if not wanted:
        return
    try:
        names = json.loads(sys.stdin.readline())
    except json.JSONDecodeError:
        raise click.Abort from None  # who asks has gone before it had said all
    context.meta[FILES_FROM_INPUT] = tuple(map(Path, names))


def files_argument(*, required: bool = True) -> Callable[[Command], Command]:
    """Return what adds the files of a command. Our window gives them by its input."""

    def files(
        context: click.Context, parameter: click.Parameter, given: tuple[Path, ...]
    ) -> tuple[Path, ...]:
        found: tuple[Path, ...] = context.meta.get(FILES_FROM_INPUT, given)
        if required and not found:
            raise click.MissingParameter(ctx=context, param=parameter)
        return found

    argument = click.argument(
        "files",
        metavar="FILE..." if required else "[FILE]...",
        nargs=-1,
        type=PATH,
        callback=files,
    )
    return lambda command: _files_from_input(argument(command))


card_option = click.option(
    "--card",
    type=click.Choice(CARDS),
    help="A card in a reader, or the testers' mock card.",
)
lang_option = click.option("--lang", help="The language to speak: fi, sv or en.")
out_option = click.option(
    "-o",
    "--out",
    type=PATH,
    help="The new file; for several files, the folder for the new ones.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Only say what would be done."
)


class PromptOptions(TypedDict):
    """What ``prompt_options`` gives a command."""

    lang: str | None
    prompt: PromptKind | None
    card: Card | None


_prompt_option = click.option(
    "--prompt",
    type=click.Choice(PROMPTS),
    help="Where the PIN is typed; automatic is for the mock card.",
)


def prompt_options(command: Command) -> Command:
    """Add the options of a command that asks for a PIN: language, prompt and card."""
    return lang_option(_prompt_option(json_option(card_option(command))))


def spoken_language(config: Config, lang: str | None) -> str:
    """Return the language of ``--lang``, or of the configuration or the system."""
    return choose_language(lang or "", config.language)


def configured(*, card: Card | None = None, prompt: PromptKind | None = None) -> Config:
    """Return the configuration with the changes from the command line."""
    config = load_config()
    if card is not None:
        config = config._replace(card=card)
    if prompt is not None:
        config = config._replace(prompt=prompt)
    return config


def run_until_signal(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` until a signal cancels it. Raises ``KeyboardInterrupt`` then."""

    async def main() -> T:
        task = asyncio.current_task()
        if task is not None:
            system.on_signals(task.cancel, signal.SIGTERM, system.HANGUP)
        return await work()

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
