# SPDX-License-Identifier: MIT
"""Login with a TLS client certificate: the gates' requests, and who is accepted."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import CookieJar
from cryptography.hazmat.primitives import serialization

from kortilla import Trust
from kortilla.errors import UserCertificateRevokedError
from kortilla.revocation import CertificatePath
from tests.kortilla import pki
from tests.kortilla.pki import CA, Leaf, key
from tools.demo.site import DemoServer
from tools.demo.site.tls_gate import CERTIFICATE_HEADER
from tools.demo.site.tls_login import VERSIONS, GateSettings
from tools.demo.site_authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: Around now, unlike the fixed day of most tests, since TLS uses the clock.
SOUND: dict[str, Any] = {
    "not_before": timedelta(days=-2),
    "not_after": timedelta(days=2),
}


class Revoked:
    """Revocation that reports one status for every card, once it is set."""

    revoked = False

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        if self.revoked:
            raise UserCertificateRevokedError("The card is said to be lost.")


class Client:
    """A browser with a certificate and its key in a file, in place of a card."""

    def __init__(self, leaf: Leaf | None, demo: DemoServer, authority: Authority):
        self.demo = demo
        context = ssl.create_default_context(cafile=authority.certificate)
        if leaf is not None:
            file = authority.chain.with_name("client.pem")
            file.write_bytes(pem(leaf))
            context.load_cert_chain(file)
        self.http = aiohttp.ClientSession(
            cookie_jar=CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(ssl=context),
        )

    async def get(self, url: str, **settings: Any) -> tuple[int, str, str]:
        """Return status, final path, and page."""
        if url.startswith("/"):
            url = self.demo.origin + url
        async with self.http.get(url, **settings) as answer:
            return answer.status, answer.url.path, await answer.text()

    async def leads_to(self, url: str, **settings: Any) -> str:
        """Return the target of a redirect without following it."""
        async with self.http.get(url, allow_redirects=False, **settings) as answer:
            assert answer.status == 303
            return answer.headers["Location"]

    async def gate(self, version: str = "1.2") -> str:
        """Return the address to which a login with a version of TLS leads."""
        return await self.leads_to(f"{self.demo.origin}/fi/tls-login/{version}")


MakeClient = Callable[..., Client]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("gate"), ["localhost"])


@pytest.fixture(scope="module")
def revocation() -> Revoked:
    return Revoked()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(
    trust: Trust, authority: Authority, revocation: Revoked
) -> AsyncIterator[DemoServer]:
    gates = GateSettings(authority.chain)
    async with DemoServer(trust, gates=gates, revocation=revocation) as demo:
        yield demo


@pytest_asyncio.fixture(loop_scope="module")
async def client(
    demo: DemoServer, authority: Authority, ca: CA
) -> AsyncIterator[MakeClient]:
    """A function that creates browsers with a valid, changed or given certificate."""
    clients: list[Client] = []

    def make(leaf: Leaf | None = None, *, none: bool = False, **changes: Any) -> Client:
        leaf = None if none else leaf or ca.issue(key("P-384"), **{**SOUND, **changes})
        clients.append(Client(leaf, demo, authority))
        return clients[-1]

    yield make
    for each in clients:
        await each.http.close()


def pem(leaf: Leaf) -> bytes:
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key + ssl.DER_cert_to_PEM_cert(leaf.der).encode()


async def openssl(*arguments: str) -> tuple[str, str]:
    """Return the program's standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    return said.decode(errors="replace"), errors.decode()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["P-384", "RSA-2048"])
async def test_a_certificate_leads_to_the_page_that_shows_who_it_names(
    client: MakeClient, ca: CA, version: str, kind: str
) -> None:
    browser = client(ca.issue(key(kind), **SOUND))
    status, path, page = await browser.get(f"/sv/tls-login/{version}")
    assert (status, path) == (200, "/sv/session")
    assert '<dd id="name">MAIJA SPECIMEN-MEIKÄLÄINEN</dd>' in page
    assert '<dd id="satu"><code>99902038C</code></dd>' in page


@pytest.mark.parametrize(
    ("version", "asked", "refused"),
    [
        ("1.2", "ECDSA+SHA256:RSA+SHA256", "-tls1_3"),
        ("1.3", "ECDSA+SHA384:ECDSA+SHA256:RSA-PSS+SHA256", "-tls1_2"),
    ],
)
async def test_a_gate_asks_for_its_signatures_in_its_version_of_tls(
    client: MakeClient, version: str, asked: str, refused: str
) -> None:
    browser = client()
    gate = await browser.gate(version)
    address = gate.split("/")[2]
    said, _ = await openssl("s_client", "-connect", address)
    assert f"\nRequested Signature Algorithms: {asked}\n" in said
    _, errors = await openssl("s_client", "-connect", address, refused)
    assert "alert protocol version" in errors


