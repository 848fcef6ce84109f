# SPDX-License-Identifier: MIT
"""Examines the signatures in a PDF (ISO 32000-2, ETSI EN 319 142-1).

What was signed is a revision: the octets up to the end of a signature's range. What
came later is judged by ``further``. All of that is read strictly. Of a file that can't
be read so, pyHanko says who signed it, and the file is called irregular.
"""

import hashlib
import re
from dataclasses import replace
from datetime import datetime
from typing import Literal

from asn1crypto import cms
from pyhanko.pdf_utils.generic import parse_pdf_date
from pyhanko.sign.general import extract_signer_info

from kortilla.signing.verification.cms_signature import examine_signer, examine_stamp
from kortilla.signing.verification.findings import (
    Change,
    Finding,
    Findings,
    Found,
    RefusedError,
    Stamp,
    broken,
    printable,
)
from kortilla.signing.verification.pdf.fields import (
    Field,
    items,
    pages_of,
    places_of,
    signature_fields,
    text_of,
)
from kortilla.signing.verification.pdf.further import Later, judge_later
from kortilla.signing.verification.pdf.irregular import examine_irregular
from kortilla.signing.verification.pdf.lexical import (
    Reference,
    Text,
    Value,
    irregular,
    read,
    whole,
)
from kortilla.signing.verification.pdf.objects import Reading
from kortilla.signing.verification.pdf.pages import check_shown
from kortilla.signing.verification.pdf.store import kept_in_pdf

_FILTERS = {"adbe.pkcs7.detached", "ETSI.CAdES.detached"}
_MAX_SIGNATURES = 100
_MAX_PAGES = 10  # that show one mark
_GAP = re.compile(rb"<[0-9A-Fa-f\0\t\n\f\r ]*+>")
_NO_CHANGES = 1  # DocMDP, §12.8.2.2


def examine_pdf(content: bytes) -> Findings:
    """Return what is found in a PDF. Raises any exception for a broken one."""
    try:
        reading = Reading(content)
        fields = signature_fields(reading.view())
    except RefusedError as error:
        if error.found.code in {"ENCRYPTED", "TOO_LARGE"}:
            return Findings("pdf", problems=[error.found])
        return examine_irregular(content, error.found)
    return _Examination(reading, fields).findings


