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
from kortilla.signing.trust_lists.entries import Service, subject_key
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
    ``granted_since`` whether it still was when the list was made. ``current`` says
    whether the list counts now.
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
    now: datetime,
) -> Authority | None:
    """Return the authority that issued a signer's certificate.

    ``others`` are CAs' certificates that came with it, ``at`` is the time of signing.
    Of several it is the one that says most.
    """
    try:
        facts = Facts.of(certificate)
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    issued = certificate.not_valid_before
    found = []
    for territory, service, path in await _paths(lists, certificate, others, at):
        kept = lists.by_territory[territory].trust_list
        found.append(
            Authority(
                territory,
                service.provider,
                service.name,
                granted=service.is_granted(at),
                granted_since=service.is_granted(kept.issued),
                qualification=qualification(facts, service, (issued, at)),
                current=lists.is_current(territory, now),
                path=path,
            )
        )
    return max(found, key=_worth, default=None)


def time_stampers(
    lists: TrustLists, certificates: Iterable[bytes], *, now: datetime
) -> Iterator[tuple[bytes, datetime, datetime | None]]:
    """Yield who may sign qualified timestamps with these certificates (DER), or above.

    Each is a certificate (DER), and from when until when it counts; None is until now.
    Only lists that count now vouch for any.
    """
    subjects: set[str] = set()
    for each in _readable(certificates):
        # A list names services' certificates, or those of the CAs above.
        subjects |= {subject_key(each.issuer), subject_key(each.subject)}
    for territory, service in lists.time_stampers(subjects):
        if lists.is_current(territory, now):
            for begin, end in service.granted_times("qtst"):
                for der in service.certificates:
                    yield base64.b64decode(der), begin, end


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


async def _paths(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    at: datetime,
) -> list[tuple[str, Service, tuple[x509.Certificate, ...]]]:
    subjects = {subject_key(each.issuer) for each in (certificate, *others)}
    found = []
    for territory, service in [*lists.issuers(subjects)][:_MOST_CANDIDATES]:
        path = await _path(service, certificate, others, at)
        if path is not None:
            found.append((territory, service, path))
    return found


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
