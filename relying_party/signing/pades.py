# SPDX-License-Identifier: MIT
"""PAdES signatures of PDF files, in two calls around the browser's signature.

    prepared = await prepare_pdf(pdf, certificate=der, trust=trust, name="contract.pdf")
    # Keep prepared.to_bytes(). In the page:
    #   kortilla.sign({hashes: [prepared.for_page], certificate, lang})
    signed = await finish_pdf(prepared, answer, trust=trust)
    # signed.content is the signed PDF

Levels (ETSI EN 319 142-1), as ``SignedPdf.level`` tells them: **B-B** by itself;
**B-T** with a time-stamping service; **B-LT** with both a timestamp and revocation data
for every certificate of signer and timestamp. Revocation data without a timestamp are
put in all the same, and the level stays B-B: nothing then proves when it was signed.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, TypeVar

from asn1crypto import cms
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    enumerate_sig_fields,
)
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.signers.pdf_cms import ExternalSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel

from ..challenge import utc_now
from ..errors import DocumentNotSignableError, SignatureValidationError
from ..identity import Identity
from ..leaf import ExactCertificate
from ..revocation import RevocationChecker
from ..trust import Trust
from .algorithms import Digest
from .appearance import Appearance, stamp_style
from .cms import (
    Level,
    SigningCertificate,
    finish_cms,
    sign_attributes,
    signing_certificate,
)
from .deadline import TooSlowError, run_with_deadline
from .state import PreparedSignature, check_name
from .validation_data import ValidationData, certificates_of_timestamps

__all__ = [
    "MAX_PDF_BYTES",
    "Appearance",
    "SignedPdf",
    "ValidationData",
    "finish_pdf",
    "prepare_pdf",
]

T = TypeVar("T")

#: The longest PDF that is signed.
MAX_PDF_BYTES = 20_000_000

#: Bytes kept free for the signature besides its certificates: an RSA-8192 signature and
#: the attributes, and a timestamp with its certificates.
_ROOM_FOR_SIGNATURE = 4096
_ROOM_FOR_TIMESTAMP = 12 * 1024
_MAX_TEXT = 500
_MAX_FIELDS = 10_000


@dataclass(frozen=True)
class SignedPdf:
    """A signed PDF, by whom, and at which level of PAdES."""

    content: bytes = field(repr=False)
    signer: Identity
    level: Level


async def prepare_pdf(
    pdf: bytes,
    *,
    certificate: bytes,
    trust: Trust,
    name: str,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    hash_function: str | None = None,
    chain: Iterable[bytes] = (),
    reason: str | None = None,
    location: str | None = None,
    field_name: str | None = None,
    appearance: Appearance | None = None,
) -> PreparedSignature:
    """Prepare the signature of a PDF.

    ``certificate`` (DER) is the one that will sign, as the page got it from
    ``getSigningCertificate``; ``name`` is shown to the person in Kortilla's window. The
    hash function is ``SHA-256``, ``SHA-384`` or ``SHA-512``; the one that suits the
    key, unless given. The issuing CA is put in, and ``chain`` (DER) besides.
    ``reason`` and ``location`` stand in the signature. ``field_name`` is that of an
    empty signature field of the PDF, or of a new one; without it, a new one is made.
    The signature is not to be seen on a page unless ``appearance`` says where, or the
    empty field has a place of its own.

    What was signed before stays valid: the PDF is added to and nothing in it changed.
    Raises the errors of ``validate_signer`` for the certificate, and
    ``DocumentNotSignableError`` for what is no PDF, broken, encrypted, longer than
    ``MAX_PDF_BYTES``, without that page, with that field signed already, or closed to
    further signatures by an earlier one.
    """
    check_name(name)
    for text in (reason, location, field_name):
        if text is not None and not 1 <= len(text) <= _MAX_TEXT:
            raise ValueError(f"A text of a signature has 1 to {_MAX_TEXT} characters.")
    if field_name is not None and "." in field_name:
        raise ValueError("The name of a signature field has no dot.")
    if len(pdf) > MAX_PDF_BYTES:
        raise DocumentNotSignableError(f"The PDF has more than {MAX_PDF_BYTES} bytes.")
    signing = await signing_certificate(
        certificate,
        trust=trust,
        at=at,
        revocation=revocation,
        chain=chain,
        hash_function=hash_function,
    )
    placeholder = _Placeholder(signing, reason, location, field_name, appearance)
    gap, document, content = await asyncio.to_thread(
        _signable, lambda: placeholder.put_into(pdf)
    )
    attributes, digest = await sign_attributes(signing, content, pades=True)
    return PreparedSignature(
        "pdf", name, digest, certificate, signing.chain, attributes, document, gap
    )


async def finish_pdf(
    state: PreparedSignature,
    answer: str | bytes | Mapping[str, Any],
    *,
    trust: Trust,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    timestamper: TimeStamper | None = None,
    validation_data: ValidationData | None = None,
) -> SignedPdf:
    """Verify the page's answer and return the signed PDF.

    ``answer`` is what ``kortilla.sign`` or Web eID's ``sign`` gave; signatures of other
    things may stand beside the one that was prepared. ``timestamper`` is the client of
    a time-stamping service (``pyhanko.sign.timestamps``), whose worth is not judged.
    ``validation_data`` go into the PDF's document security store.

    Raises ``SignatureParseError``, ``SignatureValidationError``,
    ``SignerMismatchError``, the errors of ``validate_signer``,
    ``TimestampFailedError``, and ``DocumentNotSignableError`` when the timestamp is
    longer than the room for it.
    """
    if state.kind != "pdf":
        raise ValueError("What was prepared is not the signature of a PDF.")
    content = await asyncio.to_thread(_digest_around, state)
    made = await finish_cms(
        state,
        answer,
        content=content,
        trust=trust,
        at=at,
        revocation=revocation,
        timestamper=timestamper,
    )
    document, covered = await asyncio.to_thread(
        _signable, lambda: _embed(state, made.der, validation_data)
    )
    level: Level = "B-LT" if made.level == "B-T" and covered else made.level
    return SignedPdf(document, made.signer, level)


def _signable(work: Callable[[], T]) -> T:
    """Do a thread's work on a PDF that may be anything."""
    try:
        return run_with_deadline(work)
    except DocumentNotSignableError:
        raise
    except TooSlowError:
        raise DocumentNotSignableError("The PDF takes too long to read.") from None
    except Exception as error:
        # Besides its own errors, pyHanko meets broken files with whatever Python
        # raises: KeyError, TypeError, IndexError, RecursionError, AssertionError, …
        raise DocumentNotSignableError(
            "The document is not a sound PDF that can be signed as asked."
        ) from error


