# SPDX-License-Identifier: MIT
"""Sign the user's own files: show them, sign them with PIN2, write the signed files.

A PDF becomes a signed PDF. Other files, or all of them together, become one ASiC-E
container. One PIN2 is enough for a batch (``batches.py``). The card signs exactly the
bytes that the prompt showed. The originals are never written.
"""

import asyncio
import importlib
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from kortilla.common import JsonObject
from native_host.errors import KortillaError, UserCancelledError
from native_host.files.batches import Batch, Kind, Part, plan
from native_host.files.sources import (
    FileNotSignableError,
    FileNotWritableError,
    UnsignableFile,
    Wish,
    find_sources,
    read_sources,
)
from native_host.files.targets import Target, places
from native_host.operations.documents import DocumentInbox
from native_host.operations.request import Context
from native_host.operations.results import signatures_fields
from native_host.operations.sign import (
    HashToSign,
    OwnFilesRequest,
    Result,
    Signatures,
    SigningInterruptedError,
    sign,
)
from native_host.pin_prompt.model import Progress
from native_host.platform.log import log_unexpected
from native_host.texts.prompt import PromptTexts

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
    kind: Kind
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
            if isinstance(first, FileNotSignableError):
                fields |= first.fields()
        return fields


async def sign_own_files(context: Context, wish: Wish) -> Outcome:
    """Sign files as the user wishes, batch after batch.

    Before the prompt opens, it raises ``FileNotSignableError``,
    ``FileNotWritableError`` and ``InvalidArgumentError``. Before PIN2, it raises
    ``FileNotSignableError`` for files that the library refuses. The other errors are
    those of ``native_host.operations.sign.sign``. After the first signature, every
    error is in the outcome, and PIN2 is not asked for again.

    The progress is that of ``sign``, over all batches; with several, ``batch`` comes
    before each of them.
    """
    sources = await asyncio.to_thread(find_sources, wish.files)
    batches = plan(sources, container=wish.container)
    with ExitStack() as stack:
        work = _Work(context, wish, _reserve(batches, wish, stack))
        try:
            for number in range(len(batches)):
                await work.sign_batch(number)
                if work.failed:
                    break
        except (Exception, asyncio.CancelledError) as error:
            if not work.made:
                raise
            # Signed files are there, which must be reported.
            work.fail(_known(error))
        if work.failed:
            work.fail(work.failed[0].error)
        return Outcome(tuple(work.made), tuple(work.failed), tuple(work.changed))


def _known(error: BaseException) -> KortillaError:
    """Return what is reported of an error. A cancellation by a signal ends here."""
    if isinstance(error, KortillaError):
        return error
    if isinstance(error, Exception):
        log_unexpected(logger, error)
        return KortillaError(f"The files were not signed: {type(error).__name__}.")
    if task := asyncio.current_task():
        task.uncancel()
    return UserCancelledError("Cancelled by a signal.")


@dataclass
class _Part:
    """A signature that is made: the place for it, and what is prepared."""

    part: Part
    target: Target
    state: "PreparedSignature | None" = None


def _reserve(
    batches: Sequence[Batch], wish: Wish, stack: ExitStack
) -> list[list[_Part]]:
    """Reserve a place for each signed file; the stack discards it at the end."""
    place = places(wish.out, sum(map(len, batches)))
    word = PromptTexts(wish.language, "sign-own")("suffix")
    taken: set[Path] = set()

    def reserve(part: Part) -> _Part:
        first = part.originals[0]
        if part.kind == "pdf":
            name = f"{first.stem}-{word}.pdf"
        else:
            name = f"{first.stem if len(part.sources) == 1 else word}.asice"
        size, wanted = part.size + _ROOM, place(first.with_name(name))
        target = Target.reserve(wanted, size, taken, sources=part.originals)
        stack.callback(target.discard)
        return _Part(part, target)

    return [[reserve(part) for part in batch] for batch in batches]


