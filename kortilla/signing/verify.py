# SPDX-License-Identifier: MIT
"""Verifies who signed, and that the service's documents were signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import x509

from kortilla.errors import SignatureValidationError, SignerMismatchError
from kortilla.revocation import RevocationChecker
from kortilla.signing.algorithms import Digest, verify_digest
from kortilla.signing.answer import (
    NamedSignature,
    PageAnswer,
    PageSignature,
    parse_answer,
)
from kortilla.threads import in_thread
from kortilla.validation.identity import Identity
from kortilla.validation.leaf import load_leaf
from kortilla.validation.trust import Trust
from kortilla.validation.validator import validate_signer

__all__ = [
    "VerifiedSignature",
    "VerifiedSignatures",
    "signer_of",
    "verify_signatures",
]


@dataclass(frozen=True)
class VerifiedSignature:
    """One verified signature.

    ``value`` is raw r‖s for ECDSA, as long as the modulus for RSA; ``padding_scheme``
    is ``NONE`` for ECDSA, ``PKCS1.5`` or ``PSS`` for RSA.
    """

    name: str
    digest: Digest
    value: bytes
    padding_scheme: str


@dataclass(frozen=True)
class VerifiedSignatures:
    """The signer, the certificate in DER, and the signatures in the expected order."""

    signer: Identity
    certificate: bytes
    signatures: tuple[VerifiedSignature, ...]


async def verify_signatures(
    answer: str | bytes | Mapping[str, Any],
    expected: Mapping[str, bytes | Digest],
    *,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    certificate: bytes | None = None,
    satu: str | None = None,
) -> VerifiedSignatures:
    """Verify the page's answer of ``kortilla.sign``, and return the signer.

    ``answer`` is the page's, as JSON or parsed, and untrusted. ``expected`` maps the
    names that the page was given to the service's own contents or digests, in the same
    order. Web eID's answer (``{signature, signatureAlgorithm}``) is accepted too if one
    document is expected.

    ``certificate`` (DER) and ``satu`` restrict who may sign; an answer without
    certificate needs ``certificate``. ``trust``, ``at`` and ``revocation`` are as for
    ``validate_signer``.

    Raises ``SignatureParseError`` for a malformed answer, ``SignatureValidationError``
    for signatures of other documents, by another key, or of another number or order,
    ``SignerMismatchError``, and the errors of ``validate_signer`` for the certificate.
    """
    if not expected:
        raise ValueError("Nothing is expected to be signed.")
    parsed = parse_answer(answer)
    der = signer_of(parsed, certificate)
    if len(parsed.signatures) != len(expected):
        raise SignatureValidationError(
            f"There are {len(parsed.signatures)} signatures, not {len(expected)}."
        )
    verified = await in_thread(  # contents may be long
        _verify, load_leaf(der), parsed.signatures, expected
    )
    # Revocation is checked last, so a forged answer triggers no network request.
    signer = await validate_signer(der, trust=trust, at=at, revocation=revocation)
    if satu is not None and signer.satu != satu:
        raise SignerMismatchError("Somebody else signed than was to sign.")
    return VerifiedSignatures(signer, der, verified)


def signer_of(answer: PageAnswer, certificate: bytes | None) -> bytes:
    """Return the certificate of an answer, which must equal ``certificate`` if given.

    Raises ``SignerMismatchError``, and ``SignatureValidationError`` if there is none.
    """
    if certificate is None:
        if answer.certificate is None:
            raise SignatureValidationError("The answer has no certificate.")
        return answer.certificate
    if answer.certificate not in {None, certificate}:
        raise SignerMismatchError("Another certificate signed than was to sign.")
    return certificate


def _verify(
    certificate: x509.Certificate,
    signatures: tuple[PageSignature, ...],
    expected: Mapping[str, bytes | Digest],
) -> tuple[VerifiedSignature, ...]:
    verified = []
    for number, (signature, (name, content)) in enumerate(
        zip(signatures, expected.items(), strict=True), start=1
    ):
        function = signature.algorithm.hash_function
        digest = (
            content if isinstance(content, Digest) else Digest.of(content, function)
        )
        if digest.hash_function != function or (
            isinstance(signature, NamedSignature)
            and not signature.claims(name, digest.value)
        ):
            raise SignatureValidationError(
                f"Signature {number} is not of what was to be signed there."
            )
        verify_digest(certificate, signature, digest.value)
        verified.append(
            VerifiedSignature(
                name, digest, signature.value, signature.algorithm.padding_scheme
            )
        )
    return tuple(verified)
