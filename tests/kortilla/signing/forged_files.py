# SPDX-License-Identifier: MIT
"""Signed files that show something else in other programs than what was signed."""

import hashlib
import io
import re
import struct
import zipfile
import zlib

from asn1crypto import cms
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from tests.kortilla.signed_files import Maker, repacked
from tests.kortilla.signing.verified_files import CANT_SAY, NOT_VALID, VALID, File, case
from tests.kortilla.signing_parts import make_pdf

VELKA = "BT /F 24 Tf 72 720 Td (VELKA 100000) Tj ET"
#: The page's content of ``make_pdf``, replaced.
OTHER_PAGE = f"3 0 obj\n<</Length {len(VELKA)}>>stream\n{VELKA}\nendstream\nendobj\n"
RETITLE = "40 0 obj\n<</Title(Otsikko)>>\nendobj\n"


def end_of(pdf: bytes) -> int:
    """Return the number after the last ``startxref``."""
    return int(pdf.rpartition(b"startxref")[2].split()[0])


def revised(
    pdf: bytes,
    objects: str = "",
    *,
    unnamed: str = "",
    trailer: str = "",
    end: str = "\n%%EOF\n",
) -> bytes:
    """Return a PDF with an update of objects, and of others that no table names."""
    root = re.findall(rb"/Root (\d+ \d+ R)", pdf)[-1].decode()
    size = max(41, *map(int, re.findall(rb"/Size (\d+)", pdf)))
    body = pdf + b"\n" + objects.encode()
    table = "xref\n" if objects else "xref\n0 0\n"
    for number in re.findall(r"(?m)^(\d+) 0 obj", objects):
        at = body.index(f"\n{number} 0 obj".encode(), len(pdf) - 1) + 1
        table += f"{number} 1\n{at:010d} 00000 n \n"
    body += unnamed.encode()
    table += f"trailer\n<</Size {size}/Root {root}/Prev {end_of(pdf)}{trailer}>>\n"
    return body + f"{table}startxref\n{len(body)}{end}".encode()


@case(VALID)
async def a_pdf_with_another_title_and_blanks_at_its_end(maker: Maker) -> File:
    """The title is no part of the pages."""
    titled = revised(await maker.pdf(), RETITLE, trailer="/Info 40 0 R")
    return titled + b" \0\r\n"


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_retitled_pdf_with_an_update_that_lacks_its_end(maker: Maker) -> File:
    """Other programs read the ``startxref`` that comes last."""
    titled = revised(await maker.pdf(), RETITLE, trailer="/Info 40 0 R")
    return revised(titled, OTHER_PAGE, end="\n")


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_with_an_update_that_lacks_its_end(maker: Maker) -> File:
    return revised(await maker.pdf(), OTHER_PAGE, end="\n")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_that_ends_like_its_earlier_revision(maker: Maker) -> File:
    """A program that looks through the whole file finds the page after it."""
    titled = revised(await maker.pdf(), RETITLE, trailer="/Info 40 0 R")
    return revised(titled, OTHER_PAGE, end=f"\nstartxref\n{end_of(titled)}\n%%EOF\n")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_with_an_object_that_no_table_names(maker: Maker) -> File:
    """A program that finds the table broken looks for objects by itself."""
    signed = await maker.pdf()
    return revised(signed, RETITLE, unnamed=OTHER_PAGE, trailer="/Info 40 0 R")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_with_a_packed_object_that_no_table_names(maker: Maker) -> File:
    """A program that looks for objects by itself unpacks those too."""
    content = "3 0 null"
    described = f"<</Type/ObjStm/N 1/First 4/Length {len(content)}>>"
    packed = f"39 0 obj\n{described}stream\n{content}\nendstream\nendobj\n"
    return revised(await maker.pdf(), RETITLE + packed, trailer="/Info 40 0 R")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_with_data_between_an_object_and_the_table(maker: Maker) -> File:
    signed = await maker.pdf()
    return revised(signed, RETITLE, unnamed="VELKA\n", trailer="/Info 40 0 R")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_with_a_table_after_a_stream_of_references(maker: Maker) -> File:
    """poppler takes it for broken, and shows nothing of it."""
    packed = io.BytesIO()
    plain = PdfFileReader(io.BytesIO(make_pdf()))
    writer = copy_into_new_writer(plain, {"stream_xrefs": True})
    writer.write(packed)  # type: ignore[no-untyped-call] # it has no types
    signed = await maker.pdf(packed.getvalue())
    assert b"\nxref" not in signed
    return revised(signed, RETITLE, trailer="/Info 40 0 R")


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_with_two_places_of_an_object(maker: Maker) -> File:
    """Programs differ in which of a table's lines they take."""
    signed = await maker.pdf()
    changed = revised(signed, OTHER_PAGE + RETITLE, trailer="/Info 40 0 R")
    genuine = signed.index(b"3 0 obj")
    table = changed.rindex(b"xref\n3 1\n")
    more = f"3 1\n{genuine:010d} 00000 n \n".encode()
    return changed[: table + 29] + more + changed[table + 29 :]


@case(NOT_VALID, "DIGEST_MISMATCH")
async def a_detached_signature_that_contains_another_file(maker: Maker) -> File:
    """Other programs show the one that it contains."""
    info = cms.ContentInfo.load(await maker.detached(b"Sopimus"))
    info["content"]["encap_content_info"]["content"] = b"VELKA 100000"
    return b"Sopimus", info.dump()


