# SPDX-License-Identifier: MIT
"""Builds PDFs octet by octet, and signs any of them.

Libraries write only regular files, and refuse to sign others. A forger does not.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from pyhanko.sign.signers import SimpleSigner

from tests.kortilla.signed_files import Maker
from tests.kortilla.signing_parts import for_pyhanko

Text = str | bytes
#: Objects by their numbers. None is a free one.
Objects = Mapping[int, Text | None]
HEAD = b"%PDF-1.7\n"
SOPIMUS, VELKA = (
    f"BT /F 24 Tf 72 720 Td ({text}) Tj ET" for text in ("Sopimus", "VELKA 100000")
)
#: The entries of a form that may draw on the whole page.
COVER = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Resources<</Font<</F 5 0 R>>>>"
_HEX_OF_SIGNATURE = 6000
_RANGES = b"[0 0000000000 0000000000 0000000000]"
#: The dictionary of a signature, which ``sealed`` fills in.
SIGNATURE = (
    "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached"
    f"/ByteRange {_RANGES.decode()}/Contents <{'0' * _HEX_OF_SIGNATURE}>>>"
)


def stream(content: Text, entries: str = "", length: object = None) -> bytes:
    """Return a stream. Its length may be another than it is."""
    data = content if isinstance(content, bytes) else content.encode("latin-1")
    size = len(data) if length is None else length
    return f"<<{entries}/Length {size}>>stream\n".encode() + data + b"\nendstream"


def contract(**more: Text) -> dict[int, Text | None]:
    """Return the objects of a page with a text and an empty signature.

    ``more`` are other texts of ``catalog``, ``pages``, ``page`` and ``content``, where
    ``{}`` has the usual entries.
    """

    def entries(name: str, usual: str) -> str:
        return "<<" + str(more.get(name, "{}")).replace("{}", usual) + ">>"

    fields = "/AcroForm<</Fields[6 0 R]/SigFlags 3>>"
    shown = "/MediaBox[0 0 595 842]/Contents 3 0 R/Resources<</Font<</F 5 0 R>>>>"
    return {
        1: entries("catalog", "/Type/Catalog/Pages 2 0 R" + fields),
        2: entries("pages", "/Type/Pages/Kids[4 0 R]/Count 1"),
        3: more.get("content", stream(SOPIMUS)),
        4: entries("page", f"/Type/Page/Parent 2 0 R{shown}/Annots[6 0 R]"),
        5: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        6: "<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature1)/Rect[0 0 0 0]/F 132"
        "/P 4 0 R/V 7 0 R>>",
        7: SIGNATURE,
    }


def written(
    objects: Objects,
    *,
    before: bytes = HEAD,
    prev: int | None = None,
    trailer: str = "",
    xref: Literal["table", "stream"] = "table",
    packed: Mapping[int, str] | None = None,
    size: int | None = None,
    moved: Mapping[int, int] | None = None,
    shift: int = 0,
    first: bytes = b"",
    end: str = "startxref\n{}\n%%EOF\n",
) -> bytes:
    """Return a PDF, or an update of one, which is ``before``.

    ``packed`` objects are in a stream, and need a cross-reference stream. ``moved``
    names other places of objects, ``shift`` is added to each, and ``first`` is written
    before all. ``end`` gets the place of the section.
    """
    data = bytearray(before + first)
    places: dict[int, tuple[int, int, int]] = {}  # as in a cross-reference stream
    numbers = max([*objects, *(packed or {}), 40]) + 1
    if packed:
        heads, bodies = "", ""
        for number, each in packed.items():
            heads += f"{number} {len(bodies)} "
            bodies += each + " "
        entries = f"/Type/ObjStm/N {len(packed)}/First {len(heads)}"
        objects = {**objects, numbers: stream(heads + bodies, entries)}
        for index, number in enumerate(packed):
            places[number] = (2, numbers, index)
        numbers += 1
    for number, text in objects.items():
        if text is None:
            places[number] = (0, 0, 65535)
            continue
        places[number] = (1, len(data), 0)
        octets = text if isinstance(text, bytes) else text.encode("latin-1")
        data += b"%d 0 obj\n" % number + octets + b"\nendobj\n"
    places |= {number: (1, at, 0) for number, at in (moved or {}).items()}
    at = len(data)
    more = trailer if "/Root" in trailer else "/Root 1 0 R" + trailer
    if prev is not None:
        more += f"/Prev {prev}"
    size = size or max(numbers, *(moved or {0: 0})) + 1
    if xref == "stream":
        places[numbers] = (1, at, 0)
        data += b"%d 0 obj\n" % numbers + _section(places, more, size, shift)
        data += b"\nendobj\n"
    else:
        data += table(places, shift=shift)
        data += f"trailer\n<</Size {size}{more}>>\n".encode("latin-1")
    return bytes(data) + end.format(at + shift).encode()


def table(places: Mapping[int, tuple[int, int, int]], *, shift: int = 0) -> bytes:
    """Return a cross-reference table."""
    lines = [b"xref\n"]
    for number, (kind, at, more) in sorted(places.items()):
        used, offset = (b"n", at + shift) if kind else (b"f", 0)
        lines.append(b"%d 1\n%010d %05d %s \n" % (number, offset, more, used))
    return b"".join(lines)


def _section(
    places: Mapping[int, tuple[int, int, int]], more: str, size: int, shift: int
) -> bytes:
    """Return a cross-reference stream."""
    rows, index = b"", ""
    for number, (kind, at, third) in sorted(places.items()):
        second = at + shift * (kind == 1)
        rows += bytes([kind]) + second.to_bytes(4) + third.to_bytes(2)
        index += f"{number} 1 "
    entries = f"/Type/XRef/W[1 4 2]/Index[{index}]/Size {size}{more}"
    return stream(rows, entries)


def updated_by(pdf: bytes, objects: Objects, **more: object) -> bytes:
    """Return a PDF with an update. ``more`` are arguments of ``written``."""
    [*_, prev] = re.findall(rb"startxref\s+(\d+)", pdf)
    options: dict[str, object] = {"prev": int(prev), "before": pdf, **more}
    return written(objects, **options)  # type: ignore[arg-type] # they are its own


async def sealed(
    maker: Maker,
    pdf: bytes,
    *,
    until: int | None = None,
    ranges: Callable[[int, int, int], Iterable[int]] | None = None,
) -> bytes:
    """Fill in the last signature of a PDF: ranges, and a CMS signature of them.

    It covers the file ``until`` an octet. ``ranges`` gets the begin and end of the
    gap, and the end of the file, and returns the four numbers.
    """
    begin = pdf.rindex(b"/Contents <" + b"0" * 99) + len(b"/Contents ")
    end = pdf.index(b">", begin) + 1
    last = len(pdf) if until is None else until
    numbers = ranges(begin, end, last) if ranges else (0, begin, end, last - end)
    shown = "[" + " ".join(map(str, numbers)) + "]"
    at = pdf.rindex(_RANGES)
    pdf = pdf[:at] + shown.encode().ljust(len(_RANGES)) + pdf[at + len(_RANGES) :]
    one, size, two, rest = map(int, shown[1:-1].split())
    covered = pdf[one : one + size] + pdf[two : two + rest]
    signer = SimpleSigner(*for_pyhanko(maker.leaf))
    signature = await signer.async_sign(
        hashlib.sha256(covered).digest(), digest_algorithm="sha256"
    )
    value: bytes = signature.dump().hex().encode()
    assert len(value) <= _HEX_OF_SIGNATURE
    return pdf[: begin + 1] + value + pdf[begin + 1 + len(value) :]


async def signed_again(
    maker: Maker,
    pdf: bytes,
    objects: Objects,
    *,
    mark: tuple[tuple[int, int, int, int], str] | None = None,
    resources: str = "",
    entries: str = "",
    more: Objects | None = None,
) -> bytes:
    """Sign a PDF of these ``objects`` a second time.

    ``mark`` is its place on the page and what is drawn there, with ``resources``.
    ``entries`` are others of the field, and ``more`` objects change besides.
    """
    field = str(contract()[6]).replace("Signature1", "Signature2")
    field = field.replace("/V 7 0 R", f"/V 62 0 R{entries}")
    looks: dict[int, Text | None] = {}
    if mark is not None:
        (left, bottom, right, top), drawn = mark
        field = field.replace("[0 0 0 0]", f"[{left} {bottom} {right} {top}]")
        field = field.replace("/F 132", "/F 132/AP<</N 63 0 R>>")
        box = f"/Type/XObject/Subtype/Form/BBox[0 0 {right - left} {top - bottom}]"
        fonts = f"/Resources<</Font<</F 5 0 R>>{resources}>>"
        looks[63] = stream(drawn, box + fonts)
    changed = {
        number: re.sub(rf"(/{name}\[.*?)\]", r"\1 61 0 R]", str(objects[number]))
        for number, name in ((1, "Fields"), (4, "Annots"))
    }
    new = {**changed, 61: field, 62: SIGNATURE, **looks, **(more or {})}
    return await sealed(maker, updated_by(pdf, new))
