# SPDX-License-Identifier: MIT
"""Browsers: the cookies that bind logins to one, and the session where it is wanted."""

from dataclasses import dataclass

from kortilla.openid.protocol.records import Login
from kortilla.openid.protocol.store import ProviderStore
from kortilla.web.http import Headers
from kortilla.web.sessions import Cookie, new_session_id

#: A header for ``Response.with_headers``, which leaves out one without a value.
SetCookie = tuple[str, str | None]
_NO_COOKIE: SetCookie = ("Set-Cookie", None)


@dataclass(frozen=True)
class BrowserSession:
    """A session of single sign-on: its id, and who logged in.

    ``id`` is the cookie's, new at each login. ``sid``, which the store has and which
    opens nothing, stays when the same person logs in again: then it is ``kept``.
    """

    id: str
    login: Login
    sid: str
    kept: bool = False


class Browsers:
    """The cookies, which hold random ids alone.

    One is stable and binds each login to the browser that began it, in all its tabs.
    One is made when the card has signed, for this login alone: only the browser that
    sent the signature ends it. One is a session's, new at each login. Without
    ``session_seconds`` there are no sessions, and each login takes the card.
    """

    def __init__(
        self, store: ProviderStore, origin: str, *, session_seconds: int
    ) -> None:
        self._store = store
        self.origin = origin
        self._session_seconds = session_seconds
        self._secure = origin.startswith("https:")
        self.browser_cookie = self._cookie()
        self.session_cookie = self._cookie("-session")

    def browser(self, headers: Headers) -> str | None:
        """Return the id of the browser that sent a request."""
        return self.browser_cookie.id_of(headers.all("Cookie"))

    def recognise(self, headers: Headers) -> tuple[str, SetCookie]:
        """Return the browser's id, and the header for a new one."""
        if known := self.browser(headers):
            return known, _NO_COOKIE
        new = new_session_id()
        return new, ("Set-Cookie", self.browser_cookie.set(new))

    def signed(self, login_id: str, *, seconds: int) -> tuple[str, str]:
        """Return a new id of the browser that sent a login's signature, and the value
        of the header for its cookie, which lives for so many seconds."""
        new = new_session_id()
        return new, self._login_cookie(login_id).set(new, seconds=seconds)

    def signer(self, headers: Headers, login_id: str) -> str | None:
        """Return the id that ``signed`` made, if the browser has it."""
        return self._login_cookie(login_id).id_of(headers.all("Cookie"))

    def forget_signer(self, login_id: str) -> SetCookie:
        """Return the header that deletes the cookie of ``signed``."""
        return "Set-Cookie", self._login_cookie(login_id).delete()

    async def session(self, headers: Headers) -> BrowserSession | None:
        """Return the session of a request, if there is one."""
        session_id = self.session_cookie.id_of(headers.all("Cookie"))
        if not self._session_seconds or session_id is None:
            return None
        data = await self._store.get("session", session_id)
        if data is None:
            return None
        sid = data.pop("sid", session_id)
        return BrowserSession(session_id, Login(**data), sid)

    async def begin(
        self, headers: Headers, login: Login
    ) -> tuple[BrowserSession | None, BrowserSession | None]:
        """Begin a session in place of another.

        Returns it, and another person's that it ends. Without sessions both are None.
        """
        if not self._session_seconds:
            return None, None
        old, ended = await self.session(headers), None
        new = new_session_id()
        session = BrowserSession(new, login, new_session_id())
        if old is not None:
            await self.end(old)
            if old.login.satu == login.satu:
                session = BrowserSession(new, login, old.sid, kept=True)
            else:
                ended = old
        data = {**vars(login), "sid": session.sid}
        await self._store.put("session", new, data, seconds=self._session_seconds)
        return session, ended

    def remember(self, session: BrowserSession | None) -> SetCookie:
        """Return the header for a session's cookie."""
        if session is None:
            return _NO_COOKIE
        return "Set-Cookie", self.session_cookie.set(session.id)

    async def end(self, session: BrowserSession) -> None:
        """End a session."""
        await self._store.take("session", session.id)

    def forget(self, session: BrowserSession | None) -> SetCookie:
        """Return the header that deletes a session's cookie."""
        return "Set-Cookie", None if session is None else self.session_cookie.delete()

    def _cookie(self, kind: str = "") -> Cookie:
        return Cookie(f"kortilla-openid{kind}", secure=self._secure)

    def _login_cookie(self, login_id: str) -> Cookie:
        # With a piece of the login's id, so that tabs log in beside each other.
        return self._cookie(f"-login-{login_id[:12]}")
