# SPDX-License-Identifier: MIT
"""Judges who signed, of what was found in a file.

It runs beside the caller, not in the process that reads the file: it takes certificates
from there, which ``load_leaf`` reads strictly, and asks for revocation.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

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
from kortilla.signing.verification.findings import (
    Finding,
    Found,
    Stamp,
    printable,
)
from kortilla.signing.verification.report import (
    CODES,
    CertificateFacts,
    Problem,
    SignatureReport,
    Signer,
    TimestampReport,
    Verdict,
    worst,
)
from kortilla.signing.verification.trusted import TrustedCAs
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

_Issuer = Literal["authority", "test", "unknown"]
_Answer = Literal["not-asked", "good", "revoked", "no-answer"]


def problem_of(found: Found) -> Problem:
    """Return a problem with words that can be shown."""
    return Problem(found.code, printable(found.detail))


class Judge:
    """Judges signatures at one time, with the same CAs.

    ``timestamp_cas`` are certificates (DER) of the CAs of time-stamping services.
    """

    def __init__(
        self,
        trusted: TrustedCAs,
        *,
        revocation: RevocationChecker | None,
        at: datetime,
        timestamp_cas: Iterable[bytes],
    ) -> None:
        self._trusted = trusted
        # Who checks nothing has no answer either.
        self._revocation = None if revocation is UNCHECKED else revocation
        self._at = at
        self._timestamp_cas = [x509.Certificate.load(each) for each in timestamp_cas]

    async def judge(self, number: int, finding: Finding) -> SignatureReport:
        """Return the report on one signature."""
        problems = [problem_of(each) for each in finding.problems]
        stamp = None
        if finding.stamp is not None:
            stamp = await self.judge_stamp(finding.stamp)
            if not stamp.intact:
                problems.append(Problem("TIMESTAMP_BROKEN"))
            elif not stamp.trusted:
                problems.append(Problem("TIMESTAMP_AUTHORITY_UNKNOWN"))
        proven = stamp is not None and stamp.trusted
        time = finding.claimed_time if finding.intact else None
        source: Literal["timestamp", "claimed"] = "claimed"
        if stamp is not None and proven:
            time, source = stamp.time, "timestamp"
        issuer: _Issuer = "unknown"
        revocation: _Answer = "not-asked"
        certificate = _certificate(finding)
        if certificate is not None:
            problems += self._judge_time(certificate, time, proven=proven)
            issuer, trust, found = await self._judge_issuer(certificate, time)
            problems += found
            decided = worst([each.verdict for each in problems])
            # Nobody learns of a certificate whose key did not sign, or for nothing.
            if trust and finding.intact and decided is not Verdict.NOT_VALID:
                revocation, found = await self._ask(certificate, trust, time)
                problems += found
        elif not any(CODES[each.code][0] != Verdict.VALID for each in problems):
            problems.append(Problem("CERTIFICATE_UNREADABLE"))
        return SignatureReport(
            number=number,
            place=printable(finding.place),
            intact=finding.intact,
            signer=None if certificate is None else _signer(certificate),
            certificate=None if certificate is None else _facts(certificate),
            issuer=issuer,
            time=time,
            time_source="none" if time is None else source,
            timestamp=stamp,
            covers=finding.covers,
            files=finding.files,
            changes=finding.changes,
            revocation=revocation,
            level=_level(finding, stamp),
            reason=finding.reason,
            location=finding.location,
            problems=tuple(dict.fromkeys(problems)),
        )

    async def judge_stamp(self, stamp: Stamp) -> TimestampReport:
        """Return the report on a timestamp."""
        authority, trusted = "", False
        try:
            own, *others = map(x509.Certificate.load, stamp.certificates)
            authority = _shown(own.subject.native.get("common_name"))
            if stamp.intact and stamp.time is not None and self._timestamp_cas:
                context = ValidationContext(
                    trust_roots=self._timestamp_cas,
                    other_certs=others,
                    moment=stamp.time,
                    allow_fetching=False,
                    revocation_mode="none",
                )
                validator = CertificateValidator(own, others, context)
                await validator.async_validate_usage(  # type: ignore[no-untyped-call] # it has no types
                    set(), extended_key_usage={"time_stamping"}
                )
                trusted = True
        except Exception:
            # certvalidator and asn1crypto raise any exception on odd input.
            trusted = False
        return TimestampReport(
            stamp.time, authority, stamp.intact, trusted, printable(stamp.place)
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

    async def _judge_issuer(
        self, certificate: x509.Certificate, time: datetime | None
    ) -> tuple[_Issuer, Trust | None, list[Problem]]:
        """Return which of the CAs issued a certificate, and what is wrong with it."""
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
                problem = Problem(code, str(error))
            else:
                return issuer, trust, [Problem("TEST_CARD")] * (issuer == "test")
            return "unknown", None, [problem]
        code = "NO_TRUST" if self._trusted.authority is None else "UNKNOWN_ISSUER"
        policies = certificate.certificate_policies_value or ()
        if has_test_policy(each["policy_identifier"].dotted for each in policies):
            code = "TEST_CARD_NOT_TRUSTED"
        return "unknown", None, [Problem(code)]

    async def _ask(
        self,
        certificate: x509.Certificate,
        trust: Trust,
        time: datetime | None,
    ) -> tuple[_Answer, list[Problem]]:
        if self._revocation is None:
            return "not-asked", [Problem("REVOCATION_NOT_ASKED")]
        try:
            await self._validate(certificate, trust, time, self._revocation)
        except UserCertificateRevokedError:
            return "revoked", [Problem("CERTIFICATE_REVOKED")]
        except RevocationCheckFailedError as error:
            return "no-answer", [Problem("REVOCATION_UNKNOWN", str(error))]
        return "good", []

    async def _validate(
        self,
        certificate: x509.Certificate,
        trust: Trust,
        time: datetime | None,
        revocation: RevocationChecker,
    ) -> None:
        at = time or self._at
        await validate_signer(
            certificate.dump(), trust=trust, at=at, revocation=revocation
        )


def _certificate(finding: Finding) -> x509.Certificate | None:
    """Return the signer's certificate, or None if a person could not have it."""
    try:
        certificate = load_leaf(finding.certificate or b"")
        certificate.subject.native  # noqa: B018 - reading is the check
        certificate.issuer.native  # noqa: B018 - reading is the check
    except Exception:  # asn1crypto raises any exception on odd input
        return None
    return certificate


def _signer(certificate: x509.Certificate) -> Signer:
    subject = certificate.subject.native
    return Signer(
        name=_shown(subject.get("common_name")),
        surname=_shown(subject.get("surname")),
        given_names=_shown(subject.get("given_name")),
        satu=_shown(subject.get("serial_number")),
    )


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    der = certificate.dump()
    return CertificateFacts(
        serial_number=f"{certificate.serial_number:X}",
        issuer=_shown(certificate.issuer.native.get("common_name")),
        not_before=certificate.not_valid_before,
        not_after=certificate.not_valid_after,
        sha256=hashlib.sha256(der).hexdigest(),
        der=der,
    )


def _shown(value: object) -> str:
    """Return a text of a name that a window can show, or an empty one."""
    return value if isinstance(value, str) and value.isprintable() else ""


def _level(
    finding: Finding, stamp: TimestampReport | None
) -> Literal["B-B", "B-T", "B-LT", "B-LTA", "none"]:
    """Return the level by what the signature has; nothing of it is judged here."""
    if not finding.intact:
        return "none"
    if stamp is None or not stamp.intact:
        return "B-B"
    if not finding.has_revocation_data:
        return "B-T"
    return "B-LTA" if finding.has_archive_timestamp else "B-LT"
