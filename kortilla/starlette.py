# SPDX-License-Identifier: MIT
"""Card login for a Starlette or FastAPI application (``kortilla[starlette]``).

``setup(app, service)`` adds the routes of ``kortilla.web.routes`` below ``/auth``.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ParamSpec, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from kortilla.errors import StoreUnavailableError
from kortilla.validation.identity import Identity
from kortilla.web import http
from kortilla.web.http import (
    Headers,
    Receive,
    Scope,
    Send,
    read_request,
    refuse_websocket,
)
from kortilla.web.login import LoginService
from kortilla.web.refusals import error_response
from kortilla.web.routes import PROBES, LoginRoutes, route_conflict, with_response
from kortilla.web.sessions import SessionStore

__all__ = [
    "current_identity",
    "end_session",
    "end_sessions",
    "is_same_origin",
    "session_id",
    "setup",
]

P = ParamSpec("P")
T = TypeVar("T")


def setup(
    app: Starlette,
    service: LoginService,
    *,
    prefix: str = "/auth",
    sessions: SessionStore | None = None,
    body_seconds: float = 10,
    on_login: Callable[..., Awaitable[None]] | None = None,
    on_logout: Callable[..., Awaitable[None]] | None = None,
) -> None:
    """Add card login to an application, with its routes below ``prefix``.

    The options are those of ``kortilla.aiohttp.setup``. The service is closed at the
    end of the application's lifespan.

    Raises ``RuntimeError`` at a second call, since an application has one login, and if
    an earlier route or mount takes a path of card login.
    """
    if hasattr(app.state, "kortilla"):
        raise RuntimeError(
            "setup() was called on this application before. For another origin, mount "
            "an application of its own and set that up."
        )
    _check_free(app, prefix)
    routes = LoginRoutes(
        service,
        sessions=sessions,
        body_seconds=body_seconds,
        keep_identity=on_login is None,
    )
    app.state.kortilla = routes
    login = _Login(
        routes,
        on_login=on_login and with_response(on_login),
        on_logout=on_logout and with_response(on_logout),
    )
    # Not mounted: behind a proxy that strips a prefix (root_path), a mounted
    # application can't tell which part of the path is its own.
    app.router.routes.append(Route(prefix + "/{path:path}", login))
    app.add_exception_handler(StoreUnavailableError, _handle_store_unavailable)
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def closing(app: Starlette) -> AsyncIterator[Any]:
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            await service.close()

    app.router.lifespan_context = closing


class _Login:
    """The routes as an ASGI application: Starlette passes it the requests as they are.

    The functions have the request before, and the response after their arguments.
    """

    def __init__(
        self,
        routes: LoginRoutes,
        *,
        on_login: Callable[..., Awaitable[None]] | None,
        on_logout: Callable[..., Awaitable[None]] | None,
    ) -> None:
        self._routes = routes
        self._on_login = on_login
        self._on_logout = on_logout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await refuse_websocket(receive, send)
            return
        request = Request(scope)
        response = await self._routes.finish(
            await self._routes.begin(read_request(scope, receive)),
            _response,
            on_login=self._on_login and partial(self._on_login, request),
            on_logout=self._on_logout and partial(self._on_logout, request),
        )
        await response(scope, receive, send)


def _request_alone(function: Callable[P, T]) -> Callable[P, T]:
    """Hide a function's options from FastAPI, where it is a dependency.

    FastAPI would let the browser choose them in the address.
    """
    signature = inspect.signature(function)
    kept = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    vars(function)["__signature__"] = signature.replace(parameters=kept)
    return function


@_request_alone
async def current_identity(
    request: Request, *, max_age: timedelta | None = None
) -> Identity | None:
    """Return the person who is logged in in the request's session, or None.

    With ``max_age``, None too if the login is older: then ask for another login before
    something that matters.

    In FastAPI, ``Depends(current_identity)`` has no ``max_age``; wrap it in a function
    of your own.

    Raises ``StoreUnavailableError`` while the session store can't be reached. An
    endpoint need not catch it: the response is then 503.
    """
    return await _routes(request).current_identity(_headers(request), max_age=max_age)


async def session_id(request: Request) -> str | None:
    """Return a text that names the request's session, or None without one.

    See ``kortilla.aiohttp.session_id``. Raises as ``current_identity``.
    """
    return await _routes(request).session_id(_headers(request))


async def end_session(request: Request, response: Response) -> None:
    """End the request's browser session; ``response`` deletes its cookie.

    Raises ``StoreUnavailableError``, as ``current_identity`` does.
    """
    client = request.client.host if request.client else None
    cookie = await _routes(request).end_session(_headers(request), client=client)
    response.headers.append("Set-Cookie", cookie)


async def end_sessions(request: Request, satu: str) -> int:
    """End all sessions of a person, in all browsers, and return how many there were.

    See ``kortilla.aiohttp.end_sessions``.
    """
    return await _routes(request).end_sessions(satu)


def is_same_origin(request: Request, origin: str) -> bool:
    """Return whether a state-changing request came from the service's own page.

    See ``kortilla.web.http.is_same_origin``.
    """
    return http.is_same_origin(_headers(request), origin)


def _check_free(app: Starlette, prefix: str) -> None:
    for method, path in PROBES:
        url = f"{prefix}/{path}"
        asked = {"type": "http", "method": method, "path": url, "headers": []}
        for route in app.router.routes:
            if route.matches(asked)[0] is Match.FULL:
                raise route_conflict(url, repr(getattr(route, "path", route)))


def _routes(request: Request) -> LoginRoutes:
    routes: LoginRoutes | None = getattr(request.app.state, "kortilla", None)
    if routes is None:
        raise RuntimeError(
            "Card login is not set up on this application: call setup(app, service). A "
            "mounted application does not have the login of the one around it: set it "
            "up too, with the same service and the same sessions."
        )
    return routes


def _headers(request: Request) -> Headers:
    return Headers(request.headers.items())


async def _handle_store_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailableError)  # noqa: S101 - registered for it
    refusals = _routes(request).service.refusals
    return _response(error_response(error, _headers(request), refusals))


def _response(answer: http.Response) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        response.headers.append(name, value)
    return response
