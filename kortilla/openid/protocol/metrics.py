# SPDX-License-Identifier: MIT
"""Metrics of the provider's requests, by endpoint and client.

- ``kortilla_openid_requests_total{endpoint, client, result}``: ``result`` is ``ok``, an
  error of OAuth, or the status of another answer
- ``kortilla_openid_request_seconds{endpoint}``: a histogram

No label has what a client or a browser chose: ``client`` is a registered one or empty.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_ENDPOINT = re.compile(
    r"\.well-known/openid-configuration|jwks|authorize|par|token|userinfo|logout"
    r"|healthz|readyz"
)
_LOGIN = re.compile(
    r"login/[A-Za-z0-9_-]{43}(/challenge|/login|/done|/cancel|/simulate)?"
)
#: Seconds: from what is in memory up to a token that is slow.
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def endpoint(path: str) -> str:
    """Return the name of a path below the issuer's, without what a client chose."""
    below = path.removeprefix("/")
    if _ENDPOINT.fullmatch(below):
        return below
    if login := _LOGIN.fullmatch(below):
        return f"login/…{login[1] or ''}"
    return "static/…" if below.startswith("static/") else "another path"


@dataclass
class Observed:
    """A request: its endpoint, and what became known while it was answered."""

    endpoint: str
    client: str = ""
    error: str = ""
    status: int = 500
    seconds: float = 0

    @property
    def result(self) -> str:
        """The error, or ``ok``, or the status."""
        return self.error or ("ok" if self.status < 400 else str(self.status))


_NOW: ContextVar[Observed | None] = ContextVar("observed", default=None)


@contextmanager
def observing(path: str) -> Iterator[Observed]:
    """Measure a request, and let ``note`` find it meanwhile."""
    observed, since = Observed(endpoint(path)), time.monotonic()
    before = _NOW.set(observed)
    try:
        yield observed
    finally:
        _NOW.reset(before)
        observed.seconds = time.monotonic() - since


def note(*, client: str = "", error: str = "") -> None:
    """Say the registered client, or the error, of the request that is answered now."""
    if (now := _NOW.get()) is not None:
        now.client, now.error = client or now.client, error or now.error


class RequestMetrics:
    """Counts requests in a registry of ``prometheus_client``, as a hook of requests."""

    def __init__(self, registry: "CollectorRegistry") -> None:
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - an extra

        self._requests = Counter(
            "kortilla_openid_requests",
            "Requests to the OpenID Provider.",
            ["endpoint", "client", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "kortilla_openid_request_seconds",
            "How long the OpenID Provider took to answer.",
            ["endpoint"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def __call__(self, observed: Observed) -> None:
        """Count a request."""
        labels = observed.endpoint, observed.client, observed.result
        self._requests.labels(*labels).inc()
        self._seconds.labels(observed.endpoint).observe(observed.seconds)
