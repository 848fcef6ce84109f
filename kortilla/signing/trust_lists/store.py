# SPDX-License-Identifier: MIT
"""The trusted lists that are kept in a folder: verified once, and read for each check.

A file has what a list said, not the list: its signature was verified when it came. So
the folder is as private as the program's other data: 0700, and each file 0600.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from kortilla.common.files import read_regular, write_file
from kortilla.signing.trust_lists.entries import (
    Kind,
    Service,
    TrustList,
    fingerprint,
)

_TERRITORY = re.compile(r"[A-Z]{2}")
_MOST_BYTES = 64 * 1024 * 1024
#: A list is made anew within six months of its issue (TS 119 612 §5.3.15). Countries
#: count these in their own time: four lists of 2023 had 184 days and an hour.
LONGEST = timedelta(days=185)
#: The name of the list of lists among the files; no territory has it.
LIST_OF_LISTS = "lists"


@dataclass(frozen=True)
class ListOfLists:
    """A list of lists: its address, and SHA-256 fingerprints of who may sign it.

    Fingerprints are hexadecimal, of whole certificates.
    """

    address: str
    signers: tuple[str, ...]


#: The Commission publishes address and signers in the Official Journal of the EU: now
#: OJ C, C/2026/1944. The signers of the one before it, OJ C 276, 16.8.2019, are not
#: pinned any more: a key that was retired must not lead to a list. The fingerprints are
#: those of pyHanko 0.38 (``pyhanko/sign/validation/qualified/lotl-certs``). EU DSS of
#: April 2026 has one of them, and still the earlier others. Both have this address,
#: though the notice states one anew. Nobody has compared either with the journal, and
#: nothing has been fetched from there yet.
_C_2026_1944 = (
    "c0641c4f7d56c431b1c924742db7fce9c1eef7d7fd212113a2768486b3abcdc5",
    "e0a620fbb6747362bb933ac44169d676a553444716cf5f31605f12a22b8396b1",
    "df7e29360c34b2b8d6d5f40325c1d4d12c9922cecd33b7407674a74b2b3ca1e5",
    "b63d416744e7098bf9ec2caa596a93bc2468e37f8284ba65ecc061711bcbaa18",
    "236103f03a8031ae8f47f9059bf8de38564cdbfebedde4a597d50f8980aa653b",
    "d2064fdd70f6982dcc516b86d9d5c56aea939417c624b2e478c0b29de54f8474",
)

EU = ListOfLists(
    "https://ec.europa.eu/tools/lotl/eu-lotl.xml",
    _C_2026_1944,
)


@dataclass(frozen=True)
class KeptList:
    """A list that was verified, and when it was fetched, from where.

    ``sha256`` is of its document, and ``signer`` of the certificate that signed it.
    ``pins`` are the fingerprints of configuration that the list of lists goes back to.
    """

    trust_list: TrustList
    sha256: str
    address: str
    fetched: datetime
    pins: tuple[str, ...] = ()
    signer: str = ""

    def is_current(self, at: datetime) -> bool:
        """Return whether the next list was not due yet."""
        due = self.trust_list.next_update
        return due is not None and at <= due


_adapter = TypeAdapter(KeptList)


def write(folder: Path, name: str, kept: KeptList) -> None:
    """Keep a list in place of an older one. Raises ``OSError``."""
    write_file(_file(folder, name), _adapter.dump_json(kept))


def remove(folder: Path, name: str) -> None:
    """Forget a list. Raises ``OSError``."""
    _file(folder, name).unlink(missing_ok=True)


def names(folder: Path) -> list[str]:
    """Return the names of the lists that are kept, also those that don't count."""
    return sorted(each.stem for each in folder.glob("*.json") if _is_name(each.stem))


def _is_name(name: str) -> bool:
    return name == LIST_OF_LISTS or _TERRITORY.fullmatch(name) is not None


def _file(folder: Path, name: str) -> Path:
    if not _is_name(name):
        raise ValueError(f"{name!r} is no territory")
    return folder / f"{name}.json"


@dataclass(frozen=True)
class TrustLists:
    """The lists of a folder, by territory, and the list of lists that led to them.

    Without ``of_lists`` nothing was fetched yet. ``broken`` are files that can't be
    read; they count as not there.
    """

    of_lists: KeptList | None
    by_territory: Mapping[str, KeptList]
    broken: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: Path, *, lists: ListOfLists = EU) -> "TrustLists":
        """Read a folder. One that is missing has no lists, and other files are none.

        Lists that other signers than those of ``lists`` led to count for nothing, and
        so do those whose signer the list of lists names no more.
        """
        found, broken = {}, []
        for file in (_file(folder, name) for name in names(folder)):
            try:
                status = file.stat()
                stamp = status.st_ino, status.st_size, status.st_mtime_ns
                found[file.stem] = _read(file, stamp)
            except (OSError, ValueError):
                broken.append(file.name)
        of_lists = found.pop(LIST_OF_LISTS, None)
        if of_lists is None or of_lists.pins != lists.signers:
            return cls(None, {}, tuple(broken))
        signers: dict[str, set[str]] = {}
        for each in of_lists.trust_list.pointers:
            if each.list_type == "EUgeneric":
                named = signers.setdefault(each.territory, set())
                named.update(map(fingerprint, each.signers))
        found = {
            territory: kept
            for territory, kept in found.items()
            if kept.signer in signers.get(territory, ())
        }
        return cls(of_lists, found, tuple(broken))

    def is_current(self, territory: str, at: datetime) -> bool:
        """Return whether a list, and the one that leads to it, count at a time."""
        kept = self.by_territory.get(territory)
        return (
            kept is not None
            and self.of_lists is not None
            and kept.is_current(at)
            and self.of_lists.is_current(at)
        )

    def outdated(self, at: datetime) -> list[str]:
        """Return the territories whose lists do not count at a time."""
        return [each for each in self.by_territory if not self.is_current(each, at)]

    def missing(self) -> set[str]:
        """Return the territories of the list of lists whose lists are not here."""
        if self.of_lists is None:
            return set()
        named = {
            each.territory
            for each in self.of_lists.trust_list.pointers
            if each.list_type == "EUgeneric"
        }
        return named - self.by_territory.keys()

    def issuers(self, subjects: Iterable[str]) -> list[tuple[str, Service]]:
        """Return services for qualified certificates that have one of these subjects.

        ``subjects`` are of ``subject_key``; services of the first come first. With each
        comes its territory.
        """
        found = {
            id(service): (territory, service)
            for subject in subjects
            for territory, service in self._by_subject.get(subject, ())
        }
        return [*found.values()]

    def services(self, kind: Kind) -> Iterator[tuple[str, Service]]:
        """Yield all services that are or were of a kind, each with its territory."""
        for territory, kept in self.by_territory.items():
            for service in kept.trust_list.services:
                if any(each.kind == kind for each in service.states):
                    yield territory, service

    @cached_property
    def _by_subject(self) -> dict[str, list[tuple[str, Service]]]:
        found: dict[str, list[tuple[str, Service]]] = {}
        for territory, service in self.services("qc"):
            for subject in service.subjects:
                found.setdefault(subject, []).append((territory, service))
        return found


@lru_cache(maxsize=64)
def _read(file: Path, stamp: tuple[int, ...]) -> KeptList:
    """Read a file; ``stamp`` changes with its content."""
    return _adapter.validate_json(read_regular(file, _MOST_BYTES))
