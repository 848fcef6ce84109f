# SPDX-License-Identifier: MIT
"""``kortilla identify`` and ``kortilla sign --origin``: as for a page of a service."""

import base64
import mimetypes
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from kortilla.common import JsonObject
from kortilla.common.command_output import print_result, say
from kortilla.validation.trust import read_certificate
from native_host.card.signature import KeyType, Padding
from native_host.cli.options import (
    Card,
    PromptKind,
    configured,
    prompt_options,
    spoken_language,
)
from native_host.config import Config
from native_host.errors import InvalidArgumentError
from native_host.install.calling_program import program_in_place_of_browser
from native_host.operations.authenticate import AuthenticateRequest, authenticate
from native_host.operations.documents import (
    MAX_CHUNK,
    DocumentHeader,
    DocumentInbox,
    names_of,
)
from native_host.operations.environment import OpenPrompt, open_source, run_with_prompt
from native_host.operations.request import Context, check_origin
from native_host.operations.results import (
    error_fields,
    signature_fields,
    signatures_fields,
    token_fields,
)
from native_host.operations.sign import (
    HashToSign,
    Signature,
    Signatures,
    SigningInterruptedError,
    SignRequest,
)
from native_host.operations.sign import sign as sign_with_card
from native_host.platform.process_tree import parent_program


@click.command()
@click.option("--origin", required=True, help="The service: https://host[:port].")
@click.option("--nonce", required=True, help="Its challenge, 44 to 128 characters.")
@prompt_options
def identify(
    origin: str,
    nonce: str,
    lang: str | None,
    prompt: PromptKind | None,
    card: Card | None,
) -> None:
    """Identify to a service and print the Web eID token."""

    config = configured(card=card, prompt=prompt)
    print_result(
        run_with_prompt(config, partial(_identify, config, origin, nonce, lang))
    )


async def _identify(
    config: Config, origin: str, nonce: str, lang: str | None, open_prompt: OpenPrompt
) -> JsonObject:

    request = AuthenticateRequest(
        origin=check_origin(origin, allow_localhost=config.allow_localhost),
        challenge_nonce=nonce,
        language=spoken_language(config, lang),
        caller=program_in_place_of_browser(parent_program()),
    )
    request.check()
    async with open_source(config) as source:
        token = await authenticate(Context(source, open_prompt()), request)
    return token_fields(token)


def sign_for_service(
    config: Config,
    files: Sequence[Path],
    *,
    origin: str,
    lang: str | None,
    hashes: Sequence[str],
    names: Sequence[str],
    hash_function: str | None,
    key: str | None,
    padding: str | None,
    certificate: Path | None,
) -> int:
    """Sign files or hashes, print the signatures and return the exit status."""

    request = SignRequest(
        origin=check_origin(origin, allow_localhost=config.allow_localhost),
        language=spoken_language(config, lang),
        hashes=_hashes(hashes, names, hash_function),
        hash_function=None if hashes else hash_function,
        certificate=None if certificate is None else _der(certificate),
        key_type=None if key is None else KeyType(key),
        padding=None if padding is None else Padding(padding),
        caller=program_in_place_of_browser(parent_program()),
    )

    return run_with_prompt(config, partial(_sign, config, request, files))


async def _sign(
    config: Config,
    request: SignRequest,
    files: Sequence[Path],
    open_prompt: OpenPrompt,
) -> int:

    inbox: DocumentInbox | None = None
    try:
        if files:
            inbox = DocumentInbox(
                [
                    DocumentHeader(name, _media_type(file), _size(file))
                    for name, file in zip(names_of(files), files, strict=True)
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
        print_result({"error": {**error_fields(error), **_fields(error.done)}})
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

    names = names or [f"hash {number}" for number in range(1, len(hashes) + 1)]
    try:
        return tuple(
            HashToSign(name, base64.b64decode(text, validate=True), hash_function or "")
            for name, text in zip(names, hashes, strict=True)
        )
    except ValueError as error:
        raise InvalidArgumentError("A hash is not base64.") from error


def _fields(made: Signatures) -> JsonObject:
    """Return the protocol's fields, and the JWA name of each signature's algorithm."""

    def with_name(signature: Signature) -> JsonObject:
        fields = signature_fields(signature)
        return {**fields, "algorithm": signature.algorithm.name}

    signatures = [with_name(each) for each in made.signatures]
    return {**signatures_fields(made), "signatures": signatures}


def _hand_over(inbox: DocumentInbox, number: int, file: Path) -> None:

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


def _media_type(file: Path) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _size(file: Path) -> int:
    if not file.is_file():
        raise click.UsageError(f"{file} is not a file with bytes of its own.")
    return file.stat().st_size


def _der(file: Path) -> bytes:

    try:
        return read_certificate(file)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file} is not a certificate.") from error
