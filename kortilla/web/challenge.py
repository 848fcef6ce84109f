# SPDX-License-Identifier: MIT
"""The challenge nonce: random, short-lived, used once, bound to a browser session.

Two things hold a nonce at once. The **session** lists the nonces that were given to
this browser, so that a token made elsewhere is worth nothing here; the **store** has
each nonce until it is taken, atomically, so that it works once however many requests
(or servers) try at the same time. A session that lives in a cookie can be put back by
its owner, which is why the store can't be left out.
"""

import base64
import secrets
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from datetime import datetime, timedelta
from typing import Any

from kortilla.clock import utc_now
from kortilla.errors import ChallengeNonceExpiredError, ChallengeNonceNotFoundError

__all__ = [
    "NONCE_BYTES",
    "NONCE_LIFETIME",
    "ChallengeStore",
    "Challenges",
    "MemoryChallengeStore",
    "Spent",
]

#: Random bytes in a nonce; its base64 text has 44 characters.
NONCE_BYTES = 32
_NONCE_CHARACTERS = 44
NONCE_LIFETIME = timedelta(minutes=5)

#: How many challenges one session may have open: as many tabs as a person tries.
_OPEN_PER_SESSION = 4
_SESSION_KEY = "kortilla.challenges"


class ChallengeStore(ABC):
    """Holds nonces until each is taken once.

    A store shared by several servers implements ``take`` as one atomic operation. One
    that can't be reached raises ``StoreUnavailableError``.
    """

    @abstractmethod
    async def put(self, nonce: str, expires_at: datetime) -> None:
        """Store a nonce that is valid until ``expires_at``."""

    @abstractmethod
    async def take(self, nonce: str) -> datetime:
        """Remove a nonce and return until when it was valid.

        Of several callers exactly one gets it. Raises ``ChallengeNonceNotFoundError``.
        A store may keep a nonce for a while after its time, so that a person who comes
        too late is told just that.
        """


class MemoryChallengeStore(ChallengeStore):
    """The store of a service that runs as one process.

    It holds at most ``capacity`` nonces, about 200 bytes each, and drops the oldest
    beyond that.
    """

    #: How long an expired nonce is still known as such.
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
        """Store a nonce, and forget those whose time is long past."""
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
        """Remove and return, without a moment between the two."""
        try:
            return self._nonces.pop(nonce)
        except KeyError:
            raise ChallengeNonceNotFoundError(
                "The challenge has been used already, or is unknown."
            ) from None


class Spent:
    """What this process does not take again, for as long as a challenge is valid.

    It holds at most ``capacity`` texts and forgets the oldest beyond that.
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
        """Remember a text, and forget those whose challenges are over."""
        now = self._clock()
        self._until.pop(text, None)
        while self._until:
            oldest = next(iter(self._until))
            if len(self._until) < self._capacity and self._until[oldest] > now:
                break
            del self._until[oldest]
        self._until[text] = now + NONCE_LIFETIME


class Challenges:
    """Gives out challenges and takes them back.

    A nonce that was presented once is not looked for in the store again by this
    process, whatever the store answered, and if it was none: a store that was away, or
    came back with what it had held a while ago, makes no nonce work twice here.
    """

    def __init__(
        self, store: ChallengeStore, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._clock = clock
        self._spent = Spent(clock=clock)

    async def create(self, session: MutableMapping[str, Any]) -> str:
        """Return a new nonce of 44 characters that only this session can use."""
        nonce = base64.b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
        await self._store.put(nonce, self._clock() + NONCE_LIFETIME)
        session[_SESSION_KEY] = [*_open(session), nonce][-_OPEN_PER_SESSION:]
        return nonce

    async def take(
        self, session: MutableMapping[str, Any], nonce: str | None = None
    ) -> str:
        """Use up a nonce of this session, the newest when none is named.

        The session is only read: the store alone says what is used up. Raises
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
        if nonce in self._spent:
            raise ChallengeNonceNotFoundError("The challenge has been used already.")
        self._spent.add(nonce)
        expires_at = await self._store.take(nonce)
        if self._clock() >= expires_at:
            raise ChallengeNonceExpiredError("The challenge is older than 5 minutes.")
        return nonce

    def spend(self, nonce: str) -> None:
        """Have a nonce never taken here, without asking the store.

        For one that was presented when not even its session could be looked up.
        """
        if len(nonce) == _NONCE_CHARACTERS:  # others were never given out
            self._spent.add(nonce)

    @staticmethod
    def forget(session: MutableMapping[str, Any]) -> None:
        """Take every open challenge out of a session."""
        session.pop(_SESSION_KEY, None)


def _open(session: MutableMapping[str, Any]) -> list[str]:
    return list(session.get(_SESSION_KEY, ()))
