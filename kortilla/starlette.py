# SPDX-License-Identifier: MIT
"""Card login for a Starlette or FastAPI application (``kortilla[starlette]``).

``setup(app, service)`` adds the routes of ``kortilla.web.routes`` below ``/auth``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from kortilla.errors import StoreUnavailableError
from kortilla.validation.identity import Identity
from kortilla.web import http
from kortilla.web.asgi import LoginApp
from kortilla.web.http import Headers
from kortilla.web.login import LoginService
from kortilla.web.refusals import refuse
from kortilla.web.routes import PROBES, LoginRoutes, taken
from kortilla.web.sessions import SessionStore

__all__ = ["current_identity", "end_session", "is_same_origin", "setup"]


def setup(
    app: Starlette,
    service: LoginService,
    *,
    prefix: str = "/auth",
    sessions: SessionStore | None = None,
    body_seconds: float = 10,
) -> None:
    """Give an application card login below ``prefix``, and sessions to hold it.

    ``sessions`` is where the sessions are; in memory, unless given. Their cookie is
    card login's own, beside whatever sessions the application has. The service is
    closed at the end of the application's lifespan.

    Raises ``RuntimeError`` at a second call, an application having one login, and where
    a route or a mount that was added before takes what is card login's.
    """
    if hasattr(app.state, "kortilla"):
        raise RuntimeError(
            "setup() was called on this application before. For another origin, mount "
            "an application of its own and set that up."
        )
    _check_free(app, prefix)
    routes = LoginRoutes(service, sessions=sessions, body_seconds=body_seconds)
    app.state.kortilla = routes
    # Not mounted: behind a proxy that strips a prefix (root_path), a mounted
    # application can't tell what of its path is its own.
    app.router.routes.append(Route(prefix + "/{path:path}", LoginApp(routes)))
    app.add_exception_handler(StoreUnavailableError, _answer_store_away)
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def closing(app: Any) -> AsyncIterator[Any]:
        try:
            async with lifespan(app) as state:
                yield state
        finally:
            await service.close()

    app.router.lifespan_context = closing


async def current_identity(request: Request) -> Identity | None:
    """Return who is logged in in the request's browser session, or None.

    ``StoreUnavailableError``, while the sessions can't be reached, may pass through an
    endpoint: it becomes an answer with 503.
    """
    return await _routes(request).current_identity(_headers(request))


async def end_session(request: Request, response: Response) -> None:
    """End the request's browser session; ``response`` takes its cookie away.

    Raises ``StoreUnavailableError``, as ``current_identity`` does.
    """
    cookie = await _routes(request).end_session(_headers(request))
    response.headers.append("Set-Cookie", cookie)


def is_same_origin(request: Request, origin: str) -> bool:
    """Tell whether a request that changes something came from the service's own page.

    See ``kortilla.web.http.is_same_origin``.
    """
    return http.is_same_origin(_headers(request), origin)


def _check_free(app: Starlette, prefix: str) -> None:
    for method, path in PROBES:
        url = f"{prefix}/{path}"
        asked = {"type": "http", "method": method, "path": url, "headers": []}
        for route in app.router.routes:
            if route.matches(asked)[0] is Match.FULL:
                raise taken(url, repr(getattr(route, "path", route)))


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


async def _answer_store_away(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailableError)  # noqa: S101 - registered for it
    return _response(refuse(error, _headers(request)))


def _response(answer: http.Response) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
