# SPDX-License-Identifier: MIT
"""Changes of signed files, which other programs show in another way than was signed."""

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asn1crypto import cms, parser, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.general import as_signing_certificate_v2

from kortilla.signing import xades
from tests.kortilla.signed_files import (
    SIGNATURES,
    Maker,
    issue,
    repacked,
    signature_of,
    updated,
)
from tests.kortilla.signing_parts import (
    b64,
    cms_of,
    digest,
    flipped,
    make_pdf,
    pdf_of,
    raw_signature,
)

VELKA = "BT /F 24 Tf 72 720 Td (VELKA 100000) Tj ET"
#: The page's content of ``make_pdf``, replaced.
OTHER_PAGE = f"3 0 obj\n<</Length {len(VELKA)}>>stream\n{VELKA}\nendstream\nendobj\n"
#: A date of the file, which each program writes anew.
RETITLE = "40 0 obj\n<</ModDate(D:20260102030405Z)>>\nendobj\n"
FORM = pdf_of(
    [
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
        "<</FT/Tx/T(Summa)/V(1)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/F 4/P 3 0 R"
        "/AP<</N 5 0 R>>>>",
        "<</Subtype/Form/BBox[0 0 9 9]/Length 14>>stream\n0 0 1 9 re f  \nendstream",
    ]
)
#: A name of as many letters as the one that a directory has for it.
SHOWN, LISTED = "sopimus-01.txt", "META-INF/a.tst"
#: The name of a signed file, in the extra field for names in Unicode.
NAME_FIELD = {
    0x7075: struct.pack("<BL", 1, zlib.crc32(LISTED.encode())) + SHOWN.encode()
}


def fill_in(pdf: bytes) -> bytes:
    """Fill in the field of ``FORM``."""

    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0]
        field["/V"] = generic.TextStringObject("1000")
        writer.update_container(field)

    return updated(pdf, change)


