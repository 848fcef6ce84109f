# SPDX-License-Identifier: MIT
"""Servers that are slow, endless, violate HTTP, or have private addresses."""

import asyncio
import gzip
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from asn1crypto import x509

from kortilla.errors import UserCertificateOCSPCheckFailedError
from kortilla.revocation import CertificatePath, fetch
from kortilla.revocation.fetch import is_public
from tests.kortilla.pki import CA, NOW
from tests.kortilla.responder import (
    Chain,
    Handler,
    List,
    Names,
    OCSPAnswer,
    Server,
    addresses,
    always,
)
from tests.kortilla.revocation_checks import KINDS, Checks
from tests.support.patience import patience

TIMEOUT = 0.3
BOMB = gzip.compress(bytes(10_000_000))  # of 10 KB
#: Limits that end what never ends by itself.
LIMITS: dict[str, Any] = {
    "ocsp_timeout": 10,
    "crl_timeout": 10,
    "crl_octets": 100_000,
}


@pytest.fixture(params=KINDS)
def by(request: pytest.FixtureRequest) -> str:
    """Each way to check."""
    return str(request.param)


def checks_of(chain: Chain, server: Server, by: str, **options: Any) -> Checks:
    """Return checks of the leaf alone."""
    checks = Checks(server, chain, by, {**LIMITS, **options})
    checks.path = checks.leaf_alone
    return checks


@pytest.fixture
def checks(server: Server, root: CA, by: str) -> Checks:
    return checks_of(Chain.create(server.address, root), server, by)


@pytest.fixture
def outside(server: Server, root: CA, by: str) -> Callable[..., Checks]:
    """Makes checks at an address, in which private addresses are refused.

    ``{port}`` in an address is the server's.
    """

    def make(address: str, **options: Any) -> Checks:
        odd = addresses(address.replace("{port}", port(server)), "issuing")
        chain = Chain.create(server.address, root, extra=odd)
        return checks_of(chain, server, by, allow_private_addresses=False, **options)

    return make


def port(server: Server) -> str:
    return server.address.rsplit(":", 1)[1]


# --- HTTP


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b"\x30")
        await asyncio.sleep(TIMEOUT / 10)
    return response


async def pour(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(1 << 16))


async def exceed(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(bytes(LIMITS["crl_octets"] + 1))
    return response


async def announce(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(10**12)})
    await response.prepare(request)
    await hang(request)
    return response


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(bytes(500))
    assert request.transport
    request.transport.close()
    return response


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport
    request.transport.abort()
    return web.Response()


def redirect(number: int) -> Handler:
    return always(b"", status=number, headers={"Location": "/elsewhere"})


TRANSPORT: dict[str, tuple[Handler, str]] = {
    "never answers": (hang, "timeout"),
    "an octet at a time": (drip, "timeout"),
    "never ends": (pour, "too-large"),
    "an octet too long": (exceed, "too-large"),
    "says that it is huge": (announce, "too-large"),
    "a gzip bomb": (always(BOMB, headers={"Content-Encoding": "gzip"}), "encoded"),
    "cut off": (cut, "incomplete"),
    "reset": (reset, "unreachable"),
    **{
        str(number): (always(b"?", status=number), "http-status")
        for number in (204, 304, 404, 500, 503)
    },
    **{str(number): (redirect(number), "redirected") for number in (301, 302, 307)},
}


@pytest.mark.parametrize("what", TRANSPORT)
async def test_who_misbehaves_is_cut_off_and_named(checks: Checks, what: str) -> None:
    handler, reason = TRANSPORT[what]
    checks.serve(handler)
    seconds = TIMEOUT if reason == "timeout" else 60
    checks.options |= {"ocsp_timeout": seconds, "crl_timeout": seconds}
    assert "127.0.0.1" in await checks.refuse(reason)
    assert len(set(checks.server.asked)) == 1


async def begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"\x30")
    return await hang(request)


