# SPDX-License-Identifier: MIT
"""Files in folders of the person's own, in which nobody else can write.

Where others can write, they could put a link in place of a file, and have this program
read or overwrite another one.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kortilla.common.files import make_folder
from native_host.platform import system


@contextmanager
def private_folder(path: Path, *, create: bool = False) -> Iterator[system.Folder]:
    """Open a folder, in which its files are reached.

    Raises ``OSError``, also if it is a link, another user's, or others can write there.
    """
    if create:
        make_folder(path)
    with system.Folder(path) as folder:
        if not folder.is_private():
            raise PermissionError(errno.EPERM, "others may write there", str(path))
        yield folder


def open_private(path: Path, flags: int) -> int:
    """Open a file in a private folder, and return its descriptor.

    A new file has the mode 0600. With ``O_CREAT``, a missing folder is created. Raises
    ``OSError`` as ``private_folder`` does, and for a link or a pipe.
    """
    with private_folder(path.parent, create=bool(flags & os.O_CREAT)) as folder:
        return folder.open(path.name, flags)


def read_private(path: Path, most: int) -> str:
    """Return at most so many bytes of a file, and nothing of one it can't read."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            return os.fsdecode(file.read(most))
    except (OSError, ValueError):
        return ""


def write_private(path: Path, text: str) -> None:
    """Replace the content of a file. Raises ``OSError``."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(open_private(path, flags), "wb") as file:
        file.write(os.fsencode(text))


def delete_private(path: Path) -> None:
    """Delete a file if it is there. Raises ``OSError``."""
    with suppress(FileNotFoundError), private_folder(path.parent) as folder:
        folder.unlink(path.name)
