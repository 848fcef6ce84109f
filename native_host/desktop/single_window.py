# SPDX-License-Identifier: MIT
"""One window for each person: a second start brings the first one's to the front.

The first one locks a file in the person's runtime folder and listens on a socket there.
A message on the socket holds the token with which the desktop lets a window come to the
front, and may name files for a page. The page shows them as if the person had chosen
them there, and that has no further effect.
"""

import contextlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from kortilla.common.locks import lock_file
from native_host.errors import KortillaError
from native_host.files.sources import MAX_FILES
from native_host.platform import sockets
from native_host.platform.paths import runtime_folder
from native_host.platform.private_files import (
    delete_private,
    open_private,
    private_folder,
)

#: Variables with the token of a start: on Wayland, on X11.
_TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
_TOKEN = re.compile(r"[!-~]{0,256}")
_LONGEST = 4 << 20  # bytes
#: The pages that files can be given to.
PAGES_OF_FILES = ("check", "encrypt", "sign")
#: The most files at once: one more than a page takes, which then says so.
MOST_FILES = MAX_FILES + 1
_PATIENCE = 5.0  # seconds for an answer
_SHOWN = b"shown\n"
_LOCK = "window.lock"


@dataclass(frozen=True)
class Handover:
    """Files that a start of the program gives to a page. The paths are absolute."""

    page: str
    files: tuple[Path, ...]

    def encode(self) -> str:
        return json.dumps({"page": self.page, "files": [*map(str, self.files)]})

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read what ``encode`` returned. Raises ``ValueError``."""
        try:
            fields = json.loads(text)
            page, files = fields["page"], fields["files"]
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError("no page with files") from error
        if page not in PAGES_OF_FILES or not isinstance(files, list):
            raise ValueError("no page with files")
        if len(files) > MOST_FILES or not all(map(_is_path, files)):
            raise ValueError("no absolute paths")
        return cls(page, tuple(map(Path, files)))


class SingleWindow:
    """The claim of a process to be the one that shows the window."""

    def __init__(self) -> None:
        self._lock: IO[str] | None = None
        self._folder = _private_folder()

    def claim(self, handover: Handover | None = None) -> bool:
        """Return whether this process is to show the window.

        If another one does, its window is brought to the front and gets ``handover``.
        Without a private runtime folder there is no way to know, and each process shows
        a window. Raises ``KortillaError`` if the other one does not answer.
        """
        if self._folder is None:
            return True
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        try:
            lock = os.fdopen(open_private(self._folder / _LOCK, flags), "a")
        except OSError:  # a link, or a full disk
            self._folder = None
            return True
        try:
            lock_file(lock)
        except BlockingIOError:
            lock.close()
            _raise_other(self._path(self._folder), handover)
            return False
        self._lock = lock
        return True

    def close(self) -> None:
        if self._lock is not None and self._folder is not None:
            self._lock.close()
            if sys.platform == "win32":  # where the folder does not end by itself
                # A later start may have opened it, and Windows keeps it then.
                with contextlib.suppress(OSError):
                    delete_private(self._folder / _LOCK)

    async def listen(self, show: Callable[[str, Handover | None], object]) -> None:
        """Call ``show`` for each later start, until cancelled.

        It gets the start's token and files.
        """
        if self._folder is None:
            return

        def answer(line: bytes) -> bytes:
            token, _, rest = line.decode("ascii").rstrip("\n").partition(" ")
            if not _TOKEN.fullmatch(token):
                raise ValueError("no token")
            show(token, Handover.decode(rest) if rest else None)
            return _SHOWN

        path = self._path(self._folder)
        await sockets.answer_locally(path, answer, most=_LONGEST, seconds=_PATIENCE)

    @staticmethod
    def _path(folder: Path) -> Path:
        return folder / "window.sock"


def _private_folder() -> Path | None:
    """Return the runtime folder if it is a folder that only this person can use."""
    folder = runtime_folder()
    if folder is None:
        return None
    try:
        with private_folder(folder, create=True):
            return folder
    except OSError:
        return None


def _is_path(text: object) -> bool:
    return isinstance(text, str) and "\0" not in text and Path(text).is_absolute()


def _raise_other(path: Path, handover: Handover | None) -> None:
    token = next((os.environ[name] for name in _TOKENS if os.environ.get(name)), "")
    if not _TOKEN.fullmatch(token):
        token = ""
    line = f"{token} {handover.encode()}\n" if handover else f"{token}\n"
    deadline = time.monotonic() + _PATIENCE
    while True:
        with contextlib.suppress(OSError):
            answer = sockets.ask_locally(
                path, line.encode("ascii"), most=len(_SHOWN), seconds=_PATIENCE
            )
            if answer == _SHOWN:
                return
        # It may be starting, and not listen yet.
        if time.monotonic() > deadline:
            raise KortillaError("Kortilla's window is open, and does not answer.")
        time.sleep(0.05)
