# SPDX-License-Identifier: MIT
"""A store of prepared signatures, between the two calls around the card's signature.

    key = await prepared.put(session, await prepare_pdf(…))
    # The page gets key and for_page, signs, and sends key and answer.
    signed = await finish_pdf(await prepared.take(session, key), answer, …)

``session`` is what an adapter's ``session_id`` returns. Another session can't take it.
"""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from kortilla.errors import (
    DocumentNotSignableError,
    PreparedSignatureNotFoundError,
    SigningUnavailableError,
)
from kortilla.signing.state import PreparedSignature

__all__ = [
    "LIFETIME",
    "MAX_BYTES",
    "MOST_PER_SESSION",
    "MemoryPreparedStore",
    "PreparedStore",
    "check_size",
    "new_key",
]

#: Seconds that a prepared signature is kept: reading a contract takes a while.
LIFETIME = 15 * 60.0
#: The longest document, and how many one session may have prepared.
MAX_BYTES = 32_000_000
MOST_PER_SESSION = 5

#: Bytes around a document, or of a state without one: certificates and attributes.
_AROUND = 16_000


class PreparedStore(ABC):
    """Keeps each prepared signature until it is taken, once.

    ``session`` is any text that names the browser session. A store that can't be
    reached raises ``StoreUnavailableError``.
    """

    @abstractmethod
    async def put(self, session: str, prepared: PreparedSignature) -> str:
        """Store it, and return a key for ``take`` that can't be guessed.

        The page may have the key. A session that has too many loses its oldest. Raises
        ``DocumentNotSignableError`` for one that is too long, and
        ``SigningUnavailableError`` if the store is full.
        """

    @abstractmethod
    async def take(self, session: str, key: str) -> PreparedSignature:
        """Remove it and return it. Exactly one of several callers gets it.

        After ``TimestampFailedError`` or ``SigningUnavailableError``, ``put`` stores it
        again under a new key. Raises ``PreparedSignatureNotFoundError``, also for
        another session's key.
        """

    async def check(self) -> None:  # noqa: B027 - a store in memory is always there
        """Raise ``StoreUnavailableError`` if nothing could be stored now."""


@dataclass(frozen=True)
class _Entry:
    session: str
    prepared: PreparedSignature
    until: float

    @property
    def size(self) -> int:
        return _AROUND + len(self.prepared.document)


class MemoryPreparedStore(PreparedStore):
    """The store of a service that runs as one process.

    Each is kept for ``lifetime`` seconds. A session has at most five, each of at most
    ``max_bytes``, and all together ``capacity`` bytes. ``clock`` returns seconds.
    """

    def __init__(
        self,
        *,
        lifetime: float = LIFETIME,
        max_bytes: int = MAX_BYTES,
        capacity: int = 256_000_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lifetime = lifetime
        self._max_bytes = max_bytes
        self._capacity = capacity
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def put(self, session: str, prepared: PreparedSignature) -> str:
        check_size(prepared, self._max_bytes)
        self._drop_expired()
        mine = [key for key, e in self._entries.items() if e.session == session]
        for key in mine[: max(0, len(mine) + 1 - MOST_PER_SESSION)]:
            del self._entries[key]
        entry = _Entry(session, prepared, self._clock() + self._lifetime)
        if sum(e.size for e in self._entries.values()) + entry.size > self._capacity:
            raise SigningUnavailableError(
                "Too many prepared signatures wait to be finished."
            )
        key = new_key()
        self._entries[key] = entry
        return key

    async def take(self, session: str, key: str) -> PreparedSignature:
        """Remove it and return it, in one step."""
        self._drop_expired()
        entry = self._entries.get(key)
        if entry is None or entry.session != session:
            raise PreparedSignatureNotFoundError(
                "The prepared signature has been used already, is unknown or too old."
            )
        del self._entries[key]
        return entry.prepared

    def _drop_expired(self) -> None:
        now = self._clock()
        for key in [key for key, e in self._entries.items() if e.until < now]:
            del self._entries[key]


def new_key() -> str:
    """Return a key that can't be guessed: 192 random bits, 32 characters."""
    return secrets.token_urlsafe(24)


def check_size(prepared: PreparedSignature, max_bytes: int) -> None:
    """Raise ``DocumentNotSignableError`` if the document is longer than allowed."""
    if len(prepared.document) > max_bytes:
        raise DocumentNotSignableError(
            f"The prepared document has more than {max_bytes} bytes.", reason="too-long"
        )