@case(CANT_SAY, "WEAK_ALGORITHM")
async def a_detached_signature_by_sha_1(maker: Maker) -> File:
    content = b"Sopimus"
    info = cms.ContentInfo.load(await maker.detached(content))
    [signer] = info["content"]["signer_infos"]
    signer["digest_algorithm"] = {"algorithm": "sha1"}
    for attribute in signer["signed_attrs"]:
        if attribute["type"].native == "message_digest":
            attribute["values"] = [hashlib.sha1(content).digest()]  # noqa: S324 - weak
    attributes = signer["signed_attrs"].untag().dump(force=True)
    signer["signature_algorithm"] = {"algorithm": "sha1_ecdsa"}
    assert isinstance(maker.leaf.key, ec.EllipticCurvePrivateKey)
    weak = ec.ECDSA(hashes.SHA1())  # noqa: S303 - weak
    signer["signature"] = maker.leaf.key.sign(attributes, weak)
    return content, info.dump()


#: A name of as many letters as the one that a directory has for it.
SHOWN, LISTED = "sopimus-1.txt", "META-INF/a.go"


async def with_more(maker: Maker) -> bytes:
    """Return a container with a file that no signature needs to cover."""
    signed = await maker.container({SHOWN: b"Sopimus"})
    return repacked(signed, None, (LISTED, b"VELKA 100000"))


@case(VALID)
async def a_container_with_a_file_of_its_program(maker: Maker) -> File:
    return await with_more(maker)


@case(CANT_SAY, "IRREGULAR")
async def a_container_whose_header_has_another_name(maker: Maker) -> File:
    """``bsdtar`` and file managers write it over the signed file."""
    forged = await with_more(maker)
    assert forged.index(LISTED.encode()) < forged.rindex(LISTED.encode())
    return forged.replace(LISTED.encode(), SHOWN.encode(), 1)


def with_fields(container: bytes, field: bytes, *, header: bool, listed: bool) -> bytes:
    """Return a container with an extra field of ``LISTED``, in one place or both."""
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(container)) as old,
        zipfile.ZipFile(output, "w") as new,
    ):
        for entry in old.infolist():
            more = field * (entry.filename == LISTED)
            entry.extra = more * header
            new.writestr(entry, old.read(entry.filename))
            new.filelist[-1].extra = more * listed  # the directory is written last
    return output.getvalue()


def field_of(kind: int, data: bytes) -> bytes:
    """Return an extra field of a ZIP file (APPNOTE.TXT §4.5)."""
    return struct.pack("<HH", kind, len(data)) + data


#: The name of a signed file, in the field for names in Unicode.
NAME_FIELD = field_of(
    0x7075, struct.pack("<BL", 1, zlib.crc32(LISTED.encode())) + SHOWN.encode()
)


@case(VALID)
async def a_container_with_times_and_owners(maker: Maker) -> File:
    fields = field_of(0x5455, bytes(5)) + field_of(0x7875, bytes(11))
    return with_fields(await with_more(maker), fields, header=True, listed=True)


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_another_name_in_a_field_of_its_directory(
    maker: Maker,
) -> File:
    """``unzip`` and ``7z`` write it over the signed file."""
    return with_fields(await with_more(maker), NAME_FIELD, header=False, listed=True)


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_another_name_in_a_field_of_its_header(
    maker: Maker,
) -> File:
    return with_fields(await with_more(maker), NAME_FIELD, header=True, listed=False)


def altered(container: bytes, at: dict[int, bytes]) -> bytes:
    """Return a container with other octets in the last place of its directory."""
    begin = container.rindex(b"PK\1\2")
    changed = bytearray(container)
    for offset, octets in at.items():
        changed[begin + offset : begin + offset + len(octets)] = octets
    return bytes(changed)


@case(CANT_SAY, "IRREGULAR")
async def a_container_whose_file_becomes_a_link(maker: Maker) -> File:
    """``unzip`` makes a link to the file that the content names."""
    return altered(await maker.container(), {38: b"\0\0\xff\xa1"})


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_a_patched_file(maker: Maker) -> File:
    return altered(await with_more(maker), {8: b"\x20"})


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_a_name_in_another_alphabet(maker: Maker) -> File:
    """Without the flag for UTF-8, programs read other letters."""
    name = "META-INF/é"
    signed = repacked(await maker.container(), None, (name, b"x"))
    begin = signed.index(name.encode()) - 30  # of the header
    changed = signed[: begin + 6] + b"\0\0" + signed[begin + 8 :]
    return altered(changed, {8: b"\0\0"})


@case(CANT_SAY, "IRREGULAR")
async def a_container_whose_header_has_other_sizes_of_zip64(maker: Maker) -> File:
    """``bsdtar`` writes seven octets of the file, and ``unzip`` none."""
    signed = await maker.container({SHOWN: b"Sopimus, joka jatkuu"})
    begin = signed.index(SHOWN.encode()) - 30  # of the last header but one
    field = struct.pack("<HHQQ", 1, 16, 7, 7)
    header = signed[begin : begin + 18] + b"\xff" * 8 + struct.pack("<HH", 13, 20)
    forged = signed[:begin] + header + SHOWN.encode() + field + signed[begin + 43 :]
    return moved(forged, begin, len(field))


def moved(container: bytes, after: int, by: int) -> bytes:
    """Return a container whose directory knows that files have moved."""
    changed = bytearray(container)
    at = end = changed.index(b"PK\1\2")
    while changed[at : at + 4] == b"PK\1\2":
        [offset] = struct.unpack_from("<L", changed, at + 42)
        struct.pack_into("<L", changed, at + 42, offset + by * (offset > after))
        at += 46 + sum(struct.unpack_from("<HHH", changed, at + 28))
    struct.pack_into("<L", changed, at + 16, end)
    return bytes(changed)
