# SPDX-License-Identifier: MIT
"""What programs show differently is neither called valid nor signed."""

import asyncio
import time

import pytest

from kortilla.errors import DocumentNotSignableError
from kortilla.signing.verification import verify_document
from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.contents import Budget, Kind, check_contents
from tests.kortilla.signed_files import Maker, certified
from tests.kortilla.signing.test_verification import said
from tests.kortilla.signing.verified_files import CANT_SAY, VALID
from tests.kortilla.signing_parts import GOOD, pdf_of

IMAGE = "BI/W 8/H 2/IM true ID {} EI Q"
FAX = "BI/W 8/H 1/IM true/F/CCF/DP<</K -1/Columns 8>> ID {} EI Q"
JPEG = "BI/W 8/H 1/CS/G/BPC 8/F/DCT ID {} EI Q"

READABLE: dict[str, str] = {
    "nothing": "",
    "only a comment": "% DSBlank",
    "numbers": "-.5 +4. m 007 2 l S",
    "comments": "q%a\n 1 %b\r 0 0 1 0 0 cm Q",
    "a path": "1 2 m 3 4 l 1 2 3 4 5 6 c 1 2 3 4 v 1 2 3 4 y h 0 0 9 9 re W* n",
    "a path that has nothing": "q n Q",
    "a color in a path, as MuPDF has it": "0 0 9 9 re h %k\n 0 1 0 RG 1 g B 1 sc",
    "state": "1 w 0 J 2 j 10 M [] 0 d [1 .5] 2 d /Perceptual ri 1 i /G gs",
    "texts": "BT /F 9 Tf 1 Tc (a(b\\(\\051\\\n)c)Tj <4 1>' 1 2(x)\" T* ET",
    "texts in a list": "BT /F 9 Tf [(a)-2<41>-.5]TJ ET",
    "a text of an earlier font": "/F 9 Tf BT 0 0 Td (a) Tj ET",
    "colors": "0 g 1 0 0 RG 0 0 0 1 k /C cs 1 2 scn .5 0 1 rg 1 1 1 sc",
    "a pattern": "/Pattern CS /P SCN /Own cs .5 /P scn",
    "marks": "/A BMC /A/B BDC EMC BT /A<</MCID 1>>BDC EMC ET EMC",
    "a mark with a list": "/A<</B[(x)<</C 1>>]>>DP",
    "a section for some": "BX /S sh EX",
    "a picture as iText has it": "BT q 1 0 0 1 2 3 cm /I Do Q 1 2 Td ET",
    "an image": "q " + IMAGE.format("ab"),
    "an image in hexadecimal": "q BI/W 1/H 1/IM true/F/AHx ID 8 0> EI Q",
    "a fax": "q " + FAX.format("&\xa0\x00\x10\x01"),
    "a JPEG": "q " + JPEG.format("\xff\xd8x\xff\xd9"),
    "escapes in a name": "/A#20b gs",
}
UNREADABLE: dict[str, str] = {
    "a number in a number": "720-9000 0 m 1 1 l S",
    "two signs": "--5 0 m 1 1 l S",
    "two points": "1.2.3 0 m 1 1 l S",
    "an exponent": "1e2 w",
    "a point alone": ". w",
    "a long number": "1234567890 w",
    "a negative width": "-1 w",
    "a style that is none": "3 J",
    "a style that is not whole": "1.0 J",
    "too many operands": "0 0 0 m 1 1 l S",
    "too few operands": "0 m 1 1 l S",
    "an operand of another kind": "(1) w",
    "an unknown operator": "1 2 xy",
    "operators without a blank": "q1 w Q",
    "a number with an operator": "1w",
    "more Q": "q Q Q",
    "fewer Q": "q q Q",
    "texts in texts": "BT BT ET ET",
    "a text without an end": "BT /F 1 Tf (a) Tj",
    "q in a text": "BT q Q ET",
    "a text outside": "/F 1 Tf (a) Tj",
    "a text without a font": "BT (a) Tj ET",
    "a text without the font that Q took away": "q /F 1 Tf Q BT (a) Tj ET",
    "a mark that ends in a text": "/A BMC BT EMC ET",
    "more marks' ends": "EMC",
    "fewer marks' ends": "/A BMC",
    "a layer that no resource has": "/OC <</A 1>> BDC EMC",
    "a key twice": "/A<</B 1/B 2>>BDC EMC",
    "a path without a begin": "1 1 l S",
    "a path without an end": "0 0 m 1 1 l",
    "a state in a path": "0 0 m 1 w 1 1 l S",
    "a matrix in a path": "0 0 m 1 0 0 1 0 0 cm 1 1 l S",
    "a path in a text": "BT 0 0 1 1 re f ET",
    "a matrix in a text": "BT 1 0 0 1 0 0 cm ET",
    "a clip of nothing": "W n",
    "a bare CR in a text": "BT /F 1 Tf (a\rb) Tj ET",
    "an unknown escape": "BT /F 1 Tf (\\x) Tj ET",
    "a large escape": "BT /F 1 Tf (\\777) Tj ET",
    "a text without its parenthesis": "BT /F 1 Tf (a(b) Tj ET",
    "a text that is not hexadecimal": "BT /F 1 Tf <4G> Tj ET",
    "an empty name": "/ gs",
    "an escape that is none": "/A#2 gs",
    "a negative dash": "[-1] 0 d",
    "a color of other parts": "1 0 rg",
    "braces": "{ 1 w }",
    "a closing bracket": "]",
    "an image without an end": "BI/W 8/H 2/IM true ID ab",
    "an image of another length": IMAGE.format("abc"),
    "an image with an end inside": IMAGE.format(" EI "),
    "an image before what is no text": IMAGE.format("ab") + " (\xe4)",
    "an image with a key twice": "BI/W 8/Width 8/H 1/IM true ID a EI",
    "an image in a text": "BT BI/W 8/H 1/IM true ID a EI ET",
    "a fax without its end": FAX.format("ab"),
    "a JPEG with two ends": JPEG.format("\xff\xd8\xff\xd9x\xff\xd9"),
    "a width on a page": "1 0 d0",
}


