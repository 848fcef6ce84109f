# SPDX-License-Identifier: MIT
"""The files that the person wants to sign: read once, and copied into an inbox."""

import asyncio
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from native_host.errors import InvalidArgumentError
from native_host.local_signing.errors import FileNotSignableError, UnsignableFile
from native_host.operations.documents import (
    MAX_CHUNK,
    MAX_DOCUMENTS,
    DocumentHeader,
    DocumentInbox,
)

#: The most bytes of a PDF. The process that signs it takes five times as much memory.
MAX_PDF_BYTES = 50_000_000
#: The most bytes of all files together. This process takes three times as much memory.
MAX_TOTAL_BYTES = 100_000_000
_CHUNK = 1 << 20

_PDF = b"%PDF-"


@dataclass(frozen=True)
class Source:
    """A file of the person, and its SHA-256 when it was read.

    ``name`` is what the prompt calls it, with the folder if the name alone is
    ambiguous.
    """

    path: Path
    name: str
    size: int
    is_pdf: bool
    digest: bytes

    async def has_changed(self) -> bool:
        """Return whether the file is gone or has other bytes now."""
        try:
            found = await asyncio.to_thread(_digest, self.path)
        except FileNotSignableError:
            return True
        return found != (self.size, self.digest)


async def read_sources(
    paths: Sequence[Path],
) -> tuple[tuple[Source, ...], DocumentInbox]:
    """Read files; return them, and an inbox with their bytes that the caller closes.

    Raises ``FileNotSignableError`` with all files that are no regular files, unreadable
    or too long, and ``InvalidArgumentError`` for too many files or the same one twice.
    Reading ends at the file with which all are too long together.
    """
    if not 1 <= len(paths) <= MAX_DOCUMENTS:
        raise InvalidArgumentError(f"1 to {MAX_DOCUMENTS} files can be signed at once.")
    contents: list[bytes] = []
    faults: list[UnsignableFile] = []
    for path in paths:
        try:
            contents.append(await asyncio.to_thread(_read, path))
        except FileNotSignableError as error:
            faults += error.files
        if sum(map(len, contents)) > MAX_TOTAL_BYTES:
            message = f"With this file, all have more than {_mb(MAX_TOTAL_BYTES)}."
            faults.append(UnsignableFile(path, "too-long", message))
            break
    if faults:
        raise FileNotSignableError(faults)
    sources = tuple(
        Source(
            path,
            name,
            len(content),
            _is_pdf(path, content),
            hashlib.sha256(content).digest(),
        )
        for path, name, content in zip(paths, _names(paths), contents, strict=True)
    )
    return sources, _inbox(sources, contents)


def _inbox(sources: Sequence[Source], contents: Sequence[bytes]) -> DocumentInbox:
    headers = [
        DocumentHeader(
            source.name,
            "application/pdf" if content.startswith(_PDF) else "",
            source.size,
        )
        for source, content in zip(sources, contents, strict=True)
    ]
    inbox = DocumentInbox(headers, max_total=MAX_TOTAL_BYTES)
    try:
        for index, content in enumerate(contents):
            for number, start in enumerate(range(0, len(content), MAX_CHUNK)):
                inbox.put(index, number, content[start : start + MAX_CHUNK])
    except BaseException:
        inbox.close()
        raise
    return inbox


def _read(path: Path) -> bytes:
    """Return a file's bytes. Raises ``FileNotSignableError``."""
    with _opened(path) as (file, size):
        content = file.read(MAX_TOTAL_BYTES + 1)
    if len(content) != size:
        raise _fault(path, "changed", "The file changed while it was read.")
    if size > MAX_PDF_BYTES and _is_pdf(path, content):
        message = f"The PDF has more than {_mb(MAX_PDF_BYTES)}."
        raise _fault(path, "too-long", message)
    return content


def _digest(path: Path) -> tuple[int, bytes]:
    """Return a file's size and SHA-256. Raises ``FileNotSignableError``."""
    hasher, size = hashlib.sha256(), 0
    with _opened(path) as (file, _):
        # It may grow while it is read.
        while size <= MAX_TOTAL_BYTES and (chunk := file.read(_CHUNK)):
            hasher.update(chunk)
            size += len(chunk)
    return size, hasher.digest()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file that is not too long; yield it and its size.

    Raises ``FileNotSignableError``, also for an ``OSError`` within.
    """
    try:
        # Do not wait for the writer of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _fault(path, "kind", "This is not a file with bytes of its own.")
            if found.st_size > MAX_TOTAL_BYTES:
                message = f"The file has more than {_mb(MAX_TOTAL_BYTES)}."
                raise _fault(path, "too-long", message)
            yield file, found.st_size
    except OSError as error:
        message = f"The file can't be read: {error.strerror}."
        raise _fault(path, "unreadable", message) from error


def _is_pdf(path: Path, content: bytes) -> bool:
    return content.startswith(_PDF) or path.suffix.casefold() == ".pdf"


def _mb(size: int) -> str:
    return f"{size // 1_000_000} MB"


def _fault(path: Path, reason: str, message: str) -> FileNotSignableError:
    return FileNotSignableError([UnsignableFile(path, reason, message)])


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the names to show, with the folders if the names alone are ambiguous."""
    short = [path.name for path in paths]
    told_apart = {unicodedata.normalize("NFC", name) for name in short}
    names = short if len(told_apart) == len(short) else [str(path) for path in paths]
    return [os.fsencode(name).decode(errors="replace") for name in names]
