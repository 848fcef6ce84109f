# SPDX-License-Identifier: MIT
"""Any PDF is signed properly, or refused with an error, in bounded time."""

import asyncio
import contextlib
import io
import random
import socket
import zlib
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from kortilla import Trust
from kortilla.errors import DocumentNotSignableError
from kortilla.signing.pades import MAX_PDF_BYTES, Appearance
from tests.kortilla.pki import Leaf
from tests.kortilla.signed_files import certified, encrypted
from tests.kortilla.signing_parts import make_pdf, pdf_of, signed_pdf

PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"
CATALOG = "<</Type/Catalog/Pages 2 0 R>>"


def packed_catalog() -> bytes:
    """Return a PDF whose catalog is in a stream of 20 MB, packed twice."""
    packed = zlib.compress(zlib.compress(b"1 0 " + bytes(20_000_000), 9), 9)
    body = (
        f"%PDF-1.7\n2 0 obj\n<</Type/ObjStm/N 1/First 4/Length {len(packed)}"
        "/Filter[/FlateDecode/FlateDecode]>>stream\n"
    ).encode()
    body += packed + b"\nendstream\nendobj\n"
    # Entries of 1, 4 and 1 bytes: free; object 1 in stream 2; stream 2; the table.
    rows = [(0, 0, 0), (2, 2, 0), (1, 9, 0), (1, len(body), 0)]
    table = b"".join(bytes([a]) + b.to_bytes(4) + bytes([c]) for a, b, c in rows)
    described = f"<</Type/XRef/Size 4/W[1 4 1]/Root 1 0 R/Length {len(table)}>>"
    xref = f"3 0 obj\n{described}stream\n".encode() + table
    return (
        body + xref + f"\nendstream\nendobj\nstartxref\n{len(body)}\n%%EOF\n".encode()
    )


def deep_tree(depth: int) -> list[str]:
    nodes = [
        f"<</Type/Pages/Kids[{number + 1} 0 R]/Count 1/Parent {number - 1} 0 R>>"
        for number in range(2, depth)
    ]
    return [CATALOG, *nodes, f"<</Type/Page/Parent {depth - 1} 0 R>>"]


HOSTILE = {
    "a web page": b"<!doctype html><html></html>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a header alone": b"%PDF-1.7\n%%EOF\n",
    "a table nowhere": b"%PDF-1.7\nstartxref\n99999\n%%EOF\n",
    "a table before the start": b"%PDF-1.7\nstartxref\n-5\n%%EOF\n",
    "no pages": pdf_of(["<</Type/Catalog>>"]),
    "no root": make_pdf().replace(b"/Root 1 0 R", b""),
    "a root that is a number": pdf_of(["7"]),
    "a root that is not there": make_pdf().replace(b"/Root 1 0 R", b"/Root 9 0 R"),
    "an empty tree of pages": pdf_of([CATALOG, "<</Type/Pages/Kids[]/Count 0>>"]),
    "pages that are each other's": pdf_of(
        [CATALOG, "<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"]
    ),
    "a tree without an end": pdf_of(deep_tree(5000)),
    "arrays in arrays": pdf_of([CATALOG.replace(">>", "/A " + "[" * 50_000 + ">>")]),
    "a table that goes on at itself": make_pdf().replace(
        b"/Root 1 0 R", b"/Root 1 0 R/Prev 480"
    ),
    "a form that is a text": make_pdf(catalog="/AcroForm (form)"),
    "fields that are their own": make_pdf(catalog="/AcroForm<</Fields 1 0 R>>"),
    "a field that is its own child": pdf_of(
        [
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            PAGE,
            "<</T(a)/Kids[4 0 R]>>",
        ]
    ),
    "a signature that is none": pdf_of(
        [
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            PAGE,
            "<</FT/Sig/T(a)/V 5 0 R>>",
            "<</Type/Sig/Contents<00>/ByteRange[0 1 2 3]>>",
        ]
    ),
    "a length that is wrong": make_pdf().replace(b"/Length 39", b"/Length -9"),
}


