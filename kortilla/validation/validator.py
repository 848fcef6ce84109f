# SPDX-License-Identifier: MIT
"""Validation of Web eID tokens and of single certificates of persons.

The issuer is one of the trust's CAs, whose names and keys are known, so no path is
built. pyhanko-certvalidator, which builds paths, judges only timestamps in signed files
of others (``kortilla.signing.verification``).

docs/login-reference.md gives the order of the checks. Revocation is checked last, so a
forged token never triggers a network request.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

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
from kortilla.validation.identity import Identity, common_name
from kortilla.validation.leaf import (
    ExactCertificate,
    Extensions,
    Leaf,
    read_extensions,
    read_leaf,
)
from kortilla.validation.signature import PublicKey, read_public_key, verify_signature
from kortilla.validation.token import AuthToken, parse_token
from kortilla.validation.trust import IssuingCA, Trust, has_test_policy

logger = logging.getLogger(__name__)


async def validate(
    token: AuthToken | Mapping[str, object] | str | bytes,
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
    valid = _validate_leaf(parsed.certificate_der, _check_login, trust, at)
    verify_signature(
        valid.key,
        algorithm=parsed.algorithm,
        signature=parsed.signature_bytes,
        origin=origin,
        nonce=nonce,
    )
    await _check_revocation(valid, trust, at, revocation)
    return valid.identity


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
    at = _validation_time(at)
    valid = _validate_leaf(certificate, _check_login, trust, at)
    await _check_revocation(valid, trust, at, revocation)
    return valid.identity


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
    at = _validation_time(at)
    valid = _validate_leaf(certificate, _check_signing, trust, at)
    await _check_revocation(valid, trust, at, revocation)
    return valid.identity


def read_signer(certificate: bytes, *, at: datetime | None = None) -> Identity:
    """Return the holder that a signature certificate names. Its issuer is not checked.

    The issuer and its signature are not checked, and the assurance is ``unknown``, or
    ``test`` for a test policy. Raises the errors of ``validate_signer`` for the rest.
    """
    at = _validation_time(at)
    leaf = read_leaf(certificate)
    extensions = read_extensions(leaf.extensions, remember=False)
    _check_validity(leaf.not_before, leaf.not_after, at)
    _check_signing(extensions)
    read_public_key(leaf.key)
    policies = extensions.policies
    return Identity.of(
        leaf,
        issuer=common_name(leaf.issuer),
        assurance="test" if has_test_policy(policies) else "unknown",
        policy=policies[0] if policies else "",
    )


def _validation_time(at: datetime | None) -> datetime:
    at = at or utc_now()
    if at.tzinfo is None:
        # As local time it would accept expired certificates for hours.
        raise ValueError("The time of validation has no time zone.")
    return at.astimezone(UTC)


class _Valid(NamedTuple):
    """A valid certificate, whose revocation is not checked."""

    leaf: Leaf
    issuer: IssuingCA
    key: PublicKey
    identity: Identity


def _validate_leaf(
    der: bytes,
    check_purpose: Callable[[Extensions], None],
    trust: Trust,
    at: datetime,
) -> _Valid:
    leaf = read_leaf(der)
    # Sought first, so that only what it has signed is remembered; judged in its turn.
    issuer = trust.issuer_of(leaf)
    extensions = read_extensions(leaf.extensions, remember=issuer is not None)
    _check_validity(leaf.not_before, leaf.not_after, at)
    check_purpose(extensions)
    policy = trust.allowed_policy(extensions.policies)
    if policy is None:
        raise UserCertificateDisallowedPolicyError(
            "The certificate has no policy that this trust allows"
            + ("." if trust.test else "; test cards need test trust.")
        )
    if issuer is None or not issuer.has_key(extensions.authority_key):
        raise CertificateNotTrustedError(
            "The certificate was not issued by a configured issuing CA."
        ) from LookupError("no configured CA of the issuer's name and key signed it")
    _check_validity(*issuer.validity, at)
    key = read_public_key(leaf.key)
    identity = Identity.of(
        leaf,
        issuer=issuer.common_name,
        assurance="test" if trust.test else "citizen-certificate",
        policy=policy,
    )
    return _Valid(leaf, issuer, key, identity)


async def _check_revocation(
    valid: _Valid, trust: Trust, at: datetime, revocation: RevocationChecker | None
) -> None:
    if revocation is None and trust.test:
        return
    # The checker parses the fields that it reads.
    leaf, issuer = ExactCertificate.load(valid.leaf.encoded), valid.issuer
    path = CertificatePath(leaf, issuer.certificate, issuer.root)
    if revocation is not None:
        await revocation.check(path, at=at)
    else:
        logger.warning(
            "A revocation checker is made for one call alone, and may fetch a list of "
            "45 MB for it. Give the call the checker of the service: revocation=…"
        )
        async with Revocation() as checker:
            await checker.check(path, at=at)


def _check_validity(start: datetime, end: datetime, at: datetime) -> None:
    if at < start:
        raise CertificateNotYetValidError(
            "The certificate is not valid yet, if this computer's clock is right."
        )
    if at > end:
        raise CertificateExpiredError(
            "The certificate has expired, if this computer's clock is right."
        )


def _check_login(extensions: Extensions) -> None:
    _check_usage(extensions, "authentication", "digital_signature", "non_repudiation")
    if extensions.client is False:
        raise UserCertificateWrongPurposeError(
            "The certificate's extended key usage does not include clientAuth."
        )


def _check_signing(extensions: Extensions) -> None:
    _check_usage(extensions, "signing", "non_repudiation", "digital_signature")


def _check_usage(
    extensions: Extensions, purpose: str, needed: str, excluded: str
) -> None:
    usage = extensions.usage
    if usage is None:
        raise UserCertificateMissingPurposeError(
            "The certificate does not say what its key may be used for."
        )
    if extensions.is_ca:
        raise UserCertificateWrongPurposeError("The certificate is a CA's.")
    if needed not in usage or excluded in usage:
        found = ", ".join(sorted(usage)) or "empty"
        raise UserCertificateWrongPurposeError(
            f"The certificate is not for {purpose}: its key usage is {found}."
        )
