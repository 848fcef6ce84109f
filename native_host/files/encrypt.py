# SPDX-License-Identifier: MIT
"""Encrypts the user's own files to certificates and to a recovery password.

Each file becomes one message (CMS) beside it, ``a.pdf.p7m`` of ``a.pdf``. Its content
is the file's bytes and nothing else, so its name is the file's, as with other programs
that write such files (Kleopatra). The original is only read.

No card and no PIN takes part. The functions block: a window calls them in a thread.
"""

import errno
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from kortilla.common import JsonObject
from kortilla.common.escaping import shown_path
from kortilla.common.files import open_regular
from kortilla.encryption import Recipient, encrypt
from native_host.files.sources import (
    RefusedFilesError,
    UnsignableFile,
)
from native_host.files.targets import ENCRYPTED, Target, places, unwritable

#: Room for the parts of a message around its content, and for each recipient's, bytes.
_ROOM, _ROOM_EACH = 8192, 2048
#: One byte in so many is the length of a piece of the content.
_PIECES = 4096

#: The letters of a recovery password: none that looks like a digit.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS, _GROUP = 5, 4

#: Gets how many bytes are encrypted or decrypted, of how many.
Progressed = Callable[[int, int], object]


class FileNotReadableError(RefusedFilesError):
    """A file can't be read. Nothing was made of it."""

    code = "FILE_NOT_READABLE"

    def __init__(self, path: Path, reason: str, message: str) -> None:
        message = f"{shown_path(path)}: {message}"
        super().__init__(message, [UnsignableFile(path, reason, message)])


class StoppedError(Exception):
    """The user stopped the work. Nothing of the present file is left."""


@dataclass(frozen=True)
class EncryptedFile:
    """An encrypted file, and the original that it was made of."""

    path: Path
    original: Path


@dataclass(frozen=True)
class EncryptOutcome:
    """The encrypted files, and the errors about those that are not encrypted."""

    made: tuple[EncryptedFile, ...]
    failed: tuple[RefusedFilesError, ...]

    def fields(self) -> JsonObject:
        """Return the JSON for scripts and for the desktop program."""
        made = [
            {"file": str(each.path), "original": str(each.original)}
            for each in self.made
        ]
        return outcome_fields(made, self.failed)


def outcome_fields(
    made: list[JsonObject], failed: Sequence[RefusedFilesError]
) -> JsonObject:
    """Return the files that were made, and the first error with all failed files."""
    if not failed:
        return {"files": made}
    error: JsonObject = failed[0].fields()["error"]
    files = [file for each in failed for file in each.fields()["error"]["files"]]
    return {"files": made, "error": {**error, "files": files}}


def encrypt_files(
    files: Sequence[Path],
    recipients: Sequence[Recipient],
    *,
    out: Path | None = None,
    authenticated: bool = True,
    progressed: Progressed | None = None,
    stop: threading.Event | None = None,
) -> EncryptOutcome:
    """Encrypt each file to all recipients, beside it or as ``places`` says of ``out``.

    Not ``authenticated`` is for mail programs that can't read AES-GCM. ``progressed``
    gets the bytes of all files together. What fails for one file leaves the others.
    Raises ``InvalidArgumentError``, and ``StoppedError`` after ``stop`` was set.
    """
    place = places(out, len(files))
    meter = Meter(files, progressed, stop)
    taken: set[Path] = set()
    made: list[EncryptedFile] = []
    failed: list[RefusedFilesError] = []
    for path in files:
        try:
            with opened(path) as source:
                room = _room(source, recipients)
                wanted = place(path.with_name(f"{path.name}{ENCRYPTED}"))
                with new_file(
                    Target.reserve(wanted, room, taken, sources=[path])
                ) as target:
                    with target.open() as sink:
                        encrypt(
                            meter.of(reading(path, source)),
                            sink,
                            recipients,
                            authenticated=authenticated,
                        )
                    made.append(EncryptedFile(target.commit(), path))
        except RefusedFilesError as error:
            failed.append(error)
        meter.end(path)
    return EncryptOutcome(tuple(made), tuple(failed))


