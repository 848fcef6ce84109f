# SPDX-License-Identifier: MIT
"""Updates of a signed PDF: harmless ones, and such that change what is shown.

Shadow attacks hide, replace, or hide and replace what was in the file when it was
signed (Mainka et al., NDSS 2021). Incremental saving attacks add what was not there.
"""

import re
from collections.abc import Callable

from tests.corpus.building import (
    COVER,
    SOPIMUS,
    VELKA,
    Objects,
    contract,
    stream,
    table,
    updated_by,
    written,
)
from tests.corpus.pdf_whole import OTHER_PAGE

Update = Callable[[bytes], bytes]
_PAGE = str(contract()[4])
_CATALOG = str(contract()[1])
_LOOKS = "/Type/XObject/Subtype/Form/BBox[0 0 328 40]/Resources<</Font<</F 5 0 R>>>>"


def _xmp(title: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'rdf:about="" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"><pdf:Keywords>{title}'
        "</pdf:Keywords></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


#: A page with a text under a note, a field, a layer, a list of names and a second page
#: tree: what an update could show, hide or replace.
RICH: Objects = {
    **contract(
        catalog="{}/Names 20 0 R/OCProperties 21 0 R/PageLabels 22 0 R"
        "/ViewerPreferences<<>>/Metadata 23 0 R/Lang(fi)",
        content=stream(
            f"{SOPIMUS} /OC /L BDC BT /F 24 Tf 72 500 Td (Taso) Tj ET EMC "
            "BT /G 24 Tf 72 400 Td (Kirjasin) Tj ET /X Do"
        ),
    ),
    1: _CATALOG.replace("[6 0 R]", "[6 0 R 9 0 R]")[:-2]
    + "/Names 20 0 R/OCProperties 21 0 R/PageLabels 22 0 R/Metadata 23 0 R/Lang(fi)>>",
    4: _PAGE.replace("[6 0 R]", "[6 0 R 8 0 R 9 0 R]").replace(
        "/Resources<</Font<</F 5 0 R>>>>",
        "/Resources<</Font<</F 5 0 R/G 24 0 R>>/XObject<</X 25 0 R>>"
        "/Properties<</L 30 0 R>>>>",
    ),
    8: "<</Type/Annot/Subtype/Square/Rect[72 600 400 640]/F 4/AP<</N 12 0 R>>>>",
    9: "<</Type/Annot/Subtype/Widget/FT/Tx/T(Summa)/V(500)/F 4/P 4 0 R"
    "/Rect[72 300 400 340]/DA(/F 24 Tf 0 g)/AP<</N 10 0 R>>>>",
    10: stream("BT /F 24 Tf 2 9 Td (500) Tj ET", _LOOKS),
    12: stream("0 0 328 40 re f", _LOOKS),
    13: stream(VELKA),
    14: OTHER_PAGE.replace("/Parent 2 0 R", "/Parent 15 0 R"),
    15: "<</Type/Pages/Kids[14 0 R]/Count 1>>",
    16: stream(VELKA, COVER),
    20: "<</Dests<</Names[(Alku)[4 0 R/Fit]]>>>>",
    21: "<</OCGs[30 0 R]/D<</ON[30 0 R]>>>>",
    22: "<</Nums[0<</S/D>>]>>",
    23: stream(_xmp("Sopimus"), "/Type/Metadata/Subtype/XML"),
    24: "<</Type/Font/Subtype/Type1/BaseFont/Courier>>",
    25: stream("BT /F 24 Tf 72 200 Td (Osa) Tj ET", COVER),
    30: "<</Type/OCG/Name(Taso)>>",
}


def _by(objects: Objects, **more: object) -> Update:
    return lambda pdf: updated_by(pdf, objects, **more)


def _place(pdf: bytes, number: int) -> int:
    return pdf.index(b"\n%d 0 obj" % number) + 1


def _pointing(number: int, at: int) -> Update:
    """Return an update that has only a table: one object is where another was."""

    def update(pdf: bytes) -> bytes:
        return updated_by(pdf, {}, moved={number: _place(pdf, at)})

    return update


def _hidden_copy(pdf: bytes) -> bytes:
    """Name the place of an object within a stream of the signed revision."""
    return updated_by(pdf, {}, moved={3: pdf.index(b"3 0 obj\n<</Length 42")})


def _last(pattern: bytes, new: bytes) -> Update:
    """Return a harmless update of which something is then changed."""

    def update(pdf: bytes) -> bytes:
        done = updated_by(pdf, {60: "<</Title(Otsikko)>>"}, trailer="/Info 60 0 R")
        tail, count = re.subn(pattern, new, done[len(pdf) :])
        assert count
        return pdf + tail

    return update


def _loop(pdf: bytes) -> bytes:
    done = updated_by(pdf, {60: "<</Title(Otsikko)>>"}, trailer="/Info 60 0 R")
    return re.sub(rb"/Prev \d+(?=>>\nstartxref\n(\d+)\n%%EOF\n$)", rb"/Prev \1", done)


def _field(value: str, shown: str | None = None, more: str = "") -> Objects:
    looks = f"BT /F 24 Tf 2 9 Td ({value if shown is None else shown}) Tj ET"
    field = str(RICH[9]).replace("(500)", f"({value})").replace("10 0 R", "11 0 R")
    return {9: field[:-2] + more + ">>", 11: stream(looks, _LOOKS)}


_TITLE = {60: "<</Title(Otsikko)>>"}

#: Of a signed ``contract``.
OF_CONTRACT: dict[str, Update] = {
    "another content": _by({3: stream(VELKA)}),
    "another content by a stream of references": _by({3: stream(VELKA)}, xref="stream"),
    "another page": _by({13: stream(VELKA), 4: OTHER_PAGE}),
    "another page in an object stream": _by(
        {13: stream(VELKA)}, xref="stream", packed={4: OTHER_PAGE}
    ),
    "another catalog": _by(
        {
            1: _CATALOG.replace("/Pages 2", "/Pages 15"),
            13: stream(VELKA),
            14: OTHER_PAGE.replace("/Parent 2", "/Parent 15"),
            15: "<</Type/Pages/Kids[14 0 R]/Count 1>>",
        }
    ),
    "another root in the trailer": _by(
        {
            31: _CATALOG.replace("/Pages 2", "/Pages 15"),
            13: stream(VELKA),
            14: OTHER_PAGE.replace("/Parent 2", "/Parent 15"),
            15: "<</Type/Pages/Kids[14 0 R]/Count 1>>",
        },
        trailer="/Root 31 0 R",
    ),
    "one page more": _by(
        {
            2: "<</Type/Pages/Kids[4 0 R 14 0 R]/Count 2>>",
            13: stream(VELKA),
            14: OTHER_PAGE.replace("/Annots[6 0 R]", ""),
        }
    ),
    "no page": _by({2: "<</Type/Pages/Kids[]/Count 0>>"}),
    "a page that is turned": _by({4: _PAGE[:-2] + "/Rotate 180>>"}),
    "pages that are turned": _by({2: "<</Type/Pages/Kids[4 0 R]/Count 1/Rotate 180>>"}),
    "a smaller page": _by({4: _PAGE.replace("0 0 595 842", "0 0 595 700")}),
    "a crop box": _by({4: _PAGE[:-2] + "/CropBox[0 0 595 700]>>"}),
    "a unit of the user": _by({4: _PAGE[:-2] + "/UserUnit 2>>"}),
    "another font": _by({5: "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"}),
    "a content that is free": _by({3: None}),
    "a content that is null": _by({3: "null"}),
    "a content that is an array": _by({3: "[13 0 R]", 13: stream(VELKA)}),
    "no previous section": lambda pdf: written(
        {3: stream(VELKA)}, before=pdf, trailer="/Info 3 0 R"
    ),
    "a stamp over the page": _by(
        {
            4: _PAGE.replace("[6 0 R]", "[6 0 R 8 0 R]"),
            8: "<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/F 4/AP<</N 16 0 R>>>>",
            16: stream(VELKA, COVER),
        }
    ),
    "a signature field with looks that cover the page": _by(
        {
            6: str(contract()[6])
            .replace("[0 0 0 0]", "[0 0 595 842]")
            .replace("/F 132", "/F 132/AP<</N 16 0 R>>"),
            16: stream(VELKA, COVER),
        }
    ),
    "looks of a signature field without an area": _by(
        {
            6: str(contract()[6]).replace("/F 132", "/F 132/AP<</N 16 0 R>>"),
            16: stream(VELKA, COVER),
        }
    ),
    "an action at the begin": _by(
        {1: _CATALOG[:-2] + "/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"}
    ),
    "a form in xfa": _by(
        {1: _CATALOG.replace("/SigFlags", "/XFA 33 0 R/SigFlags"), 33: stream("<x/>")}
    ),
    "needed appearances": _by(
        {1: _CATALOG.replace("/SigFlags", "/NeedAppearances true/SigFlags")}
    ),
    "an extension of a developer": _by(
        {
            1: _CATALOG[:-2] + "/Extensions<</ADBE<</BaseVersion/1.7"
            "/ExtensionLevel 8>>>>>>"
        }
    ),
    "a header of another version": _by({1: _CATALOG[:-2] + "/Version/2.0>>"}),
    "another title": _by(_TITLE, trailer="/Info 60 0 R"),
    "a title in an object that nobody uses": _by(_TITLE),
    "a section that says less": _by({}),
    "an update of the signature's dictionary": _by({7: "<</Type/Sig>>"}),
    "a field without its signature": _by(
        {6: str(contract()[6]).replace("/V 7 0 R", "")}
    ),
    "no form": _by({1: "<</Type/Catalog/Pages 2 0 R>>"}),
    "a signature that is free": _by({7: None}),
    # Of a harmless update.
    "a previous section that is the section": _loop,
    "a previous section in the middle of nowhere": _last(rb"/Prev \d+", b"/Prev 77"),
    "a previous section at zero": _last(rb"/Prev \d+", b"/Prev 0"),
    "a previous section that is negative": _last(rb"/Prev \d+", b"/Prev -1"),
    "a previous section that is a fraction": _last(rb"(/Prev \d+)", rb"\g<1>.0"),
    "a previous section in another object": _last(rb"/Prev \d+", b"/Prev 60 0 R"),
    "a size that is too small": _last(rb"/Size \d+", b"/Size 3"),
    "a size that is huge": _last(rb"/Size \d+", b"/Size 999999999"),
    "a size that is missing": _last(rb"/Size \d+", b""),
    "no trailer": _last(rb"trailer\n.*\n", b""),
    "no table": _last(rb"xref\n60 1\n.*\n", b""),
    "a comment at the end": _last(rb"%%EOF\n", b"%%EOF\n%VELKA\n"),
    "an end that is missing": _last(rb"\n%%EOF\n", b"\n"),
    "two ends": _last(rb"%%EOF\n", b"%%EOF\n%%EOF\n"),
    "an object before its section that is cut off": _last(
        rb"endobj\n", b"endobj\n3 0 obj\n<</Length 99>>stream\n"
    ),
    "an older header": _last(rb"^60 0", b"%PDF-1.4\n60 0"),
    "a whole other file": lambda pdf: (
        pdf + written({**contract(content=stream(VELKA)), 7: "<<>>"})
    ),
    "a whole other file that goes on from this one": lambda pdf: written(
        {**contract(content=stream(VELKA)), 7: "<<>>"}, before=pdf
    ),
    "only a trailer": lambda pdf: (
        pdf
        + b"trailer\n<</Root 31 0 R/Size 41>>\n"
        + b"31 0 obj\n<</Type/Catalog/Pages 15 0 R>>\nendobj\n"
    ),
    "many blanks": lambda pdf: pdf + b" " * 100_000,
    "octets of zero": lambda pdf: pdf + bytes(2000),
    "an archive of zip": lambda pdf: pdf + b"PK\5\6" + bytes(18),
}

#: Of a signed ``RICH``.
OF_RICH: dict[str, Update] = {
    "nothing": lambda pdf: pdf,
    "a note that is taken away": _by({4: str(RICH[4]).replace(" 8 0 R", "")}),
    "a note that is free": _by({8: None}),
    "a note whose looks are empty": _by({12: stream("", _LOOKS)}),
    "a note that is hidden": _by({8: str(RICH[8]).replace("/F 4", "/F 2")}),
    "a note elsewhere": _by(
        {8: str(RICH[8]).replace("[72 600 400 640]", "[72 700 400 740]")}
    ),
    "another page tree that was there": _by(
        {1: str(RICH[1]).replace("/Pages 2", "/Pages 15")}
    ),
    "another page that was there": _by(
        {2: "<</Type/Pages/Kids[14 0 R]/Count 1>>", 14: OTHER_PAGE}
    ),
    "a table that says that the content is the hidden one": _pointing(3, 13),
    "a table that says that the page is the hidden one": _pointing(4, 14),
    "an object within a stream that was there": _hidden_copy,
    "a part that is another": _by({25: stream(VELKA, COVER)}),
    "a part that is the hidden one": _pointing(25, 16),
    "a part that is free": _by({25: None}),
    "a font that is another": _by({24: "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"}),
    "a font with other letters": _by(
        {
            24: "<</Type/Font/Subtype/Type1/BaseFont/Courier"
            "/Encoding<</Differences[75/V/e/l/k/a]>>>>"
        }
    ),
    "a layer that is hidden": _by({21: "<</OCGs[30 0 R]/D<</OFF[30 0 R]>>>>"}),
    "a layer that is no longer one": _by({30: "<</Type/Nothing>>"}),
    "another name": _by({20: "<</Dests<</Names[(Alku)[14 0 R/Fit]]>>>>"}),
    "a script among the names": _by(
        {20: "<</JavaScript<</Names[(a)<</S/JavaScript/JS(1)>>]>>>>"}
    ),
    "an embedded file": _by(
        {
            20: "<</EmbeddedFiles<</Names[(a)<</F(a)/EF<</F 33 0 R>>>>]>>>>",
            33: stream("VELKA", "/Type/EmbeddedFile"),
        }
    ),
    "other numbers of pages": _by({22: "<</Nums[0<</S/R/St 5>>]>>"}),
    "other metadata": _by({23: stream(_xmp("Velka"), "/Type/Metadata/Subtype/XML")}),
    "a form filled in": _by(_field("100000")),
    "a form whose looks say another value": _by(_field("500", "100000")),
    "a form filled in, but its looks stay": _by(
        {9: str(RICH[9]).replace("(500)", "(100000)")}
    ),
    "a form filled in, with looks of its own size": _by(
        {
            9: str(RICH[9]).replace("10 0 R", "11 0 R"),
            11: stream(VELKA, COVER),
        }
    ),
    "a field elsewhere": _by(
        {9: str(RICH[9]).replace("[72 300 400 340]", "[72 700 400 740]")}
    ),
    "a field with an action": _by(
        _field("100000", more="/AA<</K<</S/JavaScript/JS(1)>>>>")
    ),
    "a field with looks of states": _by(
        {
            9: str(RICH[9]).replace("/N 10 0 R", "/N<</A 16 0 R>>")[:-2] + "/AS/A>>",
        }
    ),
    "a field that is free": _by({9: None}),
    "a field of another type": _by({9: str(RICH[9]).replace("/FT/Tx", "/FT/Btn")}),
    "a field with other looks when the mouse is over it": _by(
        {9: str(RICH[9]).replace("/N 10 0 R", "/N 10 0 R/R 16 0 R/D 16 0 R")}
    ),
    "a value that is a stream": _by({9: str(RICH[9]).replace("(500)", "16 0 R")}),
}

__all__ = ["OF_CONTRACT", "OF_RICH", "RICH", "Update", "table"]
