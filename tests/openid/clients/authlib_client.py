# SPDX-License-Identifier: MIT
"""A service that logs people in with Authlib's client, for tests."""

import asyncio
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from aiohttp import web
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet


class _Service:
    """``/`` leads to the provider, and ``/cb`` shows who came back."""

    def __init__(self, issuer: str, secret: str, callback: str) -> None:
        self._issuer = issuer
        self._client = OAuth2Session(
            "python",
            secret,
            scope="openid profile",
            redirect_uri=callback,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",
        )
        self._logins: dict[str, tuple[str, str]] = {}

    async def start(self, request: web.Request) -> web.Response:
        verifier, nonce = generate_token(48), generate_token(20)
        url, state = self._client.create_authorization_url(
            f"{self._issuer}/authorize",
            code_verifier=verifier,
            nonce=nonce,
            **request.query,
        )
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
        document = requests.get(
            f"{self._issuer}/.well-known/openid-configuration", timeout=60
        ).json()
        token = self._client.fetch_token(
            document["token_endpoint"],
            authorization_response=url,
            code_verifier=verifier,
        )
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


def create_service(issuer: str, secret: str, callback: str) -> web.Application:
    """Return the service, whose client id is ``python``."""
    service = _Service(issuer, secret, callback)
    app = web.Application()
    app.add_routes([web.get("/", service.start), web.get("/cb", service.finish)])
    return app
