# SPDX-License-Identifier: MIT
"""New files: a free name and room on the disk, before the card is used.

No file is ever overwritten. The content goes into a file without a name in the same
folder, which gets its name when it is complete and on the disk. So a program that is
killed, or a power cut, leaves nothing behind. On Windows it has a hidden name, which
goes as the file is closed. Where the file system has no such files, a hidden file is
used. What a killed program or, on Windows, a power cut left behind is deleted when the
next file is made there.
"""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from kortilla.common.escaping import file_name, shown_path
from kortilla.common.locks import lock_file
from native_host.errors import InvalidArgumentError
from native_host.files.sources import FileNotWritableError
from native_host.platform import system

#: How the name of an encrypted file ends (RFC 8551 §3.2.1).
ENCRYPTED = ".p7m"

_MAX_NAME_BYTES, _MAX_SUFFIX_BYTES = 255, 64
_PREFIX, _SUFFIX = ".kortilla-", ".part"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL


def places(out: Path | None, count: int) -> Callable[[Path], Path]:
    """Return what places ``count`` new files as ``-o`` says, and where each would be.

    ``out`` is the path of the only one, or a folder; None leaves them where they would
    be. Raises ``InvalidArgumentError``.
    """
    if out is None:
        return lambda wanted: wanted
    if out.is_dir():
        return lambda wanted: out / wanted.name
    if count > 1:
        raise InvalidArgumentError(
            "Several files are made, so the place for them must be a folder."
        )
    if os.path.lexists(out):
        raise InvalidArgumentError("The output file exists already.")
    return lambda _: out


def safe_path(path: Path) -> Path:
    """Return a path whose name is one for a new file."""
    return path.with_name(file_name(path.name))


class Target:
    """A place for one new file. ``publish``, ``commit`` or ``discard`` ends it."""

    def __init__(self, path: Path, part: Path | None, descriptor: int) -> None:
        #: Where the file will be; another program may take this name meanwhile.
        self.path = path
        self._part = part  # None for a file without a name of its own
        self._descriptor = descriptor

    @classmethod
    def reserve(
        cls,
        wanted: Path,
        size: int,
        taken: "set[Path]",
        *,
        mode: int = 0o644,
        sources: Sequence[Path] = (),
    ) -> Self:
        """Reserve a place for ``size`` bytes under a free name like ``wanted``.

        Of that, no control or direction character stays.

        ``taken`` are paths to avoid; the new one is added. ``mode`` are the rights of
        the file, less those that the umask takes. If one of ``sources``, of which the
        file is made, came from the internet, it is marked so, as Windows does. Raises
        ``FileNotWritableError``.
        """
        path = next(
            each
            for each in _names_like(safe_path(wanted))
            if each not in taken and not os.path.lexists(each)
        )
        taken.add(path)
        _sweep(path.parent)
        try:
            part, hidden = None, _hidden_name(path.parent)
            descriptor = system.open_unnamed(hidden, mode)
            if descriptor is None:
                part, descriptor = _open_hidden(path.parent, mode)
                hidden = part
            else:
                _lock(descriptor)
            system.copy_mark(sources, hidden)
            target = cls(path, part, descriptor)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            system.reserve(target._descriptor, max(size, 1))
        except OSError as error:
            target.discard()
            raise unwritable(path, error) from error
        return target

    def publish(self, content: bytes) -> Path:
        """Write the content and return its path. Raises ``FileNotWritableError``."""
        try:
            with self.open() as file:
                file.write(content)
        except OSError as error:
            self.discard()
            raise unwritable(self.path, error) from error
        return self.commit()

    def open(self) -> BinaryIO:
        """Open the file to write its content. All that is written before is gone."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        return os.fdopen(self._descriptor, "wb", closefd=False)

    def commit(self) -> Path:
        """Give the file its name, and return that. Raises ``FileNotWritableError``.

        The content ends where the writing ended.
        """
        try:
            os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_CUR))
            os.fsync(self._descriptor)
            self.path = self._give_name()
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            self.discard()
        with contextlib.suppress(OSError):  # not every file system can do it
            system.sync_folder(self.path.parent)
        return self.path

    def _give_name(self) -> Path:
        if self._part is None:
            with contextlib.suppress(OSError):  # not every file system can do it
                return _link(self._descriptor, self.path)
            mode = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
            self._part, hidden = _open_hidden(self.path.parent, mode)
            unnamed, self._descriptor = self._descriptor, hidden
            with os.fdopen(unnamed, "rb") as source, self.open() as copy:
                source.seek(0)
                shutil.copyfileobj(source, copy)
            os.fsync(hidden)
        return _move(self._part, self.path)

    def discard(self) -> None:
        """Delete what is not published. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)


def _open_hidden(folder: Path, mode: int) -> tuple[Path, int]:
    """Create a hidden file, and lock it, so that ``_sweep`` leaves it. Raises OSError.

    ``_sweep`` of another process may delete it before it is locked.
    """
    while True:
        part = _hidden_name(folder)
        descriptor = system.open_file(part, _NEW, mode)
        _lock(descriptor)
        if part.exists():
            return part, descriptor
        os.close(descriptor)


def _hidden_name(folder: Path) -> Path:
    return folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


def _lock(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # some file systems have no locks
        lock_file(descriptor)


def _sweep(folder: Path) -> None:
    """Delete the hidden files of processes that were killed."""
    for part in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):  # a link, another user's, locked, or gone
            descriptor = system.open_file(part, os.O_RDONLY)
            try:
                if system.is_own(os.fstat(descriptor)):
                    lock_file(descriptor)
                    part.unlink()
            finally:
                os.close(descriptor)


def _names_like(path: Path) -> Iterator[Path]:
    """Yield ``a.pdf``, ``a-2.pdf``, ``a-3.pdf`` and so on, none of them too long.

    After ``a.pdf.p7m`` comes ``a-2.pdf.p7m``.
    """
    suffix = path.suffix
    if suffix == ENCRYPTED:
        suffix = Path(path.stem).suffix + suffix
    if len(os.fsencode(suffix)) > _MAX_SUFFIX_BYTES:
        suffix = ""
    number = 1
    while True:
        end = f"-{number}{suffix}" if number > 1 else suffix
        room = _MAX_NAME_BYTES - len(os.fsencode(end))
        stem = path.name.removesuffix(suffix)
        while len(os.fsencode(stem)) > room:
            stem = stem[:-1]
        yield path.with_name(stem + end)
        number += 1


def _link(descriptor: int, wanted: Path) -> Path:
    """Give a free name like ``wanted`` to a file without one. Raises ``OSError``."""
    for path in _names_like(wanted):
        with contextlib.suppress(FileExistsError):
            system.give_name(descriptor, path)
            return path
    raise AssertionError("there is always another name")


def _move(part: Path, wanted: Path) -> Path:
    """Move a file to a free name like ``wanted``. Raises ``OSError``.

    Not by a hard link, which the file systems of memory sticks lack: an empty file
    keeps the name until the complete one replaces it.
    """
    for path in _names_like(wanted):
        try:
            os.close(system.open_file(path, _NEW))
        except FileExistsError:
            continue
        try:
            part.replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError("there is always another name")


def unwritable(path: Path, error: OSError) -> FileNotWritableError:
    """Return the error for a new file that can't be written."""
    return FileNotWritableError(
        f"{shown_path(path)} can't be written: {error.strerror}.", path
    )