class _Examination:
    """The examination of all signatures of a file, in the order of signing."""

    def __init__(self, reading: Reading, fields: list[Field]) -> None:
        self.findings = Findings("pdf")
        self.reading, self.view = reading, reading.view()
        signed = [each for each in fields if each.value is not None]
        if len(signed) > _MAX_SIGNATURES:
            self.findings.problems.append(Found("TOO_LARGE", "signatures"))
        self.signatures = [
            _Signature(reading, each) for each in signed[:_MAX_SIGNATURES]
        ]
        self.signatures.sort(key=lambda each: each.revision)
        first = min((each.revision for each in self.signatures), default=0)
        self.later = {
            number: judge_later(reading, number)
            for number in range(first + 1, len(reading.revisions))
        }
        self._pages = self._pages_of_widgets() if self.later else {}
        self._check_signed()
        stamped: list[int] = []
        for each in self.signatures:
            if each.is_stamp:
                for earlier in self.findings.signatures:
                    earlier.archive.append(len(self.findings.timestamps))
                self.findings.timestamps.append(each.stamp())
                stamped.append(each.revision)
            else:
                self.findings.signatures.append(self._examine(each))
        views = [*map(reading.view, stamped), self.view]
        self.findings.kept = kept_in_pdf(views)
        self._check_file(first)

    def _check_signed(self) -> None:
        """Refuse revisions whose signature does not cover them, or shows a time."""
        by_field = {each.field.number: each for each in self.signatures}
        for number, later in self.later.items():
            for field in later.signed:
                fault = self._fault(by_field.get(field), number)
                later.refused = later.refused or fault

    def _fault(self, signature: "_Signature | None", revision: int) -> str:
        """Return why a signature of a later revision may not be, or an empty text."""
        if signature is None or not signature.covers_revision(revision):
            return "a signature of another revision"
        if signature.is_stamp and signature.places:
            return "a timestamp that is shown"
        shown = (len(self._pages.get(each, ())) for each in signature.places)
        return "a mark on many pages" if max(shown, default=0) > _MAX_PAGES else ""

    def _check_file(self, first: int) -> None:
        """Note why programs may show the file in several ways."""
        if not self.findings.signatures:
            return
        signed = {each.revision for each in self.signatures if not each.is_stamp}
        last = len(self.reading.revisions) - 1
        if not any(each.refused for each in self.later.values()):
            # What shows the first and the last one alike shows those between alike.
            signed = {min(signed), last}
        try:
            if any(each.hybrid for each in self.reading.revisions[first + 1 :]):
                raise irregular("a later section for some programs only")
            if self.later and self.reading.mixed:
                raise irregular("sections of two kinds")
            check_shown(self.reading, signed)
        except RefusedError as error:
            self.findings.problems.append(error.found)

    def _examine(self, signature: "_Signature") -> Finding:
        finding = Finding(printable(signature.field.name))
        values, view = signature.values, signature.view
        finding.reason, finding.location = (
            printable(text_of(view.value(values.get(key))))
            for key in ("Reason", "Location")
        )
        kind = text_of(view.value(values.get("SubFilter")))
        if kind not in _FILTERS:
            finding.problems.append(Found("UNSUPPORTED", printable(kind)))
            return finding
        try:
            signed, signer = signature.cms()
            finding.claimed_time = signature.claimed_time()
            self._place(signature, finding)
        except RefusedError as error:
            finding.problems.append(error.found)
            return finding
        except Exception as error:  # of asn1crypto and pyHanko, any
            finding.problems.append(broken(error))
            return finding
        examine_signer(signed, signer, signature.digest, finding)
        return finding

    def _place(self, signature: "_Signature", finding: Finding) -> None:
        """Note how much of the file is signed, and what came after it."""
        if not signature.covers_revision(signature.revision):
            finding.covers = "part"
            finding.problems.append(Found("PART_NOT_SIGNED"))
            return
        whole_file = signature.end == len(self.reading.content)
        finding.covers = "whole-file" if whole_file else "earlier-revision"
        finding.revision_length = signature.end
        changes, refused = [], ""
        for number in range(signature.revision + 1, len(self.reading.revisions)):
            later = self.later[number]
            changes += self._changes(later)
            refused = refused or later.refused
            refused = refused or signature.forbids(
                [each for each in self.signatures if each.revision == number]
            )
        if refused:
            finding.problems.append(Found("CHANGED_AFTER_SIGNING", printable(refused)))
        finding.changes = tuple(changes)

    def _changes(self, later: Later) -> list[Change]:
        """Return what a later revision added."""
        if later.refused:
            return [Change("other", printable(later.refused))]
        changes = []
        for each in self.signatures:
            if each.field.number in later.signed:
                name = printable(each.field.name)
                kind: Literal["timestamp", "signature"] = (
                    "timestamp" if each.is_stamp else "signature"
                )
                changes += [
                    Change(kind, name, page, rectangle)
                    for number, rectangle in each.places.items()
                    for page in self._pages.get(number, [None])
                ] or [Change(kind, name)]
        if later.has_data:
            changes.append(Change("validation-data"))
        return changes

    def _pages_of_widgets(self) -> dict[int, list[int | None]]:
        """Return the pages, counted from 1, of the widgets that are shown."""
        wanted = {number for each in self.signatures for number in each.places}
        found: dict[int, list[int | None]] = {}
        if not wanted:
            return found
        for page, entries in enumerate(pages_of(self.view), start=1):
            for each in items(self.view, entries.get("Annots")):
                if isinstance(each, Reference) and each.number in wanted:
                    found.setdefault(each.number, []).append(page)
        return found