def _room(source: BinaryIO, recipients: Sequence[Recipient]) -> int:
    size = os.fstat(source.fileno()).st_size
    return size + size // _PIECES + _ROOM + _ROOM_EACH * len(recipients)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read. Raises ``FileNotReadableError``, also for errors within."""
    try:
        with os.fdopen(open_regular(path), "rb") as source:
            yield source
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def new_file(target: Target) -> Iterator[Target]:
    """Provide a target for what is made of a file, and discard it at the end.

    Raises ``FileNotWritableError`` for an ``OSError`` within: a disk that fails has
    the same number for reading and writing, so what is read comes from ``reading``.
    """
    try:
        yield target
    except OSError as error:
        raise unwritable(target.path, error) from error
    finally:
        target.discard()


def reading(path: Path, stream: BinaryIO) -> BinaryIO:
    """Return a stream to read, which raises ``FileNotReadableError``."""
    return cast("BinaryIO", _Reading(path, stream))


def unreadable(path: Path, error: OSError) -> FileNotReadableError:
    """Return the error for a file that can't be opened or read."""
    if error.errno == errno.EINVAL:
        message = "This is not a file with bytes of its own."
        return FileNotReadableError(path, "kind", message)
    message = f"The file can't be read: {error.strerror}."
    return FileNotReadableError(path, "unreadable", message)


class Meter:
    """Says how much of some files is done, at most once for each percent.

    ``stop`` ends the work with ``StoppedError``.
    """

    def __init__(
        self,
        files: Sequence[Path],
        progressed: Progressed | None,
        stop: threading.Event | None,
    ) -> None:
        self._sizes = {path: _size(path) for path in files}
        self._total = sum(self._sizes.values())
        self._progressed = progressed
        self._stop = stop
        self._done = self._ended = 0
        self._percent = -1

    def of(self, stream: BinaryIO) -> BinaryIO:
        """Return a stream that counts what is read or written, and can only do that."""
        return cast("BinaryIO", _Counted(stream, self))

    def end(self, path: Path) -> None:
        """Count the whole file, also one that failed. What is done can't be stopped."""
        self._ended += self._sizes[path]
        self._set(self._ended)

    def add(self, count: int) -> None:
        """Count some more bytes. Raises ``StoppedError``."""
        if self._stop is not None and self._stop.is_set():
            raise StoppedError
        self._set(min(self._done + count, self._total))

    def _set(self, done: int) -> None:
        self._done = done
        percent = 100 * self._done // self._total if self._total else 100
        if self._progressed is not None and percent > self._percent:
            self._percent = percent
            self._progressed(self._done, self._total)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


class _Reading:
    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise unreadable(self._path, error) from error

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, place: int) -> int:
        return self._stream.seek(place)


class _Counted:
    def __init__(self, stream: BinaryIO, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._meter.add(len(piece))
        return piece

    def write(self, data: bytes) -> int:
        self._meter.add(len(data))
        return self._stream.write(data)


def new_recovery_password() -> str:
    """Return a new password, such as ``ABCD-EFGH-JKLM-NPQR-STUV``.

    Its 20 letters have 91 bits, and each guess takes 600,000 rounds of PBKDF2, 2^20
    hashes. Show it once, and store it nowhere.
    """
    letters = (secrets.choice(_LETTERS) for _ in range(_GROUPS * _GROUP))
    return _grouped("".join(letters))


def typed_password(text: str) -> str:
    """Return the password that a person meant: spaces, dashes and case don't matter.

    That is so for passwords of ``new_recovery_password``; others stay as they are.
    """
    letters = re.sub(r"[\s\u2010-\u2015-]", "", text).upper()
    if len(letters) == _GROUPS * _GROUP and set(letters) <= set(_LETTERS):
        return _grouped(letters)
    return text


def _grouped(letters: str) -> str:
    return "-".join(
        letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP)
    )
