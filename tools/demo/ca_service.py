# SPDX-License-Identifier: MIT
"""The mock card's CA as a service on this computer: OCSP, CRLs and certificates.

The certificates name a host that does not exist (``DEFAULT_ADDRESS``). ``resolver``
resolves that name to this computer for a ``Revocation`` of ``kortilla``, so any mock
card and any free port can be used.
"""

import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kortilla.mock_card.authority import Authority
from kortilla.mock_card.issue import revoked_serials

_HOST = "127.0.0.1"
#: A request about one certificate has less than two hundred octets.
_MAX_REQUEST = 16 * 1024


class CAService:
    """Responds for the CA in a mock card's folder within its context.

    The set of revoked certificates is read for each response, so that a certificate is
    revoked as soon as it is in ``revoked.crl``. CRLs are valid as long as the CA: a
    client that caches one learns of a later revocation late. ``port`` is set after the
    start. Raises ``OSError`` and ``ValueError`` for a folder without a CA.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.open(folder)
        self.port = 0

    def resolver(self) -> AbstractResolver:
        """Return a resolver that finds the CA's host here, and no other host."""
        host = URL(self._authority.address).host
        return _OneHost(str(host), self.port)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_REQUEST)
        for issuer in ("issuing", "root"):
            app.router.add_post(f"/ocsp/{issuer}", self._ocsp)
            app.router.add_get(f"/crl/{issuer}.crl", self._crl(issuer))
            app.router.add_get(f"/ca/{issuer}.crt", self._certificate(issuer))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _ocsp(self, request: web.Request) -> web.Response:
        answer = self._authority.answer_ocsp(
            await request.read(),
            revoked=revoked_serials(self._folder),
            at=datetime.now(UTC),
        )
        return web.Response(body=answer, content_type="application/ocsp-response")

    def _crl(self, issuer: str) -> "_Handler":
        async def handler(_: web.Request) -> web.Response:
            serials = revoked_serials(self._folder) if issuer == "issuing" else ()
            content = self._authority.revoke(
                sorted(serials),
                datetime.now(UTC).replace(microsecond=0),
                by="issuing" if issuer == "issuing" else "root",
            )
            return web.Response(body=content, content_type="application/pkix-crl")

        return handler

    def _certificate(self, issuer: str) -> "_Handler":
        content = (
            self._authority.issuing_der
            if issuer == "issuing"
            else self._authority.root_der
        )

        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=content, content_type="application/pkix-cert")

        return handler


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _OneHost(AbstractResolver):
    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != self._host:
            raise OSError(f"{host} is not the mock card's CA.")
        return [
            {
                "hostname": host,
                "host": _HOST,
                "port": self._port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self) -> None:
        """There is nothing to close."""
