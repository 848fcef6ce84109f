# SPDX-License-Identifier: MIT
"""An HTTP client for the URLs in certificates, which trusts neither URLs nor hosts.

It follows redirects only where it is told to, decompresses nothing, uses no cookies,
bounds size and time, and refuses addresses in the service's own network (SSRF), also
those that a redirect leads to. It checks the address that a connection is made to, so
that DNS rebinding gains nothing, and checks the peer's address again before it sends
anything.

A proxy resolves the name and connects, so no address can be checked here. With a proxy
only known host names are requested, unless it is asked for all.
"""

import functools
import ipaddress
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from yarl import URL

from kortilla.addresses import embedded_ipv4
from kortilla.proxies import Proxies
from kortilla.revocation.interface import NoAnswerError, Reason

_CONNECT_SECONDS = 5.0
#: Seconds in which nothing comes. A long list takes longer, but goes on coming.
_SILENT_SECONDS = 10.0
_CHUNK = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Limits:
    """The limits of a download, in seconds and octets."""

    seconds: float
    octets: int


def is_public(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = embedded_ipv4(ip) or ip
    if isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def host_of(address: str) -> str:
    """Return the host of a URL, fit for a log, or words that it has none."""
    url = _parse(address)
    return "an address that can't be used" if url is None else str(url.host)


class _PrivateAddressError(OSError):
    pass


class _PublicResolver(AbstractResolver):
    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        public = [each for each in found if is_public(each["host"])]
        if found and not public:
            raise _PrivateAddressError(host)
        return public

    async def close(self) -> None:
        await self._inner.close()


class _PublicConnector(aiohttp.TCPConnector):
    """Refuses connections whose peer has a private address."""

    async def connect(self, *arguments: Any, **options: Any) -> Connection:
        connection = await super().connect(*arguments, **options)
        transport = connection.transport
        peer = transport and transport.get_extra_info("peername")
        if not peer or not is_public(peer[0]):
            connection.close()
            raise _PrivateAddressError
        return connection


class Fetcher:
    """An HTTP client with one connection pool, opened at the first use.

    It belongs to the event loop of its first use. ``proxies`` are used for
    ``proxy_hosts`` and their subdomains alone, unless private addresses are allowed, or
    it is None: for all hosts.
    """

    def __init__(
        self,
        *,
        allow_private_addresses: bool = False,
        resolver: AbstractResolver | None = None,
        proxies: Proxies | None = None,
        proxy_hosts: Collection[str] | None = (),
    ) -> None:
        self._allow_private_addresses = allow_private_addresses
        self._own_resolver = resolver
        self._proxies = proxies or Proxies()
        self._any_proxied = allow_private_addresses or proxy_hosts is None
        self._proxy_hosts = [host.lower().strip(".") for host in proxy_hosts or ()]
        #: The sessions with their resolvers; the key says whether a proxy is used.
        self._sessions: dict[bool, tuple[aiohttp.ClientSession, AbstractResolver]] = {}

    async def close(self) -> None:
        """Close the connections. A later request opens new ones."""
        sessions, self._sessions = self._sessions, {}
        for session, resolver in sessions.values():
            await session.close()
            await resolver.close()

    async def post(
        self,
        address: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        limits: Limits,
        accepted: Collection[int] = (200,),
    ) -> bytes:
        """Return the body of a POST's response with an accepted status.

        Raises ``NoAnswerError``.
        """
        async with self._answer(
            "POST", address, limits, headers, body, accepted=accepted
        ) as answer:
            return b"".join([chunk async for chunk in self._chunks(answer, limits)])

    async def read(
        self, address: str, *, limits: Limits, redirects: int, same_host: bool = False
    ) -> bytes:
        """Return the body of a GET's response, after so many redirects at most.

        Each is checked as the first address. With ``same_host`` they lead to no other
        host. The limits are for each. Raises ``NoAnswerError``.
        """
        host = host_of(address)
        for left in range(redirects, -1, -1):
            accepted = (200, *_REDIRECTS) if left else (200,)
            async with self._answer(
                "GET", address, limits, {}, accepted=accepted
            ) as answer:
                if answer.status == 200:
                    return b"".join(
                        [part async for part in self._chunks(answer, limits)]
                    )
                try:
                    place = URL(answer.headers.get("Location", ""))
                    address = str(answer.url.join(place))
                except ValueError as error:
                    raise _bad_address() from error
            if same_host and host_of(address) != host:
                raise NoAnswerError(Reason.REDIRECTED, "it sends on to another host.")
        raise AssertionError("the last answer is no redirect")

    @asynccontextmanager
    async def get(
        self, address: str, *, headers: Mapping[str, str], limits: Limits
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, AsyncIterator[bytes]]]:
        """Yield the response and an iterator over its content.

        The status is 200, or 304 if the headers set a condition.

        Raises ``NoAnswerError``.
        """
        async with self._answer("GET", address, limits, headers) as answer:
            yield answer, self._chunks(answer, limits)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        address: str,
        limits: Limits,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        accepted: Collection[int] = (200,),
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = self._check_address(address)
        # A compressed body could decompress to any size.
        sent = {"Accept-Encoding": "identity", **headers}
        options = self._proxies.options(url, sent)
        if proxied := "proxy" in options:
            self._check_proxied(url)
        try:
            async with self._open(proxied=proxied).request(
                method,
                url,
                data=body,
                **options,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=limits.seconds,
                    # With the resolution of the name, which a broken network delays.
                    connect=min(_CONNECT_SECONDS, limits.seconds),
                    sock_read=min(_SILENT_SECONDS, limits.seconds),
                ),
            ) as answer:
                try:
                    if not (answer.status == 304 and method == "GET" and headers):
                        _check_head(answer, limits, accepted)
                    yield answer
                except BaseException:
                    # Do not return the connection of a faulty host to the pool.
                    answer.close()
                    raise
        except TimeoutError as error:
            raise NoAnswerError(
                Reason.TIMEOUT,
                f"no answer in time ({limits.seconds:g} seconds at most); is it up, "
                "and may this server connect to it?",
            ) from error
        except aiohttp.ClientPayloadError as error:
            raise NoAnswerError(
                Reason.INCOMPLETE, "the connection ended before the answer did."
            ) from error
        except aiohttp.ClientHttpProxyError as error:
            raise NoAnswerError(
                Reason.UNREACHABLE,
                f"the proxy made no connection to it (HTTP status {error.status}).",
            ) from error
        except aiohttp.ClientProxyConnectionError as error:
            raise NoAnswerError(
                Reason.UNREACHABLE,
                f"there is no connection to the proxy {error.host}:{error.port}.",
            ) from error
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            cause = getattr(error, "os_error", error.__cause__)
            # aiohttp 3.11 of Debian 13 passes on the connector's error as it is.
            if isinstance(cause or error, _PrivateAddressError):
                raise _private() from error
            raise NoAnswerError(
                Reason.UNREACHABLE,
                "no connection, or one that broke; is it up, does its name resolve, "
                "and may this server connect to it?",
            ) from error

    async def _chunks(
        self, answer: aiohttp.ClientResponse, limits: Limits
    ) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > limits.octets:
                raise _too_large(limits)
            yield chunk

    def _check_address(self, address: str) -> URL:
        url = _parse(address)
        if url is None or url.user or url.password:
            raise _bad_address()
        # aiohttp calls no resolver for a literal IP address.
        host = str(url.host)
        if not self._allow_private_addresses and _is_ip(host) and not is_public(host):
            raise _private()
        return url

    def _check_proxied(self, url: URL) -> None:
        host = f".{str(url.host).lower().rstrip('.')}"
        if not self._any_proxied and not any(
            host.endswith(f".{known}") for known in self._proxy_hosts
        ):
            raise NoAnswerError(
                Reason.HOST_NOT_ALLOWED,
                "it is none of the hosts that a proxy is asked for, which are given as "
                "proxy_hosts.",
            )

    def _open(self, *, proxied: bool) -> aiohttp.ClientSession:
        if proxied not in self._sessions:
            resolver = self._own_resolver or aiohttp.DefaultResolver()
            connector: type[aiohttp.TCPConnector] = aiohttp.TCPConnector
            # A proxy is nearly always in the service's own network.
            if not (proxied or self._allow_private_addresses):
                resolver, connector = _PublicResolver(resolver), _PublicConnector
            session = aiohttp.ClientSession(
                # Shorter than any responder keeps an idle connection: a POST on one
                # that is just being closed would be lost.
                connector=connector(resolver=resolver, keepalive_timeout=2),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                headers={"User-Agent": "kortilla"},
            )
            self._sessions[proxied] = session, resolver
        return self._sessions[proxied][0]


