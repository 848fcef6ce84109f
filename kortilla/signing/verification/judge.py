# SPDX-License-Identifier: MIT
"""Judges who signed, of what was found in a file.

It runs beside the caller, not in the process that reads the file: it takes certificates
from there, which ``load_leaf`` reads strictly, and asks for revocation.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from asn1crypto import x509

from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    RelyingPartyError,
    RevocationCheckFailedError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import UNCHECKED, RevocationChecker
from kortilla.revocation.certificates import Subject
from kortilla.signing.trust_lists.authorities import Authority, read_trusted
from kortilla.signing.verification.codes import (
    CODES,
    NOT_YET_VALID,
    Verdict,
    worst,
)
from kortilla.signing.verification.findings import (
    Finding,
    Findings,
    Found,
    Kept,
    Stamp,
    printable,
)
from kortilla.signing.verification.listed import (
    check_listed,
    foreign_signer,
    judge_listed,
    listed_authority,
    listed_time_stampers,
)
from kortilla.signing.verification.proofs.evidence import (
    Evidence,
    Reading,
    level_of,
)
from kortilla.signing.verification.proofs.times import Timestamps
from kortilla.signing.verification.report import (
    CertificateFacts,
    Problem,
    SignatureReport,
    Signer,
    TimestampReport,
)
from kortilla.signing.verification.trusted import TimestampAuthority, TrustedCAs
from kortilla.threads import in_thread
from kortilla.validation.identity import is_satu
from kortilla.validation.leaf import load_leaf
from kortilla.validation.trust import Trust, has_test_policy
from kortilla.validation.validator import validate_signer

_SKEW = timedelta(minutes=15)
_CODES: dict[type[RelyingPartyError], str] = {
    CertificateExpiredError: "CERTIFICATE_OUTSIDE_VALIDITY",
    CertificateNotYetValidError: "CERTIFICATE_OUTSIDE_VALIDITY",
    UserCertificateDisallowedPolicyError: "OTHER_POLICY",
    UserCertificateMissingPurposeError: "WRONG_PURPOSE",
    UserCertificateWeakKeyError: "WEAK_ALGORITHM",
    UserCertificateWrongPurposeError: "WRONG_PURPOSE",
}

_Issuer = Literal["authority", "test", "eu", "unknown"]
_Trust = Trust | Authority


@dataclass(frozen=True)
class _Answered:
    """What is known of a certificate's revocation, and who said it."""

    status: Literal["not-asked", "good", "revoked", "no-answer"]
    source: Literal["none", "network", "file"] = "none"
    problems: tuple[Problem, ...] = ()


def problem_of(found: Found) -> Problem:
    """Return a problem with words that can be shown."""
    return Problem(found.code, printable(found.detail))


