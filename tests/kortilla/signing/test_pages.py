# SPDX-License-Identifier: MIT
"""A file is valid only if its pages show what was signed. Poppler draws them."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from kortilla.errors import DocumentNotSignableError
from kortilla.signing import processes
from kortilla.signing.pages import comparison, poppler
from kortilla.signing.pages.comparison import Compared, Revision, compare, read_answer
from kortilla.signing.processes import PdfProcesses
from kortilla.signing.verification import (
    Change,
    DocumentReport,
    Verdict,
    shown,
    signed_files,
    signed_revision,
    verify_document,
)
from kortilla.signing.verification.metadata import metadata_changes
from tests.kortilla.pki import CA
from tests.kortilla.signed_files import (
    Maker,
    certified,
    issue,
    replace_text,
    updated,
)
from tests.kortilla.signing.forged_files import RETITLE, revised, titled
from tests.kortilla.signing.shown_files import (
    CLEAR,
    OPAQUE,
    Rectangle,
    contract,
    draw_values,
    form,
    marked,
)
from tests.kortilla.signing_parts import FixedRevocation, make_pdf, pdf_of

#: A place on the contract where nothing is.
BLANK = (300, 300, 420, 340)
VALID, CANT_SAY = Verdict.VALID, Verdict.CANT_SAY
OTHER = "SHOWS_OTHER_CONTENT"


def codes(report: DocumentReport) -> set[str]:
    found = [each.code for each in report.problems]
    found += [p.code for each in report.signatures for p in each.problems]
    return {*found} - {"CLAIMED_TIME", "TEST_CARD"}


async def verify(maker: Maker, content: bytes) -> DocumentReport:
    """Verify a file whose signers' certificates were not revoked."""
    asked = FixedRevocation()
    return await verify_document(content, trusted=maker.trusted, revocation=asked)


def compared(report: DocumentReport) -> Compared:
    found = report.signatures[0].comparison
    assert found is not None
    return found


def between(before: bytes, after: bytes) -> Compared:
    """Compare a revision with the file that goes on after it."""
    assert after.startswith(before)
    answer, pixels = compare(after, [{"length": len(before)}])
    [(found, _)] = read_answer(answer, pixels)
    return found


# ---------------------------------------------------------------- what stays valid


async def test_nothing_is_drawn_where_nothing_came_after_the_signature(
    maker: Maker,
) -> None:
    report = await verify(maker, await maker.pdf())
    assert report.signatures[0].comparison is None
    assert report.verdict is VALID


async def test_later_signatures_with_and_without_a_mark_leave_all_valid(
    maker: Maker,
) -> None:
    pdf = await maker.pdf(make_pdf(pages=3), visible=True)
    pdf = await marked(await maker.pdf(pdf), maker.leaf, (72, 200, 300, 250))
    report = await verify(maker, pdf)
    assert (report.verdict, codes(report)) == (VALID, set())
    first, second, third = report.signatures
    for each in (first, second):
        assert each.comparison == Compared(pages=3, compared=3)
    assert third.comparison is None


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
async def test_the_place_of_a_mark_is_found_on_turned_and_cropped_pages(
    maker: Maker, turn: int
) -> None:
    page = contract(page=f"/Rotate {turn}/CropBox[40 60 500 800]")
    pdf = await marked(await maker.pdf(page), maker.leaf, BLANK)
    report = await verify(maker, pdf)
    assert (report.verdict, codes(report)) == (VALID, set())
    # It is found elsewhere too, where nobody signed.
    [change] = report.signatures[0].changes
    moved = replace(change, rectangle=(100.0, 300.0, 220.0, 340.0))
    signatures = [replace(report.signatures[0], changes=(moved,)), report.signatures[1]]
    [first, _] = await shown.compare_pages(pdf, signatures, ())
    assert OTHER in {each.code for each in first.problems}


@pytest.mark.parametrize(
    ("rectangle", "looks", "hidden"),
    [
        ((72, 130, 300, 165), OPAQUE, False),  # over the dotted line
        ((62, 92, 298, 140), OPAQUE, False),  # over the line, within the frame
        ((50, 80, 310, 180), OPAQUE, False),  # over the frame
        ((60, 700, 300, 740), CLEAR, False),  # over the text, which is still read
        ((135, 715, 160, 735), OPAQUE, True),  # over the price
        ((0, 0, 595, 842), OPAQUE, True),  # over the whole page
        ((0, 0, 595, 842), OPAQUE.replace("1 g", "0 g", 1), True),
    ],
)
async def test_the_mark_of_a_valid_signature_may_not_hide_letters(
    maker: Maker, rectangle: Rectangle, looks: str, hidden: bool
) -> None:
    pdf = await marked(await maker.pdf(contract()), maker.leaf, rectangle, looks)
    report = await verify(maker, pdf)
    if not hidden:
        assert (report.verdict, codes(report)) == (VALID, set())
        return
    assert (report.verdict, codes(report)) == (CANT_SAY, {OTHER})
    [difference] = compared(report).differences
    assert (difference.page, difference.kind) == (1, "hidden")
    assert report.signatures[1].verdict is VALID


