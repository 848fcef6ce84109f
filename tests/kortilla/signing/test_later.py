# SPDX-License-Identifier: MIT
"""What may come after a signature in a PDF, and what may not."""

import io
import zipfile
from typing import Any, NamedTuple

import pytest

from kortilla.signing.verification import Verdict, verify_document
from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.lexical import read
from tests.corpus.building import (
    SIGNATURE,
    VELKA,
    contract,
    sealed,
    stream,
    updated_by,
    written,
)
from tests.kortilla.signed_files import Maker
from tests.kortilla.signing.test_verification import said
from tests.kortilla.signing_parts import GOOD

CHANGED, MARK = "CHANGED_AFTER_SIGNING", "MARK_ADDED"
DER = stream(b"\x30\x03\x02\x01\x00")
CATALOG = str(contract()[1])
FIELD = (
    str(contract()[6]).replace("Signature1", "Signature2").replace("7 0 R", "{} 0 R")
)
SHOWN = FIELD.replace("[0 0 0 0]", "[9 9 99 99]").replace(
    "/F 132", "/F 4/AP<</N 62 0 R>>"
)
LOOKS = "/Type/XObject/Subtype/Form/BBox[0 0 90 90]/Resources<</Font<</F 5 0 R>>>>"
PAGE = str(contract()[4])
VELKA_FORM = stream(VELKA, LOOKS)
FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode {} 0 R>>"
CMAP = stream("1 beginbfchar <4B> <0056> endbfchar")
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/'
    '22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/'
    'xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:ModifyDate="{date}">'
    "<dc:title>{title}</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def xmp(title: str, date: str) -> bytes:
    text = XMP.format(title=title, date=date)
    return stream(text, "/Type/Metadata/Subtype/XML")


def archive() -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as opened:
        opened.writestr("sopimus.txt", b"VELKA 100000")
    return output.getvalue()


def with_store(more: str = "", certs: str = "50 0 R", **objects: Any) -> dict[int, Any]:
    """Return an update with validation data."""
    made = {
        1: CATALOG[:-2] + "/DSS 49 0 R>>",
        49: f"<</Certs[{certs}]{more}>>",
        50: DER,
    }
    return made | {int(key[1:]): value for key, value in objects.items()}


def signing(field: str = FIELD, page: str = "", **objects: Any) -> dict[int, Any]:
    """Return an update with a second signature; ``page`` has more of its page."""
    return {
        1: CATALOG.replace("[6 0 R]", "[6 0 R 60 0 R]"),
        4: PAGE.replace("[6 0 R]", "[6 0 R 60 0 R]" + page),
        60: field.format(61),
        61: SIGNATURE,
    } | {int(key[1:]): value for key, value in objects.items()}


def resources(entries: str) -> str:
    """Return a page that has more resources."""
    return PAGE.replace("/Font<<", entries + "/Font<<")


class Case(NamedTuple):
    """Objects of the signed file, those of the update, and the code that is said."""

    base: dict[int, Any]
    update: dict[int, Any]
    code: str = CHANGED
    trailer: str = ""
    until: int | None = None


BY_PARENT = resources("/XObject<</Parent 50 0 R>>")
SHARED = resources("/XObject 63 0 R")
OWN_LOOKS = {
    6: str(contract()[6]),
    63: "<</N 62 0 R>>",
    62: stream("", LOOKS),
    60: SHOWN.replace("/AP<</N 62 0 R>>", "/AP 63 0 R").replace("/V {} 0 R", ""),
    1: CATALOG.replace("[6 0 R]", "[6 0 R 60 0 R]"),
}


def prepared(
    kids: str, *, of_field: str = "", of_place: str = "", code: str = CHANGED
) -> Case:
    """Return a file with a field to sign that its author prepared, and its signature.

    The place 64 has looks, which become others when the field 60 is signed.
    """
    parts = f"<</FT/Sig/T(Signature2)/Kids[{kids}]{of_field}{{}}>>"
    place = (
        "<</Type/Annot/Subtype/Widget/Parent 60 0 R/F 4/P 4 0 R/Rect[9 9 99 99]"
        f"/AP<</N {{}} 0 R>>{of_place}>>"
    )
    base = {
        1: signing()[1],
        4: PAGE.replace("[6 0 R]", "[6 0 R 64 0 R]"),
        60: parts.format(""),
        64: place.format(65),
        65: stream("", LOOKS),
    }
    signed = {60: parts.format("/V 61 0 R"), 61: SIGNATURE, 62: VELKA_FORM}
    return Case(base, {**signed, 64: place.format(62)}, code)


