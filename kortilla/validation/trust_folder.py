# SPDX-License-Identifier: MIT
"""A folder of CA certificates that a running service reads anew."""

import logging
import os
import sys
import threading
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path

from kortilla.clock import utc_now
from kortilla.errors import TrustConfigurationError
from kortilla.validation.trust import IssuingCA, Trust, certificate_files

logger = logging.getLogger(__name__)

#: What changes when a file is replaced: its name, and the file that the name leads to.
_Stamp = tuple[tuple[str, int, int, int, int, int], ...]


#: Held while a forked process begins to watch.
_after_fork = threading.Lock()


def _begin_anew() -> None:
    global _after_fork  # noqa: PLW0603 - another thread may hold it at the fork
    _after_fork = threading.Lock()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew)


class TrustFolder:
    """The CA certificates in a folder, which can change while the service runs.

    Pass it to ``LoginService`` in place of a ``Trust``. ``reload`` reads the folder
    anew, and ``watch`` does so when the folder has changed. If the folder is broken or
    empty, the trust that was there stays: nobody is locked out, and nothing more is
    trusted. The arguments are those of ``Trust.from_folder``, whose error is raised if
    the folder is broken at first.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        test: bool = False,
        pins: Iterable[str] = (),
        policies: Iterable[str] = (),
    ) -> None:
        self._folder = Path(folder)
        self._read = partial(
            Trust.from_folder,
            self._folder,
            test=test,
            pins=tuple(pins),
            policies=tuple(policies),
        )
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._process = os.getpid()
        self._seconds = 0.0
        self._problem = ""
        self._stamp = _stamp(self._folder)
        self._current = self._read()
        self._loaded_at = utc_now()

    @property
    def current(self) -> Trust:
        """The trust that was read last."""
        if self._seconds and self._process != os.getpid():
            with _after_fork:
                # The thread stayed in the process that this one was forked from.
                seconds = self._seconds
                if seconds and self._process != os.getpid():
                    self.watch(seconds)
        return self._current

    @property
    def problem(self) -> str:
        """Why the folder could not be read when it was read last; empty if it was."""
        return self._problem

    @property
    def loaded_at(self) -> datetime:
        """When the current trust was read, in UTC."""
        return self._loaded_at

    def reload(self) -> bool:
        """Read the folder anew, and return whether the trust has changed.

        Raises ``TrustConfigurationError``; then the trust that was there stays. May be
        called in any thread.
        """
        with self._lock:
            before = _stamp(self._folder)
            try:
                trust = self._read()
                if _stamp(self._folder) != before:
                    raise TrustConfigurationError(
                        f"The folder {self._folder} is being changed at the moment."
                    )
            except TrustConfigurationError as error:
                since = f"{self._loaded_at:%Y-%m-%d %H:%M} UTC"
                message = f"{error} The CA certificates of {since} stay in use."
                if message != self._problem:
                    self._problem = message
                    logger.error("%s", message)
                raise TrustConfigurationError(message) from error
            old, self._current = self._current, trust
            self._problem, self._stamp, self._loaded_at = "", before, utc_now()
            return _log_change(old, trust)

    def watch(self, seconds: float = 60) -> None:
        """Look every so many seconds whether the folder has changed, and reload it.

        In a thread, until ``close``. A folder has to look alike twice before it is
        read, so that nothing is read in the midst of a change. A problem is logged
        once.
        """
        if seconds <= 0:
            raise ValueError("The seconds between two looks are positive.")
        self.close()
        if self._process != os.getpid():
            self._lock = threading.Lock()  # the fork may have come while it was held
        self._stop = threading.Event()
        self._seconds, self._process = seconds, os.getpid()
        threading.Thread(
            target=self._look, args=(self._stop,), name="kortilla-trust", daemon=True
        ).start()

    def close(self) -> None:
        """Stop watching."""
        self._seconds = 0.0
        self._stop.set()

    def _look(self, stop: threading.Event) -> None:
        seen: _Stamp | None = None
        while not stop.wait(self._seconds):
            now = _stamp(self._folder)
            if (now != self._stamp or self._problem) and now == seen:
                try:
                    self.reload()
                except TrustConfigurationError:
                    continue  # it was logged
                except Exception:
                    logger.exception("The CA certificates could not be read anew.")
            seen = now


def _stamp(folder: Path) -> _Stamp:
    """Return a value that changes with the folder's files; nothing is read."""
    found = []
    try:
        for file in certificate_files(folder):
            now = file.stat()
            place, times = (now.st_dev, now.st_ino), (now.st_mtime_ns, now.st_ctime_ns)
            found.append((file.name, *place, now.st_size, *times))
    except OSError:  # the folder is being changed, or can't be read
        return ()
    return tuple(found)


def _log_change(old: Trust, new: Trust) -> bool:
    before, after = ({_key(ca): ca for ca in trust.issuers} for trust in (old, new))
    if before.keys() == after.keys():
        return False
    for key in after.keys() - before.keys():
        logger.warning("From now on the service trusts %s.", after[key])
    for key in before.keys() - after.keys():
        logger.warning("The service no longer trusts %s.", before[key])
    return True


def _key(ca: IssuingCA) -> tuple[bytes, bytes | None]:
    return ca.certificate.sha256, None if ca.root is None else ca.root.sha256
