# SPDX-License-Identifier: MIT
"""Card login for an aiohttp application.

``setup(app, service)`` adds the routes below ``/auth``:

- ``POST challenge`` with ``{}`` answers ``{"nonce"}``
- ``POST login`` with ``{"authToken", "nonce"?}`` answers ``{"name", "satu"}``
- ``POST logout`` with ``{}`` answers ``{}``
- ``GET static/kortilla.js`` is the page's client, which knows these routes

A refusal is a 4xx with ``{"error": {"code", "message"}}``, whose message tells the
person what to do in the language of Accept-Language; a request that asks for HTML gets
it as a page.
"""

import asyncio
import html
import json
import logging
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any

from aiohttp import web

from . import strict_json
from .errors import AuthTokenParseError, RelyingPartyError, UserCertificateParseError
from .identity import Identity
from .login import LoginService
from .sessions import BrowserSessions, MemorySessionStore, SessionStore
from .texts import catalogue, choose_language

__all__ = [
    "add_files",
    "current_identity",
    "end_session",
    "is_same_origin",
    "setup",
]

logger = logging.getLogger(__name__)

#: A token has at most 10,000 characters; the rest is room for its frame.
_MAX_BODY_BYTES = 16 * 1024
_BODY_SECONDS = 10
_STATIC = Path(str(resources.files("relying_party") / "static"))

_SERVICE: web.AppKey[LoginService] = web.AppKey("kortilla_service", LoginService)
_SESSIONS: web.AppKey[BrowserSessions] = web.AppKey(
    "kortilla_sessions", BrowserSessions
)

_HTTP_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class _RequestRefusedError(Exception):
    """A request that is refused before anybody looks at a token."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def setup(
    app: web.Application,
    service: LoginService,
    *,
    prefix: str = "/auth",
    sessions: SessionStore | None = None,
) -> None:
    """Give an application card login below ``prefix``, and sessions to hold it.

    ``sessions`` is where the sessions are; in memory, unless given. Their cookie is
    card login's own, beside whatever sessions the application has.
    """
    app[_SERVICE] = service
    app[_SESSIONS] = BrowserSessions(
        MemorySessionStore() if sessions is None else sessions,
        secure=service.origin.startswith("https:"),
    )
    login = web.Application(middlewares=[_answer_errors])
    login.router.add_post("/challenge", _challenge)
    login.router.add_post("/login", _login)
    login.router.add_post("/logout", _logout)
    add_files(login, "/static", _STATIC)
    login.on_response_prepare.append(_harden)
    app.add_subapp(prefix, login)


def add_files(app: web.Application, prefix: str, folder: Path) -> None:
    """Serve the files of a folder, each at its own route.

    Unlike aiohttp's static route it makes no path of what a request says: a name that
    is too long for the file system is not an error of the server.
    """
    for file in folder.rglob("*.*"):

        async def serve(_: web.Request, file: Path = file) -> web.FileResponse:
            return web.FileResponse(file)

        app.router.add_get(f"{prefix}/{file.relative_to(folder).as_posix()}", serve)


async def current_identity(request: web.Request) -> Identity | None:
    """Return who is logged in in the request's browser session, or None."""
    session = await request.config_dict[_SESSIONS].load(request)
    return LoginService.identity(session.data)


async def end_session(request: web.Request, response: web.StreamResponse) -> None:
    """End the request's browser session; ``response`` takes its cookie away."""
    sessions = request.config_dict[_SESSIONS]
    await sessions.end(response, await sessions.load(request))


def is_same_origin(request: web.Request, origin: str) -> bool:
    """Tell whether a request that changes something came from the service's own page.

    Browsers put ``Origin`` on every POST, and a page can't change it. What the request
    says of its ``Host`` is not asked. A request with neither header is refused too.
    """
    site = request.headers.getall("Sec-Fetch-Site", [])
    origins = request.headers.getall("Origin", [])
    if origins:
        return origins == [origin] and site in ([], ["same-origin"])
    return site == ["same-origin"]