class Judge:
    """Judges the signatures of one file at one time, with the same CAs.

    ``timestamp_cas`` are certificates (DER) of the CAs of time-stamping services.
    """

    def __init__(
        self,
        findings: Findings,
        trusted: TrustedCAs,
        *,
        revocation: RevocationChecker | None,
        at: datetime,
        timestamp_cas: Iterable[bytes],
    ) -> None:
        self._trusted = trusted
        # A checker that checks nothing has no answer either.
        self._revocation = None if revocation is UNCHECKED else revocation
        self._at = at
        self._authorities = [
            *map(TimestampAuthority, timestamp_cas),
            *trusted.time_stamping,
            *listed_time_stampers(trusted.lists, findings, at=at),
        ]
        self._timestamps = Timestamps(
            self._authorities, revocation=self._revocation, at=at
        )
        self._findings = findings
        self._reading = Reading()

    @property
    def took_too_long(self) -> bool:
        """Whether the time was used up that the file's revocation data may take."""
        return self._reading.is_over

    async def judge(self, number: int, finding: Finding) -> SignatureReport:
        """Return the report on one signature."""
        problems = [problem_of(each) for each in finding.problems]
        archive = [self._findings.timestamps[each] for each in finding.archive]
        evidence = self._evidence(finding, [*finding.stamps, *archive])
        reports = await self._timestamps.judge(finding.stamps, archive, evidence)
        stamp, found = _of_signature(reports[: len(finding.stamps)], reports)
        problems += found
        certificate = _certificate(finding)
        time = finding.claimed_time if finding.intact else None
        source: Literal["timestamp", "claimed"] = "claimed"
        proven = _proven(stamp, certificate)
        if proven is not None:
            time, source = proven, "timestamp"
        issuer: _Issuer = "unknown"
        listed: Authority | None = None
        answer = _Answered("not-asked")
        if certificate is not None:
            problems += self._judge_time(certificate, time, proven=proven is not None)
            issuer, trust, found = await self._judge_issuer(certificate, time)
            if issuer == "unknown" and not found:
                listed, found = await self._judge_listed(
                    certificate, evidence, time, proven=proven is not None
                )
                issuer, trust = "eu" if listed else issuer, None if found else listed
            problems += found
            decided = worst([each.verdict for each in problems])
            # Nobody learns of a certificate whose key did not sign, or for nothing.
            if trust and finding.intact and decided is not Verdict.NOT_VALID:
                answer = await self._status(
                    certificate, trust, time, evidence if proven else None
                )
                problems += answer.problems
        elif not any(CODES[each.code][0] != Verdict.VALID for each in problems):
            problems.append(Problem("CERTIFICATE_UNREADABLE"))
        return SignatureReport(
            number=number,
            place=printable(finding.place),
            intact=finding.intact,
            signer=None if certificate is None else _signer(certificate, issuer),
            certificate=None if certificate is None else _facts(certificate),
            issuer=issuer,
            listed=None if listed is None else listed_authority(listed),
            time=time,
            time_source="none" if time is None else source,
            timestamp=stamp,
            covers=finding.covers,
            files=finding.files,
            changes=finding.changes,
            revocation=answer.status,
            revocation_source=answer.source,
            level=await in_thread(
                level_of,
                finding,
                self._findings.timestamps,
                evidence,
                [*self._known, *(listed.chain[-1:] if listed else ())],
            ),
            reason=finding.reason,
            location=finding.location,
            problems=tuple(dict.fromkeys(problems)),
            revision_length=finding.revision_length,
        )

    def _judge_time(
        self, certificate: x509.Certificate, time: datetime | None, *, proven: bool
    ) -> list[Problem]:
        if proven:
            return []
        problems = [Problem("CLAIMED_TIME")]
        if time is not None and time > self._at + _SKEW:
            problems.append(Problem("TIME_IN_FUTURE"))
        if self._at > certificate.not_valid_after:
            problems.append(Problem("CERTIFICATE_EXPIRED"))
        return problems

    def _evidence(self, finding: Finding, stamps: Iterable[Stamp]) -> Evidence:
        """Return all that the file keeps for a signature and its timestamps."""
        kept = [*finding.kept, *self._findings.kept, *(each.kept for each in stamps)]
        chain = Kept(certificates=finding.chain)
        return Evidence([*kept, chain], at=self._at, reading=self._reading)

    async def judge_timestamps(self) -> list[TimestampReport]:
        """Return the reports on the timestamps of the whole file.

        Those in one place, or of a PDF, are each of all that comes before it.
        """
        found = self._findings
        places = [""] * len(found.timestamps)
        if found.kind != "pdf":
            places = [each.place for each in found.timestamps]
        reports: list[TimestampReport] = []
        for place in dict.fromkeys(places):
            stamps = [
                stamp
                for stamp, own in zip(found.timestamps, places, strict=True)
                if own == place
            ]
            kept = [k for each in found.signatures for k in each.kept] + found.kept
            kept += [each.kept for each in stamps]
            evidence = Evidence(kept, at=self._at, reading=self._reading)
            reports += await self._timestamps.judge((), stamps, evidence)
        return reports

    @cached_property
    def _known(self) -> list[Subject]:
        """The CAs that are trusted, which a file need not have."""
        trusts = (self._trusted.authority, self._trusted.test)
        return [
            Subject.of_authority(each)
            for trust in trusts
            if trust is not None
            for issuer in trust.issuers
            for each in (issuer.certificate, issuer.root)
            if each is not None
        ] + [read_trusted(each.certificate) for each in self._authorities]

    async def _judge_issuer(
        self, certificate: x509.Certificate, time: datetime | None
    ) -> tuple[_Issuer, _Trust | None, list[Problem]]:
        """Return which of the CAs issued a certificate, and what is wrong with it.

        Nothing is found if another authority may have issued it.
        """
        candidates: tuple[tuple[_Issuer, Trust | None], ...] = (
            ("authority", self._trusted.authority),
            ("test", self._trusted.test),
        )
        for issuer, trust in candidates:
            if trust is None or not trust.issuers_of(certificate):
                continue
            try:
                await self._validate(certificate, trust, time, UNCHECKED)
            except CertificateNotTrustedError as error:
                problem = Problem("ISSUER_FORGED", str(error.__cause__))
            except RelyingPartyError as error:
                code = _CODES.get(type(error), "CERTIFICATE_UNREADABLE")
                too_early = isinstance(error, CertificateNotYetValidError)
                problem = Problem(code, NOT_YET_VALID if too_early else str(error))
            else:
                return issuer, trust, [Problem("TEST_CARD")] * (issuer == "test")
            return "unknown", None, [problem]
        policies = certificate.certificate_policies_value or ()
        if has_test_policy(each["policy_identifier"].dotted for each in policies):
            return "unknown", None, [Problem("TEST_CARD_NOT_TRUSTED")]
        return "unknown", None, []

    async def _judge_listed(
        self,
        certificate: x509.Certificate,
        evidence: Evidence,
        time: datetime | None,
        *,
        proven: bool,
    ) -> tuple[Authority | None, list[Problem]]:
        """Return the authority of the EU's lists, and what is wrong with it."""
        found, problems = await judge_listed(
            self._trusted.lists,
            certificate,
            [each.certificate for each in evidence.certificates()],
            time=time,
            proven=proven,
            at=self._at,
        )
        if found is None and not problems:
            lacks = self._trusted.authority is None
            problems = [Problem("NO_TRUST" if lacks else "UNKNOWN_ISSUER")]
        return found, problems

    async def _status(
        self,
        certificate: x509.Certificate,
        trust: _Trust,
        time: datetime | None,
        evidence: Evidence | None,
    ) -> "_Answered":
        """Return whether a certificate was revoked, by the file or by the network.

        ``evidence`` is there only for a proven time: then a later revocation does no
        harm.
        """
        if evidence is not None and time is not None:
            if isinstance(trust, Authority):
                said = await in_thread(evidence.about_chain, trust.chain, since=time)
            else:
                said = await in_thread(
                    evidence.about_signer, certificate.dump(), trust, since=time
                )
            if said.was_revoked(time):
                return _Answered("revoked", "file", (Problem("CERTIFICATE_REVOKED"),))
            if said.was_good(time):
                notes = () if said.revoked_at is None else (Problem("REVOKED_SINCE"),)
                return _Answered("good", "file", notes)
        return await self._ask(certificate, trust, time, proven=evidence is not None)

    async def _ask(
        self,
        certificate: x509.Certificate,
        trust: _Trust,
        time: datetime | None,
        *,
        proven: bool,
    ) -> "_Answered":
        if self._revocation is None:
            return _Answered("not-asked", "none", (Problem("REVOCATION_NOT_ASKED"),))
        try:
            await self._validate(certificate, trust, time, self._revocation)
        except UserCertificateRevokedError as error:
            if proven and time and error.since and error.since > time:
                return _Answered("good", "network", (Problem("REVOKED_SINCE"),))
            problems = (Problem("CERTIFICATE_REVOKED"),)
            return _Answered("revoked", "network", problems)
        except RevocationCheckFailedError as error:
            problems = (Problem("REVOCATION_UNKNOWN", str(error)),)
            return _Answered("no-answer", "none", problems)
        return _Answered("good", "network")

    async def _validate(
        self,
        certificate: x509.Certificate,
        trust: _Trust,
        time: datetime | None,
        revocation: RevocationChecker,
    ) -> None:
        at = time or self._at
        if isinstance(trust, Authority):
            await check_listed(trust, revocation, at=at)
            return
        await validate_signer(
            certificate.dump(), trust=trust, at=at, revocation=revocation
        )


