# SPDX-License-Identifier: MIT
"""A service that asks the browser for the card's certificate, as Suomi.fi does.

It serves connections at the same time, keeps them open, and resumes TLS sessions, as
servers of real services do. Its page can have a style sheet and a picture besides.
"""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.patience import patience
from tools.demo.site_authority import Authority

_PAGE = b"<!doctype html><title>Palvelu</title><h1 id=done>Palvelu</h1>"
_PARTS = b'<link rel=stylesheet href=/style.css><img src=/picture.svg alt="">'
_CONTENT = {
    "/": ("text/html", _PAGE),
    "/parts": ("text/html", _PAGE + _PARTS),
    "/style.css": ("text/css", b"h1 { color: navy }"),
    "/picture.svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
}


class TlsService(ThreadingHTTPServer):
    """The service.

    ``asked`` are the paths that were asked for, with a certificate. ``begun`` and
    ``broken_off`` count connections: the second ended before they had shaken hands.
    """

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self._context = context
        self.address = f"https://{name}:{self.server_port}/"
        self.asked: list[str] = []
        self.begun = self.broken_off = 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread: a person types a PIN in it."""
        self.begun += 1
        request.settimeout(patience())
        try:
            connection = self._context.wrap_socket(request, server_side=True)
        except OSError:
            self.broken_off += 1
            return
        with contextlib.suppress(OSError), connection:
            super().finish_request(connection, client_address)


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TlsService
    connection: ssl.SSLSocket

    def do_GET(self) -> None:
        """Answer with a part of the page, or that there is none."""
        assert self.connection.getpeercert(binary_form=True)
        self.server.asked.append(self.path)
        kind, content = _CONTENT.get(self.path, ("text/plain", b""))
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextlib.contextmanager
def tls_service(
    authority: Authority, card: Path, name: str, version: str
) -> Iterator[TlsService]:
    """Serve cards of the CA in a card's folder, by one version of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chosen = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
    context.minimum_version = context.maximum_version = chosen
    context.load_cert_chain(authority.chain)
    issuing = x509.load_der_x509_certificate((card / "issuing.der").read_bytes())
    context.load_verify_locations(cadata=issuing.public_bytes(Encoding.PEM).decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with TlsService(context, name) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