class _Work:
    """Signs one batch after the other with the same card, and keeps what came of it."""

    def __init__(
        self, context: Context, wish: Wish, batches: Sequence[Sequence[_Part]]
    ) -> None:
        self._context, self._wish, self._batches = context, wish, batches
        self.made: list[SignedFile] = []
        self.failed: list[FailedFile] = []
        self.changed: list[Path] = []
        #: Of the card that has signed, and must sign the rest too.
        self._certificate: bytes | None = None

    async def sign_batch(self, number: int) -> None:
        """Sign a batch, which counts from 0. Raises the errors of ``sign``."""
        parts = self._batches[number]
        total = len(self._batches)
        batch = Progress(number, total) if total > 1 else None
        sources, inbox = await read_sources(
            [source for part in parts for source in part.part.sources]
        )
        try:
            request = OwnFilesRequest(
                language=self._wish.language,
                documents=inbox,
                certificate=self._certificate,
                results=tuple(
                    Result(part.target.path.name, part.part.kind)
                    for part in parts
                    for _ in part.part.sources
                ),
                prepare=lambda certificate: _prepare(
                    parts, inbox, self._wish, certificate
                ),
                batch=batch,
            )
            if batch is not None:
                self._context.progress("batch", batch)
            error: KortillaError | None = None
            try:
                signatures = await sign(self._counting(number), request)
            except SigningInterruptedError as interrupted:
                signatures, error = interrupted.done, interrupted
            self._certificate = signatures.certificate.der
            await self._finish(parts, signatures, error)
            for source in sources:
                if await source.has_changed():
                    self.changed.append(source.path)
        finally:
            inbox.close()

    def _counting(self, number: int) -> Context:
        """Return the context of a batch, with the progress of all batches."""
        before = sum(len(each) for each in self._batches[:number])
        total = sum(len(each) for each in self._batches)

        def report(stage: str, progress: Progress | None) -> None:
            if stage == "signing" and progress is not None:
                progress = Progress(before + progress.done, total)
            self._context.progress(stage, progress)

        return replace(self._context, progress=report)

    def fail(self, error: KortillaError) -> None:
        """Note that all files of which nothing was said yet were not signed."""
        said = {path for made in self.made for path in made.originals}
        said |= {path for failed in self.failed for path in failed.originals}
        self.failed += [
            FailedFile(part.part.originals, error)
            for batch in self._batches
            for part in batch
            if part.part.originals[0] not in said
        ]

    async def _finish(
        self,
        parts: Sequence[_Part],
        signatures: Signatures,
        interrupted: KortillaError | None,
    ) -> None:
        """Write what was signed, even if one of the files fails."""
        from native_host.files import library

        answer = signatures_fields(signatures)
        done = {signature.name for signature in signatures.signatures}
        for part in parts:
            state, part.state = part.state, None
            originals = part.part.originals
            if state is None or state.name not in done:
                error = interrupted or KortillaError("No signature was made.")
                self.failed.append(FailedFile(originals, error))
                continue
            try:
                try:
                    finished = await library.finish(state, answer, self._wish)
                except asyncio.CancelledError:
                    # PIN2 has been typed, so the signature is kept. Only the services
                    # are not waited for any more.
                    if not self._wish.tsa or (task := asyncio.current_task()) is None:
                        raise
                    task.uncancel()
                    self._wish = replace(self._wish, tsa=None)
                    finished = await library.finish(state, answer, self._wish)
                path = await asyncio.to_thread(part.target.publish, finished.content)
            except FileNotWritableError as error:
                self.failed.append(FailedFile(originals, error))
                continue
            except Exception as error:
                log_unexpected(logger, error)
                fault = KortillaError(f"The signed file was not made: {error}")
                self.failed.append(FailedFile(originals, fault))
                continue
            kind, level = part.part.kind, finished.level
            self.made.append(
                SignedFile(path, originals, kind, level, finished.shortfall)
            )


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
    index = count()
    for number, part in enumerate(parts, 1):
        name = str(number)
        files = {
            source.path.name: inbox.content(next(index)) for source in part.part.sources
        }
        try:
            part.state = await library.prepare(
                name,
                files,
                kind=part.part.kind,
                certificate=certificate.der,
                mark=wish.mark,
            )
        except DocumentNotSignableError as error:
            faults += [
                UnsignableFile(each, error.reason, str(error))
                for each in part.part.originals
            ]
            continue
        except RelyingPartyError as error:
            raise KortillaError(str(error)) from error
        digest = part.state.digest
        hashes.append(HashToSign(name, digest.value, digest.hash_function))
    if faults:
        raise FileNotSignableError(faults)
    return hashes
