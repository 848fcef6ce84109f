# SPDX-License-Identifier: MIT
"""A gate: a TLS server that asks each client for the certificate on its card.

It is a separate program, like a proxy in front of a service. It forwards requests to
the service's Unix socket with the certificate in a header, and the service validates
that. The gate itself requires only that the client has the key and that a trusted CA
issued the certificate. It listens on its own port: Python's TLS asks for certificates
during the handshake or not at all, so it can't protect a single path.

OpenSSL's configuration (``OPENSSL_CONF``) sets the accepted signature algorithms, since
Python 3.11 has no call for that. A process has only one configuration, so each gate is
a process. For the same reason it does not name the CAs that it accepts. It uses
threads, since asyncio does not tell a client why a handshake failed.

It needs only the standard library. It reads one line of JSON from its standard input
(``Settings``), prints its port, and ends when its standard input does.
"""

import base64
import contextlib
import http.client
import json
import logging
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

logger = logging.getLogger(__name__)

#: The client's certificate in base64 of DER. A client's own header of this name is
#: dropped.
CERTIFICATE_HEADER = "X-Kortilla-Client-Certificate"

#: X509_V_FLAG_NO_CHECK_TIME, which ssl has no name for. The service reports an expired
#: card, in a page.
_NO_CHECK_TIME = 0x200000

#: A person types a PIN in the middle of a handshake.
_HANDSHAKE_SECONDS = 120.0
_REQUEST_SECONDS = 20.0
_LINGER_SECONDS = 5.0
_GOODBYE_SECONDS = 1.0
#: Headers of the service's response that are forwarded.
_ANSWERED = ("Cache-Control", "Content-Type", "Location")


@dataclass(frozen=True)
class Settings:
    """A gate's settings.

    ``chain`` is a file with its certificate and key, ``issuers`` one with the CAs of
    accepted clients, both PEM; ``service`` is the Unix socket. ``version``, ``1.2`` or
    ``1.3``, is the only accepted version of TLS.
    """

    chain: str
    issuers: str
    service: str
    version: str

    def context(self) -> ssl.SSLContext:
        """Return a context for one connection.

        A session that can be resumed would allow the next login without the card.
        Python has no other way to drop the sessions of TLS 1.2.
        """
        version = ssl.TLSVersion[f"TLSv{self.version.replace('.', '_')}"]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.load_cert_chain(self.chain)
        context.load_verify_locations(self.issuers)
        context.verify_mode = ssl.CERT_REQUIRED
        # The issuing CAs themselves are trusted, as in ``kortilla.validation.trust``.
        context.verify_flags = ssl.VerifyFlags(
            ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        )
        return context


class Gate(ThreadingMixIn, TCPServer):
    """A gate on a free port of this computer. Raises ``OSError`` for bad settings."""

    daemon_threads = True
    request_queue_size = 20

    def __init__(self, settings: Settings) -> None:
        settings.context()  # errors in the files show before the first client
        self.settings = settings
        super().__init__(("127.0.0.1", 0), _Forwarder)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Run the handshake, and forward the single request of a connection.

        Each login requires the card anew, so there is no second request.
        """
        request.settimeout(_HANDSHAKE_SECONDS)
        context = self.settings.context()
        with context.wrap_socket(
            request, server_side=True, do_handshake_on_connect=False
        ) as connection:
            try:
                connection.do_handshake()
            except OSError as error:  # ssl.SSLError among them
                logger.debug("no handshake: %s", error)
                _linger(connection)
            else:
                connection.settimeout(_REQUEST_SECONDS)
                with contextlib.suppress(OSError):
                    super().finish_request(connection, client_address)
                    connection.settimeout(_GOODBYE_SECONDS)
                    connection.unwrap()


class _Forwarder(BaseHTTPRequestHandler):
    """Forwards a request to the service: its path and the language, nothing else."""

    server: Gate
    connection: ssl.SSLSocket
    server_version = "gate"
    sys_version = ""

    def do_GET(self) -> None:
        """Forward the service's response."""
        service = _Service(self.server.settings.service)
        with contextlib.closing(service):
            try:
                service.request("GET", self.path, headers=self._headers())
                answer = service.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                logger.warning("the service does not answer: %s", error)
                self.send_error(502)
                return
        self.send_response(answer.status)
        for name in _ANSWERED:
            if (value := answer.headers[name]) is not None:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _headers(self) -> dict[str, str]:
        certificate = self.connection.getpeercert(binary_form=True) or b""
        return {
            CERTIFICATE_HEADER: base64.b64encode(certificate).decode(),
            "Accept-Language": self.headers.get("Accept-Language", ""),
        }

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: paths contain login codes."""


class _Service(http.client.HTTPConnection):
    """A connection to a service that listens on a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("service", timeout=_REQUEST_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_REQUEST_SECONDS)
        self.sock.connect(self._path)


def _linger(connection: ssl.SSLSocket) -> None:
    """Read on after the last response.

    If the gate closed the connection at once, it would be reset, and the client might
    never see the alert with the reason.
    """
    with contextlib.suppress(OSError):
        connection.settimeout(_LINGER_SECONDS)
        connection.shutdown(socket.SHUT_WR)
        while socket.socket.recv(connection, 4096):
            pass


def _main() -> None:
    with Gate(Settings(**json.loads(sys.stdin.readline()))) as gate:
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        print(gate.server_address[1], flush=True)
        sys.stdin.read()
        gate.shutdown()


if __name__ == "__main__":
    _main()
