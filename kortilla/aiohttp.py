# SPDX-License-Identifier: MIT
"""Card login for an aiohttp application.

``setup(app, service)`` adds the routes of ``kortilla.web.routes`` below ``/auth``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial

from aiohttp import web

from kortilla.errors import StoreUnavailableError
from kortilla.validation.identity import Identity
from kortilla.web import http
from kortilla.web.http import BrokenBodyError, Headers, Response
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

_ROUTES: web.AppKey[LoginRoutes] = web.AppKey("kortilla_routes", LoginRoutes)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def setup(
    app: web.Application,
    service: LoginService,
    *,
    prefix: str = "/auth",
    sessions: SessionStore | None = None,
    body_seconds: float = 10,
    on_login: Callable[..., Awaitable[None]] | None = None,
    on_logout: Callable[..., Awaitable[None]] | None = None,
) -> None:
    """Add card login to an application, with its routes below ``prefix``.

    ``sessions`` is the session store; by default it is in memory. Card login has its
    own cookie, independent of the application's sessions. With ``on_login(request,
    identity)``, our session ends at the login, and that function puts the person into
    the application's session; it raises ``LoginNotAllowedError`` for one who may not
    use the service. ``on_logout(request)`` ends the application's session when the page
    calls for a logout. Either gets the response too, to set cookies, if it has a
    parameter ``response``. The service is closed when the application is cleaned up.

    Raises ``RuntimeError`` at a second call: an application has one login. A mounted
    application has its own, or uses the login of its parent. The application does not
    start if another route takes a path of card login.
    """
    if _ROUTES in app:
        raise RuntimeError(
            "setup() was called on this application before. For another origin, mount "
            "an application of its own (add_subapp, add_domain) and set that up."
        )
    routes = LoginRoutes(
        service,
        sessions=sessions,
        body_seconds=body_seconds,
        keep_identity=on_login is None,
    )
    app[_ROUTES] = routes

    async def answer(request: web.Request) -> web.Response:
        return await routes.finish(
            await routes.begin(read_request(request)),
            to_response,
            on_login=on_login and partial(with_response(on_login), request),
            on_logout=on_logout and partial(with_response(on_logout), request),
        )

    async def close(_: web.Application) -> None:
        await service.close()

    route = app.router.add_route("*", prefix + "/{path:(?s:.*)}", answer)

    async def check_reached(_: web.Application) -> None:
        from aiohttp.test_utils import (  # noqa: PLC0415 - slow, and only needed here
            make_mocked_request,
        )

        assert route.resource is not None  # noqa: S101 - add_route has made one
        for method, path in PROBES:
            url = str(route.resource.url_for(path=path))
            found = await app.router.resolve(make_mocked_request(method, url))
            if found.handler is not answer:
                other = found.route.resource
                raise route_conflict(url, repr(other.canonical if other else "another"))

    app.on_startup.append(check_reached)
    app.middlewares.append(_handle_store_unavailable)
    app.on_cleanup.append(close)


def read_request(request: web.Request) -> http.Request:
    """Convert a request: its path is the route's ``path``, its body is read later."""
    return http.Request(
        method=request.method,
        path=f"/{request.match_info['path']}",
        headers=Headers(request.headers.items()),
        body=_body(request),
        client=request.remote,
    )


def to_response(answer: Response) -> web.Response:
    """Convert a response."""
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


async def current_identity(
    request: web.Request, *, max_age: timedelta | None = None
) -> Identity | None:
    """Return the person who is logged in in the request's session, or None.

    With ``max_age``, None too if the login is older: then ask for another login before
    something that matters.

    Raises ``StoreUnavailableError`` while the session store can't be reached. A handler
    need not catch it: the response is then 503.
    """
    headers = Headers(request.headers.items())
    return await _routes(request).current_identity(headers, max_age=max_age)


async def session_id(request: web.Request) -> str | None:
    """Return a text that names the request's session, or None without one.

    For keeping data beside the session. It gives no access to the session, and may be
    stored and logged. A login changes it. Raises as ``current_identity``.
    """
    return await _routes(request).session_id(Headers(request.headers.items()))


async def end_session(request: web.Request, response: web.StreamResponse) -> None:
    """End the request's browser session; ``response`` deletes its cookie.

    Raises ``StoreUnavailableError``, as ``current_identity`` does.
    """
    headers = Headers(request.headers.items())
    cookie = await _routes(request).end_session(headers, client=request.remote)
    response.headers.add("Set-Cookie", cookie)


async def end_sessions(request: web.Request, satu: str) -> int:
    """End all sessions of a person, in all browsers, and return how many there were.

    For an application's administrators. Outside a request, call the session store's
    method. Raises as ``current_identity``; some sessions may then continue.
    """
    return await _routes(request).end_sessions(satu)


def is_same_origin(request: web.Request, origin: str) -> bool:
    """Return whether a state-changing request came from the service's own page.

    See ``kortilla.web.http.is_same_origin``.
    """
    return http.is_same_origin(Headers(request.headers.items()), origin)


def _routes(request: web.Request) -> LoginRoutes:
    routes = request.config_dict.get(_ROUTES)
    if routes is None:
        raise RuntimeError(
            "Card login is not set up: call setup(app, service) on this application, "
            "or on one that it is mounted in."
        )
    return routes


@web.middleware
async def _handle_store_unavailable(
    request: web.Request, handler: _Handler
) -> web.StreamResponse:
    try:
        return await handler(request)
    except StoreUnavailableError as error:
        headers = Headers(request.headers.items())
        refusals = _routes(request).service.refusals
        return to_response(error_response(error, headers, refusals))


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (web.RequestPayloadError, ConnectionError):
        raise BrokenBodyError from None
