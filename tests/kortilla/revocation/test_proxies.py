# SPDX-License-Identifier: MIT
"""Revocation and CA certificates through a real HTTP proxy never fail open."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from kortilla.errors import RevocationCheckFailedError
from kortilla.proxies import Proxies
from kortilla.revocation import Revocation
from kortilla.validation.pinned_cas import ADDRESSES
from tests.kortilla.pki import CA, NOW
from tests.kortilla.responder import Chain, List, OCSPAnswer, Server, checker_by
from tests.support.guide import DOCS
from tests.support.patience import patience
from tools.demo.site_authority import Authority

PROXY = """
import proxy, sys
options = ["--port", "0", "--num-acceptors", "1", "--num-workers", "1"]
with proxy.Proxy([*options, "--log-level", "WARNING", *sys.argv[1:]]) as running:
    print(running.flags.port, flush=True)
    sys.stdin.read()
"""


@contextmanager
def proxy(*options: str) -> Iterator[str]:
    """Run proxy.py, and return its ``host:port``."""
    running = subprocess.Popen(
        [sys.executable, "-c", PROXY, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin and running.stdout
    try:
        yield f"127.0.0.1:{int(running.stdout.readline())}"
    finally:
        running.stdin.close()
        running.wait(patience())
        running.stdout.close()


@pytest.fixture(scope="module")
def open_proxy() -> Iterator[str]:
    """A proxy without authentication."""
    with proxy() as address:
        yield address


@pytest.fixture(scope="module")
def closed_proxy() -> Iterator[str]:
    """A proxy that requires a name and a password."""
    with proxy("--basic-auth", "service:s3cret") as address:
        yield address


@pytest.fixture(scope="module")
def gone() -> str:
    """A proxy that has stopped."""
    with proxy() as address:
        return address


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def well(address: str, server: Server, root: CA) -> Chain:
    """Return a chain at an address of the server, without a revoked certificate."""
    chain = Chain.create(address, root)
    server.handlers = {
        "ocsp/issuing": OCSPAnswer(chain.ca),
        "ocsp/root": OCSPAnswer(root),
        "crl/issuing.crl": List(chain.ca),
        "crl/root.crl": List(root),
    }
    return chain


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    return well(server.address, server, root)


async def refused(chain: Chain, checker: Revocation) -> RevocationCheckFailedError:
    """Expect a check to fail, and return the error."""
    async with checker as revocation:
        with pytest.raises(RevocationCheckFailedError) as caught:
            await revocation.check(chain.path, at=NOW)
    return caught.value


def went_through(server: Server) -> set[bool]:
    """For each connection that carried a request, whether it came through a proxy.

    proxy.py adds its header to the first request of each connection.
    """
    said: dict[int, bool] = {}
    for request in server.requests:
        said.setdefault(id(request.protocol), "Via" in request.headers)
    return set(said.values())


async def test_all_is_asked_through_the_proxy(
    chain: Chain, server: Server, open_proxy: str
) -> None:
    async with checker_by(by="both", proxy=f"http://{open_proxy}") as revocation:
        for _ in range(3):
            await revocation.check(chain.path, at=NOW)
    assert set(server.asked) == set(server.handlers)
    assert went_through(server) == {True}


async def test_revoked_is_revoked_through_a_proxy_too(
    chain: Chain, server: Server, open_proxy: str
) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca, status="unknown")
    error = await refused(chain, checker_by(by="ocsp", proxy=open_proxy))
    assert error.reason == "unknown"


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_a_proxy_that_refuses_is_no_answer(
    chain: Chain, server: Server, closed_proxy: str, password: str
) -> None:
    address = f"http://{password and f'service:{password}@'}{closed_proxy}"
    error = await refused(chain, checker_by(by="ocsp-or-crl", proxy=address))
    assert error.reason == "http-status"
    assert "407" in str(error) and "wrong" not in str(error)
    assert server.asked == []


async def test_the_proxys_password_is_sent_to_the_proxy_alone(
    chain: Chain, server: Server, closed_proxy: str
) -> None:
    address = f"http://service:s3cret@{closed_proxy}"
    assert "s3cret" not in repr(vars(Proxies(address)))
    # A single request: from the second on, proxy.py no longer removes its own headers.
    async with checker_by(by="ocsp", proxy=address) as revocation:
        await revocation.check(chain.path_without_root, at=NOW)
    assert went_through(server) == {True}
    for request in server.requests:
        assert not {"Authorization", "Proxy-Authorization"} & set(request.headers)


async def test_a_proxy_that_is_not_there_is_no_answer(
    chain: Chain, server: Server, gone: str
) -> None:
    checker = checker_by(by="ocsp-or-crl", proxy=f"http://service:s3cret@{gone}")
    error = await refused(chain, checker)
    assert error.reason == "unreachable"
    assert "the proxy" in str(error) and "s3cret" not in str(error)
    assert server.asked == []


async def test_a_responder_that_the_proxy_cannot_reach_is_no_answer(
    root: CA, open_proxy: str
) -> None:
    async with Server() as away:
        chain = well(away.address, away, root)
    error = await refused(chain, checker_by(by="ocsp-or-crl", proxy=open_proxy))
    assert error.reason in {"http-status", "unreachable", "incomplete"}


# --- private addresses


async def test_the_hosts_that_a_proxy_is_asked_for(
    server: Server, root: CA, open_proxy: str
) -> None:
    chain = well(server.address.replace("127.0.0.1", "LOCALHOST"), server, root)
    options: dict[str, Any] = {
        "by": "ocsp",
        "allow_private_addresses": False,
        "proxy": open_proxy,
    }
    # Where a proxy resolves the name, the service can't see its address.
    error = await refused(chain, checker_by(**options))
    assert error.reason == "host-not-allowed"
    assert server.asked == []
    async with checker_by(**options, proxy_hosts=["localhost"]) as revocation:
        await revocation.check(chain.path, at=NOW)
    assert went_through(server) == {True}


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "private-address"),
        ("[::1]", "private-address"),
        ("10.0.0.1", "private-address"),
        ("2130706433", "bad-address host-not-allowed"),
        ("127.1", "bad-address host-not-allowed"),
        ("8.8.8.8", "host-not-allowed"),
        ("notfineid.fi", "host-not-allowed"),
        ("fineid.fi.example", "host-not-allowed"),
        ("intranet", "host-not-allowed"),
        ("ocsp.fineid.fi", "unreachable"),
        ("OCSP.fineid.fi.", "unreachable"),
        ("fineid.fi", "unreachable"),
    ],
)
async def test_by_default_a_proxy_is_asked_for_the_authoritys_hosts(
    root: CA, host: str, reason: str, gone: str
) -> None:
    chain = Chain.create(f"http://{host}", root)
    checker = checker_by(by="ocsp", allow_private_addresses=False, proxy=gone)
    assert (await refused(chain, checker)).reason in reason.split()


async def test_what_is_asked_without_the_proxy_is_guarded_as_ever(
    server: Server, root: CA, open_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{open_proxy}")
    monkeypatch.setenv("no_proxy", "localhost")
    chain = well(server.address.replace("127.0.0.1", "localhost"), server, root)
    checker = checker_by(
        by="ocsp",
        allow_private_addresses=False,
        trust_env=True,
        proxy_hosts=["localhost"],
    )
    assert (await refused(chain, checker)).reason == "private-address"
    assert server.asked == []


# --- the environment


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
async def test_the_environment_counts_where_the_operator_says_so(
    chain: Chain,
    server: Server,
    open_proxy: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, open_proxy)
    for trust_env in (True, False):
        server.requests.clear()
        async with checker_by(by="both", trust_env=trust_env) as revocation:
            await revocation.check(chain.path, at=NOW)
        assert went_through(server) == {trust_env}


def test_which_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://one:81")
    monkeypatch.setenv("HTTPS_PROXY", "two:82")
    monkeypatch.setenv("no_proxy", "direct.example, .under.example,[::1]:80")

    def asked(url: str, proxies: Proxies) -> str | None:
        options = proxies.options(URL(url), {})
        return str(options["proxy"]) if "proxy" in options else None

    theirs = Proxies(trust_env=True)
    assert asked("http://a.example", theirs) == "http://one:81"
    assert asked("https://a.example", theirs) == "http://two:82"
    for direct in ("direct.example", "a.under.example", "[::1]"):
        assert asked(f"http://{direct}", theirs) is None
    assert asked("http://[::2]", theirs) == "http://one:81"
    mine = Proxies("http://mine:83", trust_env=True)
    assert asked("http://direct.example", mine) == "http://mine:83"
    assert asked("http://a.example", Proxies()) is None


@pytest.mark.parametrize(
    "proxy",
    ["", "socks5://u:s3cret@a:1", "https://a", "http://", "http://u:s3cret@a:x"],
)
def test_a_proxy_that_cannot_be_used_is_said_at_once(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="http://host:port") as caught:
        Revocation(proxy=proxy)
    assert caught.value.__context__ is None
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
        with pytest.raises(ValueError, match="http://host:port"):
            Revocation(trust_env=True)


# --- https, which a proxy tunnels (CONNECT)

CHECK = """
import asyncio, json, sys
from asn1crypto import x509
from pathlib import Path
from kortilla.errors import RevocationCheckFailedError
from kortilla.revocation import CertificatePath
from tests.kortilla.responder import checker_by
from tests.kortilla.pki import NOW

