# SPDX-License-Identifier: MIT
"""Good and bad signed files, and what is to be said of each."""

import asyncio
import base64
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

from pyhanko.sign.fields import MDPPerm

from kortilla.signing.verification import Verdict
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
    signature_of,
    updated,
    with_signature,
)
from tests.kortilla.signing.forged_files import (
    FORM,
    LISTED,
    NAME_FIELD,
    OTHER_PAGE,
    RETITLE,
    SHOWN,
    altered,
    attributes_as_content,
    commented,
    end_of,
    fill_in,
    in_another_alphabet,
    over_exclusive_xml,
    renamed,
    revised,
    show_all,
    signed_by,
    titled,
    two_files_of_one_name,
    with_a_hole,
    with_content,
    with_fields,
    with_more_packed,
    with_other_sizes,
    with_other_value,
    with_packed_object,
    with_stream_of_references,
    with_two_places,
    without_entries,
    wrapped,
)
from tests.kortilla.signing_parts import make_pdf

VALID, NOT_VALID, CANT_SAY = Verdict.VALID, Verdict.NOT_VALID, Verdict.CANT_SAY

#: A signed file, or a file and its detached signature.
File = bytes | tuple[bytes | None, bytes]
Change = Callable[[Any], Any]

#: Only read leniently.
SLOPPY = make_pdf().replace(b"/Size 5", b"/Size 4")
XFA = make_pdf(catalog="/AcroForm<</Fields[]/XFA(a)>>")
BOMB = '<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
TRANSFORMS = f'<ds:Transforms><ds:Transform Algorithm="{XSLT}"/></ds:Transforms>'
NOT_CADES = b'<ASiCManifest xmlns="http://uri.etsi.org/02918/v1.2.1#"/>'
NO_MANIFEST: dict[str, bytes | None] = {"META-INF/manifest.xml": None}
MILLION, FOUR_BILLION, ONE = (
    each.to_bytes(4, "little") for each in (1_000_000, 4_000_000_000, 1)
)


def beside_signatures(name: str, content: bytes) -> Change:
    """Return what adds a file to META-INF."""
    return lambda signed: repacked(signed, None, (f"META-INF/{name}", content))


async def again(maker: Maker, making: Awaitable[bytes], **more: Any) -> bytes:
    """Sign a PDF that is being made."""
    return await maker.pdf(await making, **more)


async def then(making: Awaitable[bytes], change: Change) -> Any:
    return change(await making)


async def by_author(
    maker: Maker, pdf: bytes, permission: MDPPerm | None = None
) -> bytes:
    return await asyncio.to_thread(certified, pdf, maker.leaf, permission)


async def swapped(maker: Maker) -> bytes:
    """Put another certificate into a container."""
    own, other = (
        base64.b64encode(each.der).decode()
        for each in (maker.leaf, issue(maker.ca, serial_number=77))
    )
    return with_signature(await maker.container(), lambda xml: xml.replace(own, other))


