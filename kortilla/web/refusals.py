# SPDX-License-Identifier: MIT
"""What a refused request gets: JSON for a page's script, or a page for a person."""

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
from kortilla.web.http import Headers, RequestRefusedError, Response, json_answer
from kortilla.web.texts import catalogue, choose_language

__all__ = ["refuse"]

logger = logging.getLogger(__name__)

#: When to come again while a store is away or all processes are busy, in seconds.
_RETRY = 5


def refuse(
    error: RelyingPartyError | RequestRefusedError, headers: Headers
) -> Response:
    """Return the answer to a request with these headers that ended with an error."""
    if isinstance(error, RequestRefusedError):
        answer = _answer(error.status, error.code, headers)
        return answer.with_headers(("Allow", error.allow or None))
    retry_after = None
    match error:
        case StoreUnavailableError() | SigningUnavailableError():
            logger.error("A request was refused: %s", error)
            status, retry_after = 503, str(_RETRY)
        case RateLimitedError():
            logger.info("A request was refused: %s", error)
            status, retry_after = 429, str(error.retry_after)
        case AuthTokenParseError() | UserCertificateParseError():
            status = 400
        case _:
            status = 403
    if retry_after is None:
        logger.info("A login was refused: %s (%s)", error, error.code)
    return _answer(status, error.code, headers).with_headers(
        ("Retry-After", retry_after)
    )


def _answer(status: int, code: str, headers: Headers) -> Response:
    language = choose_language(headers.joined("Accept-Language"))
    texts = catalogue(language)
    message = texts.get(code, texts["LOGIN_REFUSED"])
    if "text/html" not in headers.joined("Accept"):
        return json_answer({"error": {"code": code, "message": message}}, status=status)
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
