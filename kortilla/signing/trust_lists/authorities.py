# SPDX-License-Identifier: MIT
"""Finds the authorities of the EU's lists that issued certificates and timestamps.

The certificates of services in a list are trust anchors (ETSI TS 119 615 §4.2): a path
from one of them to the certificate is verified as RFC 5280 says, at a given time.
"""

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from kortilla.revocation import CertificatePath
from kortilla.revocation.certificates import Subject
from kortilla.signing.trust_lists.entries import (
    Periods,
    Service,
    identity,
    subject_key,
)
from kortilla.signing.trust_lists.qualified import (
    Facts,
    Qualification,
    qualification,
)
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.validation.leaf import ExactCertificate

_MOST_CERTIFICATES = 100
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

    @cached_property
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

    ``others`` are CAs' certificates that came with it, ``at`` is the time of signing,
    and ``proven`` whether a timestamp proves it; otherwise the state of now counts as
    well. The listed certificate that is nearest to the signer decides, whatever is
    listed above it. Of several entries of that name and key it is the weakest.
    """
    try:
        facts = Facts.of(certificate)
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    signed = (at,) if proven else (at, now)
    times = (certificate.not_valid_before, *signed)
    found = []
    for territory, service, path in await _nearest(lists, certificate, others, at):
        latest = max(now, lists.by_territory[territory].trust_list.issued)
        found.append(
            Authority(
                territory,
                service.provider,
                service.name,
                granted=service.is_granted(at),
                granted_since=service.is_granted(latest),
                qualification=qualification(facts, service, times),
                current=lists.is_current(territory, now),
                path=path,
            )
        )
    return min(found, key=_worth, default=None)


def time_stampers(
    lists: TrustLists, certificates: Iterable[bytes], *, now: datetime
) -> Iterator[tuple[bytes, Periods]]:
    """Yield who is listed for qualified timestamps with these certificates, or above.

    Each is a certificate (DER), and from when until when it counts; None is until now.
    One that was withdrawn, or that is in a list that does not count now, has no such
    time: it is there since it decides in place of those above it.
    """
    subjects: set[str] = set()
    for each in _readable(certificates):
        # A list names services' certificates, or those of the CAs above.
        subjects |= {subject_key(each.issuer), subject_key(each.subject)}
    for territory, service in lists.time_stampers(subjects):
        current = lists.is_current(territory, now)
        periods = service.granted_times("qtst") if current else ()
        for der in service.certificates:
            yield base64.b64decode(der), tuple(periods)


def _readable(certificates: Iterable[bytes]) -> list[x509.Certificate]:
    found = []
    for each in [*certificates][:_MOST_CERTIFICATES]:
        # asn1crypto raises any exception on odd input.
        with suppress(Exception):
            certificate = ExactCertificate.load(each, strict=True)
            subject_key(certificate.issuer), subject_key(certificate.subject)
            found.append(certificate)
    return found


def _worth(found: Authority) -> tuple[bool, bool, str, bool]:
    # "qualified-…" comes after "none" and "advanced-…" in the order of letters, and
    # "none" after "advanced-…".
    rank = "" if found.qualification == "none" else found.qualification
    return found.current, found.granted, rank, found.granted_since


async def _nearest(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    at: datetime,
) -> list[tuple[str, Service, tuple[x509.Certificate, ...]]]:
    """Return the entries of the listed certificate nearest to one, and the path."""
    subjects = {subject_key(each.issuer) for each in (certificate, *others)}
    listed = [*lists.issuers(subjects)][:_MOST_CANDIDATES]
    every = frozenset[bytes]().union(*(each.identities for _, each in listed))
    paths = []
    for _, service in listed:
        path = await _path(service, certificate, others, at) or ()
        # Another certificate of a listed name and key is as good as the listed one.
        ends = [n for n, each in enumerate(path[:-1]) if identity(each) in every]
        paths += [path[max(ends) :]] if ends else []
    if not paths:
        return []
    shortest = min(paths, key=len)
    nearest = identity(shortest[0])
    return [(*each, shortest) for each in listed if nearest in each[1].identities]


async def _path(
    service: Service,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    at: datetime,
) -> tuple[x509.Certificate, ...] | None:
    """Return a verified path from one of a service's certificates, if there is one."""
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
        path = await validator.async_validate_path()
        return tuple(path.iter_certs(include_root=True))
    except Exception:  # certvalidator raises any exception on odd input
        return None