async def test_a_form_that_nobody_fills_in_is_valid_when_it_is_signed_again(
    maker: Maker,
) -> None:
    signed = await maker.pdf(form())
    for later in (await maker.pdf(signed), await marked(signed, maker.leaf, BLANK)):
        report = await verify(maker, later)
        assert (report.verdict, codes(report)) == (VALID, set())


async def test_a_title_that_mupdf_changed_leaves_the_pages_valid(maker: Maker) -> None:
    # MuPDF leaves a line blank before a trailer.
    changed = titled(await maker.pdf())
    at = changed.rindex(b"trailer")
    report = await verify(maker, changed[:at] + b"\n" + changed[at:])
    assert (report.verdict, codes(report)) == (VALID, {"METADATA_CHANGED"})


@pytest.mark.slow
async def test_a_large_file_is_compared_within_the_limit_of_memory(
    maker: Maker,
) -> None:
    much = "x" * 45_000_000
    stream = f"<</Length {len(much)}>>stream\n{much}\nendstream"
    pdf = revised(make_pdf(), f"39 0 obj\n{stream}\nendobj\n")
    signed = await marked(pdf, maker.leaf, None)
    title = RETITLE.replace("40 0", "60 0")
    before, size, after = revised(signed, title, trailer="/Info 60 0 R").rpartition(
        b"/Size "
    )
    report = await verify(maker, before + size + b"61" + after[2:])
    assert (report.verdict, codes(report)) == (VALID, {"METADATA_CHANGED"})


# -------------------------------------------------------- what other content costs


async def test_a_mark_by_somebody_unknown_is_other_content(maker: Maker) -> None:
    stranger = issue(CA.create("SPECIMEN Other CA"))
    pdf = await marked(await maker.pdf(contract()), stranger, BLANK)
    report = await verify(maker, pdf)
    assert {OTHER, "MARK_ADDED"} <= codes(report)
    [difference] = compared(report).differences
    [(left, top, right, bottom)] = difference.areas
    assert 300 / 595 < left < right < 420 / 595
    assert 1 - 340 / 842 < top < bottom < 1 - 300 / 842


@pytest.mark.parametrize("permission", [None, MDPPerm.FILL_FORMS])
async def test_a_form_that_shows_another_value_is_other_content(
    maker: Maker, permission: MDPPerm | None
) -> None:
    page = form()
    signed = (
        await maker.pdf(page)
        if permission is None
        else await asyncio.to_thread(certified, page, maker.leaf, permission)
    )

    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0]
        looks = field["/AP"]["/N"]
        looks._data = looks.data.replace(b"500", b"900")
        looks._encoded_data = None
        field["/V"] = generic.TextStringObject("900")
        writer.update_container(field)
        writer.update_container(looks)

    report = await verify(maker, updated(signed, change))
    assert (report.verdict, codes(report)) == (CANT_SAY, {"FORM_CHANGED", OTHER})


async def test_a_form_whose_hidden_values_are_to_be_drawn_is_other_content(
    maker: Maker,
) -> None:
    signed = await maker.pdf(form(shown="500", value="90000"))
    report = await verify(maker, updated(signed, draw_values))
    assert report.verdict is CANT_SAY
    assert {"FORM_CHANGED", OTHER} <= codes(report)
    # The order of the signature and of the change makes no difference.
    early = await maker.pdf(updated(form(), draw_values))
    report = await verify(maker, titled(early))
    assert codes(report) == {"METADATA_CHANGED"}


async def test_pictures_show_the_page_as_it_was_signed_and_as_it_is_now(
    maker: Maker,
) -> None:
    signed = await maker.pdf(make_pdf(pages=2))
    report = await verify(maker, updated(signed, replace_text))
    assert {OTHER, "CHANGED_AFTER_SIGNING"} == codes(report)
    [signature] = report.signatures
    before, after = signature.pictures
    assert (before.width, before.height) == (after.width, after.height) == (827, 1169)
    assert before.pixels != after.pixels
    assert min(before.pixels) < 100 < max(before.pixels)
    text = report.to_json()["signatures"][0]
    assert "pictures" not in text
    assert text["comparison"]["differences"][0]["page"] == 1


def with_pages(pdf: bytes, kids: str, count: int, more: str = "") -> bytes:
    """Return a PDF with other pages in its tree."""
    tree = f"2 0 obj\n<</Type/Pages/Kids[{kids}]/Count {count}>>\nendobj\n"
    return revised(pdf, more + tree)


