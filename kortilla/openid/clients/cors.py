# SPDX-License-Identifier: MIT
"""Pages of other origins that call the provider: those of registered public clients.

By default no page of another origin reads an answer. A public client's ``origins`` may
read what an application in a browser needs: discovery, keys, tokens and userinfo, and
never with cookies (Fetch Standard, "CORS protocol").
"""

from collections.abc import Mapping

from kortilla.openid.clients.authorization import RefusedError
from kortilla.openid.clients.client import Client
from kortilla.web.http import Request, Response

_ENDPOINTS = {
    "/.well-known/openid-configuration": "GET",
    "/jwks": "GET",
    "/token": "POST",
    "/userinfo": "GET, POST",
}
_HEADERS = "Authorization, Content-Type, DPoP"
#: Seconds for which a browser remembers what it may send.
_REMEMBERED = "600"

Clients = Mapping[str, Client]


def preflight(request: Request, clients: Clients) -> Response | None:
    """Return the answer to a browser that asks before it sends a page's request."""
    if request.method != "OPTIONS" or _origin(request, clients) is None:
        return None
    headers = (
        ("Access-Control-Allow-Methods", _ENDPOINTS[request.path]),
        ("Access-Control-Allow-Headers", _HEADERS),
        ("Access-Control-Max-Age", _REMEMBERED),
    )
    return Response(204, b"", headers)


def shared(request: Request, answer: Response, clients: Clients) -> Response:
    """Return an answer that the page may read, if it is one of a client's."""
    if request.path not in _ENDPOINTS:
        return answer
    origin = _origin(request, clients)
    # Caches must not give the answer for one origin to another.
    return answer.with_headers(
        ("Vary", "Origin"),
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", origin and "WWW-Authenticate, DPoP-Nonce"),
    )


def check_origin_of(request: Request, client: Client) -> None:
    """Raise ``RefusedError`` if a public client's request is from another's page."""
    if client.settings.origins and not _sent(request) <= set(client.settings.origins):
        raise RefusedError(
            "invalid_request", "The page's origin is none of the client's origins"
        )


def _sent(request: Request) -> set[str]:
    return set(request.headers.all("Origin"))


def _origin(request: Request, clients: Clients) -> str | None:
    """Return the origin of a request's page if a client has registered it."""
    sent = _sent(request)
    if request.path not in _ENDPOINTS or len(sent) != 1:
        return None
    [origin] = sent
    known = any(origin in each.settings.origins for each in clients.values())
    return origin if known else None
