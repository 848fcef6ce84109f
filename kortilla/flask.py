# SPDX-License-Identifier: MIT
"""Card login for a Flask application (``kortilla[flask]``).

``setup(app, service)`` adds the routes of ``kortilla.web.routes`` below ``/auth``. All
work is done on the event loop of ``kortilla.background``. Several worker processes need
stores that they share, such as ``kortilla.redis``. The reverse proxy in front of a WSGI
server must limit how long a body may take: Python code can't.
"""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from kortilla import background
from kortilla.errors import StoreUnavailableError
from kortilla.validation.identity import Identity
from kortilla.web import http
from kortilla.web.http import Headers, at_once
from kortilla.web.login import LoginService
from kortilla.web.refusals import error_response
from kortilla.web.routes import (
    MAX_BODY_BYTES,
    PROBES,
    LoginRoutes,
    PendingLogin,
    route_conflict,
    with_response,
)
from kortilla.web.sessions import SessionStore

__all__ = [
    "current_identity",
    "end_session",
    "end_sessions",
    "is_same_origin",
    "session_id",
    "setup",
]

_ENDPOINT = "kortilla"
#: Methods that the routes answer themselves, most of them with 405.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _AnyPath(BaseConverter):
    """The rest of a path, with any characters in it."""

    regex = "(?s:.*)"
    part_isolating = False


def setup(
    app: Flask,
    service: LoginService,
    *,
    prefix: str = "/auth",
    sessions: SessionStore | None = None,
    on_login: Callable[..., None] | None = None,
    on_logout: Callable[..., None] | None = None,
) -> None:
    """Add card login to an application, with its routes below ``prefix``.

    The options are those of ``kortilla.aiohttp.setup``, but ``on_login(identity)`` and
    ``on_logout()`` get no request: they are called in its context. The service is
    closed when the process ends.

    Raises ``RuntimeError`` at a second call, since an application has one login. If
    another route takes a path of card login, each request fails with that error.
    """
    if _ENDPOINT in app.extensions:
        raise RuntimeError(
            "setup() was called on this application before. Another origin needs an "
            "application of its own."
        )
    routes = LoginRoutes(service, sessions=sessions, keep_identity=on_login is None)
    app.extensions[_ENDPOINT] = routes
    app.url_map.converters[_ENDPOINT] = _AnyPath

    def answer(path: str) -> Response:
        routes.workers.check_environ(request.environ)
        asked = http.Request(
            method=request.method,
            path=f"/{path}",
            headers=_headers(),
            body=_body(),
            client=request.remote_addr,
        )
        answered = background.run(routes.begin(asked))
        if not isinstance(answered, PendingLogin):
            response = _response(answered)
            if answered.logged_out and on_logout is not None:
                with_response(on_logout)(response)
            return response
        response = _response(answered.response)
        try:
            if on_login is not None:
                with_response(on_login)(answered.identity, response)
        except Exception as error:
            return _response(routes.refuse(answered, error))
        routes.accept(answered)
        return response

    app.add_url_rule(
        f"{prefix}/<{_ENDPOINT}:path>",
        _ENDPOINT,
        answer,
        methods=_METHODS,
        provide_automatic_options=False,
        merge_slashes=False,
    )
    app.before_request(_CheckReached(prefix))
    app.register_error_handler(
        StoreUnavailableError,
        lambda error: _response(error_response(error, _headers(), service.refusals)),
    )
    background.at_exit(service.close)


def current_identity(*, max_age: timedelta | None = None) -> Identity | None:
    """Return the person who is logged in in the current request's session, or None.

    With ``max_age``, None too if the login is older: then ask for another login before
    something that matters.

    Raises ``StoreUnavailableError`` while the session store can't be reached. A view
    need not catch it: the response is then 503.
    """
    return background.run(_routes().current_identity(_headers(), max_age=max_age))


def session_id() -> str | None:
    """Return a text that names the current request's session, or None without one.

    See ``kortilla.aiohttp.session_id``. Raises as ``current_identity``.
    """
    return background.run(_routes().session_id(_headers()))


def end_session(response: Response) -> None:
    """End the current request's browser session; ``response`` deletes its cookie.

    Raises ``StoreUnavailableError``, as ``current_identity`` does.
    """
    ending = _routes().end_session(_headers(), client=request.remote_addr)
    response.headers.add("Set-Cookie", background.run(ending))


def end_sessions(satu: str) -> int:
    """End all sessions of a person, in all browsers, and return how many there were.

    See ``kortilla.aiohttp.end_sessions``.
    """
    return background.run(_routes().end_sessions(satu))


def is_same_origin(origin: str) -> bool:
    """Return whether a state-changing request came from the service's own page.

    See ``kortilla.web.http.is_same_origin``.
    """
    return http.is_same_origin(_headers(), origin)


class _CheckReached:
    """Checks before the first request that card login receives its requests."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._checked = False

    def __call__(self) -> None:
        if self._checked:
            return
        adapter = current_app.url_map.bind("")
        for method, path in PROBES:
            url = f"{self._prefix}/{path}"
            try:
                endpoint, _ = adapter.match(url, method)
            except HTTPException as error:
                endpoint = f"{error.code}"
            if endpoint != _ENDPOINT:
                raise route_conflict(url, repr(endpoint))
        self._checked = True


def _routes() -> LoginRoutes:
    routes: LoginRoutes | None = current_app.extensions.get(_ENDPOINT)
    if routes is None:
        raise RuntimeError(
            "Card login is not set up on this application: call setup(app, service)."
        )
    return routes


def _headers() -> Headers:
    return Headers(request.headers.items())


def _body() -> AsyncIterator[bytes]:
    """Yield the body after reading it whole: under WSGI reading blocks."""
    content: bytes | None
    try:
        content = request.stream.read(MAX_BODY_BYTES + 1)
    except RequestEntityTooLarge:  # by the application's MAX_CONTENT_LENGTH
        content = bytes(MAX_BODY_BYTES + 1)
    except (BadRequest, OSError):
        content = None
    return at_once(content)


def _response(answer: http.Response) -> Response:
    response = Response(answer.body, answer.status)
    response.headers.clear()
    response.headers.extend(answer.headers)
    return response
