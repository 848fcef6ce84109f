# SPDX-License-Identifier: MIT
"""``kortilla sign``: signed files, or signatures of a service's files or hashes."""

from __future__ import annotations

import base64
import mimetypes
import os
import re
import ssl
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kortilla.common.command_output import json_option, print_result, say
from native_host.cli.options import (
    Card,
    PromptKind,
    card_option,
    configured,
    prompt_option,
)
from native_host.cli.sign_own import sign_own
from native_host.config import Config
from native_host.errors import InvalidArgumentError
from native_host.signing_extra import check_library

if TYPE_CHECKING:
    from native_host.environment import OpenPrompt
    from native_host.operations.documents import DocumentInbox
    from native_host.operations.sign import Signature, Signatures
    from native_host.operations.sign_request import HashToSign, SignRequest


@click.command()
@click.argument(
    "files",
    metavar="[FILE]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="The folder for the signed files, or the path of the only one.",
)
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
    type=click.Path(path_type=Path),
    help="The folder with the CA certificates that lt and lta need.",
)
@click.option(
    "--progress",
    is_flag=True,
    help="With --json: print a line before each signature too.",
)
@json_option
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
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate (DER or PEM) that must sign.",
)
@click.option("--lang", help="The language to speak: fi, sv or en.")
@prompt_option
@card_option
def sign(
    *,
    files: tuple[Path, ...],
    out: Path | None,
    container: bool,
    visible: str | None,
    tsa: str | None,
    level: str | None,
    trust: Path | None,
    progress: bool,
    origin: str | None,
    hashes: tuple[str, ...],
    names: tuple[str, ...],
    hash_function: str | None,
    key: str | None,
    padding: str | None,
    certificate: Path | None,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
) -> int:
    """Show your own files, and sign them with PIN2.

    A PDF becomes a signed PDF. Other files, or all with --container, become one ASiC-E
    container. No file is overwritten.
    """
    if origin is None:
        for_services = [hashes, names, hash_function, key, padding, certificate]
        if any(for_services):
            raise click.UsageError("This option needs --origin.")
        if not files:
            raise click.UsageError("Give a file to sign.")
        if level not in {None, "b"} and tsa is None:
            raise click.UsageError(f"--level {level} needs --tsa.")
        if level in {"lt", "lta"} and trust is None:
            raise click.UsageError(f"--level {level} needs --trust.")
        if level == "b" and tsa is not None:
            raise click.UsageError("--tsa makes the level t.")
        check_library()
        return sign_own(
            configured(card=card, prompt=prompt),
            files=files,
            out=out,
            container=container,
            visible=visible,
            tsa=tsa,
            level=level or ("b" if tsa is None else "t"),
            trust=trust if level in {"lt", "lta"} else None,
            progress=progress,
            lang=lang and _language_tag(lang),
        )
    if out or container or visible or tsa or level or progress:
        raise click.UsageError("This option is without --origin.")
    if bool(files) == bool(hashes):
        raise click.UsageError("Give either files or --hash.")
    if hashes and hash_function is None:
        raise click.UsageError("--hash needs --hash-function.")
    if names and len(names) != len(hashes):
        raise click.UsageError("Give one --name for each --hash, or none.")
    config = configured(card=card, prompt=prompt)
    from native_host.card.signature import KeyType, Padding
    from native_host.environment import run_with_prompt
    from native_host.languages import choose_language
    from native_host.operations.sign_request import SignRequest
    from native_host.origin import check_origin
    from native_host.processes import program_in_place_of_browser

    request = SignRequest(
        origin=check_origin(origin, allow_localhost=config.allow_localhost),
        language=choose_language(config.language, lang and _language_tag(lang)),
        hashes=_hashes(hashes, names, hash_function),
        hash_function=None if hashes else hash_function,
        certificate=None if certificate is None else _der(certificate),
        key_type=None if key is None else KeyType(key),
        padding=None if padding is None else Padding(padding),
        caller=program_in_place_of_browser(),
    )
    return run_with_prompt(config, partial(_sign, config, request, files))


