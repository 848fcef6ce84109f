# SPDX-License-Identifier: MIT
"""Validation of Web eID tokens and of single certificates.

Leaf certificates of FINEID cards are not strict DER (an explicit FALSE in
basicConstraints, NULL parameters of ecdsa-with-SHA384). So asn1crypto reads them, and
pyhanko-certvalidator validates their paths. Both are slow. A certificate of exactly the
usual form is therefore validated by ``usual``, with the same checks. It refuses none:
each other certificate, and each wrong one, is judged here.

docs/login-reference.md gives the order of the checks, and a test compares the two.
Revocation is checked last, so a forged token never triggers a network request.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509

from kortilla.clock import utc_now
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    CertificateNotYetValidError,
    UserCertificateDisallowedPolicyError,
    UserCertificateMissingPurposeError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath, Revocation, RevocationChecker
from kortilla.validation import usual
from kortilla.validation.identity import Identity
from kortilla.validation.issuing_ca import IssuingCA
from kortilla.validation.leaf import ExactCertificate, load_leaf
from kortilla.validation.signature import PublicKey, load_public_key, verify_signature
from kortilla.validation.token import AuthToken, parse_token
from kortilla.validation.trust import Trust, has_test_policy

__all__ = ["read_signer", "validate", "validate_client", "validate_signer"]

logger = logging.getLogger(__name__)


async def validate(
    token: AuthToken | Mapping[str, Any] | str | bytes,
    *,
    origin: str,
    nonce: str,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
) -> Identity:
    """Validate a token and return the person who made it.

    ``origin`` is the service's own, as browsers write it (``https://service.example``,
    ASCII); never take it from a request. ``nonce`` is the text of the challenge that
    was open in this browser session and has just been redeemed. ``at`` is the time of
    validation, with its zone; by default now.

    ``revocation`` checks revocation. Pass one ``Revocation`` for the life of the
    service, such as its ``LoginService``'s, which keeps CRLs, OCSP answers and
    connections. By default, production trust makes one for this call alone, which may
    download a CRL of 45 MB, and logs a warning; test trust checks nothing, since a test
    CA need not run responders. ``kortilla.revocation.UNCHECKED`` accepts lost cards.

    Raises an error of ``kortilla.errors`` for each fault, and ``ValueError`` for an
    ``at`` without a zone.
    """
    at = _validation_time(at)
    parsed = token if isinstance(token, AuthToken) else parse_token(token)
    path, key, identity = await _validate_leaf(
        parsed.certificate_der, _LOGIN, trust, at
    )
    verify_signature(
        key,
        algorithm=parsed.algorithm,
        signature=parsed.signature_bytes,
        origin=origin,
        nonce=nonce,
    )
    await _check_revocation(path, trust, at, revocation)
    return identity


async def validate_client(
    certificate: bytes,
    *,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
) -> Identity:
    """Validate the certificate of a TLS client, in DER, and return its holder.

    The TLS handshake must have proved that the client has the certificate's key. The
    checks are those of a token's certificate; ``at``, ``revocation`` and the errors are
    those of ``validate_signer``.
    """
    return await _validate_certificate(certificate, _LOGIN, trust, at, revocation)


async def validate_signer(
    certificate: bytes,
    *,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
) -> Identity:
    """Validate the certificate of a signature, in DER, and return its holder.

    The caller verifies the signature with the certificate's key. ``at`` and
    ``revocation`` are as for ``validate``. Raises the errors of ``kortilla.errors``
    except those of tokens, and ``ValueError`` as ``validate``.
    """
    return await _validate_certificate(certificate, _SIGNING, trust, at, revocation)


def read_signer(certificate: bytes, *, at: datetime | None = None) -> Identity:
    """Return the holder that a signature certificate names. Its issuer is not checked.

    The issuer and its signature are not checked, and the assurance is ``unknown``, or
    ``test`` for a test policy. Raises the errors of ``validate_signer`` for the rest.
    """
    at = _validation_time(at)
    leaf = load_leaf(certificate)
    _check_validity(leaf, at)
    _check_signing_purpose(leaf, _key_usage(leaf))
    load_public_key(leaf)
    policies = _policies(leaf)
    return Identity.from_certificate(
        leaf,
        leaf.issuer,
        assurance="test" if has_test_policy(policies) else "unknown",
        policy=policies[0] if policies else "",
    )


async def _validate_certificate(
    certificate: bytes,
    purpose: "_Purpose",
    trust: Trust,
    at: datetime | None,
    revocation: RevocationChecker | None,
) -> Identity:
    at = _validation_time(at)
    path, _, identity = await _validate_leaf(certificate, purpose, trust, at)
    await _check_revocation(path, trust, at, revocation)
    return identity


def _validation_time(at: datetime | None) -> datetime:
    at = at or utc_now()
    if at.tzinfo is None:
        # As local time it would accept expired certificates for hours.
        raise ValueError("The time of validation has no time zone.")
    return at.astimezone(UTC)


async def _validate_leaf(
    der: bytes, purpose: "_Purpose", trust: Trust, at: datetime
) -> tuple[CertificatePath, PublicKey, Identity]:
    accepted = usual.accept(der, purpose.usual, trust, at)
    if accepted is not None:
        issuer = accepted.issuer
        # Its fields are parsed when a revocation checker reads them.
        leaf = ExactCertificate.load(der)
        path = CertificatePath(leaf, issuer.certificate, issuer.root)
        return path, accepted.key, accepted.identity
    return await _validate_unusual_leaf(der, purpose, trust, at)


async def _validate_unusual_leaf(
    der: bytes, purpose: "_Purpose", trust: Trust, at: datetime
) -> tuple[CertificatePath, PublicKey, Identity]:
    certificate = load_leaf(der)
    _check_validity(certificate, at)
    purpose.check(certificate, _key_usage(certificate))
    policy = _policy(certificate, trust)
    path = await _validate_path(certificate, trust, at)
    key = load_public_key(certificate)
    identity = Identity.from_path(
        path,
        assurance="test" if trust.test else "citizen-certificate",
        policy=policy,
    )
    return path, key, identity


async def _check_revocation(
    path: CertificatePath,
    trust: Trust,
    at: datetime,
    revocation: RevocationChecker | None,
) -> None:
    if revocation is not None:
        await revocation.check(path, at=at)
    elif not trust.test:
        logger.warning(
            "A revocation checker is made for one call alone, and may fetch a list of "
            "45 MB for it. Give the call the checker of the service: revocation=…"
        )
        async with Revocation() as checker:
            await checker.check(path, at=at)


def _check_validity(certificate: x509.Certificate, at: datetime) -> None:
    if at < certificate.not_valid_before:
        raise CertificateNotYetValidError(
            "The certificate is not valid yet, if this computer's clock is right."
        )
    if at > certificate.not_valid_after:
        raise CertificateExpiredError(
            "The certificate has expired, if this computer's clock is right."
        )


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


@dataclass(frozen=True)
class _Purpose:
    """What a certificate is for, and its check on both ways."""

    usual: usual.Purpose
    check: Callable[[x509.Certificate, set[str]], None]


_LOGIN = _Purpose(usual.LOGIN, _check_login_purpose)
_SIGNING = _Purpose(usual.SIGNING, _check_signing_purpose)


def _policy(certificate: x509.Certificate, trust: Trust) -> str:
    policy = trust.allowed_policy(_policies(certificate))
    if policy is None:
        raise UserCertificateDisallowedPolicyError(
            "The certificate has no policy that this trust allows"
            + ("." if trust.test else "; test cards need test trust.")
        )
    return policy


def _policies(certificate: x509.Certificate) -> list[str]:
    policies = certificate.certificate_policies_value or ()
    return [policy["policy_identifier"].dotted for policy in policies]


async def _validate_path(
    certificate: x509.Certificate, trust: Trust, at: datetime
) -> CertificatePath:
    """Validate the path of the issuing CA, which is the trust anchor, and the leaf."""
    try:
        issuer = await _issuer(certificate, trust, at)
    except Exception as error:
        # For an algorithm that does not fit the issuer's key, certvalidator raises
        # AssertionError, AttributeError and others besides its own errors.
        raise CertificateNotTrustedError(
            "The certificate was not issued by a configured issuing CA."
        ) from error
    for authority in (issuer.certificate, issuer.root):
        if authority is not None:
            _check_validity(authority, at)
    return CertificatePath(certificate, issuer.certificate, issuer.root)


async def _issuer(
    certificate: x509.Certificate, trust: Trust, at: datetime
) -> IssuingCA:
    error: Exception = LookupError("no issuing CA has the issuer's name")
    for issuer in trust.issuers_of(certificate):
        try:
            await issuer.validate_path(certificate, at=at)
        except Exception as failure:
            error = failure
        else:
            return issuer
    raise error
