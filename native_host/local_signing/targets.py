# SPDX-License-Identifier: MIT
"""The signed files: a free name and room on the disk, before the card signs anything.

No file is ever overwritten. The content goes into a hidden file in the same folder,
which gets its name when it is complete.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from native_host.local_signing.errors import FileNotWritableError, shown_path

__all__ = ["Target"]

_MAX_NAME_BYTES = 255


class Target:
    """A place for one signed file. ``publish`` or ``discard`` ends it."""

    def __init__(self, path: Path, part: Path, descriptor: int) -> None:
        #: Where the file will be; another program may take this name meanwhile.
        self.path = path
        self._part = part
        self._descriptor = descriptor

    @classmethod
    def reserve(cls, wanted: Path, size: int, taken: "set[Path]") -> Self:
        """Reserve a place for ``size`` bytes under a free name like ``wanted``.

        ``taken`` are paths to avoid; the new one is added. Raises
        ``FileNotWritableError``.
        """
        path = next(
            each
            for each in _names_like(wanted)
            if each not in taken and not os.path.lexists(each)
        )
        taken.add(path)
        part = path.with_name(f".kortilla-{secrets.token_hex(8)}.part")
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            target = cls(path, part, os.open(part, flags, 0o666))
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            os.posix_fallocate(target._descriptor, 0, max(size, 1))
        except OSError as error:
            target.discard()
            raise _unwritable(path, error) from error
        return target

    def publish(self, content: bytes) -> Path:
        """Write the content and return its path. Raises ``FileNotWritableError``."""
        try:
            with os.fdopen(self._descriptor, "wb") as file:
                self._descriptor = -1
                file.write(content)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self.path = _give_name(self._part, self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        finally:
            self.discard()
        return self.path

    def discard(self) -> None:
        """Delete what is not published. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)


def _names_like(path: Path) -> Iterator[Path]:
    """Yield ``a.pdf``, ``a-2.pdf``, ``a-3.pdf`` and so on, none of them too long."""
    number = 1
    while True:
        end = f"-{number}{path.suffix}" if number > 1 else path.suffix
        room = _MAX_NAME_BYTES - len(os.fsencode(end))
        stem = path.stem
        while len(os.fsencode(stem)) > room:
            stem = stem[:-1]
        yield path.with_name(stem + end)
        number += 1


def _give_name(part: Path, wanted: Path) -> Path:
    """Move a file to a free name like ``wanted``.

    Not by a hard link, which the file systems of memory sticks lack: an empty file
    keeps the name until the complete one replaces it.
    """
    for path in _names_like(wanted):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path, flags, 0o600))
        except FileExistsError:
            continue
        try:
            part.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("there is always another name")


def _unwritable(path: Path, error: OSError) -> FileNotWritableError:
    return FileNotWritableError(
        f"{shown_path(path)} can't be written: {error.strerror}.", path
    )
