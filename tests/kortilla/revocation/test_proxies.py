# SPDX-License-Identifier: MIT
"""Revocation and CA certificates through a real HTTP proxy never fail open."""

import asyncio
import hashlib
import itertools
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from kortilla.cli import main
from kortilla.proxies import Proxies
from kortilla.revocation import Revocation
from kortilla.validation import pinned_cas
from tests.kortilla.pki import CA, NOW
from tests.kortilla.responder import Server, always
from tests.kortilla.revocation_checks import Checks, well
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


def checks_at(server: Server, root: CA, address: str = "") -> Checks:
    """Return checks of a good chain at the server, which may have another address."""
    chain = well(server, root, by="both", address=address)
    return Checks(server, chain, "ocsp-or-crl")


@pytest.fixture
def checks(server: Server, root: CA) -> Checks:
    return checks_at(server, root)


def went_through(server: Server) -> set[bool]:
    """For each connection that carried a request, whether it came through a proxy.

    proxy.py adds its header to the first request of each connection.
    """
    said: dict[int, bool] = {}
    for request in server.requests:
        said.setdefault(id(request.protocol), "Via" in request.headers)
    return set(said.values())


@pytest.mark.parametrize("by_environment", [False, True])
async def test_all_is_asked_through_the_proxy(
    checks: Checks,
    open_proxy: str,
    by_environment: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = checks.server
    options: dict[str, Any] = {"proxy": f"http://{open_proxy}"}
    if by_environment:
        monkeypatch.setenv("HTTP_PROXY", open_proxy)
        options = {"trust_env": True}
    async with checks.checker(by="both", **options) as revocation:
        for _ in range(3):
            await revocation.check(checks.path, at=NOW)
    assert set(server.asked) == set(server.handlers)
    assert went_through(server) == {True}
    checks.answer(status="unknown")
    await checks.refuse("unknown", by="ocsp", **options)


async def test_the_proxys_password_is_sent_to_the_proxy_alone(
    checks: Checks, closed_proxy: str
) -> None:
    address = f"http://service:s3cret@{closed_proxy}"
    assert "s3cret" not in repr(vars(Proxies(address)))
    # A single request: from the second on, proxy.py no longer removes its own headers.
    await checks.accept(checks.leaf_alone, by="ocsp", proxy=address)
    assert went_through(checks.server) == {True}
    for request in checks.server.requests:
        assert not {"Authorization", "Proxy-Authorization"} & set(request.headers)


@pytest.mark.parametrize(
    ("login", "which", "reason", "said"),
    [
        ("", "closed_proxy", "http-status", "407"),
        ("service:wrong@", "closed_proxy", "http-status", "407"),
        ("service:s3cret@", "gone", "unreachable", "the proxy"),
    ],
)
async def test_a_proxy_that_refuses_or_is_not_there_is_no_answer(
    checks: Checks,
    login: str,
    which: str,
    reason: str,
    said: str,
    request: pytest.FixtureRequest,
) -> None:
    address = f"http://{login}{request.getfixturevalue(which)}"
    message = await checks.refuse(reason, proxy=address)
    assert said in message
    assert "wrong" not in message and "s3cret" not in message
    assert checks.server.asked == []


async def test_a_responder_that_the_proxy_cannot_reach_is_no_answer(
    root: CA, open_proxy: str
) -> None:
    async with Server() as away:
        checks = checks_at(away, root)
    await checks.refuse("http-status unreachable incomplete", proxy=open_proxy)


# --- private addresses


async def test_the_hosts_that_a_proxy_is_asked_for(
    server: Server, root: CA, open_proxy: str
) -> None:
    checks = checks_at(server, root, server.address.replace("127.0.0.1", "LOCALHOST"))
    checks.options = {
        "by": "ocsp",
        "allow_private_addresses": False,
        "proxy": open_proxy,
    }
    # Where a proxy resolves the name, the service can't see its address.
    await checks.refuse("host-not-allowed")
    assert server.asked == []
    await checks.accept(proxy_hosts=["localhost"])
    assert went_through(server) == {True}


async def test_by_default_a_proxy_is_asked_for_the_authoritys_hosts(
    server: Server, root: CA, gone: str
) -> None:
    for reason, hosts in {
        "private-address": "127.0.0.1 [::1] 10.0.0.1",
        "bad-address host-not-allowed": "2130706433 127.1",
        "host-not-allowed": "8.8.8.8 notfineid.fi fineid.fi.example intranet",
        "unreachable": "ocsp.fineid.fi OCSP.fineid.fi. fineid.fi",
    }.items():
        for host in hosts.split():
            checks = checks_at(server, root, f"http://{host}")
            checks.options = {"allow_private_addresses": False, "proxy": gone}
            await checks.refuse(reason, by="ocsp")


async def test_what_is_asked_without_the_proxy_is_guarded_as_ever(
    server: Server, root: CA, open_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{open_proxy}")
    monkeypatch.setenv("no_proxy", "localhost")
    checks = checks_at(server, root, server.address.replace("127.0.0.1", "localhost"))
    checks.options = {"allow_private_addresses": False, "proxy_hosts": ["localhost"]}
    await checks.refuse("private-address", by="ocsp", trust_env=True)
    assert server.asked == []


# --- the environment


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


@pytest.fixture
async def tls_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """A server at https, whose certificate is trusted."""
    authority = Authority(tmp_path, ["localhost"])
    trusting = ssl.create_default_context(cafile=authority.certificate)
    # aiohttp makes it as it is imported.
    monkeypatch.setattr("aiohttp.connector._SSL_CONTEXT_VERIFIED", trusting)
    async with Server(tls=authority.server_context) as server:
        yield server


async def test_https_is_tunneled(
    tls_server: Server, root: CA, closed_proxy: str, gone: str
) -> None:
    checks = checks_at(tls_server, root)
    await checks.accept(by="both", proxy=f"http://service:s3cret@{closed_proxy}")
    assert set(tls_server.asked) == set(tls_server.handlers)
    assert went_through(tls_server) == {False}  # it can't see into them
    tls_server.asked.clear()
    for proxy, said in ((closed_proxy, "407"), (gone, "the proxy")):
        assert said in await checks.refuse("unreachable", proxy=proxy)
    assert tls_server.asked == []


@pytest.mark.extras
async def test_trust_update_goes_through_a_proxy(
    tls_server: Server,
    ca: CA,
    tmp_path: Path,
    closed_proxy: str,
    gone: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tls_server.handlers = {"ca": always(ca.der)}
    address, sha256 = f"{tls_server.address}/ca", hashlib.sha256(ca.der).hexdigest()
    pin = pinned_cas.PinnedCertificate("SPECIMEN Issuing CA", sha256, "citizen")
    monkeypatch.setattr(pinned_cas, "ADDRESSES", (address,))
    monkeypatch.setattr(pinned_cas, "PINS", (pin,))

    numbers = itertools.count()

    async def update(option: str = "", environment: str = "") -> Any:
        """Run the command, with a proxy as its option and in the environment."""
        monkeypatch.setenv("https_proxy", environment)
        options = ["--proxy", option] if option else []
        folder = ["--folder", str(tmp_path / f"ca{next(numbers)}")]
        await asyncio.to_thread(main, ["trust", "update", *folder, *options, "--json"])
        return json.loads(capsys.readouterr().out)

    good = f"http://service:s3cret@{closed_proxy}"
    for option, environment in ((good, ""), ("", good), (good, gone)):
        [stored] = (await update(option, environment))["certificates"]
        assert stored["state"] == "stored"
    assert len(tls_server.asked) == 3
    refused = await update(f"http://service:wr0ng@{closed_proxy}")
    assert refused["error"]["code"] == "CA_MISSING"
    assert "(HTTP status 407)" in refused["addresses"][address]
    away = f"http://service:s3cret@{gone}"
    for missing in (await update(away), await update(environment=away)):
        assert f"no connection to the proxy {gone}" in missing["addresses"][address]
    assert (await update("socks5://a"))["error"]["code"] == "INVALID_ARGUMENT"
    assert len(tls_server.asked) == 3


def test_the_guide_lists_every_host_that_has_to_be_reached() -> None:
    guide = (DOCS / "operations.md").read_text()
    for url in map(URL, pinned_cas.ADDRESSES):
        assert f"`{url.host}` | {url.port} |" in guide
