# SPDX-License-Identifier: MIT
"""Documents to be signed: received in chunks, kept, and deleted."""

import asyncio
import hashlib
import logging
import os
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

from native_host.errors import InvalidArgumentError, KortillaError
from native_host.platform import system
from native_host.platform.paths import session_folder

logger = logging.getLogger(__name__)

#: The maximum number of documents or hashes in one request.
MAX_DOCUMENTS = 20
#: The maximum size of all documents together, in bytes.
MAX_TOTAL_SIZE = 20 * 1000 * 1000
#: The maximum number of characters of a document's name, or of its media type.
MAX_NAME = 255
#: The maximum size of a chunk in bytes.
MAX_CHUNK = 32 * 1024

_PATIENCE = 60.0  # seconds to wait for the next chunk

# The names of the folders reveal nothing of their content.
_PREFIX = "kortilla-documents-"


@dataclass(frozen=True)
class DocumentHeader:
    """A document's description before its bytes arrive; ``size`` is in bytes."""

    name: str
    media_type: str
    size: int


class DocumentInbox:
    """Receives documents in a private folder that ``close`` deletes.

    ``patience`` is the number of seconds to wait for the next chunk, ``max_total`` the
    most bytes of all documents together, ``most`` the most documents. Raises
    ``InvalidArgumentError`` for headers over the limits. A wrong chunk ends the inbox:
    everything is deleted, and all methods raise that error from then on. A full or
    broken disk does the same with a ``KortillaError`` that has no code of its own.
    """

    def __init__(
        self,
        headers: Sequence[DocumentHeader],
        *,
        patience: float = _PATIENCE,
        max_total: int = MAX_TOTAL_SIZE,
        most: int = MAX_DOCUMENTS,
    ) -> None:
        self.headers = tuple(headers)
        _check(self.headers, max_total, most)
        #: Bytes of all documents together.
        self.total = sum(header.size for header in self.headers)
        self._patience = patience
        self._done = 0
        self._document, self._number = 0, 0
        self._missing = [header.size for header in self.headers]
        self._digests: dict[tuple[int, str], bytes] = {}
        self._fault: InvalidArgumentError | None = None
        self._files: list[BufferedRandom] = []
        self._lock: system.Folder | None = None
        self._news = asyncio.Event()
        try:
            self._folder, self._lock = _make_folder(_place())
            for index in range(len(self.headers)):
                self._files.append(_create(self.path(index)))
        except OSError as error:
            self.close()
            raise _unstorable(error) from error

    def put(self, document: int, number: int, data: bytes) -> int:
        """Store a chunk; return the number of bytes of all documents so far.

        Chunks come in order: all of document 0, numbered from 0, then of document 1; an
        empty document has none. A chunk out of order, with a size outside 1 to
        ``MAX_CHUNK`` bytes, or beyond the document's end raises
        ``InvalidArgumentError``.
        """
        self._check_alive()
        while self._document < len(self.headers) and not self._missing[self._document]:
            self._document, self._number = self._document + 1, 0
        if self._document == len(self.headers):
            raise self._fail("A chunk came after the end of the documents.")
        if (document, number) != (self._document, self._number):
            raise self._fail("A chunk of the documents is missing or out of order.")
        if not 0 < len(data) <= MAX_CHUNK:
            raise self._fail(f"A chunk has 1 to {MAX_CHUNK} bytes.")
        if len(data) > self._missing[document]:
            raise self._fail("A document is longer than was announced.")
        try:
            # Into the page cache; 32 KiB block the event loop for microseconds.
            self._files[document].write(data)
        except OSError as error:
            self.close()
            raise _unstorable(error) from error
        self._number += 1
        self._missing[document] -= len(data)
        self._done += len(data)
        self._news.set()
        return self._done

    async def complete(self, progress: Callable[[int, int], None]) -> None:
        """Wait for all bytes; call ``progress`` with the bytes so far and in all.

        Afterwards the copies can't be written any more. Raises ``InvalidArgumentError``
        if a chunk was wrong or late, and a ``KortillaError`` if the disk fails.
        """
        while True:
            self._check_alive()
            self._news.clear()
            progress(self._done, self.total)
            if self._done == self.total:
                break
            try:
                async with asyncio.timeout(self._patience):
                    await self._news.wait()
            except TimeoutError:
                raise self._fail(
                    f"The documents stopped coming for {self._patience:g} seconds."
                ) from None
        try:
            for file in self._files:
                file.flush()
                system.set_mode(file.fileno(), stat.S_IRUSR)
        except OSError as error:
            self.close()
            raise _unstorable(error) from error

    def path(self, document: int) -> Path:
        """Return the path of a document's private copy."""
        self._check_alive()
        # Viewers of other programs use the name's extension if they do not detect the
        # type.
        pdf = self.headers[document].media_type == "application/pdf"
        return self._folder / f"{document}{'.pdf' if pdf else ''}"

    def digest(self, document: int, hash_function: str) -> bytes:
        """Return the hash of a document that is complete.

        It is computed once, from the open file rather than by its name, under which
        another file might be by now. It takes a while: call it in a thread.
        """
        self._check_alive()
        key = document, hash_function
        if key not in self._digests:
            file = self._files[document]
            file.seek(0)
            name = hash_function.replace("SHA-", "sha").replace("SHA3-", "sha3_")
            self._digests[key] = hashlib.file_digest(file, name).digest()
        return self._digests[key]

    def content(self, document: int) -> bytes:
        """Return the bytes of a document that is complete, from the open file."""
        self._check_alive()
        file = self._files[document]
        file.seek(0)
        return file.read()

    def close(self) -> None:
        """Delete everything. May be called twice."""
        if self._fault is None:
            self._fault = InvalidArgumentError("The documents have been deleted.")
        self._news.set()
        for file in self._files:
            with suppress(OSError):  # a full disk may fail again
                file.close()
        self._files.clear()
        if self._lock:
            _delete(self._folder, self._lock)
            self._lock = None

    def _check_alive(self) -> None:
        if self._fault is not None:
            raise InvalidArgumentError(str(self._fault))

    def _fail(self, message: str) -> InvalidArgumentError:
        self._fault = InvalidArgumentError(message)
        self.close()
        return self._fault


