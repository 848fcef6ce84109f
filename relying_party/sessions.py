# SPDX-License-Identifier: MIT
"""Browser sessions held in the server's memory, for ``aiohttp-session``.

The cookie holds a random id and nothing else, so that logging out ends a session for
good and no copy of a cookie brings an older state back.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp_session import AbstractStorage, Session

__all__ = ["MemoryStorage"]


@dataclass
class _Entry:
    content: str
    born: float
    seen: float


class MemoryStorage(AbstractStorage):
    """Sessions of a service that runs as one process.

    ``secure`` is False only for http on this computer. A session ends ``idle`` seconds
    after it was last used and ``lifetime`` seconds after it began; beyond ``capacity``
    sessions the one unused for longest ends. ``clock`` returns seconds.

    The cookie is HttpOnly and SameSite=Lax: links from elsewhere find the person logged
    in, while requests that change something are checked by ``relying_party.web``.
    """

    def __init__(
        self,
        *,
        secure: bool = True,
        idle: float = 30 * 60,
        lifetime: float = 8 * 3600,
        capacity: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Browsers hold a __Host- cookie to this very host, https and the path /.
        name = "__Host-kortilla-session" if secure else "kortilla-session"
        super().__init__(cookie_name=name, secure=secure, samesite="Lax")
        self._secure = secure
        self._idle = idle
        self._lifetime = lifetime
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def load_session(self, request: web.Request) -> Session:
        """Return the session of the request's cookie; a new one if there is none.

        An id that the server did not give is never taken over.
        """
        identity = self.load_cookie(request)
        entry = self._entries.get(identity) if identity else None
        now = self._clock()
        if identity is None or entry is None:
            return await self.new_session()
        if now > min(entry.seen + self._idle, entry.born + self._lifetime):
            del self._entries[identity]
            return await self.new_session()
        entry.seen = now
        self._entries.move_to_end(identity)
        data = {"created": int(time.time()), "session": self._decoder(entry.content)}
        return Session(identity, data=data, new=False)  # type: ignore[arg-type]  # a TypedDict, written as what it is

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """Store a changed session; an empty one ends."""
        identity = session.identity
        if session.empty:
            if identity is not None:
                self._entries.pop(identity, None)
            self._set_cookie(response, "")
            return
        content = self._encoder(dict(session))
        now = self._clock()
        if identity is None:
            self._make_room(now)
            identity = secrets.token_urlsafe(32)
            self._entries[identity] = _Entry(content, born=now, seen=now)
            self._set_cookie(response, identity)
        elif identity in self._entries:
            self._entries[identity].content = content
        # Else it ended while this request was under way, and must not come back.

    def _make_room(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            idle = now > self._entries[oldest].seen + self._idle
            if not idle and len(self._entries) < self._capacity:
                break
            del self._entries[oldest]

    def _set_cookie(self, response: web.StreamResponse, identity: str) -> None:
        # Not the base class's way: it deletes without Secure, which browsers ignore
        # for a __Host- cookie.
        if identity:
            response.set_cookie(
                self.cookie_name,
                identity,
                path="/",
                secure=self._secure,
                httponly=True,
                samesite="Lax",
            )
        else:
            response.del_cookie(
                self.cookie_name,
                path="/",
                secure=self._secure,
                httponly=True,
                samesite="Lax",
            )
