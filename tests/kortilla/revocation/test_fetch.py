# SPDX-License-Identifier: MIT
"""Servers that are slow, endless, violate HTTP, or have private addresses."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import ResolveResult
from asn1crypto import x509

from kortilla.errors import (
    RevocationCheckFailedError,
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
)
from kortilla.revocation import CertificatePath
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
    checker_by,
)
from tests.kortilla.revocation_checks import KINDS, accepted, refused

TIMEOUT = 0.3
BOMB = gzip.compress(bytes(10_000_000))  # of 10 KB


@pytest.fixture
def chain(server: Server, root: CA) -> Chain:
    return Chain.create(server.address, root)


#: Limits that end what never ends by itself.
LIMITS: dict[str, Any] = {
    "ocsp_timeout": 10,
    "crl_timeout": 10,
    "crl_octets": 100_000,
}
checker = partial(checker_by, **LIMITS)


async def refusal(
    path: CertificatePath, by: str, **options: Any
) -> RevocationCheckFailedError:
    return await refused(path, by=by, **LIMITS | options)


async def refused_outside(path: CertificatePath, by: str, **options: Any) -> str | None:
    """Expect a check to fail without a private address; return the reason."""
    error = await refusal(path, by, allow_private_addresses=False, **options)
    return error.reason


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


async def bomb(_: web.Request) -> web.StreamResponse:
    return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"})


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


def status(number: int) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=number, body=b"?")

    return answer


def redirect(number: int) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=number, headers={"Location": "/elsewhere"})

    return answer


TRANSPORT: dict[str, tuple[Handler, str]] = {
    "never answers": (hang, "timeout"),
    "an octet at a time": (drip, "timeout"),
    "never ends": (pour, "too-large"),
    "an octet too long": (exceed, "too-large"),
    "says that it is huge": (announce, "too-large"),
    "a gzip bomb": (bomb, "encoded"),
    "cut off": (cut, "incomplete"),
    "reset": (reset, "unreachable"),
    "204": (status(204), "http-status"),
    "304": (status(304), "http-status"),
    "404": (status(404), "http-status"),
    "500": (status(500), "http-status"),
    "503": (status(503), "http-status"),
    "301": (redirect(301), "redirected"),
    "302": (redirect(302), "redirected"),
    "307": (redirect(307), "redirected"),
}
either_way = pytest.mark.parametrize("by", KINDS)


@either_way
@pytest.mark.parametrize("what", TRANSPORT)
async def test_who_misbehaves_is_cut_off_and_named(
    chain: Chain, server: Server, what: str, by: str
) -> None:
    handler, reason = TRANSPORT[what]
    where = {"ocsp": "ocsp/issuing", "crl": "crl/issuing.crl"}[by]
    server.handlers[where] = handler
    patience = TIMEOUT if reason == "timeout" else 60
    limits = {"ocsp_timeout": patience, "crl_timeout": patience}
    error = await refusal(chain.path_without_root, by=by, **limits)
    assert error.reason == reason
    assert "127.0.0.1" in str(error)
    assert set(server.asked) == {where}


async def test_nobody_there_is_said(root: CA) -> None:
    async with Server() as gone:
        pass
    error = await refusal(
        Chain.create(gone.address, root).path_without_root,
        by="ocsp-or-crl",
        kind=UserCertificateCRLCheckFailedError,
    )
    assert error.reason == "unreachable"
    assert "OCSP" in str(error)  # the first error is reported too


async def test_a_slow_responder_leaves_time_for_the_list(
    chain: Chain, server: Server
) -> None:
    server.handlers = {"ocsp/issuing": hang, "crl/issuing.crl": List(chain.ca)}
    await accepted(chain.path_without_root, by="ocsp-or-crl", ocsp_timeout=TIMEOUT)


async def test_all_that_is_asked_has_one_limit_and_a_download_goes_on(
    chain: Chain, server: Server
) -> None:
    arrive = asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        await arrive.wait()
        return await List(chain.ca)(request)

    server.handlers = {"ocsp/issuing": hang, "crl/issuing.crl": late}
    limits = {"timeout": 5 * TIMEOUT, "ocsp_timeout": TIMEOUT, "crl_timeout": 60}
    async with checker_by(by="ocsp-or-crl", **limits) as revocation:
        with pytest.raises(UserCertificateOCSPCheckFailedError) as caught:
            await revocation.check(chain.path_without_root, at=NOW)
        assert caught.value.reason == "timeout"
        assert "127.0.0.1: no trustworthy answer within" in str(caught.value)
        arrive.set()
        async with asyncio.timeout(60):
            while True:  # a busy computer may take longer than the limit again
                with suppress(UserCertificateOCSPCheckFailedError):
                    await revocation.check(chain.path_without_root, at=NOW)
                    break
    assert server.asked.count("crl/issuing.crl") == 1


async def test_cookies_and_proxies_are_not_used(
    chain: Chain, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = OCSPAnswer(chain.ca)

    async def set_cookie(request: web.Request) -> web.StreamResponse:
        response = await answer(request)
        response.set_cookie("session", "followed")
        return response

    server.handlers["ocsp/issuing"] = set_cookie
    async with checker(by="ocsp") as revocation:
        for _ in range(2):
            await revocation.check(chain.path_without_root, at=NOW)
    assert all("Cookie" not in request.headers for request in server.requests)


async def test_connections_are_used_again_and_closed(
    chain: Chain, server: Server
) -> None:
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca)
    async with checker(by="ocsp") as revocation:
        for _ in range(5):
            await revocation.check(chain.path_without_root, at=NOW)
        sockets = {id(request.protocol) for request in server.requests}
        assert len(sockets) == 1
    # Then it can be used again.
    async with revocation:
        await revocation.check(chain.path_without_root, at=NOW)


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


def port(server: Server) -> str:
    return server.address.rsplit(":", 1)[1]


HOSTS = {
    "an address": lambda port: f"http://127.0.0.1:{port}",
    "an address of IPv6": lambda port: f"http://[::1]:{port}",
    "IPv4 in IPv6": lambda port: f"http://[::ffff:127.0.0.1]:{port}",
    "a name": lambda port: f"http://revocation.example:{port}",
    "localhost": lambda port: f"http://localhost:{port}",
}


@either_way
@pytest.mark.parametrize("what", HOSTS)
async def test_what_leads_inside_is_refused_before_anything_is_sent(
    server: Server, root: CA, what: str, by: str
) -> None:
    path = Chain.create(HOSTS[what](port(server)), root).path_without_root
    assert await refused_outside(path, by, resolver=Names()) == "private-address"
    assert server.asked == []


async def test_a_name_that_leads_inside_is_followed_where_that_is_allowed(
    server: Server, root: CA
) -> None:
    chain = Chain.create(HOSTS["a name"](port(server)), root)
    server.handlers["ocsp/issuing"] = OCSPAnswer(chain.ca)
    names = Names()
    await accepted(chain.path_without_root, by="ocsp", resolver=names)
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
@either_way
async def test_a_number_is_no_name(
    server: Server, root: CA, by: str, own_resolver: bool
) -> None:
    names = Names("8.8.8.8")
    resolver = names if own_resolver else None
    for host in NUMERIC.split():
        odd = addresses(f"http://{host}:{port(server)}", "issuing")
        path = Chain.create(server.address, root, extra=odd).path_without_root
        assert await refused_outside(path, by, resolver=resolver) == "bad-address", host
    assert server.asked == []
    assert names.asked == []


@either_way
@pytest.mark.parametrize("host", ["localhost", "localhost.", "a.localhost"])
async def test_what_the_system_resolves_to_this_computer_is_refused(
    server: Server, root: CA, host: str, by: str
) -> None:
    path = Chain.create(f"http://{host}:{port(server)}", root).path_without_root
    # Not every system knows each of these names.
    assert await refused_outside(path, by) in {"private-address", "unreachable"}
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


@either_way
async def test_where_a_connection_has_ended_decides(
    server: Server, root: CA, by: str
) -> None:
    path = Chain.create(HOSTS["a name"](port(server)), root).path_without_root
    names = Rebinding()
    assert await refused_outside(path, by, resolver=names) == "private-address"
    assert names.asked == ["revocation.example"]
    assert server.asked == []


ODD: dict[str, Callable[[int], str]] = {
    "a password": lambda port: f"http://user:secret@127.0.0.1:{port}",
    "no host": lambda _: "http:///",
    "no such port": lambda _: "http://127.0.0.1:99999",
    "not closed": lambda _: "http://[::1",
    "a label of 64": lambda port: f"http://{'a' * 64}.example:{port}",
    "an empty label": lambda port: f"http://a..example:{port}",
    "a line feed": lambda port: f"http://127.0.0.1:{port}/\r\nX: y",
    "a line feed in the host": lambda port: f"http://a%0d%0ab.example:{port}",
    "a zero": lambda port: f"http://127.0.0.1\0.example:{port}",
}


@pytest.mark.parametrize("what", ODD)
@either_way
async def test_an_odd_address_is_refused_and_not_told_with_its_password(
    server: Server, root: CA, what: str, by: str
) -> None:
    odd = addresses(ODD[what](int(port(server))), "issuing")
    error = await refusal(
        Chain.create(server.address, root, extra=odd).path_without_root,
        by=by,
        allow_private_addresses=False,
        resolver=Names(),
    )
    assert error.reason in {"bad-address", "private-address", "unreachable"}
    assert "secret" not in str(error)
    assert server.asked == []


@pytest.mark.parametrize("scheme", ["ldap", "file", "ftp", "gopher"])
async def test_only_http_counts(server: Server, root: CA, scheme: str) -> None:
    odd = server.address.replace("http", scheme)
    chain = Chain.create(server.address, root, extra=addresses(odd, "issuing"))
    for by in KINDS:
        error = await refusal(chain.path_without_root, by=by)
        assert error.reason == "no-address"


async def test_extensions_that_cannot_be_read_are_a_refusal(
    server: Server, root: CA
) -> None:
    chain = Chain.create(server.address, root)
    broken = bytearray(chain.leaf.der)
    for oid in ("2B06010505073001", "551D1F"):  # in both, the length follows
        broken[broken.index(bytes.fromhex(oid)) + len(oid) // 2 + 3] = 0x7F
    path = CertificatePath(
        x509.Certificate.load(bytes(broken)), chain.ca.certificate, None
    )
    for by in KINDS:
        assert (await refusal(path, by=by)).reason == "bad-address"
