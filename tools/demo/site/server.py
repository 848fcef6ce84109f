# SPDX-License-Identifier: MIT
"""Runs the demo on this computer's loopback address."""

import socket
import ssl
from typing import Self

from aiohttp import web

from kortilla.revocation import RevocationChecker
from kortilla.validation.trust import Trust
from tools.demo.site.app import create_demo
from tools.demo.site.tls_login import GateSettings


class DemoServer:
    """The demo, listening on 127.0.0.1 within its context.

    ``host`` is the host name in the origin: ``localhost``, ``127.0.0.1``, or, with
    ``ssl_context``, any name that the browser resolves to this computer. ``port`` 0
    takes a free one. With ``gates`` cards are accepted as TLS client certificates too.
    ``origin`` and ``port`` are set after the start.
    """

    def __init__(
        self,
        trust: Trust,
        *,
        host: str = "localhost",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        revocation: RevocationChecker | None = None,
        gates: GateSettings | None = None,
    ) -> None:
        self.port = port
        self._trust = trust
        self._host = host
        self._ssl_context = ssl_context
        self._revocation = revocation
        self._gates = gates
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        """The service's origin, as browsers write it."""
        scheme, default = ("https", 443) if self._ssl_context else ("http", 80)
        port = "" if self.port == default else f":{self.port}"
        return f"{scheme}://{self._host}{port}"

    async def start(self) -> None:
        """Start to listen.

        Raises ``OSError`` if the port is taken or a gate does not start.
        """
        # The origin contains the port, so the port must be known before the
        # application.
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        app = create_demo(
            origin=self.origin,
            trust=self._trust,
            revocation=self._revocation,
            gates=self._gates,
        )
        self._runner = web.AppRunner(app, access_log=None)
        try:
            await self._runner.setup()
            site = web.SockSite(
                self._runner,
                listener,
                ssl_context=self._ssl_context,
            )
            await site.start()
        except BaseException:
            listener.close()
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and end the connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()
