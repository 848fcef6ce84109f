# SPDX-License-Identifier: MIT
"""``kortilla sign`` without a service: signed files of the person's own files."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from kortilla.common.command_output import error_result, print_result, say
from native_host.config import Config
from native_host.errors import KortillaError

if TYPE_CHECKING:
    from native_host.cli.run import OpenPrompt
    from native_host.local_signing.signing import Mark, Outcome, Wish
    from native_host.pin_prompt.model import Progress

#: Points of a millimetre.
_POINTS = 72 / 25.4
#: Width and height of a mark in millimetres.
_MARK = (70, 20)
#: The longest side of a page, in millimetres: 200 inches.
_LONGEST = 5080
_VISIBLE = re.compile(
    r"(?P<page>last|[1-9][0-9]{0,4}):"
    r"(?:(?P<corner>(?:bottom|top)-(?:left|right))"
    r"|(?P<place>[0-9]{1,4},[0-9]{1,4}(?:,[1-9][0-9]{0,3},[1-9][0-9]{0,3})?))"
)


def sign_own(
    config: Config,
    *,
    files: tuple[Path, ...],
    out: Path | None,
    container: bool,
    visible: str | None,
    tsa: str | None,
    level: str,
    trust: Path | None,
    progress: bool,
    lang: str | None,
) -> int:
    """Sign the person's own files, print the result and return the exit status.

    With ``progress``, a line of JSON before each signature says how many are made.
    """
    from native_host.cli.run import run_with_prompt
    from native_host.languages import choose_language
    from native_host.local_signing.errors import (
        FileNotSignableError,
        FileNotWritableError,
    )
    from native_host.local_signing.signing import Wish

    wish = Wish(
        files=files,
        language=choose_language(config.language, lang),
        out=out,
        container=container,
        mark=None if visible is None else _mark(visible),
        level=f"B-{level.upper()}",
        tsa=None if tsa is None else _address(tsa),
        authorities=() if trust is None else _authorities(trust),
    )
    try:
        outcome = run_with_prompt(config, partial(_sign, config, wish, progress))
    except FileNotSignableError as error:
        return _refuse(error, [(each.path, each.reason) for each in error.files])
    except FileNotWritableError as error:
        return _refuse(error, [(error.path, "unwritable")])
    return _report(outcome)


async def _sign(
    config: Config, wish: Wish, progress: bool, open_prompt: OpenPrompt
) -> Outcome:
    from native_host.environment import open_source
    from native_host.local_signing.signing import sign_own_files
    from native_host.operations.request import Context, report_nothing

    # The window opens after the files have been read, so that it never shows one that
    # can't be signed.
    async with open_source(config) as source:
        prompt, report = open_prompt(), _print_progress if progress else report_nothing
        return await sign_own_files(Context(source, prompt, report), wish)


def _print_progress(stage: str, progress: Progress | None) -> None:
    if stage == "signing" and progress is not None:
        made = {"done": progress.done, "total": progress.total}
        print_result({"progress": made})


def _refuse(error: KortillaError, files: list[tuple[Path, str]]) -> int:
    """Print an error, with each file that it is about and a stable word for why."""
    result = error_result(error.code, str(error), files[0][1])
    result["error"]["files"] = [
        {"file": str(path), "reason": reason} for path, reason in files
    ]
    say(str(error))
    print_result(result)
    return 1


def _report(outcome: Outcome) -> int:
    from native_host.local_signing.errors import shown_path

    words = []
    for made in outcome.made:
        words.append(f"Signed: {shown_path(made.path)} ({made.level})")
        if made.shortfall:
            words.append(f"  The level is lower than you wished. {made.shortfall}")
    words += [
        f"{shown_path(path)} has changed since it was shown. The signed file has "
        "what was shown."
        for path in outcome.changed
    ]
    for failed in outcome.failed:
        for path in failed.originals:
            say(f"Not signed: {shown_path(path)}. {failed.error}")
    result: dict[str, Any] = {
        "files": [
            {
                "file": str(made.path),
                "originals": [str(path) for path in made.originals],
                "kind": {"pdf": "pdf", "container": "asice"}[made.kind],
                "level": made.level,
                "shortfall": made.shortfall,
            }
            for made in outcome.made
        ],
        "changed": [str(path) for path in outcome.changed],
    }
    if outcome.failed:
        first = outcome.failed[0].error
        result["failed"] = [
            str(path) for failed in outcome.failed for path in failed.originals
        ]
        result["error"] = {"code": first.code, "message": str(first)}
    print_result(result, words)
    return 1 if outcome.failed else 0


def _authorities(folder: Path) -> tuple[bytes, ...]:
    from asn1crypto import pem

    from kortilla.validation.trust import certificate_files

    found = []
    for path in certificate_files(folder):
        try:
            content = path.read_bytes()
            found.append(pem.unarmor(content)[2] if pem.detect(content) else content)
        except (OSError, ValueError) as error:
            raise click.UsageError(f"{path} is not a CA certificate.") from error
    if not found:
        raise click.UsageError(f"There is no CA certificate in {folder}.")
    return tuple(found)


def _mark(visible: str) -> Mark:
    """Read ``PAGE:CORNER``, or ``PAGE:X,Y`` or ``PAGE:X,Y,W,H`` in millimetres."""
    from kortilla.common.corners import CORNERS
    from native_host.local_signing.signing import Mark

    match = _VISIBLE.fullmatch(visible)
    if match is None:
        raise click.UsageError(
            "--visible is PAGE:CORNER, or PAGE:X,Y or PAGE:X,Y,WIDTH,HEIGHT in "
            "millimetres. PAGE is a number from 1, or last. CORNER is bottom-left, "
            "bottom-right, top-left or top-right."
        )
    page = -1 if match["page"] == "last" else int(match["page"]) - 1
    for corner in CORNERS:
        if match["corner"] == corner:
            return Mark(page, corner)
    left, bottom, *size = (int(each) for each in match["place"].split(","))
    width, height = size or _MARK
    if max(left + width, bottom + height) > _LONGEST:
        raise click.UsageError("The mark of --visible is outside every page.")
    box = (left, bottom, left + width, bottom + height)
    left, bottom, right, top = (round(each * _POINTS) for each in box)
    return Mark(page, (left, bottom, right, top))


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable():
        raise click.UsageError("--tsa is an address that begins with https or http.")
    return url
