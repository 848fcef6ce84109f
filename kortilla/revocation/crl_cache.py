# SPDX-License-Identifier: MIT
"""A cache of CRLs: in memory, and in a folder across restarts.

Several processes may share the folder. Its files are as untrusted as downloads: each is
verified when it is read, and replaced atomically.
"""

import asyncio
import hashlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from kortilla.common.files import make_folder
from kortilla.revocation import crl
from kortilla.revocation.certificates import Subject, crl_addresses
from kortilla.revocation.crl import RevocationList
from kortilla.revocation.fetch import Fetcher, Limits, host_of
from kortilla.revocation.interface import CRLStatus, NoAnswerError, Reason
from kortilla.threads import in_thread

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Octets buffered before a thread writes them.
_WRITE = 1 << 20
#: The age of a download after which a newer CRL is looked for. This one is used until
#: its nextUpdate.
_REFRESH = timedelta(hours=1)
#: The pause after a failed download, while an older CRL is still valid.
_RETRY = timedelta(minutes=1)
#: How many CRLs are kept in memory.
_MOST_LISTS = 16
#: When temporary files of killed processes are removed.
_ABANDONED = timedelta(hours=1)


class SingleFlight(Generic[T]):
    """Runs at most one coroutine for each key. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}

    async def run(
        self, key: Hashable, make: Callable[[], Coroutine[None, None, T]]
    ) -> T:
        """Await the key's running coroutine, or start one.

        It continues if a caller is cancelled: others may be waiting.
        """
        return await asyncio.shield(self.start(key, make))

    def start(
        self, key: Hashable, make: Callable[[], Coroutine[None, None, T]]
    ) -> "asyncio.Task[T]":
        """Start the coroutine unless one is running, without waiting for it."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(make())
            self._running[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return task

    async def close(self) -> None:
        """Cancel all running coroutines."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _end(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # with no caller left, an exception is no error


@dataclass
class _Kept:
    """A CRL in memory. After ``renew_at`` a newer one is downloaded."""

    content: RevocationList
    renew_at: datetime
    stamp: tuple[int, int, int]
    conditions: dict[str, str]
    host: str = ""


class RevocationLists:
    """Downloads, caches and renews CRLs. Belongs to one event loop."""

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        folder: Path | None,
        clock: Callable[[], datetime],
        skew: timedelta,
        limits: Limits,
    ) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._own_folder: tempfile.TemporaryDirectory[str] | None = None
        self._clock = clock
        self._skew = skew
        self._limits = limits
        self._kept: dict[str, _Kept] = {}
        self._work: SingleFlight[_Kept] = SingleFlight()

    async def close(self) -> None:
        """Stop downloads, and remove the folder if it is private."""
        await self._work.close()
        self._kept.clear()
        own, self._own_folder = self._own_folder, None
        if own is not None:
            own.cleanup()  # at a process's end there are no threads for it any more

    def status(self) -> tuple[CRLStatus, ...]:
        return tuple(
            CRLStatus(kept.host, kept.content.this_update, kept.content.next_update)
            for kept in list(self._kept.values())  # a metrics thread may ask
        )

    async def find(
        self, subject: Subject, issuer: Subject, *, addresses: tuple[str, ...]
    ) -> RevocationList:
        """Return the issuer's CRL for a certificate, which may be on it.

        The URLs are tried in order. Raises ``NoAnswerError``.
        """
        if not addresses:
            raise NoAnswerError(
                Reason.NO_ADDRESS, "the certificate has no http address of a list."
            )
        *others, last = addresses
        for address in others:
            try:
                return await self._look_up(address, subject, issuer)
            except NoAnswerError as error:
                logger.warning("CRL, %s: %s", host_of(address), error)
        return await self._look_up(last, subject, issuer)

    async def _look_up(
        self, address: str, subject: Subject, issuer: Subject
    ) -> RevocationList:
        content = await self._current(address, issuer)
        content.check_covers(subject, crl_addresses(subject) or (address,))
        return content

    async def _current(self, address: str, issuer: Subject) -> RevocationList:
        name = hashlib.sha256(address.encode() + b"\0" + issuer.fingerprint).hexdigest()
        now = self._clock()
        kept = self._kept.get(name)

        async def renew() -> _Kept:
            return await self._renew(name, address, issuer)

        if kept is None or now >= kept.content.next_update + self._skew:
            kept = await self._work.run(name, renew)
        elif now >= kept.renew_at:
            if now >= kept.content.next_update:
                kept = await self._work.run(name, renew)
            else:
                # In the background: the CRL is valid until its nextUpdate.
                self._work.start(name, renew)
        # Another caller's download may have ended with a CRL that suits only it.
        self._check_times(kept.content, self._clock())
        return kept.content

    async def _renew(self, name: str, address: str, issuer: Subject) -> _Kept:
        if self._folder is None:
            # Not in a thread, which would continue after the checker is closed.
            folder = self._private_folder()
        else:
            folder = await asyncio.to_thread(self._tidy, self._folder)
        file = folder / f"{name}.crl"
        kept = await self._read_folder(file, issuer, self._kept.get(name))
        now = self._clock()
        if kept is None or now >= kept.renew_at:
            try:
                kept = await self._fetch(file, address, issuer, kept, now)
            except NoAnswerError as error:
                if kept is None:
                    raise
                kept.renew_at = now + _RETRY
                logger.warning(
                    "CRL, %s: %s The list of %s is used until %s.",
                    host_of(address),
                    error,
                    kept.content.this_update.isoformat(),
                    kept.content.next_update.isoformat(),
                )
        self._kept.pop(name, None)
        kept.host = host_of(address)
        self._kept[name] = kept
        while len(self._kept) > _MOST_LISTS:
            del self._kept[next(iter(self._kept))]
        return kept

    async def _read_folder(
        self, file: Path, issuer: Subject, kept: _Kept | None
    ) -> _Kept | None:
        """Return the newest valid CRL, from memory or from a file."""
        now = self._clock()
        if kept is not None and not self._is_good(kept.content, now):
            kept = None
        stamp = await asyncio.to_thread(_stamp, file)
        if stamp is None or (kept is not None and stamp == kept.stamp):
            return kept
        try:
            content = await self._load(file, issuer)
        except NoAnswerError as error:
            logger.warning("The list in %s is not used: %s", file, error)
            return kept
        if not self._is_good(content, now) or (
            kept is not None and content.this_update < kept.content.this_update
        ):
            return kept
        # When this or another process downloaded it; never in the future.
        fetched = min(datetime.fromtimestamp(stamp[0] / 1e9, now.tzinfo), now)
        return _Kept(content, self._renew_at(content, fetched), stamp, {})

    def _check_times(self, content: RevocationList, at: datetime) -> None:
        content.check_times(at, skew_seconds=self._skew.total_seconds())

    def _is_good(self, content: RevocationList, at: datetime) -> bool:
        try:
            self._check_times(content, at)
        except NoAnswerError:
            return False
        return True

    def _renew_at(self, content: RevocationList, fetched: datetime) -> datetime:
        return min(content.next_update, fetched + _REFRESH)

    async def _load(self, file: Path, issuer: Subject) -> RevocationList:
        return await in_thread(
            crl.load, file, issuer=issuer, most_octets=self._limits.octets
        )

    async def _fetch(
        self,
        file: Path,
        address: str,
        issuer: Subject,
        kept: _Kept | None,
        now: datetime,
    ) -> _Kept:
        part: Path | None = None
        try:
            async with self._fetcher.get(
                address,
                headers=kept.conditions if kept else {},
                limits=self._limits,
            ) as (answer, chunks):
                if answer.status == 304 and kept is not None:
                    return self._keep(kept, now)
                part = await _save(file, chunks)
                conditions = {
                    condition: answer.headers[header]
                    for condition, header in (
                        ("If-None-Match", "ETag"),
                        ("If-Modified-Since", "Last-Modified"),
                    )
                    if header in answer.headers
                }
            content = await self._load(part, issuer)
            self._check_times(content, self._clock())
            if kept is not None and content.this_update < kept.content.this_update:
                raise NoAnswerError(
                    Reason.TOO_OLD, "the list is older than the one that was there."
                )
            stamp = await asyncio.to_thread(_put, part, file, now)
            return _Kept(content, self._renew_at(content, now), stamp, conditions)
        finally:
            if part is not None:
                _remove(part)

    def _keep(self, kept: _Kept, now: datetime) -> _Kept:
        renew_at = self._renew_at(kept.content, now)
        return _Kept(kept.content, renew_at, kept.stamp, kept.conditions)

    def _private_folder(self) -> Path:
        with _storage(None):
            if self._own_folder is None:
                self._own_folder = tempfile.TemporaryDirectory(
                    prefix="kortilla-", ignore_cleanup_errors=True
                )
            return Path(self._own_folder.name)

    def _tidy(self, folder: Path) -> Path:
        """Return the folder for CRLs, after making and tidying it."""
        with _storage(folder):
            make_folder(folder)
            for part in folder.glob("*.part"):
                stamp = _stamp(part)
                age = self._clock().timestamp() - (stamp[0] / 1e9 if stamp else 0)
                if age > _ABANDONED.total_seconds():
                    part.unlink(missing_ok=True)
        return folder


async def _save(file: Path, chunks: AsyncIterator[bytes]) -> Path:
    descriptor, name = await asyncio.to_thread(_open_part, file)
    part, gathered = Path(name), bytearray()
    try:
        with os.fdopen(descriptor, "wb") as opened:
            async for chunk in chunks:
                gathered += chunk
                if len(gathered) >= _WRITE:
                    await asyncio.to_thread(_write, opened, part, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(_write, opened, part, bytes(gathered))
    except BaseException:
        _remove(part)
        raise
    return part


def _open_part(file: Path) -> tuple[int, str]:
    with _storage(file.parent):
        return tempfile.mkstemp(prefix=file.stem, suffix=".part", dir=file.parent)


def _write(opened: BinaryIO, part: Path, content: bytes) -> None:
    with _storage(part.parent):
        opened.write(content)
        opened.flush()


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)


def _put(part: Path, file: Path, now: datetime) -> tuple[int, int, int]:
    """Rename a file into its place, and set when it was downloaded."""
    with _storage(file.parent):
        os.utime(part, (now.timestamp(), now.timestamp()))
        part.replace(file)
        return _stamp(file) or (0, 0, 0)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when the file is replaced; None without a file."""
    try:
        found = file.stat()
    except OSError:
        return None
    # A regular file alone: reading a pipe would block.
    if not file.is_file():
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def _storage(folder: Path | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoAnswerError(
            Reason.STORAGE,
            f"the list can't be stored in {folder or tempfile.gettempdir()}: "
            f"{error.strerror}.",
        ) from error
