# SPDX-License-Identifier: MIT
"""Responses to requests that are refused: JSON for a script, a page for a person."""

import html
import logging

from kortilla.errors import (
    AuthTokenParseError,
    RateLimitedError,
    RelyingPartyError,
    SigningUnavailableError,
    StoreUnavailableError,
    UserCertificateParseError,
)
from kortilla.web.http import Headers, RequestRefusedError, Response, json_response
from kortilla.web.texts import catalogue, choose_language

__all__ = ["error_response"]

logger = logging.getLogger(__name__)

#: Seconds of Retry-After while a store is unavailable or all processes are busy.
_RETRY = 5


def error_response(
    error: RelyingPartyError | RequestRefusedError, headers: Headers
) -> Response:
    """Return the response for an error, to a request with these headers."""
    if isinstance(error, RequestRefusedError):
        response = _response(error.status, error.code, headers)
        return response.with_headers(("Allow", error.allow or None))
    retry_after = None
    match error:
        case StoreUnavailableError() | SigningUnavailableError():
            logger.error("A request was refused: %s", error)
            status, retry_after = 503, str(_RETRY)
        case RateLimitedError():
            status, retry_after = 429, str(error.retry_after)
        case AuthTokenParseError() | UserCertificateParseError():
            status = 400
        case _:
            status = 403
    return _response(status, error.code, headers).with_headers(
        ("Retry-After", retry_after)
    )


def _response(status: int, code: str, headers: Headers) -> Response:
    language = choose_language(headers.joined("Accept-Language"))
    texts = catalogue(language)
    message = texts.get(code, texts["LOGIN_REFUSED"])
    if "text/html" not in headers.joined("Accept"):
        return json_response(
            {"error": {"code": code, "message": message}}, status=status
        )
    title = html.escape(texts["title"])
    page = f"""<!doctype html>
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
"""
    return Response.create(page, "text/html; charset=utf-8", status=status)
