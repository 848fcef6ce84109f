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
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from datetime import datetime, timedelta
from typing import Any

from kortilla.clock import utc_now
from kortilla.errors import (
    ChallengeNonceExpiredError,
    ChallengeNonceNotFoundError,
    ConfigurationError,
)

__all__ = [
    "NONCE_BYTES",
    "NONCE_LIFETIME",
    "ChallengeStore",
    "Challenges",
    "MemoryChallengeStore",
    "ReplayCache",
]

#: Random bytes in a nonce; its base64 text has 44 characters.
NONCE_BYTES = 32
_NONCE_CHARACTERS = 44
#: The longest time between a challenge and its login.
NONCE_LIFETIME = timedelta(minutes=5)

#: The challenges that one session may have open, one for each browser tab.
_OPEN_PER_SESSION = 4
_SESSION_KEY = "kortilla.challenges"

#: The content of a session, in which the application keeps values of its own types.
SessionData = MutableMapping[str, Any]


class ChallengeStore(ABC):
    """Holds each nonce until it is taken, once.

    A store that several servers share implements ``take`` as one atomic operation. A
    store that can't be reached raises ``StoreUnavailableError``.
    """

    @abstractmethod
    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce that is valid until ``expires_at``."""

    @abstractmethod
    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return its expiry.

        Exactly one of several callers gets it. Raises ``ChallengeNonceNotFoundError``.
        A store may keep an expired nonce for a while, so that the person reads that the
        login took too long.
        """

    async def check(self) -> None:  # noqa: B027 - a store in memory is always there
        """Raise ``StoreUnavailableError`` if no nonce could be stored now."""


class MemoryChallengeStore(ChallengeStore):
    """The store of a service that runs as one process.

    It holds at most ``capacity`` nonces, about 200 bytes each, and drops the oldest
    beyond that.
    """

    #: How long an expired nonce is kept, to report it as expired.
    _REMEMBERED = timedelta(hours=1)

    def __init__(
        self, *, capacity: int = 100_000, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._nonces: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nonces)

    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce, and drop those that expired long ago."""
        forgotten = self._clock() - self._REMEMBERED
        while self._nonces:
            oldest = next(iter(self._nonces))
            if len(self._nonces) < self._capacity and (
                self._nonces[oldest] > forgotten
            ):
                break
            del self._nonces[oldest]
        self._nonces[nonce] = expires_at

    async def take(self, nonce: str) -> datetime:
        try:
            return self._nonces.pop(nonce)
        except KeyError:
            raise ChallengeNonceNotFoundError(
                "The challenge has been used already, or is unknown."
            ) from None


class ReplayCache:
    """Texts that this process accepts no second time while a challenge is valid.

    It holds at most ``capacity`` texts and drops the oldest beyond that.
    """

    def __init__(
        self, *, capacity: int = 20_000, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._capacity = capacity
        self._clock = clock
        self._until: OrderedDict[str, datetime] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, text: str) -> bool:
        return text in self._until

    def add(self, text: str) -> None:
        """Add a text, and drop those whose challenges have expired."""
        now = self._clock()
        self._until.pop(text, None)
        while self._until:
            oldest = next(iter(self._until))
            if len(self._until) < self._capacity and self._until[oldest] > now:
                break
            del self._until[oldest]
        self._until[text] = now + NONCE_LIFETIME


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
        self._used = ReplayCache(clock=clock)

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
        if nonce in self._used:
            raise ChallengeNonceNotFoundError("The challenge has been used already.")
        self._used.add(nonce)
        expires_at = await self.store.take(nonce)
        if self._clock() >= expires_at:
            raise ChallengeNonceExpiredError("The challenge is too old.")
        return nonce

    def invalidate(self, nonce: str) -> None:
        """Make this process refuse a nonce, without asking the store.

        For a nonce that was presented while its session could not be looked up.
        """
        if len(nonce) == _NONCE_CHARACTERS:  # others were never issued
            self._used.add(nonce)

    @staticmethod
    def forget(session: SessionData) -> None:
        """Remove all open challenges from a session."""
        session.pop(_SESSION_KEY, None)


def _open(session: SessionData) -> list[str]:
    return list(session.get(_SESSION_KEY, ()))
