# SPDX-License-Identifier: MIT
"""What later signatures and timestamps put on the pages of a signed PDF."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import TimeStamper

from kortilla.mock_card.authority import Authority
from kortilla.signing.verification import Verdict, verify_document
from native_host.files import words
from native_host.files.check import CheckedFile
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import Maker, issue
from tests.kortilla.signing_parts import GOOD, make_pdf
from tests.kortilla.timestamps import stamper

VALID, CANT_SAY = Verdict.VALID, Verdict.CANT_SAY
WHOLE = (0, 0, 595, 842)


async def covered(
    pdf: bytes,
    timestamper: TimeStamper,
    rectangle: tuple[int, int, int, int] | None = WHOLE,
    *,
    second_page: bool = False,
    collapsed: bool = False,
) -> bytes:
    """Return a PDF with a document timestamp that shows something over a page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    append_signature_field(writer, SigFieldSpec("Aika", box=rectangle))
    fields = writer.root["/AcroForm"]["/Fields"]
    if collapsed:
        field = fields[len(fields) - 1]
        field["/Rect"] = generic.ArrayObject(map(generic.FloatObject, (0, 0, 0, 0)))
    if second_page:
        page = writer.root["/Pages"]["/Kids"][1]
        shown = generic.ArrayObject([fields.raw_get(len(fields) - 1)])
        page["/Annots"] = writer.add_object(shown)
        writer.update_container(page)
    output = io.BytesIO()
    stamp = PdfTimeStamper(timestamper, field_name="Aika")
    await stamp.async_timestamp_pdf(writer, "sha256", output=output)
    return output.getvalue()


@pytest.mark.parametrize(
    ("more", "places"),
    [
        ({}, [(1, WHOLE)]),
        ({"rectangle": (300, 90, 72, 10)}, [(1, (72, 10, 300, 90))]),
        ({"second_page": True}, [(1, WHOLE), (2, WHOLE)]),
        ({"collapsed": True}, [(1, (0, 0, 0, 0))]),
        ({"rectangle": None}, [(None, None)]),
    ],
    ids=["whole page", "corners the other way", "twice", "looks", "invisible"],
)
async def test_a_later_timestamp_that_is_shown_is_named_and_must_be_trusted(
    maker: Maker, authority: Authority, more: dict[str, Any], places: list[Any]
) -> None:
    signed = await maker.pdf(make_pdf(pages=2))
    content = await covered(signed, stamper(authority), **more)
    for cas in ([], [authority.issuing_der]):
        report = await verify_document(
            content, trusted=maker.trusted, revocation=GOOD, timestamp_cas=cas
        )
        [signature] = report.signatures
        assert [(each.page, each.rectangle) for each in signature.changes] == places
        assert {each.text for each in signature.changes} == {"Aika"}


async def test_the_place_of_a_mark_is_said_in_each_language(
    maker: Maker, authority: Authority
) -> None:
    content = await covered(await maker.pdf(), stamper(authority))
    report = await verify_document(content, trusted=maker.trusted, revocation=GOOD)
    for language, place in (
        ("fi", "sivulla 1: 210 × 297 mm, 0 mm vasemmasta reunasta ja 0 mm alareunasta"),
        ("sv", "på sida 1: 210 × 297 mm, 0 mm från vänsterkanten och 0 mm från neder"),
        ("en", "on page 1: 210 × 297 mm, 0 mm from the left edge and 0 mm from the b"),
    ):
        texts = words.load(language)
        said = " ".join(words.describe(CheckedFile(Path("a.pdf"), report), texts))
        assert place in said


@pytest.mark.parametrize("known", [True])
async def test_the_mark_of_a_later_signature_is_a_note_on_the_earlier_one(
    maker: Maker, ca: CA, known: bool
) -> None:
    other = replace(maker, leaf=issue(ca if known else CA.create("SPECIMEN Other CA")))
    content = await other.pdf(await maker.pdf(), visible=True)
    report = await verify_document(content, trusted=maker.trusted, revocation=GOOD)
    first, second = report.signatures
    assert first.verdict is VALID
    assert report.verdict is second.verdict is (VALID if known else CANT_SAY)
    assert "MARK_ADDED" in {each.code for each in first.problems}
    assert "MARK_ADDED" not in {each.code for each in second.problems}
    [change] = first.changes
    assert (change.kind, change.page) == ("signature", 1)
    assert change.rectangle == (72, 72, 300, 120)
