# SPDX-License-Identifier: MIT
"""Browser sessions held by the server, under a random id in a cookie.

The cookie holds the id and nothing else, so that logging out ends a session for good
and no copy of a cookie brings an older state back.
"""

import json
import secrets
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

__all__ = ["BrowserSessions", "MemorySessionStore", "Session", "SessionStore"]


@dataclass
class Session:
    """One browser's session: what is in it, and its id once the store has it."""

    data: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


class SessionStore(ABC):
    """Where sessions are. What is in one can be written as JSON."""

    @abstractmethod
    async def create(self, data: dict[str, Any]) -> str:
        """Store a new session and return its id, which can't be guessed."""

    @abstractmethod
    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return a copy of what is in a session, or None when there is none."""

    @abstractmethod
    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Store what is in a session, unless it has ended meanwhile."""

    @abstractmethod
    async def delete(self, session_id: str) -> None:
        """End a session, if there is one."""


@dataclass
class _Entry:
    content: str
    born: float
    seen: float


class MemorySessionStore(SessionStore):
    """Sessions of a service that runs as one process.

    A session ends ``idle`` seconds after it was last used and ``lifetime`` seconds
    after it began; beyond ``capacity`` sessions the one unused for longest ends.
    ``clock`` returns seconds.
    """

    def __init__(
        self,
        *,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        capacity: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle = idle
        self._lifetime = lifetime
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def create(self, data: dict[str, Any]) -> str:
        """Store a new session, and end those that nobody uses any more."""
        now = self._clock()
        while self._entries:
            oldest = next(iter(self._entries))
            idle = now > self._entries[oldest].seen + self._idle
            if not idle and len(self._entries) < self._capacity:
                break
            del self._entries[oldest]
        session_id = secrets.token_urlsafe(32)
        self._entries[session_id] = _Entry(json.dumps(data), born=now, seen=now)
        return session_id

    async def load(self, session_id: str) -> dict[str, Any] | None:
        """Return what is in a session, which is thereby used."""
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        now = self._clock()
        if now > min(entry.seen + self._idle, entry.born + self._lifetime):
            del self._entries[session_id]
            return None
        entry.seen = now
        self._entries.move_to_end(session_id)
        data: dict[str, Any] = json.loads(entry.content)
        return data

    async def save(self, session_id: str, data: dict[str, Any]) -> None:
        """Store what is in a session, unless it has ended meanwhile."""
        if entry := self._entries.get(session_id):
            entry.content = json.dumps(data)

    async def delete(self, session_id: str) -> None:
        """End a session, if there is one."""
        self._entries.pop(session_id, None)


class BrowserSessions:
    """Sessions as aiohttp's requests and responses carry them.

    ``secure`` is False only for http on this computer. The cookie is HttpOnly and
    SameSite=Lax: links from elsewhere find the person logged in, while requests that
    change something are checked by ``relying_party.web``.
    """

    def __init__(self, store: SessionStore, *, secure: bool = True) -> None:
        self._store = store
        self._secure = secure
        # Browsers hold a __Host- cookie to this very host, https and the path /.
        self.cookie_name = "__Host-kortilla-session" if secure else "kortilla-session"

    async def load(self, request: web.Request) -> Session:
        """Return the session of the request's cookie; a new one if there is none.

        An id that the server did not give is never taken over.
        """
        session_id = request.cookies.get(self.cookie_name)
        if session_id:
            data = await self._store.load(session_id)
            if data is not None:
                return Session(data, session_id)
        return Session()

    async def save(self, response: web.StreamResponse, session: Session) -> None:
        """Store a session that was changed, and give a new one its cookie."""
        if session.id is not None:
            await self._store.save(session.id, session.data)
            return
        session.id = await self._store.create(session.data)
        response.set_cookie(
            self.cookie_name,
            session.id,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    async def replace(
        self, response: web.StreamResponse, session: Session, data: dict[str, Any]
    ) -> None:
        """End a session and begin another, under a new id, with ``data`` in it."""
        await self._end(session)
        await self.save(response, Session(data))

    async def end(self, response: web.StreamResponse, session: Session) -> None:
        """End a session and take its cookie away."""
        await self._end(session)
        # With Secure, or browsers would ignore it for a __Host- cookie.
        response.del_cookie(
            self.cookie_name,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="Lax",
        )

    async def _end(self, session: Session) -> None:
        if session.id is not None:
            await self._store.delete(session.id)
