# SPDX-License-Identifier: MIT
"""Says who signed a PDF that can't be read strictly. It is never called valid.

pyHanko reads what it can. Other programs may find other objects.
"""

import re
from io import BytesIO

from asn1crypto import cms
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from kortilla.signing.verification.cms_signature import examine_signer, examine_stamp
from kortilla.signing.verification.findings import (
    Change,
    Finding,
    Findings,
    Found,
    broken,
    printable,
)

_WHOLE = {
    SignatureCoverageLevel.ENTIRE_FILE,
    SignatureCoverageLevel.ENTIRE_REVISION,
}
_MAX_SIGNATURES = 100
_AT_END = re.compile(rb"startxref\s+\d+\s+%%EOF[\s\0]*+")


def examine_irregular(content: bytes, found: Found) -> Findings:
    """Return what is found in a PDF, which is irregular as ``found`` says."""
    findings = Findings("pdf")
    try:
        reader = PdfFileReader(BytesIO(content), strict=False)
        for name, _, field in enumerate_sig_fields(reader, filled_status=True):
            if len(findings.signatures) + len(findings.timestamps) == _MAX_SIGNATURES:
                findings.problems.append(Found("TOO_LARGE", "signatures"))
                break
            if not isinstance(name, str):
                raise TypeError("the name of a field is no text")
            _examine(EmbeddedPdfSignature(reader, field, name), findings, content)
    except MemoryError:
        raise
    except Exception as error:  # of pyHanko, any
        found = broken(error) if found.code == "IRREGULAR" else found
    codes = {p.code for each in findings.signatures for p in each.problems}
    if found.code != "IRREGULAR" or "CHANGED_AFTER_SIGNING" not in codes:
        findings.problems.append(found)
    return findings


def _examine(
    signature: EmbeddedPdfSignature, findings: Findings, content: bytes
) -> None:
    values, place = signature.sig_object, printable(signature.fq_name)
    if "/DocTimeStamp" in {signature.sig_object_type} or (
        values.get("/SubFilter") == "/ETSI.RFC3161"
    ):
        token = cms.ContentInfo.load(signature.pkcs7_content)
        stamp = examine_stamp(token, signature.compute_digest, place=place)
        findings.timestamps.append(stamp)
        return
    finding = Finding(place)
    findings.signatures.append(finding)
    try:
        finding.claimed_time = signature.self_reported_timestamp
        if signature.evaluate_signature_coverage() not in _WHOLE:
            finding.covers = "part"
            finding.problems.append(Found("PART_NOT_SIGNED"))
        else:
            *_, second, length = signature.byte_range
            finding.revision_length = end = second + length
            whole = end == len(content)
            finding.covers = "whole-file" if whole else "earlier-revision"
            last = (
                signature.signed_revision == signature.reader.xrefs.total_revisions - 1
            )
            if content[end:].strip() and (last or not _ends(content)):
                # Programs that repair files may find a revision in it.
                finding.changes = (Change("other"),)
                detail = "data at the end"
                finding.problems.append(Found("CHANGED_AFTER_SIGNING", detail))
        examine_signer(
            signature.signed_data,
            signature.signer_info,
            signature.compute_digest,
            finding,
        )
    except Exception as error:  # of pyHanko, any
        finding.problems.append(broken(error))


def _ends(content: bytes) -> bool:
    """Return whether a file ends as programs expect it."""
    at = content.rfind(b"startxref")
    return at >= 0 and _AT_END.fullmatch(content, at) is not None
