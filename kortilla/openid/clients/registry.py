# SPDX-License-Identifier: MIT
"""The registered clients, which can change while the provider runs."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from kortilla.errors import ConfigurationError
from kortilla.openid.clients.client import Client, ClientKeys
from kortilla.openid.clients.keys import FetchedKeys, Fetchers, load_client_keys
from kortilla.openid.clients.settings import ClientSettings, Settings

logger = logging.getLogger(__name__)

#: Seconds between two looks at the files.
LOOK_SECONDS = 10.0

T = TypeVar("T", Settings, ClientSettings)
_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Change:
    """What became of a client, and the keys of its configuration that differ."""

    client_id: str
    change: Literal["added", "changed", "removed"]
    keys: tuple[str, ...] = ()


class Registry(Mapping[str, Client]):
    """The clients by id. ``clock`` returns seconds since 1970.

    Raises ``ConfigurationError`` for keys that can't be used.
    """

    def __init__(
        self, settings: Settings, fetchers: Fetchers, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._fetchers = fetchers
        self._clock = clock
        self._clients = self._load(settings)

    def __getitem__(self, client_id: str) -> Client:
        return self._clients[client_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)

    def update(self, settings: Settings) -> list[Change]:
        """Take the clients of another configuration, all at once.

        Raises ``ConfigurationError`` if anything else differs, or if a client's keys
        can't be used. Then all stays as it was.
        """
        others = _differing(self._settings, settings, but=frozenset({"clients"}))
        if others:
            raise ConfigurationError(
                f"{', '.join(others)}: a change takes effect at a restart only, and "
                "so do the clients' changes beside it."
            )
        new, old = self._load(settings), self._clients
        changes = [Change(each, "removed") for each in old if each not in new]
        for name, client in new.items():
            if name not in old:
                changes.append(Change(name, "added"))
            elif keys := _changed(old[name], client):
                changes.append(Change(name, "changed", keys))
            else:
                new[name] = old[name]  # with the keys that it has fetched
        self._settings, self._clients = settings, new
        return changes

    def _load(self, settings: Settings) -> dict[str, Client]:
        return {
            each.id: Client(each, self._keys(settings, number, each))
            for number, each in enumerate(settings.clients)
        }

    def _keys(
        self, settings: Settings, number: int, client: ClientSettings
    ) -> ClientKeys:
        if client.jwks_uri is None:
            return load_client_keys(settings, number, client)
        fetcher = self._fetchers[client.allow_private_addresses]
        return FetchedKeys(client, fetcher, self._clock)


class Reloader:
    """Reads the clients of a running provider anew from the configuration's file."""

    def __init__(
        self,
        update: Callable[[Settings], Sequence[object]],
        file: Path,
        settings: Settings,
    ) -> None:
        """Read ``file``, whose ``settings`` are in use. ``update`` takes new ones."""
        self._update = update
        self._file = file
        self._settings = settings
        self._seen = self._stamps()

    def reload(self) -> None:
        """Read the file. If it is wrong, the log says so, and all stays as it was."""
        before = self._stamps()
        try:
            self._settings = settings = Settings.load(self._file)
            changes = self._update(settings)
        except ConfigurationError as error:
            logger.error("The clients stay as they were: %s", error)
        except Exception as error:  # nothing in a file may end the service
            logger.error("The clients stay as they were: %s.", type(error).__name__)
        else:
            logger.info("%s was read: %d changes.", self._file, len(changes))
        now = self._stamps()  # with the files of new clients, also if one is missing
        self._seen = {file: before.get(file, now[file]) for file in now}

    def look(self) -> None:
        """Read the file if it, or a client's file of keys, has changed."""
        if self._stamps() != self._seen:
            self.reload()

    def _stamps(self) -> dict[Path, _Stamp]:
        keys = (each.jwks_file for each in self._settings.clients)
        files = [self._file, *(self._settings.path(each) for each in keys if each)]
        return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> _Stamp:
    try:
        found = file.stat()
    except (OSError, ValueError):  # no file can have some names
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _differing(old: T, new: T, *, but: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the keys of the configuration whose values differ."""
    names = type(old).model_fields.keys() - but
    return tuple(sorted(n for n in names if getattr(old, n) != getattr(new, n)))


def _changed(old: Client, new: Client) -> tuple[str, ...]:
    changed = _differing(old.settings, new.settings)
    if not changed and new.settings.jwks_file and _public(old) != _public(new):
        return ("jwks_file",)
    return changed


def _public(client: Client) -> object:
    return client.keys and client.keys.as_dict(private=False)
