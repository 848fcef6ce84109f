# SPDX-License-Identifier: MIT
"""Rate limits of a service.

A service implements ``RateLimit`` itself, since it knows the proxies in front of it.
``FixedWindowLimit`` suits a service of one process.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kortilla.addresses import IPAddress, embedded_ipv4
from kortilla.errors import RateLimitedError

__all__ = ["Attempt", "FixedWindowLimit", "RateLimit"]


@dataclass(frozen=True)
class Attempt:
    """A request to one of the routes that are limited.

    ``route`` is ``challenge``, ``login`` or ``logout``; in the OpenID Provider it is
    also ``authorize`` or ``push``, where a login begins. ``client`` is the peer's
    address as the web framework reports it: **behind a proxy it is the proxy's**,
    unless the framework or the server is configured to trust the proxy's headers.
    ``session_id`` comes from the cookie, unverified, or is None.
    """

    route: str
    client: str | None
    session_id: str | None


class RateLimit(Protocol):
    """Called before the body of a request is read and before a store is used."""

    async def __call__(self, attempt: Attempt) -> None:
        """Return if the attempt is allowed.

        Raises ``RateLimitedError``; the response is 429 with ``Retry-After``.
        """
        ...


#: Characters of an address: an IPv6 address, or a proxy's text in its place.
_LONGEST = 64


@dataclass
class _Window:
    ends: float
    attempts: int = 0


class FixedWindowLimit:
    """At most ``limit`` attempts of one client on one route in ``seconds``.

    A client is an IPv4 address, or the first 64 bits of an IPv6 address, since a client
    chooses the rest freely. A user of a server or a tunnel often chooses among the
    65,536 such networks below one /48, so each /48 has ten times ``limit``, or
    ``site_limit``. It counts only in this process, for at most ``capacity`` clients
    and routes, and drops the oldest counts beyond that. Attempts without an address
    share one count. ``clock`` returns seconds.
    """

    def __init__(
        self,
        limit: int,
        *,
        site_limit: int | None = None,
        seconds: float = 60,
        capacity: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._site_limit = 10 * limit if site_limit is None else site_limit
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._windows: OrderedDict[tuple[str, str | None], _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    async def __call__(self, attempt: Attempt) -> None:
        """Count an attempt. Raises ``RateLimitedError`` beyond the limit."""
        now = self._clock()
        address = _address(attempt.client)
        if not isinstance(address, ipaddress.IPv6Address):
            client = None if address is None else str(address)[:_LONGEST]
            self._count(self._window(attempt.route, client, now), self._limit, now)
            return
        site = self._window(attempt.route, _network(address, 48), now)
        if site.attempts >= self._site_limit:  # and no narrow network takes a place
            raise _refusal(site, now)
        network = _network(address, 64)
        self._count(self._window(attempt.route, network, now), self._limit, now)
        # Last: what one narrow network sends in vain is not held against the others.
        site.attempts += 1

    def _window(self, route: str, client: str | None, now: float) -> _Window:
        key = (route, client)
        while self._windows:
            oldest = next(iter(self._windows))
            full = key not in self._windows and len(self._windows) >= self._capacity
            if not full and self._windows[oldest].ends > now:
                break
            del self._windows[oldest]
        return self._windows.setdefault(key, _Window(now + self._seconds))

    @staticmethod
    def _count(window: _Window, limit: int, now: float) -> None:
        window.attempts += 1
        if window.attempts > limit:
            raise _refusal(window, now)


def _refusal(window: _Window, now: float) -> RateLimitedError:
    return RateLimitedError(retry_after=max(1, math.ceil(window.ends - now)))


def _address(client: str | None) -> IPAddress | str | None:
    """Return an address, an IPv4 address where one is embedded, or other text as is."""
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return client
    return embedded_ipv4(address) or address


def _network(address: ipaddress.IPv6Address, bits: int) -> str:
    return str(ipaddress.IPv6Network((int(address), bits), strict=False))