async def _challenge(request: web.Request) -> web.Response:
    await _read_json(request, allowed=set())
    sessions = request.config_dict[_SESSIONS]
    session = await sessions.load(request)
    nonce = await request.config_dict[_SERVICE].challenge(session.data)
    response = _json({"nonce": nonce})
    await sessions.save(response, session)
    return response


async def _login(request: web.Request) -> web.Response:
    body = await _read_json(request, allowed={"authToken", "nonce"})
    nonce = body.get("nonce")
    if "authToken" not in body or not (nonce is None or isinstance(nonce, str)):
        raise _RequestRefusedError(400, "INVALID_REQUEST")
    service = request.config_dict[_SERVICE]
    sessions = request.config_dict[_SESSIONS]
    session = await sessions.load(request)
    identity = await service.login(session.data, body["authToken"], nonce=nonce)
    response = _json(
        {"name": f"{identity.given_names} {identity.surname}", "satu": identity.satu}
    )
    data: dict[str, Any] = {}
    service.set_identity(data, identity)
    await sessions.replace(response, session, data)
    return response


async def _logout(request: web.Request) -> web.Response:
    await _read_json(request, allowed=set())
    response = _json({})
    await end_session(request, response)
    return response


async def _read_json(request: web.Request, *, allowed: set[str]) -> dict[str, Any]:
    if not is_same_origin(request, request.config_dict[_SERVICE].origin):
        raise _RequestRefusedError(403, "ORIGIN_REFUSED")
    if request.content_type != "application/json":
        raise _RequestRefusedError(415, "UNSUPPORTED_MEDIA_TYPE")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.content.iter_chunked(_MAX_BODY_BYTES):
                body += chunk
                if len(body) > _MAX_BODY_BYTES:
                    raise _RequestRefusedError(413, "BODY_TOO_LARGE")
    except TimeoutError:
        raise _RequestRefusedError(408, "REQUEST_TIMEOUT") from None
    except web.RequestPayloadError:
        raise _RequestRefusedError(400, "INVALID_REQUEST") from None
    try:
        content = strict_json.loads(bytes(body))
    except ValueError:
        raise _RequestRefusedError(400, "INVALID_REQUEST") from None
    if not isinstance(content, dict) or not content.keys() <= allowed:
        raise _RequestRefusedError(400, "INVALID_REQUEST")
    return content


@web.middleware
async def _answer_errors(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    try:
        return await handler(request)
    except RelyingPartyError as error:
        logger.info("A login was refused: %s (%s)", error, error.code)
        broken = isinstance(error, AuthTokenParseError | UserCertificateParseError)
        return _refusal(request, 400 if broken else 403, error.code)
    except _RequestRefusedError as error:
        return _refusal(request, error.status, error.code)
    except web.HTTPClientError as error:
        code = _HTTP_CODES.get(error.status, "INVALID_REQUEST")
        response = _refusal(request, error.status, code)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response


def _refusal(request: web.Request, status: int, code: str) -> web.Response:
    language = choose_language(request.headers.get("Accept-Language", ""))
    texts = catalogue(language)
    message = texts.get(code, texts["LOGIN_REFUSED"])
    if "text/html" not in request.headers.get("Accept", ""):
        return _json({"error": {"code": code, "message": message}}, status=status)
    title = html.escape(texts["title"])
    return web.Response(
        status=status,
        content_type="text/html",
        charset="utf-8",
        text=f"""<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<h1>{title}</h1>
<p>{html.escape(message)}</p>
<p><small>{html.escape(code)}</small></p>
<p><a href="/">{html.escape(texts["home"])}</a></p>
</html>
""",
    )


def _json(content: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        content_type="application/json",
        text=json.dumps(content, ensure_ascii=False),
    )


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.content_type in {"application/json", "text/html"}:
        response.headers["Cache-Control"] = "no-store"
        response.headers.setdefault(
            "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"
        )