#: Those that are clearly no PDF.
REFUSED = {
    *("a web page", "a picture", "a header alone", "no root", "no pages"),
    *("a root that is a number", "pages that are each other's"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_no_sound_pdf_is_refused_or_signed_soundly(
    signer: Leaf, trust: Trust, what: str
) -> None:
    pdf = HOSTILE[what]
    try:
        signed = await signed_pdf(signer, trust, pdf)
    except DocumentNotSignableError:
        return
    assert what not in REFUSED
    assert signed.startswith(pdf)
    assert pdf.count(b"%PDF-") == 1
    [signature] = PdfFileReader(io.BytesIO(signed), strict=False).embedded_signatures
    signature.compute_integrity_info()
    assert signature.coverage.name == "ENTIRE_FILE"


@pytest.mark.timeout(30)
async def test_a_stream_that_unpacks_to_very_much_is_not_unpacked(
    signer: Leaf, trust: Trust
) -> None:
    pdf = packed_catalog()
    assert len(pdf) < 10_000
    with pytest.raises(DocumentNotSignableError) as caught:
        await signed_pdf(signer, trust, pdf)
    assert str(caught.value.__cause__).startswith("PdfDecodeLimitError")


async def test_a_pdf_cut_off_anywhere_is_refused(signer: Leaf, trust: Trust) -> None:
    pdf = make_pdf()
    for length in range(0, len(pdf) - 8, 23):
        with pytest.raises(DocumentNotSignableError):
            await signed_pdf(signer, trust, pdf[:length])


async def test_random_changes_never_bring_anything_but_the_named_error(
    signer: Leaf, trust: Trust
) -> None:
    chance = random.Random(5)  # noqa: S311 - the same each time
    pdf = await signed_pdf(signer, trust, make_pdf())
    refused = 0
    for _ in range(40):
        changed = bytearray(pdf)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(changed))
            changed[place] = chance.choice(b"<>[]/ 0129RT\xff(")
        try:
            signed = await signed_pdf(signer, trust, bytes(changed))
        except DocumentNotSignableError:
            refused += 1
        else:
            assert signed.startswith(changed)
    assert 0 < refused < 40


async def test_each_refusal_tells_programs_its_reason(
    signer: Leaf, trust: Trust, capfd: pytest.CaptureFixture[str]
) -> None:
    locked, open_ = [
        await asyncio.to_thread(certified, make_pdf(), signer, permission)
        for permission in (MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS)
    ]
    assert await signed_pdf(signer, trust, open_)
    signed = await signed_pdf(signer, trust, make_pdf(), field_name="Vuokralainen")
    assert await signed_pdf(signer, trust, signed, field_name="Vuokranantaja")
    fields = "9 0 R " * 10_001
    nowhere = [Appearance((0, 0, 100, 100), page=each) for each in (1, -2, 10**9)]
    cases: list[tuple[bytes, dict[str, Any], str]] = [
        (b"", {}, "empty"),
        (make_pdf()[:300], {}, "broken"),
        (encrypted(make_pdf()), {}, "encrypted"),
        (encrypted(make_pdf(), ""), {}, "encrypted"),
        (locked, {}, "locked"),
        (make_pdf(catalog="/AcroForm<</Fields[]/XFA(a)>>"), {}, "xfa"),
        (make_pdf() + b" " * MAX_PDF_BYTES, {}, "too-long"),
        (make_pdf(catalog=f"/AcroForm<</Fields[{fields}]>>"), {}, "other"),
        (signed, {"field_name": "Vuokralainen"}, "broken"),
        *((make_pdf(), {"appearance": each}, "broken") for each in nowhere),
    ]
    for pdf, more, reason in cases:
        with pytest.raises(DocumentNotSignableError) as caught:
            await signed_pdf(signer, trust, pdf, **more)
        assert caught.value.reason == reason
    assert capfd.readouterr() == ("", "")


async def test_a_pdf_can_not_make_the_server_call_anybody(
    signer: Leaf, trust: Trust
) -> None:
    # A seed value dictionary (ISO 32000-1 §12.7.4.5) may demand a timestamp.
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/tsa"
        pdf = pdf_of(
            [
                "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 1>>>>",
                "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                PAGE.replace(">>", "/Annots[4 0 R]>>"),
                "<</FT/Sig/T(Allekirjoitus)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]"
                f"/P 3 0 R/SV<</Type/SV/TimeStamp<</URL({address})/Ff 1>>>>>>",
            ]
        )
        with contextlib.suppress(DocumentNotSignableError):
            assert await signed_pdf(signer, trust, pdf, field_name="Allekirjoitus")
        with pytest.raises(BlockingIOError):
            server.accept()
