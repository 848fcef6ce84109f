# SPDX-License-Identifier: MIT
"""CMS signatures (RFC 5652) with the attributes of CAdES-B-B (ETSI EN 319 122-1).

PAdES and CAdES use the same structure. The card signs the digest of the signed
attributes, which include the digests of the content and of the certificate.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from asn1crypto import algos, cms, x509
from pyhanko.sign.signers.pdf_cms import ExternalSigner, PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from kortilla.clock import utc_now
from kortilla.errors import (
    DocumentNotSignableError,
    SignatureValidationError,
    TimestampFailedError,
)
from kortilla.revocation import RevocationChecker
from kortilla.signing.algorithms import HASHES, Digest, key_hash_function, verify_digest
from kortilla.signing.answer import NamedSignature, PageSignature, parse_answer
from kortilla.signing.own_card import OwnCard, check_signer
from kortilla.signing.state import PreparedSignature
from kortilla.signing.verify import signer_of
from kortilla.validation.identity import Identity
from kortilla.validation.leaf import ExactCertificate, load_leaf
from kortilla.validation.trust import Trust

__all__ = [
    "AcceptedSignature",
    "CmsSignature",
    "Level",
    "SigningCertificate",
    "Timestamp",
    "accept_signature",
    "finish_cms",
    "request_timestamp",
    "sign_attributes",
    "signing_certificate",
]

#: The level of the ETSI baseline profiles that a signature has reached.
Level = Literal["B-B", "B-T", "B-LT", "B-LTA"]

#: The hash functions that document validators support; SHA-3 is not among them.
_HASH_FUNCTIONS = ("SHA-256", "SHA-384", "SHA-512")


@dataclass(frozen=True)
class SigningCertificate:
    """The signer's validated certificate, and the CAs above it."""

    certificate: x509.Certificate
    chain: tuple[bytes, ...]
    signer: Identity
    hash_function: str


@dataclass(frozen=True)
class AcceptedSignature:
    """The card's verified signature. ``value`` is in the encoding of CMS and X.509."""

    certificate: x509.Certificate
    signature: PageSignature
    value: bytes
    signer: Identity


@dataclass(frozen=True)
class Timestamp:
    """A timestamp in DER, and the certificates in it."""

    der: bytes
    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class CmsSignature:
    """A finished CMS signature in DER, and its signer."""

    der: bytes
    signer: Identity
    level: Literal["B-B", "B-T"]


async def signing_certificate(
    certificate: bytes,
    *,
    trust: Trust | OwnCard,
    at: datetime | None,
    revocation: RevocationChecker | None,
    chain: Iterable[bytes],
    hash_function: str | None,
) -> SigningCertificate:
    """Validate the signer's certificate, and choose the hash function."""
    signer = await check_signer(certificate, trust=trust, at=at, revocation=revocation)
    loaded = load_leaf(certificate)
    function = hash_function or key_hash_function(loaded)
    if function not in _HASH_FUNCTIONS:
        raise ValueError(f"The hash function is none of {', '.join(_HASH_FUNCTIONS)}.")
    above = [
        issuer.certificate.dump()
        for issuer in ([] if isinstance(trust, OwnCard) else trust.issuers)
        if issuer.certificate.subject == loaded.issuer
    ]
    above += [each for each in chain if each not in above]
    for each in above:
        x509.Certificate.load(each, strict=True).native  # noqa: B018 - reading is the check
    return SigningCertificate(loaded, tuple(above), signer, function)


async def sign_attributes(
    signing: SigningCertificate, content: Digest, *, pades: bool
) -> tuple[bytes, Digest]:
    """Return the signed attributes for a content, in DER, and their digest.

    They are content-type, message-digest and signing-certificate-v2, and signing-time
    except for a PDF, which has the time in the signature dictionary.
    """
    signer = ExternalSigner(signing.certificate, None)
    attributes = await signer.signed_attrs(
        content.value,
        _pyhanko_name(content.hash_function),
        attr_settings=PdfCMSSignedAttributes(signing_time=utc_now()),
        use_pades=True,
        is_pdf_sig=pades,
    )
    der: bytes = attributes.dump()
    return der, Digest.of(der, content.hash_function)


async def finish_cms(
    state: PreparedSignature,
    answer: str | bytes | Mapping[str, Any],
    *,
    trust: Trust | OwnCard,
    at: datetime | None,
    revocation: RevocationChecker | None,
    timestamper: TimeStamper | None,
) -> CmsSignature:
    """Verify the card's signature and put it into CMS.

    The caller checks that the signed attributes are those of the content.
    """
    accepted = await accept_signature(
        state,
        answer,
        trust=trust,
        at=at,
        revocation=revocation,
        check=_check_attributes,
    )
    der = await _assemble(state, accepted, timestamper)
    return CmsSignature(der, accepted.signer, "B-B" if timestamper is None else "B-T")


async def accept_signature(
    state: PreparedSignature,
    answer: str | bytes | Mapping[str, Any],
    *,
    trust: Trust | OwnCard,
    at: datetime | None,
    revocation: RevocationChecker | None,
    check: Callable[[PreparedSignature, x509.Certificate], None],
) -> AcceptedSignature:
    """Verify the card's signature in the page's answer, and the signer's certificate.

    ``check`` raises ``SignatureValidationError`` for a state that is not consistent.
    """
    parsed = parse_answer(answer)
    der = signer_of(parsed, state.certificate)
    certificate = load_leaf(der)
    signature = _signature_of(state, parsed.signatures)
    check(state, certificate)
    value = verify_digest(certificate, signature, state.digest.value)
    # Revocation is checked last, so a forged answer triggers no network request.
    signer = await check_signer(der, trust=trust, at=at, revocation=revocation)
    return AcceptedSignature(certificate, signature, value, signer)


