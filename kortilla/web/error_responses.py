# SPDX-License-Identifier: MIT
"""Responses to requests that are refused."""

import logging

from kortilla.errors import (
    AuthTokenParseError,
    RateLimitedError,
    RelyingPartyError,
    SigningUnavailableError,
    StoreUnavailableError,
    UserCertificateParseError,
)
from kortilla.web.http import Headers, RequestRefusedError, Response
from kortilla.web.refusals import Refusals

__all__ = ["error_response"]

logger = logging.getLogger(__name__)

#: Seconds of Retry-After while a store is unavailable or all processes are busy.
_RETRY = 5


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
