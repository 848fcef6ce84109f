# SPDX-License-Identifier: MIT
"""Sign the user's own files: show them, sign them with PIN2, write the signed files.

A PDF becomes a signed PDF. Other files, or all of them together, become one ASiC-E
container. One PIN2 is enough for all. The card signs exactly the bytes that the prompt
showed. The originals are never written.
"""

import asyncio
import importlib
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kortilla.common import JsonObject
from native_host.errors import InvalidArgumentError, KortillaError
from native_host.files.sources import (
    FileNotSignableError,
    FileNotWritableError,
    Source,
    UnsignableFile,
    Wish,
    read_sources,
)
from native_host.files.targets import Target
from native_host.log import log_unexpected
from native_host.operations.documents import DocumentInbox
from native_host.operations.request import Context
from native_host.operations.sign import (
    HashToSign,
    OwnFilesRequest,
    Result,
    Signatures,
    SigningInterruptedError,
    sign,
)
from native_host.pin_prompt import texts
from native_host.results import signatures_fields

if TYPE_CHECKING:
    from kortilla.signing.state import PreparedSignature
    from native_host.card.certificate import CardCertificate

logger = logging.getLogger(__name__)

#: Room for a signature with its certificates, a timestamp and a mark, in bytes. It is
#: reserved on the disk.
_ROOM = 256 * 1024
_LIBRARY = "native_host.files.library"


@dataclass(frozen=True)
class SignedFile:
    """A signed file, and the originals in it.

    ``level`` is the level of the signature, as ``B-B``. ``shortfall`` is a sentence
    about why it is lower than was wished, or empty.
    """

    path: Path
    originals: tuple[Path, ...]
    kind: Literal["pdf", "container"]
    level: str
    shortfall: str


@dataclass(frozen=True)
class FailedFile:
    """Originals of which no signed file was made, though others were."""

    originals: tuple[Path, ...]
    error: KortillaError


@dataclass(frozen=True)
class Outcome:
    """The signed files, those that failed, and the originals that changed meanwhile.

    A signed file has the bytes that the prompt showed, even if its original has others
    now.
    """

    made: tuple[SignedFile, ...]
    failed: tuple[FailedFile, ...]
    changed: tuple[Path, ...]

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        fields: JsonObject = {
            "files": [
                {
                    "file": str(made.path),
                    "originals": [str(path) for path in made.originals],
                    "kind": {"pdf": "pdf", "container": "asice"}[made.kind],
                    "level": made.level,
                    "shortfall": made.shortfall,
                }
                for made in self.made
            ],
            "changed": [str(path) for path in self.changed],
        }
        if self.failed:
            first = self.failed[0].error
            fields["failed"] = [
                str(path) for failed in self.failed for path in failed.originals
            ]
            fields["error"] = {"code": first.code, "message": str(first)}
        return fields


async def sign_own_files(context: Context, wish: Wish) -> Outcome:
    """Sign files as the user wishes.

    Before the prompt opens, it raises ``FileNotSignableError``,
    ``FileNotWritableError`` and ``InvalidArgumentError``. Before PIN2, it raises
    ``FileNotSignableError`` for files that the library refuses. The other errors are
    those of ``native_host.operations.sign.sign``; an interruption after the first
    signature is in the outcome.
    """
    sources, inbox = await read_sources(wish.files)
    with ExitStack() as stack:
        stack.callback(inbox.close)
        parts = _reserve(_plan(sources, wish), wish, stack)
        request = OwnFilesRequest(
            language=wish.language,
            documents=inbox,
            results=_results(sources, parts),
            prepare=lambda certificate: _prepare(parts, inbox, wish, certificate),
        )
        error: KortillaError | None = None
        try:
            signatures = await sign(context, request)
        except SigningInterruptedError as interrupted:
            signatures, error = interrupted.done, interrupted
        made, failed = await _finish(parts, signatures, wish, error)
        changed = [source.path for source in sources if await source.has_changed()]
        return Outcome(tuple(made), tuple(failed), tuple(changed))


_Kind = Literal["pdf", "container"]


@dataclass
class _Part:
    """One signature: of a PDF, or of the files in a container.

    ``sources`` have their places among the documents of the prompt.
    """

    kind: _Kind
    sources: dict[int, Source]
    target: Target
    state: "PreparedSignature | None" = None

    @property
    def originals(self) -> tuple[Path, ...]:
        return tuple(source.path for source in self.sources.values())


def _plan(
    sources: Sequence[Source], wish: Wish
) -> list[tuple[_Kind, dict[int, Source]]]:
    parts: list[tuple[_Kind, dict[int, Source]]] = []
    packed: dict[int, Source] = {}
    for index, source in enumerate(sources):
        if wish.container or not source.is_pdf:
            packed[index] = source
            continue
        if not source.size:
            fault = UnsignableFile(source.path, "empty", "The file is empty.")
            raise FileNotSignableError([fault])
        parts.append(("pdf", {index: source}))
    if packed:
        _check_container([*packed.values()])
        parts.append(("container", packed))
    return parts


