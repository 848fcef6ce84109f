# SPDX-License-Identifier: MIT
"""``kortilla trust``: the EU's trusted lists, for signatures from other countries."""

import asyncio
import sys
from collections.abc import Mapping

import click

from kortilla.clock import utc_now
from kortilla.common.command_output import json_option, print_result
from kortilla.signing.trust_lists.store import TrustLists
from native_host.cli.options import lang_option, spoken_language
from native_host.cli.spoken import CommandGroup
from native_host.config import load_config
from native_host.files import words
from native_host.files.check import list_of_lists
from native_host.files.trust_lists import (
    describe_fetched,
    describe_kept,
    fetch_lists,
    is_current,
    kept_fields,
)
from native_host.platform.paths import lists_folder


@click.group(cls=CommandGroup)
def trust() -> None:
    """Get the EU's trusted lists, to check signatures from abroad."""


@trust.command()
@json_option
@lang_option
def update(*, lang: str | None) -> int:
    """Fetch the newest lists of the countries.

    Each list's signature is verified, and newer ones are kept. About 20 MB come from
    the Commission and from each country. Nothing about you or your files is sent. The
    exit status is 1 if a list could not be had.
    """
    texts = _texts(lang)

    config = load_config()
    with click.progressbar(
        length=1, label=texts["lists.label"], file=sys.stderr
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        fetched = asyncio.run(fetch_lists(config, progress))
    lists = [
        {
            "territory": each.territory,
            "problem": each.problem,
            "detail": each.detail,
            "kept": each.kept,
        }
        for each in fetched
    ]
    print_result({"lists": lists}, describe_fetched(fetched, texts))
    return int(any(each.problem for each in fetched))


@trust.command()
@json_option
@lang_option
def status(*, lang: str | None) -> int:
    """Say which lists are here, and until when each counts.

    The exit status is 1 if there is none, or one is too old.
    """
    texts = _texts(lang)

    of_lists = list_of_lists(load_config())
    lists, now = TrustLists.load(lists_folder(), lists=of_lists), utc_now()
    print_result(kept_fields(lists, now), describe_kept(lists, now, texts))
    return int(not is_current(lists, now))


def _texts(lang: str | None) -> Mapping[str, str]:

    return words.load(spoken_language(load_config(), lang))
