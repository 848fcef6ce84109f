# SPDX-License-Identifier: MIT
"""Files as other programs write them, and forgeries that look like them."""

import asyncio
from typing import Any

import pytest
from asn1crypto import cms
from pyhanko.pdf_utils import generic

from kortilla.signing.verification import Verdict, verify_document
from tests.kortilla.signed_files import Maker, certified, updated
from tests.kortilla.signing.forged_files import (
    OTHER_PAGE,
    RETITLE,
    end_of,
    revised,
    titled,
)
from tests.kortilla.signing.test_verification import said
from tests.kortilla.signing.verified_files import CANT_SAY, NOT_VALID, VALID, Change
from tests.kortilla.signing_parts import GOOD, make_pdf

PLAIN, PACKED = 1, 2


def references(
    number: int, entries: dict[int, tuple[int, int, int]], *, size: int
) -> str:
    """Return an object with a stream of references (ISO 32000-2 §7.5.8)."""
    index = " ".join(f"{each} 1" for each in sorted(entries))
    data = "".join(
        f"{kind:02x}{place:06x}{last:02x}"
        for _, (kind, place, last) in sorted(entries.items())
    )
    head = f"/Type/XRef/Size {size}/W[1 3 1]/Index[{index}]/Filter/ASCIIHexDecode"
    length = f"/Length {len(data) + 1}"
    return f"{number} 0 obj\n<<{head}{length}>>stream\n{data}>\nendstream\nendobj\n"


def of_word(pdf: bytes, *, lies: bool = False) -> bytes:
    """Add a section for new programs beside the table, as Microsoft Word does.

    It names a packed object, and the page's content; with ``lies`` another one.
    """
    packed = "7 0 <</S/P>>"
    head = f"/Type/ObjStm/N 1/First 4/Length {len(packed)}"
    body = pdf + f"6 0 obj\n<<{head}>>stream\n{packed}\nendstream endobj\n".encode()
    content = (body if lies else pdf).rindex(b"3 0 obj")
    if lies:
        content = len(body)
        body += OTHER_PAGE.encode()
    entries = {
        3: (PLAIN, content, 0),
        6: (PLAIN, len(pdf), 0),
        7: (PACKED, 6, 0),
        8: (PLAIN, len(body), 0),
    }
    start = len(body)
    body += references(8, entries, size=9).encode()
    trailer = f"<</Size 9/Root 1 0 R/Prev {end_of(pdf)}/XRefStm {start}>>"
    table = f"xref\n0 0\ntrailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF\n"
    return body + table.encode()


def of_pdfbox(pdf: bytes, *, lies: bool = False) -> bytes:
    """Add a title, and a stream of references that nothing uses, as PDFBox does."""
    title = len(pdf) + 1
    entries = {40: (PLAIN, title, 0)}
    if lies:  # to a program that uses it, this is the page's content
        entries[3] = (PLAIN, pdf.rindex(b"4 0 obj"), 0)
    return titled(pdf, RETITLE + references(39, entries, size=41))


def of_itext(pdf: bytes, comment: bytes = b"%iText\xc2\xae 7.1.1") -> bytes:
    """Add a title, and a comment after the trailer, as iText does."""
    head, found, tail = titled(pdf).rpartition(b"startxref")
    return head + comment + b"\n" + found + tail


def a_line_early(pdf: bytes) -> bytes:
    """Add a title with a table that begins a line after the place that is said."""
    changed = titled(pdf)
    head, found, _ = changed.rpartition(b"startxref")
    return head + found + b"\n%d\n%%%%EOF\n" % (end_of(changed) - 1)


def named(key: str, value: Any) -> Any:
    """Return a dictionary of one entry."""
    return generic.DictionaryObject({generic.NameObject(key): value})  # type: ignore[no-untyped-call]


def with_store(pdf: bytes) -> bytes:
    """Add a security store, with an entry about the signature."""

    def change(writer: Any) -> None:
        stream = writer.add_object(generic.StreamObject(stream_data=b"0\0"))
        entry = named("/Cert", generic.ArrayObject([stream]))
        entries = writer.add_object(named("/" + 40 * "A", entry))
        store = named("/VRI", entries)
        writer.root["/DSS"] = writer.add_object(store)
        writer.update_root()

    return updated(pdf, change)


def with_store_anew(pdf: bytes) -> bytes:
    """Write the store's entry anew, and add a key that pyHanko does not know."""

    def change(writer: Any) -> None:
        entries = writer.root["/DSS"]["/VRI"]
        entries["/" + 40 * "A"] = named("/Type", generic.NameObject("/VRI"))
        entries["/Type"] = generic.NameObject("/VRI")
        writer.update_container(entries)

    return updated(with_store(pdf), change)


