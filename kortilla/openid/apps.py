# SPDX-License-Identifier: MIT
"""The provider as an aiohttp sub-application, and as an ASGI application."""

from collections.abc import AsyncIterator

from aiohttp import web

from kortilla.openid.provider import Provider
from kortilla.web import http
from kortilla.web.http import BrokenBodyError, Headers

__all__ = ["OpenIDApp", "sub_application"]


def sub_application(provider: Provider) -> web.Application:
    """Return an application for ``add_subapp(PATH, …)``, with the issuer's path.

    An issuer without a path is a whole application: run it as it is. The provider is
    closed when the application is cleaned up.
    """
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        response = await provider.handle(
            http.Request(
                method=request.method,
                path=f"/{request.match_info['path']}",
                headers=Headers(request.headers.items()),
                body=_body(request),
                client=request.remote,
            ),
            request.rel_url.raw_query_string,
        )
        return web.Response(
            status=response.status, body=response.body, headers=response.headers
        )

    async def close(_: web.Application) -> None:
        await provider.close()

    app.router.add_route("*", "/{path:(?s:.*)}", answer)
    app.on_cleanup.append(close)
    return app


class OpenIDApp:
    """The provider as an ASGI application, for ``Mount`` of Starlette and FastAPI.

    A server's lifespan closes the provider. A mounted application gets none: call
    ``provider.close`` at the end of the outer one.
    """

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def __call__(
        self, scope: http.Scope, receive: http.Receive, send: http.Send
    ) -> None:
        """Handle one request, or the lifespan; a WebSocket is refused."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await http.refuse_websocket(receive, send)
        else:
            query = scope.get("query_string", b"").decode("latin-1")
            request = http.read_request(scope, receive)
            await http.send(send, await self.provider.handle(request, query))

    async def _live(self, receive: http.Receive, send: http.Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.provider.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (web.RequestPayloadError, ConnectionError):
        raise BrokenBodyError from None
