# SPDX-License-Identifier: MIT
"""Where a service limits how often somebody may try.

The limit is the service's own: it knows what stands in front of it. ``RateLimit`` is
what it implements; ``FixedWindowLimit`` does for one process.
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
    """Somebody calls one of the routes that take a POST.

    ``route`` is ``challenge``, ``login`` or ``logout``. ``client`` is the address that
    the web framework tells: **behind a proxy it is the proxy's**, unless framework or
    server are told to believe what the proxy says of the client. ``session_id`` is what
    the cookie says and nobody has checked, or None.
    """

    route: str
    client: str | None
    session_id: str | None


class RateLimit(Protocol):
    """What is asked before the body of a request is read or a store is asked."""

    async def __call__(self, attempt: Attempt) -> None:
        """Return when the attempt may go on.

        Raises ``RateLimitedError``, which the client gets as 429 with ``Retry-After``.
        """
        ...


@dataclass
class _Window:
    ends: float
    attempts: int = 0


class FixedWindowLimit:
    """At most ``limit`` attempts of one client on one route in ``seconds``.

    A client is an IPv4 address, or the first 64 bits of an IPv6 address: the rest
    anybody chooses as often as they like. It counts in this process alone, for at most
    ``capacity`` clients and routes; the counts that began first are forgotten beyond
    that. Attempts without an address share one count. ``clock`` returns seconds.
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
    """Return what one client can't choose of its address; what is none stays."""
    try:
        address = ipaddress.ip_address(client or "")
    except ValueError:
        return client
    address = embedded_ipv4(address) or address
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.IPv6Network((int(address), 64), strict=False))
