# SPDX-License-Identifier: MIT
"""Divides the user's own files into batches, each of which one PIN2 signs.

A person can look through so many documents before they type PIN2, so a batch has at
most as many as a service may ask for. Only a container may have more: it is one
signature.

The desktop program imports this too, so it imports nothing that is heavy.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from native_host.errors import InvalidArgumentError
from native_host.files.sources import (
    MAX_PACKED,
    MAX_PDF_BYTES,
    MAX_TOTAL_BYTES,
    FileNotSignableError,
    Source,
    UnsignableFile,
    find_sources,
    megabytes,
)
from native_host.operations.documents import MAX_DOCUMENTS

Kind = Literal["pdf", "container"]
#: Why a PDF can't have a signature of its own, though a container can hold it.
_FOR_CONTAINERS = {
    *("active", "encrypted", "irregular", "locked", "shown-differently"),
    *("too-much-memory", "too-slow", "xfa"),
}


@dataclass(frozen=True)
class Part:
    """What one signature is for: a PDF, or the files of a container."""

    kind: Kind
    sources: tuple[Source, ...]

    @property
    def originals(self) -> tuple[Path, ...]:
        return tuple(source.path for source in self.sources)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(source.size for source in self.sources)


Batch = tuple[Part, ...]
Each = TypeVar("Each", Part, Source)


def plan(sources: Sequence[Source], *, container: bool) -> tuple[Batch, ...]:
    """Return the signatures, in batches of one PIN2.

    Each PDF has a signature of its own, unless all files go into a ``container``. Other
    files go into one container together, or into several if one can't hold them. Raises
    ``FileNotSignableError`` with all files that can't be signed.
    """
    pdfs = [each for each in sources if each.is_pdf and not container]
    packed = [each for each in sources if container or not each.is_pdf]
    faults = [*_faults_of_pdfs(pdfs), *_faults_of_container(packed)]
    if faults:
        raise FileNotSignableError(faults)
    parts = [
        *(Part("pdf", (each,)) for each in pdfs),
        *(Part("container", each) for each in _divide(packed, MAX_PACKED)),
    ]
    return tuple(_divide(parts, MAX_DOCUMENTS))


def count_batches(files: Sequence[Path], *, container: bool) -> int:
    """Return how many times PIN2 is asked for; 0 for files that can't be signed.

    Few files are not opened, since a page asks for this each time that it is shown.
    """
    with suppress(FileNotSignableError, InvalidArgumentError, OSError):
        size = sum(each.stat().st_size for each in files)
        if len(files) <= MAX_DOCUMENTS and size <= MAX_TOTAL_BYTES:
            return 1
        return len(plan(find_sources(files), container=container))
    return 0


def fits_container(path: Path, reason: str) -> bool:
    """Whether a container can hold a PDF that was refused for this reason."""
    with suppress(OSError):
        short = path.stat().st_size <= MAX_TOTAL_BYTES
        return reason in _FOR_CONTAINERS or (reason == "too-long" and short)
    return False


def _divide(things: Sequence[Each], most: int) -> Iterator[tuple[Each, ...]]:
    """Yield things together while they have at most ``most`` files, and fit.

    One that has more files by itself is not put together with others.
    """
    together: list[Each] = []
    files = size = 0
    for each in things:
        count = len(each.sources) if isinstance(each, Part) else 1
        if together and (files + count > most or size + each.size > MAX_TOTAL_BYTES):
            yield tuple(together)
            together, files, size = [], 0, 0
        together.append(each)
        files, size = files + count, size + each.size
    if together:
        yield tuple(together)


def _faults_of_pdfs(sources: Sequence[Source]) -> Iterator[UnsignableFile]:
    for each in sources:
        if not each.size:
            yield UnsignableFile(each.path, "empty", "The file is empty.")
        elif each.size > MAX_PDF_BYTES:
            message = f"The PDF has more than {megabytes(MAX_PDF_BYTES)}."
            yield UnsignableFile(each.path, "too-long", message)


def _faults_of_container(sources: Sequence[Source]) -> Iterator[UnsignableFile]:
    names = [each.path.name.casefold() for each in sources]
    for each in sources:
        if names.count(each.path.name.casefold()) > 1:
            yield UnsignableFile(
                each.path,
                "files",
                "A container holds each name once, and another file has this one too.",
            )
