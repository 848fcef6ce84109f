# SPDX-License-Identifier: MIT
"""A provider on http on this computer, and two real clients.

One is a service that uses Authlib's client. The other is a page of another origin, a
public client, that uses oidc-client-ts.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from aiohttp import web
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

from kortilla.openid import Settings, create_provider, sub_application
from kortilla.openid.provider import Provider
from tests.openid.provider import key_file

NAME = {"fi": "Esimerkkikauppa", "sv": "Exempelbutiken", "en": "The example shop"}
_SECRET = "p" * 43


class _Service:
    """``/`` leads to the provider, and ``/cb`` shows who came back."""

    def __init__(self, issuer: str, callback: str) -> None:
        self._issuer = issuer
        self._client = OAuth2Session(
            "python",
            _SECRET,
            scope="openid profile",
            redirect_uri=callback,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",
        )
        self._logins: dict[str, tuple[str, str]] = {}

    async def start(self, request: web.Request) -> web.Response:
        verifier, nonce = generate_token(48), generate_token(20)
        sent = {"code_verifier": verifier, "nonce": nonce, **request.query}
        url = f"{self._issuer}/authorize"
        url, state = self._client.create_authorization_url(url, **sent)
        self._logins[state] = (verifier, nonce)
        raise web.HTTPFound(url)

    async def finish(self, request: web.Request) -> web.Response:
        told = request.query.get("error")
        if told is None:
            told = await asyncio.to_thread(self._redeem, str(request.url))
        page = f'<!doctype html><title>Service</title><p id="who">{escape(told)}</p>'
        return web.Response(text=page, content_type="text/html")

    def _redeem(self, url: str) -> str:
        [state] = parse_qs(urlsplit(url).query)["state"]
        verifier, nonce = self._logins.pop(state)
        discovery = f"{self._issuer}/.well-known/openid-configuration"
        document = requests.get(discovery, timeout=60).json()
        endpoint, sent = document["token_endpoint"], {"code_verifier": verifier}
        token = self._client.fetch_token(endpoint, authorization_response=url, **sent)
        keys = requests.get(document["jwks_uri"], timeout=60).json()
        claims: Any = jwt.decode(
            token["id_token"], KeySet.import_key_set(keys), algorithms=["RS256"]
        ).claims
        assert (claims["iss"], claims["aud"]) == (self._issuer, "python")
        assert claims["nonce"] == nonce
        told = self._client.get(document["userinfo_endpoint"]).json()
        assert told["sub"] == claims["sub"]
        name: str = told["name"]
        return name


#: The page has to be at the address that its callback has, and keeps no secret.
_PAGE = """<!doctype html><title>Page</title><p id="who"></p>
<script src="client.js"></script>
<script type="module">
  const manager = new oidc.UserManager({
    authority: "ISSUER", client_id: "page", redirect_uri: `${location.origin}/cb`,
    scope: "openid profile", loadUserInfo: true,
  });
  if (location.pathname === "/cb") {
    const told = manager.signinRedirectCallback().then((user) => user.profile.name);
    const who = await told.catch((error) => error.error ?? String(error));
    document.querySelector("#who").textContent = who;
  } else {
    await manager.signinRedirect();
  }
</script>
"""
_SCRIPT = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"


def _page(issuer: str) -> web.Application:
    async def page(_: web.Request) -> web.Response:
        text = _PAGE.replace("ISSUER", issuer)
        return web.Response(text=text, content_type="text/html")

    async def script(_: web.Request) -> web.FileResponse:
        return web.FileResponse(Path(__file__).parents[3] / _SCRIPT)

    app = web.Application()
    app.add_routes(
        [web.get("/", page), web.get("/cb", page), web.get("/client.js", script)]
    )
    return app


class RealClients:
    """The addresses of the clients, and the provider."""

    def __init__(self, provider: Provider, urls: dict[str, str]) -> None:
        self.provider = provider
        self.urls = urls


def listen() -> tuple[socket.socket, int]:
    """Return a socket that listens on this computer, and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


async def serve_on(
    stack: contextlib.AsyncExitStack, app: web.Application, listener: socket.socket
) -> None:
    """Serve an application until the end of a stack."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()


@contextlib.asynccontextmanager
async def real_clients(folder: Path, *, simulator: bool) -> AsyncIterator[RealClients]:
    """Run a provider whose files are in a folder, the service, and the page."""
    async with contextlib.AsyncExitStack() as stack:
        (own, port), (client, client_port), (page, page_port) = (
            listen() for _ in range(3)
        )
        issuer, url, origin = (
            f"http://localhost:{port}/openid",
            f"http://localhost:{client_port}/",
            f"http://localhost:{page_port}",
        )
        registered = {
            "id": "python",
            "name": NAME,
            "redirect_uris": [f"{url}cb"],
            "secrets": [_SECRET],
            "claims": ["name"],
            "authentication": "client_secret_post",
        }
        public = {
            "id": "page",
            "name": NAME,
            "redirect_uris": [f"{origin}/cb"],
            "claims": ["name"],
            "authentication": "none",
            "origins": [origin],
        }
        content = {"issuer": issuer, "clients": [registered, public], "folder": folder}
        content["trust"] = {"folder": "ca", "test": True}
        settings = Settings.model_validate(content)
        provider = create_provider(settings, simulator=simulator, keys=key_file(folder))
        app = web.Application()
        app.add_subapp("/openid", sub_application(provider))
        await serve_on(stack, app, own)
        service, own_pages = _Service(issuer, f"{url}cb"), web.Application()
        own_pages.add_routes(
            [web.get("/", service.start), web.get("/cb", service.finish)]
        )
        await serve_on(stack, own_pages, client)
        await serve_on(stack, _page(issuer), page)
        yield RealClients(provider, {"python": url, "page": f"{origin}/"})
