# SPDX-License-Identifier: MIT
"""Examines the signatures in a PDF (ISO 32000, ETSI EN 319 142-1).

What changed after a signature is found by pyHanko's analysis, which compares each later
revision with the signed one and knows the changes that later signatures, timestamps,
forms and notes make. Every other change counts as a forgery.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from kortilla.signing.verification.cms_signature import examine_signer, examine_stamp
from kortilla.signing.verification.findings import (
    Change,
    Covers,
    Finding,
    Findings,
    Found,
    Rectangle,
    RefusedError,
    Stamp,
    broken,
    printable,
)
from kortilla.signing.verification.form import changed_fields, redraws_form
from kortilla.signing.verification.metadata import metadata_changes
from kortilla.signing.verification.pdf.layout import (
    ends_regularly,
    hybrid_irregularity,
    mixes_sections,
)
from kortilla.signing.verification.pdf.objects import Reading
from kortilla.signing.verification.pdf.pages import check_shown
from kortilla.signing.verification.proofs.kept import kept_in_pdf
from kortilla.signing.verification.updates import POLICY

_COVERAGE: dict[SignatureCoverageLevel, Covers] = {
    SignatureCoverageLevel.ENTIRE_FILE: "whole-file",
    SignatureCoverageLevel.ENTIRE_REVISION: "earlier-revision",
}
_FILTERS = {"/adbe.pkcs7.detached", "/ETSI.CAdES.detached"}
_MAX_SIGNATURES = 100
_GAP = re.compile(rb"<[0-9A-Fa-f]*>")
#: Where programs may show anything.
_UNREADABLE: Rectangle = (0.0, 0.0, 0.0, 0.0)


class _Signature(EmbeddedPdfSignature):
    def _enforce_hybrid_xref_policy(self) -> None:
        """Leave it to ``hybrid_irregularity``; pyHanko refuses each hybrid file."""


def examine_pdf(content: bytes) -> Findings:
    """Return what is found in a PDF. Raises any exception for a broken one.

    It is read strictly. One that can only be read leniently is judged only if nothing
    came after its signature, since programs may find other objects in it than the
    comparison of its revisions does.
    """
    with suppress(Exception):  # pyHanko raises any exception for broken files
        return _examine(PdfFileReader(BytesIO(content), strict=True), content)
    findings = _examine(PdfFileReader(BytesIO(content), strict=False), content)
    covers = [each.covers for each in findings.signatures]
    if not covers or set(covers) != {"whole-file"}:
        findings.problems.append(Found("IRREGULAR"))
    return findings


def _examine(reader: PdfFileReader, content: bytes) -> Findings:
    findings = Findings("pdf")
    if reader.encrypted:
        findings.problems.append(Found("ENCRYPTED"))
        return findings
    root = reader.root
    signatures = _signatures(reader, findings)
    regular = ends_regularly(reader, content)
    roots = []
    for each in signatures:
        if _is_timestamp(each):
            for earlier in findings.signatures:
                earlier.archive.append(len(findings.timestamps))
            findings.timestamps.append(_stamp(each, content))
            roots.append(reader.get_historical_root(each.signed_revision))
            continue
        finding = Finding(each.fq_name)
        later = [
            other
            for other in signatures
            if other.signed_revision > each.signed_revision
        ]
        _examine_signature(each, content, later, finding, regular=regular)
        findings.signatures.append(finding)
    findings.kept = kept_in_pdf([*roots, root])
    covers = {each.covers for each in findings.signatures}
    first = min((each.signed_revision for each in signatures), default=0)
    irregular = hybrid_irregularity(reader, first)
    if not regular:
        irregular = "another end than programs look for"
    if not irregular and findings.signatures:
        problem = _shown_problem(content, signatures)
        if problem is not None and problem.code != "IRREGULAR":
            findings.problems.append(problem)
        elif problem is not None:
            irregular = problem.detail
        if "earlier-revision" in covers and mixes_sections(reader):
            irregular = irregular or "sections of two kinds"
    if irregular and not any(
        each.code == "CHANGED_AFTER_SIGNING"
        for finding in findings.signatures
        for each in finding.problems
    ):
        findings.problems.append(Found("IRREGULAR", irregular))
    return findings


def _shown_problem(
    content: bytes, signatures: list[EmbeddedPdfSignature]
) -> Found | None:
    """Return why programs may show a signed revision, or the last one, differently."""
    ends = {sum([*each.byte_range][2:]) for each in signatures}
    try:
        reading = Reading(content)
        signed = [
            number
            for number, each in enumerate(reading.revisions)
            if any(each.begin < end <= reading.next_octet(number) for end in ends)
        ]
        check_shown(reading, {*signed, len(reading.revisions) - 1})
    except RefusedError as error:
        return error.found
    return None


def _signatures(
    reader: PdfFileReader, findings: Findings
) -> list[EmbeddedPdfSignature]:
    """Return the signatures in the order of signing, and note those that are none."""
    found: list[EmbeddedPdfSignature] = []
    for name, _, field in enumerate_sig_fields(reader, filled_status=True):
        if len(found) == _MAX_SIGNATURES:
            findings.problems.append(Found("TOO_LARGE", "signatures"))
            break
        if not isinstance(name, str):
            raise TypeError("the name of a field is no text")
        try:
            found.append(_Signature(reader, field, name))
        except Exception as error:  # of pyHanko and asn1crypto, any
            findings.signatures.append(Finding(name, problems=[broken(error)]))
    return sorted(found, key=lambda each: int(each.signed_revision))


def _is_timestamp(signature: EmbeddedPdfSignature) -> bool:
    values = signature.sig_object
    return (
        signature.sig_object_type == "/DocTimeStamp"
        or values.get("/SubFilter") == "/ETSI.RFC3161"
    )


def _stamp(signature: EmbeddedPdfSignature, content: bytes) -> Stamp:
    token = cms.ContentInfo.load(signature.pkcs7_content)
    stamp = examine_stamp(token, signature.compute_digest, place=signature.fq_name)
    signature.compute_integrity_info(skip_diff=True)  # type: ignore[no-untyped-call] # it has no types
    whole = _covers(signature, content) in {"whole-file", "earlier-revision"}
    return stamp if whole else replace(stamp, intact=False)


def _examine_signature(
    signature: EmbeddedPdfSignature,
    content: bytes,
    later: list[EmbeddedPdfSignature],
    finding: Finding,
    *,
    regular: bool,
) -> None:
    values = signature.sig_object
    finding.reason, finding.location, kind = (
        printable(str(values[key])) if key in values else ""
        for key in ("/Reason", "/Location", "/SubFilter")
    )
    if kind not in _FILTERS:
        finding.problems.append(Found("UNSUPPORTED", kind))
        return
    try:
        finding.claimed_time = signature.self_reported_timestamp
        signature.compute_integrity_info(POLICY)  # type: ignore[no-untyped-call]
        finding.covers = _covers(signature, content)
        *_, second, length = signature.byte_range
        if finding.covers != "part":
            finding.revision_length = second + length
    except Exception as error:  # of pyHanko, any
        finding.problems.append(broken(error))
        return
    last = signature.signed_revision == signature.reader.xrefs.total_revisions - 1
    if finding.covers == "part":
        finding.problems.append(Found("PART_NOT_SIGNED"))
    elif finding.covers != "whole-file" and (
        not regular or (last and content[second + length :].strip())
    ):
        # No revision that is known here, but perhaps one to programs that repair files.
        finding.changes = (Change("other"),)
        finding.problems.append(Found("CHANGED_AFTER_SIGNING", "data at the end"))
    else:
        _read_changes(signature, later, finding)
    examine_signer(
        signature.signed_data, signature.signer_info, signature.compute_digest, finding
    )


def _covers(signature: EmbeddedPdfSignature, content: bytes) -> Covers:
    """Return how much of the file a signature covers, except itself."""
    coverage: SignatureCoverageLevel = signature.evaluate_signature_coverage()
    covers = _COVERAGE.get(coverage, "part")
    _, first, second, length = signature.byte_range
    gap = content[first:second]
    end = second + length
    if not _GAP.fullmatch(gap) or (covers == "whole-file" and end != len(content)):
        return "part"
    return covers


def _read_changes(
    signature: EmbeddedPdfSignature,
    later: list[EmbeddedPdfSignature],
    finding: Finding,
) -> None:
    result = signature.diff_result
    allowed = signature.docmdp_level
    if not isinstance(result, DiffResult):
        finding.changes = (Change("other", printable(str(result))),)
        finding.problems.append(Found("CHANGED_AFTER_SIGNING", printable(str(result))))
        return
    level = result.modification_level
    changes = [
        Change(
            "timestamp" if _is_timestamp(each) else "signature",
            printable(each.fq_name),
            *place,
        )
        for each in later
        for place in _shown_at(each.reader, each.sig_field) or [(None, None)]
    ]
    reader, revision = signature.reader, signature.signed_revision
    touched = result.changed_form_fields - {each.fq_name for each in later}
    filled_in = changed_fields(reader, revision, touched)
    changes += [Change("form", printable(name)) for name in filled_in]
    if level == ModificationLevel.ANNOTATIONS:
        changes.append(Change("annotation"))
    if level == ModificationLevel.OTHER:
        changes.append(Change("other"))
    if finding.covers != "whole-file" and (
        metadata := metadata_changes(reader, revision)
    ):
        changes += metadata
        finding.problems.append(Found("METADATA_CHANGED"))
    finding.changes = tuple(changes)
    if level == ModificationLevel.OTHER or (
        allowed is not None and level.value > allowed.value
    ):
        finding.problems.append(Found("CHANGED_AFTER_SIGNING"))
    elif level == ModificationLevel.ANNOTATIONS:
        finding.problems.append(Found("ANNOTATED"))
    elif filled_in or (
        # In a linearized file the first revision has no root.
        finding.covers != "whole-file" and redraws_form(reader, revision)
    ):
        # Some programs show the values of fields, and not what is drawn in their place.
        finding.problems.append(Found("FORM_CHANGED"))


def _shown_at(
    reader: PdfFileReader, field: generic.DictionaryObject
) -> list[tuple[int | None, Rectangle]]:
    """Return the page, counted from 1, and the rectangle of each place of a field.

    A page is None if none of them has what could be shown.
    """
    widgets = [field, *items_of(field, "/Kids")]
    places = {
        each.container_ref: rectangle
        for each in widgets
        if (rectangle := _rectangle(each)) is not None
    }
    if not places:
        return []
    found: list[tuple[int | None, Rectangle]] = [
        (number, places[each.container_ref])
        for number, page in enumerate(_pages(reader), start=1)
        for each in items_of(page, "/Annots")
        if each.container_ref in places
    ]
    return found or [(None, each) for each in places.values()]


def _rectangle(widget: generic.DictionaryObject) -> Rectangle | None:
    """Return the rectangle, or None if it has no area, and no looks that have one.

    Ghostscript draws such looks in their own size.
    """
    if "/Rect" not in widget:
        return None
    try:
        x1, y1, x2, y2 = found = [float(each) for each in items_of(widget, "/Rect")]
    except (TypeError, ValueError, OverflowError):
        return _UNREADABLE
    if not all(map(math.isfinite, found)):
        return _UNREADABLE
    if (x1 == x2 or y1 == y2) and not _has_looks(widget):
        return None
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _has_looks(widget: generic.DictionaryObject) -> bool:
    """Return whether it has an appearance with an area (ISO 32000-2 §12.5.5)."""
    if "/AP" not in widget:
        return False
    try:
        for kind in widget["/AP"]:
            left, bottom, right, top = items_of(widget["/AP"][kind], "/BBox")
            if left != right and bottom != top:
                return True
    except (TypeError, ValueError, KeyError):
        return True  # one for each state, or an odd one
    return False


def _pages(reader: PdfFileReader) -> Iterator[Any]:
    waiting, seen = [reader.root["/Pages"]], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if "/Kids" in node:
            waiting += reversed(items_of(node, "/Kids"))
        else:
            yield node


def items_of(holder: Any, key: str) -> list[Any]:
    """Return what is in an array of a dictionary, which may be missing.

    References are followed. An iteration would return them, and so would ``get``.
    """
    if key not in holder:
        return []
    array = holder[key]
    return [array[index] for index in range(len(array))]