def read(contents: str, kind: Kind = "page") -> None:
    check_contents(contents.encode("latin-1"), kind, Budget())


@pytest.mark.parametrize("what", READABLE)
def test_what_the_standard_allows_is_read(what: str) -> None:
    read(READABLE[what])


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_programs_read_differently_is_refused(what: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(UNREADABLE[what])
    assert caught.value.found.code == "IRREGULAR"


def test_glyphs_and_patterns_without_colors_have_none() -> None:
    read("0 0 1 1 1 1 d1 0 0 1 1 re f", "glyph")
    read("0 0 d0 1 0 0 rg 0 0 1 1 re f", "glyph")
    cases: tuple[tuple[str, Kind], ...] = (
        ("0 0 1 1 re f", "glyph"),
        ("0 0 1 1 1 1 d1 1 0 0 rg 0 0 1 1 re f", "glyph"),
        ("0 g", "uncoloured"),
    )
    for contents, kind in cases:
        with pytest.raises(RefusedError):
            read(contents, kind)


#: What hostile contents repeat, and what comes before.
REPEATED = [
    *(
        ("", each)
        for each in ("q ", "Q ", "q Q ", "1 ", "0 0 m ", "0 g ", "%", " %a\n")
    ),
    *(
        ("", each)
        for each in ("/a 1 Tf ", "/a#41 ", "/a<<", "<<", "((", "[ ", "BX EX ")
    ),
    *(("BT /F 9 Tf ", each) for each in ("(", "(\\", "((((()a", "[1", "[(a)1 ", "<4")),
    ("0 0 m ", "1 1 l "),
    ("", "BI/W 8/H 1/IM true ID x EI "),
    ("", "BI/W 8/H 1/IM true ID x "),
]


@pytest.mark.parametrize("what", REPEATED)
def test_long_contents_are_read_or_refused_in_little_time(
    what: tuple[str, str],
) -> None:
    before, unit = what
    size = 4_000_000

    def spent(size: int) -> float:
        contents = (before + unit * (size // len(unit))).encode()
        start = time.process_time()
        try:
            check_contents(contents, "page", Budget())
        except RefusedError as error:
            assert error.found.code in {"IRREGULAR", "TOO_SLOW"}
        return time.process_time() - start

    # What takes the square of the time would take a hundred times as long.
    assert spent(size) < 30 * spent(size // 10) + 1


def test_the_budget_is_that_of_all_contents() -> None:
    budget = Budget(stops=3)
    check_contents(b"q Q", "page", budget)
    with pytest.raises(RefusedError) as caught:
        check_contents(b"q Q", "page", budget)
    assert caught.value.found.code == "TOO_SLOW"


def page(
    contents: str = "",
    *more: str,
    page: str = "",
    resources: str = "",
    catalog: str = "",
) -> bytes:
    """Return a PDF with a page. Objects from 5 on are ``more``."""
    return pdf_of(
        [
            f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]"
            f"/Resources<<{resources}>>{page or '/Contents 4 0 R'}>>",
            stream(contents),
            *more,
        ]
    )


def stream(data: str, entries: str = "") -> str:
    return f"<</Length {len(data)}{entries}>>stream\n{data}\nendstream"


def form(data: str, entries: str = "") -> str:
    return stream(data, f"/Type/XObject/Subtype/Form/BBox[0 0 9 9]{entries}")


def note(kind: str, more: str = "", looks: str = "0 0 9 9 re f") -> bytes:
    """Return a PDF with an annotation, whose looks are object 6."""
    described = f"<</Type/Annot/Subtype/{kind}/Rect[9 9 99 99]{more}>>"
    return page("", described, form(looks), page="/Annots[5 0 R]")


def field(more: str = "") -> bytes:
    """Return a PDF with a field, whose looks are object 6."""
    widget = f"<</Type/Annot/Subtype/Widget/T(a)/Rect[9 9 99 99]/P 3 0 R{more}>>"
    listed = "/AcroForm<</Fields[5 0 R]>>"
    looks = form("0 0 9 9 re f")
    return page("", widget, looks, page="/Annots[5 0 R]", catalog=listed)


def layer(group: str = "", config: str = "") -> bytes:
    """Return a PDF with a layer."""
    return page(
        "/OC/L BDC EMC",
        f"<</Type/OCG/Name(a){group}>>",
        resources="/Properties<</L 5 0 R>>",
        catalog=f"/OCProperties<</OCGs[5 0 R]/D<<{config}>>>>",
    )


def member(entries: str) -> bytes:
    """Return a PDF with something in layers, of which 6 is one."""
    return page(
        "/OC/L BDC EMC",
        f"<</Type/OCMD{entries}>>",
        "<</Type/OCG/Name(a)>>",
        resources="/Properties<</L 5 0 R>>",
        catalog="/OCProperties<</OCGs[6 0 R]/D<<>>>>",
    )


def shading(kind: str, entries: str) -> bytes:
    described = f"/ShadingType {kind}/ColorSpace/DeviceGray/Function {FUNCTION}"
    return page("/S sh", resources=f"/Shading<</S<<{described}{entries}>>>>")


def image(entries: str) -> bytes:
    pixel = stream("a", f"/Type/XObject/Subtype/Image/Width 1/Height 1{entries}")
    return page("/X Do", pixel, resources=X)


def state(entries: str) -> str:
    return f"/ExtGState<</G<<{entries}>>>>"


def color(space: str) -> bytes:
    """Return a PDF with a color space, for which object 5 may be a profile."""
    profile = stream("a", "/N 1")
    return page("/C cs 1 scn", profile, resources=f"/ColorSpace<</C[{space}]>>")


LOOKS = "/AP<</N 6 0 R>>"
ALERT = "<</S/JavaScript/JS(app.alert\\(1\\))>>"
TYPE3 = "/Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]"
GLYPH = f"/Font<</F<<{TYPE3}/Encoding<<>>/CharProcs<</a 5 0 R>>>>>>"
TILE = (
    "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9"
    "/Resources<<>>"
)
IMAGE_OF_ONE = (
    "/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray"
)
OTHER_FOR_PAPER = "/Alternates[<</DefaultForPrinting true/Image 5 0 R>>]"
X, P = "/XObject<</X 5 0 R>>", "/Pattern<</P 5 0 R>>"
MASK = "/ExtGState<</G<</SMask<</S/Alpha/G 5 0 R>>>>>>"
COLOR = "/ColorSpace<</C[/CalRGB<</WhitePoint[1 1 1]>>]>>"
GROUP = "/Group<</S/Transparency>>"
FUNCTION = "<</FunctionType 2/Domain[0 1]/N 1>>"
NONE = f"/Separation/None/DeviceGray {FUNCTION}"
FONT = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
PARTS = "/Contents[5 0 R 6 0 R]"

SIGNABLE = {
    "a link": note("Link", "/A<</S/URI/URI(https://www.example.org/)>>"),
    "a link that is printed": note("Link", "/F 4"),
    "a begin": page(catalog="/OpenAction[3 0 R/Fit]"),
    "a begin by an action": page(catalog="/OpenAction<</S/GoTo/D[3 0 R/Fit]>>"),
    "a next page": note("Link", "/A<</S/Named/N/NextPage>>"),
    "a note on both": note("Square", "/F 4" + LOOKS),
    "a note on neither": note("Square", "/F 2" + LOOKS),
    "a field without looks": field("/FT/Tx"),
    "a field that can be turned": field("/FT/Tx/MK<</R 90>>"),
    "a link without a border": note("Link", "/C[1 0 0]/Border[0 0 0]"),
    "a link without a color": note("Link", "/C[]"),
    "a box that is off": field("/FT/Btn/AS/Off/F 4/MK<</CA(4)>>/AP<</N<</A 6 0 R>>>>"),
    "a window": note("Popup", "/F 4"),
    "a field": field("/FT/Tx/V(1)/F 4" + LOOKS),
    "a box": field("/FT/Btn/V/A/AS/A/F 4/AP<</N<</A 6 0 R/Off 6 0 R>>>>"),
    "a layer": layer("/Usage<</Print<</PrintState/ON>>/View<</ViewState/ON>>>>"),
    "a hidden layer": layer("/Usage<</Print<</PrintState/OFF>>>>", "/OFF[5 0 R]"),
    "a form": page("/X Do", form("0 0 9 9 re f"), resources=X),
    "a tile": page("/Pattern cs /P scn", stream("1 0 0 rg", TILE), resources=P),
    "a glyph": page("/F 9 Tf", stream("0 0 d0 1 w"), resources=GLYPH),
    "a mask": page("/G gs", form("q Q", GROUP), resources=MASK),
    "a page that is empty": page("", stream("", "/Filter/FlateDecode")),
    "a page that is turned": page(page="/Rotate -90"),
    "a shading": shading("2", "/Coords[0 0 1 1]"),
    "an image": image("/BitsPerComponent 8/ColorSpace/DeviceGray/Decode[0 1]"),
    "a stencil": image("/ImageMask true"),
    "dashes": page("[3 0] 0 d"),
    "a color": page("/C cs 1 0 0 scn", resources=COLOR),
    "parts": page("", stream("q /A<</B(%)>>BDC "), stream("EMC Q"), page=PARTS),
}
REFUSED = {
    ("ACTIVE_CONTENT", "active"): {
        "a script": page(catalog=f"/Names<</JavaScript<</Names[(a){ALERT}]>>>>"),
        "a script and a form": page(
            catalog=f"/Names<</JavaScript<</Names[(a){ALERT}]>>>>/AcroForm<</Fields[]>>"
        ),
        "a script at the begin": page(catalog=f"/OpenAction{ALERT}"),
        "a script with an escape": page(catalog="/OpenAction<</S/J#61vaScript>>"),
        "a script of the page": page(page=f"/AA<</O{ALERT}>>"),
        "a script when it is printed": page(catalog=f"/AA<</WP{ALERT}>>"),
        "a script of a field": field(f"/FT/Tx/AA<</C{ALERT}>>"),
        "a script of an invisible field": field(f"/FT/Tx/F 2/AA<</F{ALERT}>>"),
        "a script of a link": note("Link", f"/A{ALERT}"),
        "a script after another action": note("Link", f"/A<</S/URI/Next{ALERT}>>"),
        "a field that is hidden": note("Link", "/A<</S/Hide/T(a)>>"),
        "a layer that is shown": note("Link", "/A<</S/SetOCGState/State[/ON 5 0 R]>>"),
        "a form that is emptied": note("Link", "/A<</S/ResetForm>>"),
        "a program": note("Link", "/A<</S/Launch/F(a.exe)>>"),
        "a film": note("Movie"),
    },
    ("XFA_FORM", "xfa"): {
        "a form in XFA": page(catalog="/AcroForm<</Fields[]/XFA(a)>>"),
    },
    ("SHOWN_DIFFERENTLY", "shown-differently"): {
        "a note for paper": note("Square", "/F 36" + LOOKS),
        "a note for paper without looks": note("Square", "/F 36"),
        "a note for the screen": note("Square", LOOKS),
        "a note that MuPDF hides": note("Square", "/F 5" + LOOKS),
        "a note that comes and goes": note("Square", "/F 260" + LOOKS),
        "a field for paper": field("/FT/Tx/V(1)/F 36" + LOOKS),
        "a field for the screen": field("/FT/Tx/V(1)" + LOOKS),
        "a link with a border": note("Link", "/C[1 0 0]"),
        "a link with a border of a style": note(
            "Link", "/C[1 0 0]/Border[0 0 0]/BS<</W 2>>"
        ),
        "a link whose kind is elsewhere": page(
            "",
            "<</Subtype 6 0 R/Rect[9 9 99 99]/C[1 0 0]>>",
            "/Link",
            page="/Annots[5 0 R]",
        ),
        "a window that is open": note("Popup", "/F 4/Open true"),
        "a mark of a printer": note("PrinterMark", "/F 4" + LOOKS),
        "a layer for paper": layer("/Usage<</Print<</PrintState/ON>>>>", "/OFF[5 0 R]"),
        "a layer for the screen": layer("/Usage<</Print<</PrintState/OFF>>>>"),
        "a layer that is hidden by default": layer(
            "/Usage<</Print<</PrintState/ON>>>>", "/BaseState/OFF"
        ),
        "a layer for a size": layer("/Usage<</Zoom<</max 1>>>>"),
        "a layer for a person": layer("", "/AS[<</Event/View/Category[/User]>>]"),
        "a picture for paper": page(
            "/X Do", stream("a", IMAGE_OF_ONE + OTHER_FOR_PAPER), resources=X
        ),
        "a collection": page(catalog="/Collection<<>>"),
        "a unit": page(page="/UserUnit 2"),
        "a link with looks": note("Link", "/F 4" + LOOKS),
        "a note of one size": note("Stamp", "/F 12" + LOOKS),
        "edges on paper": page(catalog="/ViewerPreferences<</PrintClip/MediaBox>>"),
    },
    ("IRREGULAR", "irregular"): {
        "a number in a number": page("720-9000 0 m 1 1 l S"),
        "a font that is not there": page("BT /F 9 Tf (a) Tj ET"),
        "a form that is not there": page("/X Do"),
        "a number in a form": page("/X Do", form("--1 w"), resources=X),
        "a form in itself": page(
            "/X Do", form("/X Do", f"/Resources<<{X}>>"), resources=X
        ),
        "a tile": page("/Pattern cs /P scn", stream("Q", TILE), resources=P),
        "a glyph": page("/F 9 Tf", stream("0 0 m"), resources=GLYPH),
        "a mask": page("/G gs", form("Q", GROUP), resources=MASK),
        "a mask of no group": page("/G gs", form(""), resources=MASK),
        "a tile without resources": page(
            "/Pattern cs /P scn", stream("", TILE[:-13]), resources=P
        ),
        "a glyph without a matrix": page(
            "/F 9 Tf", stream("0 0 d0", ""), resources=GLYPH.replace("Matrix", "M")
        ),
        "an opacity above one": page("/G gs", resources=state("/ca 2")),
        "several blend modes": page("/G gs", resources=state("/BM[/A/Multiply]")),
        "a function of a device": page("/G gs", resources=state(f"/TR {FUNCTION}")),
        "a shading from a place to itself": shading("2", "/Coords[1 1 1 1]"),
        "a shading of a kind that there is not": shading("9", ""),
        "a shading of no parts": shading("2", "/Coords[0 0 1 1]/Domain[1 1]"),
        "an image of three bits": image("/BitsPerComponent 3/ColorSpace/DeviceGray"),
        "an image without colors": image("/BitsPerComponent 8"),
        "an image with a short array": image(
            "/BitsPerComponent 8/ColorSpace/DeviceGray/Decode[0]"
        ),
        "an image that is no JPEG": image(
            "/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode"
        ),
        "a color of none": color(f"/Separation/None/DeviceGray {FUNCTION}"),
        "a color of a profile that is none": color("/ICCBased 5 0 R"),
        "a color of an index": color("/Indexed/DeviceGray 1<00FF>"),
        "a color with an odd exponent": color(
            "/CalGray<</WhitePoint[1 1 1]/Gamma .01>>"
        ),
        "another gray": page("0 g", resources=f"/ColorSpace<</DefaultGray[{NONE}]>>"),
        "a font of no fonts": page(
            "/F 9 Tf",
            resources="/Font<</F<</Type/Font/Subtype/Type0/BaseFont/A"
            "/Encoding/Identity-H>>>>",
        ),
        "a form without its kind": page(
            "/X Do", stream("", "/BBox[0 0 9 9]"), resources=X
        ),
        "a form without an area": page(
            "/X Do", stream("q Q", "/Subtype/Form/BBox[0 0 0 9]"), resources=X
        ),
        "a form with a short matrix": page(
            "/X Do", form("", "/Matrix[1 0 0 1]"), resources=X
        ),
        "dashes of nothing": page("[0 0] 0 d"),
        "a place far away": page("-99999999 0 m 1 1 l S"),
        "a long text": page(f"BT ({'a' * 32_768}) Tj ET", resources=FONT),
        "a page that is turned by 45 degrees": page(page="/Rotate 45"),
        "a number beyond 32 bits": page(page="/Rotate 4294967386"),
        "a name with a zero": page(page="/Contents#00x 5 0 R"),
        "a page cut beside it": page(page="/CropBox[900 900 999 999]"),
        "a note at no place": page(
            "", "<</Type/Annot/Subtype/Square/F 2>>", page="/Annots[5 0 R]"
        ),
        "looks at a point": page(
            "",
            f"<</Subtype/Stamp/F 4/Rect[9 9 9 9]{LOOKS}>>",
            form("0 0 9 9 re f"),
            page="/Annots[5 0 R]",
        ),
        "layers by an expression": member("/VE[/Not 6 0 R]"),
        "a layer that the list lacks": layer().replace(
            b"/OCGs[5 0 R]", b"/OCGs[]     "
        ),
        "a layer that is both shown and hidden": layer("", "/ON[5 0 R]/OFF[5 0 R]"),
        "a note without looks": note("FreeText", "/F 4/DA(/F 9 Tf)/Contents(VELKA)"),
        "layers of layers": member("/OCGs[5 0 R]"),
        "a layer that is not there": member("/OCGs[null]"),
        "a color": page("/C cs 1 0 scn", resources=COLOR),
        "looks of a note": note("Square", "/F 4" + LOOKS, "1 2 xy"),
        "looks that use the page's": note("Square", "/F 4" + LOOKS, "/X Do"),
        "looks of no state": note("Square", "/F 4/AP<</N<</A 6 0 R>>>>"),
        "looks of a state that is not there": note(
            "Square", "/F 4/AS/B/AP<</N<</A 6 0 R>>>>"
        ),
        "looks that are not there": note("Square", "/F 4/AP<</N 9 0 R>>"),
        "looks of a field that are not there": field("/FT/Tx/V(1)/F 4/AP<</N 9 0 R>>"),
        "looks under the mouse only": note("Square", "/F 4/AP<</R 6 0 R>>"),
        "a box whose value is another": field(
            "/FT/Btn/V/B/AS/A/F 4/AP<</N<</A 6 0 R/B 6 0 R>>>>"
        ),
        "a layer that is not listed": page(
            "/OC/L BDC EMC", "<</Type/OCG>>", resources="/Properties<</L 5 0 R>>"
        ),
        "parts of a word": page("", stream("q 1"), stream("0 w Q"), page=PARTS),
        "parts of a text": page("", stream("("), stream(")"), page=PARTS),
        "parts with a comment": page("", stream("q %"), stream(" Q"), page=PARTS),
        "a field of a color": field("/FT/Tx/F 4/MK<</BG[1 0 0]>>"),
        "a field for a signature with a border": field("/FT/Sig/F 4/MK<</BC[0]>>"),
        "a button": field("/FT/Btn/Ff 65536/F 4/MK<</CA(VELKA)>>"),
        "a box of a color that is off": field(
            "/FT/Btn/AS/Off/F 4/MK<</BG[1 0 0]>>/AP<</N<</A 6 0 R>>>>"
        ),
        "a box whose value is a list": field("/FT/Btn/V[]/F 4/AP<</N<</A 6 0 R>>>>"),
        "a choice": field("/FT/Ch/F 4/Opt[(VELKA)]"),
        "a form of a program": field("/FT/Tx/V(1)/F 4"),
    },
}


@pytest.mark.parametrize("what", SIGNABLE)
async def test_what_all_show_alike_is_signed_and_valid(maker: Maker, what: str) -> None:
    report = await verify_document(
        await maker.pdf(SIGNABLE[what]), trusted=maker.trusted, revocation=GOOD
    )
    assert said(report) == (VALID, set()), report


@pytest.mark.parametrize(
    ("codes", "what"), [(codes, what) for codes in REFUSED for what in REFUSED[codes]]
)
async def test_what_is_not_shown_alike_is_not_signed_and_not_valid(
    maker: Maker, codes: tuple[str, str], what: str
) -> None:
    pdf = REFUSED[codes][what]
    code, reason = codes
    signed = await asyncio.to_thread(certified, pdf, maker.leaf)
    report = await verify_document(signed, trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (CANT_SAY, {code}), report
    with pytest.raises(DocumentNotSignableError) as caught:
        await maker.pdf(pdf)
    assert caught.value.reason == reason
