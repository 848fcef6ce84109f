# SPDX-License-Identifier: MIT
"""Judges certificates that an authority of the EU's trusted lists issued.

The lists vouch for qualified certificates only, of authorities that were granted. They
say nothing of Citizen Certificates, whose authority is pinned: a list could only weaken
that.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from asn1crypto import x509

from kortilla.errors import RelyingPartyError, UserCertificateWeakKeyError
from kortilla.revocation import RevocationChecker
from kortilla.revocation.interface import NoAnswerError
from kortilla.signing.trust_lists.authorities import (
    Authority,
    find_issuer,
    read_trusted,
    time_stampers,
)
from kortilla.signing.trust_lists.store import TrustLists
from kortilla.signing.verification.codes import NOT_YET_VALID
from kortilla.signing.verification.findings import Findings, printable
from kortilla.signing.verification.report import ListedAuthority, Problem, Signer
from kortilla.signing.verification.trusted import TimestampAuthority
from kortilla.validation.signature import load_public_key
from kortilla.validation.trust import PRODUCTION_POLICIES


async def judge_listed(
    lists: TrustLists | None,
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    *,
    time: datetime | None,
    proven: bool,
    at: datetime,
) -> tuple[Authority | None, list[Problem]]:
    """Return the authority that issued a certificate, and what is wrong with it.

    ``others`` are CAs' certificates that came with it. ``time`` is the time of
    signing, and ``proven`` whether a timestamp proves it. ``at`` is now. Without an
    authority and without problems no list was to be looked at.
    """
    if lists is None or is_citizens(certificate):
        return None, []
    if lists.of_lists is None:
        return None, [Problem("NO_TRUST_LISTS")]
    begin, end = certificate.not_valid_before, certificate.not_valid_after
    signed = time or at
    found = await find_issuer(
        lists,
        certificate,
        others,
        at=min(max(signed, begin), end),
        proven=proven,
        now=at,
    )
    if found is None:
        lacks = lists.outdated(at) or lists.broken
        if lacks or _country(certificate) in lists.missing():
            return None, [Problem("TRUST_LIST_OUTDATED")]
        return None, [Problem("UNKNOWN_ISSUER")]
    problems = _problems(found, proven=proven)
    if not begin <= signed <= end:
        detail = NOT_YET_VALID if signed < begin else ""
        problems.append(Problem("CERTIFICATE_OUTSIDE_VALIDITY", detail))
    return found, problems + _faults(certificate)


def is_citizens(certificate: x509.Certificate) -> bool:
    """Return whether a certificate calls itself a Citizen Certificate."""
    return any(
        each["policy_identifier"].dotted == policy
        for each in certificate.certificate_policies_value or ()
        for policy in PRODUCTION_POLICIES
    )


def _country(certificate: x509.Certificate) -> object:
    """Return the letters that lists have for the country of the issuer."""
    country = certificate.issuer.native.get("country_name")
    return {"GR": "EL", "GB": "UK"}.get(str(country), country)


def _problems(found: Authority, *, proven: bool) -> list[Problem]:
    if not found.current:
        return [Problem("TRUST_LIST_OUTDATED", found.territory)]
    if not found.granted:
        return [Problem("AUTHORITY_NOT_GRANTED")]
    if not (proven or found.granted_since):
        # A holder of its key could sign today, with a time of before.
        return [Problem("AUTHORITY_WITHDRAWN")]
    return [Problem("NOT_QUALIFIED")] * (found.qualification == "none")


def _faults(certificate: x509.Certificate) -> list[Problem]:
    usage = certificate.key_usage_value
    if usage is None or "non_repudiation" not in usage.native or certificate.ca:
        return [Problem("WRONG_PURPOSE")]
    try:
        load_public_key(certificate)
    except UserCertificateWeakKeyError as error:
        return [Problem("WEAK_ALGORITHM", str(error))]
    except RelyingPartyError as error:
        return [Problem("UNSUPPORTED", str(error))]
    return []


async def check_listed(
    found: Authority, revocation: RevocationChecker, *, at: datetime
) -> None:
    """Ask about each certificate below the list's own. Raises as ``revocation``."""
    for each in found.to_check():
        await revocation.check(each, at=at)


def listed_time_stampers(
    lists: TrustLists | None, findings: Findings, *, at: datetime
) -> list[TimestampAuthority]:
    """Return who of the lists may have made the timestamps of a file."""
    stamps = [each for each in findings.timestamps if each.certificates]
    stamps += [stamp for each in findings.signatures for stamp in each.stamps]
    if lists is None or not stamps:
        return []
    found = []
    for certificate, granted in time_stampers(lists, now=at):
        # One that can't be read vouches for nothing, and harms no other.
        with suppress(NoAnswerError):
            read_trusted(certificate)
            found.append(TimestampAuthority(certificate, tuple(granted)))
    return found


def listed_authority(found: Authority) -> ListedAuthority:
    """Return the authority for the report."""
    return ListedAuthority(
        country=found.territory,
        name=printable(found.name),
        service=printable(found.service),
        qualification=found.qualification,
    )


def foreign_signer(signer: Signer) -> Signer:
    """Return a signer whose identifier is that of another country.

    The name is given names and surname: some countries put the identifier into the
    common name, and an organisation's seal has nothing else.
    """
    name = signer.name
    if signer.given_names and signer.surname:
        name = f"{signer.given_names} {signer.surname}"
    return replace(signer, name=name, satu="", identifier=signer.satu)
