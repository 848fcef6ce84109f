# SPDX-License-Identifier: MIT
"""PDFs that a signature covers as a whole: usual ones, and such with two views.

The author of a contract can write it so that some programs show another one. Then
nothing needs to change after it was signed.
"""

import re
import zlib

from tests.corpus.building import (
    COVER,
    HEAD,
    SOPIMUS,
    VELKA,
    Objects,
    Text,
    contract,
    stream,
    table,
    written,
)

_LOOKS = "/Type/XObject/Subtype/Form/BBox[0 0 328 40]/Resources<</Font<</F 5 0 R>>>>"
HIDDEN = {13: stream(VELKA)}
#: The page with the hidden content.
OTHER_PAGE = str(contract()[4]).replace("/Contents 3 0 R", "/Contents 13 0 R")


def _packed(
    more: dict[int, str] | None = None, packed_more: dict[int, str] | None = None
) -> bytes:
    """Return a PDF whose catalog, pages and page are in an object stream."""
    objects = contract()
    packed = {number: str(objects.pop(number)) for number in (1, 2, 4, 5, 6)}
    packed |= packed_more or {}
    return written({**objects, **(more or {})}, xref="stream", packed=packed)


def _swapped() -> bytes:
    """Return a PDF where an object stream has two pages under one another's number."""
    pdf = _packed({13: HIDDEN[13].decode()}, {14: OTHER_PAGE})
    swapped, count = re.subn(rb"\b4( \d+ .*?\b)14( \d+ )", rb"14\g<1>4\2", pdf, count=1)
    assert count
    return swapped


def hybrid(hidden: dict[int, str], *, page: str | None = None) -> bytes:
    """Return a PDF with a table, and a stream of references for newer programs.

    The table has a page, and the stream ``hidden`` objects.
    """
    objects = contract()
    if page is not None:
        objects[4] = page
    body = written(objects, end="")
    start = body.index(b"xref\n")
    rest = body[start:]
    data = bytearray(body[:start])
    places = {}
    for number, text in hidden.items():
        places[number] = (1, len(data), 0)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, text.encode())
    at = len(data)
    rows, index = b"", ""
    for number, (kind, place, more) in sorted({**places, 39: (1, at, 0)}.items()):
        rows += bytes([kind]) + place.to_bytes(4) + more.to_bytes(2)
        index += f"{number} 1 "
    section = stream(rows, f"/Type/XRef/W[1 4 2]/Index[{index}]/Size 41/Root 1 0 R")
    data += b"39 0 obj\n" + section + b"\nendobj\n"
    start = len(data)
    data += rest.replace(b"/Root", b"/XRefStm %d/Root" % at)
    return bytes(data) + b"startxref\n%d\n%%%%EOF\n" % start


def linearized(*, first: int) -> bytes:
    """Return a PDF that says that it is linearized, and which page is the first."""
    objects: Objects = {14: OTHER_PAGE, **HIDDEN, **contract()}
    place = {20: len(HEAD)}
    entries = (
        f"/Linearized 1/L {{:010d}}/H[700 40]/O {first}/E {{:010d}}/N 1/T {{:010d}}"
    )
    described = f"20 0 obj\n<<{entries}>>\nendobj\n"
    draft = written(objects, first=described.format(0, 0, 0).encode(), moved=place)
    filled = described.format(len(draft), len(draft) - 400, draft.rindex(b"\nxref"))
    return written(objects, first=filled.encode(), moved=place)


def _two_pages(kids: str, count: int) -> bytes:
    pages = f"/Type/Pages/Kids[{kids}]/Count {count}"
    return _with({8: OTHER_PAGE.replace("/Annots[6 0 R]", "")}, pages=pages)


def _with(hidden: dict[int, Text | None] | None = None, **more: Text) -> bytes:
    return written({**contract(**more), **HIDDEN, **(hidden or {})})


def _moved_start(pdf: bytes, by: int) -> bytes:
    """Return a PDF whose ``startxref`` is off by some octets."""
    found = re.search(rb"startxref\n(\d+)", pdf)
    assert found
    return pdf.replace(found[0], b"startxref\n%d" % (int(found[1]) + by))


