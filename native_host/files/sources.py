# SPDX-License-Identifier: MIT
"""What the user wants signed: the wish, and its files, read once into an inbox.

The desktop program imports this too, so it imports nothing that is heavy.
"""

import asyncio
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kortilla.common import JsonObject
from kortilla.common.escaping import shown_path
from kortilla.common.files import open_regular
from native_host.errors import KortillaError
from native_host.operations.documents import (
    MAX_CHUNK,
    DocumentHeader,
    DocumentInbox,
    check_names,
    names_of,
)

if TYPE_CHECKING:
    from kortilla.common.corners import Corner

#: The most files that are signed, encrypted, opened or checked at once. Encrypted ones
#: are all open then.
MAX_FILES = 200
#: The most files in a container (``kortilla.signing.asice``).
MAX_PACKED = 100
#: The most bytes of a PDF. The process that signs it takes five times as much memory.
MAX_PDF_BYTES = 50_000_000
#: The most bytes of the files of one PIN2. This process takes three times as much
#: memory.
MAX_TOTAL_BYTES = 100_000_000
_CHUNK = 1 << 20

#: Has a command read the names of its files from its input, as ``given_files`` wrote.
FILES_FROM_INPUT = "--files-from-input"

_PDF = b"%PDF-"


@dataclass(frozen=True)
class Mark:
    """A visible mark: ``page`` from 0, or from the end with -1; ``box`` in points.

    ``box`` is left, bottom, right and top from the page's lower left corner, or a
    corner: ``bottom-left``, ``bottom-right``, ``top-left`` or ``top-right``.
    """

    page: int
    box: "tuple[int, int, int, int] | Corner"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the user wants signed, and how.

    ``out`` is the folder of the signed files, or the path of the only one; None puts
    each beside its original. ``container`` puts all files into one container.
    ``level`` is ``B-B``, ``B-T``, ``B-LT`` or ``B-LTA``; those above B-B need ``tsa``,
    the address of a time-stamping service, and those above B-T ``authorities``, the CA
    certificates (DER) of card and service. ``language`` is fi, sv or en: that of
    the prompt, and of the word in the names of signed files.
    """

    files: tuple[Path, ...]
    language: str
    out: Path | None = None
    container: bool = False
    mark: Mark | None = None
    level: str = "B-B"
    tsa: str | None = None
    authorities: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class UnsignableFile:
    """A file that can't be signed, and why: a stable word, and a sentence in English.

    ``reason`` is ``kind``, ``unreadable``, ``too-long``, ``changed``, ``unwritable``,
    or a reason of ``kortilla.errors.DocumentNotSignableError``.
    """

    path: Path
    reason: str
    message: str


class RefusedFilesError(KortillaError):
    """Some files prevent the signing. Nothing was signed."""

    def __init__(self, message: str, files: Sequence[UnsignableFile]) -> None:
        super().__init__(message)
        self.files = tuple(files)
        self.reason = files[0].reason

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        files = [{"file": str(each.path), "reason": each.reason} for each in self.files]
        error = {"code": self.code, "message": str(self), "reason": self.reason}
        return {"error": {**error, "files": files}}


class FileNotSignableError(RefusedFilesError):
    """Some of the files can't be signed."""

    code = "FILE_NOT_SIGNABLE"

    def __init__(self, files: Sequence[UnsignableFile]) -> None:
        said = (f"{shown_path(each.path)}: {each.message}" for each in files)
        super().__init__("\n".join(said), files)


class FileNotWritableError(RefusedFilesError):
    """A signed file can't be written. The original is unchanged."""

    code = "FILE_NOT_WRITABLE"

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message, [UnsignableFile(path, "unwritable", message)])


def given_files(files: Sequence[Path]) -> bytes:
    """Return the names of files as a line. It has any name, and any number of them."""
    return json.dumps([os.fspath(each) for each in files]).encode() + b"\n"