async def _sign(
    config: Config,
    request: SignRequest,
    files: Sequence[Path],
    open_prompt: OpenPrompt,
) -> int:
    from native_host.environment import open_source
    from native_host.operations.documents import DocumentHeader, DocumentInbox
    from native_host.operations.prompting import Context
    from native_host.operations.sign import SigningInterruptedError
    from native_host.operations.sign import sign as sign_with_card
    from native_host.results import error_fields

    inbox: DocumentInbox | None = None
    try:
        if files:
            inbox = DocumentInbox(
                [
                    DocumentHeader(name, _media_type(file), _size(file))
                    for name, file in zip(_names(files), files, strict=True)
                ]
            )
            request = replace(request, documents=inbox)
        request.check()
        if inbox is not None:
            for number, file in enumerate(files):
                _hand_over(inbox, number, file)
        async with open_source(config) as source:
            made = await sign_with_card(Context(source, open_prompt()), request)
    except SigningInterruptedError as error:
        say(str(error))
        done = _fields(error.done)
        print_result({"error": {**error_fields(error), **done}})
        return 1
    finally:
        if inbox is not None:
            inbox.close()
    result = _fields(made)
    if len(made.signatures) == 1:
        [only] = result["signatures"]
        result |= {name: only[name] for name in ("signature", "algorithm")}
    print_result(result)
    return 0


def _hashes(
    hashes: Sequence[str], names: Sequence[str], hash_function: str | None
) -> tuple[HashToSign, ...]:
    from native_host.operations.sign_request import HashToSign

    return tuple(
        HashToSign(name, _decoded(text), hash_function or "")
        for name, text in zip(names or _numbered(hashes), hashes, strict=True)
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidArgumentError("A hash is not base64.") from error


def _language_tag(text: str) -> str:
    from native_host.languages import LANGUAGE_TAG

    if not re.match(LANGUAGE_TAG, text):
        raise InvalidArgumentError("The language is not a language tag.")
    return text


def _fields(made: Signatures) -> dict[str, Any]:
    """Return the protocol's fields, and the JWA name of each signature's algorithm."""
    from native_host.results import signature_fields, signatures_fields

    def with_name(signature: Signature) -> dict[str, Any]:
        fields = signature_fields(signature)
        return {**fields, "algorithm": signature.algorithm.name}

    signatures = [with_name(each) for each in made.signatures]
    return {**signatures_fields(made), "signatures": signatures}


def _hand_over(inbox: DocumentInbox, number: int, file: Path) -> None:
    from native_host.operations.documents import MAX_CHUNK

    size = 0
    try:
        with file.open("rb") as stream:
            while data := stream.read(MAX_CHUNK):
                inbox.put(number, size // MAX_CHUNK, data)
                size += len(data)
    except OSError as error:
        raise InvalidArgumentError(
            f"{file} can't be read: {error.strerror}."
        ) from error
    if size < inbox.headers[number].size:
        raise InvalidArgumentError(f"{file} has become shorter while it was read.")


def _numbered(hashes: Sequence[str]) -> list[str]:
    return [f"hash {number}" for number in range(1, len(hashes) + 1)]


def _names(files: Sequence[Path]) -> list[str]:
    """Return the files' names, with their folders if the names alone are ambiguous."""
    short = [file.name for file in files]
    # PROTOCOL.md §3 compares names in this form.
    told_apart = {unicodedata.normalize("NFC", name) for name in short}
    names = short if len(told_apart) == len(short) else [str(file) for file in files]
    return [os.fsencode(name).decode(errors="replace") for name in names]


def _media_type(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _size(file: Path) -> int:
    if not file.is_file():
        raise click.UsageError(f"{file} is not a file with bytes of its own.")
    return file.stat().st_size


def _der(file: Path) -> bytes:
    content = file.read_bytes()
    if content.startswith(b"-----"):
        try:
            content = ssl.PEM_cert_to_DER_cert(content.decode("ascii"))
        except ValueError as error:
            raise click.UsageError(f"{file} is not a certificate in PEM.") from error
    return content
