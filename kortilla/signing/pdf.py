# SPDX-License-Identifier: MIT
"""Processes an untrusted PDF; this code runs in a separate process."""

import asyncio
from io import BytesIO

from asn1crypto import cms
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    enumerate_sig_fields,
)
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import (
    DocumentTimestamp,
    PreparedByteRangeDigest,
)
from pyhanko.sign.signers.pdf_cms import ExternalSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import SignatureCoverageLevel

from kortilla.common import JsonObject
from kortilla.common.corners import corner_box, turned_back
from kortilla.errors import DocumentNotSignableError, SignatureValidationError
from kortilla.signing.appearance import shown_of_page, stamp_style
from kortilla.signing.exchange import Placeholder
from kortilla.signing.state import HASHES, Digest, PreparedSignature
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.objects import Reading
from kortilla.signing.verification.pdf.pages import check_shown
from kortilla.validation.leaf import ExactCertificate

#: Bytes kept free for the signature besides its certificates: an RSA-8192 signature and
#: the attributes, and a timestamp with its certificates.
_ROOM_FOR_SIGNATURE = 4096
_ROOM_FOR_TIMESTAMP = 12 * 1024
_MAX_FIELDS = 10_000
#: The reason and words for what ``check_shown`` finds.
_REASONS = {
    "ACTIVE_CONTENT": (
        "active",
        "The PDF has a program or an action that can change what it shows.",
    ),
    "IRREGULAR": (
        "irregular",
        "The PDF is written so that programs may show different things.",
    ),
    "SHOWN_DIFFERENTLY": (
        "shown-differently",
        "The PDF shows other things on paper than on screen, or in some programs.",
    ),
    "TOO_LARGE": ("too-much-memory", "The PDF takes too much memory to read."),
    "TOO_SLOW": ("too-slow", "The PDF takes too long to read."),
    "XFA_FORM": (
        "xfa",
        "The PDF is an XFA form, of which programs show different things.",
    ),
}


def put_placeholder(wanted: Placeholder, pdf: bytes) -> tuple[JsonObject, bytes]:
    """Return the signature's place and digest, and the PDF with space for it.

    Raises ``DocumentNotSignableError``, and any exception for broken files.
    """
    # Files of other programs are read leniently, as viewers do.
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    if writer.security_handler is not None:
        raise DocumentNotSignableError("The PDF is encrypted.", reason="encrypted")
    names = _check_earlier(writer)
    _check_shown(pdf)
    name = wanted.field_name or _free_name("Signature", names)
    box, turn = _place(wanted, writer)
    signer = PdfSigner(
        PdfSignatureMetadata(
            field_name=name,
            md_algorithm=HASHES[wanted.hash_function].name,
            subfilter=SigSeedSubFilter.PADES,
            reason=wanted.reason,
            location=wanted.location,
        ),
        ExternalSigner(ExactCertificate.load(wanted.certificate), None),
        stamp_style=stamp_style(turn),
        new_field_spec=SigFieldSpec(name, on_page=wanted.page, box=box),
    )
    output = BytesIO()
    work = signer.async_digest_doc_for_signing(
        writer,
        bytes_reserved=_room(wanted),
        appearance_text_params={"text": wanted.text},
        output=output,
    )
    prepared, _, _ = asyncio.run(work)
    gap = (prepared.reserved_region_start, prepared.reserved_region_end)
    return {"gap": gap, "digest": prepared.document_digest}, output.getvalue()


def _place(
    wanted: Placeholder, writer: IncrementalPdfFileWriter
) -> tuple[tuple[int, int, int, int] | None, int]:
    """Return the box in the page's coordinates, and how the page is turned."""
    if not isinstance(wanted.box, str):
        return wanted.box, 0
    page, turn = shown_of_page(writer, wanted.page)
    size = page[2] - page[0], page[3] - page[1]
    box = corner_box(*(size[::-1] if turn in (90, 270) else size), wanted.box)
    left, bottom, right, top = turned_back(box, page, turn)
    # Some programs take a box without a width or height for an invisible one.
    left, bottom = round(left), round(bottom)
    right, top = max(round(right), left + 1), max(round(top), bottom + 1)
    return (left, bottom, right, top), turn


