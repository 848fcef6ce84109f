# SPDX-License-Identifier: MIT
"""``kortilla sign``: signed files of the user's own files, or as a service asks."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from kortilla.common.command_output import print_progress, print_result, say
from kortilla.common.corners import CORNERS
from kortilla.common.escaping import shown_path
from kortilla.errors import TrustConfigurationError
from kortilla.validation.trust import certificate_files, load_ca, read_certificate
from native_host.cli.options import (
    FILE,
    PATH,
    Card,
    PromptKind,
    configured,
    files_argument,
    out_option,
    prompt_options,
    spoken_language,
)
from native_host.cli.service import sign_for_service
from native_host.config import Config
from native_host.errors import InvalidArgumentError, KortillaError
from native_host.files.batches import count_batches, fits_container
from native_host.files.sign import Outcome, sign_own_files
from native_host.files.sources import Mark, RefusedFilesError, Wish
from native_host.operations.environment import OpenPrompt, open_source, run_with_prompt
from native_host.operations.request import Context
from native_host.pin_prompt.model import Progress
from native_host.signing_extra import check_library
from native_host.texts.catalogues import catalogue
from native_host.texts.language import LANGUAGE_TAG

#: Options that go only with --origin, and those that go only without.
_OF_SERVICES = ("hashes", "names", "hash_function", "key", "padding", "certificate")
_OF_FILES = ("out", "container", "visible", "tsa", "level", "progress")

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


@click.command()
@files_argument(required=False)
@out_option
@click.option(
    "--container", is_flag=True, help="Put all files into one ASiC-E container."
)
@click.option(
    "--visible",
    metavar="PAGE:POS",
    help="A mark on a page of each PDF: last:bottom-right, or 1:20,20 or last:X,Y,W,H "
    "in millimetres from the lower left corner.",
)
@click.option("--tsa", metavar="URL", help="A time-stamping service.")
@click.option(
    "--level",
    type=click.Choice(["b", "t", "lt", "lta"]),
    help="The level of the signature; above b needs --tsa, above t --trust too.",
)
@click.option(
    "--trust",
    envvar="KORTILLA_TRUST",
    type=PATH,
    help="The folder with the CA certificates that lt and lta need.",
)
@click.option(
    "--progress",
    is_flag=True,
    help="With --json: print a line before each signature too.",
)
@click.option(
    "--origin",
    help="For testers: sign for this service, https://host[:port], and print the "
    "signatures.",
)
@click.option(
    "--hash", "hashes", multiple=True, help="A hash in base64, in place of files."
)
@click.option("--name", "names", multiple=True, help="What a hash is called.")
@click.option("--hash-function", help="SHA-256, SHA-384, …; needed with --hash.")
@click.option(
    "--key", type=click.Choice(["ECC", "RSA"]), help="Which of the card's keys."
)
@click.option(
    "--padding", type=click.Choice(["PKCS1.5", "PSS"]), help="How an RSA key signs."
)
@click.option(
    "--certificate", type=FILE, help="The certificate (DER or PEM) that must sign."
)
@prompt_options
def sign(
    *,
    files: tuple[Path, ...],
    trust: Path | None,
    origin: str | None,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
    **options: Any,
) -> int:
    """Show your own files, and sign them with PIN2.

    A PDF becomes a signed PDF. Other files, or all with --container, become one ASiC-E
    container. No file is overwritten. For more than 20 PDFs, PIN2 is asked for again.
    """
    of_services = {name: options[name] for name in _OF_SERVICES}
    of_files = {name: options[name] for name in _OF_FILES}
    if origin is None:
        if any(of_services.values()):
            raise click.UsageError("This option needs --origin.")
        of_files["trust"] = _check_own(files, options["level"], options["tsa"], trust)
        check_library()
        of_files["lang"] = _language_tag(lang)
        return _sign_own(configured(card=card, prompt=prompt), files, **of_files)
    if any(of_files.values()):
        raise click.UsageError("This option is without --origin.")
    if bool(files) == bool(options["hashes"]):
        raise click.UsageError("Give either files or --hash.")
    if options["hashes"] and options["hash_function"] is None:
        raise click.UsageError("--hash needs --hash-function.")
    if options["names"] and len(options["names"]) != len(options["hashes"]):
        raise click.UsageError("Give one --name for each --hash, or none.")

    config = configured(card=card, prompt=prompt)
    tag = _language_tag(lang)
    return sign_for_service(config, files, origin=origin, lang=tag, **of_services)


def _check_own(
    files: tuple[Path, ...], level: str | None, tsa: str | None, trust: Path | None
) -> Path | None:
    """Check the options for own files, and return the folder of CAs that is needed."""
    long_term = level in {"lt", "lta"}
    if not files:
        raise click.UsageError("Give a file to sign.")
    if level not in {None, "b"} and tsa is None:
        raise click.UsageError(f"--level {level} needs --tsa.")
    if long_term and trust is None:
        raise click.UsageError(f"--level {level} needs --trust.")
    if level == "b" and tsa is not None:
        raise click.UsageError("--tsa makes the level t.")
    return trust if long_term else None


def _sign_own(
    config: Config,
    files: tuple[Path, ...],
    *,
    out: Path | None,
    container: bool,
    visible: str | None,
    tsa: str | None,
    level: str | None,
    trust: Path | None,
    progress: bool,
    lang: str | None,
) -> int:
    """Sign the user's own files, print the result and return the exit status.

    With ``progress``, a line of JSON before each signature says how many are made, and
    one before each batch says which PIN2 is asked for.
    """

    level = level or ("b" if tsa is None else "t")
    wish = Wish(
        files=files,
        language=spoken_language(config, lang),
        out=out,
        container=container,
        mark=None if visible is None else _mark(visible),
        level=f"B-{level.upper()}",
        tsa=None if tsa is None else _address(tsa),
        authorities=() if trust is None else _authorities(trust),
    )
    if (batches := count_batches(files, container=container)) > 1:
        say(f"{len(files)} files: PIN2 is asked for {batches} times.")
    return _sign_wish(config, wish, progress=progress)


def _sign_wish(config: Config, wish: Wish, *, progress: bool) -> int:
    """Sign with the configured card and prompt. A signal cancels as the user would."""

    def report(stage: str, at: Progress | None) -> None:
        if at is None:
            return
        if stage == "batch":
            say(f"Part {at.done + 1} of {at.total}:")
            if progress:
                print_progress(batch=at.done + 1, batches=at.total)
        elif stage == "signing" and progress:
            print_progress(done=at.done, total=at.total)

    async def work(open_prompt: OpenPrompt) -> Outcome:
        # The window opens after the files have been read, so that it never shows one
        # that can't be signed.
        async with open_source(config) as source:
            return await sign_own_files(Context(source, open_prompt(), report), wish)

    try:
        return _report(run_with_prompt(config, work))
    except RefusedFilesError as error:
        for line in _refusals(error, wish.language):
            say(line)
        _advise(error)
        print_result(error.fields())
        return 1


def _refusals(error: RefusedFilesError, language: str) -> Iterator[str]:
    """Yield why files are refused: in other languages than English as the window."""
    if language == "en":
        yield str(error)
        return
    texts = catalogue("shared", language)
    for each in error.files:
        name = shown_path(each.path)
        words = texts.get(f"not_signed.{each.reason}", texts["not_signed.other"])
        yield words.format(name=name)


def _advise(error: KortillaError) -> None:
    """Say what can be done where a PDF can't have a signature of its own."""

    files = error.files if isinstance(error, RefusedFilesError) else ()
    if any(fits_container(each.path, each.reason) for each in files):
        say("With --container, the file is signed as it is, in an ASiC-E container.")


def _report(outcome: Outcome) -> int:

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
    if outcome.failed:
        _advise(outcome.failed[0].error)
    print_result(outcome.fields(), words)
    return 1 if outcome.failed else 0


def _authorities(folder: Path) -> tuple[bytes, ...]:

    found = []
    for path in certificate_files(folder):
        try:
            found.append(read_certificate(path))
            load_ca(str(path), found[-1])
        except TrustConfigurationError as error:
            raise click.UsageError(str(error)) from error
        except (OSError, ValueError) as error:
            raise click.UsageError(f"{path} is not a CA certificate.") from error
    if not found:
        raise click.UsageError(f"There is no CA certificate in {folder}.")
    return tuple(found)


def _mark(visible: str) -> Mark:
    """Read ``PAGE:CORNER``, or ``PAGE:X,Y`` or ``PAGE:X,Y,W,H`` in millimetres."""

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


def _language_tag(text: str | None) -> str | None:

    if text and not re.match(LANGUAGE_TAG, text):
        raise InvalidArgumentError("The language is not a language tag.")
    return text
