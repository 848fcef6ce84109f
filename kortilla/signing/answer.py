# SPDX-License-Identifier: MIT
"""The page's answer to a signing request: parsed, and its signatures verified.

The answer is untrusted. Three formats are accepted: ``{certificate, signatures}`` of
``kortilla.sign`` (PROTOCOL.md §1), and Web eID's ``{signature, signatureAlgorithm}``
with or without ``certificate``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from pydantic import Field

from kortilla.errors import (
    SignatureParseError,
    SignatureValidationError,
    SignerMismatchError,
)
from kortilla.revocation import RevocationChecker
from kortilla.signing.state import HASHES, MAX_NAME_LENGTH, Digest
from kortilla.threads import in_thread
from kortilla.validation.identity import Identity
from kortilla.validation.leaf import load_leaf
from kortilla.validation.signature import ecdsa_der, load_public_key
from kortilla.validation.trust import Trust
from kortilla.validation.untrusted import (
    Base64Text,
    WireModel,
    decode_base64,
    read_object,
)
from kortilla.validation.validator import validate_signer

#: Characters of an answer as JSON: enough for twenty RSA signatures with long names.
MAX_ANSWER_LENGTH = 100_000
#: The number of documents (PROTOCOL.md §3).
_MAX_SIGNATURES = 20
#: The curves of FINEID cards and P-521, with the hash function of their length.
_CURVES = {"secp256r1": "SHA-256", "secp384r1": "SHA-384", "secp521r1": "SHA-512"}

_HashFunction = Literal[
    "SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512"
]


class SignatureAlgorithm(WireModel):
    """A signature algorithm, with Web eID's names."""

    crypto_algorithm: Literal["ECC", "RSA"]
    hash_function: _HashFunction
    padding_scheme: Literal["NONE", "PKCS1.5", "PSS"]


class PageSignature(WireModel):
    """One signature. Web eID's format has no ``name`` and ``hash``."""

    signature: Annotated[Base64Text, Field(max_length=1400)]
    algorithm: Annotated[SignatureAlgorithm, Field(alias="signatureAlgorithm")]

    @property
    def value(self) -> bytes:
        """The signature: raw r‖s for ECDSA, as long as the modulus for RSA."""
        return decode_base64(self.signature)


class NamedSignature(PageSignature):
    """One signature of ``kortilla.sign``, with the document that it claims to sign."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
    hash: Annotated[Base64Text, Field(max_length=88)]
    hash_function: _HashFunction

    def claims(self, name: str, digest: bytes) -> bool:
        """Return whether it claims to sign this digest with this name."""
        return (
            self.name == name
            and self.hash_function == self.algorithm.hash_function
            and decode_base64(self.hash) == digest
        )


class _KortillaAnswer(WireModel):
    certificate: Annotated[Base64Text, Field(max_length=8192)]
    signatures: Annotated[
        list[NamedSignature], Field(min_length=1, max_length=_MAX_SIGNATURES)
    ]


class _WebEidAnswer(PageSignature):
    certificate: Annotated[Base64Text | None, Field(max_length=8192)] = None


#: An answer as JSON, or as the parsed object.
Answer = str | bytes | Mapping[str, object]


@dataclass(frozen=True)
class PageAnswer:
    """A well-formed answer.

    ``certificate`` is DER, or None if the answer has none. ``signatures`` are
    ``NamedSignature``, or one ``PageSignature`` in Web eID's format.
    """

    certificate: bytes | None
    signatures: tuple[PageSignature, ...]


def parse_answer(answer: Answer) -> PageAnswer:
    """Parse an answer.

    Raises ``SignatureParseError``, which names the field and quotes no input.
    """
    form = read_object(
        answer,
        _form_of,
        what="answer",
        limit=MAX_ANSWER_LENGTH,
        error=SignatureParseError,
    )
    return PageAnswer(
        None if form.certificate is None else decode_base64(form.certificate),
        (form,) if isinstance(form, _WebEidAnswer) else tuple(form.signatures),
    )


def _form_of(content: Mapping[str, object]) -> "type[_KortillaAnswer | _WebEidAnswer]":
    return _KortillaAnswer if "signatures" in content else _WebEidAnswer


def key_hash_function(certificate: x509.Certificate) -> str:
    """Return the preferred hash function of a certificate's key.

    It is the one of the curve's length, or SHA-256 for RSA.
    """
    key = load_public_key(certificate)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES[key.curve.name]
    return "SHA-256"


def verify_digest(
    certificate: x509.Certificate, signature: PageSignature, digest: bytes
) -> bytes:
    """Verify one signature over a digest of ``signature``'s hash function.

    ECDSA signatures are raw r‖s of exactly twice the curve's length; the salt of PSS is
    as long as the hash. Returns the signature in the encoding of CMS and X.509: DER for
    ECDSA, unchanged for RSA. Raises ``SignatureValidationError``, also for an algorithm
    that does not fit the certificate's key.
    """
    key = load_public_key(certificate)
    algorithm = signature.algorithm
    function = HASHES[algorithm.hash_function]
    prehashed = Prehashed(function)
    value = signature.value
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            named = algorithm.crypto_algorithm, algorithm.padding_scheme
            if named != ("ECC", "NONE"):
                raise InvalidSignature
            value = ecdsa_der(value, key)
            key.verify(value, digest, ec.ECDSA(prehashed))
        else:
            scheme = _rsa_scheme(signature, function)
            key.verify(value, digest, scheme, prehashed)
    except (InvalidSignature, UnsupportedAlgorithm):
        raise SignatureValidationError(
            "A signature is not the certificate's key's over what was to be signed."
        ) from None
    return value


def _rsa_scheme(
    signature: PageSignature, function: hashes.HashAlgorithm
) -> padding.AsymmetricPadding:
    algorithm = signature.algorithm
    # The cards' RSA keys sign SHA-2 only, and few CMS readers know SHA-3.
    if algorithm.crypto_algorithm != "RSA" or algorithm.hash_function.startswith(
        "SHA3"
    ):
        raise InvalidSignature
    if algorithm.padding_scheme == "PSS":
        return padding.PSS(padding.MGF1(function), function.digest_size)
    if algorithm.padding_scheme == "PKCS1.5":
        return padding.PKCS1v15()
    raise InvalidSignature


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
    answer: str | bytes | Mapping[str, object],
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