@pytest.mark.parametrize("version", VERSIONS)
async def test_nobody_gets_through_without_a_certificate_of_a_trusted_ca(
    client: MakeClient, version: str
) -> None:
    stranger = CA.create("SPECIMEN Issuing CA").issue(key("P-384"), **SOUND)
    for browser, alert in (
        (client(none=True), "(?i)handshake failure|certificate required"),
        (client(stranger), "(?i)decrypt error"),  # of the CA's signature
    ):
        with pytest.raises((aiohttp.ClientError, OSError), match=alert):
            await browser.get(f"/fi/tls-login/{version}")
        assert (await browser.get("/fi/session"))[1] == "/fi/"


async def test_a_certificate_that_a_login_would_refuse_is_refused_in_a_page(
    client: MakeClient, revocation: Revoked
) -> None:
    browser = client(not_after=timedelta(days=-1))
    status, path, page = await browser.get("/en/tls-login/1.2")
    assert (status, path) == (403, "/en/tls-login")
    assert 'id="problem-code">CERTIFICATE_EXPIRED<' in page
    assert (await browser.get("/en/session"))[1] == "/en/"
    revocation.revoked = True
    try:
        _, _, page = await client().get("/fi/tls-login/1.3")
    finally:
        revocation.revoked = False
    assert "USER_CERTIFICATE_REVOKED" in page


async def test_a_login_ends_in_the_browser_that_it_began_in_and_once(
    client: MakeClient,
) -> None:
    mine, others = client(), client()
    gate = await mine.gate()
    code = await mine.leads_to(gate)
    # Another person's browser follows the redirect of this login.
    await others.gate()
    status, _, page = await others.get(code)
    assert status == 403
    assert "TLS_LOGIN_LOST" in page
    assert (await others.get("/fi/session"))[1] == "/fi/"
    # And a code that another person has tried is used up.
    assert (await mine.get(code))[0] == 403
    assert (await mine.get("/fi/tls-login/1.2"))[1] == "/fi/session"
    assert (await mine.get(code))[0] == 403


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_login_shows_the_card_anew(
    client: MakeClient, authority: Authority, version: str
) -> None:
    browser = client()
    gate = await browser.gate(version)
    host, port = gate.split("/")[2].split(":")
    context = ssl.create_default_context(cafile=authority.certificate)
    context.load_cert_chain(authority.chain.with_name("client.pem"))

    def visit(session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
        with (
            socket.create_connection((host, int(port))) as plain,
            context.wrap_socket(plain, server_hostname=host, session=session) as tls,
        ):
            assert not tls.session_reused
            tls.sendall(b"GET /fi HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while part := tls.recv(4096):
                answer += part
            return answer, tls.session

    answer, session = await asyncio.to_thread(visit, None)
    # The connection has ended, though the client did not request that.
    assert b" 303 " in answer
    await asyncio.to_thread(visit, session)


async def test_a_client_can_t_say_itself_who_it_is(client: MakeClient, ca: CA) -> None:
    name = pki.subject(surname="SPECIMEN-MUU")
    other = ca.issue(key("P-384"), **SOUND, subject_name=name)
    browser = client()
    gate = await browser.gate()
    headers = {CERTIFICATE_HEADER: base64.b64encode(other.der).decode()}
    code = await browser.leads_to(gate, headers=headers)
    assert "SPECIMEN-MEIKÄLÄINEN" in (await browser.get(code))[2]


async def test_there_is_nothing_but_the_login_behind_a_gate(
    client: MakeClient, trust: Trust
) -> None:
    browser = client()
    gate = await browser.gate()
    origin = "/".join(gate.split("/")[:3])
    for path in ("/", "/fi/", "/fi/session", "/xx", "/static/demo.css"):
        assert (await browser.get(origin + path))[0] == 404
    async with browser.http.post(gate) as answer:
        assert answer.status == 501
    assert (await browser.get("/fi/tls-login/1.1"))[0] == 404
    assert (await browser.get("/fi/tls-login"))[0] == 403
    # A demo without gates does not offer them.
    async with DemoServer(trust) as demo:
        assert (await browser.get(f"{demo.origin}/fi/tls-login/1.2"))[0] == 404
        assert "tls-login" not in (await browser.get(f"{demo.origin}/fi/"))[2]


async def test_gates_that_can_t_start_are_an_error_and_leave_nothing(
    trust: Trust, tmp_path: Path
) -> None:
    demo = DemoServer(trust, gates=GateSettings(tmp_path / "nowhere.pem"))
    with pytest.raises(OSError, match="did not start"):
        await demo.start()
