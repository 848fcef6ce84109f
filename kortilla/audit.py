# SPDX-License-Identifier: MIT
"""An audit log of a service's events: a file with a line of JSON for each.

    log = AuditLog("/var/log/service/login.jsonl")
    LoginService(…, on_event=log, pseudonym_key=key)

A line is ASCII: a line break in a value is ``\\n`` in it. Several processes may append
to one file on a local disk. Each line is written at once, after what is there.
"""

import json
import os
import threading
from pathlib import Path

from kortilla.common.files import open_regular
from kortilla.errors import ConfigurationError
from kortilla.events import Event

__all__ = ["AuditLog"]


class AuditLog:
    """Appends events to a file of its owner alone (0600), as an event hook.

    The file is opened at once, so that a wrong path is an error of the service's start:
    ``ConfigurationError``. A link, a pipe or a device is refused. If the file is
    renamed or removed, as logrotate does, the next event begins a new one.
    """

    def __init__(self, file: Path | str) -> None:
        self._file = Path(file)
        self._process = os.getpid()
        self._lock = threading.Lock()
        try:
            self._opened, self._identity = self._open()
        except OSError as error:
            raise ConfigurationError(
                f"The audit log {self._file} can't be written: {error.strerror}."
            ) from error
        self._whole = self._ends_whole()

    def __call__(self, event: Event) -> None:
        """Append an event.

        Raises ``OSError``: the event is not in the log, or still in the old file, since
        there can't be a new one.
        """
        line = json.dumps(event.to_json()).encode("ascii") + b"\n"
        if self._process != os.getpid():
            # The lock may be held in the process that this one was forked from.
            self._process, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            problem = self._reopen_if_gone()
            # After a full disk, the next event still has a line of its own.
            content = line if self._whole else b"\n" + line
            self._whole = False
            written = os.write(self._opened, content)
            self._whole = written == len(content)
            if not self._whole:
                raise OSError("the audit log took a part of a line")
            if problem is not None:
                raise problem

    def close(self) -> None:
        """Close the file. Another event opens it again."""
        if self._opened >= 0:
            os.close(self._opened)
        self._opened, self._identity = -1, None

    def _reopen_if_gone(self) -> OSError | None:
        """Open the file of this name, if that is another. Returns why it could not."""
        if _identity(self._file) == self._identity:
            return None
        try:
            opened, identity = self._open()
        except OSError as error:
            if self._opened < 0:
                raise
            return error
        self.close()
        self._opened, self._identity = opened, identity
        self._whole = self._ends_whole()
        return None

    def _open(self) -> tuple[int, tuple[int, int] | None]:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        flags |= getattr(os, "O_NOFOLLOW", 0)  # Windows has none
        opened = open_regular(self._file, flags)
        try:
            found = os.fstat(opened)
            if found.st_mode & 0o077 and hasattr(os, "fchmod"):
                os.fchmod(opened, 0o600)
        except BaseException:
            os.close(opened)
            raise
        return opened, (found.st_dev, found.st_ino)

    def _ends_whole(self) -> bool:
        """Return whether the last line is whole; a process may have been killed."""
        size = os.lseek(self._opened, 0, os.SEEK_END)
        if size == 0:
            return True
        os.lseek(self._opened, -1, os.SEEK_END)
        return os.read(self._opened, 1) == b"\n"


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
