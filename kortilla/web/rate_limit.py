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

from kortilla.addresses import embedded_ipv4
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


@dataclass
class _Window:
    ends: float
    attempts: int = 0


class FixedWindowLimit:
    """At most ``limit`` attempts of one client on one route in ``seconds``.

    A client is an IPv4 address, or the first 64 bits of an IPv6 address, since a client
    chooses the rest freely. It counts in this process alone, for at most ``capacity``
    clients and routes, and drops the oldest counts beyond that. Attempts without an
    address share one count. ``clock`` returns seconds.
    """

    def __init__(
        self,
        limit: int,
        *,
        seconds: float = 60,
        capacity: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._capacity = capacity
        self._clock = clock
        self._windows: OrderedDict[tuple[str, str | None], _Window] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    async def __call__(self, attempt: Attempt) -> None:
        """Count an attempt. Raises ``RateLimitedError`` beyond the limit."""
        now = self._clock()
        key = (attempt.route, _network_of(attempt.client))
        while self._windows:
            oldest = next(iter(self._windows))
            full = key not in self._windows and len(self._windows) >= self._capacity
            if not full and self._windows[oldest].ends > now:
                break
            del self._windows[oldest]
        window = self._windows.setdefault(key, _Window(now + self._seconds))
        window.attempts += 1
        if window.attempts > self._limit:
            raise RateLimitedError(retry_after=max(1, math.ceil(window.ends - now)))


def _network_of(client: str | None) -> str | None:
    """Return the part of an address that a client can't choose, or other text as is."""
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return client
    address = embedded_ipv4(address) or address
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