class _Signature:
    """A signature of a field. ``revision`` is the one that wrote it."""

    def __init__(self, reading: Reading, field: Field) -> None:
        self.reading, self.field = reading, field
        self.values = field.value or {}
        writing = [
            number
            for number, each in enumerate(reading.revisions)
            if each.places.get(field.holder) is not None
        ]
        self.revision = writing[-1] if writing else len(reading.revisions) - 1
        self.view = reading.view(self.revision)
        self.range = self._range()
        self.end = sum(self.range[2:])
        self.places = places_of(self.view, field)

    @property
    def is_stamp(self) -> bool:
        """Whether it is a document timestamp (§12.8.5)."""
        kinds = self._value("Type"), self._value("SubFilter")
        return kinds[0] == "DocTimeStamp" or kinds[1] == "ETSI.RFC3161"

    @property
    def contents(self) -> bytes:
        """The CMS signature, perhaps with octets after it."""
        found = self._value("Contents")
        if not isinstance(found, Text):
            raise RefusedError("BROKEN", "no contents of a signature")
        return bytes(found)

    def cms(self) -> tuple[cms.SignedData, cms.SignerInfo]:
        """Return the signature and its signer. Raises any exception for none."""
        if len(self.range) != 4:
            raise RefusedError("BROKEN", "no range of a signature")
        signed = cms.ContentInfo.load(self.contents)["content"]
        return signed, extract_signer_info(signed)

    def claimed_time(self) -> datetime | None:
        """Return the time that the signature's dictionary states."""
        found = self._value("M")
        return parse_pdf_date(text_of(found), strict=True) if found else None

    def covers_revision(self, number: int) -> bool:
        """Return whether the file up to a revision is signed, but for itself."""
        if number != self.revision or len(self.range) != 4:
            return False
        begin, first, second, _ = self.range
        gap = self.reading.content[first:second]
        end = self.reading.revisions[number].end
        place = self.view.place(self.field.holder)
        return (
            begin == 0
            and place is not None
            and not place.pack
            and place.at < first < second <= end <= self.end
            and self.end <= self.reading.next_octet(number)
            and _GAP.fullmatch(gap) is not None
            and read(gap, 0)[0] == self._value("Contents")
        )

    def digest(self, function: str) -> bytes:
        """Hash what is signed."""
        content = memoryview(self.reading.content)
        begin, first, second, length = self.range
        found = hashlib.new(function, content[begin : begin + first])
        found.update(content[second : second + length])
        return found.digest()

    def stamp(self) -> Stamp:
        """Check a document timestamp."""
        try:
            token = cms.ContentInfo.load(self.contents)
            found = examine_stamp(token, self.digest, place=printable(self.field.name))
        except Exception:  # of asn1crypto, any
            return Stamp(intact=False, place=printable(self.field.name))
        whole_revision = self.covers_revision(self.revision)
        return found if whole_revision else replace(found, intact=False)

    def forbids(self, later: "list[_Signature]") -> str:
        """Return why this one forbids later signatures, or an empty text.

        A timestamp may always come (§12.8.2.2). One that is shown in a field that this
        signature locks may not (§12.8.2.4).
        """
        names = [each.field.name for each in later if not each.is_stamp]
        if names and self._allowed() == _NO_CHANGES:
            return "a signature that an earlier one forbids"
        for parameters in self._parameters("FieldMDP"):
            action = self.view.value(parameters.get("Action"))
            fields = items(self.view, parameters.get("Fields"))
            listed = {text_of(self.view.value(each)) for each in fields}
            for each in later:
                name = each.field.name
                known = any(name == x or name.startswith(f"{x}.") for x in listed)
                locked = action == "All" or known == (action == "Include")
                if each.places and locked:
                    return f"a signature in the field {name}, which is locked"
        return ""

    def _allowed(self) -> int:
        """Return the changes that are allowed (DocMDP), or -1 for no statement."""
        for parameters in self._parameters("DocMDP"):
            found = self.view.value(parameters.get("P"))
            return 2 if found is None else whole(found)
        lock = self.view.value(self.field.entries.get("Lock"))
        return whole(self.view.value(lock.get("P"))) if isinstance(lock, dict) else -1

    def _parameters(self, method: str) -> list[dict[str, Value]]:
        """Return what a transform method is told (§12.8.2)."""
        found = []
        for each in items(self.view, self.values.get("Reference")):
            reference = self.view.value(each)
            if not isinstance(reference, dict):
                continue
            if self.view.value(reference.get("TransformMethod")) == method:
                parameters = self.view.value(reference.get("TransformParams"))
                found.append(parameters if isinstance(parameters, dict) else {})
        return found

    def _value(self, key: str) -> Value:
        return self.view.value(self.values.get(key))

    def _range(self) -> list[int]:
        found = self._value("ByteRange")
        numbers = (
            [whole(self.view.value(each)) for each in found]
            if isinstance(found, list)
            else []
        )
        if len(numbers) != 4 or min(numbers) < 0:
            return []
        return numbers
