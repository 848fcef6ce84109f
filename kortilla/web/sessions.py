# SPDX-License-Identifier: MIT
"""Browser sessions held by the server, under a random id in a cookie.

The cookie holds the id alone. So a logout ends the session for good, and no copy of a
cookie restores an older state.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from kortilla.common import JsonObject
from kortilla.store import MEGABYTE, Store, Table
from kortilla.store.memory import StoreUser

__all__ = [
    "BrowserSessions",
    "Session",
    "SessionStore",
    "new_session_id",
]

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")


def new_session_id() -> str:
    """Return a session id that can't be guessed: 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


class Cookie:
    """A cookie that holds an id and nothing else.

    ``secure`` is False only for http on this computer. It is HttpOnly and SameSite=Lax:
    a person who follows a link from another site is still logged in.
    """

    def __init__(self, name: str, *, secure: bool) -> None:
        # Browsers bind a __Host- cookie to this very host, https and the path /.
        self.name = f"__Host-{name}" if secure else name
        self._attributes = "HttpOnly; Path=/; SameSite=Lax" + "; Secure" * secure

    def id_of(self, cookies: Iterable[str]) -> str | None:
        """Return the id in a request's ``Cookie`` headers, unverified.

        None if there is none of the right form, or more than one: no browser sends two.
        """
        ids = [
            value.strip()
            for header in cookies
            for known, _, value in (part.partition("=") for part in header.split(";"))
            if known.strip() == self.name
        ]
        return ids[0] if len(ids) == 1 and _SESSION_ID.fullmatch(ids[0]) else None

    def set(self, value: str, *, seconds: int | None = None) -> str:
        """Return the value of a ``Set-Cookie`` header, which may have a lifetime."""
        life = "" if seconds is None else f"Max-Age={seconds}; "
        return f"{self.name}={value}; {life}{self._attributes}"

    def delete(self) -> str:
        """Return the value of the header that deletes the cookie."""
        # Without Secure, browsers would ignore it for a __Host- cookie.
        return self.set('""', seconds=0)


@dataclass
class Session:
    """One browser's session: what is in it, and its id once the store has it."""

    data: JsonObject = field(default_factory=dict)
    id: str | None = None

    @property
    def public_id(self) -> str | None:
        """A text that names this session and gives no access to it; None before a save.

        43 characters, derived from the id by SHA-256. It may be stored and logged.
        """
        if self.id is None:
            return None
        digest = hashlib.sha256(b"kortilla session\n" + self.id.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class SessionStore(StoreUser):
    """Stores sessions, whose content can be written as JSON.

    A session ends ``idle`` seconds after its last use, and ``lifetime`` seconds after
    its start. Those without a person have 64 MB, and the oldest go first. A store that
    can't be reached raises ``StoreUnavailableError``.
    """

    _TABLE = Table("session")
    #: Anybody can begin these.
    _ANONYMOUS = Table("session", most_bytes=64 * MEGABYTE)

    def __init__(
        self,
        store: Store | None = None,
        *,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
    ) -> None:
        super().__init__(store)
        self._idle = idle
        self._lifetime = lifetime

    async def create(self, data: JsonObject, *, satu: str | None = None) -> str:
        """Store a new session and return its id, which can't be guessed.

        ``satu`` is the person who is logged in in it, for ``end_sessions``.
        """
        session_id = new_session_id()
        await self._store.put(
            self._ANONYMOUS if satu is None else self._TABLE,
            session_id,
            json.dumps(data).encode(),
            seconds=self._idle,
            at_most=self._lifetime,
            group=satu or "",
        )
        return session_id

    async def load(self, session_id: str) -> JsonObject | None:
        """Return a copy of what is in a session, which is thereby used, or None."""
        found = await self._store.get(self._TABLE, session_id, seconds=self._idle)
        if found is None:
            return None
        data: JsonObject = json.loads(found)
        return data

    async def save(self, session_id: str, data: JsonObject) -> None:
        """Store what is in a session, unless it has ended meanwhile."""
        content = json.dumps(data).encode()
        await self._store.put(
            self._TABLE, session_id, content, seconds=None, when="there"
        )

    async def delete(self, session_id: str) -> None:
        """End a session, if there is one."""
        await self._store.take(self._TABLE, session_id)

    async def end_sessions(self, satu: str) -> int:
        """End all sessions of a person, and return how many there were."""
        return await self._store.end(self._TABLE, satu)


class BrowserSessions:
    """Sessions as cookies carry them, without a web framework.

    The methods that make or end a session return the value of a ``Set-Cookie`` header.
    ``kortilla.web.http.is_same_origin`` checks the requests that change something.
    """

    def __init__(self, store: SessionStore, *, secure: bool = True) -> None:
        self._store = store
        self.cookie = Cookie("kortilla-session", secure=secure)

    async def load(self, cookies: Iterable[str]) -> Session:
        """Return the session of a request's cookies, or a new one.

        An id that the server did not issue is never adopted (session fixation).
        """
        session_id = self.cookie.id_of(cookies)
        if session_id is not None:
            data = await self._store.load(session_id)
            if data is not None:
                return Session(data, session_id)
        return Session()

    async def save(self, session: Session, *, satu: str | None = None) -> str | None:
        """Store a changed session. Returns the cookie for a new one, of ``satu``."""
        if session.id is not None:
            await self._store.save(session.id, session.data)
            return None
        session.id = await self._store.create(session.data, satu=satu)
        return self.cookie.set(session.id)

    async def replace(
        self, session: Session, data: JsonObject, *, satu: str | None = None
    ) -> str | None:
        """End a session and begin another with a new id, which holds ``data``.

        ``satu`` is the person who is logged in in the new one.
        """
        # In this order, so that a failure between the two leaves no login.
        await self._end(session)
        return await self.save(Session(data), satu=satu)

    async def end(self, session: Session) -> str:
        """End a session. Returns the header that deletes its cookie."""
        await self._end(session)
        return self.cookie.delete()

    async def end_all(self, satu: str) -> int:
        """End all sessions of a person, and return how many there were."""
        return await self._store.end_sessions(satu)

    async def _end(self, session: Session) -> None:
        if session.id is not None:
            await self._store.delete(session.id)
