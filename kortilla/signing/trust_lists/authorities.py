# SPDX-License-Identifier: MIT
"""Finds the authority of the EU's lists that issued a certificate or a timestamp.

The certificates of services in a list are trust anchors (ETSI TS 119 615 §4.2): a path
from one of them to the certificate is verified as RFC 5280 says, at a given time.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from kortilla.revocation import CertificatePath
from kortilla.signing.trust_lists.entries import Kind, Service, subject_key
from kortilla.signing.trust_lists.qualified import (
    Facts,
    is_granted,
    qualification,
)
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.validation.leaf import ExactCertificate

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
    qualification: str
    current: bool
    path: tuple[x509.Certificate, ...]

    def to_check(self) -> list[CertificatePath]:
        """Return what may have been revoked: all but the list's own certificate."""
        links = zip(self.path, self.path[1:], strict=False)
        return [CertificatePath(own, issuer, None) for issuer, own in links]


async def find_issuer(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[bytes],
    *,
    at: datetime,
    now: datetime,
) -> Authority | None:
    """Return the authority that issued a signer's certificate.

    ``others`` are certificates (DER) that came with it, ``at`` is the time of signing.
    Of several it is the one that says most.
    """
    try:
        facts = Facts.of(certificate)
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    issued = certificate.not_valid_before
    found = []
    for territory, service, path in await _paths(lists, "qc", certificate, others, at):
        kept = lists.by_territory[territory].trust_list
        found.append(
            Authority(
                territory,
                service.provider,
                service.name,
                granted=is_granted(service, at),
                granted_since=is_granted(service, kept.issued),
                qualification=qualification(facts, service, (issued, at)),
                current=lists.is_current(territory, now),
                path=path,
            )
        )
    return max(found, key=_worth, default=None)


async def find_time_stamper(
    lists: TrustLists,
    certificate: x509.Certificate,
    others: Sequence[bytes],
    *,
    at: datetime,
    now: datetime,
) -> Authority | None:
    """Return the authority whose qualified timestamps a certificate may sign.

    ``at`` is the time of the timestamp. The caller judges the certificate's purpose.
    """
    found = [
        Authority(
            territory,
            service.provider,
            service.name,
            granted=is_granted(service, at),
            granted_since=is_granted(
                service, lists.by_territory[territory].trust_list.issued
            ),
            qualification="none",
            current=lists.is_current(territory, now),
            path=path,
        )
        for territory, service, path in await _paths(
            lists, "qtst", certificate, others, at
        )
    ]
    return max(found, key=_worth, default=None)


def _worth(found: Authority) -> tuple[bool, bool, str, bool]:
    # "qualified-…" comes after "none" and "advanced-…" in the order of letters, and
    # "none" after "advanced-…".
    rank = "" if found.qualification == "none" else found.qualification
    return found.current, found.granted, rank, found.granted_since


async def _paths(
    lists: TrustLists,
    kind: Kind,
    certificate: x509.Certificate,
    others: Sequence[bytes],
    at: datetime,
) -> list[tuple[str, Service, tuple[x509.Certificate, ...]]]:
    loaded = []
    for each in others:
        try:
            other = ExactCertificate.load(each, strict=True)
            subject_key(other.issuer)
        except Exception:  # noqa: S112 - asn1crypto raises any, and a path may lack it
            continue
        loaded.append(other)
    subjects = {subject_key(each.issuer) for each in (certificate, *loaded)}
    if kind == "qtst":  # a list may name the very certificate that stamps
        subjects.add(subject_key(certificate.subject))
    found = []
    services = [*lists.services(kind, subjects)][:_MOST_CANDIDATES]
    for territory, service in services:
        state = service.state_at(at)
        if state is not None and state.kind != kind:
            continue
        path = await _path(service, certificate, loaded, at)
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
    anchors = [base64.b64decode(each) for each in service.certificates]
    if certificate.dump() in anchors:
        return (certificate,)
    roots = [ExactCertificate.load(each) for each in anchors]
    context = ValidationContext(
        trust_roots=roots,
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