def _in_two_copies(last: str, *, named: int) -> bytes:
    """Return a PDF with two objects 3, of which its table names one."""
    objects = contract()
    one = written(objects, end="")
    body = one[: one.index(b"xref\n")]
    second = len(body)
    body += b"3 0 obj\n" + stream(last) + b"\nendobj\n"
    places = {
        int(found[1]): (1, found.start(), 0)
        for found in re.finditer(rb"(?m)^(\d+) 0 obj", body[:second])
    }
    if named == 2:
        places[3] = (1, second, 0)
    end = table({0: (0, 0, 65535), **places})
    end += b"trailer\n<</Size 41/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + end


def _compressed(objects: dict[int, str | bytes | None]) -> bytes:
    packed = zlib.compress(SOPIMUS.encode())
    return written({**objects, 3: stream(packed, "/Filter/FlateDecode")})


def _layers(config: str, *, viewed: str = "OFF") -> bytes:
    """Return a PDF with a hidden layer of the other text."""
    shown = f"{SOPIMUS} /OC /L BDC {VELKA} EMC"
    groups = f"/OCProperties<</OCGs[30 0 R]/D<<{config}>>>>"
    resources = "/Resources<</Font<</F 5 0 R>>/Properties<</L 30 0 R>>>>"
    page = str(contract()[4]).replace("/Resources<</Font<</F 5 0 R>>>>", resources)
    group = (
        "<</Type/OCG/Name(Taso)/Usage<</Print<</PrintState/ON>>"
        f"/View<</ViewState/{viewed}>>/Export<</ExportState/ON>>>>>>"
    )
    return written(
        {**contract(catalog="{}" + groups, content=stream(shown)), 4: page, 30: group}
    )


_PAGE = str(contract()[4])


def _noted(flags: int, content: str = VELKA) -> bytes:
    """Return a PDF with a stamp over its page."""
    stamp = f"<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/F {flags}/AP<</N 9 0 R>>>>"
    page = _PAGE.replace("/Annots[6 0 R]", "/Annots[6 0 R 8 0 R]")
    return _with({4: page, 8: stamp, 9: stream(content, COVER)})


USUAL = {
    "a table": written(contract()),
    "a stream of references": written(contract(), xref="stream"),
    "an object stream": _packed(),
    "a compressed page": _compressed(contract()),
    "contents in an array": written(
        contract(page="{}".replace("{}", str(contract()[4])[2:-2]))
        | {
            4: str(contract()[4]).replace("/Contents 3 0 R", "/Contents[3 0 R 8 0 R]"),
            3: stream("BT /F 24 Tf 72 720 Td"),
            8: stream("(Sopimus) Tj ET"),
        }
    ),
    "inherited resources": written(
        contract(pages="{}/MediaBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>")
        | {4: "<</Type/Page/Parent 2 0 R/Contents 3 0 R/Annots[6 0 R]>>"}
    ),
    "a deep page tree": written(
        contract(pages="/Type/Pages/Kids[8 0 R]/Count 1")
        | {
            8: "<</Type/Pages/Kids[9 0 R]/Count 1/Parent 2 0 R>>",
            9: "<</Type/Pages/Kids[4 0 R]/Count 1/Parent 8 0 R>>",
            4: str(contract()[4]).replace("/Parent 2 0 R", "/Parent 9 0 R"),
        }
    ),
    "a length in another object": written(
        contract(content=stream(SOPIMUS, length="8 0 R")) | {8: str(len(SOPIMUS))}
    ),
    "a length in a later object than its stream": written(
        contract(content=stream(SOPIMUS, length="38 0 R")) | {38: str(len(SOPIMUS))}
    ),
    "names and bookmarks": _with(
        catalog="{}/Names<</Dests<</Names[(Alku)[4 0 R/Fit]]>>>>/Outlines 8 0 R",
        hidden={
            8: "<</Type/Outlines/First 9 0 R/Last 9 0 R/Count 1>>",
            9: "<</Title(Alku)/Parent 8 0 R/Dest(Alku)>>",
        },
    ),
    "objects that nothing uses": _with({14: OTHER_PAGE}),
    "carriage returns at the ends of lines": written(contract()).replace(
        b"\nendobj\n", b"\rendobj\r"
    ),
    "a comment with octets after the header": written(
        contract(), before=HEAD + b"%\xe2\xe3\xcf\xd3\n"
    ),
    "a linearized file": linearized(first=4),
    "a layer that is shown": _layers("/ON[30 0 R]", viewed="ON").replace(
        VELKA.encode(), b" " * len(VELKA)
    ),
    "another root in the table's trailer than in the stream": hybrid({}).replace(
        b"/Size 41/Root 1 0 R", b"/Size 41/Root 9 0 R", 1
    ),
    "a place to open it at": _with(catalog="{}/OpenAction[4 0 R/Fit]"),
    "a stamp": _noted(4, "1 g 0 0 9 9 re f"),
    "a stamp that is hidden": _noted(2),
    "a link": written(
        contract()
        | {
            4: str(contract()[4]).replace("/Annots[6 0 R]", "/Annots[6 0 R 8 0 R]"),
            8: "<</Type/Annot/Subtype/Link/Rect[72 700 200 740]/Border[0 0 0]"
            "/A<</S/URI/URI(https://service.example/)>>>>",
        }
    ),
}