def _signature_of(
    state: PreparedSignature, signatures: tuple[PageSignature, ...]
) -> PageSignature:
    """Return the signature in an answer that belongs to the prepared one.

    The answer may contain others: one entry of PIN2 can sign several documents.
    """
    if len(signatures) == 1 and not isinstance(signatures[0], NamedSignature):
        found = list(signatures)
    else:
        found = [
            each
            for each in signatures
            if isinstance(each, NamedSignature)
            and each.claims(state.name, state.digest.value)
        ]
    if len(found) != 1:
        raise SignatureValidationError(
            "The answer has not exactly one signature of what was prepared."
        )
    [signature] = found
    if signature.algorithm.hash_function != state.digest.hash_function:
        raise SignatureValidationError(
            "It was signed with another hash function than was prepared."
        )
    return signature


def _check_attributes(state: PreparedSignature, certificate: x509.Certificate) -> None:
    """Check that the state is consistent, in case it was altered meanwhile."""
    try:
        attributes = cms.CMSAttributes.load(state.signed_attributes, strict=True)
        values = {each["type"].native: each["values"] for each in attributes}
        [named] = values["signing_certificate_v2"]
        named_digest = named["certs"][0]["cert_hash"].native
    except Exception as error:
        # asn1crypto raises any exception on odd input.
        raise SignatureValidationError(
            "What was prepared is not a signature's attributes."
        ) from error
    function = state.digest.hash_function
    if (
        Digest.of(state.signed_attributes, function) != state.digest
        or named_digest != Digest.of(certificate.dump(), "SHA-256").value
    ):
        raise SignatureValidationError("What was prepared has been changed since.")


async def _assemble(
    state: PreparedSignature,
    accepted: AcceptedSignature,
    timestamper: TimeStamper | None,
) -> bytes:
    above = SimpleCertificateStore()  # type: ignore[no-untyped-call] # it has no types
    for each in state.chain:
        above.register(ExactCertificate.load(each, strict=True))
    signer = ExternalSigner(
        accepted.certificate,
        above,
        signature_value=accepted.value,
        signature_mechanism=_mechanism(accepted.signature),
    )
    try:
        info = await signer.async_sign_prescribed_attributes(
            _pyhanko_name(state.digest.hash_function),
            cms.CMSAttributes.load(state.signed_attributes),
            timestamper=timestamper,
        )
        _check_timestamps(info, accepted.value)
    except Exception as error:
        # Everything else has been verified. For a service's invalid answer, pyHanko
        # and asn1crypto raise any exception.
        raise _no_timestamp() from error
    der: bytes = info.dump()
    # Certificates of FINEID cards are not strict DER, and asn1crypto may re-encode.
    for part in (state.certificate, *state.chain, state.signed_attributes[1:]):
        if part not in der:
            raise DocumentNotSignableError(
                "A certificate or attribute would be altered in the signature."
            )
    return der


def _check_timestamps(signature: cms.ContentInfo, value: bytes) -> None:
    [signer] = signature["content"]["signer_infos"]
    for attribute in signer["unsigned_attrs"] or ():
        for token in attribute["values"]:
            function, digest = _imprint_of(token)
            # pyHanko does not check it.
            if digest != hashlib.new(function, value).digest():
                raise ValueError("a timestamp of something else")


async def request_timestamp(timestamper: TimeStamper, digest: Digest) -> Timestamp:
    """Ask a service for a timestamp of a digest. Raises ``TimestampFailedError``."""
    function = _pyhanko_name(digest.hash_function)
    try:
        token = await timestamper.async_timestamp(digest.value, function)
        if _imprint_of(token) != (function, digest.value):
            raise ValueError("a timestamp of something else")
        inside = token["content"]["certificates"] or ()
        return Timestamp(token.dump(), tuple(choice.chosen for choice in inside))
    except Exception as error:
        # For a service's invalid answer, pyHanko and asn1crypto raise any exception.
        raise _no_timestamp() from error


def _no_timestamp() -> TimestampFailedError:
    return TimestampFailedError(
        "The time-stamping service gave no timestamp that can be used."
    )


def _imprint_of(token: cms.ContentInfo) -> tuple[str, bytes]:
    """Return the hash function and digest that a timestamp is of.

    Raises any exception for a malformed timestamp.
    """
    stamped = token["content"]["encap_content_info"]["content"].parsed
    imprint = stamped["message_imprint"]
    function: str = imprint["hash_algorithm"]["algorithm"].native
    digest: bytes = imprint["hashed_message"].native
    return function, digest


def _mechanism(signature: PageSignature) -> algos.SignedDigestAlgorithm:
    name = _pyhanko_name(signature.algorithm.hash_function)
    if signature.algorithm.crypto_algorithm == "ECC":
        return algos.SignedDigestAlgorithm({"algorithm": f"{name}_ecdsa"})
    if signature.algorithm.padding_scheme == "PKCS1.5":
        return algos.SignedDigestAlgorithm({"algorithm": f"{name}_rsa"})
    function = algos.DigestAlgorithm({"algorithm": name})
    return algos.SignedDigestAlgorithm(
        {
            "algorithm": "rsassa_pss",
            "parameters": {
                "hash_algorithm": function,
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": function},
                "salt_length": HASHES[signature.algorithm.hash_function].digest_size,
            },
        }
    )


def _pyhanko_name(hash_function: str) -> str:
    return HASHES[hash_function].name
