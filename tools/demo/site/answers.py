# SPDX-License-Identifier: MIT
"""The demo's responses: pages, and errors for its scripts, in the person's language."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from kortilla.common import texts
from kortilla.web.refusals import TEXTS as REFUSALS
from tools.demo.site import pages

TEXTS = Path(__file__).parent / "texts"

_HEADERS = {
    # All resources are same-origin files; pages have no inline code.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    # With no-referrer, a form's POST has "Origin: null" and would be refused.
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
    """Add the headers of pages to another response, except those that it has."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def error_page(request: web.Request, status: int, code: str) -> web.Response:
    """Return an error page."""
    language = language_of(request)
    own, general = catalogues()[language], texts.catalogue(REFUSALS, language)
    message = own.get(f"error.{code}") or general.get(code) or own["error.OTHER"]
    content = pages.error(language, catalogues(), code, message)
    return page(content, status=status)


def refusal(request: web.Request, status: int, code: str) -> web.Response:
    """Return ``{"error": {"code", "message"}}`` for a script, as the login does."""
    language = preferred_language(request)
    own, general = catalogues()[language], texts.catalogue(REFUSALS, language)
    message = own.get(f"refused.{code}") or general.get(code) or own["error.OTHER"]
    return protected(
        web.json_response({"error": {"code": code, "message": message}}, status=status)
    )


@web.middleware
async def error_pages(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Turn request errors into pages."""
    try:
        return await handler(request)
    except web.HTTPClientError as error:
        code = "NOT_FOUND" if error.status == 404 else "OTHER"
        return error_page(request, error.status, code)


def languages() -> tuple[str, ...]:
    """Return the languages of the demo."""
    return texts.languages(TEXTS)


def catalogues() -> dict[str, Mapping[str, str]]:
    """Return the demo's texts by language."""
    return {language: texts.catalogue(TEXTS, language) for language in languages()}


def language_of(request: web.Request) -> str:
    """Return the language at the start of a page's path, or the browser's."""
    # The target of OPTIONS and CONNECT need not be a path.
    first = request.path.removeprefix("/").partition("/")[0]
    return first if first in languages() else preferred_language(request)


def preferred_language(request: web.Request) -> str:
    """Return the language that the browser asks for."""
    return texts.choose_language(
        request.headers.get("Accept-Language", ""), languages()
    )
