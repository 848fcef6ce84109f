# SPDX-License-Identifier: MIT
"""Archives inside PDFs, and PDFs inside archives, which another program may open."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest

from kortilla.signing.verification import verify_document
from kortilla.signing.verification.archives import archive_in
from tests.kortilla.signed_files import Maker
from tests.kortilla.signing.verified_files import CANT_SAY, VALID
from tests.kortilla.signing_parts import GOOD, make_pdf, pdf_of

#: What packing makes no shorter, so that it stands in a packed stream as it is.
NOISE = Random(5).randbytes(100_000)  # noqa: S311 - the same each time


def zipped(content: bytes = b"VELKA", *, files: int = 1, comment: bytes = b"") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(files):
            archive.writestr(f"velka/velka{number}.txt", content)
        archive.comment = comment
    return made.getvalue()


def zip_64() -> bytes:
    """Return an archive of which only ZIP64's end says where the directory is."""
    archive = zipped()
    end = len(archive) - 22
    count, size, offset = struct.unpack_from("<H2L", archive, end + 10)
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    return (
        archive[:end]
        + record
        + locator
        + b"PK\5\6"
        + bytes(4)
        + b"\xff" * 12
        + bytes(2)
    )


def tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("velka.txt"))
    return made.getvalue()


def attached(data: bytes, entries: str = "") -> bytes:
    """Return a PDF with an attachment."""
    names = (
        "/Names<</EmbeddedFiles<</Names[(a)<</Type/Filespec/F(a)/EF<</F 4 0 R>>>>]>>>>"
    )
    return pdf_of(
        [
            f"<</Type/Catalog/Pages 2 0 R{names}>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
            f"<</Type/EmbeddedFile{entries}/Length {len(data)}>>stream\n"
            f"{data.decode('latin-1')}\nendstream",
        ]
    )


START = bytes(20)
ARCHIVES: dict[str, tuple[str, bytes]] = {
    "zip": ("ZIP", zipped()),
    "zip with a comment": ("ZIP", zipped(comment=b"velka")),
    "zip64": ("ZIP", zip_64()),
    "tar": ("tar", tarred()),
    "7z": (
        "7z",
        b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(START)) + START,
    ),
    "rar": ("RAR", b"Rar!\x1a\x07\x01\0"),
    "cab": ("CAB", b"MSCF" + bytes(32)),
}


@pytest.mark.parametrize("what", ARCHIVES)
async def test_an_archive_in_a_signed_pdf_is_named(maker: Maker, what: str) -> None:
    kind, archive = ARCHIVES[what]
    signed = await maker.pdf(attached(archive))
    report = await verify_document(signed, trusted=maker.trusted, revocation=GOOD)
    assert report.verdict is CANT_SAY
    found = [(each.code, each.detail) for each in report.problems]
    assert ("ARCHIVE_INSIDE", kind) in found


@pytest.mark.parametrize(
    "content",
    [
        make_pdf("PK\5\6 ustar 7z\xbc\xaf\x27\x1c Rar! MSCF"),
        attached(zlib.compress(zipped(NOISE, files=10)), "/Filter/FlateDecode"),
        attached(zlib.compress(zipped(NOISE[:2000], files=10)), "/Filter/FlateDecode"),
        attached(zipped()[:-22]),
        # As LibreOffice puts a document into its PDF.
        attached(zipped() + bytes(75_000)),
    ],
    ids=["their marks", "packed", "packed, short", "cut", "far from the end"],
)
async def test_a_pdf_in_which_no_program_finds_an_archive_is_valid(
    maker: Maker, content: bytes
) -> None:
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not archive.namelist()
    signed = await maker.pdf(content)
    report = await verify_document(signed, trusted=maker.trusted, revocation=GOOD)
    assert (report.verdict, report.problems) == (VALID, ())


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: make_pdf() + b"\1CD001\1", "ISO 9660"),
        (lambda: make_pdf() + b"xar!\0\x1c", "XAR"),
        (lambda: make_pdf() + b"MSWIM\0\0\0", "WIM"),
        (lambda: b"070701" + b"0" * 95 + b"2" + b"0" * 8 + b"a\0", "cpio"),
        (lambda: b"070707" + b"0" * 58 + b"2" + b"0" * 11 + b"a\0", "cpio"),
        (lambda: b"<" + b"07" * 100_000 + b">", ""),
        (lambda: b"ustar" * 1_000_000, "tar"),
        (lambda: b"PK\5\6", ""),
        (lambda: b"", ""),
    ],
)
def test_odd_places_are_looked_at_and_not_for_long(
    make: Callable[[], bytes], kind: str
) -> None:
    assert archive_in(make(), []) == kind


async def test_an_archive_after_what_was_signed_is_found_wherever_it_is(
    maker: Maker,
) -> None:
    signed = await maker.pdf()
    for content in (signed + zipped() + bytes(75_000), signed + zipped()):
        assert archive_in(content, [len(signed)]) == "ZIP"
    assert archive_in(signed, [len(signed)]) == ""
