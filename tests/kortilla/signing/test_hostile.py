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
from kortilla.signing.pades import MAX_PDF_BYTES, Appearance, finish_pdf, prepare_pdf
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.signed_files import certified, encrypted
from tests.kortilla.signing_parts import answer_to, make_pdf, pdf_of

PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"
CATALOG = "<</Type/Catalog/Pages 2 0 R>>"


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-256"), key_usage=pki.SIGNATURE)


async def sign(pdf: bytes, leaf: Leaf, trust: Trust, **more: Any) -> bytes:
    state = await prepare_pdf(
        pdf, certificate=leaf.der, trust=trust, name="a.pdf", at=NOW, **more
    )
    answer = answer_to(state, leaf)
    return (await finish_pdf(state, answer, trust=trust, at=NOW)).content


async def refused(pdf: bytes, leaf: Leaf, trust: Trust, **more: Any) -> None:
    with pytest.raises(DocumentNotSignableError):
        await sign(pdf, leaf, trust, **more)


def bomb() -> str:
    """Return a stream of objects that unpacks to 20 MB, packed twice."""
    packed = zlib.compress(zlib.compress(b"1 0 " + bytes(20_000_000), 9), 9)
    return (
        f"<</Type/ObjStm/N 1/First 4/Length {len(packed)}"
        f"/Filter[/FlateDecode/FlateDecode]>>stream\n{packed.decode('latin-1')}"
        "\nendstream"
    )


def deep_tree(depth: int) -> list[str]:
    nodes = [
        f"<</Type/Pages/Kids[{number + 1} 0 R]/Count 1/Parent {number - 1} 0 R>>"
        for number in range(2, depth)
    ]
    return [CATALOG, *nodes, f"<</Type/Page/Parent {depth - 1} 0 R>>"]


HOSTILE = {
    "nothing": b"",
    "a text": b"Sopimus",
    "a web page": b"<!doctype html><html></html>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "an archive": b"PK\x03\x04" + bytes(100),
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
    *("nothing", "a text", "a picture", "a header alone", "no root", "no pages"),
    *("a root that is a number", "pages that are each other's"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", HOSTILE)
async def test_what_is_no_sound_pdf_is_refused_or_signed_soundly(
    signer: Leaf, trust: Trust, what: str
) -> None:
    pdf = HOSTILE[what]
    try:
        signed = await sign(pdf, signer, trust)
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
    # Its catalog is in the stream, so signing needs the unpacked stream.
    stream = bomb().encode("latin-1")
    body = b"%PDF-1.7\n2 0 obj\n" + stream + b"\nendobj\n"
    # Entries of 1, 4 and 1 bytes: free; object 1 in stream 2; stream 2; the table.
    rows = [(0, 0, 0), (2, 2, 0), (1, 9, 0), (1, len(body), 0)]
    table = b"".join(bytes([a]) + b.to_bytes(4) + bytes([c]) for a, b, c in rows)
    xref = (
        f"3 0 obj\n<</Type/XRef/Size 4/W[1 4 1]/Root 1 0 R/Length {len(table)}>>"
        "stream\n"
    ).encode() + table
    pdf = body + xref + f"\nendstream\nendobj\nstartxref\n{len(body)}\n%%EOF\n".encode()
    assert len(pdf) < 10_000
    with pytest.raises(DocumentNotSignableError) as caught:
        await sign(pdf, signer, trust)
    assert str(caught.value.__cause__).startswith("PdfDecodeLimitError")


async def test_a_form_of_very_many_fields_is_refused(
    signer: Leaf, trust: Trust, capfd: pytest.CaptureFixture[str]
) -> None:
    fields = "9 0 R " * 10_001
    await refused(make_pdf(catalog=f"/AcroForm<</Fields[{fields}]>>"), signer, trust)
    assert capfd.readouterr() == ("", "")


async def test_a_pdf_cut_off_anywhere_is_refused(signer: Leaf, trust: Trust) -> None:
    pdf = make_pdf()
    assert await sign(pdf, signer, trust)
    for length in range(0, len(pdf) - 8, 23):
        await refused(pdf[:length], signer, trust)


async def test_random_changes_never_bring_anything_but_the_named_error(
    signer: Leaf, trust: Trust
) -> None:
    chance = random.Random(5)  # noqa: S311 - the same each time
    pdf = await sign(make_pdf(), signer, trust)
    outcomes = {True: 0, False: 0}
    for _ in range(40):
        changed = bytearray(pdf)
        for _ in range(chance.randrange(1, 6)):
            changed[chance.randrange(len(changed))] = chance.choice(
                b"<>[]/ 0129RT\xff("
            )
        try:
            signed = await sign(bytes(changed), signer, trust)
            assert signed.startswith(changed)
            outcomes[True] += 1
        except DocumentNotSignableError:
            outcomes[False] += 1
    assert all(outcomes.values()), outcomes


async def test_each_refusal_tells_programs_its_reason(
    signer: Leaf, trust: Trust
) -> None:
    locked, open_ = [
        await asyncio.to_thread(certified, make_pdf(), signer, permission)
        for permission in (MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS)
    ]
    assert await sign(open_, signer, trust)
    for pdf, reason in (
        (b"", "empty"),
        (make_pdf()[:300], "broken"),
        (encrypted(make_pdf()), "encrypted"),
        (encrypted(make_pdf(), ""), "encrypted"),
        (locked, "locked"),
        (make_pdf(catalog="/AcroForm<</Fields[]/XFA(a)>>"), "xfa"),
        (make_pdf() + b" " * MAX_PDF_BYTES, "too-long"),
    ):
        with pytest.raises(DocumentNotSignableError) as caught:
            await sign(pdf, signer, trust)
        assert caught.value.reason == reason


@pytest.mark.parametrize("page", [1, -2, 10**9])
async def test_a_page_that_is_not_there_is_refused(
    signer: Leaf, trust: Trust, page: int
) -> None:
    appearance = Appearance((0, 0, 100, 100), page=page)
    await refused(make_pdf(), signer, trust, appearance=appearance)


async def test_a_field_is_signed_once(signer: Leaf, trust: Trust) -> None:
    pdf = await sign(make_pdf(), signer, trust, field_name="Vuokralainen")
    await refused(pdf, signer, trust, field_name="Vuokralainen")
    assert await sign(pdf, signer, trust, field_name="Vuokranantaja")


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
            assert await sign(pdf, signer, trust, field_name="Allekirjoitus")
        with pytest.raises(BlockingIOError):
            server.accept()