@dataclass(frozen=True)
class Source:
    """A file of the user, as it was found before anything was read of it.

    ``name`` is what the prompt calls it, with the folder if the name alone is
    ambiguous.
    """

    path: Path
    name: str
    size: int
    is_pdf: bool


@dataclass(frozen=True)
class ReadSource(Source):
    """A source, and its SHA-256 when it was read."""

    digest: bytes

    async def has_changed(self) -> bool:
        """Return whether the file is gone or has other bytes now."""
        try:
            found = await asyncio.to_thread(_digest, self.path)
        except FileNotSignableError:
            return True
        return found != (self.size, self.digest)


def find_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """Look at files, of which only the first bytes are read.

    Raises ``FileNotSignableError`` with all files that are no regular files, unreadable
    or too long, and ``InvalidArgumentError`` for too many files or the same one twice.
    """
    names = names_of(paths)
    check_names(names, MAX_FILES)
    found: list[Source] = []
    faults: list[UnsignableFile] = []
    for path, name in zip(paths, names, strict=True):
        try:
            with _opened(path) as (file, size):
                is_pdf = _is_pdf(path, file.read(len(_PDF)))
            found.append(Source(path, name, size, is_pdf))
        except FileNotSignableError as error:
            faults += error.files
    if faults:
        raise FileNotSignableError(faults)
    return tuple(found)


async def read_sources(
    sources: Sequence[Source],
) -> tuple[tuple[ReadSource, ...], DocumentInbox]:
    """Read files; return them, and an inbox with their bytes that the caller closes.

    Raises ``FileNotSignableError`` with all files that can't be read, or are not as
    they were found.
    """
    contents: list[bytes] = []
    faults: list[UnsignableFile] = []
    for source in sources:
        try:
            contents.append(await asyncio.to_thread(_read, source))
        except FileNotSignableError as error:
            faults += error.files
    if faults:
        raise FileNotSignableError(faults)
    read = tuple(
        ReadSource(**vars(source), digest=hashlib.sha256(content).digest())
        for source, content in zip(sources, contents, strict=True)
    )
    return read, _inbox(read, contents)


def _inbox(sources: Sequence[Source], contents: Sequence[bytes]) -> DocumentInbox:
    headers = [
        DocumentHeader(
            source.name,
            "application/pdf" if content.startswith(_PDF) else "",
            source.size,
        )
        for source, content in zip(sources, contents, strict=True)
    ]
    inbox = DocumentInbox(headers, max_total=MAX_TOTAL_BYTES, most=MAX_PACKED)
    try:
        for index, content in enumerate(contents):
            for number, start in enumerate(range(0, len(content), MAX_CHUNK)):
                inbox.put(index, number, content[start : start + MAX_CHUNK])
    except BaseException:
        inbox.close()
        raise
    return inbox


def _read(source: Source) -> bytes:
    """Return a file's bytes. Raises ``FileNotSignableError``."""
    path = source.path
    with _opened(path) as (file, _):
        content = file.read(MAX_TOTAL_BYTES + 1)
    if (len(content), _is_pdf(path, content)) != (source.size, source.is_pdf):
        raise _fault(path, "changed", "The file changed while it was read.")
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
        with os.fdopen(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_TOTAL_BYTES:
                message = f"The file has more than {megabytes(MAX_TOTAL_BYTES)}."
                raise _fault(path, "too-long", message)
            yield file, size
    except OSError as error:
        if error.errno == errno.EINVAL:
            message = "This is not a file with bytes of its own."
            raise _fault(path, "kind", message) from error
        message = f"The file can't be read: {error.strerror}."
        raise _fault(path, "unreadable", message) from error


def _is_pdf(path: Path, content: bytes) -> bool:
    return content.startswith(_PDF) or path.suffix.casefold() == ".pdf"


def megabytes(size: int) -> str:
    return f"{size // 1_000_000} MB"


def _fault(path: Path, reason: str, message: str) -> FileNotSignableError:
    return FileNotSignableError([UnsignableFile(path, reason, message)])