CASES: dict[str, Case] = {
    # -------------------------------------------------------------- validation data
    "validation data": Case({}, with_store(), ""),
    "validation data in objects of their own": Case(
        {},
        with_store(
            certs="",
            _49="<</Certs 51 0 R/VRI 52 0 R>>",
            _51="[50 0 R]",
            _52=f"<</Type/VRI/{'A' * 40}<</Cert 51 0 R/TU(D:2026)>>>>",
        ),
        "",
    ),
    "validation data that were there, written anew": Case(
        {1: CATALOG[:-2] + "/DSS 49 0 R>>", 49: "<</Certs[50 0 R]>>", 50: DER},
        {49: "<</Certs[50 0 R 51 0 R]>>", 51: DER},
        "",
    ),
    "validation data that nothing refers to": Case({}, with_store(_51="[50 0 R]"), ""),
    "a reference to nothing, and validation data": Case(
        {4: resources("/XObject<</X 48 0 R>>")}, with_store(), ""
    ),
    "another version and a developer's extension": Case(
        {},
        with_store(
            _1=CATALOG[:-2] + "/DSS 49 0 R/Version/2.0/Extensions<</ESIC"
            "<</BaseVersion/1.7/ExtensionLevel 2>>>>>>"
        ),
        "",
    ),
    "a resource that was nothing": Case({4: BY_PARENT}, with_store(_50=VELKA_FORM)),
    "a resource that was nothing, and is DER": Case({4: BY_PARENT}, with_store()),
    "a resource that was another": Case(
        {4: BY_PARENT, 50: stream("", LOOKS)}, with_store(_50=VELKA_FORM)
    ),
    "a resource that was in the validation data, too": Case(
        {
            4: BY_PARENT,
            1: CATALOG[:-2] + "/DSS 49 0 R>>",
            49: "<</Certs[50 0 R]>>",
            50: stream("", LOOKS),
        },
        {50: VELKA_FORM},
    ),
    "letters that were nothing": Case({5: FONT.format(50)}, with_store(_50=CMAP)),
    "letters that were others": Case(
        {5: FONT.format(50), 50: stream("")}, with_store(_50=CMAP)
    ),
    "an archive that nothing uses": Case({}, {50: stream(archive())}),
    "an archive beside validation data": Case({}, with_store(_51=stream(archive()))),
    "an archive as validation data": Case({}, with_store(_50=stream(archive()))),
    "octets after a certificate": Case(
        {}, with_store(_50=stream(b"\x30\x03\x02\x01\x00" + archive()))
    ),
    "a store with another key": Case({}, with_store("/X 51 0 R", _51=VELKA_FORM)),
    "a store that says a picture for a time": Case(
        {}, with_store("/VRI<</A<</TU 51 0 R>>>>", _51=VELKA_FORM)
    ),
    "a store that goes": Case({1: CATALOG[:-2] + "/DSS<</Certs[]>>>>"}, {1: CATALOG}),
    "another generation": Case({}, with_store(_4=None)),
    "a catalog with an action": Case(
        {},
        with_store(_1=CATALOG[:-2] + "/DSS 49 0 R/OpenAction<</S/JavaScript/JS(1)>>>>"),
    ),
    "an extension with more": Case(
        {}, {1: CATALOG[:-2] + "/Extensions<</X<</Sound 51 0 R>>>>>>", 51: VELKA_FORM}
    ),
    # --------------------------------------------------------- metadata and trailers
    "nothing": Case({}, {}, ""),
    "a date": Case({}, {50: "<</ModDate(D:2026)/Producer(P)>>"}, "", "/Info 50 0 R"),
    "a title": Case({}, {50: "<</Title(T)>>"}, CHANGED, "/Info 50 0 R"),
    "a date in xmp": Case(
        {1: CATALOG[:-2] + "/Metadata 50 0 R>>", 50: xmp("a", "1")},
        {50: xmp("a", "2")},
        "",
    ),
    "a title in xmp": Case(
        {1: CATALOG[:-2] + "/Metadata 50 0 R>>", 50: xmp("a", "1")},
        {50: xmp("b", "2")},
    ),
    "metadata that are a resource, too": Case(
        {1: CATALOG[:-2] + "/Metadata 50 0 R>>", 4: BY_PARENT, 50: xmp("a", "1")},
        {50: xmp("a", "2")},
    ),
    "a catalog elsewhere": Case(
        {}, {52: with_store()[1], 49: "<</Certs[50 0 R]>>", 50: DER}, "", "/Root 52 0 R"
    ),
    "a catalog elsewhere with other pages": Case(
        {},
        {52: CATALOG.replace("/Pages 2", "/Pages 53"), 53: "<</Kids[]/Count 0>>"},
        CHANGED,
        "/Root 52 0 R",
    ),
    "a document of LibreOffice": Case(
        {}, with_store(), CHANGED, "/AdditionalStreams[/application#2Fodt 50 0 R]"
    ),
    "a document of LibreOffice that is nowhere": Case(
        {}, with_store(), "", "/AdditionalStreams[/application#2Fodt 51 0 R]"
    ),
    # ----------------------------------------------------------- further signatures
    "a signature": Case({}, signing(), ""),
    "a signature with a mark": Case({}, signing(SHOWN, _62=VELKA_FORM), MARK),
    "a signature with a mark and validation data": Case(
        {},
        signing(
            SHOWN,
            _62=VELKA_FORM,
            _49="<</Certs[50 0 R]>>",
            _50=DER,
            _1=signing()[1][:-2] + "/DSS 49 0 R>>",
        ),
        MARK,
    ),
    "a signature in a field that was there": Case(
        {
            60: SHOWN.replace("/AP<</N 62 0 R>>/P", "/P").replace("/V {} 0 R", ""),
            1: signing()[1],
            4: signing()[4],
        },
        {60: SHOWN.format(61), 61: SIGNATURE, 62: VELKA_FORM},
        MARK,
    ),
    "a signature in a place of a field": prepared("64 0 R", code=MARK),
    "a signature in a place that is another field": prepared(
        "64 0 R", of_place="/T(Summa)"
    ),
    "a signature in a place that the field does not list": prepared(""),
    "a signature in a place of a field with looks of its own": prepared(
        "64 0 R", of_field="/Subtype/Widget/Rect[0 0 9 9]", code=MARK
    ),
    "a signature that is cut off": Case({}, signing(), CHANGED, until=-8),
    "a mark that was nothing before": Case(
        {4: resources("/XObject<</X 62 0 R>>")},
        signing(
            SHOWN,
            _62=VELKA_FORM,
            _4=signing()[4].replace("/Font<<", "/XObject<</X 62 0 R>>/Font<<"),
        ),
    ),
    "looks that a page shows, too": Case(
        {**OWN_LOOKS, 4: SHARED.replace("[6 0 R]", "[6 0 R 60 0 R]")},
        {60: str(OWN_LOOKS[60])[:-2] + "/V 61 0 R>>", 61: SIGNATURE, 62: VELKA_FORM},
    ),
    "a mark and another page": Case({}, signing(SHOWN, "/Rotate 180", _62=VELKA_FORM)),
    "a mark and a note": Case(
        {},
        signing(
            _4=PAGE.replace("[6 0 R]", "[6 0 R 60 0 R 63 0 R]"),
            _63="<</Type/Annot/Subtype/Square/Rect[0 0 9 9]>>",
        ),
    ),
    "a mark for the mouse": Case(
        {}, signing(SHOWN.replace("/AP<<", "/AP<</D 62 0 R"), _62=VELKA_FORM)
    ),
    "a field with an action": Case(
        {}, signing(FIELD[:-2] + "/AA<</K<</S/JavaScript/JS(1)>>>>>>")
    ),
    "a signature with more": Case(
        {}, signing(_61=SIGNATURE[:-2] + "/X 63 0 R>>", _63=DER)
    ),
    "a field for a signature to come": Case(
        {},
        {
            k: str(v).replace("/V {} 0 R", "").replace("/V 61 0 R", "")
            for k, v in signing().items()
            if k != 61
        },
        "",
    ),
    "a field that is shown without a signature": Case(
        {},
        {
            1: signing()[1],
            4: signing()[4],
            62: VELKA_FORM,
            60: SHOWN.replace("/V {} 0 R", ""),
        },
    ),
    "a field less": Case(
        {1: signing()[1], 60: FIELD.replace("/V {} 0 R", "")}, {1: CATALOG}
    ),
    "a font for fields": Case(
        {},
        signing(
            _1=signing()[1].replace("/SigFlags", "/DR<</Font<</G 63 0 R>>>>/SigFlags"),
            _63=contract()[5],
        ),
        "",
    ),
    "another font for fields": Case(
        {1: CATALOG.replace("/SigFlags", "/DR<</Font<</G 5 0 R>>>>/SigFlags")},
        signing(
            _1=signing()[1].replace("/SigFlags", "/DR<</Font<</G 63 0 R>>>>/SigFlags"),
            _63=contract()[5],
        ),
    ),
    "a mark on a page that is shown twice": Case(
        {2: "<</Type/Pages/Kids[4 0 R 4 0 R]/Count 2>>"},
        signing(SHOWN, _62=VELKA_FORM),
        MARK,
    ),
    "a mark on a page that is shown often": Case(
        {2: f"<</Type/Pages/Kids[{'4 0 R ' * 11}]/Count 11>>"},
        signing(SHOWN, _62=VELKA_FORM),
    ),
    "annotations of two pages": Case(
        {
            2: "<</Type/Pages/Kids[4 0 R 14 0 R]/Count 2>>",
            13: "[6 0 R]",
            4: PAGE.replace("[6 0 R]", " 13 0 R"),
            14: PAGE.replace("[6 0 R]", " 13 0 R"),
        },
        {k: v for k, v in signing(_13="[6 0 R 60 0 R]").items() if k != 4},
    ),
    "annotations in an array of their own": Case(
        {13: "[6 0 R]", 4: PAGE.replace("[6 0 R]", " 13 0 R")},
        {k: v for k, v in signing(_13="[6 0 R 60 0 R]").items() if k != 4},
        "",
    ),
}


