# SPDX-License-Identifier: MIT
"""``kortilla mock-card`` and ``kortilla demo``: what testers use."""

import importlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import click

from kortilla.common.command_output import json_option, print_result, say
from kortilla.mock_card.apdu import Style
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.contactless import ContactlessCard
from kortilla.mock_card.errors import NoVirtualReaderError
from kortilla.mock_card.faults import CommandName, Fault, FaultName, dump
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from kortilla.mock_card.vpcd import VirtualReader
from native_host.cli.spoken import CommandGroup
from native_host.errors import ToolMissingError

#: Those of ``CardState``, whose module is slow to import.
_STATES = [
    *("active", "new", "partly-activated", "pin1-blocked", "pin2-blocked"),
    *("last-try", "expired", "revoked"),
]
_CHECKOUT = Path(__file__).parents[2]


@click.group(cls=CommandGroup)
def mock_card() -> None:
    """Make and use the testers' card.

    It names only SPECIMEN people.
    """


@mock_card.command()
@click.option(
    "--profile",
    type=click.Choice([*PROFILES]),
    default="v5",
    help="The generation of card to play.",
)
@click.option(
    "--state",
    type=click.Choice(_STATES),
    default="active",
    help="The state that the card is in.",
)
@click.option(
    "--key-agreement",
    type=click.Choice(["plain", "template"]),
    default="plain",
    help="The form in which the card takes a point: as it is, or in a template.",
)
@click.option("--force", is_flag=True, help="Throw away a mock card that is there.")
@json_option
def new(
    profile: str,
    state: str,
    key_agreement: Literal["plain", "template"],
    force: bool,
) -> None:
    """Make a mock card with keys, a test CA and the testers' PINs."""

    card = MockCardState.create(
        profile=profile, state=state, key_agreement=key_agreement, replace=force
    )
    words = f"Made a mock card in {card.folder}: {_codes(card)}."
    print_result(card.describe(), [words])


def _codes(card: MockCardState) -> str:
    """Return the PINs and codes of a new card, for the tester."""
    data = card.read()
    pins = [
        f"{name} {pin.value}"
        for name, pin in (("PIN1", data.pin1), ("PIN2", data.pin2))
        if pin.changed
    ]
    # A PIN that is not activated is the code itself, or blocked until the PUK sets it.
    codes = {
        pin.value if pin.tries else data.puk.value
        for pin in (data.pin1, data.pin2)
        if not pin.changed
    }
    codes_in_words = [f"activation code {code}" for code in sorted(codes)]
    return ", ".join([*pins, *codes_in_words, f"PUK {data.puk.value}"])


@mock_card.command()
@json_option
def show() -> None:
    """Show the mock card, and the faults to come."""

    described = MockCardState.open().describe()
    print_result(described, _lines(described))


def _lines(described: Mapping[str, object], indent: str = "") -> Iterator[str]:
    """Return a description in lines, of which those of a part are indented."""
    for name, value in described.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{name}:"
            for each in value:
                yield from _lines({"-": each}, f"{indent}  ")
        else:
            yield f"{indent}{name}: {value}"


@mock_card.command()
@click.argument(
    "name",
    required=False,
    type=click.Choice([*map(str, FaultName)]),
)
@click.option(
    "--on",
    type=click.Choice([*map(str, CommandName)]),
    default="any",
    help="The command that the fault strikes.",
)
@click.option(
    "--before",
    "when",
    flag_value="before",
    default=True,
    help="The card never executes the command.",
)
@click.option(
    "--after",
    "when",
    flag_value="after",
    help="The card has executed it: tries are spent, the signature is made.",
)
@click.option(
    "--skip",
    type=click.IntRange(0),
    default=0,
    help="How many such commands pass before.",
)
@click.option(
    "--times",
    type=click.IntRange(1),
    default=1,
    help="How many are struck.",
)
@click.option("--always", is_flag=True, help="All are struck, until --clear.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 3600),
    help="How long a delay or muteness lasts; when what was pulled is back.",
)
@click.option("--list", "show_list", is_flag=True, help="Show the faults to come.")
@click.option("--clear", is_flag=True, help="Let no fault come.")
@click.option("--pull", is_flag=True, help="Take the card out, now.")
@click.option("--insert", is_flag=True, help="Put the card in, and its reader.")
@json_option
def fault(
    *,
    name: str | None,
    show_list: bool,
    clear: bool,
    pull: bool,
    insert: bool,
    times: int,
    always: bool,
    on: str,
    when: str,
    skip: int,
    seconds: float | None,
) -> None:
    """Make something go wrong: NAME at the next command of a kind.

    A host or a served card that runs already takes it. Faults are added to those that
    are to come; of several that are due the first one strikes.
    """

    if sum((name is not None, show_list, clear, pull, insert)) != 1:
        raise click.UsageError(
            "Give one of NAME, --list, --clear, --pull and --insert."
        )
    card = MockCardState.open()
    if name is not None:
        number = None if always else times
        card.add_fault(Fault(name, on, when, skip, number, seconds))
    elif clear:
        card.set_faults()
    elif pull:
        card.pull()
    elif insert:
        card.insert()
    result = {"inserted": card.presence().card, "faults": dump(card.faults())}
    print_result(result, _lines(result))


@mock_card.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=35963,
    help="Where the virtual reader of vsmartcard listens.",
)
@click.option(
    "--plain-reader", is_flag=True, help="The reader refuses what T=0 can't carry."
)
@click.option(
    "--contactless", is_flag=True, help="The card lies on a contactless reader."
)
@json_option
def serve(port: int, plain_reader: bool, contactless: bool) -> None:
    """Put the mock card in a virtual PC/SC reader until Ctrl-C."""
    if contactless and plain_reader:
        raise click.UsageError("A contactless reader is never plain.")
    card = MockCardState.open()
    style = Style.FETCHED if plain_reader else Style.DIRECT
    if contactless:
        inserted: MockCard = ContactlessCard(card, wait=time.sleep)
    else:
        inserted = MockCard(card, style=style)
    reader = VirtualReader(inserted, port=port)
    print_result(
        {"port": port, "folder": str(card.folder)},
        ["The mock card is in the virtual reader. Ctrl-C takes it out."],
    )
    try:
        reader.run()
    except KeyboardInterrupt:
        say("The mock card was taken out.")
        return
    raise NoVirtualReaderError("The virtual reader went away.")


@click.command(
    context_settings={"ignore_unknown_options": True},
    hidden=sys.platform == "win32",  # no checkout's demo runs there
)
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