def show_all(pdf: bytes) -> bytes:
    """Show another part of the page."""

    def change(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/MediaBox"][0] = page["/MediaBox"][3]
        writer.update_container(page)

    return updated(pdf, change)


def with_a_hole(pdf: bytes) -> bytes:
    """Return a PDF whose signature leaves out nine octets more."""
    found = re.search(rb"/ByteRange \[0 (\d+) (\d+) (\d+)", pdf)
    assert found
    other = str(int(found[3]) - 9).encode().ljust(len(found[3]))
    return pdf.replace(found[0], found[0].replace(found[3], other))


def with_other_value(pdf: bytes) -> bytes:
    """Return a PDF with one bit of its signature changed."""
    [signer] = cms_of(pdf)["content"]["signer_infos"]
    value = signer["signature"].native
    old, new = (each.hex().upper().encode() for each in (value, flipped(value, 40)))
    assert old in pdf
    return pdf.replace(old, new)


def renamed(pdf: bytes, name: bytes) -> bytes:
    """Return a PDF whose signature's field has another name, of any type."""
    text = b"/T (Signature1)"
    assert text in pdf
    return pdf.replace(text, (b"/T " + name).ljust(len(text)))


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


def titled(pdf: bytes, objects: str = RETITLE, unnamed: str = "") -> bytes:
    """Return a PDF with an update of its date, and of ``objects``."""
    return revised(pdf, objects, unnamed=unnamed, trailer="/Info 40 0 R")


def with_packed_object(pdf: bytes) -> bytes:
    """Return a PDF with an update of a packed object that no table names."""
    content = "3 0 null"
    described = f"<</Type/ObjStm/N 1/First 4/Length {len(content)}>>"
    packed = f"39 0 obj\n{described}stream\n{content}\nendstream\nendobj\n"
    return titled(pdf, RETITLE + packed)


def with_two_places(pdf: bytes) -> bytes:
    """Return a PDF with an update that says twice where the page's content is."""
    changed = titled(pdf, OTHER_PAGE + RETITLE)
    genuine = pdf.index(b"3 0 obj")
    table = changed.rindex(b"xref\n3 1\n")
    more = f"3 1\n{genuine:010d} 00000 n \n".encode()
    return changed[: table + 29] + more + changed[table + 29 :]


async def with_stream_of_references(maker: Maker) -> bytes:
    """Return a signed PDF with a stream of references, and an update with a table."""
    packed = io.BytesIO()
    plain = PdfFileReader(io.BytesIO(make_pdf()))
    writer = copy_into_new_writer(plain, {"stream_xrefs": True})
    writer.write(packed)  # type: ignore[no-untyped-call] # it has no types
    signed = await maker.pdf(packed.getvalue())
    assert b"\nxref" not in signed
    return titled(signed)


def with_content(signature: bytes, content: bytes) -> bytes:
    """Return a detached signature that contains a file."""
    info = cms.ContentInfo.load(signature)
    info["content"]["encap_content_info"]["content"] = content
    return bytes(info.dump())


def attributes_as_content(signature: bytes) -> tuple[bytes, bytes]:
    """Return the signed attributes as a file, with the signature of them alone."""
    info = cms.ContentInfo.load(signature)
    [signer] = info["content"]["signer_infos"]
    attributes = signer["signed_attrs"].untag().dump()
    signer["signed_attrs"] = None
    return attributes, info.dump(force=True)


def signed_by(
    named: str = "sha384",
    of_content: str = "sha384",
    of_attributes: str = "sha384",
    *,
    protected: str = "",
    other: bool = False,
    serial: int | None = None,
    unsorted: bool = False,
) -> Callable[[Maker], Awaitable[tuple[bytes, bytes]]]:
    """Sign a file by several hash functions, or for another certificate.

    The signer's digest algorithm is ``named``, and ``protected`` the one of the
    attribute of RFC 6211. The signed attributes name an ``other`` certificate, or one
    with a ``serial`` number.
    """

    async def make(maker: Maker) -> tuple[bytes, bytes]:
        content = b"Sopimus"
        info = cms.ContentInfo.load(await maker.detached(content))
        [signer] = info["content"]["signer_infos"]
        signer["digest_algorithm"] = {"algorithm": named}
        method = {"algorithm": f"{of_attributes}_ecdsa"}
        value = hashlib.new(of_content, content).digest()
        leaf = issue(maker.ca, serial_number=77) if other else maker.leaf
        own = as_signing_certificate_v2(x509.Certificate.load(leaf.der))
        if serial is not None:
            own["certs"][0]["issuer_serial"]["serial_number"] = serial
        others = {"message_digest": value, "signing_certificate_v2": own}
        attributes = [
            cms.CMSAttribute({"type": kind, "values": [others[kind]]})
            if (kind := each["type"].native) in others
            else each
            for each in signer["signed_attrs"]
        ]
        if protected:
            algorithms = {
                "digest_algorithm": {"algorithm": protected},
                "signature_algorithm": method,
            }
            attributes.append(
                cms.CMSAttribute(
                    {"type": "cms_algorithm_protection", "values": [algorithms]}
                )
            )
        encoded = sorted((each.dump() for each in attributes), reverse=unsorted)
        signed = parser.emit(0, 1, 17, b"".join(encoded))
        signer["signed_attrs"] = cms.CMSAttributes.load(signed)
        signer["signature_algorithm"] = method
        assert isinstance(maker.leaf.key, ec.EllipticCurvePrivateKey)
        function = getattr(hashes, of_attributes.upper())()
        signer["signature"] = maker.leaf.key.sign(signed, ec.ECDSA(function))
        return content, info.dump()

    return make


async def over_exclusive_xml(maker: Maker) -> bytes:
    """Sign a container over exclusive canonical XML."""
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    container = await maker.container()
    root = xades.parse(signature_of(container).replace(xades.C14N, exclusive).encode())
    properties = root.find(f".//{xades.XADES}SignedProperties")
    [*_, value] = root.findall(f".//{xades.DS}Reference/{xades.DS}DigestValue")
    value.text = b64(digest(xades.canonical(properties, exclusive)))
    info = xades.canonical(root.find(f".//{xades.DS}SignedInfo"), exclusive)
    assert b"asic" not in info
    signature = raw_signature(maker.leaf, digest(info), "SHA-384", "NONE")
    xades.set_value(root, signature)
    return repacked(container, {SIGNATURES: xades.serialise(root)})


def wrapped(xml: str, name: str) -> str:
    """Put forged properties, with an identifier, in the place of the signed ones."""
    start = xml.index("<xades:SignedProperties")
    end = xml.index("</xades:QualifyingProperties>")
    genuine = xml[start:end]
    forged = genuine.replace("SigningTime>20", "SigningTime>19")
    xml = xml.replace(genuine, forged.replace("S0-P", name))
    moved = f"<ds:Object>{genuine}</ds:Object></ds:Signature>"
    return xml.replace("</ds:Signature>", moved)


def without_entries(_: object) -> bytes:
    """Return a ZIP file that has nothing of a container."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as opened:
        opened.writestr("a.txt", b"")
    return output.getvalue()


def two_files_of_one_name(container: bytes) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return repacked(container, None, ("a.txt", b"x"))


def with_more_packed(
    container: bytes, name: str, other: bytes, *, header: bool
) -> bytes:
    """Return a container with other bytes after the packed ones of a file.

    Its directory says that the file has its content, packed. So does the ``header``
    before the file, or it says that all these bytes are stored.
    """
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(container)) as old,
        zipfile.ZipFile(output, "w") as new,
    ):
        content = old.read(name)
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(content) + packer.flush()
        for entry in old.infolist():
            if entry.filename == name:
                new.writestr(name, packed + other)
            else:
                new.writestr(entry, old.read(entry))
        stored = new.getinfo(name)
        stored.compress_type = zipfile.ZIP_DEFLATED  # in the directory, written last
        stored.CRC, stored.file_size = zlib.crc32(content), len(content)
    made = output.getvalue()
    if not header:
        return made
    local = struct.pack(
        "<HHHLLL",
        stored.compress_type,
        *struct.unpack_from("<HH", made, stored.header_offset + 10),  # time, date
        *(stored.CRC, stored.compress_size, stored.file_size),
    )
    begin = stored.header_offset + 8
    return made[:begin] + local + made[begin + len(local) :]


def with_fields(
    container: bytes, fields: dict[int, bytes], *, header: bool, listed: bool
) -> bytes:
    """Return a container with extra fields of ``LISTED`` (APPNOTE.TXT §4.5).

    They are in its header, or ``listed`` in the directory, or in both.
    """
    extra = b"".join(
        struct.pack("<HH", kind, len(data)) + data for kind, data in fields.items()
    )
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(container)) as old,
        zipfile.ZipFile(output, "w") as new,
    ):
        for entry in old.infolist():
            more = extra * (entry.filename == LISTED)
            entry.extra = more * header
            new.writestr(entry, old.read(entry.filename))
            new.filelist[-1].extra = more * listed  # the directory is written last
    return output.getvalue()


def commented(container: bytes, comment: bytes) -> bytes:
    """Return a container with a comment after its directory."""
    return container[:-2] + struct.pack("<H", len(comment)) + comment


def altered(container: bytes, at: dict[int, bytes]) -> bytes:
    """Return a container with other octets in the last place of its directory."""
    begin = container.rindex(b"PK\1\2")
    changed = bytearray(container)
    for offset, octets in at.items():
        changed[begin + offset : begin + offset + len(octets)] = octets
    return bytes(changed)


def in_another_alphabet(container: bytes) -> bytes:
    """Return a container with a name whose letters are not known."""
    name = "META-INF/é"
    signed = repacked(container, None, (name, b"x"))
    begin = signed.index(name.encode()) - 30  # of the header
    changed = signed[: begin + 6] + b"\0\0" + signed[begin + 8 :]
    return altered(changed, {8: b"\0\0"})


def with_other_sizes(container: bytes) -> bytes:
    """Return a container whose header of ``SHOWN`` has other sizes, of ZIP64."""
    begin = container.index(SHOWN.encode()) - 30  # of the last header but one
    field = struct.pack("<HHQQ", 1, 16, 7, 7)
    header = (
        container[begin : begin + 18] + b"\xff" * 8 + struct.pack("<HH", len(SHOWN), 20)
    )
    rest = container[begin + 30 + len(SHOWN) :]
    changed = bytearray(container[:begin] + header + SHOWN.encode() + field + rest)
    # The directory says where the files are now.
    at = end = changed.index(b"PK\1\2")
    while changed[at : at + 4] == b"PK\1\2":
        [offset] = struct.unpack_from("<L", changed, at + 42)
        offset += len(field) * (offset > begin)
        struct.pack_into("<L", changed, at + 42, offset)
        at += 46 + sum(struct.unpack_from("<HHH", changed, at + 28))
    struct.pack_into("<L", changed, at + 16, end)
    return bytes(changed)
