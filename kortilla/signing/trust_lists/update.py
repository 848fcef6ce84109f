# SPDX-License-Identifier: MIT
"""Fetches the list of lists and the lists that it names, and keeps what was verified.

Nothing of the user's is sent. Addresses come from configuration and from the verified
list of lists. Each list must be signed by a certificate that its pointer names, be the
one of its territory, be no older than the one that is kept, and be current.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from kortilla.clock import utc_now
from kortilla.errors import DocumentNotSignableError
from kortilla.proxies import Proxies
from kortilla.revocation.fetch import Fetcher, Limits
from kortilla.revocation.interface import NoAnswerError
from kortilla.signing.processes import shared_processes
from kortilla.signing.trust_lists import store
from kortilla.signing.trust_lists.entries import (
    Pointer,
    ReadList,
    TrustList,
    fingerprint,
    read_message,
)
from kortilla.signing.trust_lists.store import (
    EU,
    LIST_OF_LISTS,
    LONGEST,
    KeptList,
    ListOfLists,
    TrustLists,
)

#: Octets of one list, seconds for it, and redirects. The longest had 3 MB in 2023.
MAX_BYTES = 20_000_000
_PATIENCE = 60.0
_MAX_REDIRECTS = 5
#: Lists at a time, and in all; there are 31 countries.
_AT_ONCE = 4
_MOST_LISTS = 60
#: Changes of signers since the Official Journal was read last.
_MOST_PIVOTS = 20
_MEDIA_TYPE = "application/vnd.etsi.tsl+xml"
#: TS 119 612 v2.1.1 to v2.2.1, and v2.3.1 on.
_VERSIONS = {5, 6}
#: How far this computer's clock may be behind those of who issues lists.
_SKEW = timedelta(minutes=15)


Problem = Literal[
    "unreachable",
    "not-a-list",
    "signature",
    "signer",
    "territory",
    "older",
    "changed",
    "outdated",
    "dates",
    "storage",
]


@dataclass(frozen=True)
class Fetched:
    """What became of a list. ``problem`` is empty if the newest is kept now.

    ``territory`` is ``EU`` for the list of lists. ``kept`` says whether a list is
    there, perhaps an older one. ``detail`` is technical.
    """

    territory: str
    problem: Problem | Literal[""] = ""
    detail: str = ""
    kept: bool = True
    octets: int = 0


class _RefusedError(Exception):
    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem: Problem = problem


async def update(
    folder: Path,
    *,
    lists: ListOfLists = EU,
    proxies: Proxies | None = None,
    at: datetime | None = None,
    patience: float = _PATIENCE,
    allow_private_addresses: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> list[Fetched]:
    """Fetch all lists, and keep those that are newer.

    The first result is that of the list of lists; without it no other is fetched.
    ``proxies`` are the environment's by default. No address in a private network is
    asked, unless they are allowed. ``progress`` gets how many lists are done, of how
    many. What can't be fetched or is refused leaves the list that was
    kept. Raises ``SigningUnavailableError`` while too many files are being read.
    """
    fetcher = Fetcher(
        allow_private_addresses=allow_private_addresses,
        proxies=proxies or Proxies(trust_env=True),
        proxy_hosts=None,  # only the lists tell which hosts there are
    )
    try:
        work = _Update(folder, lists, fetcher, at=at or utc_now(), patience=patience)
        return await work.run(progress)
    finally:
        await fetcher.close()


class _Update:
    def __init__(
        self,
        folder: Path,
        lists: ListOfLists,
        fetcher: Fetcher,
        *,
        at: datetime,
        patience: float,
    ) -> None:
        self._folder, self._lists = folder, lists
        self._fetcher = fetcher
        self._at, self._patience = at, patience
        self._kept = TrustLists.load(folder, lists=lists)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, progress: Callable[[int, int], object]) -> list[Fetched]:
        progress(0, 1)
        try:
            of_lists, octets = await self._list_of_lists()
        except _RefusedError as error:
            kept = self._kept.of_lists is not None
            return [Fetched("EU", error.problem, str(error), kept)]
        wanted = _national(of_lists)
        # Lists go whose country or signer the newest list of lists names no more: the
        # number of a list that a retired key signed must not outdo the genuine one's.
        self._kept = TrustLists.load(self._folder, lists=self._lists)
        gone = []
        for name in store.names(self._folder):
            if name != LIST_OF_LISTS and name not in self._kept.by_territory:
                try:
                    self._remove(name)
                except _RefusedError as error:
                    gone.append(Fetched(name, error.problem, str(error)))
        done = 1

        async def one(territory: str, pointers: list[Pointer]) -> Fetched:
            nonlocal done
            async with self._places:
                fetched = await self._national(territory, pointers)
            done += 1
            progress(done, len(wanted) + 1)
            return fetched

        progress(1, len(wanted) + 1)
        fetched = await asyncio.gather(*(one(*each) for each in wanted.items()))
        return [Fetched("EU", octets=octets), *fetched, *gone]

    async def _list_of_lists(self) -> tuple[TrustList, int]:
        lists = self._lists
        document = await self._get(lists.address)
        read = await _read(document)
        found = _list_of(read)
        before = self._kept.of_lists  # None after a change of configuration, too
        signers = set(lists.signers)
        if before is not None:
            signers = _own_signers(before.trust_list)
        if fingerprint(read.signer) not in signers:
            signers = await self._follow(
                found, signers, address=lists.address, before=before
            )
        self._check(read, signers, "EU", "EUlistofthelists", before)
        if before is None:  # nothing of this list of lists has led to those kept
            for name in store.names(self._folder):
                self._remove(name)
        kept = self._kept_list(read, document, lists.address, lists.signers)
        self._write(LIST_OF_LISTS, kept)
        return found, len(document)

    async def _follow(
        self,
        found: TrustList,
        signers: set[str],
        *,
        address: str,
        before: KeptList | None,
    ) -> set[str]:
        """Return who may sign now, after the changes of signers since those known.

        Each change has its own list, a pivot, that a signer of the time before signed
        and that names the next ones. The newest list has their addresses.
        """
        # They are not verified yet, so they lead nowhere else.
        begin = address.rpartition("/")[0] + "/"
        addresses = [
            each
            for each in found.information
            if each.startswith(begin) and each.endswith(".xml")
        ]
        pivots = []
        for each in addresses[:_MOST_PIVOTS]:
            with suppress(_RefusedError):  # then the next may not be believed
                read = await _read(await self._get(each))
                pivots.append((_list_of(read), read.signer))
        since = 0 if before is None else before.trust_list.sequence
        pivots.sort(key=lambda each: each[0].sequence)
        for pivot, signer in pivots:
            of_lists = pivot.list_type == "EUlistofthelists"
            known = fingerprint(signer) in signers
            if of_lists and known and since < pivot.sequence <= found.sequence:
                signers, since = _own_signers(pivot), pivot.sequence
        return signers

    async def _national(self, territory: str, pointers: list[Pointer]) -> Fetched:
        before = self._kept.by_territory.get(territory)
        refused = _RefusedError("unreachable", "no address")
        for pointer in pointers:
            try:
                document = await self._get(pointer.address)
                read = await _read(document)
                signers = set(map(fingerprint, pointer.signers))
                self._check(read, signers, territory, "EUgeneric", before)
                kept = self._kept_list(read, document, pointer.address, ())
                self._write(territory, kept)
            except _RefusedError as error:
                refused = error
            else:
                return Fetched(territory, octets=len(document))
        return Fetched(territory, refused.problem, str(refused), before is not None)

    def _check(
        self,
        read: ReadList,
        signers: set[str],
        territory: str,
        list_type: str,
        before: KeptList | None,
    ) -> None:
        found = _list_of(read)
        if fingerprint(read.signer) not in signers:
            raise _RefusedError("signer", f"signed by {fingerprint(read.signer)}")
        if (found.territory, found.list_type) != (territory, list_type):
            raise _RefusedError("territory", f"{found.territory}, {found.list_type}")
        if found.version not in _VERSIONS:
            raise _RefusedError("not-a-list", f"version {found.version}")
        if found.next_update is None or found.next_update < self._at:
            due = "closed" if found.next_update is None else f"{found.next_update}"
            raise _RefusedError("outdated", due)
        times = f"{found.issued} to {found.next_update}"
        if found.issued > self._at + _SKEW:
            raise _RefusedError("dates", times)
        if found.next_update > found.issued + LONGEST:
            raise _RefusedError("dates", times)
        if before is not None:
            known = before.trust_list
            numbers = f"{found.sequence} after {known.sequence}"
            if found.sequence < known.sequence:
                raise _RefusedError("older", numbers)
            # Each issue has a number of its own (TS 119 612 §5.3.2).
            if found.sequence == known.sequence and found != known:
                raise _RefusedError("changed", numbers)

    def _kept_list(
        self, read: ReadList, document: bytes, address: str, pins: tuple[str, ...]
    ) -> KeptList:
        sha256, signer = hashlib.sha256(document).hexdigest(), fingerprint(read.signer)
        return KeptList(_list_of(read), sha256, address, self._at, pins, signer)

    def _write(self, name: str, kept: KeptList) -> None:
        try:
            store.write(self._folder, name, kept)
        except OSError as error:
            raise _RefusedError("storage", error.strerror or str(error)) from error

    def _remove(self, territory: str) -> None:
        try:
            store.remove(self._folder, territory)
        except OSError as error:
            raise _RefusedError("storage", error.strerror or str(error)) from error

    async def _get(self, address: str) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                return await self._fetcher.read(
                    address,
                    limits=Limits(self._patience, MAX_BYTES),
                    redirects=_MAX_REDIRECTS,
                )
        except TimeoutError as error:
            detail = f"no answer within {self._patience:g} seconds"
            raise _RefusedError("unreachable", detail) from error
        except NoAnswerError as error:
            raise _RefusedError("unreachable", str(error)) from error


async def _read(document: bytes) -> ReadList:
    """Have a process with limits read a list whose signature fits it."""
    try:
        read = read_message(await shared_processes().read_trust_list(document))
    except (ValueError, DocumentNotSignableError) as error:
        raise _RefusedError("not-a-list", type(error).__name__) from error
    if read.trust_list is None:
        problem: Problem = "not-a-list" if read.problem == "NOT_A_LIST" else "signature"
        raise _RefusedError(problem, f"{read.problem} {read.detail}".strip())
    return read


def _list_of(read: ReadList) -> TrustList:
    assert read.trust_list is not None  # noqa: S101 - ``_read`` has seen to it
    return read.trust_list


def _own_signers(found: TrustList) -> set[str]:
    """Return who may sign the next list of lists: its pointers to itself say so."""
    return {
        fingerprint(each)
        for pointer in found.pointers
        if pointer.list_type == "EUlistofthelists"
        for each in pointer.signers
    }


def _national(found: TrustList) -> dict[str, list[Pointer]]:
    """Return the pointers to national lists in XML, by territory."""
    wanted: dict[str, list[Pointer]] = {}
    for each in _of_countries(found.pointers):
        if each.territory in wanted or len(wanted) < _MOST_LISTS:
            wanted.setdefault(each.territory, []).append(each)
    return wanted


def _of_countries(pointers: Iterable[Pointer]) -> Iterable[Pointer]:
    for each in pointers:
        if (
            each.list_type == "EUgeneric"
            and each.media_type == _MEDIA_TYPE
            and len(each.territory) == 2
            and each.territory.isascii()
            and each.territory.isupper()
        ):
            yield each
