# SPDX-License-Identifier: MIT
"""Card login over HTTP, for any web framework: what its adapters have in common.

The routes, below a prefix that the adapter knows:

- ``POST challenge`` with ``{}`` answers ``{"nonce"}``
- ``POST login`` with ``{"authToken", "nonce"?}`` answers ``{"name", "satu"}``
- ``POST logout`` with ``{}`` answers ``{}``
- ``GET static/kortilla.js`` is the page's client, which knows these routes
- ``GET openapi.json`` describes them

A refusal is a 4xx, or 503 while a store is away, with ``{"error": {"code",
"message"}}`` whose message tells the person what to do in the language of
Accept-Language; a request that asks for HTML gets it as a page.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from kortilla.errors import (
    ChallengeNonceNotFoundError,
    RelyingPartyError,
    StoreUnavailableError,
)
from kortilla.validation import strict_json
from kortilla.validation.identity import Identity
from kortilla.web.challenge import Spent
from kortilla.web.http import (
    Headers,
    Request,
    RequestRefusedError,
    Response,
    is_same_origin,
    json_answer,
    read_body,
)
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import Attempt
from kortilla.web.refusals import refuse
from kortilla.web.sessions import (
    BrowserSessions,
    MemorySessionStore,
    Session,
    SessionStore,
)
from kortilla.web.static_files import packaged_files

__all__ = ["MAX_BODY_BYTES", "PROBES", "LoginRoutes", "taken"]

#: A token has at most 10,000 characters; the rest is room for its frame.
MAX_BODY_BYTES = 16 * 1024
#: Requests below the prefix that an application must let come through to card login.
PROBES = (("POST", "challenge"), ("GET", "static/kortilla.js"))


class LoginRoutes:
    """A service's login as requests and answers.

    ``sessions`` is where the sessions are; in memory, unless given. A body that has not
    come within ``body_seconds`` is not waited for.
    """

    def __init__(
        self,
        service: LoginService,
        *,
        sessions: SessionStore | None = None,
        body_seconds: float = 10,
    ) -> None:
        self.service = service
        self._sessions = BrowserSessions(
            MemorySessionStore() if sessions is None else sessions,
            secure=service.origin.startswith("https:"),
        )
        self._body_seconds = body_seconds
        #: Ids of sessions whose login could not be looked up; see ``_login``.
        self._unclear = Spent()
        self._actions: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/challenge": self._challenge,
            "/login": self._login,
            "/logout": self._logout,
        }

    async def answer(self, request: Request) -> Response:
        """Answer a request below the prefix. Raises nothing that a client can cause."""
        try:
            if action := self._actions.get(request.path):
                _check_method(request, "POST")
                return await action(request)
            if file := packaged_files().get(request.path):
                _check_method(request, "GET, HEAD")
                return file.answer(request.headers)
            raise RequestRefusedError(404, "NOT_FOUND")
        except (RelyingPartyError, RequestRefusedError) as error:
            return refuse(error, request.headers)

    async def read_body(self, request: Request) -> bytes:
        """Read a body within its limits. Raises ``RequestRefusedError``."""
        return await read_body(
            request.body, max_bytes=MAX_BODY_BYTES, seconds=self._body_seconds
        )

    async def current_identity(self, headers: Headers) -> Identity | None:
        """Return who is logged in where a request with these headers comes from.

        Raises ``StoreUnavailableError``: that is not the same as nobody.
        """
        session = await self._sessions.load(headers.all("Cookie"))
        return LoginService.identity(session.data)

    async def end_session(self, headers: Headers) -> str:
        """End the session of these headers, and return the ``Set-Cookie`` that says so.

        Raises ``StoreUnavailableError``, and the session goes on.
        """
        return await self._sessions.end(
            await self._sessions.load(headers.all("Cookie"))
        )

    async def _challenge(self, request: Request) -> Response:
        await self._read_json(request, allowed=set())
        session = await self._sessions.load(request.headers.all("Cookie"))
        unclear = session.id is not None and session.id in self._unclear
        if unclear:
            self.service.forget_challenges(session.data)
        nonce = await self.service.challenge(session.data)
        if unclear:
            cookie = await self._sessions.replace(session, session.data)
        else:
            cookie = await self._sessions.save(session)
        return json_answer({"nonce": nonce}).with_headers(("Set-Cookie", cookie))

    async def _login(self, request: Request) -> Response:
        body = await self._read_json(request, allowed={"authToken", "nonce"})
        nonce = body.get("nonce")
        if "authToken" not in body or not (nonce is None or isinstance(nonce, str)):
            raise RequestRefusedError(400, "INVALID_REQUEST")
        session = await self._load_for_login(request, nonce)
        identity = await self.service.login(
            session.data, body["authToken"], nonce=nonce
        )
        data: dict[str, Any] = {}
        self.service.set_identity(data, identity)
        cookie = await self._sessions.replace(session, data)
        name = f"{identity.given_names} {identity.surname}"
        return json_answer({"name": name, "satu": identity.satu}).with_headers(
            ("Set-Cookie", cookie)
        )

    async def _load_for_login(self, request: Request, nonce: str | None) -> Session:
        cookies = request.headers.all("Cookie")
        try:
            session = await self._sessions.load(cookies)
        except StoreUnavailableError:
            # A nonce that was presented is used up, even where nobody can look it up.
            # One that was not named is some nonce of this session: none of them works
            # here any more.
            session_id = self._sessions.id_of(cookies)
            if nonce is not None:
                self.service.spend(nonce)
            elif session_id is not None:
                self._unclear.add(session_id)
            raise
        if session.id is not None and session.id in self._unclear:
            raise ChallengeNonceNotFoundError(
                "The challenge was presented while the store was away."
            )
        return session

    async def _logout(self, request: Request) -> Response:
        await self._read_json(request, allowed=set())
        cookie = await self.end_session(request.headers)
        return json_answer({}).with_headers(("Set-Cookie", cookie))

    async def _read_json(
        self, request: Request, *, allowed: set[str]
    ) -> dict[str, Any]:
        headers = request.headers
        if not is_same_origin(headers, self.service.origin):
            raise RequestRefusedError(403, "ORIGIN_REFUSED")
        await self.service.admit(
            Attempt(
                route=request.path.removeprefix("/"),
                client=request.client,
                session_id=self._sessions.id_of(headers.all("Cookie")),
            )
        )
        kinds = [
            v.partition(";")[0].strip().lower() for v in headers.all("Content-Type")
        ]
        if kinds != ["application/json"] or headers.all("Content-Encoding"):
            raise RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
        try:
            content = strict_json.loads(await self.read_body(request))
        except ValueError:
            raise RequestRefusedError(400, "INVALID_REQUEST") from None
        if not isinstance(content, dict) or not content.keys() <= allowed:
            raise RequestRefusedError(400, "INVALID_REQUEST")
        return content


def taken(path: str, by: str) -> RuntimeError:
    """Return the error of an application in which something else has a path of ours."""
    return RuntimeError(
        f"Card login can't be reached: {by} takes {path} before it does. Add that "
        "after card login, or choose another prefix."
    )


def _check_method(request: Request, allow: str) -> None:
    if request.method not in allow.split(", "):
        raise RequestRefusedError(405, "METHOD_NOT_ALLOWED", allow=allow)
