# SPDX-License-Identifier: MIT
"""What a refused request gets: JSON for a script, a page for a person.

A service can replace the page, and any of the texts.
"""

import html
import logging
from collections.abc import Mapping
from pathlib import Path
from string import Template

from kortilla.common.texts import catalogue, choose_language, languages
from kortilla.errors import (
    AuthTokenParseError,
    RateLimitedError,
    RelyingPartyError,
    SigningUnavailableError,
    StoreUnavailableError,
    UserCertificateParseError,
)
from kortilla.web.http import Headers, RequestRefusedError, Response, json_response

__all__ = ["Refusals"]

logger = logging.getLogger(__name__)

#: The catalogues of refusals.
TEXTS = Path(__file__).parent / "texts"

_PAGE = """<!doctype html>
<html lang="$language">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<h1>$title</h1>
<p>$message</p>
<p><small>$code</small></p>
<p><a href="/">$home</a></p>
</html>
"""
_PLACES = {"language", "title", "message", "code", "home"}
_FALLBACK = "LOGIN_REFUSED"
#: Seconds of Retry-After while a store is unavailable or all processes are busy.
_RETRY = 5


class Refusals:
    """The page and the texts of a service's refusals.

    ``page`` is HTML in which ``$message``, ``$title``, ``$code``, ``$home`` (the words
    of a link to the front page) and ``$language`` stand for texts. These are escaped
    for the content of elements and for quoted attributes, not for scripts and styles.
    ``$$`` is a dollar sign. The page may load styles of its own origin, and nothing
    else.

    ``texts`` replaces texts, by language in two letters and by key: ``title``, ``home``
    or the code of an error, also in JSON. A language that Kortilla lacks needs all
    keys.

    Raises ``ValueError`` for a page without ``$message``, an unknown name in it or in
    ``texts``, a missing key, and a blank text.
    """

    def __init__(
        self, *, page: str = _PAGE, texts: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self._page = Template(page)
        if not self._page.is_valid():
            raise ValueError("The page has a $ that begins no name: write $$.")
        names = set(self._page.get_identifiers())
        if unknown := names - _PLACES:
            raise ValueError(
                f"The page has no text for ${', $'.join(sorted(unknown))}."
            )
        if "message" not in names:
            raise ValueError("The page lacks $message, which tells what to do.")
        self._texts: dict[str, Mapping[str, str]] = {
            language: catalogue(TEXTS, language) for language in languages(TEXTS)
        }
        for language, own in (texts or {}).items():
            self._texts[language] = _checked(language, own)

    def response(self, status: int, code: str, headers: Headers) -> Response:
        """Return the response to a request with these headers."""
        language = choose_language(
            headers.joined("Accept-Language"), tuple(self._texts)
        )
        texts = self._texts[language]
        message = texts.get(code, texts[_FALLBACK])
        if "text/html" not in headers.joined("Accept"):
            error = {"code": code, "message": message}
            return json_response({"error": error}, status=status)
        shown = {
            "language": language,
            "title": texts["title"],
            "message": message,
            "code": code,
            "home": texts["home"],
        }
        page = self._page.substitute(
            {name: html.escape(text) for name, text in shown.items()}
        )
        return Response.create(page, "text/html; charset=utf-8", status=status)


def _checked(language: str, own: Mapping[str, str]) -> Mapping[str, str]:
    """Return all texts of a language, with a service's own in place of ours."""
    keys = set(catalogue(TEXTS, "en"))
    if unknown := set(own) - keys:
        raise ValueError(f"No text is called {', '.join(sorted(unknown))}.")
    if blank := {key for key, text in own.items() if not text.strip()}:
        raise ValueError(f"The text of {', '.join(sorted(blank))} is blank.")
    if language in languages(TEXTS):
        return {**catalogue(TEXTS, language), **own}
    if missing := keys - set(own):
        raise ValueError(
            f"Kortilla has no {language!r}, so these are needed too: "
            f"{', '.join(sorted(missing))}."
        )
    return dict(own)


def error_response(
    error: RelyingPartyError | RequestRefusedError,
    headers: Headers,
    refusals: Refusals | None = None,
) -> Response:
    """Return the response for an error, to a request with these headers.

    ``refusals`` are the service's; without them the page and the texts are Kortilla's.
    """
    refusals = refusals or Refusals()
    if isinstance(error, RequestRefusedError):
        response = refusals.response(error.status, error.code, headers)
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
    return refusals.response(status, error.code, headers).with_headers(
        ("Retry-After", retry_after)
    )
