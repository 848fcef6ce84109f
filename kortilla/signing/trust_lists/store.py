# SPDX-License-Identifier: MIT
"""The trusted lists that are kept in a folder: verified once, and read for each check.

A file has what a list said, not the list: its signature was verified when it came. So
the folder is as private as the program's other data: 0700, and each file 0600.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from kortilla.common.files import read_regular, write_file
from kortilla.signing.trust_lists.entries import Kind, Service, TrustList

_TERRITORY = re.compile(r"[A-Z]{2}")
_MOST_BYTES = 64 * 1024 * 1024
#: The name of the list of lists among the files; no territory has it.
LIST_OF_LISTS = "lists"


@dataclass(frozen=True)
class KeptList:
    """A list that was verified, and when it was fetched, from where.

    ``sha256`` is of its document. ``pins`` are the fingerprints of configuration that
    the list of lists goes back to.
    """

    trust_list: TrustList
    sha256: str
    address: str
    fetched: datetime
    pins: tuple[str, ...] = ()

    def is_current(self, at: datetime) -> bool:
        """Return whether the next list was not due yet."""
        due = self.trust_list.next_update
        return due is not None and at <= due


_adapter = TypeAdapter(KeptList)
#: Services by a subject of theirs, each with its territory.
_Services = dict[str, list[tuple[str, Service]]]


def write(folder: Path, name: str, kept: KeptList) -> None:
    """Keep a list in place of an older one. Raises ``OSError``."""
    write_file(_file(folder, name), _adapter.dump_json(kept))


def remove(folder: Path, name: str) -> None:
    """Forget a list. Raises ``OSError``."""
    _file(folder, name).unlink(missing_ok=True)


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
    def load(cls, folder: Path) -> "TrustLists":
        """Read a folder. One that is missing has no lists, and other files are none."""
        found, broken = {}, []
        for file in sorted(folder.glob("*.json")):
            if not _is_name(file.stem):
                continue  # such as a copy of an older list
            try:
                status = file.stat()
                stamp = status.st_ino, status.st_size, status.st_mtime_ns
                found[file.stem] = _read(file, stamp)
            except (OSError, ValueError):
                broken.append(file.name)
        return cls(found.pop(LIST_OF_LISTS, None), found, tuple(broken))

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

    def issuers(self, subjects: set[str]) -> Iterator[tuple[str, Service]]:
        """Yield services for qualified certificates that have one of these subjects.

        ``subjects`` are of ``subject_key``. With each comes its territory.
        """
        yield from _services(self._by_subject["qc"], subjects)

    def time_stampers(self, subjects: set[str]) -> Iterator[tuple[str, Service]]:
        """Yield services for qualified timestamps, as ``issuers``."""
        yield from _services(self._by_subject["qtst"], subjects)

    @cached_property
    def _by_subject(self) -> dict[Kind | None, _Services]:
        found: dict[Kind | None, _Services] = {"qc": {}, "qtst": {}, None: {}}
        for territory, kept in self.by_territory.items():
            for service in kept.trust_list.services:
                for kind in {each.kind for each in service.states}:
                    for subject in service.subjects:
                        found[kind].setdefault(subject, []).append((territory, service))
        return found


def _services(found: _Services, subjects: set[str]) -> Iterator[tuple[str, Service]]:
    given: set[int] = set()
    for subject in subjects:
        for territory, service in found.get(subject, ()):
            if id(service) not in given:
                given.add(id(service))
                yield territory, service


@lru_cache(maxsize=64)
def _read(file: Path, stamp: tuple[int, ...]) -> KeptList:
    """Read a file; ``stamp`` changes with its content."""
    return _adapter.validate_json(read_regular(file, _MOST_BYTES))
