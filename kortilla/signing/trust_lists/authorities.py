# SPDX-License-Identifier: MIT
"""Finds the authorities of the EU's lists that issued certificates and timestamps.

The certificates of services in a list are trust anchors (ETSI TS 119 615 §4.2): a path
from one of them to the certificate is verified as RFC 5280 says, at a given time.
"""

import base64
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from kortilla.revocation import CertificatePath
from kortilla.revocation.certificates import Subject
from kortilla.revocation.interface import NoAnswerError, Reason
from kortilla.signing.trust_lists.entries import Service, subject_key
from kortilla.signing.trust_lists.qualified import (
    Facts,
    Qualification,
    of_its_use,
    qualification,
)
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.validation.leaf import ExactCertificate

_MAX_OCTETS = 64 * 1024  # of a certificate; some are kept in caches
#: Services may share a name and a certificate; a list that has more of one is odd.
_MOST_CANDIDATES = 50


@dataclass(frozen=True)
class Authority:
    """An authority of a list, and the path from its certificate to the one judged.

    ``territory`` is the two letters of the list (``EL`` is Greece), ``name`` who
    provides the service. ``granted`` says whether it was at the time, and
    ``granted_since`` whether it still is. ``current`` says whether the list counts now.
    """

    territory: str
    name: str
    service: str
    granted: bool
    granted_since: bool
    qualification: Qualification
    current: bool
    path: tuple[x509.Certificate, ...]

    @functools.cached_property
    def chain(self) -> tuple[Subject, ...]:
        """The certificates of the path, the one that was judged first."""
        return tuple(
            Subject.of_authority(each) if number else Subject.of(each)
            for number, each in enumerate(reversed(self.path))
        )

    def to_check(self) -> list[CertificatePath]:
        """Return what may have been revoked: all but the list's own certificate."""
        links = zip(self.path, self.path[1:], strict=False)
        return [CertificatePath(own, issuer, None) for issuer, own in links]


async def find_issuer(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    *,
    at: datetime,
    proven: bool,
    now: datetime,
) -> Authority | None:
    """Return the authority that issued a signer's certificate.

    ``others`` are CAs' certificates that came with it, ``at`` is the time of signing.
    The listed certificate that is nearest to the signer's decides, and the weakest of
    its entries. A time that is not ``proven`` counts only with the present one.
    """
    begin, end = certificate.not_valid_before, certificate.not_valid_after
    try:
        facts = Facts.of(certificate)
        times = (at,) if proven else (at, min(max(now, begin), end))
        path, entries = await _nearest(lists, certificate, others, times)
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    useful = of_its_use(facts, [each for _, each in entries])
    entries = [each for each in entries if each[1] in useful]
    issued = [lists.by_territory[each].trust_list.issued for each, _ in entries]
    latest = max(now, *issued)  # a list may know more than the time that is asked for
    territory, service = min(
        entries,
        key=lambda each: (
            lists.is_current(each[0], now),
            each[1].is_granted(at),
            each[1].is_granted(latest),
        ),
    )
    return Authority(
        territory,
        service.provider,
        service.name,
        granted=service.is_granted(at),
        granted_since=service.is_granted(latest),
        qualification=qualification(
            facts,
            [each for _, each in entries],
            issued=begin,
            signed=(at,) if proven else (at, latest),
        ),
        current=lists.is_current(territory, now),
        path=path,
    )


def time_stampers(
    lists: TrustLists, *, now: datetime
) -> Iterator[tuple[bytes, list[tuple[datetime, datetime | None]]]]:
    """Yield certificates (DER) of all services for qualified timestamps, or above them.

    With each comes from when until when it was granted; None is until now. Only lists
    that count now vouch for any.
    """
    for territory, service in lists.services("qtst"):
        if lists.is_current(territory, now):
            for der in service.certificates:
                yield base64.b64decode(der), service.granted_times("qtst")


async def _nearest(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    times: Sequence[datetime],
) -> tuple[tuple[x509.Certificate, ...], list[tuple[str, Service]]]:
    """Return the path that decides, and the entries of its nearest listed certificate.

    A file may hold the certificate of a CA that a list names, or another one of the
    same name and key, below one that the list thinks more of. Raises ``ValueError``
    for no path.
    """
    subjects = dict.fromkeys(
        subject_key(each.issuer) for each in (certificate, *others)
    )
    found = []
    for _, service in lists.issuers(subjects)[:_MOST_CANDIDATES]:
        path = await _path(service, certificate, others, times)
        for depth, each in enumerate(reversed(path[:-1])):
            entries = _entries(lists, each)
            if entries:
                found.append((depth, len(path), path, entries))
                break
    if not found:
        raise ValueError("no path")
    depth, _, path, _ = min(found, key=lambda each: each[:2])
    return path, [entry for each in found if each[0] == depth for entry in each[3]]


def _entries(
    lists: TrustLists, authority: x509.Certificate
) -> list[tuple[str, Service]]:
    """Return the entries of an authority, which are of its name and its key."""
    key = Subject.of(authority).key_bits
    subject = subject_key(authority.subject)
    return [
        (territory, service)
        for territory, service in lists.issuers([subject])
        if any(
            own == subject and read_trusted(base64.b64decode(each)).key_bits == key
            for own, each in zip(service.subjects, service.certificates, strict=True)
        )
    ]


async def _path(
    service: Service,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    times: Sequence[datetime],
) -> tuple[x509.Certificate, ...]:
    """Return a path from a service's certificate that is valid at each of the times.

    It is empty if there is none.
    """
    path: tuple[x509.Certificate, ...] = ()
    for at in dict.fromkeys(times):
        context = ValidationContext(
            trust_roots=[
                ExactCertificate.load(base64.b64decode(each))
                for each in service.certificates
            ],
            other_certs=list(others),
            moment=at,
            allow_fetching=False,
            revocation_mode="none",
        )
        validator = CertificateValidator(certificate, list(others), context)
        try:
            found = await validator.async_validate_path()
        except Exception:  # certvalidator raises any exception on odd input
            return ()
        path = path or tuple(found.iter_certs(include_root=True))
    return path


def read_subject(certificate: bytes) -> Subject:
    """Read a certificate (DER) as it was received. Raises ``NoAnswerError``."""
    if len(certificate) > _MAX_OCTETS:
        raise NoAnswerError(Reason.TOO_LARGE, "the certificate is too long.")
    return Subject.of(ExactCertificate.load(certificate), certificate)


@functools.lru_cache(maxsize=4096)
def read_trusted(certificate: bytes) -> Subject:
    """Read a certificate that is trusted, once: the trusted lists have a thousand."""
    return read_subject(certificate)
