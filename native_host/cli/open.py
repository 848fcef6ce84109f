# SPDX-License-Identifier: MIT
"""``kortilla open``: the window that shows the card and what can be done with it."""

from contextlib import closing
from pathlib import Path

import click

from kortilla.common.command_output import json_option, print_result
from native_host.cli.options import Card, card_option, configured


@click.command("open")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Check the signatures of the files.")
@click.option("--sign", is_flag=True, help="Sign the files.")
@json_option
@card_option
@click.option("--lang", help="The language to speak: fi, sv or en.")
def open_(
    *,
    files: tuple[Path, ...],
    check: bool,
    sign: bool,
    card: Card | None,
    lang: str | None,
) -> None:
    """Open Kortilla's window, or bring it to the front."""
    from native_host.desktop.single_window import MOST_FILES, Handover, SingleWindow
    from native_host.languages import choose_language
    from native_host.pin_prompt.prompt import PromptError
    from native_host.pin_prompt.spawn import has_screen

    if check and sign:
        raise click.UsageError("Give either --check or --sign.")
    if files and not (check or sign):
        raise click.UsageError("Say what to do with the files: --check or --sign.")
    if len(files) > MOST_FILES:
        raise click.UsageError(f"At most {MOST_FILES} files can be given.")
    handover = None
    if check or sign:
        page = "check" if check else "sign"
        handover = Handover(page, tuple(each.absolute() for each in files))
    config = configured(card=card)
    if not has_screen():
        raise PromptError("There is no screen here for Kortilla's window.")
    with closing(SingleWindow()) as claim:
        if not claim.claim(handover):
            print_result({"open": "raised"})
            return
        from native_host.desktop.window import run

        run(config, choose_language(config.language, lang), claim, handover)
    print_result({"open": "closed"})
