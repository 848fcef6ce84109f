# SPDX-License-Identifier: MIT
"""``kortilla sign --level lta`` with services over HTTP, and who accepts its files.

The proxy of the environment is a server on loopback. It plays the responders of the
card's CA and of the time-stamping service, whose names do not exist, and the service.
"""

import asyncio
import base64
import io
import os
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asn1crypto import pem, tsp, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import (
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore

from kortilla.mock_card.authority import Authority
from kortilla.mock_card.state import MockCardState
from kortilla.signing import xades
from kortilla.signing.verification import TrustedCAs, Verdict, verify_path
from tests.cli.conftest import Run
from tests.kortilla.pki import CA
from tests.kortilla.responder import OCSPAnswer, addresses
from tests.kortilla.signing_parts import make_pdf
from tests.kortilla.timestamps import stamper

#: A host of the authority, so that the proxy is asked for it.
HOST = "http://revocation.mock-card.fineid.fi"
SIGN = ("--card", "mock", "--prompt", "automatic", "--lang", "en")


class Services:
    """The services, and what was asked of them."""

    def __init__(self, card: Path) -> None:
        self.authority = Authority.open(card)
        self.stamping = CA.create("SPECIMEN Stamping Root CA")
        more = addresses(HOST, "stamping")
        self.service: DummyTimeStamper = stamper(self.stamping, more=more)
        self.asked: list[str] = []

    def answer(self, path: str, body: bytes) -> tuple[str, bytes]:
        self.asked.append(path)
        if path.endswith("/tsa"):
            made = self.service.request_tsa_response(tsp.TimeStampReq.load(body))
            return "application/timestamp-reply", bytes(made.dump())
        now = datetime.now(UTC).replace(microsecond=0)
        if path.endswith("/ocsp/stamping"):
            content = OCSPAnswer(self.stamping, at=now).encode(body)
        else:
            content = self.authority.answer_ocsp(body, at=now)
        return "application/ocsp-response", content


@pytest.fixture
def services(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """A card of ten minutes, and the services that it names."""
    card = home / ".local/share/kortilla/mock-card"
    now = datetime.now(UTC)
    MockCardState.create(
        card,
        state="active",
        address=HOST,
        not_before=now - timedelta(days=1),
        not_after=now + timedelta(minutes=10),
    )
    services = Services(card)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kind, content = services.answer(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "root.der").write_bytes(services.authority.root_der)
    (folder / "issuing.der").write_bytes(services.authority.issuing_der)
    (folder / "stamping.der").write_bytes(services.stamping.der)
    monkeypatch.chdir(tmp_path)
    Path("a.pdf").write_bytes(make_pdf())
    Path("b.txt").write_text("muistio")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("TSA", f"{address}/tsa")
        yield services
        server.shutdown()
        thread.join()


@pytest.fixture
def signed(run: Run, services: Services) -> tuple[Path, Path]:
    """A PDF and a container, signed for the archive by the command."""
    outcome = run(
        *("sign", "a.pdf", "b.txt", *SIGN, "--level", "lta"),
        *("--tsa", os.environ["TSA"], "--trust", "trust"),
    )
    assert outcome.status == 0, outcome.words
    assert [(each["level"], each["shortfall"]) for each in outcome.result["files"]] == [
        ("B-LTA", "")
    ] * 2
    asked = {each.removeprefix(HOST) for each in services.asked}
    assert asked == {"/tsa", "/ocsp/issuing", "/ocsp/root", "/ocsp/stamping"}
    pdf, container = (Path(each["file"]) for each in outcome.result["files"])
    return pdf, container


def test_files_for_the_archive_are_valid_and_nobody_is_asked_about_the_signer(
    run: Run, home: Path, services: Services, signed: tuple[Path, Path]
) -> None:
    services.asked.clear()
    online = ("verify", *map(str, signed), "--trust", "trust")
    assert run(*online).status == 0
    assert services.asked == [f"{HOST}/ocsp/stamping"]
    services.asked.clear()
    words = (*online, "--offline")
    outcome = run(*words)
    assert (outcome.status, services.asked) == (0, [])
    for file in outcome.result["files"]:
        [signature] = file["signatures"]
        assert (signature["level"], signature["revocationSource"]) == ("B-LTA", "file")
    told = run(*words, "--lang", "fi", json=False).words
    assert "Aikaleima todistaa, että tiedosto oli allekirjoitettu viimeistään" in told
    assert "Aikaleiman myönsi SPECIMEN Timestamps." in told
    # When the card has expired; the command has no clock of its own.
    trusted = TrustedCAs.from_folder("trust")
    for file in signed:
        report = asyncio.run(
            verify_path(
                file,
                trusted=trusted,
                timestamp_cas=trusted.timestamp_authorities,
                at=datetime.now(UTC) + timedelta(days=200),
            )
        )
        assert report.verdict is Verdict.VALID
    # Certificates in a folder of their own vouch for timestamps, and for no signature.
    folder = home / ".local/share/kortilla/timestamp-ca"
    folder.mkdir(parents=True)
    Path("trust/stamping.der").rename(folder / "a.der")
    assert run(*words).status == 0
    (folder / "a.der").rename("elsewhere.der")
    assert run(*words).status == 3
    for each in ("root", "issuing"):
        Path(f"trust/{each}.der").rename(folder / f"{each}.der")
    for file in run(*words).result["files"]:
        assert file["signatures"][0]["issuer"] == "unknown"


def test_others_accept_them(services: Services, signed: tuple[Path, Path]) -> None:
    pdf, container = signed
    # pyHanko, by the PDF's own data while the card is valid
    reader = PdfFileReader(io.BytesIO(pdf.read_bytes()))
    [signature, whole] = reader.embedded_signatures
    roots = [services.authority.root_der, services.stamping.der]
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(
        {
            "trust_roots": [x509.Certificate.load(each) for each in roots],
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
            "retroactive_revinfo": True,
            "moment": datetime.now(UTC),
        }
    )
    status = asyncio.run(
        async_validate_pdf_signature(
            signature,
            signer_validation_context=context,
            ts_validation_context=context,
        )
    )
    assert status.bottom_line
    assert asyncio.run(async_validate_pdf_timestamp(whole, context)).trusted
    # openssl
    content = pdf.read_bytes()
    begin, first, second, length = whole.byte_range
    Path("data").write_bytes(
        content[begin : begin + first] + content[second : second + length]
    )
    Path("token").write_bytes(whole.pkcs7_content)
    ca = pem.armor("CERTIFICATE", services.stamping.der)
    Path("ca.pem").write_bytes(ca)
    assert openssl_accepts()
    with zipfile.ZipFile(container) as opened:
        root = xades.parse(opened.read("META-INF/signatures0.xml"))
    stamped = root.find(f".//{xades.XADES}EncapsulatedTimeStamp").text
    Path("data").write_bytes(xades.value_to_stamp(root))
    Path("token").write_bytes(base64.b64decode(stamped))
    assert openssl_accepts()
    Path("data").write_bytes(b"other")
    assert not openssl_accepts()


def openssl_accepts() -> bool:
    """Return whether openssl finds that the token is of the data."""
    finished = subprocess.run(
        [
            "openssl",
            "ts",
            "-verify",
            "-in",
            "token",
            "-token_in",
            "-data",
            "data",
            "-CAfile",
            "ca.pem",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return re.search("Verification: OK", finished.stdout) is not None
