# SPDX-License-Identifier: MIT
"""``kortilla identify``: the Web eID token for an origin and a challenge."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kortilla.common.command_output import json_option, print_result
from native_host.cli.options import (
    Card,
    PromptKind,
    card_option,
    configured,
    prompt_option,
)
from native_host.config import Config

if TYPE_CHECKING:
    from native_host.environment import OpenPrompt


@click.command()
@click.option("--origin", required=True, help="The service: https://host[:port].")
@click.option("--nonce", required=True, help="Its challenge, 44 to 128 characters.")
@click.option("--lang", help="The language to speak: fi, sv or en.")
@json_option
@prompt_option
@card_option
def identify(
    origin: str,
    nonce: str,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
) -> None:
    """Identify to a service and print the Web eID token."""
    config = configured(card=card, prompt=prompt)
    from native_host.environment import run_with_prompt

    print_result(
        run_with_prompt(config, partial(_identify, config, origin, nonce, lang))
    )


async def _identify(
    config: Config, origin: str, nonce: str, lang: str | None, open_prompt: OpenPrompt
) -> dict[str, Any]:
    from native_host.environment import open_source
    from native_host.languages import choose_language
    from native_host.operations.authenticate import AuthenticateRequest, authenticate
    from native_host.operations.prompting import Context
    from native_host.origin import check_origin
    from native_host.processes import program_in_place_of_browser
    from native_host.results import token_fields

    request = AuthenticateRequest(
        origin=check_origin(origin, allow_localhost=config.allow_localhost),
        challenge_nonce=nonce,
        language=choose_language(config.language, lang),
        caller=program_in_place_of_browser(),
    )
    request.check()
    async with open_source(config) as source:
        token = await authenticate(Context(source, open_prompt()), request)
    return token_fields(token)
