# SPDX-License-Identifier: MIT
"""Later revisions that have what an honest one has: validation data, or a signature.

Anybody can add a store of validation data (DSS, ETSI EN 319 142-1 §5.4.2.2). A forger
lets one object be both a certificate of it and what the signed page refers to. A
further signature may have a mark, which stays an addition.
"""

import zlib
from collections.abc import Awaitable, Callable
from functools import partial

from tests.corpus.building import (
    COVER,
    SOPIMUS,
    VELKA,
    Objects,
    Text,
    contract,
    sealed,
    signed_again,
    stream,
    updated_by,
    written,
)
from tests.kortilla.signed_files import Maker

Make = Callable[[Maker], Awaitable[bytes]]
_PLAIN = contract()
_EMPTY = stream("")
_PAGE, _FONT = str(_PLAIN[4]), str(_PLAIN[5])
_STAMP = "<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/F 4/AP<</N 71 0 R>>>>"
#: It turns an S into a V.
_LETTERS = stream(
    "/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapName/V def"
    "/CMapType 2 def 1 begincodespacerange<00><ff>endcodespacerange "
    "1 beginbfchar<53><0056>endbfchar endcmap end end"
)


def _page(entries: str, *, old: str = "/Resources<<") -> str:
    assert old in _PAGE
    return _PAGE.replace(old, entries)


OF_PARENT: Objects = {
    3: stream(f"{SOPIMUS} /Parent Do"),
    4: _page("/Resources<</XObject<</Parent 70 0 R>>"),
}
#: What refers to object 70 in the signed file, and what the object is later.
_HOLES: dict[str, tuple[Objects, Text]] = {
    "a part that is named Parent": (OF_PARENT, stream(VELKA, COVER)),
    "the letters of a font that is named Parent": (
        {
            3: stream(SOPIMUS.replace("/F ", "/Parent ")),
            4: _page("/Font<</Parent 8 0 R/F", old="/Font<</F"),
            8: f"{_FONT[:-2]}/ToUnicode 70 0 R>>",
        },
        _LETTERS,
    ),
    "a part of the contents": (
        {4: _page("/Contents[3 0 R 70 0 R]", old="/Contents 3 0 R")},
        stream(VELKA),
    ),
    "a note": ({4: _page("/Annots[6 0 R 70 0 R]", old="/Annots[6 0 R]")}, _STAMP),
    "the looks of a note": (
        {
            4: _page("/Annots[6 0 R 8 0 R]", old="/Annots[6 0 R]"),
            8: _STAMP.replace("71 0 R", "70 0 R"),
        },
        stream(VELKA, COVER),
    ),
}


def store(
    objects: Objects = _PLAIN, certificate: Text = _EMPTY
) -> dict[int, Text | None]:
    """Return an update with a store whose certificate is object 70."""
    return {
        1: str(objects[1])[:-2] + "/DSS 69 0 R>>",
        69: "<</Type/DSS/Certs[70 0 R]>>",
        70: certificate,
    }


async def _filled(maker: Maker, signed: Objects, later: Text, *, by: str) -> bytes:
    """Define object 70 later, ``by`` a store, a mark or nothing.

    A free object is null, as one that does not exist (ISO 32000-2 §7.3.10).
    """
    objects = {**_PLAIN, **signed}
    one = await sealed(maker, written({**objects, 70: None}))
    more = {70: later, 71: stream(VELKA, COVER)}
    if later != _STAMP:
        del more[71]
    if by == "a store":
        return updated_by(one, {**more, **store(certificate=later)})
    if by == "nothing":
        return updated_by(one, more)
    mark, used = ((72, 72, 172, 112), "0 0 9 9 re f"), "/XObject<</X 70 0 R>>"
    return await signed_again(maker, one, objects, mark=mark, resources=used, more=more)


async def _changed(maker: Maker, objects: Objects) -> bytes:
    return updated_by(await sealed(maker, written(_PLAIN)), objects)


