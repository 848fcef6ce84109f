# SPDX-License-Identifier: MIT
"""A mock card's folder: its persistent state.

``card.json`` holds the profile, PINs, tries, keys and certificates. The folder also has
the test CA (see ``Authority.save``), pending faults (``faults.json``) and the card's
presence in the reader (``presence.json``); the last two files may be missing.

Several processes may use one folder at a time: each change is made under a lock on
``card.lock`` and replaces the file atomically.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError

from kortilla.common.files import read_regular
from kortilla.mock_card.card_data import CardData, CardState, judge
from kortilla.mock_card.errors import InvalidArgumentError, MockCardBrokenError
from kortilla.mock_card.faults import CommandName, Fault, dump, load, take
from kortilla.mock_card.folder import (
    Presence,
    Watch,
    locked,
    make_private_folder,
    notify,
    write_atomically,
)
from kortilla.mock_card.profiles import PROFILES, PinReference, Profile


def default_folder() -> Path:
    """Return the default folder of the mock card."""
    import platformdirs

    return platformdirs.user_data_path("kortilla", appauthor=False) / "mock-card"


class MockCardState:
    """The folder of one mock card. It can be shared by threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "card.json"
        self._faults_file = folder / "faults.json"
        self._presence_file = folder / "presence.json"

    @classmethod
    def open(cls, folder: Path | None = None) -> Self:
        """Open an existing mock card. Raises ``MockCardBrokenError``."""
        state = cls(folder or default_folder())
        state.read()
        return state

    @classmethod
    def open_or_create(cls, folder: Path | None = None) -> Self:
        """Open the mock card, or make one if there is none.

        Raises ``MockCardBrokenError``.
        """
        folder = folder or default_folder()
        if not (folder / "card.json").exists():
            # Another process may make it at the same time: then that one is opened.
            with suppress(InvalidArgumentError):
                return cls.create(folder)
        return cls.open(folder)

    @classmethod
    def create(
        cls,
        folder: Path | None = None,
        *,
        profile: str = "v5",
        state: str = CardState.ACTIVE,
        pin1: str = "1234",
        pin2: str = "123456",
        puk: str = "12345678",
        surname: str | None = None,
        given_name: str | None = None,
        satu: str | None = None,
        address: str | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        key_agreement: Literal["plain", "template"] = "plain",
        replace: bool = False,
    ) -> Self:
        """Make a mock card with fresh keys and its own test CA.

        ``state`` is a ``CardState``. The start of the validity decides the activation
        scheme: before ``NEW_SCHEME`` the activation code is ``puk``, afterwards both
        PINs are ``ACTIVATION_CODE``.

        ``address`` is the revocation URL in the certificates (see ``Authority``);
        ``not_before`` and ``not_after`` are the leaves' validity. ``key_agreement`` is
        the form of a point that the card takes (see ``CardData``). Raises
        ``InvalidArgumentError`` for values that no card can have, and if the folder has
        a card and ``replace`` is not set; ``MockCardBrokenError`` if the folder can't
        be written.
        """
        from kortilla.mock_card.issue import REVOCATION_LIST, issue_card

        if profile not in PROFILES:
            raise InvalidArgumentError(f"The profile is none of {', '.join(PROFILES)}.")
        if state not in list(CardState):
            raise InvalidArgumentError(f"The state is none of {', '.join(CardState)}.")
        for name, value, shortest in (
            ("pin1", pin1, 4),
            ("pin2", pin2, 6),
            ("puk", puk, 8),
        ):
            digits = value.isascii() and value.isdecimal()
            if not digits or not shortest <= len(value) <= 12:
                raise InvalidArgumentError(f"{name} is not {shortest} to 12 digits.")
        person = {"surname": surname, "given_name": given_name, "satu": satu}
        authority, data, revocation_list = issue_card(
            PROFILES[profile],
            CardState(state),
            person={name: value for name, value in person.items() if value is not None},
            pins=(pin1, pin2, puk),
            address=address,
            not_before=not_before,
            not_after=not_after,
        )
        data = data.model_copy(update={"key_agreement": key_agreement})
        card = cls(folder or default_folder())
        try:
            make_private_folder(card.folder)
        except OSError as error:
            raise MockCardBrokenError(
                f"{card.folder} can't be made: {error.strerror}."
            ) from None
        with card._locked():
            if card._file.exists() and not replace:
                raise InvalidArgumentError(f"There is a mock card in {card.folder}.")
            authority.save(card.folder)
            for file in (card._faults_file, card._presence_file):
                file.unlink(missing_ok=True)
            if revocation_list is None:
                (card.folder / REVOCATION_LIST).unlink(missing_ok=True)
            else:
                write_atomically(card.folder / REVOCATION_LIST, revocation_list)
            write_atomically(card._file, _encode(data))
        return card

    @property
    def profile(self) -> Profile:
        """The generation that the card plays."""
        return PROFILES[self.read().profile]

    def read(self) -> CardData:
        """Read the card's current data. Raises ``MockCardBrokenError``."""
        try:
            content = read_regular(self._file)
        except FileNotFoundError:
            raise MockCardBrokenError(
                f"{self._file} is not there; `kortilla mock-card new` makes one."
            ) from None
        except OSError as error:
            raise MockCardBrokenError(
                f"{self._file} can't be read: {error.strerror}."
            ) from None
        try:
            return CardData.model_validate_json(content)
        except ValidationError as error:
            # Without the input, which may be a PIN or a key.
            first = error.errors(include_input=False, include_url=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise MockCardBrokenError(
                f"{self._file}: {key + ': ' if key else ''}{first['msg']}."
            ) from None

    def read_file(self, name: str) -> bytes:
        """Read a file of the test CA in the folder. Raises ``MockCardBrokenError``."""
        try:
            return read_regular(self.folder / name)
        except OSError as error:
            raise MockCardBrokenError(
                f"{self.folder / name} can't be read: {error.strerror}."
            ) from None

    @contextmanager
    def update(self) -> Iterator[CardData]:
        """Lock the card, yield its data, and store them if they changed."""
        with self._locked():
            data = self.read()
            before = _encode(data)
            yield data
            if (after := _encode(data)) != before:
                write_atomically(self._file, after)

    # -- Faults -----------------------------------------------------------------------

    def faults(self) -> tuple[Fault, ...]:
        """Return the pending faults. Raises ``MockCardBrokenError``."""
        content = _read_if_there(self._faults_file)
        try:
            return () if content is None else load(content)
        except ValueError as error:
            raise MockCardBrokenError(f"{self._faults_file}: {error}") from None

    def set_faults(self, *faults: Fault) -> None:
        """Replace the pending faults."""
        with self._locked():
            self._write_faults(faults)

    def add_fault(self, fault: Fault) -> None:
        """Add a pending fault."""
        with self._locked():
            self._write_faults((*self.faults(), fault))

    def take_fault(self, command: CommandName) -> Fault | None:
        """Return the fault that affects a command now, and count it down."""
        if not self._faults_file.exists():
            return None
        with self._locked():
            faults = self.faults()
            taken, left = take(faults, command)
            if left != faults:
                self._write_faults(left)
        return taken

    def _write_faults(self, faults: Iterable[Fault]) -> None:
        content = dump(faults)
        if content:
            encoded = json.dumps(content).encode()
            write_atomically(self._faults_file, encoded, durable=False)
        else:
            self._faults_file.unlink(missing_ok=True)

    # -- Presence ---------------------------------------------------------------------

    def presence(self) -> Presence:
        """Return whether the card is in its reader.

        Raises ``MockCardBrokenError``.
        """
        content = _read_if_there(self._presence_file)
        try:
            return Presence() if content is None else Presence.load(content)
        except ValueError as error:
            raise MockCardBrokenError(f"{self._presence_file}: {error}.") from None

    def pull(self, *, reader: bool = False, seconds: float | None = None) -> None:
        """Pull the card, or the reader with it, for a time or until ``insert``."""
        with self._locked():
            presence = self.presence()
            self._write_presence(presence.pulled(reader=reader, seconds=seconds))

    def insert(self) -> None:
        """Insert the card and its reader; a present card is pulled first."""
        with self._locked():
            self._write_presence(self.presence().inserted())

    def watch(self) -> Watch:
        """Return a watch of the presence; the caller closes it."""
        with self._locked():
            return Watch(self.folder)

    def _write_presence(self, presence: Presence) -> None:
        write_atomically(self._presence_file, presence.dump(), durable=False)
        notify(self.folder)

    # -- The card's content -----------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Return a description of the card for display, without PINs and keys."""
        from kortilla.mock_card.issue import describe_certificate

        data = self.read()
        profile = PROFILES[data.profile]
        certificates = [describe_certificate(key.certificate) for key in data.keys]
        end = min(each["notAfter"] for each in certificates)
        return {
            "folder": str(self.folder),
            "profile": data.profile,
            "state": judge(data, datetime.fromisoformat(end)),
            "inserted": self.presence().card,
            "faults": dump(self.faults()),
            "atr": profile.atr.hex().upper(),
            "serial": data.serial,
            "surname": data.surname,
            "givenName": data.given_name,
            "satu": data.satu,
            "tries": {
                reference.name: data.pin(reference).tries for reference in PinReference
            },
            "certificates": [
                {
                    "key": key.reference,
                    "purpose": slot.purpose,
                    "keyType": str(slot.key_type),
                    "file": "/".join(f"{part:04X}" for part in slot.certificate_path),
                    **certificate,
                }
                for slot, key, certificate in zip(
                    profile.keys, data.keys, certificates, strict=True
                )
            ],
        }

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with locked(self.folder / "card.lock"):
                yield
        except OSError as error:
            raise MockCardBrokenError(
                f"{self.folder} can't be written: {error.strerror}."
            ) from error


def _encode(data: CardData) -> bytes:
    return data.model_dump_json(indent=2).encode() + b"\n"


def _read_if_there(file: Path) -> bytes | None:
    """Read a file. The card does so several times for each command."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            # The file is replaced as a whole, so it has one size.
            return os.read(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MockCardBrokenError(f"{file} can't be read: {error.strerror}.") from None
