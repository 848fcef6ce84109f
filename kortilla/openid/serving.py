# SPDX-License-Identifier: MIT
"""Serves a provider: in applications of aiohttp and ASGI, and as a server."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from kortilla.aiohttp import read_request, to_response
from kortilla.common.imports import missing_words
from kortilla.errors import ConfigurationError
from kortilla.openid.clients.registry import LOOK_SECONDS, Reloader
from kortilla.openid.protocol.metrics import RequestMetrics, endpoint
from kortilla.openid.provider import Provider
from kortilla.web import http

#: Seconds in which the request of a connection that was just accepted arrives.
_ON_THE_WAY = 0.5
#: Seconds that open requests have to end.
_SHUTDOWN = 10
#: Connections that wait until they are accepted: more than a proxy opens during a
#: restart. asyncio sets it anew for a socket that is passed.
_BACKLOG = 1024
#: The first file that systemd passes to a service.
_FIRST_PASSED = 3


def sub_application(provider: Provider) -> web.Application:
    """Return an application for ``add_subapp(PATH, …)``, with the issuer's path.

    An issuer without a path is a whole application: run it as it is. The provider is
    closed when the application is cleaned up.
    """
    app = web.Application()

    async def answer(request: web.Request) -> web.Response:
        query = request.rel_url.raw_query_string
        return to_response(await provider.handle(read_request(request), query))

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
            await http.live(receive, send, self.provider.close)
        elif scope["type"] != "http":
            await http.refuse_websocket(receive, send)
        else:
            query = scope.get("query_string", b"").decode("latin-1")
            request = http.read_request(scope, receive)
            await http.send(send, await self.provider.handle(request, query))


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
        if below == path:
            return "another path"
        name = endpoint(below)
        return path if name == below else f"/{name}" if "…" in name else name


def passed_socket() -> socket.socket | None:
    """Return the socket that systemd listens on for this process, if there is one.

    See sd_listen_fds(3). Raises ``ConfigurationError`` if it passes several.
    """
    number, process = os.environ.get("LISTEN_FDS"), os.environ.get("LISTEN_PID")
    if number is None or process != str(os.getpid()):
        return None
    if number != "1":
        raise ConfigurationError(
            f"systemd passes {number} sockets: write one ListenStream in the .socket."
        )
    return socket.socket(fileno=_FIRST_PASSED)


async def serve(
    provider: Provider,
    *,
    host: str,
    port: int,
    started: Callable[[str], None],
    listening: socket.socket | None = None,
    drain_seconds: float = 5,
    reloader: Reloader | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    After SIGTERM the provider says that it is not ready, and serves all that comes for
    ``drain_seconds`` more, with ``Connection: close``, until balancers have seen it.
    Then nothing new is accepted, and open requests have ten seconds to end.
    SIGINT, or a second SIGTERM, ends the first of the two at once. Connections to
    ``listening``, in place of host and port, wait meanwhile for the next process: no
    request is lost. Others are refused or reset, and a proxy tries another process.
    ``started`` is called with the address once it listens. ``reloader`` reads the
    clients anew at SIGHUP, and when their files have changed.
    """
    asked, hurried = asyncio.Event(), asyncio.Event()

    def stop(number: int) -> None:
        if asked.is_set() or number == signal.SIGINT:
            hurried.set()
        asked.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    if reloader is not None and sys.platform != "win32":
        loop.add_signal_handler(signal.SIGHUP, reloader.reload)
    app = sub_application(provider)
    if provider.prefix:
        outer = web.Application()
        outer.add_subapp(provider.prefix, app)
        app = outer

    async def close_connection(_: web.Request, response: web.StreamResponse) -> None:
        if asked.is_set():
            response.force_close()
            response.headers["Connection"] = "close"

    app.on_response_prepare.append(close_connection)
    errors = logging.getLogger("kortilla.openid.server")
    errors.addFilter(_NO_REQUEST)
    runner = web.AppRunner(
        app,
        logger=errors,
        access_log=logging.getLogger("kortilla.openid.access"),
        access_log_class=type("Bound", (AccessLogger,), {"prefix": provider.prefix}),
        shutdown_timeout=_SHUTDOWN,
    )
    await runner.setup()
    site: web.BaseSite
    if listening is None:
        site = web.TCPSite(runner, host, port, backlog=_BACKLOG)
    else:
        site = web.SockSite(runner, listening, backlog=_BACKLOG)
    try:
        await site.start()
        name, number = runner.addresses[0][:2]
        started(f"http://{name}:{number}{provider.prefix}")
        while not asked.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), LOOK_SECONDS)
            if reloader is not None:
                reloader.look()
        provider.stopping = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurried.wait(), drain_seconds)
        if listening is not None:
            # Closed at once, asyncio drops what it has accepted and not begun with.
            loop.remove_reader(listening.fileno())
            await asyncio.sleep(_ON_THE_WAY / 2)
        await site.stop()
        await asyncio.sleep(_ON_THE_WAY)
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def metrics_served(provider: Provider, host: str, port: int) -> Iterator[str]:
    """Serve ``/metrics`` in a thread during the context; gives its address.

    The port is not the logins', so that no proxy shows the figures to everybody.
    ``port`` 0 is any. Raises ``ConfigurationError`` if it can't.
    """
    try:
        from prometheus_client import (  # noqa: PLC0415 - an extra
            CollectorRegistry,
            start_http_server,
        )

        from kortilla.prometheus import Metrics  # noqa: PLC0415 - likewise
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"server.metrics_port: {missing_words('prometheus_client', 'prometheus')}"
        ) from None
    registry = CollectorRegistry()
    Metrics(provider.service, registry=registry)
    provider.request_hooks.append(RequestMetrics(registry))
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"server.metrics_port: {host}:{port}: {error.strerror}."
        ) from None
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