DOT = "BT /F 24 Tf 72 720 Td (Sopimus) Tj ET BT /F 4 Tf 300 100 Td (.) Tj ET"
PAGE = (
    "4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 {}]/Contents 3 0 R{}>>\nendobj\n"
)
FONT = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
TWO = make_pdf(pages=2)
#: A change of ``TWO``, and the kind of the difference and its page.
CHANGES: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "a full stop": (
        lambda: revised(
            TWO,
            f"3 0 obj\n<</Length {len(DOT)}>>stream\n{DOT}\nendstream\nendobj\n",
        ),
        "content",
        1,
    ),
    "a page more": (lambda: with_pages(TWO, "4 0 R 5 0 R 4 0 R", 3), "pages", 3),
    "a page less": (lambda: with_pages(TWO, "4 0 R", 1), "pages", 2),
    "a larger page": (lambda: revised(TWO, PAGE.format("595 900", FONT)), "size", 1),
    "a turned page": (
        lambda: revised(TWO, PAGE.format("595 842", f"{FONT}/Rotate 180")),
        "size",
        1,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_of_the_pages_is_a_difference(what: str) -> None:
    change, kind, page = CHANGES[what]
    found = between(TWO, change())
    assert (found.differences[0].kind, found.differences[0].page) == (kind, page)
    assert found.left == ""


def test_the_same_content_is_no_difference() -> None:
    assert between(TWO, titled(TWO)) == Compared(pages=2, compared=2)


# ------------------------------------------------------- what could not be compared


async def test_without_poppler_nothing_that_goes_on_is_valid(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "from kortilla.signing.pages import poppler\npoppler._PATH = '/nowhere'\n"
    program = processes._PROGRAM.replace("main(m", f"{missing}main(m")
    assert missing in program
    monkeypatch.setattr(processes, "_PROGRAM", program)
    pool = PdfProcesses()
    monkeypatch.setattr(processes, "_shared", pool)
    try:
        once = await verify(maker, await maker.pdf())
        twice = await maker.pdf(await maker.pdf())
        report = await verify(maker, twice)
    finally:
        pool.close()
    assert once.verdict is VALID
    assert (report.verdict, codes(report)) == (CANT_SAY, {"PAGES_NOT_COMPARED"})
    assert compared(report).left == "no-poppler"


async def test_an_answer_about_fewer_revisions_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def answer(*_: object) -> tuple[dict[str, Any], bytes]:
        return {"compared": [], "pictures": []}, b""

    pool = PdfProcesses()
    monkeypatch.setattr(pool, "_run", answer)
    with pytest.raises(DocumentNotSignableError):
        await pool.compare(TWO, [Revision(9)])


async def test_a_drawing_that_ends_early_is_said(maker: Maker) -> None:
    pdf = await maker.pdf(await maker.pdf(make_pdf(pages=4)))
    # As an answer of the other process.
    for found, code in (
        (Compared(pages=4, compared=0, left="not-drawn"), "PAGES_NOT_COMPARED"),
        (Compared(pages=4, compared=3, left="not-drawn"), "PAGES_LEFT_OUT"),
        (Compared(pages=4, compared=3, left="too-many"), "PAGES_LEFT_OUT"),
    ):
        [problem] = shown._problems(found)
        assert problem.code == code
        assert problem.verdict is CANT_SAY
    report = await verify(maker, pdf)
    assert report.verdict is VALID


def test_pages_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MAX_PAGES", 2)
    found = between(make_pdf(pages=3), titled(make_pdf(pages=3)))
    assert found == Compared(pages=3, compared=2, left="too-many")


def test_a_program_at_its_limit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poppler, "_MOST_MEMORY", 1 << 20)
    assert between(TWO, titled(TWO)).left == "not-drawn"


def test_a_program_that_can_not_be_started_in_between_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, started = poppler.Document._run, []

    def fail_late(self: poppler.Document, *command: str) -> Any:
        started.append(command[0])
        if started.count("pdftoppm") == 3:  # the file, its first revision, the second
            raise poppler.UndrawnError("no more processes")
        return run(self, *command)

    monkeypatch.setattr(poppler.Document, "_run", fail_late)
    once = titled(TWO)
    lengths = [{"length": len(each)} for each in (TWO, once)]
    answer, pixels = compare(titled(once), lengths)
    found = [compared for compared, _ in read_answer(answer, pixels)]
    assert found == [
        Compared(pages=2, compared=1, left="not-drawn"),
        Compared(pages=2, compared=0, left="not-drawn"),
    ]


def test_what_poppler_can_not_read_is_said() -> None:
    assert between(b"%PDF-1.7\n", b"%PDF-1.7\nx").left == "not-drawn"


@pytest.mark.parametrize(
    ("answer", "pixels"),
    [
        ({}, b""),
        ({"compared": [{}], "pictures": []}, b""),
        ({"compared": [{}], "pictures": [[[1, 1]]]}, b"12"),
        ({"compared": [{}], "pictures": [[[0, 9]]]}, b""),
        ({"compared": [{}], "pictures": [[[-1, -1]]]}, b"123"),
        ({"compared": [{"left": "x"}], "pictures": [[]]}, b""),
    ],
)
def test_an_answer_that_is_none_is_refused(
    answer: dict[str, Any], pixels: bytes
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_answer(answer, pixels)


# ------------------------------------------------------------ the bytes, the metadata


async def test_the_bytes_that_were_signed_are_handed_out(maker: Maker) -> None:
    once = await maker.pdf()
    twice = await maker.pdf(once, visible=True)
    report = await verify(maker, twice)
    assert report.sha256 == hashlib.sha256(twice).hexdigest()
    first, second = report.signatures
    assert signed_revision(twice, first) == once
    assert signed_revision(twice, second) == twice
    for wrong in (replace(first, intact=False), replace(first, revision_length=None)):
        with pytest.raises(ValueError, match="no revision"):
            signed_revision(twice, wrong)
    with pytest.raises(ValueError, match="another file"):
        signed_revision(once[:-1], first)
    changed = twice.replace(b"(Sopimus)", b"(Sopimaa)")
    report = await verify(maker, changed)
    assert not any(each.intact for each in report.signatures)


async def test_the_files_that_were_signed_are_handed_out(maker: Maker) -> None:
    files = {"a.txt": b"a", "ä.txt": b"b" * 10_000}
    container = await maker.container(files)
    report = await verify(maker, container)
    assert dict(signed_files(container, report)) == files
    [signature] = report.signatures
    for none in (replace(signature, intact=False), replace(signature, files=())):
        assert [*signed_files(container, replace(report, signatures=(none,)))] == []
    doubtful = replace(report, problems=report.signatures[0].problems)
    with pytest.raises(ValueError, match="no container"):
        next(signed_files(container, doubtful))
    with pytest.raises(ValueError, match="another file"):
        next(signed_files(container + b"\0", report))


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/'
    '1.0/" xmp:ModifyDate="{date}"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">'
    "{title}</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def with_xmp(pdf: bytes, text: str) -> bytes:
    """Return a PDF with an update of the stream that its catalog names."""
    number = re.findall(rb"/Metadata (\d+) 0 R", pdf)[-1].decode()
    stream = f"<</Type/Metadata/Subtype/XML/Length {len(text)}>>stream\n{text}\n"
    return revised(pdf, f"{number} 0 obj\n{stream}endstream\nendobj\n")


async def test_changed_metadata_are_named_and_leave_the_verdict(maker: Maker) -> None:
    named = RETITLE.replace("(Otsikko)", "(Otsikko)/Author(a\\012b)/Muu(x)/ModDate(y)")
    first = XMP.format(date="2026", title="Yksi")
    plain = await maker.pdf()
    described = with_xmp(make_pdf(catalog="/Metadata 6 0 R"), first)
    with_one = await maker.pdf(described)
    for pdf, changes in (
        (titled(plain), [("title", "", "Otsikko")]),
        (
            titled(plain, named),
            [("author", "", "a\ufffdb"), ("other", "", "x"), ("title", "", "Otsikko")],
        ),
        (with_xmp(with_one, first.replace("2026", "2027")), []),
        (
            with_xmp(with_one, first.replace("Yksi", "Kaksi")),
            [("title", "Yksi", "Kaksi")],
        ),
    ):
        report = await verify(maker, pdf)
        found = report.signatures[0].changes
        assert [(e.text, e.before, e.after) for e in found] == changes
        assert codes(report) == ({"METADATA_CHANGED"} if changes else set())
        assert report.verdict is VALID
        assert {each.kind for each in found} <= {"metadata"}
    assert Change("metadata").before == ""


def test_a_program_that_says_too_much_is_not_waited_for() -> None:
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
        f"<</Title({'a' * 5_000_000})>>",
    ]
    content = pdf_of(objects, "/Info 4 0 R")
    with poppler.Document(content) as document, pytest.raises(poppler.UndrawnError):
        document.info(1, 1)


def test_a_title_that_a_document_type_defines_is_no_secret() -> None:
    typed = "<!DOCTYPE x [<!ENTITY t 'Yksi'>]>" + XMP.format(date="2026", title="&t;")
    signed = with_xmp(make_pdf(catalog="/Metadata 6 0 R"), typed)
    changed = with_xmp(signed, typed.replace("Yksi", "Kaksi"))
    found = metadata_changes(PdfFileReader(BytesIO(changed)), 1)
    assert [each.text for each in found] == ["other"]
