# SPDX-License-Identifier: MIT
"""The demo's routes: a page to start from, and one to see who logged in."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from pathlib import Path

from aiohttp import web

from relying_party import texts
from relying_party.login import LoginService
from relying_party.revocation import RevocationChecker
from relying_party.trust import Trust
from relying_party.web import (
    add_files,
    current_identity,
    end_session,
    is_same_origin,
    setup,
)

from . import pages

__all__ = ["create_demo"]

_TEXTS = "relying_party.demo.texts"
_STATIC = Path(str(resources.files("relying_party.demo") / "static"))
_ORIGIN: web.AppKey[str] = web.AppKey("demo_origin", str)

_HEADERS = {
    # Everything comes from here, nothing is written into the page.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # Not no-referrer: with it a form's POST says "Origin: null", and is refused.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_demo(
    *, origin: str, trust: Trust, revocation: RevocationChecker | None = None
) -> web.Application:
    """Return the demo as an application for ``origin``.

    ``trust`` is that of the cards that may log in: for mock cards, the mock CA with
    ``test=True``.
    """
    app = web.Application(middlewares=[_error_pages])
    app[_ORIGIN] = origin
    setup(app, LoginService(origin=origin, trust=trust, revocation=revocation))
    app.router.add_get("/", _choose_language)
    for language in texts.languages(_TEXTS):
        app.router.add_get(f"/{language}/", _start)
        app.router.add_get(f"/{language}/session", _session)
        app.router.add_post(f"/{language}/logout", _logout)
    add_files(app, "/static", _STATIC)
    return app


async def _choose_language(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"/{_preferred_language(request)}/")


async def _start(request: web.Request) -> web.Response:
    language = _language(request)
    if await current_identity(request) is not None:
        raise web.HTTPFound(f"/{language}/session")
    return _page(pages.start(language, _catalogues()))


async def _session(request: web.Request) -> web.Response:
    language = _language(request)
    identity = await current_identity(request)
    if identity is None:
        raise web.HTTPFound(f"/{language}/")
    return _page(pages.session(language, _catalogues(), identity))


async def _logout(request: web.Request) -> web.Response:
    if not is_same_origin(request, request.app[_ORIGIN]):
        return _error(request, 403, "ORIGIN_REFUSED")
    # Returned, not raised: an exception would not take the cookie away.
    location = f"/{_language(request)}/"
    response = web.Response(status=303, headers={"Location": location})
    await end_session(request, response)
    return response


@web.middleware
async def _error_pages(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPClientError as error:
        code = "NOT_FOUND" if error.status == 404 else "OTHER"
        return _error(request, error.status, code)


def _error(request: web.Request, status: int, code: str) -> web.Response:
    return _page(pages.error(_language(request), _catalogues(), code), status=status)


def _page(content: str, *, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        text=content,
        content_type="text/html",
        charset="utf-8",
        headers=_HEADERS,
    )


def _catalogues() -> dict[str, Mapping[str, str]]:
    return {
        language: texts.catalogue(language, _TEXTS)
        for language in texts.languages(_TEXTS)
    }


def _language(request: web.Request) -> str:
    # The target of OPTIONS and CONNECT may be no path at all.
    first = request.path.removeprefix("/").partition("/")[0]
    return first if first in texts.languages(_TEXTS) else _preferred_language(request)


def _preferred_language(request: web.Request) -> str:
    return texts.choose_language(
        request.headers.get("Accept-Language", ""), texts.languages(_TEXTS)
    )