async def main(folder, proxy):
    path = [x509.Certificate.load((Path(folder) / n).read_bytes()) for n in "lir"]
    async with checker_by(by="both", proxy=proxy) as revocation:
        try:
            await revocation.check(CertificatePath(*path), at=NOW)
        except RevocationCheckFailedError as error:
            return error.reason, str(error)
        return "", ""

folder, *proxies = sys.argv[1:]
print(json.dumps([asyncio.run(main(folder, proxy)) for proxy in proxies]))
"""

UPDATE = """
import contextlib, io, json, os, sys
from unittest.mock import patch
from kortilla.validation import pinned_cas as pins
from kortilla.cli import main
address, sha256, folder, ways = sys.argv[1:]
pins.ADDRESSES = (address,)
pins.PINS = (pins.PinnedCertificate("SPECIMEN Issuing CA - G1", sha256, "citizen"),)
answers = []
for number, (options, environment) in enumerate(json.loads(ways)):
    own = f"{folder}/{number}"
    written = io.StringIO()
    with patch.dict(os.environ, environment), contextlib.redirect_stdout(written):
        main(["trust", "update", "--folder", own, *options, "--json"])
    answers.append(json.loads(written.getvalue()))
print(json.dumps(answers))
"""


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[tuple[Server, dict[str, str]]]:
    """A server at https, and the environment that trusts its certificate."""
    authority = Authority(tmp_path, ["localhost"])
    async with Server(tls=authority.server_context) as server:
        trusting = {"SSL_CERT_FILE": str(authority.certificate)}
        yield server, {**os.environ, **trusting}


async def run(code: str, *arguments: Any, env: dict[str, str]) -> Any:
    """Run a program, and return its output as JSON."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", code, *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    output, errors = await running.communicate()
    assert b"Traceback" not in errors, errors.decode()
    return json.loads(output)


