# SPDX-License-Identifier: MIT
"""Files that several processes share: atomic writes, and locks."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked", "write_atomically"]


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file atomically, with mode 0600.

    Without ``durable`` it does not wait for the disk, and the content may be lost in a
    power failure.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is created if it is missing.

    It excludes other holders in this process too. Without ``wait``, raises
    ``BlockingIOError`` if the lock is held.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