#: What the changes are of. The last one has a file that no signature needs to cover.
BASES: dict[str, Callable[[Maker], Awaitable[Any]]] = {
    "pdf": lambda maker: maker.pdf(),
    "container": lambda maker: maker.container(),
    "signature of Sopimus": lambda maker: maker.detached(b"Sopimus"),
    "more": lambda maker: then(
        maker.container({SHOWN: b"Sopimus"}),
        lambda signed: repacked(signed, None, (LISTED, b"0\x0cVELKA 100000")),
    ),
}
#: By what is changed, the verdict, and the codes: the files, and how each is made. What
#: is "made" is a function of the maker, and "xml" is that of a container's signature.
TABLE: dict[tuple[str, Verdict, str], dict[str, Change]] = {
    ("made", VALID, ""): {
        "a pdf with a visible mark": lambda maker: maker.pdf(visible=True),
        "a pdf whose author allows a second signature": lambda maker: again(
            maker, by_author(maker, make_pdf(), MDPPerm.FILL_FORMS)
        ),
        # As DigiDoc4j and others sign.
        "a container signed over exclusive canonical xml": over_exclusive_xml,
        "a signature that names its algorithms twice": signed_by(protected="sha384"),
        # Some programs sign them so, although it is not DER.
        "a signature of attributes in another order": signed_by(unsorted=True),
    },
    ("made", VALID, "MARK_ADDED"): {
        "a pdf signed twice": lambda maker: again(maker, maker.pdf(), visible=True),
    },
    ("made", CANT_SAY, "XFA_FORM"): {
        "a signed xfa form": lambda maker: by_author(maker, XFA, MDPPerm.ANNOTATE)
    },
    ("made", NOT_VALID, "CHANGED_AFTER_SIGNING"): {
        "a form filled in although its author forbids it": lambda maker: then(
            by_author(maker, FORM, MDPPerm.NO_CHANGES), fill_in
        ),
        "a pdf changed before the second signature": lambda maker: again(
            maker, then(maker.pdf(), lambda pdf: updated(pdf, replace_text))
        ),
        # A shadow attack: the other page's text was in the file that was signed.
        "a pdf that shows content hidden before signing": lambda maker: then(
            maker.pdf(make_pdf(catalog="/Hidden 3 0 R")), show_all
        ),
        "a form filled in after it was signed": lambda maker: then(
            maker.pdf(FORM), fill_in
        ),
        # The author did not sign what it says then.
        "a form whose author allows to fill it in": lambda maker: then(
            by_author(maker, FORM, MDPPerm.FILL_FORMS), fill_in
        ),
    },
    ("made", NOT_VALID, "CERTIFICATE_SWAPPED"): {
        "another certificate in a container": swapped,
        "a detached signature for another certificate": signed_by(other=True),
        "a detached signature for another serial number": signed_by(serial=7),
    },
    ("made", CANT_SAY, "TOO_LARGE"): {
        "a zip bomb": lambda maker: then(
            maker.container({"a.txt": bytes(1_000_000)}),
            lambda signed: signed.replace(MILLION, FOUR_BILLION),
        ),
    },
    ("made", CANT_SAY, "IRREGULAR"): {
        # PDFium shows nothing of the objects beyond the size.
        "a pdf that is only read leniently": lambda maker: by_author(maker, SLOPPY),
        "a zip bomb that states a small size": lambda maker: then(
            maker.container({"a.txt": bytes(1_000_000)}),
            lambda signed: signed.replace(MILLION, ONE),
        ),
        # bsdtar writes seven octets of the file, and unzip none.
        "a container whose header has other sizes of zip64": lambda maker: then(
            maker.container({SHOWN: b"Sopimus, joka jatkuu"}), with_other_sizes
        ),
        # Some programs take it for broken, and show nothing of it.
        "a pdf with a table after a stream of references": with_stream_of_references,
    },
    # ------------------------------------------------------------------- a signed PDF
    ("pdf", VALID, ""): {
        "a signed pdf": lambda pdf: pdf,
        "a pdf with another date and blanks at its end": (
            lambda pdf: titled(pdf) + b" \0\r\n"
        ),
    },
    ("pdf", NOT_VALID, "NOT_SIGNED"): {
        "a pdf that nobody signed": lambda _: make_pdf()
    },
    ("pdf", NOT_VALID, "DIGEST_MISMATCH"): {
        "a pdf with another text": lambda pdf: pdf.replace(b"(Sopimus)", b"(Sopimaa)")
    },
    ("pdf", NOT_VALID, "DIGEST_MISMATCH PART_NOT_SIGNED"): {
        "a pdf with a hole in what is signed": with_a_hole
    },
    ("pdf", NOT_VALID, "SIGNATURE_BROKEN"): {
        "a pdf with another signature value": with_other_value
    },
    ("pdf", NOT_VALID, "CHANGED_AFTER_SIGNING"): {
        "a pdf with another title": lambda pdf: titled(
            pdf, RETITLE.replace("ModDate", "Title")
        ),
        "a pdf with data at its end": (
            lambda pdf: pdf + b"4 0 obj\n<</Type/Page>>\nendobj\n"
        ),
        "a pdf whose text an update replaces": lambda pdf: updated(pdf, replace_text),
        "a pdf whose text an update covers": lambda pdf: updated(pdf, cover_with_note),
        # Other programs read the startxref that comes last.
        "a pdf with an update that lacks its end": (
            lambda pdf: revised(pdf, OTHER_PAGE, end="\n")
        ),
        "a retitled pdf with an update that lacks its end": (
            lambda pdf: revised(titled(pdf), OTHER_PAGE, end="\n")
        ),
    },
    ("pdf", CANT_SAY, "ENCRYPTED"): {
        "an encrypted pdf": lambda _: encrypted(make_pdf())
    },
    ("pdf", CANT_SAY, "BROKEN"): {
        "a pdf that is cut off in its first part": lambda pdf: pdf[:400],
        "a field whose name is a number": lambda pdf: renamed(pdf, b"7"),
        "a field whose name is a truth value": lambda pdf: renamed(pdf, b"true"),
        "a field whose name is an array": lambda pdf: renamed(pdf, b"[7]"),
    },
    ("pdf", CANT_SAY, "IRREGULAR"): {
        "a pdf that is cut off": lambda pdf: pdf[:900],
        # A program that looks through the whole file finds the page after it.
        "a pdf that ends like its earlier revision": lambda pdf: revised(
            titled(pdf), OTHER_PAGE, end=f"\nstartxref\n{end_of(titled(pdf))}\n%%EOF\n"
        ),
        # A program that finds the table broken looks for objects by itself.
        "a pdf with an object that no table names": (
            lambda pdf: titled(pdf, unnamed=OTHER_PAGE)
        ),
        # It unpacks those too.
        "a pdf with a packed object that no table names": with_packed_object,
        "a pdf with data between an object and the table": (
            lambda pdf: titled(pdf, unnamed="VELKA\n")
        ),
        # Programs differ in which of a table's lines they take.
        "a pdf with two places of an object": with_two_places,
    },
    # ----------------------------------------------------------- a detached signature
    ("signature of Sopimus", VALID, ""): {
        "a detached signature with its file": lambda p7s: (b"Sopimus", p7s)
    },
    ("signature of Sopimus", NOT_VALID, "DIGEST_MISMATCH"): {
        "a detached signature of another file": lambda p7s: (b"Toinen", p7s),
        # Other programs show the one that it contains.
        "a detached signature that contains another file": (
            lambda p7s: (b"Sopimus", with_content(p7s, b"VELKA 100000"))
        ),
    },
    ("signature of Sopimus", CANT_SAY, "NO_CONTENT"): {
        "a detached signature alone": lambda p7s: (None, p7s)
    },
    ("signature of Sopimus", CANT_SAY, "BROKEN"): {
        "a detached signature that is cut off": lambda p7s: (b"Sopimus", p7s[:-9])
    },
    ("signature of Sopimus", CANT_SAY, "UNSUPPORTED"): {
        "a signature whose file is the attributes of another": attributes_as_content
    },
    ("made", CANT_SAY, "WEAK_ALGORITHM"): {
        "a detached signature by sha 1": signed_by("sha1", "sha1", "sha1"),
    },
    # RFC 5652 §5.3 and §11.2, RFC 8933 §3, RFC 6211.
    ("made", CANT_SAY, "ALGORITHMS_DIFFER"): {
        "a content by a shorter hash function": signed_by("sha256", "sha256"),
        "a content by a longer hash function": signed_by("sha512", "sha512"),
        "attributes by a shorter hash function": signed_by(of_attributes="sha256"),
        "a content by another hash function than is named": signed_by(
            of_content="sha256"
        ),
        "a content by sha 3": signed_by("sha3_384", "sha3_384"),
        "another hash function in the attribute that protects it": signed_by(
            protected="sha256"
        ),
    },
    ("made", CANT_SAY, "ALGORITHMS_DIFFER WEAK_ALGORITHM"): {
        "a content by sha 1": signed_by("sha1", "sha1"),
    },
    # --------------------------------------------------------------- no signed format
    ("pdf", CANT_SAY, "NOT_A_SIGNED_FORMAT"): {
        "an empty file": lambda _: b"",
        "a text": lambda _: b"Sopimus",
        "a zip that is no container": without_entries,
    },
    ("pdf", CANT_SAY, "TOO_LARGE"): {"a huge file": lambda _: bytes(MAX_BYTES + 1)},
    # -------------------------------------------------- a container of a.txt and ä&.txt
    ("container", VALID, ""): {
        "a container": lambda signed: signed,
        "a container with evidence": beside_signatures(
            "evidencerecord.xml",
            b'<EvidenceRecord xmlns="urn:ietf:params:xml:ns:ers"/>',
        ),
        "a container whose type comes last": lambda signed: repacked(
            signed, {"mimetype": None}, ("mimetype", b"application/vnd.etsi.asic-e+zip")
        ),
    },
    ("container", NOT_VALID, "DIGEST_MISMATCH"): {
        "a container with another text": lambda signed: repacked(
            signed, {"a.txt": b"x"}
        )
    },
    ("container", NOT_VALID, "FILE_MISSING"): {
        "a container that lacks a file": lambda signed: repacked(
            signed, {"a.txt": None, **NO_MANIFEST}
        )
    },
    ("container", NOT_VALID, "FILE_NOT_SIGNED"): {
        "a container with a file that is not signed": lambda signed: repacked(
            signed, NO_MANIFEST, ("velka.txt", b"")
        )
    },
    ("container", NOT_VALID, "NOT_SIGNED"): {
        "a container without a signature": lambda signed: repacked(
            signed, {SIGNATURES: None}
        )
    },
    ("container", CANT_SAY, "DUPLICATE_NAME"): {
        "a container with two manifests": lambda signed: repacked(
            signed, None, ("META-INF/Manifest.xml", b"<a/>")
        ),
        "a container with two files of one name": two_files_of_one_name,
    },
    ("container", CANT_SAY, "UNKNOWN_FILE"): {
        f"a container with META-INF/{name}": beside_signatures(name, content)
        for name, content in {
            "velka.pdf": make_pdf("Velka"),
            "velka/": b"",
            "velka.tst": b"VELKA 100000",
            "container.xml": b"<a/>",
            "evidencerecord.xml": b"<html>Velka</html>",
            "ASiCArchiveManifest.xml": b"<html>Velka</html>",
        }.items()
    },
    ("container", CANT_SAY, "UNSAFE_NAME"): {
        "a container that would write elsewhere": lambda signed: repacked(
            signed, None, ("../../.bashrc", b"x")
        )
    },
    ("container", CANT_SAY, "UNSUPPORTED"): {
        "a container with cades": lambda signed: repacked(
            signed, {SIGNATURES: None}, ("META-INF/ASiCManifest1.xml", NOT_CADES)
        )
    },
    ("container", CANT_SAY, "BROKEN"): {
        "xml in another encoding": lambda signed: repacked(
            signed,
            {SIGNATURES: signature_of(signed).partition("?>")[2].encode("utf-16")},
        )
    },
    ("container", CANT_SAY, "IRREGULAR"): {
        "a container whose manifest lists other files": lambda signed: repacked(
            signed, None, ("velka.txt", b"")
        ),
        "a container with data before it": lambda signed: b"PK" + signed,
        "a container whose header shows another file": lambda signed: with_more_packed(
            signed, "a.txt", make_pdf("Velka"), header=False
        ),
        "a container with data after a packed file": lambda signed: with_more_packed(
            signed, "a.txt", make_pdf("Velka"), header=True
        ),
        # unzip makes a link to the file that the content names.
        "a container whose file becomes a link": (
            lambda signed: altered(signed, {38: b"\0\0\xff\xa1"})
        ),
        # Without the flag for UTF-8, programs read other letters.
        "a container with a name in another alphabet": in_another_alphabet,
    },
    # --------------------------------------------- a container with one file more
    ("more", VALID, ""): {
        "a container with a timestamp": lambda signed: signed,
        "a container with a comment": lambda signed: commented(signed, b"obj.pdf"),
        "a container with times and owners": lambda signed: with_fields(
            signed, {0x5455: bytes(5), 0x7875: bytes(11)}, header=True, listed=True
        ),
    },
    ("more", CANT_SAY, "ARCHIVE_INSIDE"): {
        "a container with a pdf as its comment": lambda signed: commented(
            signed, make_pdf("Velka")
        ),
        "a container with a pdf in a field of its header": lambda signed: with_fields(
            signed, {0xCAFE: make_pdf("Velka")}, header=True, listed=False
        ),
        "a container with a pdf in a field of its directory": lambda signed: (
            with_fields(signed, {0xCAFE: make_pdf("Velka")}, header=False, listed=True)
        ),
    },
    ("more", CANT_SAY, "IRREGULAR"): {
        # bsdtar and file managers write it over the signed file.
        "a container whose header has another name": (
            lambda signed: signed.replace(LISTED.encode(), SHOWN.encode(), 1)
        ),
        # unzip and 7z write it over the signed file.
        "a container with another name in a field of its directory": (
            lambda signed: with_fields(signed, NAME_FIELD, header=False, listed=True)
        ),
        "a container with another name in a field of its header": (
            lambda signed: with_fields(signed, NAME_FIELD, header=True, listed=False)
        ),
        "a container with a patched file": lambda signed: altered(signed, {8: b"\x20"}),
    },
    # --------------------------------------------- the XML of a container's signature
    ("xml", NOT_VALID, "SIGNATURE_BROKEN"): {
        "another signature value": lambda xml: re.sub(
            "(SignatureValue Id=.S0-V.>)[^<]*",
            rf"\g<1>{base64.b64encode(bytes(range(96))).decode()}",
            xml,
        )
    },
    ("xml", NOT_VALID, "DIGEST_MISMATCH"): {
        "another time of signing": (
            lambda xml: re.sub("SigningTime>20..", "SigningTime>2019", xml)
        )
    },
    ("xml", CANT_SAY, "BROKEN"): {
        "xml that declares another encoding than it has": lambda xml: xml.replace(
            "UTF-8", "UTF-16", 1
        ),
    },
    ("xml", CANT_SAY, "FORBIDDEN_XML"): {
        "an xml bomb": lambda xml: xml.replace("<asic:", BOMB + "<asic:", 1),
        "external entities": lambda xml: xml.replace("<asic:", OUTSIDE + "<asic:", 1),
    },
    # Signature wrapping: the reference still finds what was signed.
    ("xml", CANT_SAY, "DUPLICATE_ID"): {
        "the signed properties beside forged ones": lambda xml: wrapped(xml, "S0-P")
    },
    ("xml", CANT_SAY, "UNSUPPORTED"): {
        "the signed properties elsewhere": lambda xml: wrapped(xml, "S0-X"),
        # It is signed without the comment, and read up to it.
        "a comment in a signed value": lambda xml: xml.replace(
            "Z</xades:SigningTime>", "<!---->Z</xades:SigningTime>"
        ),
        "a reference that transforms its file": lambda xml: xml.replace(
            "<ds:DigestMethod", TRANSFORMS + "<ds:DigestMethod", 1
        ),
    },
    ("xml", CANT_SAY, "WEAK_ALGORITHM"): {
        "a digest by sha 1": lambda xml: xml.replace(
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
            "http://www.w3.org/2000/09/xmldsig#sha1",
        )
    },
}
#: The same by the names of the files.
CASES = {
    name: (base, change, verdict, set(codes.split()))
    for (base, verdict, codes), files in TABLE.items()
    for name, change in files.items()
}


async def made(what: str, maker: Maker) -> tuple[bytes | None, bytes | None]:
    """Return a file of the table, and its detached signature, if it has one."""
    base, change, *_ = CASES[what]
    if base == "xml":
        file = with_signature(await maker.container(), change)
    else:
        file = change(maker if base == "made" else await BASES[base](maker))
        if inspect.isawaitable(file):
            file = await file
    return file if isinstance(file, tuple) else (file, None)