class PrivateFolder:
    """A folder that only this user can read. ``close`` deletes it. Raises OSError."""

    def __init__(self) -> None:
        self.path, lock = _make_folder(_place())
        self._lock: system.Folder | None = lock

    def close(self) -> None:
        """Delete the folder. May be called twice."""
        if self._lock:
            _delete(self.path, self._lock)
            self._lock = None


def names_of(files: Sequence[Path]) -> list[str]:
    """Return the files' names, with the folders that differ where two are the same."""
    names = [file.name for file in files]
    # PROTOCOL.md §3 compares names in this form.
    told_apart = {unicodedata.normalize("NFC", name) for name in names}
    if len(told_apart) < len(names):
        whole = [file.absolute() for file in files]
        common = os.path.commonpath([file.parent for file in whole])
        names = [str(file.relative_to(common)) for file in whole]
    return [os.fsencode(name).decode(errors="replace") for name in names]


def check_names(names: Sequence[str], most: int = MAX_DOCUMENTS) -> None:
    """Check the number of things to be signed, at most ``most``, and their names.

    A name may contain any character: the prompt escapes the misleading ones. Two names
    are equal if their NFC forms are. Names that differ only in case are two names, as
    on most file systems. Raises ``InvalidArgumentError``.
    """
    if not 1 <= len(names) <= most:
        raise InvalidArgumentError(f"1 to {most} things can be signed at once.")
    for name in names:
        if len(name) > MAX_NAME:
            raise InvalidArgumentError(f"A name has at most {MAX_NAME} characters.")
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise InvalidArgumentError("A name holds half of a character.")
    if len({unicodedata.normalize("NFC", name) for name in names}) < len(names):
        raise InvalidArgumentError("Two things to be signed have the same name.")


def sweep_leftovers() -> None:
    """Delete the folders of processes that were killed while they had documents."""
    for folder in _place().glob(f"{_PREFIX}*"):
        # It may be no folder, or another user's, or gone.
        with suppress(OSError), system.Folder(folder) as found:
            if system.is_own(found.status()):
                found.lock()
                logger.info("Documents that a process left behind are deleted.")
                _delete(folder, found)


def _check(headers: Sequence[DocumentHeader], max_total: int, most: int) -> None:
    check_names([header.name for header in headers], most)
    if not all(header.name for header in headers):
        raise InvalidArgumentError("A document has no name.")
    if any(len(header.media_type) > MAX_NAME for header in headers):
        raise InvalidArgumentError(f"A media type has at most {MAX_NAME} characters.")
    if any(header.size < 0 for header in headers):
        raise InvalidArgumentError("A document has a size below zero.")
    if sum(header.size for header in headers) > max_total:
        raise InvalidArgumentError(
            f"The documents have more than {max_total} bytes together."
        )


def _place() -> Path:
    """Return the place of private folders: the session's memory if it has some."""
    session = session_folder()
    if session is not None:
        try:
            found = session.stat()
        except OSError:
            pass
        else:
            private = stat.S_IMODE(found.st_mode) == stat.S_IRWXU
            if private and stat.S_ISDIR(found.st_mode) and system.is_own(found):
                return session
    return Path(tempfile.gettempdir())


def _make_folder(place: Path) -> tuple[Path, system.Folder]:
    """Create a folder, mode 0700, and lock it; return its path and the open folder.

    The lock distinguishes the folder of a living process from a leftover, and ends with
    the process. Another process may delete a folder before it is locked: then it is
    gone when the lock is acquired.
    """
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        try:
            folder = system.Folder(path)
        except (FileNotFoundError, BlockingIOError):
            continue
        with suppress(BlockingIOError):
            folder.lock()
            if path.exists():
                return path, folder
        folder.close()


def _create(path: Path) -> BufferedRandom:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
    return os.fdopen(system.open_file(path, flags), "w+b")


def _delete(path: Path, folder: system.Folder) -> None:
    system.delete_locked(path, folder)
    if path.exists():
        logger.warning("Documents can't be deleted from %s.", path.parent)


def _unstorable(error: OSError) -> KortillaError:
    return KortillaError(f"The documents can't be kept: {error.strerror}.")