def _with_field(entries: str) -> dict[int, Text | None]:
    """Return an update with an empty field for a signature."""
    return {
        1: str(_PLAIN[1]).replace("[6 0 R]", "[6 0 R 70 0 R]"),
        4: str(_PLAIN[4]).replace("[6 0 R]", "[6 0 R 70 0 R]"),
        70: f"<</Type/Annot/FT/Sig/T(S2)/F 4/P 4 0 R{entries}>>",
    }


#: Not valid, as each changes what an earlier revision refers to.
FILLED: dict[str, Make] = {
    **{
        f"{name}, defined by {by}": partial(_filled, signed=signed, later=later, by=by)
        for name, (signed, later) in _HOLES.items()
        for by in ("a store", "a mark", "nothing")
    },
    # One object more, of 39 kB, takes minutes to draw.
    "a part that is long to draw, defined by a store": partial(
        _filled,
        signed=OF_PARENT,
        later=stream(
            zlib.compress(b"0 0 595 842 re f\n" * 2_300_000),
            f"{COVER}/Filter/FlateDecode",
        ),
        by="a store",
    ),
    # More than a store, a timestamp or a signature.
    "a store with a page": lambda maker: _changed(
        maker, {**store(), 4: _page("/Rotate 180/Resources<<")}
    ),
    "a store with an object that nothing uses": lambda maker: _changed(
        maker, {**store(), 71: stream("")}
    ),
    "a store that the catalog does not name": lambda maker: _changed(
        maker, {70: stream(""), 69: "<</Type/DSS/Certs[70 0 R]>>"}
    ),
    "a field with a script that nobody sees": lambda maker: _changed(
        maker,
        {
            1: str(_PLAIN[1]).replace("[6 0 R]", "[6 0 R 70 0 R]"),
            70: "<</FT/Tx/T(a)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/F 2"
            "/AA<</C<</S/JavaScript/JS(1)>>>>>>",
        },
    ),
    # Programs draw each of them by themselves.
    **{
        f"an empty field {name}": partial(_changed, objects=_with_field(entries))
        for name, entries in {
            "with a border": "/Subtype/Widget/Rect[72 300 72 700]/Border[0 0 200]",
            "that is a note": "/Subtype/Text/Rect[72 700 72 700]",
            "that is a square": "/Subtype/Square/Rect[72 700 72 700]/BS<</W 200>>",
            "without a place": "/Subtype/Widget",
        }.items()
    },
}


PRICED = contract(content=stream("BT /F 24 Tf 72 720 Td (Hinta 10 e) Tj ET"))
#: Where the marks of ``MARKED`` are: over the price.
PRICE = (140, 712, 240, 742)


async def _marked(maker: Maker, looks: str = "") -> bytes:
    """Sign ``PRICED`` twice, the second time with a mark over the price."""
    return await signed_again(
        maker,
        await sealed(maker, written(PRICED)),
        PRICED,
        mark=(PRICE, looks) if looks else None,
    )


#: Valid, with the mark as an addition to what was signed first.
MARKED: dict[str, Make] = {
    f"a mark that {name}": partial(_marked, looks=looks)
    for name, looks in {
        "adds zeros": "BT /F 24 Tf 26 8 Td (0 000 e) Tj ET",
        "draws a line through a digit": "2 w 14 16 m 26 16 l S",
        "covers a price in grey": "0.96 g 0 0 100 30 re f",
        "covers a price in green": "0.8 1 0.8 rg 0 0 100 30 re f",
        "adds a clause": "BT /F 6 Tf 0 1 Td (Velka siirtyy ostajalle.) Tj ET",
    }.items()
}
STORED: dict[str, Make] = {
    "an empty field": lambda maker: _changed(
        maker, _with_field("/Subtype/Widget/Rect[72 700 72 700]")
    ),
    "a store of a certificate": lambda maker: _changed(
        maker, store(certificate=stream(maker.ca.der))
    ),
}
