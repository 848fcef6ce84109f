# SPDX-License-Identifier: MIT
"""The provider as a server of its own, by aiohttp."""

import asyncio
import logging
import re
import signal
from collections.abc import Callable

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from kortilla.openid.apps import sub_application
from kortilla.openid.provider import Provider

__all__ = ["AccessLogger", "serve"]

#: Endpoints as the access log names them.
_ENDPOINT = re.compile(
    r"(/[A-Za-z0-9._~/-]*)?/(\.well-known/openid-configuration|jwks|authorize|par|token"
    r"|userinfo|logout|healthz|readyz)"
)
_LOGIN = re.compile(r"/login/[A-Za-z0-9_-]{43}(/[a-z]+)?$")


class AccessLogger(AbstractAccessLogger):
    """Logs method, endpoint, status and milliseconds.

    It logs no query, since that has codes and states, and no path that a client chose.
    """

    def log(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float
    ) -> None:
        """Log one request."""
        self.logger.info(
            "%s %s %d %d ms",
            request.method if request.method.isalpha() else "?",
            _endpoint(request.path),
            response.status,
            time * 1000,
        )


def _endpoint(path: str) -> str:
    if _ENDPOINT.fullmatch(path):
        return path
    if found := _LOGIN.search(path):
        return f"/login/…{found[1] or ''}"
    return "/static/…" if "/static/" in path else "another path"


async def serve(
    provider: Provider,
    *,
    host: str,
    port: int,
    started: Callable[[str], None],
    shutdown_seconds: float = 10,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Open requests then have ``shutdown_seconds`` to end. ``started`` is called with the
    address once it listens.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = sub_application(provider)
    if provider.prefix:
        outer = web.Application()
        outer.add_subapp(provider.prefix, app)
        app = outer
    runner = web.AppRunner(
        app,
        access_log=logging.getLogger("kortilla.openid.access"),
        access_log_class=AccessLogger,
        shutdown_timeout=shutdown_seconds,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        listening = runner.addresses[0]
        started(f"http://{listening[0]}:{listening[1]}{provider.prefix}")
        await stop.wait()
    finally:
        await runner.cleanup()
