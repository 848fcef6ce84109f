# SPDX-License-Identifier: MIT
"""The challenge nonce: random, short-lived, used once, bound to a browser session.

A nonce is kept in two places. The **session** lists the nonces of this browser, so that
a token made for another session is refused. The **store** holds each nonce until one
request takes it atomically, so that it works once, even when several requests or
servers try at the same time. The session alone would not do: its owner can restore an
older copy of a session that is kept in a cookie.
"""

import base64
import secrets
from collections.abc import Callable, MutableMapping
from datetime import datetime, timedelta
from typing import Any

from kortilla.clock import utc_now
from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    ConfigurationError,
)
from kortilla.store import MEGABYTE, Table
from kortilla.store.memory import MemoryStore, StoreUser

__all__ = [
    "NONCE_BYTES",
    "NONCE_LIFETIME",
    "ChallengeStore",
    "Challenges",
]

#: Random bytes in a nonce; its base64 text has 44 characters.
NONCE_BYTES = 32
#: The longest time between a challenge and its login.
NONCE_LIFETIME = timedelta(minutes=5)

#: The challenges that one session may have open, one for each browser tab.
_OPEN_PER_SESSION = 4
_SESSION_KEY = "kortilla.challenges"

#: What this process accepts no second time while a challenge is valid.
USED = Table("used", most=20_000)

#: The content of a session, in which the application keeps values of its own types.
SessionData = MutableMapping[str, Any]


class ChallengeStore(StoreUser):
    """Holds each nonce until it is taken, once.

    In memory or in Redis a nonce has about 64 MB with all others, and the oldest go
    first. A store that can't be reached raises ``StoreUnavailableError``.
    """

    #: An expired nonce is kept for a while, so that the person reads why it fails.
    _SECONDS = 2 * NONCE_LIFETIME.total_seconds()
    _TABLE = Table("challenge", once=True, most_bytes=64 * MEGABYTE)

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce that is valid until ``expires_at``."""
        value = expires_at.isoformat().encode()
        await self._store.put(self._TABLE, nonce, value, seconds=self._SECONDS)

    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return its expiry.

        Exactly one of several callers gets it. Raises ``ChallengeNonceNotFoundError``.
        """
        found = await self._store.take(self._TABLE, nonce)
        if found is None:
            raise ChallengeNonceNotFoundError(
                "The challenge has been used already, is unknown, or is from before a "
                "restart of Redis."
            )
        return datetime.fromisoformat(found.decode())


class Challenges:
    """Issues challenges and redeems them.

    This process looks a nonce up in the store once only, even if the store did not
    answer. So a store that was unavailable, or was restored from a backup, makes no
    nonce work twice here. A nonce is valid for ``lifetime``.
    """

    def __init__(
        self,
        store: ChallengeStore,
        *,
        lifetime: timedelta = NONCE_LIFETIME,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        if not timedelta(0) < lifetime <= NONCE_LIFETIME:
            raise ConfigurationError("A challenge is valid for five minutes at most.")
        self.store = store
        self._lifetime = lifetime
        self._clock = clock
        self._used = MemoryStore()

    async def create(self, session: SessionData) -> str:
        """Return a new nonce of 44 characters that only this session can use."""
        nonce = base64.b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
        await self.store.put(nonce, self._clock() + self._lifetime)
        session[_SESSION_KEY] = [*_open(session), nonce][-_OPEN_PER_SESSION:]
        return nonce

    async def take(self, session: SessionData, nonce: str | None = None) -> str:
        """Redeem a nonce of this session, the newest if none is named.

        The session is not changed: the store records which nonces are used. Raises
        ``ChallengeNonceNotFoundError``, ``ChallengeNonceExpiredError`` or
        ``StoreUnavailableError``.
        """
        known = _open(session)
        if nonce is None and known:
            nonce = known[-1]
        if nonce is None or nonce not in known:
            raise ChallengeNonceNotFoundError(
                "This browser session has no such challenge open."
            )
        if not await self.invalidate(nonce):
            raise ChallengeNonceNotFoundError("The challenge has been used already.")
        expires_at = await self.store.take(nonce)
        if self._clock() >= expires_at:
            raise ChallengeNonceExpiredError("The challenge is too old.")
        return nonce

    async def invalidate(self, nonce: str) -> bool:
        """Make this process refuse a nonce, without asking the store.

        For a nonce that was presented while its session could not be looked up.
        Returns False if it did refuse it.
        """
        seconds = NONCE_LIFETIME.total_seconds()
        return await self._used.put(USED, nonce, b"", seconds=seconds, when="new")

    @staticmethod
    def forget(session: SessionData) -> None:
        """Remove all open challenges from a session."""
        session.pop(_SESSION_KEY, None)


def _open(session: SessionData) -> list[str]:
    return list(session.get(_SESSION_KEY, ()))
