# SPDX-License-Identifier: MIT
"""The public keys of clients, from a file or from an address that a client names.

A client that changes its keys publishes the new one beside the old one, signs with the
new one, and takes the old one away. Each key then has a ``kid``.
"""

import asyncio
import json
import logging
import warnings
from collections.abc import Callable, Mapping

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet, RSAKey

from kortilla.errors import ConfigurationError
from kortilla.openid.clients.settings import ClientSettings, Settings
from kortilla.openid.clients.tokens import encryption_key
from kortilla.revocation.fetch import Fetcher, Limits, host_of
from kortilla.revocation.interface import NoAnswerError

logger = logging.getLogger(__name__)

#: Bits (RFC 7518 §3.3).
_SHORTEST_RSA = 2048
_MOST_KEYS = 20
#: Seconds after which keys from an address are fetched anew.
FRESH_SECONDS = 300
#: Seconds for which they are good if that fails.
GOOD_SECONDS = 3600
#: Seconds between two fetches for one client, since anybody can name a ``kid``.
FETCH_SECONDS = 60
LIMITS = Limits(seconds=5, octets=64 * 1024)

#: By whether private addresses are allowed.
Fetchers = Mapping[bool, Fetcher]


class FetchedKeys:
    """The keys at a client's address. ``clock`` returns seconds since 1970."""

    def __init__(
        self, client: ClientSettings, fetcher: Fetcher, clock: Callable[[], float]
    ) -> None:
        self._id = client.id
        self._address = client.jwks_uri or ""
        self._fetcher = fetcher
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._fetched = self._asked = float("-inf")

    def current(self) -> KeySet | None:
        """Return the keys, or None if none were had for an hour."""
        old = self._clock() - self._fetched
        return self._keys if old < GOOD_SECONDS else None

    async def refresh(self, kid: str | None) -> None:
        """Fetch the keys if they are old, or if none has this ``kid``.

        A fetch that fails is a line in the log, and the keys stay.
        """
        if self._lock.locked() and self._has(kid):
            return  # a slow address holds nobody up whose key is known
        async with self._lock:
            fresh = self._clock() - self._fetched < FRESH_SECONDS
            if (fresh and self._has(kid)) or (
                self._clock() - self._asked < FETCH_SECONDS
            ):
                return
            self._asked = self._clock()
            try:
                self._keys = await self.fetch()
                self._fetched = self._clock()
            except ConfigurationError as error:
                logger.warning("%s", error)

    async def fetch(self) -> KeySet:
        """Return what is at the address now. Raises ``ConfigurationError``."""
        where = f"The keys of the client {self._id} at {host_of(self._address)}"
        try:
            async with self._fetcher.get(
                self._address, headers={"Accept": "application/json"}, limits=LIMITS
            ) as (_, chunks):
                content = b"".join([chunk async for chunk in chunks])
        except NoAnswerError as error:
            raise ConfigurationError(f"{where}: {error}") from None
        try:
            return read_keys(content.decode())
        except ValueError as error:
            raise ConfigurationError(f"{where}: {error}.") from None

    def _has(self, kid: str | None) -> bool:
        keys = self.current()
        if keys is None:
            return False
        return kid is None or any(each.kid == kid for each in keys.keys)


def read_keys(text: str) -> KeySet:
    """Read a JWK set of public keys. Raises ``ValueError``.

    The error quotes none of it, since it may have a private key.
    """
    try:
        with warnings.catch_warnings():
            # Of short RSA keys, which are refused below.
            warnings.simplefilter("ignore", SecurityWarning)
            content = json.loads(text)
            found = KeySet.import_key_set(content)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("it is not a JWK set") from None
    if not found.keys or not {each.key_type for each in found.keys} <= {"RSA", "EC"}:
        raise ValueError("it has no RSA or EC keys, or others too")
    if len(found.keys) > _MOST_KEYS:
        raise ValueError(f"it has more than {_MOST_KEYS} keys")
    if any(_is_weak(each) for each in found.keys):
        raise ValueError(f"it has an RSA key of less than {_SHORTEST_RSA} bits")
    if any(each.is_private for each in found.keys):
        raise ValueError("it has a private key: never share it")
    if len(found.keys) > 1 and not all("kid" in each for each in content["keys"]):
        raise ValueError("it has several keys, and one of them has no kid")
    return found


def load_client_keys(
    settings: Settings, number: int, client: ClientSettings
) -> KeySet | None:
    """Return the public keys in a client's file. Raises ``ConfigurationError``."""
    if client.jwks_file is None:
        return None
    file = settings.path(client.jwks_file)
    where = f"clients[{number}].jwks_file: {file}"
    try:
        found = read_keys(file.read_text(encoding="utf-8"))
        check_encryption(client, found)
    except OSError as error:
        raise ConfigurationError(
            f"{where}: {error.strerror} (client {client.id!r})."
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"{where}: {error} (client {client.id!r}).") from None
    return found


def check_encryption(client: ClientSettings, keys: KeySet) -> None:
    """Check that a client has the keys that encrypt for it. Raises ``ValueError``."""
    for name in client.key_uses():
        algorithm = getattr(client, name)
        if "encrypted" in name and encryption_key(keys, algorithm) is None:
            kind = "RSA" if algorithm.startswith("RSA") else "EC"
            raise ValueError(f'it has no {kind} key with "use": "enc" for {name}')


def _is_weak(key: object) -> bool:
    return isinstance(key, RSAKey) and key.public_key.key_size < _SHORTEST_RSA
