# SPDX-License-Identifier: MIT
"""Card login for a Django project (``kortilla[django]``).

In ``urls.py``, ``path("auth/", include(urls(service)))`` adds the routes of
``kortilla.web.routes``. In ``MIDDLEWARE``,
``kortilla.django.StoreUnavailableMiddleware`` responds with 503 while the session store
can't be reached.

For an ASGI server, ``asgi.py`` has ``bounded(get_asgi_application())``. Under a WSGI
server this module runs everything on the event loop of ``kortilla.background``. The
reverse proxy in front of a WSGI server must limit how long a body may take: Python code
can't.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import cache, partial
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import (
    NoReverseMatch,
    URLPattern,
    get_resolver,
    get_script_prefix,
    re_path,
    resolve,
    reverse,
)
from django.views.decorators.csrf import csrf_exempt

from kortilla import background
from kortilla.errors import StoreUnavailableError
from kortilla.validation.identity import Identity
from kortilla.web import http
from kortilla.web.http import (
    ASGIApp,
    Headers,
    Receive,
    RequestRefusedError,
    Response,
    Scope,
    Send,
    at_once,
    live,
    read_request,
    refuse_websocket,
    send,
)
from kortilla.web.login import LoginService
from kortilla.web.refusals import error_response
from kortilla.web.routes import (
    MAX_BODY_BYTES,
    PROBES,
    LoginRoutes,
    route_conflict,
    with_response,
)
from kortilla.web.sessions import SessionStore

__all__ = [
    "StoreUnavailableMiddleware",
    "bounded",
    "current_identity",
    "end_session",
    "end_sessions",
    "is_same_origin",
    "session_id",
    "urls",
]

T = TypeVar("T")

#: Django's ASGI application, whose stubs give its arguments other types.
_Handler = Callable[[Any, Any, Any], Awaitable[None]]

#: The routes of the process's one login, and their view.
_configured: list[tuple[LoginRoutes, Callable[..., Any]]] = []


def urls(
    service: LoginService,
    *,
    sessions: SessionStore | None = None,
    body_seconds: float = 10,
    on_login: Callable[..., object] | None = None,
    on_logout: Callable[..., object] | None = None,
) -> list[URLPattern]:
    """Return the URL patterns of card login, for ``include``.

    The options are those of ``kortilla.aiohttp.setup``. ``on_login`` may be
    ``kortilla.django_auth.log_in``. Both functions may be synchronous or asynchronous.

    Raises ``RuntimeError`` at a second call: a process has one Django project, and one
    login.
    """
    if _configured:
        raise RuntimeError(
            "urls() was called before, and a process has one login. Include what it "
            "returned twice for another prefix; another origin needs another process."
        )
    routes = LoginRoutes(
        service,
        sessions=sessions,
        body_seconds=body_seconds,
        keep_identity=on_login is None,
    )

    async def answer(request: HttpRequest, path: str) -> HttpResponse:
        routes.workers.check_environ(getattr(request, "environ", {}))
        asked = http.Request(
            method=request.method,
            path=f"/{path}",
            headers=_headers(request),
            body=_body(request),
            client=request.META.get("REMOTE_ADDR"),
        )
        answered = await _on_lasting_loop(request, routes.begin(asked))
        return await routes.finish(
            answered,
            _response,
            on_login=on_login and partial(_calling(on_login), request),
            on_logout=on_logout and partial(_calling(on_logout), request),
        )

    background.at_exit(service.close)

    # The check of Origin protects against other sites (CSRF) without a token.
    view = csrf_exempt(answer)
    _configured.append((routes, view))
    return [re_path(r"^(?P<path>(?s:.*))\Z", view, name="kortilla")]


def bounded(application: _Handler, *, prefix: str = "/auth") -> ASGIApp:
    """Wrap Django's ASGI application, to limit the bodies of login requests.

    Django reads a whole body before it calls a view. Below ``prefix`` this wrapper
    reads it first, within the login's limits of size and time. It also closes the
    service at the end of the ASGI lifespan, which Django does not support.
    """

    async def run(scope: Scope, receive: Receive, sending: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, sending, _close)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path.startswith(f"{prefix}/"):
            if scope["type"] != "http":
                await refuse_websocket(receive, sending)
                return
            request = read_request(scope, receive)
            try:
                body = await _routes().read_body(request)
            except RequestRefusedError as error:
                refusals = _routes().service.refusals
                await send(sending, error_response(error, request.headers, refusals))
                return
            receive = _replay(body, receive)
        await application(scope, receive, sending)

    return run


class StoreUnavailableMiddleware:
    """Responds with 503 if a view raises ``StoreUnavailableError``."""

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponse],
    ) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self._get_response(request)

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        """Return a response to ``StoreUnavailableError``, and None for others."""
        if isinstance(error, StoreUnavailableError):
            refusals = _routes().service.refusals
            return _response(error_response(error, _headers(request), refusals))
        return None


async def current_identity(
    request: HttpRequest, *, max_age: timedelta | None = None
) -> Identity | None:
    """Return the person who is logged in in the request's session, or None.

    With ``max_age``, None too if the login is older: then ask for another login before
    something that matters.

    A synchronous view calls ``async_to_sync(current_identity)(request)``, under ASGI
    and WSGI alike. Raises ``StoreUnavailableError`` while the session store can't be
    reached.
    """
    return await _on_lasting_loop(
        request, _routes().current_identity(_headers(request), max_age=max_age)
    )


async def session_id(request: HttpRequest) -> str | None:
    """Return a text that names the request's session, or None without one.

    See ``kortilla.aiohttp.session_id``. Raises as ``current_identity``.
    """
    return await _on_lasting_loop(request, _routes().session_id(_headers(request)))


async def end_session(request: HttpRequest, response: HttpResponse) -> None:
    """End the request's browser session; ``response`` deletes its cookie.

    Raises ``StoreUnavailableError``, as ``current_identity`` does.
    """
    client = request.META.get("REMOTE_ADDR")
    ending = _routes().end_session(_headers(request), client=client)
    response.cookies.load(await _on_lasting_loop(request, ending))


async def end_sessions(request: HttpRequest, satu: str) -> int:
    """End all sessions of a person, in all browsers, and return how many there were.

    See ``kortilla.aiohttp.end_sessions``.
    """
    return await _on_lasting_loop(request, _routes().end_sessions(satu))


def is_same_origin(request: HttpRequest, origin: str) -> bool:
    """Return whether a state-changing request came from the service's own page.

    See ``kortilla.web.http.is_same_origin``.
    """
    return http.is_same_origin(_headers(request), origin)


@cache
def _routes() -> LoginRoutes:
    """Return the login's routes, after checking that requests reach them."""
    # Django reads urls.py at the first request, which may be this one.
    get_resolver().url_patterns  # noqa: B018 - reading it is what runs urls.py
    if not _configured:
        raise RuntimeError(
            "Card login is not set up: urls.py has no include(urls(service))."
        )
    [(routes, view)] = _configured
    for _, path in PROBES:
        with suppress(NoReverseMatch):  # in a namespace of the project's own
            url = reverse("kortilla", kwargs={"path": path})
            match = resolve(url.removeprefix(get_script_prefix()[:-1]))
            if match.func is not view:
                raise route_conflict(url, repr(match.route))
    return routes


def _headers(request: HttpRequest) -> Headers:
    return Headers(request.headers.items())


async def _on_lasting_loop(
    request: HttpRequest, coroutine: Coroutine[None, None, T]
) -> T:
    """Await on the server's event loop, or under WSGI on the process's own.

    Connections to stores and OCSP responders belong to the loop that opened them, and
    under WSGI Django makes a new loop for each asynchronous view.
    """
    if hasattr(request, "scope"):  # of ASGI
        return await coroutine
    return await background.call(coroutine)


def _calling(hook: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
    """Return a function that calls one where Django's database connections are."""
    call = with_response(hook)
    return call if iscoroutinefunction(hook) else sync_to_async(call)


def _body(request: HttpRequest) -> AsyncIterator[bytes]:
    """Yield the body after reading it whole: under WSGI reading blocks."""
    try:
        content = request.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        content = None
    return at_once(content)


def _response(answer: Response) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status)
    del response["Content-Type"]
    for name, value in answer.headers:
        if name == "Set-Cookie":
            response.cookies.load(value)
        else:
            response[name] = value
    return response


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that replays a body, and then the messages that follow."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return left.pop() if left else await receive()

    return replay


async def _close() -> None:
    for routes, _ in _configured:
        await routes.service.close()
