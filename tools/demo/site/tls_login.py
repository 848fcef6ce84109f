# SPDX-License-Identifier: MIT
"""Login with the card as a TLS client certificate, as in Suomi.fi's card login.

- ``GET /{language}/tls-login/{version}`` redirects to the gate for a version of TLS
- the gate (``tls_gate``) asks the browser for the card's certificate and forwards it;
  the service validates it and redirects the browser with a code that works once
- ``GET /{language}/tls-login?code=…`` creates the session of the card's holder

A code works only in the browser session in which the login began, so that an attacker
can't log another browser in.
"""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from yarl import URL

from kortilla.errors import RelyingPartyError
from kortilla.revocation import RevocationChecker
from kortilla.validation.identity import Identity
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate_client
from kortilla.web.login import LoginService
from kortilla.web.sessions import BrowserSessions
from tools.demo.site import tls_gate
from tools.demo.site.answers import error_page, language_of, languages
from tools.demo.site.tls_gate import CERTIFICATE_HEADER, Settings

#: The signature algorithms that a gate of each version accepts. Suomi.fi's gate accepts
#: ECDSA with SHA-256, which in TLS 1.2 does not determine the curve; older cards have
#: RSA keys.
VERSIONS = {
    "1.2": "ECDSA+SHA256:RSA+SHA256",
    "1.3": "ECDSA+SHA384:ECDSA+SHA256:rsa_pss_rsae_sha256",
}

_STATE_KEY = "kortilla-demo.tls-login"
_CODE_SECONDS = 60.0
_MAX_CODES = 100

# The section's name, and all other names, are OpenSSL's.
_CONFIGURATION = """openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = gate
[gate]
ClientSignatureAlgorithms = {}
"""


@dataclass(frozen=True)
class GateSettings:
    """The gates' host and certificate.

    ``host`` is a name that the browser resolves to this computer, ``chain`` a PEM file
    with a certificate for it, and its key.
    """

    chain: Path
    host: str = "localhost"


@dataclass(frozen=True)
class _Arrival:
    """The result of a gate: a person or an error. ``state`` is the browser session."""

    state: str
    outcome: Identity | str
    at: float


class TlsLogin:
    """The routes of this login, and its gates, which run while the application does.

    ``sessions`` are those of the login. ``trust`` and ``revocation`` are as for
    ``LoginService``.
    """

    def __init__(
        self,
        settings: GateSettings,
        *,
        origin: str,
        trust: Trust,
        revocation: RevocationChecker | None,
        sessions: BrowserSessions,
    ) -> None:
        self._settings = settings
        self._origin = origin
        self._trust = trust
        self._revocation = revocation
        self._sessions = sessions
        self._arrivals: OrderedDict[str, _Arrival] = OrderedDict()
        #: The origin of each gate, by the version of TLS.
        self.gates: dict[str, str] = {}

    def add_to(self, app: web.Application) -> None:
        """Add the routes, and start and end the gates with the application."""
        for language in languages():
            app.router.add_get(f"/{language}/tls-login", self._finish)
            app.router.add_get(f"/{language}/tls-login/{{version}}", self._begin)
        app.cleanup_ctx.append(self._run)

    # -- At the service ---------------------------------------------------------------

    async def _begin(self, request: web.Request) -> web.Response:
        gate = self.gates.get(request.match_info["version"])
        if gate is None:
            raise web.HTTPNotFound
        session = await self._sessions.load(request.headers.getall("Cookie", ()))
        state = session.data[_STATE_KEY] = secrets.token_urlsafe(16)
        cookie = await self._sessions.save(session)
        url = URL(gate) / language_of(request) % {"state": state}
        return _lead_to(url, cookie)

    async def _finish(self, request: web.Request) -> web.Response:
        arrival = self._arrivals.pop(request.query.get("code", ""), None)
        session = await self._sessions.load(request.headers.getall("Cookie", ()))
        state = session.data.pop(_STATE_KEY, None)
        if (
            arrival is None
            or state != arrival.state
            or time.monotonic() > arrival.at + _CODE_SECONDS
        ):
            return error_page(request, 403, "TLS_LOGIN_LOST")
        if isinstance(arrival.outcome, str):
            return error_page(request, 403, arrival.outcome)
        data: dict[str, object] = {}
        LoginService.set_identity(data, arrival.outcome)
        satu = arrival.outcome.satu
        cookie = await self._sessions.replace(session, data, satu=satu)
        return _lead_to(URL(f"{self._origin}/{language_of(request)}/session"), cookie)

    # -- Behind the gates -------------------------------------------------------------

    async def _judge(self, request: web.Request) -> web.Response:
        """Validate the certificate that a gate forwards, and redirect the browser.

        All pages belong to the service. Any resource that a page of the gate loads,
        even the tab's icon, would require the card again.
        """
        try:
            outcome: Identity | str = await validate_client(
                base64.b64decode(request.headers[CERTIFICATE_HEADER]),
                trust=self._trust,
                revocation=self._revocation,
            )
        except RelyingPartyError as error:
            outcome = error.code
        code = secrets.token_urlsafe(16)
        state = request.query.get("state", "")
        self._arrivals[code] = _Arrival(state, outcome, time.monotonic())
        if len(self._arrivals) > _MAX_CODES:
            self._arrivals.popitem(last=False)
        url = URL(f"{self._origin}/{request.match_info['language']}/tls-login")
        return _lead_to(url % {"code": code})

    async def _run(self, _: web.Application) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            # Only this user may enter it: any program that connects could claim any
            # identity.
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            issuers = folder / "issuers.pem"
            issuers.write_bytes(_pem(self._trust))
            app = web.Application()
            pattern = "|".join(languages())
            app.router.add_get(f"/{{language:{pattern}}}", self._judge)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            service = folder / "service"
            await web.UnixSite(runner, service).start()
            started = {}
            for version in VERSIONS:
                told = Settings(
                    chain=str(self._settings.chain),
                    issuers=str(issuers),
                    service=str(service),
                    version=version,
                )
                gate = _gate(folder, told)
                started[version] = await stack.enter_async_context(gate)
            for version, said in started.items():
                port = await said.readline()
                if not port:
                    raise OSError(f"The gate for TLS {version} did not start.")
                self.gates[version] = f"https://{self._settings.host}:{int(port)}"
            yield


@contextlib.asynccontextmanager
async def _gate(
    folder: Path, settings: Settings
) -> AsyncIterator[asyncio.StreamReader]:
    """Run a gate, and yield the stream to which it prints its port."""
    configuration = folder / f"openssl-{settings.version}.cnf"
    configuration.write_text(_CONFIGURATION.format(VERSIONS[settings.version]))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        tls_gate.__file__,  # not with -m, which would import all of the demo
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENSSL_CONF": str(configuration)},
        # Ctrl-C is for the demo, which ends its gates.
        start_new_session=True,
    )
    assert process.stdin and process.stdout  # noqa: S101 - for the type checker
    try:
        process.stdin.write(json.dumps(asdict(settings)).encode() + b"\n")
        yield process.stdout
    finally:
        process.stdin.close()
        await process.wait()


def _lead_to(url: URL, cookie: str | None = None) -> web.Response:
    headers = {"Location": str(url), "Cache-Control": "no-store"}
    if cookie is not None:
        headers["Set-Cookie"] = cookie
    return web.Response(status=303, headers=headers)


def _pem(trust: Trust) -> bytes:
    certificates = [issuer.certificate.dump() for issuer in trust.issuers]
    return b"".join(
        load_der_x509_certificate(each).public_bytes(Encoding.PEM)
        for each in certificates
    )
