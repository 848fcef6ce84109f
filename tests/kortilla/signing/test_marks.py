# SPDX-License-Identifier: MIT
"""What later signatures and timestamps put on the pages of a signed PDF."""

import io
import re
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
from kortilla.signing.verification import (
    DocumentReport,
    Problem,
    Verdict,
    verify_document,
)
from native_host.files import words
from native_host.files.check import CheckedFile
from tests.kortilla.pki import CA, GIVEN_NAME, subject
from tests.kortilla.signed_files import Maker, issue, replace_text, updated
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
    "more",
    [
        {},
        {"rectangle": (300, 90, 72, 10)},
        {"second_page": True},
        {"collapsed": True},
        {"rectangle": None},
    ],
    ids=["whole page", "corners the other way", "twice", "looks", "invisible"],
)
async def test_a_later_timestamp_may_come_if_it_shows_nothing(
    maker: Maker, authority: Authority, more: dict[str, Any]
) -> None:
    signed = await maker.pdf(make_pdf(pages=2))
    content = await covered(signed, stamper(authority), **more)
    for cas in ([], [authority.issuing_der]):
        report = await verify_document(
            content, trusted=maker.trusted, revocation=GOOD, timestamp_cas=cas
        )
        [signature] = report.signatures
        [change] = signature.changes
        assert (change.page, change.rectangle) == (None, None)
        if "rectangle" in more and more["rectangle"] is None:
            assert (change.kind, change.text) == ("timestamp", "Aika")
        else:
            assert change.kind == "other"
            assert signature.verdict is Verdict.NOT_VALID


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
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


AINO, VILLE = f"{GIVEN_NAME} SPECIMEN-AINO", f"{GIVEN_NAME} SPECIMEN-VILLE"
#: What is said of two signers, the second with a visible mark; and of a changed file.
SAID = {
    "fi": (
        "Molemmat allekirjoitukset ovat päteviä. "
        "Myöhempi allekirjoittaja lisäsi merkinnän.",
        f"{AINO} allekirjoitti asiakirjan ilman merkintää, jonka {VILLE} lisäsi "
        "sivulle 1.",
        "Tiedostoa on muutettu allekirjoittamisen jälkeen. Älä luota siihen.",
        "allekirjoitti muutetun tiedoston",
    ),
    "sv": (
        "Båda underskrifterna är giltiga. "
        "En senare undertecknare lade till en märkning.",
        f"{AINO} undertecknade dokumentet utan den märkning som {VILLE} har lagt till "
        "på sidan 1.",
        "Filen har ändrats efter underskriften. Lita inte på den.",
        "undertecknade den ändrade filen",
    ),
    "en": (
        "Both signatures are valid. A later signer added a mark.",
        f"{AINO} signed the document without the mark of {VILLE} on page 1.",
        "The file was changed after it was signed. Don't trust it.",
        "signed the changed file",
    ),
}


@pytest.fixture
def ville(maker: Maker, ca: CA) -> Maker:
    name = subject(surname="SPECIMEN-VILLE")
    return replace(maker, leaf=issue(ca, subject_name=name))


@pytest.fixture
def aino(maker: Maker, ca: CA) -> Maker:
    name = subject(surname="SPECIMEN-AINO")
    return replace(maker, leaf=issue(ca, subject_name=name))


def said(report: DocumentReport, language: str) -> tuple[str, str]:
    """Return the verdict, and all lines below it. No test card is spoken of."""
    own = tuple(replace(each, issuer="authority") for each in report.signatures)
    checked = CheckedFile(Path("a.pdf"), replace(report, signatures=own))
    texts = words.load(language)
    verdict = words.verdict_words(checked, texts)
    lines = words.describe(checked, texts)[len(verdict) :]
    return " ".join(verdict), "\n".join(each.strip() for each in lines)


@pytest.mark.parametrize("language", SAID)
async def test_each_signer_signed_the_document_without_later_marks(
    aino: Maker, ville: Maker, language: str
) -> None:
    content = await ville.pdf(await aino.pdf(visible=True), visible=True)
    report = await verify_document(content, trusted=aino.trusted, revocation=GOOD)
    verdict, lines = said(report, language)
    assert (verdict, lines.count(SAID[language][1])) == (SAID[language][0], 1)
    # Nor when a card may be lost: no word says that the file is as it was.
    report = await verify_document(content, trusted=aino.trusted)
    verdict, lines = said(report, language)
    assert verdict.endswith(SAID[language][0].partition(". ")[2])
    assert SAID[language][1] in lines
    assert not re.search("unchanged|muutettu|oförändrad|ändrats", verdict + lines)
    # The third signer's mark is named beside the second's.
    third = await aino.pdf(content, visible=True)
    report = await verify_document(third, trusted=aino.trusted, revocation=GOOD)
    first, second, _ = report.signatures
    texts = words.load(language)
    [both] = words.additions(first, report, texts)
    assert both.index(VILLE) < both.rindex(AINO)
    assert words.additions(second, report, texts) != []
    # A person who is not known is not named as if they were.
    unsure = replace(report.signatures[1], issuer="unknown")
    [named] = words.additions(first, replace(report, signatures=(first, unsure)), texts)
    assert VILLE not in named


@pytest.mark.parametrize("language", SAID)
async def test_a_changed_file_is_red_and_nothing_reassures(
    aino: Maker, ville: Maker, language: str
) -> None:
    changed = updated(await aino.pdf(), replace_text)
    for content in (changed, await ville.pdf(changed)):
        report = await verify_document(content, trusted=aino.trusted, revocation=GOOD)
        verdict, lines = said(report, language)
        assert verdict == SAID[language][2]
        texts = words.load(language)
        assert texts["revocation.good"] not in lines
        for number, name in enumerate((AINO, VILLE), start=1):
            good = texts["signature.valid"].format(number=number, name=name)
            assert good not in lines
        assert (SAID[language][3] in lines) == (content is not changed)
        assert texts["CHANGED_AFTER_SIGNING"] in lines


async def test_in_a_file_that_may_be_read_differently_no_signature_is_called_valid(
    maker: Maker,
) -> None:
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=GOOD
    )
    texts = words.load("en")
    for code in ("ACTIVE_CONTENT", "SHOWN_DIFFERENTLY", "OTHER_NAME", "XFA_FORM"):
        doubted = replace(report, problems=(Problem(code),))
        verdict, lines = said(doubted, "en")
        assert verdict == texts["verdict.cant-say"]
        assert texts[code] in lines
        assert ": could not be confirmed" in lines
        assert texts["revocation.good"] not in lines
