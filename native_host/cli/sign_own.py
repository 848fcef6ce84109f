# SPDX-License-Identifier: MIT
"""``kortilla sign`` without a service: signed files of the user's own files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from kortilla.common.command_output import print_result, say
from native_host.config import Config

if TYPE_CHECKING:
    from native_host.files.sign import Outcome
    from native_host.files.sources import Mark

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
    """Sign the user's own files, print the result and return the exit status.

    With ``progress``, a line of JSON before each signature says how many are made.
    """
    from native_host.files.process import sign_files
    from native_host.files.sources import RefusedFilesError, Wish
    from native_host.languages import choose_language

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
        outcome = sign_files(config, wish, _print_progress if progress else None)
    except RefusedFilesError as error:
        say(str(error))
        print_result(error.fields())
        return 1
    return _report(outcome)


def _print_progress(done: int, total: int) -> None:
    print_result({"progress": {"done": done, "total": total}})


def _report(outcome: Outcome) -> int:
    from native_host.files.sources import shown_path

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
    print_result(outcome.fields(), words)
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
    from native_host.files.sources import Mark

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
