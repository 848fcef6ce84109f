# SPDX-License-Identifier: MIT
"""Options that several commands share, and the resulting configuration."""

from typing import Literal

import click

from native_host.config import CARDS, PROMPTS, Config, load_config

Card = Literal["pcsc", "mock"]
PromptKind = Literal["window", "terminal", "automatic"]

card_option = click.option(
    "--card",
    type=click.Choice(CARDS),
    help="A card in a reader, or the testers' mock card.",
)

prompt_option = click.option(
    "--prompt",
    type=click.Choice(PROMPTS),
    help="Where the PIN is typed; automatic is for the mock card.",
)


def configured(*, card: Card | None = None, prompt: PromptKind | None = None) -> Config:
    """Return the configuration with the changes from the command line."""
    config = load_config()
    if card is not None:
        config = config._replace(card=card)
    if prompt is not None:
        config = config._replace(prompt=prompt)
    return config