def _of_signature(
    own: list[TimestampReport], reports: list[TimestampReport]
) -> tuple[TimestampReport | None, list[Problem]]:
    """Return the timestamp that says most of a signature's time, and what is wrong.

    That is the earliest that proves its time. A timestamp of all of a file counts, too.
    Those that were put on the signature itself, and are broken, are named.
    """
    proven = {
        each.time: each for each in reversed(reports) if each.trusted and each.time
    }
    if proven:
        broken = [each for each in own if not each.intact]
        return proven[min(proven)], [p for each in broken for p in each.problems]
    best = next((each for each in own if each.intact), own[0] if own else None)
    return best, [problem for each in own for problem in each.problems]


def _proven(
    stamp: TimestampReport | None, certificate: x509.Certificate | None
) -> datetime | None:
    """Return the time that a timestamp proves, by which the file was signed.

    One that came after the certificate's end proves nothing that helps.
    """
    if stamp is None or not stamp.trusted or stamp.time is None:
        return None
    if certificate is not None and stamp.time > certificate.not_valid_after:
        return None
    return stamp.time


def _certificate(finding: Finding) -> x509.Certificate | None:
    """Return the signer's certificate, or None if a person could not have it."""
    try:
        certificate = load_leaf(finding.certificate or b"")
        certificate.subject.native  # noqa: B018 - reading is the check
        certificate.issuer.native  # noqa: B018 - reading is the check
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    return certificate


def _signer(certificate: x509.Certificate, issuer: _Issuer) -> Signer:
    subject = certificate.subject.native
    signer = Signer(
        name=_shown(subject.get("common_name")),
        surname=_shown(subject.get("surname")),
        given_names=_shown(subject.get("given_name")),
        satu=_shown(subject.get("serial_number")),
    )
    foreign = issuer == "eu" or (signer.satu and not is_satu(signer.satu))
    return foreign_signer(signer) if foreign else signer


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    der = certificate.dump()
    return CertificateFacts(
        serial_number=f"{certificate.serial_number:X}",
        issuer=_shown(certificate.issuer.native.get("common_name")),
        issuer_country=_shown(certificate.issuer.native.get("country_name")),
        not_before=certificate.not_valid_before,
        not_after=certificate.not_valid_after,
        sha256=hashlib.sha256(der).hexdigest(),
        der=der,
    )


def _shown(value: object) -> str:
    """Return a text of a name that a window can show, or an empty one."""
    return value if isinstance(value, str) and value.isprintable() else ""
