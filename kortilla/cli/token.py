# SPDX-License-Identifier: MIT
"""``kortilla-server token``: valid and broken tokens for the tests of a service."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from kortilla.common.command_output import CommandError, json_option, print_result, say
from kortilla.common.files import make_folder
from kortilla.common.imports import missing_words

if TYPE_CHECKING:
    from kortilla.mock_card.state import MockCardState

_CA_FILES = ("issuing.der", "root.der")


@click.command()
@click.option("--origin", help="The service's origin, such as https://service.example.")
@click.option("--nonce", help="The challenge that the service gave.")
@click.option(
    "--card",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="KORTILLA_MOCK_CARD",
    show_envvar=True,
    help="The mock card's folder; the tester's own card, unless given. A card that is "
    "not there is made.",
)
@click.option(
    "--broken", metavar="NAME", help="How the token is broken; `list` shows the names."
)
@click.option(
    "--format",
    "version",
    type=click.Choice(["1.0", "1.1"]),
    default="1.0",
    show_default=True,
    help="Of web-eid:1.0, or of web-eid:1.1 with the signing certificate.",
)
@click.option(
    "--ca",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put the certificates of the card's CA into this folder, for test trust; "
    "without --origin and --nonce, do nothing else.",
)
@json_option
def token(
    *,
    origin: str | None,
    nonce: str | None,
    folder: Path | None,
    broken: str | None,
    version: Literal["1.0", "1.1"],
    ca: Path | None,
) -> None:
    """Identify with a mock card and print the token, as a page gets it.

    The token is the one line of JSON on standard output. A service accepts it when it
    has test trust in the card's CA, which lies in the card's folder.
    """
    only_ca = origin is None and nonce is None and ca is not None
    try:
        if broken in {"list", "help"}:
            _list()
            return
        if not only_ca and (origin is None or nonce is None):
            raise click.UsageError("A token needs --origin and --nonce.")
        card = _card(folder)
    except ImportError as error:
        raise CommandError(
            "TOOL_MISSING", missing_words(error.name or "A module", "testing")
        ) from error
    trusted = card.folder if ca is None else _export(card, ca)
    if origin is None or nonce is None:
        print_result({"ca": str(trusted), "card": str(card.folder)})
        return
    from kortilla.testing.card import make_token

    print_result(make_token(card.folder, origin, nonce, broken=broken, version=version))


def _card(folder: Path | None) -> "MockCardState":
    from kortilla.mock_card.state import MockCardState, default_folder

    folder = folder or default_folder()
    if not (folder / "card.json").exists():
        say(f"Making a mock card in {folder}.")
    return MockCardState.open_or_create(folder)


def _export(card: "MockCardState", folder: Path) -> Path:
    """Copy the CA certificates into a folder, without the CA's keys."""
    make_folder(folder, 0o755)
    for name in _CA_FILES:
        (folder / name).touch(0o644)
        (folder / name).write_bytes(card.read_file(name))
    return folder


def _list() -> None:
    from kortilla.testing.broken_tokens import BROKEN_TOKENS

    words = [f"{each.name:22} {each.what}: {each.error}" for each in BROKEN_TOKENS]
    rows = [
        {
            "name": each.name,
            "what": each.what,
            "error": each.error,
            "asksAboutRevocation": each.asks,
        }
        for each in BROKEN_TOKENS
    ]
    print_result({"broken": rows}, words)
