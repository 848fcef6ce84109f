# SPDX-License-Identifier: MIT
"""Judges timestamps: which of them prove a time, of authorities that are trusted.

The last timestamp is judged at the time of verifying. One before it is judged at the
time that the next one proves, by when it existed. So it may have expired since, and
its authority's key may have become known (ETSI EN 319 102-1 §5.6.2.4, as far as
timestamps are proofs of existence). It is also judged at the time of verifying: what
comes later takes no proof away.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from kortilla.errors import RevocationCheckFailedError, UserCertificateRevokedError
from kortilla.revocation import CertificatePath, RevocationChecker
from kortilla.revocation.certificates import Subject
from kortilla.signing.trust_lists.authorities import read_subject, read_trusted
from kortilla.signing.verification.findings import Stamp, printable
from kortilla.signing.verification.proofs.evidence import (
    Evidence,
    chain_of,
    is_same_authority,
    read_authorities,
)
from kortilla.signing.verification.report import Problem, TimestampReport
from kortilla.signing.verification.trusted import TimestampAuthority
from kortilla.threads import in_thread

_SKEW = timedelta(minutes=15)
_SIGNING = {"digital_signature", "non_repudiation"}
#: The shortest keys, by their kind.
_BITS = {"ec": 256, "rsa": 2048, "rsassa_pss": 2048}


class Timestamps:
    """Judges the timestamps of one file at one time."""

    def __init__(
        self,
        authorities: Iterable[TimestampAuthority],
        *,
        revocation: RevocationChecker | None,
        at: datetime,
    ) -> None:
        self._authorities = list(authorities)
        self._revocation = revocation
        self._at = at
        self._judged: dict[tuple[int, datetime], TimestampReport] = {}

    async def judge(
        self, own: Sequence[Stamp], archive: Sequence[Stamp], evidence: Evidence
    ) -> list[TimestampReport]:
        """Return the reports, in the order of ``own`` and ``archive``.

        Each of ``own`` is of a signature alone, and each of ``archive`` of all before
        it. One that a later one keeps, or that is good today, is trusted.
        """
        until = self._at
        reports: list[TimestampReport] = []
        for stamp in reversed(archive):
            report = await self._best(stamp, until, evidence)
            reports.insert(0, report)
            if report.trusted and report.time is not None:
                until = min(until, report.time)
        return [await self._best(each, until, evidence) for each in own] + reports

    async def _best(
        self, stamp: Stamp, until: datetime, evidence: Evidence
    ) -> TimestampReport:
        """Judge a timestamp at a time, and now if it is not trusted by then."""
        reports = []
        for each in (until, self._at):
            key = id(stamp), each
            if key not in self._judged:
                self._judged[key] = await self._judge(stamp, each, evidence)
            reports.append(self._judged[key])
            if reports[-1].trusted:
                return reports[-1]
        return reports[0]

    async def _judge(
        self, stamp: Stamp, until: datetime, evidence: Evidence
    ) -> TimestampReport:
        name, code, fault = "", "TIMESTAMP_BROKEN", printable(stamp.fault)
        try:
            own = read_subject(stamp.certificates[0])
            name = _name(own.certificate)
            if stamp.intact and stamp.time is not None:
                code = await self._doubt(own, stamp, stamp.time, until, evidence)
        except Exception:
            # certvalidator and asn1crypto raise any exception on odd input.
            if stamp.intact:
                code = "TIMESTAMP_AUTHORITY_UNKNOWN"
        return TimestampReport(
            stamp.time,
            name,
            stamp.intact,
            not code,
            printable(stamp.place),
            (Problem(code, fault),) if code else (),
        )

    async def _doubt(
        self,
        own: Subject,
        stamp: Stamp,
        time: datetime,
        until: datetime,
        evidence: Evidence,
    ) -> str:
        """Return a code for why a timestamp proves nothing, or an empty text."""
        if time > until + _SKEW:
            return "TIME_IN_FUTURE" if until == self._at else "TIMESTAMP_BROKEN"
        others = read_authorities(stamp.certificates[1:]) + evidence.certificates()
        trusted = [read_trusted(each.certificate) for each in self._authorities]
        chain = await in_thread(chain_of, own, others, trusted)
        if chain[-1].fingerprint not in {each.fingerprint for each in trusted}:
            return "TIMESTAMP_AUTHORITY_UNKNOWN"
        if not self._is_vouched_for(chain, time) or not _may_stamp(own.certificate):
            return "TIMESTAMP_AUTHORITY_UNKNOWN"
        certificates = [each.certificate for each in chain]
        context = ValidationContext(
            trust_roots=certificates[-1:],
            other_certs=certificates[1:-1],
            moment=time,
            allow_fetching=False,
            revocation_mode="none",
        )
        validator = CertificateValidator(certificates[0], certificates[1:-1], context)
        await validator.async_validate_usage(  # type: ignore[no-untyped-call] # it has no types
            set(), extended_key_usage={"time_stamping"}
        )
        if not all(each.is_valid(time) for each in chain):
            return "TIMESTAMP_AUTHORITY_UNKNOWN"
        if not all(each.is_valid(max(time, until)) for each in chain):
            return "TIMESTAMP_EXPIRED"
        return await self._revocation_of(chain, time, until, evidence)

    def _is_vouched_for(self, chain: Sequence[Subject], time: datetime) -> bool:
        """Return whether the nearest authority of a chain counts at a time.

        An authority is a name and a key. All that a list says of it must hold, unless
        it was chosen by whoever verifies.
        """
        for each in chain:
            found = [
                authority
                for authority in self._authorities
                if is_same_authority(read_trusted(authority.certificate), each)
            ]
            if found:
                return any(authority.granted is None for authority in found) or all(
                    authority.counts_at(time) for authority in found
                )
        return False

    async def _revocation_of(
        self,
        chain: Sequence[Subject],
        time: datetime,
        until: datetime,
        evidence: Evidence,
    ) -> str:
        """Ask about an authority: the file, and for the last timestamp the network.

        A service that was revoked later keeps what it stamped before if the reason is
        stated, and its key is in nobody else's hands (RFC 3161 §4).
        """
        pairs = [*pairwise(chain)]
        found = [
            await in_thread(evidence.about, subject, issuer, since=time)
            for subject, issuer in pairs
        ]
        if any(each.was_void(time, at=until) for each in found[:1]) or any(
            each.was_revoked(until) for each in found[1:]
        ):
            return "TIMESTAMP_REVOKED"
        good = all(each.was_good(time) for each in found)
        if self._revocation is not None and until == self._at:
            above = [each.certificate for each in chain]
            number = 0
            while number < len(pairs):
                path = CertificatePath(*(*above[number:], None)[:3])
                try:
                    await self._revocation.check(path, at=until)
                except UserCertificateRevokedError as error:
                    later = error.since is not None and error.since > time
                    if number or not later or not error.keeps_timestamps:
                        return "TIMESTAMP_REVOKED"
                    number += 1  # It may also have been about the next one.
                except RevocationCheckFailedError:
                    return "" if good else "TIMESTAMP_UNCHECKED"
                else:
                    number += 2
            return ""
        return "" if good else "TIMESTAMP_UNCHECKED"


def _may_stamp(certificate: x509.Certificate) -> bool:
    """Return whether it is for timestamps only (RFC 3161 §2.3), with a safe key.

    Its key is for signatures if it says what for (RFC 5280 §4.2.1.12).
    """
    purposes = certificate.extended_key_usage_value
    usage = certificate.key_usage_value
    key = certificate.public_key
    return (
        purposes is not None
        and purposes.native == ["time_stamping"]
        and "extended_key_usage" in certificate.critical_extensions
        and (usage is None or bool(usage.native & _SIGNING))
        and key.algorithm in _BITS
        and key.bit_size >= _BITS[key.algorithm]
    )


def _name(certificate: x509.Certificate) -> str:
    """Return the authority's name, or its fingerprint if that can't be shown."""
    subject = certificate.subject.native
    for each in (subject.get("common_name"), subject.get("organization_name")):
        if isinstance(each, str) and each and each.isprintable():
            return each
    return str(certificate.sha256.hex())
