# SPDX-License-Identifier: MIT
"""What a revocation checker knows of its sources, for metrics and health checks."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from kortilla.revocation.reasons import NoAnswerError, Reason

__all__ = ["CRLStatus", "RevocationStatus", "SourceStatus", "Tally"]

#: Hosts come from certificates of trusted CAs alone, so there are few.
_MOST_SOURCES = 100


@dataclass(frozen=True)
class CRLStatus:
    """A CRL in memory: the host of its URL, and its times in UTC."""

    host: str
    this_update: datetime
    next_update: datetime


@dataclass(frozen=True)
class SourceStatus:
    """The answers of a responder, or of a CRL's host, since the checker was made.

    ``failures`` counts by ``Reason``. ``working`` is whether the last answer was
    trustworthy, which was ``last_at``.
    """

    kind: Literal["ocsp", "crl"]
    host: str
    answers: int
    failures: Mapping[str, int]
    working: bool
    last_at: datetime


@dataclass(frozen=True)
class RevocationStatus:
    """The state of a checker at a time: its CRLs, and the sources that it asked."""

    at: datetime
    lists: tuple[CRLStatus, ...]
    sources: tuple[SourceStatus, ...]


@dataclass
class _Source:
    last_at: datetime
    working: bool = True
    answers: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts a checker's answers and failures."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._sources: OrderedDict[tuple[Literal["ocsp", "crl"], str], _Source] = (
            OrderedDict()
        )

    @contextmanager
    def asking(self, kind: Literal["ocsp", "crl"], host: str) -> Iterator[None]:
        """Count the outcome of the block.

        A certificate without an address, and one that a responder does not know, are
        no failures of a source.
        """
        try:
            yield
        except NoAnswerError as error:
            if error.reason not in {Reason.NO_ADDRESS, Reason.UNKNOWN}:
                source = self._source(kind, host)
                source.working = False
                source.failures[error.reason.value] += 1
            raise
        source = self._source(kind, host)
        source.working = True
        source.answers += 1

    def sources(self) -> tuple[SourceStatus, ...]:
        """Return the counts so far."""
        return tuple(
            SourceStatus(
                kind,
                host,
                each.answers,
                dict(each.failures),
                each.working,
                each.last_at,
            )
            for (kind, host), each in list(self._sources.items())
        )

    def _source(self, kind: Literal["ocsp", "crl"], host: str) -> _Source:
        now = self._clock()
        source = self._sources.setdefault((kind, host), _Source(now))
        source.last_at = now
        while len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)
        return source
