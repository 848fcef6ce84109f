# SPDX-License-Identifier: MIT
"""Folders with a mode that no umask widens, and files whose reading ends."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Create a folder, and those above it, where they are missing.

    ``Path.mkdir`` gives the mode only to the last one: with a umask of 000, others
    could replace it. Raises ``OSError``.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is no folder")


def open_regular(
    path: Path | str,
    flags: int = os.O_RDONLY,
    *,
    mode: int = 0o600,
    folder: int | None = None,
) -> int:
    """Open a file as ``os.open`` does, and return its descriptor.

    ``folder`` is the descriptor of the folder that ``path`` is relative to. Raises
    ``OSError``, with ``EINVAL`` for what is no regular file. A pipe is not waited for:
    nobody may ever write to it, and reading a device may not end.
    """
    flags |= getattr(os, "O_NONBLOCK", 0)  # Windows has none
    flags |= getattr(os, "O_BINARY", 0)  # only Windows has it
    descriptor = os.open(path, flags, mode, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read_regular(path: Path, at_most: int = -1) -> bytes:
    """Return a regular file's first bytes, or all of them without ``at_most``.

    Raises ``OSError`` as ``open_regular``.
    """
    with os.fdopen(open_regular(path), "rb") as stream:
        return stream.read(at_most)


def write_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all, in place of one that was there.

    Missing folders are made with the mode 0700, or 0755 for a file that all may read.
    Until the file is whole its name ends in ``.part``. As root it keeps the owner that
    the file had. Raises ``OSError``.
    """
    import shutil
    import tempfile

    make_folder(path.parent, 0o755 if mode & 0o044 else 0o700)
    handle, name = tempfile.mkstemp(suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists() and hasattr(os, "geteuid") and os.geteuid() == 0:
            shutil.chown(name, path.stat().st_uid, path.stat().st_gid)
        Path(name).chmod(mode)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
