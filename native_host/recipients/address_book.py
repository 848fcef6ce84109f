# SPDX-License-Identifier: MIT
"""The people to whom the user has encrypted, on this computer only.

A file has their certificates, which name them. Only its owner can read it. The program
adds somebody when a file is encrypted to them, and asks nobody about them by itself.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from kortilla.clock import utc_now
from kortilla.common.escaping import printable
from kortilla.common.files import write_file
from kortilla.common.locks import lock_file
from kortilla.encryption import RecipientUnsuitableError
from native_host.errors import KortillaError
from native_host.platform.paths import recipients_file
from native_host.platform.private_files import open_private
from native_host.recipients.person import Person, RecipientRefusedError

#: The oldest go first.
_MOST = 1000
_LARGEST = 8 << 20  # bytes; a file that is larger is not ours


class AddressBookError(KortillaError):
    """The address book can't be read or written; the message says why."""

    code = "ADDRESS_BOOK"


def people() -> list[Person]:
    """Return all people by their names, but those with an expired certificate.

    Raises ``AddressBookError``.
    """
    now = utc_now()
    found = [each for each in _all() if each.not_after >= now]
    return sorted(found, key=lambda each: (each.name.casefold(), each.not_after))


def remember(added: Sequence[Person]) -> None:
    """Add people, or replace what was known of their certificates.

    Raises ``AddressBookError``.
    """
    with _changed() as known:
        for person in added:
            before = known.pop(person.certificate, person)
            checked = person.checked or before.checked
            known[person.certificate] = replace(person, own=False, checked=checked)


def forget(name: str) -> list[Person]:
    """Remove the people that a name or a client identifier matches; return them.

    Raises ``RecipientRefusedError`` for nobody, and ``AddressBookError``.
    """
    with _changed() as known:
        found = matching(name, known.values())
        for person in found:
            del known[person.certificate]
    if not found:
        raise RecipientRefusedError(name, "not-found")
    return found


def remove(person: Person) -> None:
    """Remove one certificate; it may be gone already. Raises ``AddressBookError``."""
    with _changed() as known:
        known.pop(person.certificate, None)


def matching(name: str, among: Iterable[Person]) -> list[Person]:
    """Return the people with this name or client identifier; case does not matter.

    If there is none, those whose name begins with these words.
    """
    wanted = " ".join(name.split()).casefold()
    among = [*among]
    same = [
        each
        for each in among
        if wanted in {each.name.casefold(), each.satu.casefold() or None}
    ]
    return same or [
        each
        for each in among
        if wanted and each.name.casefold().startswith(f"{wanted} ")
    ]


def known_names(identities: Iterable[str], *, others: bool = True) -> list[str]:
    """Return the names of certificates that ``OtherRecipientError`` names.

    A certificate that is not known keeps its issuer and serial number, unless no
    ``others`` are wanted.
    """
    try:
        names = {each.identity: each.name for each in _all()}
    except AddressBookError:
        names = {}
    return [
        printable(names.get(each, each))
        for each in sorted(identities)
        if others or each in names
    ]


def _all() -> list[Person]:
    try:
        with os.fdopen(open_private(recipients_file(), os.O_RDONLY), "rb") as file:
            return _read(file)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _failed(error) from error


@contextmanager
def _changed() -> Iterator[dict[bytes, Person]]:
    """Provide the people by their certificates, and write them at the end.

    A power cut or a full disk leaves the people from before.
    """
    path = recipients_file()
    lock = path.with_suffix(".lock")
    try:
        with os.fdopen(open_private(lock, os.O_RDWR | os.O_CREAT), "rb") as held:
            lock_file(held, wait=True)
            known = {each.certificate: each for each in _all()}
            yield known
            write_file(path, _written([*known.values()]))
    except OSError as error:
        raise _failed(error) from error


def _written(people: Sequence[Person]) -> bytes:
    """Return the file's content, without the oldest people if it would be too large."""
    fields = [json.dumps(_fields(each)) for each in people[-_MOST:]]
    while sum(map(len, fields), 2 * len(fields)) > _LARGEST:
        del fields[0]
    return f"[{', '.join(fields)}]".encode()


def _failed(error: OSError) -> AddressBookError:
    return AddressBookError(f"{recipients_file()}: {error.strerror}.")


def _fields(person: Person) -> dict[str, str | None]:
    checked = person.checked
    return {
        "certificate": base64.b64encode(person.certificate).decode(),
        "checked": None if checked is None else checked.isoformat(),
    }


def _read(file: BinaryIO) -> list[Person]:
    """Return the people; what can't be read is left out."""
    content = file.read(_LARGEST)
    try:
        entries = json.loads(content) if content else []
    except (ValueError, RecursionError):
        entries = []
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            person = Person.from_der(base64.b64decode(entry["certificate"]))
            checked = entry["checked"]
            if checked is not None:
                person = replace(person, checked=datetime.fromisoformat(checked))
        except (ValueError, TypeError, KeyError, RecipientUnsuitableError):
            continue
        found.append(person)
    return found
