# SPDX-License-Identifier: MIT
"""What the processes that use a card's folder share: files, locks, and its presence.

``presence.json`` exists once the card has been pulled. A process that waits for changes
has a named pipe in the folder, and every change writes to all pipes.
"""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from kortilla.common.locks import lock_file
from kortilla.mock_card.errors import InvalidArgumentError

_PIPES = ".watch-"
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)  # not on Windows


def make_private_folder(folder: Path) -> None:
    """Create a folder and those above it, with mode 0700 under any umask."""
    for each in (*reversed(folder.parents), folder):
        if not each.is_dir():
            with suppress(FileExistsError):
                each.mkdir(0o700)


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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        lock_file(descriptor, wait=wait)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Presence:
    """Whether card and reader are present.

    ``insertions`` counts how often the card was inserted. ``back_at``, in seconds of
    ``time.time()``, is when a pulled card or reader returns.
    """

    card: bool = True
    reader: bool = True
    insertions: int = 1
    back_at: float | None = None

    @classmethod
    def load(cls, content: bytes) -> "Presence":
        """Parse the result of ``dump``. Raises ``ValueError``."""
        try:
            return _parse(content).now()
        except TypeError as error:
            raise ValueError(str(error)) from None

    def dump(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    def now(self) -> "Presence":
        """Return the current presence, since ``back_at`` may have passed."""
        if self.back_at is not None and self.back_at <= time.time():
            return self.inserted()
        return self

    def seconds_left(self) -> float | None:
        """Return the seconds until ``back_at``, or None without one."""
        return None if self.back_at is None else max(0, self.back_at - time.time())

    def inserted(self) -> "Presence":
        """Return the presence after inserting the card, again if it is present."""
        return Presence(insertions=self.insertions + 1)

    def pulled(self, *, reader: bool, seconds: float | None) -> "Presence":
        """Return the presence after pulling the card or the reader, for a time."""
        back_at = None if seconds is None else time.time() + seconds
        return replace(self, card=False, reader=not reader, back_at=back_at)


@lru_cache(maxsize=4)  # a card reads its presence at each command
def _parse(content: bytes) -> Presence:
    return Presence(**json.loads(content))


class Watch:
    """A pipe whose ``descriptor`` becomes readable after each change of the presence.

    It is created under the folder's lock, so that ``notify`` never mistakes it for a
    dead one. Raises ``InvalidArgumentError`` on Windows.
    """

    def __init__(self, folder: Path) -> None:
        if not hasattr(os, "mkfifo"):
            raise InvalidArgumentError("Windows has no virtual readers of pcscd.")
        self._path = folder / f"{_PIPES}{os.getpid()}-{secrets.token_hex(4)}"
        os.mkfifo(self._path, 0o600)
        self.descriptor = os.open(self._path, os.O_RDONLY | _NONBLOCK)
        # With its own writer it never reaches end of file, which is readable too.
        self._writer = os.open(self._path, os.O_WRONLY | _NONBLOCK)

    def take_news(self) -> None:
        """Empty the pipe."""
        with suppress(BlockingIOError):
            os.read(self.descriptor, 4096)

    def close(self) -> None:
        """Remove the pipe."""
        self._path.unlink(missing_ok=True)
        os.close(self.descriptor)
        os.close(self._writer)


def notify(folder: Path) -> None:
    """Notify every watch, and remove the pipes without a reader."""
    with os.scandir(folder) as entries:
        paths = [entry.path for entry in entries if entry.name.startswith(_PIPES)]
    for path in paths:
        try:
            descriptor = os.open(path, os.O_WRONLY | _NONBLOCK)
        except OSError:
            Path(path).unlink(missing_ok=True)
            continue
        # A full pipe is readable already.
        with suppress(BlockingIOError):
            os.write(descriptor, b"!")
        os.close(descriptor)
