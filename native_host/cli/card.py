# SPDX-License-Identifier: MIT
"""``kortilla card``: what is in the readers, and the PINs of the card in one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import NotRequired, Unpack

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import json_option, print_result, say
from kortilla.common.escaping import printable
from native_host.card.atr import is_contactless
from native_host.card.keys import PinRole
from native_host.cli.options import (
    Card,
    PromptKind,
    PromptOptions,
    card_option,
    configured,
    lang_option,
    prompt_options,
    spoken_language,
)
from native_host.cli.spoken import CommandGroup
from native_host.config import Config
from native_host.operations import activate as activation
from native_host.operations import set_pin
from native_host.operations.card_access.card_session import SILENT_AFTER
from native_host.operations.card_status import ReaderStatus, reader_status
from native_host.operations.card_words import (
    CardWords,
    ReadersWords,
    StateWords,
    readers_words,
)
from native_host.operations.environment import OpenPrompt, open_source, run_with_prompt
from native_host.operations.request import Context
from native_host.operations.set_pin import ManageRequest, PinsSet
from native_host.pin_prompt.prompt import PromptError
from native_host.state import unused_pads
from native_host.texts.card import CardTexts

_pin_argument = click.argument(
    "pin", type=click.Choice(["pin1", "pin2"], case_sensitive=False)
)
_reader_option = click.option(
    "--reader", default="", help="The reader of the card, where several have one."
)

#: Lets a small window break a long word, and is of no use in a terminal.
_SOFT_HYPHEN = "\u00ad"


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
@lang_option
def status(card: Card | None, lang: str | None) -> None:
    """Show readers, cards and the tries left."""
    config = configured(card=card)
    texts = CardTexts(spoken_language(config, lang))
    readers = asyncio.run(_status(config, texts))
    words = readers_words(readers, datetime.now(UTC), texts)
    print_result({"readers": readers, "words": words}, _words(words, readers))


@card.command()
@prompt_options
@_reader_option
@click.option("--unasked", is_flag=True, help="Offer it first, as the agent does.")
def activate(**options: Unpack[_Options]) -> None:
    """Set PIN1 and PIN2 of a new card with the code in the letter."""
    _manage(activation.activate, **options)


@card.command()
@_pin_argument
@prompt_options
@_reader_option
def change_pin(pin: str, **options: Unpack[_Options]) -> None:
    """Change PIN1 or PIN2."""
    _manage(partial(set_pin.change_pin, role=PinRole[pin.upper()]), **options)


@card.command()
@_pin_argument
@prompt_options
@_reader_option
def unblock(pin: str, **options: Unpack[_Options]) -> None:
    """Unlock PIN1 or PIN2 with the PUK, and set it anew."""
    _manage(partial(set_pin.unblock, role=PinRole[pin.upper()]), **options)


@card.command()
@json_option
@lang_option
def use_keypad(lang: str | None) -> None:
    """Type PINs on readers again that have refused it."""
    texts = CardTexts(spoken_language(configured(), lang))
    products = unused_pads.products()
    unused_pads.forget()
    words = [texts("keypad", reader=printable(each)) for each in products]
    print_result({"readers": products}, words or [texts("keypad.none")])


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
    language = spoken_language(config, lang)
    request = ManageRequest(language=language, reader=reader, unasked=unasked)
    done = run_with_prompt(config, partial(_managed, operation, config, request))
    texts = CardTexts(language)
    print_result(
        done,
        [
            texts(f"done.{how}", pin=texts(pin).replace(_SOFT_HYPHEN, ""))
            for pin, how in done.items()
        ],
    )


async def _managed(
    operation: Callable[..., Awaitable[PinsSet]],
    config: Config,
    request: ManageRequest,
    open_prompt: OpenPrompt,
) -> JsonObject:
    prompt = open_prompt()
    async with open_source(config) as source:
        done = await operation(Context(source, prompt), request)
    if config.prompt == "window":
        # It stays until the person has read it; the PINs are set already.
        with suppress(PromptError):
            await prompt.wait_for_cancel()
    return done.fields()


async def _status(config: Config, texts: CardTexts) -> list[ReaderStatus]:
    problem = "CARD_SILENT"

    def say_silent() -> None:
        say("{}. {}".format(*texts.problem(problem)))

    silent = asyncio.get_running_loop().call_later(SILENT_AFTER, say_silent)
    try:
        async with open_source(config) as source:
            readers = await source.readers()
            if any(is_contactless(each.atr or b"") for each in readers):
                problem = "CARD_SLOW"  # lifted now, it may become slower
            return [await reader_status(source, each) for each in readers]
    finally:
        silent.cancel()


def _words(words: ReadersWords, readers: list[ReaderStatus]) -> Iterator[str]:
    """Return what the page *Card* says of the readers."""
    if state := words["state"]:
        yield from _sentences(state)
    for each, card in zip(readers, words["cards"], strict=True):
        yield f"{printable(each['reader'])}:"
        if card:
            yield from (f"  {line}" for line in _card_lines(card))


def _card_lines(card: CardWords) -> Iterator[str]:
    yield from filter(None, (card["mark"], card["holder"], card["satu"]))
    yield from _sentences(card)
    yield from filter(None, [card["valid"]])
    for each in card["codes"]:
        title = each["title"].replace(_SOFT_HYPHEN, "")
        yield f"{title}: {each['words']}".removesuffix(": ")
    for found in card["certificates"]:
        yield f"{found['title']}: {found['words']}"
    for action in card["actions"]:
        words = ("kortilla", "card", action["command"], action["pin"] or "")
        yield f"{action['label']}: {' '.join(filter(None, words)).lower()}"


def _sentences(state: StateWords) -> Iterator[str]:
    yield from filter(None, (state["title"], state["more"]))
    if answer := state["help"]:
        yield answer["more"]
