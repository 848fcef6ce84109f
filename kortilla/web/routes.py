# SPDX-License-Identifier: MIT
"""The routes of card login, for the adapters of all web frameworks.

Below a prefix that the adapter chooses:

- ``POST challenge`` with ``{}`` returns ``{"nonce"}``
- ``POST login`` with ``{"authToken", "nonce"?}`` returns ``{"name", "satu"}``
- ``POST logout`` with ``{}`` returns ``{}``
- ``GET static/kortilla.js`` is the client for the page, which knows these routes
- ``GET openapi.json`` describes them

An error is a 4xx, or 503 while a store is unavailable, with ``{"error": {"code",
"message"}}``. The message tells the person what to do, in the language of
Accept-Language. A request that accepts HTML gets a page.
"""

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from kortilla.common import JsonObject
from kortilla.errors import (
    ChallengeNonceNotFoundError,
    ConfigurationError,
    RelyingPartyError,
    StoreUnavailableError,
)
from kortilla.events import Action, RequestContext
from kortilla.store.memory import MemoryStore
from kortilla.validation.identity import Identity
from kortilla.web.challenge import NONCE_LIFETIME, USED
from kortilla.web.http import (
    Headers,
    Request,
    RequestRefusedError,
    Response,
    check_method,
    check_origin_header,
    json_response,
    packaged_files,
    read_body,
    read_json,
)
from kortilla.web.login import LoginService
from kortilla.web.rate_limit import Attempt
from kortilla.web.refusals import error_response
from kortilla.web.sessions import (
    BrowserSessions,
    Session,
    SessionStore,
)
from kortilla.web.workers import WorkerCheck

__all__ = [
    "MAX_BODY_BYTES",
    "PROBES",
    "LoginRoutes",
    "OnLogin",
    "OnLogout",
    "PendingLogin",
    "route_conflict",
    "with_response",
]

#: A token has at most 10,000 characters; the rest is room for the JSON around it.
MAX_BODY_BYTES = 16 * 1024
#: Requests below the prefix that must reach card login; the adapters check it.
PROBES = (("POST", "challenge"), ("GET", "static/kortilla.js"))


R = TypeVar("R")

#: Puts a person into the application's session. Raises ``LoginNotAllowedError`` for one
#: who may not use the service. The last argument is the response of the framework.
OnLogin = Callable[[Identity, R], Awaitable[None]]
#: Ends the application's session.
OnLogout = Callable[[R], Awaitable[None]]