def _room(wanted: Placeholder) -> int:
    certificates = sum(map(len, (wanted.certificate, *wanted.chain)))
    # Two hexadecimal digits for each byte.
    return 2 * (_ROOM_FOR_SIGNATURE + _ROOM_FOR_TIMESTAMP + certificates)


def _free_name(start: str, names: set[str]) -> str:
    numbered = (f"{start}{number}" for number in range(1, len(names) + 2))
    return next(name for name in numbered if name not in names)


def put_timestamp(pdf: bytes, hash_function: str) -> tuple[JsonObject, bytes]:
    """Return the place and digest of a timestamp of a PDF, and the PDF with space.

    It is a document timestamp (ISO 32000-2 §12.8.5). Raises as ``put_into``.
    """
    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
    name = _free_name("Timestamp", _check_earlier(writer))
    steps = PdfCMSEmbedder(SigFieldSpec(name)).write_cms(
        field_name=name, writer=writer, existing_fields_only=False
    )
    next(steps)
    space = DocumentTimestamp(bytes_reserved=2 * _ROOM_FOR_TIMESTAMP)  # type: ignore[no-untyped-call] # it has no types
    steps.send(SigObjSetup(sig_placeholder=space))
    output = BytesIO()
    prepared, _ = steps.send(
        SigIOSetup(md_algorithm=HASHES[hash_function].name, output=output)
    )
    gap = (prepared.reserved_region_start, prepared.reserved_region_end)
    return {"gap": gap, "digest": prepared.document_digest}, output.getvalue()


def _check_earlier(writer: IncrementalPdfFileWriter) -> set[str]:
    """Return the names of all signature fields, unless a signature locked the PDF."""
    try:
        fields = len(writer.root["/AcroForm"]["/Fields"])
    except KeyError:
        fields = 0
    if fields > _MAX_FIELDS:
        # pyHanko reads the fields one by one, each several times.
        raise DocumentNotSignableError("The PDF's form has too many fields.")
    for earlier in writer.prev.embedded_signatures:
        if earlier.docmdp_level == MDPPerm.NO_CHANGES:
            raise DocumentNotSignableError(
                "An earlier signature forbids every change of the PDF.",
                reason="locked",
            )
    return {name for name, _, _ in enumerate_sig_fields(writer)}


def _check_shown(pdf: bytes) -> None:
    """Refuse what programs show differently, which no verification calls valid."""
    try:
        check_shown(Reading(pdf), [-1])
    except RefusedError as error:
        code = error.found.code
        reason, message = _REASONS.get(code, _REASONS["IRREGULAR"])
        raise DocumentNotSignableError(message, reason=reason) from error


def embed(
    state: PreparedSignature, signature: bytes, data: ValidationData | None
) -> bytes:
    """Return the PDF with a CMS signature (DER) in its gap, and with revocation data.

    Raises ``SignatureValidationError`` if the PDF is not the one whose digest is
    signed, and ``DocumentNotSignableError``.
    """
    begin, end = state.gap
    _check_document(state, cms.ContentInfo.load(signature))
    prepared = PreparedByteRangeDigest(state.digest.value, begin, end)
    output = BytesIO(state.document)
    contents = prepared.fill_with_cms(output, signature)
    embedded = PdfFileReader(output, strict=False).embedded_signatures[-1]
    embedded.compute_integrity_info()
    if embedded.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        raise DocumentNotSignableError("The signature would not cover the whole PDF.")
    if data is None:
        return output.getvalue()
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
    return output.getvalue()


def _check_document(state: PreparedSignature, signature: cms.ContentInfo) -> None:
    """Check that the signature covers the whole prepared PDF except the gap."""
    begin, end = state.gap
    [signer] = signature["content"]["signer_infos"]
    [signed_digest] = [
        attribute["values"][0].native
        for attribute in signer["signed_attrs"]
        if attribute["type"].native == "message_digest"
    ]
    around = state.document[:begin] + state.document[end:]
    if (
        not 0 < begin < end < len(state.document)
        or Digest.of(around, state.digest.hash_function).value != signed_digest
    ):
        raise SignatureValidationError(
            "What was prepared has been changed since, or is of another document."
        )
