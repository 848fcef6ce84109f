# SPDX-License-Identifier: MIT
"""Writes a report's file whole or not at all, and never over anything."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from native_host.card_report.errors import CardReportError, Why

__all__ = ["check_new_file", "write_new_file"]

#: What link(2) fails with on file systems without hard links, such as that of a stick.
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def check_new_file(path: Path) -> None:
    """Raise ``CardReportError`` where a file can't be written, as far as can be told.

    A link counts as a file that is there, also a broken one.
    """
    with _explained():
        if os.path.lexists(path):
            raise FileExistsError
        if not path.parent.is_dir():
            raise NotADirectoryError
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError


def write_new_file(path: Path, text: str) -> None:
    """Write a file that its owner alone can read. Raises ``CardReportError``."""
    with _explained():
        file, temporary = tempfile.mkstemp(prefix=".kortilla-", dir=path.parent)
        try:
            _write(file, text)
            try:
                os.link(temporary, path)  # which replaces nothing
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _write_directly(path, text)
        finally:
            Path(temporary).unlink()


def _write_directly(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        _write(file, text)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _write(file: int, text: str) -> None:
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(file)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise CardReportError(Why.EXISTS) from None
    except (FileNotFoundError, NotADirectoryError):
        raise CardReportError(Why.NO_FOLDER) from None
    except (OSError, ValueError) as error:
        raise CardReportError(Why.UNWRITABLE) from error
