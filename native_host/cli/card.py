# SPDX-License-Identifier: MIT
"""``kortilla card``: what is in the readers, and the PINs of the card in one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NotRequired, Unpack

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import json_option, print_result, say
from native_host.cli.options import (
    Card,
    CommandGroup,
    PromptKind,
    PromptOptions,
    card_option,
    configured,
    prompt_options,
    spoken_language,
)
from native_host.config import Config

if TYPE_CHECKING:
    from native_host.environment import OpenPrompt
    from native_host.operations.card_status import CardStatus, ReaderStatus
    from native_host.operations.set_pin import ManageRequest, PinsSet

_pin_argument = click.argument(
    "pin", type=click.Choice(["pin1", "pin2"], case_sensitive=False)
)
_reader_option = click.option(
    "--reader", default="", help="The reader of the card, where several have one."
)


class _Options(PromptOptions):
    """The options of a command that sets a PIN."""

    reader: str
    unasked: NotRequired[bool]


@click.group(cls=CommandGroup)
def card() -> None:
    """Look at the identity card, activate it, set its PINs."""


@card.command()
@json_option
@card_option
def status(card: Card | None) -> None:
    """Show readers, cards, certificates and the tries left."""
    readers = asyncio.run(_status(configured(card=card)))
    print_result({"readers": readers}, _words(readers))


@card.command()
@prompt_options
@_reader_option
@click.option("--unasked", is_flag=True, help="Offer it first, as the agent does.")
def activate(**options: Unpack[_Options]) -> None:
    """Set PIN1 and PIN2 of a new card with the code in the letter."""
    from native_host.operations.activate import activate as operation

    _manage(operation, **options)


@card.command()
@_pin_argument
@prompt_options
@_reader_option
def change_pin(pin: str, **options: Unpack[_Options]) -> None:
    """Change PIN1 or PIN2."""
    from native_host.card.keys import PinRole
    from native_host.operations.set_pin import change_pin as operation

    _manage(partial(operation, role=PinRole[pin.upper()]), **options)


@card.command()
@_pin_argument
@prompt_options
@_reader_option
def unblock(pin: str, **options: Unpack[_Options]) -> None:
    """Unlock PIN1 or PIN2 with the PUK, and set it anew."""
    from native_host.card.keys import PinRole
    from native_host.operations.set_pin import unblock as operation

    _manage(partial(operation, role=PinRole[pin.upper()]), **options)


@card.command()
@json_option
def use_keypad() -> None:
    """Type PINs on readers again that have refused it."""
    from native_host import unused_pads

    products = unused_pads.products()
    unused_pads.forget()
    words = [f"The keys of {each} are used again." for each in products]
    print_result({"readers": products}, words or ["No reader's keys are left unused."])


def _manage(
    operation: Callable[..., Awaitable[PinsSet]],
    *,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
    reader: str,
    unasked: bool = False,
) -> None:
    config = configured(card=card, prompt=prompt)
    from native_host.environment import run_with_prompt
    from native_host.operations.set_pin import ManageRequest

    language = spoken_language(config, lang)
    request = ManageRequest(language=language, reader=reader, unasked=unasked)
    done = run_with_prompt(config, partial(_managed, operation, config, request))
    words = {"set": "is set", "was-set": "had been set before"}
    print_result(done, [f"{pin.upper()} {words[how]}." for pin, how in done.items()])


async def _managed(
    operation: Callable[..., Awaitable[PinsSet]],
    config: Config,
    request: ManageRequest,
    open_prompt: OpenPrompt,
) -> JsonObject:
    from native_host.environment import open_source
    from native_host.operations.request import Context
    from native_host.pin_prompt.prompt import PromptError

    prompt = open_prompt()
    async with open_source(config) as source:
        done = await operation(Context(source, prompt), request)
    if config.prompt == "window":
        # It stays until the person has read it; the PINs are set already.
        with suppress(PromptError):
            await prompt.wait_for_cancel()
    return done.fields()


async def _status(config: Config) -> list[ReaderStatus]:
    from native_host.environment import open_source
    from native_host.operations.card_session import SILENT_AFTER
    from native_host.operations.card_status import card_status

    loop = asyncio.get_running_loop()
    silent = loop.call_later(SILENT_AFTER, say, _SILENT)
    try:
        async with open_source(config) as source:
            return await card_status(source)
    finally:
        silent.cancel()


_SILENT = (
    "The card has not answered yet. Wait a moment longer. If nothing happens, take it "
    "out of the reader, wipe its chip with a clean, dry cloth and put it in again."
)
_ACTIVATION = {
    "active": "The card has been activated.",
    "new": "The card has not been activated yet.",
    "partly": "One of the card's two PINs has not been activated yet.",
    "unknown": "The card does not say whether it has been activated.",
}


def _words(readers: list[ReaderStatus]) -> list[str]:
    lines = [] if readers else ["There is no card reader."]
    for each in readers:
        lines.append(f"{each['reader']}:")
        if "error" in each:
            lines.append(f"  {each['error']['message']}")
        elif each["card"] is None:
            lines.append("  There is no card in it.")
        else:
            words = _card_words(each["card"], test=each["testCard"])
            lines += [f"  {line}" for line in words]
    return lines


def _card_words(found: CardStatus, *, test: bool) -> list[str]:
    lines = ["Test card."] if test else []
    if found["holder"]:
        lines.append(f"{found['holder']['name']}, SATU {found['holder']['satu']}")
    for each in found["certificates"]:
        if "error" in each:
            lines.append(f"Certificate for {each['role']}: {each['error']['message']}")
            continue
        start, end = each["notBefore"][:10], each["notAfter"][:10]
        lines.append(
            f"Certificate for {each['role']}, {each['keyType']}: {start} to {end}"
        )
    tries = [
        f"{name} {'unknown' if left is None else left}"
        for name, left in found["tries"].items()
    ]
    lines += [f"Tries left: {', '.join(tries)}", _ACTIVATION[found["activation"]]]
    if found["activation"] == "active":
        lines += [
            f"{name} is locked: see kortilla card unblock {name.lower()}."
            for name in ("PIN1", "PIN2")
            if found["tries"][name] == 0
        ]
    return lines