#: By what they are. Each shows another text in at least one kind of program, or could.
TWO_VIEWS = {
    # Cross-reference sections.
    "a hybrid file with another page for newer programs": hybrid(
        {3: "<</Length 0>>stream\n\nendstream", 4: OTHER_PAGE, 13: ""}
        | {13: stream(VELKA).decode()}
    ),
    "a hybrid file whose stream replaces the content": hybrid(
        {3: stream(VELKA).decode()}
    ),
    "a second copy of the content that no table names": _in_two_copies(VELKA, named=1),
    "a first copy of the content that no table names": _in_two_copies(VELKA, named=2)
    .replace(SOPIMUS.encode(), b"%" * len(SOPIMUS))
    .replace(VELKA.encode(), SOPIMUS.encode().ljust(len(VELKA)))
    .replace(b"%" * len(SOPIMUS), VELKA.encode()[: len(SOPIMUS) - 6] + b" Tj ET"),
    "a startxref that is too low": _moved_start(_in_two_copies(VELKA, named=1), -3),
    "a startxref that is too high": _moved_start(_in_two_copies(VELKA, named=1), 2),
    "a startxref of zero": re.sub(
        rb"startxref\n\d+", b"startxref\n0", _in_two_copies(VELKA, named=1)
    ),
    "places that count from a later header": b"%junk\n"
    + written(contract(), before=HEAD),
    "a table that starts at one": written(contract()).replace(
        b"xref\n1 1", b"xref\n0 1", 1
    ),
    "an object with another number than in the table": written(
        {**contract(), 13: stream(VELKA)}
    ).replace(b"\n3 0 obj", b"\n8 0 obj"),
    "an object of another generation than in the table": written(
        {**contract(), 13: stream(VELKA)}
    ).replace(b"\n3 0 obj", b"\n3 1 obj"),
    "two trailers": written(contract()).replace(
        b"trailer\n", b"trailer\n<</Size 41/Root 21 0 R>>\ntrailer\n"
    ),
    "a reference to another generation": written(contract()).replace(
        b"/F 5 0 R", b"/F 5 9 R"
    ),
    "a page without an area": written(contract()).replace(b"595 842", b"595 000"),
    "a crop box without an area": _with(
        {4: str(contract()[4])[:-2] + "/CropBox[0 0 0 842]>>"}
    ),
    "a font that is none": written(contract()).replace(b"/F 5 0 R", b"/F 2 0 R"),
    "a font without a name": written(contract()).replace(b"/BaseFont", b"/BaseFond"),
    # Objects and streams.
    "a key twice in a page": written(
        {**contract(), **HIDDEN, 4: OTHER_PAGE[:-2] + "/Contents 3 0 R>>"}
    ),
    "a key twice in a page, once with an escape": written(
        {**contract(), **HIDDEN, 4: OTHER_PAGE[:-2] + "/Con#74ents 3 0 R>>"}
    ),
    "a length that is too short": _with(
        content=stream(f"{SOPIMUS}\n1 1 1 rg 0 0 595 842 re f\n{VELKA}", length=38)
    ),
    "a length that is too long": _with(
        content=stream(f"{SOPIMUS}\nendstream\nendobj\n{VELKA}\n")
    ),
    "a length of zero": _with(content=stream(SOPIMUS, length=0)),
    "a length that is missing": _with(
        content=stream(SOPIMUS).replace(b"/Length 37", b"")
    ),
    "a length that is the stream itself": _with(
        {12: "<</Length 12 0 R>>stream\nx\nendstream"}
    ),
    "a length that is a reference to nothing": _with(
        content=stream(SOPIMUS, length="99 0 R")
    ),
    "an object within a stream": _with(
        content=stream(f"{SOPIMUS}\n% \n3 0 obj\n{stream(VELKA).decode()}\nendobj")
    ),
    "an end of object within a comment": _with(
        content=stream(SOPIMUS).replace(
            b"<<", b"<<%>>stream\n" + VELKA.encode() + b"\nendstream\nendobj\r"
        )
    ),
    "an object stream with two objects of one number": _packed().replace(
        b"1 0 2 ", b"1 0 4 "
    ),
    "a packed object that is also in the file": written(
        {**contract()},
        xref="stream",
        packed={3: "null"},
    ),
    "an object stream whose numbers are not the table's": _swapped(),
    "an object stream whose type is elsewhere": _packed(more={38: "/ObjStm"}).replace(
        b"/Type/ObjStm", b"/Type 38 0 R"
    ),
    "packed data that end early": _with(
        content=stream(
            zlib.compress((SOPIMUS + " " * 4000 + VELKA).encode(), 0)[:-2000],
            "/Filter/FlateDecode",
        )
    ),
    "packed data with a wrong checksum": _with(
        content=stream(zlib.compress(SOPIMUS.encode())[:-4] + b"abcd").replace(
            b"/Length", b"/Filter/FlateDecode/Length"
        )
    ),
    # Trailers and pages.
    "a page tree with a branch twice": written(
        contract(pages="/Type/Pages/Kids[8 0 R 8 0 R]/Count 2")
        | {
            4: str(contract()[4]).replace("/Parent 2", "/Parent 8"),
            8: "<</Type/Pages/Parent 2 0 R/Kids[4 0 R]/Count 1>>",
        }
    ),
    "a page tree that is a loop": _with(
        {2: "<</Type/Pages/Kids[4 0 R 2 0 R]/Count 1>>"}
    ),
    "more pages than are counted": _two_pages("4 0 R 8 0 R", 1),
    "fewer pages than are counted": _two_pages("4 0 R", 2),
    "a page that is counted as none": _two_pages("4 0 R 8 0 R", 0),
    "a page that is no page": written(
        contract(pages="/Type/Pages/Kids[8 0 R 4 0 R]/Count 2") | {8: "<</Type/Font>>"}
    ),
    "pages without a type": _with(pages="/Kids[4 0 R]/Count 1"),
    "a page whose parent is another": _with(
        {
            4: str(contract()[4]).replace("/Parent 2 0 R", "/Parent 8 0 R"),
            8: "<</Type/Pages/Kids[4 0 R]/Count 1/Rotate 180>>",
        }
    ),
    "a linearized file whose first page is another": linearized(first=14),
    # What is shown of a page.
    "contents in an array of an array": _with(
        {4: str(contract()[4]).replace("/Contents 3 0 R", "/Contents[[3 0 R] 13 0 R]")}
    ),
    "a filter that is not known": _with(content=stream(SOPIMUS, "/Filter/Sopimus")),
    "a stream in another file": _with(
        content=stream(SOPIMUS, "/F(velka.txt)/FFilter/FlateDecode")
    ),
    "a layer for viewing": _layers(
        "/ON[30 0 R]/AS[<</Event/View/OCGs[30 0 R]/Category[/View]>>]"
    ),
    "a field whose value is not what it shows": written(
        contract(
            catalog="/Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R 8 0 R]"
            "/SigFlags 3/NeedAppearances true/DA(/F 24 Tf 0 g)"
            "/DR<</Font<</F 5 0 R>>>>>>"
        )
        | {
            4: str(contract()[4]).replace("/Annots[6 0 R]", "/Annots[6 0 R 8 0 R]"),
            8: "<</Type/Annot/Subtype/Widget/FT/Tx/T(Summa)/V(VELKA 100000)/F 4"
            "/P 4 0 R/Rect[72 600 400 640]/DA(/F 24 Tf 0 g)/AP<</N 9 0 R>>>>",
            9: stream("", "/Type/XObject/Subtype/Form/BBox[0 0 328 40]/Resources<<>>"),
        }
    ),
}