def without_store(pdf: bytes) -> bytes:
    def change(writer: Any) -> None:
        del writer.root["/DSS"]
        writer.update_root()

    return updated(pdf, change)


#: The file that is signed, and what another program adds to it afterwards.
CASES: dict[str, tuple[bytes, Change, Verdict, str]] = {
    "word": (of_word(make_pdf()), titled, VALID, ""),
    "word, and nothing later": (of_word(make_pdf()), bytes, VALID, ""),
    # Ghostscript shows the other one.
    "word, with another content for some": (
        of_word(make_pdf(), lies=True),
        bytes,
        CANT_SAY,
        "IRREGULAR",
    ),
    "word, after the signature": (
        make_pdf(),
        lambda pdf: titled(of_word(pdf)),
        CANT_SAY,
        "IRREGULAR",
    ),
    "word, and a packed object that an update replaces": (
        of_word(make_pdf()),
        lambda pdf: titled(pdf, RETITLE + "7 0 obj\n<</S/H>>\nendobj\n"),
        CANT_SAY,
        "IRREGULAR",
    ),
    "word, and another page": (
        of_word(make_pdf()),
        lambda pdf: revised(pdf, OTHER_PAGE),
        NOT_VALID,
        "CHANGED_AFTER_SIGNING",
    ),
    "pdfbox": (make_pdf(), of_pdfbox, VALID, ""),
    "pdfbox, with another content for some": (
        make_pdf(),
        lambda pdf: of_pdfbox(pdf, lies=True),
        CANT_SAY,
        "IRREGULAR",
    ),
    "itext": (make_pdf(), of_itext, VALID, ""),
    "itext, with another end in its comment": (
        make_pdf(),
        lambda pdf: of_itext(pdf, b"%startxref 9 %%EOF"),
        CANT_SAY,
        "IRREGULAR",
    ),
    "a table a line later": (make_pdf(), a_line_early, VALID, ""),
    "a security store": (make_pdf(), with_store, VALID, ""),
    "a security store written anew": (make_pdf(), with_store_anew, VALID, ""),
    "a security store removed": (
        make_pdf(catalog="/DSS<</Certs[]>>"),
        without_store,
        NOT_VALID,
        "CHANGED_AFTER_SIGNING",
    ),
    # What is in the store may change, but not if a page shows it.
    "a page's content in the store": (
        make_pdf(catalog="/DSS<</Certs[3 0 R]>>"),
        lambda pdf: revised(pdf, OTHER_PAGE),
        NOT_VALID,
        "CHANGED_AFTER_SIGNING",
    ),
}


@pytest.mark.parametrize("what", CASES)
async def test_updates_of_other_programs_are_told_from_forgeries(
    maker: Maker, what: str
) -> None:
    before, change, verdict, codes = CASES[what]
    signed = await asyncio.to_thread(certified, before, maker.leaf)
    content = change(signed)
    report = await verify_document(content, trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (verdict, set(codes.split())), report


async def test_a_signatures_attributes_may_be_in_any_order(maker: Maker) -> None:
    signature = await maker.detached(b"Sopimus")
    [signer] = cms.ContentInfo.load(signature)["content"]["signer_infos"]
    attributes = [each.dump() for each in signer["signed_attrs"]]
    mixed = signature.replace(b"".join(attributes), b"".join(reversed(attributes)))
    assert mixed != signature
    for content, expected in (
        (b"Sopimus", (VALID, set())),
        (b"Velka", (NOT_VALID, {"DIGEST_MISMATCH"})),
    ):
        report = await verify_document(
            content, signature=mixed, trusted=maker.trusted, revocation=GOOD
        )
        assert said(report) == expected


#: ecdsa-with-SHA384 and the curve P-384, in DER.
SHA_384, P_384 = bytes.fromhex("2A8648CE3D040303"), bytes.fromhex("2B81040022")


@pytest.mark.parametrize(
    ("known", "code"), [(SHA_384, "UNSUPPORTED"), (P_384, "CERTIFICATE_UNREADABLE")]
)
async def test_what_is_not_known_here_is_not_called_broken(
    maker: Maker, known: bytes, code: str
) -> None:
    signature = await maker.detached(b"Sopimus")
    head, found, tail = signature.rpartition(known)
    assert found
    other = head + known[:-1] + b"\x7f" + tail
    report = await verify_document(
        b"Sopimus", signature=other, trusted=maker.trusted, revocation=GOOD
    )
    [own] = report.signatures
    assert own.verdict is not VALID and own.intact is None
    assert code in {each.code for each in own.problems}
    assert "BROKEN" not in {each.code for each in own.problems}
