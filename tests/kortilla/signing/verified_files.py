# SPDX-License-Identifier: MIT
"""Good and bad signed files, and what is to be said of each."""

import asyncio
import base64
import io
import re
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import MDPPerm

from kortilla.signing import xades
from kortilla.signing.verification import (
    Verdict,
)
from kortilla.signing.verification.document import MAX_BYTES
from tests.kortilla.signed_files import (
    SIGNATURES,
    Maker,
    certified,
    cover_with_note,
    encrypted,
    issue,
    repacked,
    replace_text,
    updated,
    with_more_packed,
    with_signature,
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

File = bytes | tuple[bytes | None, bytes]
Made = Callable[[Maker], Awaitable[File]]
CASES: dict[str, tuple[Made, Verdict, set[str]]] = {}


def case(verdict: Verdict, *found: str) -> Callable[[Made], Made]:
    """Put a file into the table, with what is to be said of it."""

    def put(made: Made) -> Made:
        CASES[made.__name__.replace("_", " ")] = made, verdict, set(found)
        return made

    return put


def xml_case(
    verdict: Verdict, *found: str
) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Put a container into the table whose signature's XML is changed."""

    def put(change: Callable[[str], str]) -> Callable[[str], str]:
        async def made(maker: Maker) -> File:
            return with_signature(await maker.container(), change)

        made.__name__ = change.__name__
        case(verdict, *found)(made)
        return change

    return put


FORM = pdf_of(
    [
        "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]>>",
        "<</FT/Tx/T(Summa)/V(1)/Type/Annot/Subtype/Widget/Rect[0 0 9 9]/P 3 0 R>>",
    ]
)


def fill_in(writer: Any) -> None:
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.TextStringObject("1000")
    writer.update_container(field)


VALID, NOT_VALID, CANT_SAY = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY


@case(VALID)
async def a_signed_pdf(maker: Maker) -> File:
    return await maker.pdf()


@case(VALID)
async def a_pdf_with_a_visible_mark(maker: Maker) -> File:
    return await maker.pdf(visible=True)


@case(VALID)
async def a_pdf_signed_twice(maker: Maker) -> File:
    return await maker.pdf(await maker.pdf(), visible=True)


SLOPPY = make_pdf().replace(b"/Size 5", b"/Size 4")


@case(VALID)
async def a_pdf_that_is_only_read_leniently(maker: Maker) -> File:
    return await maker.pdf(SLOPPY)


@case(CANT_SAY, "IRREGULAR")
async def such_a_pdf_signed_twice(maker: Maker) -> File:
    return await maker.pdf(await maker.pdf(SLOPPY))


@case(VALID, "XFA_FORM")
async def a_signed_xfa_form(maker: Maker) -> File:
    xfa = make_pdf(catalog="/AcroForm<</Fields[]/XFA(a)>>")
    return await asyncio.to_thread(certified, xfa, maker.leaf, MDPPerm.ANNOTATE)


@case(VALID)
async def a_pdf_whose_author_allows_a_second_signature(maker: Maker) -> File:
    pdf = await asyncio.to_thread(certified, make_pdf(), maker.leaf, MDPPerm.FILL_FORMS)
    return await maker.pdf(pdf)


@case(VALID)
async def a_form_whose_author_allows_to_fill_it_in(maker: Maker) -> File:
    pdf = await asyncio.to_thread(certified, FORM, maker.leaf, MDPPerm.FILL_FORMS)
    return updated(pdf, fill_in)


@case(CANT_SAY, "FORM_CHANGED")
async def a_form_filled_in_after_it_was_signed(maker: Maker) -> File:
    return updated(await maker.pdf(FORM), fill_in)


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_form_filled_in_although_its_author_forbids_it(maker: Maker) -> File:
    pdf = await asyncio.to_thread(certified, FORM, maker.leaf, MDPPerm.NO_CHANGES)
    return updated(pdf, fill_in)


@case(VALID)
async def a_container_signed_over_exclusive_canonical_xml(maker: Maker) -> File:
    """As DigiDoc4j and others sign."""
    exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
    container = await maker.container()
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        xml = opened.read(SIGNATURES).decode().replace(xades.C14N, exclusive)
    root = xades.parse(xml.encode())
    properties = xades.canonical(
        root.find(f".//{xades.XADES}SignedProperties"), exclusive
    )
    [*_, value] = root.findall(f".//{xades.DS}Reference/{xades.DS}DigestValue")
    value.text = b64(digest(properties))
    info = xades.canonical(root.find(f".//{xades.DS}SignedInfo"), exclusive)
    assert b"asic" not in info
    signature = raw_signature(maker.leaf, digest(info), "SHA-384", "NONE")
    xades.set_value(root, signature)
    return repacked(container, {SIGNATURES: xades.serialise(root)})


@case(VALID)
async def a_container_whose_type_comes_last(maker: Maker) -> File:
    container = await maker.container()
    kind = b"application/vnd.etsi.asic-e+zip"
    return repacked(container, {"mimetype": None}, ("mimetype", kind))


@case(VALID)
async def a_container(maker: Maker) -> File:
    return await maker.container()


@case(VALID)
async def a_detached_signature_with_its_file(maker: Maker) -> File:
    return b"Sopimus", await maker.detached(b"Sopimus")


@case(NOT_VALID, "NOT_SIGNED")
async def a_pdf_that_nobody_signed(maker: Maker) -> File:
    return make_pdf()


@case(NOT_VALID, "DIGEST_MISMATCH")
async def a_pdf_with_another_text(maker: Maker) -> File:
    return (await maker.pdf()).replace(b"(Sopimus)", b"(Sopimaa)")


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_whose_text_an_update_replaces(maker: Maker) -> File:
    return updated(await maker.pdf(), replace_text)


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_whose_text_an_update_covers(maker: Maker) -> File:
    return updated(await maker.pdf(), cover_with_note)


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_changed_before_the_second_signature(maker: Maker) -> File:
    return await maker.pdf(updated(await maker.pdf(), replace_text))


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_with_data_at_its_end(maker: Maker) -> File:
    return await maker.pdf() + b"4 0 obj\n<</Type/Page>>\nendobj\n"


@case(NOT_VALID, "CHANGED_AFTER_SIGNING")
async def a_pdf_that_shows_content_hidden_before_signing(maker: Maker) -> File:
    """A shadow attack: the other page's text was in the file that was signed."""
    hidden = make_pdf(catalog="/Hidden 3 0 R")

    def show(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/MediaBox"][0] = page["/MediaBox"][3]
        writer.update_container(page)

    return updated(await maker.pdf(hidden), show)


@case(NOT_VALID, "DIGEST_MISMATCH", "PART_NOT_SIGNED")
async def a_pdf_with_a_hole_in_what_is_signed(maker: Maker) -> File:
    pdf = await maker.pdf()
    found = re.search(rb"/ByteRange \[0 (\d+) (\d+) (\d+)", pdf)
    assert found
    return pdf.replace(
        found[0],
        found[0].replace(
            found[3], str(int(found[3]) - 9).encode().ljust(len(found[3]))
        ),
    )


@case(NOT_VALID, "SIGNATURE_BROKEN")
async def a_pdf_with_another_signature_value(maker: Maker) -> File:
    pdf = await maker.pdf()
    [signer] = cms_of(pdf)["content"]["signer_infos"]
    value = signer["signature"].native
    old, new = (each.hex().upper().encode() for each in (value, flipped(value, 40)))
    assert old in pdf
    return pdf.replace(old, new)


@case(CANT_SAY, "ENCRYPTED")
async def an_encrypted_pdf(maker: Maker) -> File:
    return encrypted(make_pdf())


@case(CANT_SAY, "BROKEN")
async def a_pdf_that_is_cut_off_in_its_first_part(maker: Maker) -> File:
    return (await maker.pdf())[:400]


@case(CANT_SAY, "IRREGULAR")
async def a_pdf_that_is_cut_off(maker: Maker) -> File:
    return (await maker.pdf())[:900]


@case(CANT_SAY, "NOT_A_SIGNED_FORMAT")
async def an_empty_file(maker: Maker) -> File:
    return b""


@case(CANT_SAY, "NOT_A_SIGNED_FORMAT")
async def a_text(maker: Maker) -> File:
    return b"Sopimus"


@case(CANT_SAY, "TOO_LARGE")
async def a_huge_file(maker: Maker) -> File:
    return bytes(MAX_BYTES + 1)


@case(CANT_SAY, "NO_CONTENT")
async def a_detached_signature_alone(maker: Maker) -> File:
    return None, await maker.detached(b"Sopimus")


@case(NOT_VALID, "DIGEST_MISMATCH")
async def a_detached_signature_of_another_file(maker: Maker) -> File:
    return b"Toinen", await maker.detached(b"Sopimus")


@case(CANT_SAY, "BROKEN")
async def a_detached_signature_that_is_cut_off(maker: Maker) -> File:
    return b"Sopimus", (await maker.detached(b"Sopimus"))[:-9]


@case(NOT_VALID, "DIGEST_MISMATCH")
async def a_container_with_another_text(maker: Maker) -> File:
    return repacked(await maker.container(), {"a.txt": b"x"})


@case(NOT_VALID, "FILE_MISSING")
async def a_container_that_lacks_a_file(maker: Maker) -> File:
    changes: dict[str, bytes | None] = {"a.txt": None, "META-INF/manifest.xml": None}
    return repacked(await maker.container(), changes)


@case(NOT_VALID, "FILE_NOT_SIGNED")
async def a_container_with_a_file_that_is_not_signed(maker: Maker) -> File:
    changes: dict[str, bytes | None] = {"META-INF/manifest.xml": None}
    return repacked(await maker.container(), changes, ("velka.txt", b""))


@case(CANT_SAY, "IRREGULAR")
async def a_container_whose_manifest_lists_other_files(maker: Maker) -> File:
    return repacked(await maker.container(), None, ("velka.txt", b""))


@case(CANT_SAY, "DUPLICATE_NAME")
async def a_container_with_two_manifests(maker: Maker) -> File:
    name = "META-INF/Manifest.xml"
    return repacked(await maker.container(), None, (name, b"<a/>"))


@case(CANT_SAY, "DUPLICATE_NAME")
async def a_container_with_two_files_of_one_name(maker: Maker) -> File:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return repacked(await maker.container(), None, ("a.txt", b"x"))


@case(CANT_SAY, "UNSAFE_NAME")
async def a_container_that_would_write_elsewhere(maker: Maker) -> File:
    return repacked(await maker.container(), None, ("../../.bashrc", b"x"))


@case(CANT_SAY, "TOO_LARGE")
async def a_zip_bomb(maker: Maker) -> File:
    container = await maker.container({"a.txt": bytes(1_000_000)})
    size = (1_000_000).to_bytes(4, "little")
    return container.replace(size, (4_000_000_000).to_bytes(4, "little"))


@case(CANT_SAY, "IRREGULAR")
async def a_zip_bomb_that_states_a_small_size(maker: Maker) -> File:
    container = await maker.container({"a.txt": bytes(1_000_000)})
    size = (1_000_000).to_bytes(4, "little")
    return container.replace(size, (1).to_bytes(4, "little"))


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_data_before_it(maker: Maker) -> File:
    return b"PK" + await maker.container()


@case(CANT_SAY, "IRREGULAR")
async def a_container_whose_header_shows_another_file(maker: Maker) -> File:
    other = make_pdf("Velka")
    return with_more_packed(await maker.container(), "a.txt", other, header=False)


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_data_after_a_packed_file(maker: Maker) -> File:
    other = make_pdf("Velka")
    return with_more_packed(await maker.container(), "a.txt", other, header=True)


@case(CANT_SAY, "NOT_A_SIGNED_FORMAT")
async def a_zip_that_is_no_container(maker: Maker) -> File:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as opened:
        opened.writestr("a.txt", b"")
    return output.getvalue()


@case(CANT_SAY, "UNSUPPORTED")
async def a_container_with_cades(maker: Maker) -> File:
    changes: dict[str, bytes | None] = {SIGNATURES: None}
    more = "META-INF/ASiCManifest1.xml", b"<a/>"
    return repacked(await maker.container(), changes, more)


@case(NOT_VALID, "NOT_SIGNED")
async def a_container_without_a_signature(maker: Maker) -> File:
    return repacked(await maker.container(), {SIGNATURES: None})


BOMB = '<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@xml_case(CANT_SAY, "FORBIDDEN_XML")
def an_xml_bomb(xml: str) -> str:
    return xml.replace("<asic:", BOMB + "<asic:", 1)


@xml_case(CANT_SAY, "FORBIDDEN_XML")
def external_entities(xml: str) -> str:
    return xml.replace("<asic:", OUTSIDE + "<asic:", 1)


@case(CANT_SAY, "BROKEN")
async def xml_in_another_encoding(maker: Maker) -> File:
    container = await maker.container()
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        xml = opened.read(SIGNATURES).decode().partition("?>")[2]
    return repacked(container, {SIGNATURES: xml.encode("utf-16")})


@xml_case(NOT_VALID, "SIGNATURE_BROKEN")
def another_signature_value(xml: str) -> str:
    return re.sub(
        "(SignatureValue Id=.S0-V.>)[^<]*",
        rf"\g<1>{base64.b64encode(bytes(range(96))).decode()}",
        xml,
    )


@xml_case(NOT_VALID, "DIGEST_MISMATCH")
def another_time_of_signing(xml: str) -> str:
    return re.sub("SigningTime>20..", "SigningTime>2019", xml)


def wrapped(xml: str, name: str) -> str:
    """Put forged properties, with an identifier, in the place of the signed ones."""
    start = xml.index("<xades:SignedProperties")
    end = xml.index("</xades:QualifyingProperties>")
    genuine = xml[start:end]
    forged = genuine.replace("SigningTime>20", "SigningTime>19")
    xml = xml.replace(genuine, forged.replace("S0-P", name))
    moved = f"<ds:Object>{genuine}</ds:Object></ds:Signature>"
    return xml.replace("</ds:Signature>", moved)


@xml_case(CANT_SAY, "DUPLICATE_ID")
def the_signed_properties_beside_forged_ones(xml: str) -> str:
    """Signature wrapping: the reference still finds what was signed."""
    return wrapped(xml, "S0-P")


@xml_case(CANT_SAY, "UNSUPPORTED")
def the_signed_properties_elsewhere(xml: str) -> str:
    return wrapped(xml, "S0-X")


@xml_case(CANT_SAY, "UNSUPPORTED")
def a_comment_in_a_signed_value(xml: str) -> str:
    """It is signed without the comment, and read up to it."""
    return xml.replace("Z</xades:SigningTime>", "<!---->Z</xades:SigningTime>")


@case(CANT_SAY, "UNSUPPORTED")
async def a_signature_whose_file_is_the_attributes_of_another(maker: Maker) -> File:
    info = asn1_cms.ContentInfo.load(await maker.detached(b"Sopimus"))
    [signer] = info["content"]["signer_infos"]
    attributes = signer["signed_attrs"].untag().dump()
    signer["signed_attrs"] = None
    return attributes, info.dump(force=True)


@case(CANT_SAY, "UNSUPPORTED")
async def a_reference_that_transforms_its_file(maker: Maker) -> File:
    transforms = (
        '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/'
        'REC-xslt-19991116"/></ds:Transforms><ds:DigestMethod'
    )
    return with_signature(
        await maker.container(),
        lambda xml: xml.replace("<ds:DigestMethod", transforms, 1),
    )


@xml_case(CANT_SAY, "WEAK_ALGORITHM")
def a_digest_by_sha_1(xml: str) -> str:
    return xml.replace(
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2000/09/xmldsig#sha1",
    )


@case(NOT_VALID, "CERTIFICATE_SWAPPED")
async def another_certificate_in_a_container(maker: Maker) -> File:
    other = base64.b64encode(issue(maker.ca, serial_number=77).der).decode()
    own = base64.b64encode(maker.leaf.der).decode()
    return with_signature(await maker.container(), lambda xml: xml.replace(own, other))
