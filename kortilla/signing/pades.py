# SPDX-License-Identifier: MIT
"""PAdES signatures of PDF files, in two calls around the browser's signature.

    checked = {"trust": service.trust, "revocation": service.revocation}
    prepared = await prepare_pdf(pdf, certificate=der, name="contract.pdf", **checked)
    # Keep prepared.to_bytes(). In the page:
    #   kortilla.sign({hashes: [prepared.for_page], certificate, lang})
    signed = await finish_pdf(prepared, answer, **checked)
    # signed.content is the signed PDF

``SignedPdf.level`` is the level of ETSI EN 319 142-1: **B-B** by default; **B-T** with
a time-stamping service; **B-LT** with both a timestamp and revocation data for every
certificate of signer and timestamp; **B-LTA** with a timestamp of all that, too
(``archive=True``). Revocation data without a timestamp are included
too, but the level stays B-B: nothing proves the time of signing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pyhanko.sign.timestamps import TimeStamper

from kortilla.clock import utc_now
from kortilla.errors import DocumentNotSignableError
from kortilla.revocation import RevocationChecker
from kortilla.signing.answer import Answer
from kortilla.signing.appearance import Appearance
from kortilla.signing.cades import CmsDraft, sign_attributes
from kortilla.signing.exchange import Placeholder
from kortilla.signing.own_card import OwnCard
from kortilla.signing.processes import shared_processes
from kortilla.signing.signature import (
    Checks,
    SignedDocument,
    finish,
    request_timestamp,
    signing_certificate,
)
from kortilla.signing.state import Digest, PreparedSignature, check_name
from kortilla.signing.validation_data import CollectData, ValidationData
from kortilla.validation.trust import Trust

__all__ = [
    "MAX_PDF_BYTES",
    "Appearance",
    "SignedPdf",
    "ValidationData",
    "finish_pdf",
    "prepare_pdf",
]

#: The longest PDF that is signed by default.
MAX_PDF_BYTES = 20_000_000

_MAX_TEXT = 500


@dataclass(frozen=True)
class SignedPdf(SignedDocument):
    """A signed PDF, its signer, and its PAdES level."""


async def prepare_pdf(
    pdf: bytes,
    *,
    certificate: bytes,
    trust: Trust | OwnCard,
    name: str,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    hash_function: str | None = None,
    chain: Iterable[bytes] = (),
    reason: str | None = None,
    location: str | None = None,
    field_name: str | None = None,
    appearance: Appearance | None = None,
    max_bytes: int = MAX_PDF_BYTES,
) -> PreparedSignature:
    """Prepare the signature of a PDF.

    ``certificate`` (DER) is the signer's, as the page got it from
    ``getSigningCertificate``. Kortilla's window shows ``name`` to the user. The hash
    function is ``SHA-256``, ``SHA-384`` or ``SHA-512``; by default the key's preferred
    one. The signature includes the issuing CA's certificate and ``chain`` (DER), and
    states ``reason`` and ``location``. ``field_name`` names an empty signature field of
    the PDF, or a new one; by default a new field is made. The signature is invisible
    unless ``appearance`` is given or the empty field has a place on a page.

    Earlier signatures stay valid: the PDF is extended by an incremental update. Raises
    the errors of ``validate_signer`` for the certificate, and
    ``DocumentNotSignableError`` for a file that is no PDF, broken, encrypted or longer
    than ``max_bytes``, lacks the page, has a signature in that field, is locked by
    an earlier signature, or takes too much time or memory to read. Raises
    ``SigningUnavailableError`` while too many PDF files are waiting.
    """
    check_name(name)
    for text in (reason, location, field_name):
        if text is not None and not 1 <= len(text) <= _MAX_TEXT:
            raise ValueError(f"A text of a signature has 1 to {_MAX_TEXT} characters.")
    if field_name is not None and "." in field_name:
        raise ValueError("The name of a signature field has no dot.")
    if len(pdf) > max_bytes:
        raise DocumentNotSignableError(
            f"The PDF has more than {max_bytes} bytes.", reason="too-long"
        )
    if not pdf:
        raise DocumentNotSignableError("The file is empty.", reason="empty")
    signing = await signing_certificate(
        certificate,
        Checks(trust, at, revocation),
        chain=chain,
        hash_function=hash_function,
    )
    signer = signing.signer
    text = f"{signer.given_names} {signer.surname}\n{utc_now():%Y-%m-%d %H:%M} UTC"
    placeholder = Placeholder(
        certificate=certificate,
        chain=signing.chain,
        hash_function=signing.hash_function,
        reason=reason,
        location=location,
        field_name=field_name,
        box=None if appearance is None else appearance.box,
        page=0 if appearance is None else appearance.page,
        text=(appearance and appearance.text) or text,
    )
    gap, value, document = await shared_processes().prepare(placeholder, pdf)
    content = Digest(value, signing.hash_function)
    attributes, digest = await sign_attributes(signing, content, pades=True)
    return PreparedSignature(
        "pdf", name, digest, certificate, signing.chain, attributes, document, gap
    )


async def finish_pdf(
    state: PreparedSignature,
    answer: Answer,
    *,
    trust: Trust | OwnCard,
    at: datetime | None = None,
    revocation: RevocationChecker | None = None,
    timestamper: TimeStamper | None = None,
    validation_data: ValidationData | CollectData | None = None,
    archive: bool = False,
) -> SignedPdf:
    """Verify the page's answer and return the signed PDF.

    ``answer`` is the result of ``kortilla.sign`` or Web eID's ``sign``; it may contain
    signatures of other documents too. ``timestamper`` is the client of a time-stamping
    service (``pyhanko.sign.timestamps``), whose trust is not checked.
    ``validation_data`` are put into the PDF's document security store; a function is
    called with the certificates of signer and timestamp, and its errors are raised too.
    ``archive`` adds a second timestamp by the same service, of the whole PDF with these
    data.

    Raises ``SignatureParseError``, ``SignatureValidationError``,
    ``SignerMismatchError``, the errors of ``validate_signer``,
    ``TimestampFailedError``, ``DocumentNotSignableError`` if the timestamp is longer
    than the space for it, and ``SigningUnavailableError`` as ``prepare_pdf``.
    """
    return SignedPdf(
        *await finish(
            _PdfDraft,
            state,
            answer,
            Checks(trust, at, revocation),
            timestamper=timestamper,
            validation_data=validation_data,
            archive=archive,
        )
    )


class _PdfDraft(CmsDraft):
    """A PDF with space for its CMS signature. Other processes read and write it."""

    kind = "pdf"
    _pdf = b""

    async def add_data(self, data: ValidationData | None) -> None:
        signature = await super().content()
        self._pdf = await shared_processes().embed(self.state, signature, data)

    async def archive(self, timestamper: TimeStamper) -> None:
        """Add a document timestamp (ISO 32000-2 §12.8.5)."""
        function = self.state.digest.hash_function
        pool = shared_processes()
        space, digest, pdf = await pool.put_timestamp(self._pdf, function)
        stamp = await request_timestamp(timestamper, Digest(digest, function))
        begin, end = space[0] + 1, space[1] - 1  # without the brackets
        digits = stamp.token.dump().hex().upper().encode()
        if len(digits) > end - begin:
            raise DocumentNotSignableError(
                "The timestamp is longer than the space for it."
            )
        self._pdf = pdf[:begin] + digits.ljust(end - begin, b"0") + pdf[end:]

    async def content(self) -> bytes:
        return self._pdf