def with_response(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose last argument is the response.

    It calls an application's function, which gets the response if it has a parameter
    of that name. Otherwise, as Django's own ``logout``, it does not.
    """
    wanted = "response" in inspect.signature(hook).parameters

    def call(*arguments: Any) -> Any:
        *others, response = arguments
        return hook(*others, response=response) if wanted else hook(*others)

    return call


@dataclass(frozen=True)
class PendingLogin:
    """A valid login that the application has yet to put into its own session."""

    identity: Identity
    headers: Headers
    context: RequestContext
    since: float
    cookie: str

    @property
    def response(self) -> Response:
        """The response if the application lets the person in."""
        return greeting(self.identity, self.cookie)


_Handler = Callable[[Request, RequestContext], Awaitable[Response | PendingLogin]]


class LoginRoutes:
    """A service's login as HTTP requests and responses.

    ``sessions`` is the session store; by default it is in memory. Raises
    ``ConfigurationError`` unless the service's challenges are there too. A request
    whose body takes longer than ``body_seconds`` is refused. Without ``keep_identity``
    our session holds only the challenge and ends at the login: the application's own
    session says who is logged in.
    """

    def __init__(
        self,
        service: LoginService,
        *,
        sessions: SessionStore | None = None,
        body_seconds: float = 10,
        keep_identity: bool = True,
    ) -> None:
        self.service = service
        self._keep_identity = keep_identity
        self.store: SessionStore = SessionStore() if sessions is None else sessions
        in_memory = (
            self.store.in_memory,
            service.challenges.in_memory,
        )
        if any(in_memory) and not all(in_memory):
            # A challenge belongs to a session, also where the application's own session
            # says who is logged in.
            raise ConfigurationError(
                "challenges= of LoginService and sessions= of setup() or urls() go "
                "together: one of them is in the memory of this process, and the other "
                "is not. Pass stores.challenges and stores.sessions, or neither."
            )
        self._sessions = BrowserSessions(
            self.store, secure=service.origin.startswith("https:")
        )
        self.workers = WorkerCheck(all(in_memory))
        self._body_seconds = body_seconds
        #: Sessions with a login that the store could not confirm (``_load_for_login``).
        self._unclear = MemoryStore()
        self._actions: dict[str, tuple[Action, _Handler]] = {
            "/challenge": ("challenge", self._challenge),
            "/login": ("login", self._login),
            "/logout": ("logout", self._logout),
        }

    async def handle(self, request: Request) -> Response:
        """Return the response to a request below the prefix.

        Raises no error that a client can cause.
        """
        return await self.finish(await self.begin(request), lambda response: response)

    async def finish(
        self,
        answer: Response | PendingLogin,
        make: Callable[[Response], R],
        *,
        on_login: OnLogin[R] | None = None,
        on_logout: OnLogout[R] | None = None,
    ) -> R:
        """Return the framework's response, which ``make`` makes, after ``begin``.

        ``on_login`` is called where no identity is kept here. Raises what these
        functions raise; a response to a refused login has nothing that they put into
        theirs.
        """
        if isinstance(answer, Response):
            response = make(answer)
            if answer.logged_out and on_logout is not None:
                await on_logout(response)
            return response
        response = make(answer.response)
        try:
            if on_login is not None:
                await on_login(answer.identity, response)
        except BaseException as error:
            return make(self.refuse(answer, error))
        self.accept(answer)
        return response

    async def begin(self, request: Request) -> Response | PendingLogin:
        """Handle a request up to the application's own part of a login.

        A pending login is finished by ``accept`` or ``refuse``. Raises no error that a
        client can cause.
        """
        self.workers.check()
        try:
            if found := self._actions.get(request.path):
                check_method(request, "POST")
                action, handler = found
                reporting = self.service.events.reporting
                with reporting(request.headers, request.client, action) as (context, _):
                    return await handler(request, context)
            if file := packaged_files().get(request.path):
                check_method(request, "GET, HEAD")
                return file.response(request.headers)
            raise RequestRefusedError(404, "NOT_FOUND")
        except (RelyingPartyError, RequestRefusedError) as error:
            return error_response(error, request.headers, self.service.refusals)

    def accept(self, pending: PendingLogin) -> None:
        """Report a login that is in the application's session."""
        seconds = time.monotonic() - pending.since
        self.service.events.logged_in(pending.context, pending.identity, seconds)

    def refuse(self, pending: PendingLogin, error: BaseException) -> Response:
        """Return the response to a login that the application refused by an error.

        Raises the error again unless it is a ``RelyingPartyError``.
        """
        self.service.events.refused(pending.context, "login", error, pending.since)
        if not isinstance(error, RelyingPartyError):
            raise error
        refusals = self.service.refusals
        response = error_response(error, pending.headers, refusals)
        return response.with_headers(("Set-Cookie", pending.cookie))

    async def read_body(self, request: Request) -> bytes:
        """Read a body within its limits. Raises ``RequestRefusedError``."""
        return await read_body(
            request.body, max_bytes=MAX_BODY_BYTES, seconds=self._body_seconds
        )

    async def current_identity(
        self, headers: Headers, *, max_age: timedelta | None = None
    ) -> Identity | None:
        """Return the person who is logged in in the session of these headers, or None.

        None too if the login is older than ``max_age``. Raises ``ValueError`` for one
        that is not positive, and ``StoreUnavailableError`` when the store can't tell.
        """
        if max_age is not None and max_age <= timedelta(0):
            raise ValueError("max_age is not positive: no login is that recent.")
        session = await self._sessions.load(headers.all("Cookie"))
        identity = LoginService.identity(session.data)
        if identity is None or max_age is None:
            return identity
        return identity if identity.is_recent(max_age, at=self.service.now()) else None

    async def session_id(self, headers: Headers) -> str | None:
        """Return a text that names the session of these headers, or None without one.

        It gives no access to the session (``Session.public_id``), and changes at login.
        Raises ``StoreUnavailableError``.
        """
        return (await self._sessions.load(headers.all("Cookie"))).public_id

    async def end_sessions(self, satu: str) -> int:
        """End all sessions of a person, and return how many there were.

        Raises ``StoreUnavailableError``; some sessions may then continue.
        """
        ended = await self._sessions.end_all(satu)
        self.service.events.logged_out(RequestContext(), satu, sessions=ended)
        return ended

    async def end_session(
        self,
        headers: Headers,
        *,
        client: str | None = None,
        context: RequestContext | None = None,
    ) -> str:
        """End the session of these headers, and return the ``Set-Cookie`` for it.

        ``client`` is the peer's address, for events. Raises ``StoreUnavailableError``;
        the session then continues.
        """
        session = await self._sessions.load(headers.all("Cookie"))
        identity = LoginService.identity(session.data)
        cookie = await self._sessions.end(session)
        if identity is not None:
            events = self.service.events
            context = context or events.context(headers, client)
            events.logged_out(context, identity.satu)
        return cookie

    async def _challenge(self, request: Request, context: RequestContext) -> Response:
        await self._read_json(request, allowed=set())
        session = await self._sessions.load(request.headers.all("Cookie"))
        unclear = await self._is_unclear(session)
        if unclear:
            self.service.nonces.forget(session.data)
        nonce = await self.service.challenge(session.data)
        if unclear:
            cookie = await self._sessions.replace(session, session.data)
        else:
            cookie = await self._sessions.save(session)
        self.service.events.challenge_issued(context)
        return json_response({"nonce": nonce}).with_headers(("Set-Cookie", cookie))

    async def _login(
        self, request: Request, context: RequestContext
    ) -> Response | PendingLogin:
        since = time.monotonic()
        body = await self._read_json(request, allowed={"authToken", "nonce"})
        token, nonce = token_of(body)
        session = await self._load_for_login(request, nonce)
        identity = await self.service.login(session.data, token, nonce=nonce)
        if not self._keep_identity:
            cookie = await self._sessions.end(session)
            return PendingLogin(identity, request.headers, context, since, cookie)
        data: JsonObject = {}
        self.service.set_identity(data, identity, certificate=True)
        kept = await self._sessions.replace(session, data, satu=identity.satu)
        self.service.events.logged_in(context, identity, time.monotonic() - since)
        return greeting(identity, kept)

    async def _load_for_login(self, request: Request, nonce: str | None) -> Session:
        cookies = request.headers.all("Cookie")
        try:
            session = await self._sessions.load(cookies)
        except StoreUnavailableError:
            # A nonce that was presented is used up, even while the store is
            # unavailable. A request that names none means one of this session's, so
            # this process accepts none of them any more.
            session_id = self._sessions.cookie.id_of(cookies)
            if nonce is not None:
                await self.service.nonces.invalidate(nonce)
            elif session_id is not None:
                seconds = NONCE_LIFETIME.total_seconds()
                await self._unclear.put(USED, session_id, b"", seconds=seconds)
            raise
        if await self._is_unclear(session):
            raise ChallengeNonceNotFoundError(
                "The challenge was presented while the store was away."
            )
        return session

    async def _is_unclear(self, session: Session) -> bool:
        if session.id is None:
            return False
        return await self._unclear.get(USED, session.id) is not None

    async def _logout(self, request: Request, context: RequestContext) -> Response:
        await self._read_json(request, allowed=set())
        cookie = await self.end_session(request.headers, context=context)
        answer = json_response({}).with_headers(("Set-Cookie", cookie))
        return replace(answer, logged_out=True)

    async def _read_json(self, request: Request, *, allowed: set[str]) -> JsonObject:
        headers = request.headers
        check_origin_header(headers, self.service.origin)
        await self.service.admit(
            Attempt(
                route=request.path.removeprefix("/"),
                client=request.client,
                session_id=self._sessions.cookie.id_of(headers.all("Cookie")),
            )
        )
        return await read_json(
            request,
            allowed=allowed,
            max_bytes=MAX_BODY_BYTES,
            seconds=self._body_seconds,
        )


def token_of(body: JsonObject) -> tuple[object, str | None]:
    """Return a login's token, of any type, and the nonce that it names.

    Raises ``RequestRefusedError``.
    """
    nonce = body.get("nonce")
    if "authToken" not in body or not (nonce is None or isinstance(nonce, str)):
        raise RequestRefusedError(400, "INVALID_REQUEST")
    return body["authToken"], nonce


def greeting(identity: Identity, cookie: str | None) -> Response:
    """Return the response to a login."""
    name = f"{identity.given_names} {identity.surname}"
    answer = json_response({"name": name, "satu": identity.satu})
    return answer.with_headers(("Set-Cookie", cookie))


def route_conflict(path: str, by: str) -> RuntimeError:
    """Return the error for an application that has another route on a path of ours."""
    return RuntimeError(
        f"Card login can't be reached: {by} takes {path} before it does. Add that "
        "after card login, or choose another prefix."
    )