@functools.lru_cache(maxsize=64)
def _parse(address: str) -> URL | None:
    """Return a parsed http URL with a host, fit for a log."""
    if not address.isascii() or not address.isprintable():
        return None
    try:
        url = URL(address)
        host = url.host
    except ValueError:
        return None
    # The decoded text may hold unprintable characters.
    if not host or not host.isprintable() or url.scheme not in {"http", "https"}:
        return None
    if not _is_ip(host) and (_is_numeric(host) or "%" in host):
        return None
    return url


def _is_numeric(host: str) -> bool:
    """Return whether a host is an IPv4 address in an unusual notation.

    Such as ``127.1``, ``0x7f.1`` or ``2130706433`` (WHATWG URL, "ends in a number").
    """
    label = host.rstrip(".").rpartition(".")[2]
    return label.isdecimal() or label.startswith("0x")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_head(
    answer: aiohttp.ClientResponse, limits: Limits, accepted: Collection[int]
) -> None:
    if answer.status in _REDIRECTS and answer.status not in accepted:
        raise NoAnswerError(
            Reason.REDIRECTED,
            "it sends on to another address, which is not followed; is there a portal "
            "or a proxy on the way?",
        )
    if answer.status not in accepted:
        raise NoAnswerError(
            Reason.HTTP_STATUS,
            f"HTTP status {answer.status}; it, or a proxy on the way, may be out of "
            "order or refuse this server.",
        )
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NoAnswerError(
            Reason.ENCODED, "the answer is compressed, although that was not asked for."
        )
    if (answer.content_length or 0) > limits.octets:
        raise _too_large(limits)


def _too_large(limits: Limits) -> NoAnswerError:
    return NoAnswerError(
        Reason.TOO_LARGE, f"the answer is longer than {limits.octets:,} octets."
    )


def _bad_address() -> NoAnswerError:
    return NoAnswerError(Reason.BAD_ADDRESS, "the address can't be used.")


def _private() -> NoAnswerError:
    return NoAnswerError(
        Reason.PRIVATE_ADDRESS,
        "it is inside a private network, which is allowed only with "
        "allow_private_addresses=True.",
    )
