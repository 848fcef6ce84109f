# SPDX-License-Identifier: MIT
"""Whether the mock card is in its reader, for all processes that use it at a time.

``presence.json`` in the card's folder says so once the card has been pulled. A process
that waits for a change has a named pipe there, into which whoever makes one writes.
"""

import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

__all__ = ["Presence", "Watch", "notify"]

_PIPES = ".watch-"


@dataclass(frozen=True)
class Presence:
    """Where card and reader are.

    ``insertions`` counts how often the card was put in. ``back_at``, in seconds of
    ``time.time()``, is when what was pulled comes back by itself.
    """

    card: bool = True
    reader: bool = True
    insertions: int = 1
    back_at: float | None = None

    @classmethod
    def load(cls, content: bytes) -> "Presence":
        """Read what ``dump`` gave. Raises ``ValueError`` for anything else."""
        try:
            presence = cls(**json.loads(content))
            return presence.now()
        except TypeError as error:
            raise ValueError(str(error)) from None

    def dump(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    def now(self) -> "Presence":
        """Return it as it is now, when the time to come back may have passed."""
        if self.back_at is not None and self.back_at <= time.time():
            return self.inserted()
        return self

    def seconds_left(self) -> float | None:
        """Return how long it takes to come back, or None when it does not."""
        return None if self.back_at is None else max(0, self.back_at - time.time())

    def inserted(self) -> "Presence":
        """Return it with the card put in, anew where it is there already."""
        return Presence(insertions=self.insertions + 1)

    def pulled(self, *, reader: bool, seconds: float | None) -> "Presence":
        """Return it without the card, or without the reader, for a time or for good."""
        back_at = None if seconds is None else time.time() + seconds
        return replace(self, card=False, reader=not reader, back_at=back_at)


class Watch:
    """A pipe whose ``descriptor`` can be read after each change of the presence.

    It is made and found under the folder's lock, so that none is taken for a dead one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{_PIPES}{os.getpid()}-{secrets.token_hex(4)}"
        os.mkfifo(self._path, 0o600)
        self.descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        # With a writer of its own it is never at its end, which would count as news.
        self._writer = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)

    def take_news(self) -> None:
        """Empty the pipe."""
        with suppress(BlockingIOError):
            os.read(self.descriptor, 4096)

    def close(self) -> None:
        """Take the pipe away."""
        self._path.unlink(missing_ok=True)
        os.close(self.descriptor)
        os.close(self._writer)


def notify(folder: Path) -> None:
    """Tell every watch; those that nobody reads any more are taken away."""
    for path in folder.glob(f"{_PIPES}*"):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            path.unlink(missing_ok=True)
            continue
        # A full pipe has news enough.
        with suppress(BlockingIOError):
            os.write(descriptor, b"!")
        os.close(descriptor)