async def made(maker: Maker, case: Case) -> bytes:
    """Return a signed file with an update, which is signed if it has a signature."""
    signed = await sealed(maker, written({**contract(), **case.base}))
    done = updated_by(signed, case.update, trailer=case.trailer)
    if SIGNATURE[:-2] not in str(case.update.get(61)):
        return done
    return await sealed(maker, done, until=case.until and len(done) + case.until)


@pytest.mark.parametrize("what", CASES)
async def test_what_comes_later_is_judged_by_what_may_come(
    maker: Maker, what: str
) -> None:
    case = CASES[what]
    content = await made(maker, case)
    report = await verify_document(content, trusted=maker.trusted, revocation=GOOD)
    first = report.signatures[0]
    codes = {each.code for each in first.problems} & {CHANGED, MARK}
    assert codes == {case.code} - {""}, (first.changes, report.problems)
    assert report.problems == () or case.code == CHANGED
    assert (first.verdict is Verdict.VALID) == (case.code != CHANGED), said(report)


@pytest.mark.parametrize("each", ["0 ", "/A", "[]", "(a)", "<<>>", "1 0 R "])
def test_a_huge_value_is_not_read_but_for_its_strings(each: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(b"[%s]" % (each * (3_000_000 // len(each))).encode(), 0)
    assert caught.value.found.code == "TOO_LARGE"
    signature = b"<</Contents<%s>/M(D:2026)>>" % (b"00" * 3_000_000)
    value, end = read(signature, 0)
    assert value == {"Contents": bytes(3_000_000), "M": b"D:2026"}
    assert end == len(signature)
