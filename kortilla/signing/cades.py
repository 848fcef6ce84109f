# SPDX-License-Identifier: MIT
"""Detached CAdES signatures of any file, in two calls around the browser's signature.

The calls are used as those of ``kortilla.signing.pades``. What is made, the ``.p7s``,
is CAdES-B-B (ETSI EN 319 122-1), and CAdES-B-T with a time-stamping service.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from asn1crypto import algos, cms, x509
from pyhanko.sign.signers.pdf_cms import ExternalSigner, PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from kortilla.clock import utc_now
from kortilla.errors import DocumentNotSignableError, SignatureValidationError
from kortilla.revocation import RevocationChecker
from kortilla.signing.answer import Answer, PageSignature
from kortilla.signing.own_card import OwnCard
from kortilla.signing.signature import (
    Checks,
    Draft,
    SignedDocument,
    SigningCertificate,
    Timestamp,
    finish,
    signing_certificate,
)
from kortilla.signing.state import (
    HASHES,
    Digest,
    Kind,
    PreparedSignature,
    check_name,
)
from kortilla.signing.validation_data import ValidationData
from kortilla.threads import in_thread
from kortilla.validation.leaf import ExactCertificate
from kortilla.validation.trust import Trust

__all__ = ["MAX_FILE_BYTES", "SignedFile", "finish_file", "prepare_file"]

#: The longest content that is hashed here; for a longer one pass its digest.
MAX_FILE_BYTES = 20_000_000


@dataclass(frozen=True)
class SignedFile(SignedDocument):
    """A detached signature: ``content`` is the ``.p7s``, DER of a CMS ContentInfo."""


async def prepare_file(
    content: bytes | Digest,
    *,
    certificate: bytes,
    trust: Trust | OwnCard,
    name: str,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    hash_function: str | None = None,
    chain: Iterable[bytes] = (),
) -> PreparedSignature:
    """Prepare the signature of a content, or of its digest.

    ``certificate`` (DER) is the signer's, as the page got it from
    ``getSigningCertificate``. The user sees ``name``. The hash function is that of
    the digest, or ``hash_function`` (``SHA-256``, ``SHA-384``, ``SHA-512``), or the
    key's preferred one. The signature includes the issuing CA's certificate and
    ``chain`` (DER).

    Raises the errors of ``validate_signer`` for the certificate, and
    ``DocumentNotSignableError`` for a content above ``MAX_FILE_BYTES``.
    """
    check_name(name)
    if isinstance(content, Digest):
        hash_function = content.hash_function
    elif len(content) > MAX_FILE_BYTES:
        raise DocumentNotSignableError(
            f"The file has more than {MAX_FILE_BYTES} bytes.", reason="too-long"
        )
    signing = await signing_certificate(
        certificate,
        Checks(trust, at, revocation),
        chain=chain,
        hash_function=hash_function,
    )
    if not isinstance(content, Digest):
        content = await in_thread(Digest.of, content, signing.hash_function)
    attributes, digest = await sign_attributes(signing, content, pades=False)
    return PreparedSignature(
        "file", name, digest, certificate, signing.chain, attributes
    )


async def finish_file(
    state: PreparedSignature,
    answer: Answer,
    *,
    trust: Trust | OwnCard,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    timestamper: TimeStamper | None = None,
) -> SignedFile:
    """Verify the page's answer and return the finished signature.

    ``answer`` is the result of ``kortilla.sign`` or Web eID's ``sign``; it may contain
    signatures of other documents too. Raises ``SignatureParseError``,
    ``SignatureValidationError``, ``SignerMismatchError``, the errors of
    ``validate_signer``, and ``TimestampFailedError``.
    """
    return SignedFile(
        *await finish(
            CmsDraft,
            state,
            answer,
            Checks(trust, at, revocation),
            timestamper=timestamper,
        )
    )


class CmsDraft(Draft):
    """A CMS signature (RFC 5652), which PAdES uses too.

    The card signs the digest of the signed attributes, which include the digests of the
    content and of the certificate. ``add_data`` of a PDF checks the content's.
    """

    kind: ClassVar[Kind] = "file"
    _stamp: Timestamp | None = None

    @staticmethod
    def check(state: PreparedSignature, certificate: x509.Certificate) -> None:
        """Check the attributes, their digest, and the certificate that they name."""
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

    def to_stamp(self) -> bytes:
        """Return the signature's value (RFC 3161, Appendix A)."""
        return self.value

    def add_timestamp(self, stamp: Timestamp) -> None:
        """Keep the timestamp for ``content``."""
        self._stamp = stamp

    async def add_data(self, data: ValidationData | None) -> None:
        """Add nothing: a CMS signature has none."""

    async def content(self) -> bytes:
        """Return the CMS signature in DER, with its timestamp."""
        state = self.state
        above = SimpleCertificateStore()  # type: ignore[no-untyped-call] # it has no types
        for each in state.chain:
            above.register(ExactCertificate.load(each, strict=True))
        signer = ExternalSigner(
            self.certificate,
            above,
            signature_value=self.value,
            signature_mechanism=_mechanism(self.signature),
        )
        info = await signer.async_sign_prescribed_attributes(
            HASHES[state.digest.hash_function].name,
            cms.CMSAttributes.load(state.signed_attributes),
            timestamper=None if self._stamp is None else _Given(self._stamp),
        )
        der: bytes = info.dump()
        # Certificates of FINEID cards are not strict DER, and asn1crypto may re-encode.
        for part in (state.certificate, *state.chain, state.signed_attributes[1:]):
            if part not in der:
                raise DocumentNotSignableError(
                    "A certificate or attribute would be altered in the signature."
                )
        return der


class _Given(TimeStamper):
    """Hands over a timestamp that is there already."""

    def __init__(self, stamp: Timestamp) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # it has no types
        self._stamp = stamp

    async def async_timestamp(
        self, message_digest: bytes, md_algorithm: str
    ) -> cms.ContentInfo:
        return self._stamp.token


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
        HASHES[content.hash_function].name,
        attr_settings=PdfCMSSignedAttributes(signing_time=utc_now()),
        use_pades=True,
        is_pdf_sig=pades,
    )
    der: bytes = attributes.dump()
    return der, Digest.of(der, content.hash_function)


def _mechanism(signature: PageSignature) -> algos.SignedDigestAlgorithm:
    name = HASHES[signature.algorithm.hash_function].name
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
