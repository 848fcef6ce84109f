# SPDX-License-Identifier: MIT
"""Metrics of a service for Prometheus (``kortilla[prometheus]``).

    Metrics(service)  # in prometheus_client's registry

- ``kortilla_events_total{event}``: all events of ``kortilla.events``
- ``kortilla_refusals_total{action, code}``: refused logins and signatures; ``action``
  is ``challenge``, ``login``, ``logout``, ``prepare`` or ``finish``
- ``kortilla_duration_seconds{action}``: a histogram of how long each took
- ``kortilla_openid_logins_total{client, outcome}``: how logins for the clients of an
  OpenID Provider ended; ``outcome`` is that of ``kortilla.events.ClientAnswered``
- ``kortilla_crl_age_seconds{host}``, ``kortilla_crl_valid_seconds{host}``: the time
  since a list's thisUpdate, and until its nextUpdate
- ``kortilla_revocation_answers_total{source, host}``,
  ``kortilla_revocation_failures_total{source, host, reason}``: ``source`` is ``ocsp``
  or ``crl``
- ``kortilla_trust_valid_seconds``: until the first issuing CA expires
- ``kortilla_events_dropped_total``: events that a hook did not see

No label has personal data. The last five are of the process that is asked: under
several workers each has its own.
"""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from kortilla.events import (
    ClientAnswered,
    Event,
    LoggedIn,
    Refused,
    SignatureMade,
    SignaturePrepared,
    SignatureRefused,
)
from kortilla.revocation import Revocation
from kortilla.web.login import LoginService

__all__ = ["Metrics"]

#: Seconds: from a card's token alone up to a revocation list that is downloaded.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts a service's events, and reports its revocation checks and trust.

    It is an event hook of ``service`` from then on, and needs no pseudonym key.
    """

    needs_pseudonym = False

    def __init__(
        self, service: LoginService, *, registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._events = Counter(
            "kortilla_events", "Events of card login.", ["event"], registry=registry
        )
        self._refusals = Counter(
            "kortilla_refusals",
            "Refused logins and signatures.",
            ["action", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "kortilla_duration_seconds",
            "How long logins, refusals and signatures took.",
            ["action"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._logins = Counter(
            "kortilla_openid_logins",
            "How logins for clients of the OpenID Provider ended.",
            ["client", "outcome"],
            registry=registry,
        )
        registry.register(_State(service))
        service.events.add(self)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        self._events.labels(event.kind).inc()
        match event:
            case LoggedIn(seconds=seconds):
                self._seconds.labels("login").observe(seconds)
            case Refused(action=action, code=code, seconds=seconds):
                self._refusals.labels(action, code).inc()
                self._seconds.labels(action).observe(seconds)
            case ClientAnswered(client_id=client, outcome=outcome):
                self._logins.labels(client, outcome).inc()
            case SignatureRefused(step=step, code=code, seconds=seconds):
                self._refusals.labels(step, code).inc()
                self._seconds.labels(step).observe(seconds)
            case SignaturePrepared(seconds=seconds):
                self._seconds.labels("prepare").observe(seconds)
            case SignatureMade(seconds=seconds):
                self._seconds.labels("finish").observe(seconds)


class _State(Collector):
    """What is read when Prometheus asks."""

    def __init__(self, service: LoginService) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        service, now = self._service, self._service.now()
        yield CounterMetricFamily(
            "kortilla_events_dropped",
            "Events that a hook did not see.",
            value=service.events.dropped,
        )
        expiry = min(ca.certificate.not_valid_after for ca in service.trust.issuers)
        yield GaugeMetricFamily(
            "kortilla_trust_valid_seconds",
            "Seconds until the first issuing CA expires.",
            value=(expiry - now).total_seconds(),
        )
        if isinstance(service.revocation, Revocation):
            yield from _of_revocation(service.revocation)


def _of_revocation(revocation: Revocation) -> Iterable[Metric]:
    status = revocation.status()
    age = GaugeMetricFamily(
        "kortilla_crl_age_seconds", "Seconds since thisUpdate.", labels=["host"]
    )
    valid = GaugeMetricFamily(
        "kortilla_crl_valid_seconds", "Seconds until nextUpdate.", labels=["host"]
    )
    for host in dict.fromkeys(each.host for each in status.lists):
        # A host may have lists of several CAs: the oldest counts.
        lists = [each for each in status.lists if each.host == host]
        made = min(each.this_update for each in lists)
        until = min(each.next_update for each in lists)
        age.add_metric([host], (status.at - made).total_seconds())
        valid.add_metric([host], (until - status.at).total_seconds())
    yield age
    yield valid
    answers = CounterMetricFamily(
        "kortilla_revocation_answers", "Trustworthy answers.", labels=["source", "host"]
    )
    failures = CounterMetricFamily(
        "kortilla_revocation_failures",
        "No trustworthy answer.",
        labels=["source", "host", "reason"],
    )
    for source in status.sources:
        answers.add_metric([source.kind, source.host], source.answers)
        for reason, count in source.failures.items():
            failures.add_metric([source.kind, source.host, reason], count)
    yield answers
    yield failures
