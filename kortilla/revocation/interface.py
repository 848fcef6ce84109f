# SPDX-License-Identifier: MIT
"""What a service sees of revocation checking: path, checker, reasons and status."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Literal, Protocol

from kortilla.errors import (
    UserCertificateCRLCheckFailedError,
    UserCertificateOCSPCheckFailedError,
)


class Certificate(Protocol):
    """The part of ``asn1crypto.x509.Certificate`` that a checker may use.

    asn1crypto has no types. ``subject`` is its ``Name``; ``dump`` returns the
    certificate in DER.
    """

    @property
    def serial_number(self) -> int: ...
    @property
    def subject(self) -> Any: ...
    @property
    def not_valid_before(self) -> datetime: ...
    @property
    def not_valid_after(self) -> datetime: ...
    def dump(self) -> bytes:
        """Return the certificate (DER)."""
        ...


@dataclass(frozen=True)
class CertificatePath:
    """A validated path: the person's certificate, its issuing CA, and the root.

    ``root`` is None if the service's trust has the issuing CA alone.
    """

    leaf: Certificate
    issuer: Certificate
    root: Certificate | None

    def __repr__(self) -> str:
        # Without the person's name, for logs.
        issuer = self.issuer.subject.human_friendly
        return f"CertificatePath({self.leaf.serial_number:#x} of {issuer!r})"


class RevocationChecker(Protocol):
    """Checks revocation, after the path and the token's signature are verified."""

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        """Return if no certificate of the path was revoked at that time.

        Raises ``UserCertificateRevokedError``, and ``RevocationCheckFailedError`` if
        there is no trustworthy answer.
        """
        ...


class _Unchecked:
    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        return None


#: Accepts every path without a check, so that a card that was reported lost or stolen
#: still logs in. It is never the default; a test without a responder may use it. FINEID
#: S2 demands the check.
UNCHECKED: RevocationChecker = _Unchecked()


@unique
class Reason(StrEnum):
    """Stable values, for programs. Append only."""

    # Where to ask
    NO_ADDRESS = "no-address"  # the certificate names no http address
    BAD_ADDRESS = "bad-address"  # one that can't be used, or has a password in it
    PRIVATE_ADDRESS = "private-address"  # it leads into the service's own network
    HOST_NOT_ALLOWED = "host-not-allowed"  # not one that a proxy is asked for
    # Fetching
    UNREACHABLE = "unreachable"  # no such name, no connection, connection broken
    TIMEOUT = "timeout"
    HTTP_STATUS = "http-status"
    REDIRECTED = "redirected"
    ENCODED = "encoded"  # compressed, although that was not asked for
    TOO_LARGE = "too-large"
    INCOMPLETE = "incomplete"  # the connection ended before the content did
    STORAGE = "storage"  # the folder for the lists of revoked certificates
    # What came
    NOT_OCSP = "not-ocsp"
    UNSUCCESSFUL = "unsuccessful"  # the responder says that it can't answer
    NOT_CRL = "not-crl"
    WRONG_CERTIFICATE = "wrong-certificate"  # an answer about another one
    WRONG_ISSUER = "wrong-issuer"  # the list of another CA
    WRONG_SCOPE = "wrong-scope"  # a list for other certificates, or other reasons
    DELTA = "delta"  # a list of changes
    INDIRECT = "indirect"  # a list of several CAs' certificates
    CRITICAL_EXTENSION = "critical-extension"  # one that is not understood
    NONCE_MISSING = "nonce-missing"
    NONCE_MISMATCH = "nonce-mismatch"  # an answer to another request: a replay
    TOO_OLD = "too-old"
    FROM_THE_FUTURE = "from-the-future"
    EXPIRED = "expired"
    NOT_KEPT = "not-kept"  # it need not name certificates that have expired
    # Who signed it
    SIGNATURE_ALGORITHM = "signature-algorithm"  # SHA-1 or another that is not accepted
    SIGNATURE = "signature"
    RESPONDER_NOT_AUTHORISED = "responder-not-authorised"
    # What it says
    UNKNOWN = "unknown"  # the responder does not know the certificate


class NoAnswerError(Exception):
    """There is no trustworthy answer. The message continues after a host's name."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@contextmanager
def named(
    error: type[UserCertificateOCSPCheckFailedError]
    | type[UserCertificateCRLCheckFailedError],
    host: str,
) -> Iterator[None]:
    """Turn ``NoAnswerError`` into an error that names the host."""
    try:
        yield
    except NoAnswerError as fault:
        what = "OCSP" if error is UserCertificateOCSPCheckFailedError else "CRL"
        raise error(f"{what}, {host}: {fault}", reason=fault.reason.value) from fault


@dataclass(frozen=True)
class Revoked:
    """The revocation of a certificate.

    ``since`` is when, as the CA dates it, or when the certificate became invalid if
    that is earlier. None is not known. ``keeps_timestamps``: the reason is stated, and
    none for which timestamps from before fall (RFC 3161 §4): unspecified,
    affiliationChanged, superseded or cessationOfOperation.
    """

    since: datetime | None = None
    keeps_timestamps: bool = False


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
