# SPDX-License-Identifier: MIT
"""The demo's answers: pages, and refusals for its scripts, in the person's language."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from kortilla.web import texts
from tools.demo.site import pages

__all__ = [
    "catalogues",
    "error_page",
    "error_pages",
    "language_of",
    "languages",
    "page",
    "preferred_language",
    "protected",
    "refusal",
]

_TEXTS = "tools.demo.site.texts"

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


def page(content: str, *, status: int = 200) -> web.Response:
    """Return a page."""
    return web.Response(
        status=status,
        text=content,
        content_type="text/html",
        charset="utf-8",
        headers=_HEADERS,
    )


def protected(response: web.Response) -> web.Response:
    """Put the headers of pages on another answer, where it has none of its own."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def error_page(request: web.Request, status: int, code: str) -> web.Response:
    """Return a page that says why there is no other."""
    language = language_of(request)
    own, general = catalogues()[language], texts.catalogue(language)
    message = own.get(f"error.{code}") or general.get(code) or own["error.OTHER"]
    content = pages.error(language, catalogues(), code, message)
    return page(content, status=status)


def refusal(request: web.Request, status: int, code: str) -> web.Response:
    """Return ``{"error": {"code", "message"}}`` for a script, as the login does."""
    language = preferred_language(request)
    own, general = catalogues()[language], texts.catalogue(language)
    message = own.get(f"refused.{code}") or general.get(code) or own["error.OTHER"]
    return protected(
        web.json_response({"error": {"code": code, "message": message}}, status=status)
    )


@web.middleware
async def error_pages(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Say in a page what was wrong with a request."""
    try:
        return await handler(request)
    except web.HTTPClientError as error:
        code = "NOT_FOUND" if error.status == 404 else "OTHER"
        return error_page(request, error.status, code)


def languages() -> tuple[str, ...]:
    """Return the languages of the demo."""
    return texts.languages(_TEXTS)


def catalogues() -> dict[str, Mapping[str, str]]:
    """Return the demo's texts by language."""
    return {language: texts.catalogue(language, _TEXTS) for language in languages()}


def language_of(request: web.Request) -> str:
    """Return the language that a page's address begins with, or the browser's."""
    # The target of OPTIONS and CONNECT may be no path at all.
    first = request.path.removeprefix("/").partition("/")[0]
    return first if first in languages() else preferred_language(request)


def preferred_language(request: web.Request) -> str:
    """Return the language that the browser asks for."""
    return texts.choose_language(
        request.headers.get("Accept-Language", ""), languages()
    )