@pytest.mark.parametrize("silent", [hang, begin])
async def test_silence_ends_a_download_that_may_take_long(
    checks: Checks, silent: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_SILENT_SECONDS", TIMEOUT)
    checks.serve(silent)
    checks.options |= {"timeout": 3600, "ocsp_timeout": 3600, "crl_timeout": 3600}
    async with asyncio.timeout(patience()):
        await checks.refuse("timeout")


async def test_nobody_there_is_said(root: CA) -> None:
    async with Server() as gone:
        pass
    checks = checks_of(Chain.create(gone.address, root), gone, "ocsp-or-crl")
    # The first error is reported too.
    assert "OCSP" in await checks.refuse("unreachable", kind="crl")


async def test_a_slow_responder_leaves_time_for_the_list(
    server: Server, root: CA
) -> None:
    chain = Chain.create(server.address, root)
    server.handlers = {"ocsp/issuing": hang, "crl/issuing.crl": List(chain.ca)}
    checks = checks_of(chain, server, "ocsp-or-crl")
    await checks.accept(ocsp_timeout=TIMEOUT)


async def test_all_that_is_asked_has_one_limit_and_a_download_goes_on(
    server: Server, root: CA
) -> None:
    chain = Chain.create(server.address, root)
    arrive = asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        await arrive.wait()
        return await List(chain.ca)(request)

    server.handlers = {"ocsp/issuing": hang, "crl/issuing.crl": late}
    limits = {"timeout": 5 * TIMEOUT, "ocsp_timeout": TIMEOUT, "crl_timeout": 60}
    checks = checks_of(chain, server, "ocsp-or-crl", **limits)
    async with checks.checker() as revocation:
        with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
            await revocation.check(checks.path, at=NOW)
        assert caught.value.reason == "timeout"
        assert "127.0.0.1: no trustworthy answer within" in str(caught.value)
        arrive.set()
        async with asyncio.timeout(60):
            while True:  # a busy computer may take longer than the limit again
                with suppress(UserCertificateOCSPCheckFailedError):
                    await revocation.check(checks.path, at=NOW)
                    break
    assert server.asked.count("crl/issuing.crl") == 1


async def test_connections_are_used_again_without_cookies_and_proxies(
    server: Server, root: CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    checks = checks_of(Chain.create(server.address, root), server, "ocsp")
    answer = OCSPAnswer(checks.chain.ca)

    async def set_cookie(request: web.Request) -> web.StreamResponse:
        response = await answer(request)
        response.set_cookie("session", "followed")
        return response

    checks.serve(set_cookie)
    async with checks.checker() as revocation:
        for _ in range(5):
            await revocation.check(checks.path, at=NOW)
        assert len({id(request.protocol) for request in server.requests}) == 1
    assert all("Cookie" not in request.headers for request in server.requests)
    # It can be used again after it was closed.
    async with revocation:
        await revocation.check(checks.path, at=NOW)


# --- addresses


INSIDE = """
    127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 100.64.0.1 169.254.169.254 172.16.0.1
    192.168.1.1 192.0.2.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1
    2002:7f00:1:: 2001:0:7f00:1:: 2001:db8::1 fc00::1 fe80::1 fe80::1%lo fec0::1 ff02::1
    localhost
"""


@pytest.mark.parametrize("address", ["", *INSIDE.split()])
def test_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["193.229.0.40", "8.8.8.8", "2001:2060::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_outside_is_public(address: str) -> None:
    assert is_public(address)


HOSTS = {
    "an address": "http://127.0.0.1:{port}",
    "an address of IPv6": "http://[::1]:{port}",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]:{port}",
    "a name": "http://revocation.example:{port}",
    "localhost": "http://localhost:{port}",
}
Outside = Callable[..., Checks]


@pytest.mark.parametrize("what", HOSTS)
async def test_what_leads_inside_is_refused_before_anything_is_sent(
    outside: Outside, server: Server, what: str
) -> None:
    await outside(HOSTS[what], resolver=Names()).refuse("private-address")
    assert server.asked == []


class _SilentNames(Names):
    """A resolver without a network, as behind a broken router."""

    async def resolve(self, *arguments: Any, **options: Any) -> list[ResolveResult]:
        await super().resolve(*arguments, **options)
        await asyncio.Event().wait()
        raise AssertionError("it waits for good")


async def test_a_name_that_nobody_resolves_is_not_waited_for_as_for_a_list(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "_CONNECT_SECONDS", TIMEOUT)
    begun = time.monotonic()
    checks = outside(HOSTS["a name"], resolver=_SilentNames())
    await checks.refuse("timeout", timeout=60, ocsp_timeout=60, crl_timeout=60)
    assert time.monotonic() - begun < 20


async def test_a_name_that_leads_inside_is_followed_where_that_is_allowed(
    outside: Outside,
) -> None:
    names = Names()
    checks = outside(HOSTS["a name"], resolver=names)
    checks.answer()
    await checks.accept(allow_private_addresses=True)
    # Resolved once: the checked address is the one that is used.
    assert names.asked == ["revocation.example"]


# Systems read these as an IPv4 address, and aiohttp before 3.14.1 calls no resolver.
# The last three are １２７.１, ①②⑦.1 and 127。1 in UTF-8.
NUMERIC = """
    0 0x0 0x 127.1 127.0.1 127.0.0.1. 127.0.0.1.. 127.000.000.001 0127.0.0.1 0177.0.0.1
    0177.1 017700000001 2130706433 2130706433. 0x7f.1 0X7F.0X1 0x7f.0x0.0x0.0x1
    0x7f000001 127.0.0.0x1 256.256.256.256 %31%32%37.1 127%2e1 127.0.0.1%2e
    %EF%BC%91%EF%BC%92%EF%BC%97.%EF%BC%91 %E2%91%A0%E2%91%A1%E2%91%A6.1 127%E3%80%821
"""


@pytest.mark.parametrize("own_resolver", [False, True])
async def test_a_number_is_no_name(
    outside: Outside, server: Server, own_resolver: bool
) -> None:
    names = Names("8.8.8.8")
    for host in NUMERIC.split():
        resolver = names if own_resolver else None
        checks = outside(f"http://{host}:{{port}}", resolver=resolver)
        await checks.refuse("bad-address")
    assert server.asked == []
    assert names.asked == []


@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost"])
async def test_what_the_system_resolves_to_this_computer_is_refused(
    outside: Outside, server: Server, host: str
) -> None:
    # Not every system knows each of these names.
    await outside(f"http://{host}:{{port}}").refuse("private-address unreachable")
    assert server.asked == []


class Rebound(dict[str, Any]):
    """A resolver's result that is public only at its first check."""

    looked_at = 0

    def __getitem__(self, key: str) -> Any:
        if key == "host":
            self.looked_at += 1
            return "8.8.8.8" if self.looked_at == 1 else "127.0.0.1"
        return super().__getitem__(key)


class Rebinding(Names):
    """Resolves to a public address first, and then to this computer."""

    async def resolve(self, *arguments: Any) -> list[ResolveResult]:
        return [Rebound(each) for each in await super().resolve(*arguments)]  # type: ignore[misc] # as it is one


async def test_where_a_connection_has_ended_decides(
    outside: Outside, server: Server
) -> None:
    names = Rebinding()
    await outside(HOSTS["a name"], resolver=names).refuse("private-address")
    assert names.asked == ["revocation.example"]
    assert server.asked == []


ODD = {
    "a password": "http://user:secret@127.0.0.1:{port}",
    "no host": "http:///",
    "no such port": "http://127.0.0.1:99999",
    "not closed": "http://[::1",
    "a label of 64": f"http://{'a' * 64}.example:{{port}}",
    "an empty label": "http://a..example:{port}",
    "a line feed": "http://127.0.0.1:{port}/\r\nX: y",
    "a line feed in the host": "http://a%0d%0ab.example:{port}",
    "a zero": "http://127.0.0.1\0.example:{port}",
}


@pytest.mark.parametrize("what", ODD)
async def test_an_odd_address_is_refused_and_not_told_with_its_password(
    outside: Outside, server: Server, what: str
) -> None:
    checks = outside(ODD[what], resolver=Names())
    message = await checks.refuse("bad-address private-address unreachable")
    assert "secret" not in message
    assert server.asked == []


@pytest.mark.parametrize("scheme", ["ldap", "file", "ftp", "gopher"])
async def test_only_http_counts(outside: Outside, scheme: str) -> None:
    await outside(f"{scheme}://127.0.0.1:{{port}}").refuse("no-address")


async def test_extensions_that_cannot_be_read_are_a_refusal(checks: Checks) -> None:
    broken = bytearray(checks.chain.leaf.der)
    for oid in ("2B06010505073001", "551D1F"):  # in both, the length follows
        broken[broken.index(bytes.fromhex(oid)) + len(oid) // 2 + 3] = 0x7F
    leaf = x509.Certificate.load(bytes(broken))
    path = CertificatePath(leaf, checks.chain.ca.certificate, None)
    await checks.refuse("bad-address", path)