@dataclass(frozen=True)
class _Placeholder:
    """A signature without its value."""

    signing: SigningCertificate
    reason: str | None
    location: str | None
    field_name: str | None
    appearance: Appearance | None

    def put_into(self, pdf: bytes) -> tuple[tuple[int, int], bytes, Digest]:
        """Return where the signature goes, the PDF with room there, and its digest."""
        # What other programs write is read with lenience, as every viewer does.
        writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
        if writer.security_handler is not None:
            raise DocumentNotSignableError("The PDF is encrypted.")
        names = _check_earlier(writer)
        name = self.field_name or next(
            name
            for name in (f"Signature{i}" for i in range(1, len(names) + 2))
            if name not in names
        )
        box, page = (
            (None, 0)
            if self.appearance is None
            else (self.appearance.box, self.appearance.page)
        )
        signer = PdfSigner(
            PdfSignatureMetadata(
                field_name=name,
                md_algorithm=self.signing.hash_function.replace("-", "").lower(),
                subfilter=SigSeedSubFilter.PADES,
                reason=self.reason,
                location=self.location,
            ),
            ExternalSigner(self.signing.certificate, None),
            stamp_style=stamp_style(),
            new_field_spec=SigFieldSpec(name, on_page=page, box=box),
        )
        output = BytesIO()
        work = signer.async_digest_doc_for_signing(
            writer,
            bytes_reserved=self._room(),
            appearance_text_params={"text": self._text()},
            output=output,
        )
        prepared, _, _ = asyncio.run(work)
        return (
            (prepared.reserved_region_start, prepared.reserved_region_end),
            output.getvalue(),
            Digest(prepared.document_digest, self.signing.hash_function),
        )

    def _room(self) -> int:
        certificates = sum(
            map(len, (self.signing.certificate.dump(), *self.signing.chain))
        )
        # Two hexadecimal digits for each byte.
        return 2 * (_ROOM_FOR_SIGNATURE + _ROOM_FOR_TIMESTAMP + certificates)

    def _text(self) -> str:
        if self.appearance is not None and self.appearance.text is not None:
            return self.appearance.text
        signer = self.signing.signer
        return f"{signer.given_names} {signer.surname}\n{utc_now():%Y-%m-%d %H:%M} UTC"


def _check_earlier(writer: IncrementalPdfFileWriter) -> set[str]:
    """Return the names of all signature fields, unless a signature closed the PDF."""
    try:
        fields = len(writer.root["/AcroForm"]["/Fields"])
    except KeyError:
        fields = 0
    if fields > _MAX_FIELDS:
        # pyHanko writes a line into the log for each that is none.
        raise DocumentNotSignableError("The PDF's form has too many fields.")
    for earlier in writer.prev.embedded_signatures:
        if earlier.docmdp_level == MDPPerm.NO_CHANGES:
            raise DocumentNotSignableError(
                "An earlier signature forbids every change of the PDF."
            )
    return {name for name, _, _ in enumerate_sig_fields(writer)}


def _digest_around(state: PreparedSignature) -> Digest:
    """Hash what the signature covers: all of the prepared PDF but the gap."""
    begin, end = state.gap
    if not 0 < begin < end < len(state.document):
        raise SignatureValidationError("What was prepared has been changed since.")
    around = state.document[:begin] + state.document[end:]
    return Digest.of(around, state.digest.hash_function)


def _embed(
    state: PreparedSignature, signature: bytes, data: ValidationData | None
) -> tuple[bytes, bool]:
    """Put a signature into its gap; return the PDF, and whether the data suffice."""
    begin, end = state.gap
    prepared = PreparedByteRangeDigest(state.digest.value, begin, end)
    output = BytesIO(state.document)
    contents = prepared.fill_with_cms(output, signature)
    embedded = PdfFileReader(output, strict=False).embedded_signatures[-1]
    embedded.compute_integrity_info()
    if embedded.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        raise DocumentNotSignableError("The signature would not cover the whole PDF.")
    if data is None:
        return output.getvalue(), False
    leaf = ExactCertificate.load(state.certificate)
    chain = [ExactCertificate.load(each) for each in state.chain]
    DocumentSecurityStore.add_dss(
        output,
        contents,
        certs=[leaf, *chain, *data.parsed_certificates()],
        ocsps=data.parsed_ocsp_responses(),
        crls=data.parsed_crls(),
        strict=False,
    )
    stamped = certificates_of_timestamps(cms.ContentInfo.load(signature))
    return output.getvalue(), data.covers([leaf, *chain, *stamped])
