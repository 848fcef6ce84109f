# SPDX-License-Identifier: MIT
"""Validation of a Web eID token, in the order of the Web eID validators.

Leaves of FINEID cards are not strict DER (an explicit FALSE in basicConstraints, a
NULL among the parameters of ecdsa-with-SHA384), so they are read with asn1crypto and
their paths are validated with pyhanko-certvalidator. Certificates of signatures are
validated in the same way.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from .challenge import utc_now
from .errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateParseError,
    UserCertificateWrongPurposeError,
)
from .identity import Identity
from .revocation import CertificatePath, RevocationChecker
from .signature import verify_signature
from .token import AuthToken, parse_token
from .trust import Trust

__all__ = ["validate", "validate_signer"]


async def validate(
    token: AuthToken | Mapping[str, Any] | str | bytes,
    *,
    origin: str,
    nonce: str,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
) -> Identity:
    """Validate a token and return who made it.

    ``origin`` is the service's own, as browsers write it (``https://service.example``,
    ASCII), never something a request said. ``nonce`` is the text of the challenge that
    this browser session had open and that has just been used up. ``at`` is the time to
    judge by, with its zone; now, unless given. Without ``revocation`` a lost card is
    accepted. Raises the errors of ``relying_party.errors``, each for its own fault, and
    ``ValueError`` for an ``at`` without a zone.
    """
    at = _time_to_judge_by(at)
    parsed = token if isinstance(token, AuthToken) else parse_token(token)
    certificate = await _validate_leaf(
        parsed.certificate_der, _check_login_purpose, trust, at, revocation
    )
    verify_signature(
        certificate,
        algorithm=parsed.algorithm,
        signature=parsed.signature_bytes,
        origin=origin,
        nonce=nonce,
    )
    return Identity.from_certificate(certificate)


async def validate_signer(
    certificate: bytes,
    *,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
) -> Identity:
    """Validate the certificate of a signature, in DER, and return whom it names.

    It says nothing about a signature: whether the certificate's key made one is for the
    caller to verify. ``at`` is the time to judge by, with its zone; now, unless given.
    Without ``revocation`` a lost card is accepted. Raises the errors of
    ``relying_party.errors`` but those of tokens, and ``ValueError`` as ``validate``.
    """
    at = _time_to_judge_by(at)
    leaf = await _validate_leaf(
        certificate, _check_signing_purpose, trust, at, revocation
    )
    return Identity.from_certificate(leaf)


def _time_to_judge_by(at: datetime | None) -> datetime:
    at = at or utc_now()
    if at.tzinfo is None:
        # Taken for local time it would let expired certificates pass for hours.
        raise ValueError("The time to judge by has no time zone.")
    return at.astimezone(UTC)


async def _validate_leaf(
    der: bytes,
    check_purpose: Callable[[x509.Certificate, set[str]], None],
    trust: Trust,
    at: datetime,
    revocation: RevocationChecker | None,
) -> x509.Certificate:
    certificate = _load_leaf(der)
    _check_validity(certificate, at)
    check_purpose(certificate, _key_usage(certificate))
    _check_policies(certificate, trust)
    path = await _build_path(certificate, trust, at)
    if revocation is not None:
        await revocation.check(path, at=at)
    return certificate


class _AsReceived:
    """Gives back the bytes that were parsed, and never encodes them anew.

    asn1crypto takes a definite length that ends in the octet 80 for an indefinite one
    and then re-encodes what it dumps: the explicit FALSE of a FINEID leaf would be
    lost, and with it the issuer's signature, on one leaf in 128.
    """

    _header: bytes
    _contents: bytes
    _trailer: bytes

    def dump(self, force: bool = False) -> bytes:
        return self._header + self._contents + self._trailer


class _ExactTbsCertificate(_AsReceived, x509.TbsCertificate):  # type: ignore[misc] # asn1crypto has no types
    pass


class _ExactCertificate(_AsReceived, x509.Certificate):  # type: ignore[misc] # asn1crypto has no types
    _fields = [
        ("tbs_certificate", _ExactTbsCertificate),
        *x509.Certificate._fields[1:],
    ]


def _load_leaf(der: bytes) -> x509.Certificate:
    try:
        certificate = _ExactCertificate.load(der, strict=True)
        # asn1crypto parses lazily: walk everything now, where a fault has its name.
        certificate.native  # noqa: B018 - reading is the check
        tbs = certificate["tbs_certificate"]
        names = [extension["extn_id"].dotted for extension in tbs["extensions"]]
        for time in (certificate.not_valid_before, certificate.not_valid_after):
            if time.tzinfo is None:  # RFC 5280 §4.1.2.5.2 demands Z
                raise ValueError("a time without its zone")
    except Exception as error:
        # asn1crypto raises whatever Python raises on odd input (ValueError, TypeError,
        # KeyError, IndexError, RecursionError, …) and documents none of it.
        raise UserCertificateParseError(
            "The person's certificate is not an X.509 certificate."
        ) from error
    outer, inner = certificate["signature_algorithm"], tbs["signature"]
    if outer.dump() != inner.dump():
        # RFC 5280 §4.1.1.2. The outer one is not signed, so it could be altered.
        raise UserCertificateParseError(
            "The certificate names two different signature algorithms."
        )
    if certificate["signature_value"].contents[:1] != b"\x00":
        # X.690 §8.6.2. Not signed either, and otherwise ignored by what verifies.
        raise UserCertificateParseError(
            "The certificate's signature is not a whole number of octets."
        )
    if len(set(names)) != len(names):
        raise UserCertificateParseError("An extension of the certificate occurs twice.")
    return certificate


def _check_validity(certificate: x509.Certificate, at: datetime) -> None:
    if at < certificate.not_valid_before:
        raise CertificateNotYetValidError("The certificate is not valid yet.")
    if at > certificate.not_valid_after:
        raise CertificateExpiredError("The certificate has expired.")


def _key_usage(certificate: x509.Certificate) -> set[str]:
    usage = certificate.key_usage_value
    if usage is None:
        raise UserCertificateMissingPurposeError(
            "The certificate does not say what its key may be used for."
        )
    if certificate.ca:
        raise UserCertificateWrongPurposeError("The certificate is a CA's.")
    return set(usage.native)


def _check_login_purpose(certificate: x509.Certificate, purposes: set[str]) -> None:
    if "digital_signature" not in purposes or "non_repudiation" in purposes:
        raise _wrong_purpose("authentication", purposes)
    extended = certificate.extended_key_usage_value
    if extended is not None and "client_auth" not in extended.native:
        raise UserCertificateWrongPurposeError(
            "The certificate's extended key usage does not include clientAuth."
        )


def _check_signing_purpose(_: x509.Certificate, purposes: set[str]) -> None:
    if "non_repudiation" not in purposes or "digital_signature" in purposes:
        raise _wrong_purpose("signing", purposes)


def _wrong_purpose(wanted: str, purposes: set[str]) -> UserCertificateWrongPurposeError:
    found = ", ".join(sorted(purposes)) or "empty"
    return UserCertificateWrongPurposeError(
        f"The certificate is not for {wanted}: its key usage is {found}."
    )


def _check_policies(certificate: x509.Certificate, trust: Trust) -> None:
    policies = certificate.certificate_policies_value or ()
    if not trust.allows_policies(p["policy_identifier"].dotted for p in policies):
        raise UserCertificateDisallowedPolicyError(
            "The certificate has no policy that this trust allows"
            + ("." if trust.test else "; test cards need test trust.")
        )


async def _build_path(
    certificate: x509.Certificate, trust: Trust, at: datetime
) -> CertificatePath:
    context = ValidationContext(
        trust_roots=[issuer.certificate for issuer in trust.issuers],
        moment=at,
        allow_fetching=False,
    )
    try:
        found = await CertificateValidator(
            certificate, validation_context=context
        ).async_validate_path()
        certificates = list(found)
    except Exception as error:
        # Besides its own errors, certvalidator meets algorithms that do not fit the
        # issuer's key with AssertionError, AttributeError and whatever comes.
        raise CertificateNotTrustedError(
            "The certificate was not issued by a configured issuing CA."
        ) from error
    # The issuing CA is the anchor, and nothing may stand between it and the leaf.
    issuer = trust.issuing_ca(certificates[0]) if len(certificates) == 2 else None
    if issuer is None:
        raise CertificateNotTrustedError(
            "The certificate was not issued by a configured issuing CA directly."
        )
    for authority in (issuer.certificate, issuer.root):
        if authority is not None:
            _check_validity(authority, at)
    return CertificatePath(certificate, issuer.certificate, issuer.root)