async def test_https_is_tunneled(
    tls_server: tuple[Server, dict[str, str]],
    root: CA,
    tmp_path: Path,
    closed_proxy: str,
    gone: str,
) -> None:
    server, env = tls_server
    chain = well(server.address, server, root)
    path = chain.path
    for name, certificate in zip(
        "lir", (path.leaf, path.issuer, path.root), strict=True
    ):
        assert certificate
        (tmp_path / name).write_bytes(certificate.dump())
    good = f"http://service:s3cret@{closed_proxy}"
    assert await run(CHECK, tmp_path, good, env=env) == [["", ""]]
    assert set(server.asked) == set(server.handlers)
    assert went_through(server) == {False}  # it can't see into them
    server.asked.clear()
    bad = f"http://{closed_proxy}", f"http://{gone}"
    refused, missing = await run(CHECK, tmp_path, *bad, env=env)
    assert refused[0] == missing[0] == "unreachable"
    assert "407" in refused[1]
    assert "the proxy" in missing[1]
    assert server.asked == []


async def test_trust_update_goes_through_a_proxy(
    tls_server: tuple[Server, dict[str, str]],
    ca: CA,
    tmp_path: Path,
    closed_proxy: str,
    gone: str,
) -> None:
    server, env = tls_server

    async def certificate(_: Any) -> Any:
        return web.Response(body=ca.der)

    server.handlers = {"ca": certificate}
    sha256 = hashlib.sha256(ca.der).hexdigest()
    good = f"http://service:s3cret@{closed_proxy}"
    ways: list[tuple[list[str], dict[str, str]]] = [
        (["--proxy", good], {}),
        ([], {"https_proxy": good}),
        (["--proxy", good], {"https_proxy": gone}),
    ]
    bad = [f"http://service:wr0ng@{closed_proxy}", f"http://service:s3cret@{gone}"]
    others: list[tuple[list[str], dict[str, str]]] = [
        *((["--proxy", each], {}) for each in (*bad, "socks5://a")),
        ([], {"https_proxy": bad[1]}),
    ]
    wanted = f"{server.address}/ca", sha256, tmp_path, json.dumps(ways + others)
    answers = await run(UPDATE, *wanted, env=env)
    for answer in answers[: len(ways)]:
        assert [each["state"] for each in answer["certificates"]] == ["stored"]
    refused, missing, unknown, also_missing = answers[len(ways) :]
    assert refused["error"]["code"] == "CA_MISSING"
    assert list(refused["addresses"].values()) == ["the proxy's answer is 407"]
    assert "wr0ng" not in json.dumps(refused)
    for answer in (missing, also_missing):
        [failure] = answer["addresses"].values()
        assert failure == f"no connection to the proxy {gone}"
    assert unknown["error"]["code"] == "INVALID_ARGUMENT"
    assert len(server.asked) == len(ways)


def test_the_guide_lists_every_host_that_has_to_be_reached() -> None:
    guide = (DOCS / "operations.md").read_text()
    for url in map(URL, ADDRESSES):
        assert f"`{url.host}` | {url.port} |" in guide