def _check_container(sources: Sequence[Source]) -> None:
    names = [source.path.name.casefold() for source in sources]
    twice = [
        UnsignableFile(
            source.path,
            "files",
            "A container holds each name once, and another file has this one too.",
        )
        for source in sources
        if names.count(source.path.name.casefold()) > 1
    ]
    if twice:
        raise FileNotSignableError(twice)


def _reserve(
    plan: Sequence[tuple[_Kind, dict[int, Source]]], wish: Wish, stack: ExitStack
) -> list[_Part]:
    """Reserve a place for each signed file; the stack discards it at the end."""
    out = wish.out
    folder = out if out is not None and out.is_dir() else None
    if out is not None and folder is None:
        if len(plan) > 1:
            raise InvalidArgumentError(
                "Several files are made, so the place for them must be a folder."
            )
        if out.exists() or out.is_symlink():
            raise InvalidArgumentError("The output file exists already.")
    word = texts.load(wish.language, "sign-own")("suffix")
    taken: set[Path] = set()
    parts: list[_Part] = []
    for kind, sources in plan:
        first = next(iter(sources.values())).path
        if kind == "pdf":
            name = f"{first.stem}-{word}.pdf"
        else:
            name = f"{first.stem if len(sources) == 1 else word}.asice"
        beside = (folder or first.parent) / name
        wanted = beside if out is None or folder is not None else out
        size = sum(source.size for source in sources.values()) + _ROOM
        part = _Part(kind, sources, Target.reserve(wanted, size, taken))
        stack.callback(part.target.discard)
        parts.append(part)
    return parts


def _results(sources: Sequence[Source], parts: Sequence[_Part]) -> tuple[Result, ...]:
    results = {
        index: Result(part.target.path.name, part.kind)
        for part in parts
        for index in part.sources
    }
    return tuple(results[index] for index in range(len(sources)))


async def _prepare(
    parts: Sequence[_Part],
    inbox: DocumentInbox,
    wish: Wish,
    certificate: "CardCertificate",
) -> list[HashToSign]:
    """Return what the card signs. Raises ``FileNotSignableError`` with all files."""
    await asyncio.to_thread(importlib.import_module, _LIBRARY)
    from kortilla.errors import DocumentNotSignableError, RelyingPartyError
    from native_host.files import library

    faults: list[UnsignableFile] = []
    hashes: list[HashToSign] = []
    for number, part in enumerate(parts, 1):
        name = str(number)
        files = {
            source.path.name: inbox.content(index)
            for index, source in part.sources.items()
        }
        try:
            part.state = await library.prepare(
                name,
                files,
                kind=part.kind,
                certificate=certificate.der,
                mark=wish.mark,
            )
        except DocumentNotSignableError as error:
            faults += [
                UnsignableFile(each, error.reason, str(error))
                for each in part.originals
            ]
            continue
        except RelyingPartyError as error:
            raise KortillaError(str(error)) from error
        digest = part.state.digest
        hashes.append(HashToSign(name, digest.value, digest.hash_function))
    if faults:
        raise FileNotSignableError(faults)
    return hashes


async def _finish(
    parts: Sequence[_Part],
    signatures: Signatures,
    wish: Wish,
    interrupted: KortillaError | None,
) -> tuple[list[SignedFile], list[FailedFile]]:
    """Write what was signed, even if one of the files fails."""
    from native_host.files import library

    answer = signatures_fields(signatures)
    done = {signature.name for signature in signatures.signatures}
    made: list[SignedFile] = []
    failed: list[FailedFile] = []
    for part in parts:
        state = part.state
        if state is None or state.name not in done:
            error = interrupted or KortillaError("No signature was made.")
            failed.append(FailedFile(part.originals, error))
            continue
        try:
            try:
                finished = await library.finish(state, answer, wish)
            except asyncio.CancelledError:
                # PIN2 has been typed, so the signature is kept. Only the services are
                # not waited for any more.
                if not wish.tsa or (task := asyncio.current_task()) is None:
                    raise
                task.uncancel()
                wish = replace(wish, tsa=None)
                finished = await library.finish(state, answer, wish)
            path = await asyncio.to_thread(part.target.publish, finished.content)
        except FileNotWritableError as error:
            failed.append(FailedFile(part.originals, error))
            continue
        except Exception as error:
            log_unexpected(logger, error)
            fault = KortillaError(f"The signed file was not made: {error}")
            failed.append(FailedFile(part.originals, fault))
            continue
        made.append(
            SignedFile(
                path,
                part.originals,
                part.kind,
                finished.level,
                finished.shortfall,
            )
        )
    return made, failed
