# SPDX-License-Identifier: MIT
"""The provider as a server of its own, by aiohttp."""

import asyncio
import logging
import re
import signal
import traceback
from collections.abc import Callable

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from kortilla.openid.apps import sub_application
from kortilla.openid.provider import Provider

__all__ = ["AccessLogger", "serve"]

#: Endpoints as the access log names them, below the issuer's path.
_ENDPOINT = re.compile(
    r"\.well-known/openid-configuration|jwks|authorize|par|token|userinfo|logout"
    r"|healthz|readyz"
)
_LOGIN = re.compile(
    r"login/[A-Za-z0-9_-]{43}(/challenge|/login|/done|/cancel|/simulate)?"
)


class _NoRequest(logging.Filter):
    """Leaves of aiohttp's records the error's type and place alone.

    They quote the first line or a header of a malformed request, which may have a code,
    a state or a token.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record, and let it pass."""
        error = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = "A request was not handled", ()
        if error is not None:
            last = traceback.extract_tb(error.__traceback__)[-1:]
            place = "".join(f" at {each.filename}:{each.lineno}" for each in last)
            record.msg += f": {type(error).__name__}{place}"
        record.exc_info = record.exc_text = None
        return True


_NO_REQUEST = _NoRequest()


class AccessLogger(AbstractAccessLogger):
    """Logs method, endpoint, status and milliseconds.

    It logs no query, since that has codes and states, and no path that a client chose.
    ``prefix`` is the issuer's path.
    """

    prefix = ""

    def log(
        self, request: web.BaseRequest, response: web.StreamResponse, time: float
    ) -> None:
        """Log one request."""
        self.logger.info(
            "%s %s %d %d ms",
            request.method if request.method.isalpha() else "?",
            self._endpoint(request.path),
            response.status,
            time * 1000,
        )

    def _endpoint(self, path: str) -> str:
        below = path.removeprefix(f"{self.prefix}/")
        if _ENDPOINT.fullmatch(below) and below != path:
            return path
        if login := _LOGIN.fullmatch(below):
            return f"/login/…{login[1] or ''}"
        return "/static/…" if below.startswith("static/") else "another path"


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
    errors = logging.getLogger("kortilla.openid.server")
    errors.addFilter(_NO_REQUEST)
    runner = web.AppRunner(
        app,
        logger=errors,
        access_log=logging.getLogger("kortilla.openid.access"),
        access_log_class=type("Bound", (AccessLogger,), {"prefix": provider.prefix}),
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
