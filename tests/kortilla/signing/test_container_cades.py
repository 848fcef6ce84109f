# SPDX-License-Identifier: MIT
"""CAdES signatures in containers, and other containers than Kortilla's own."""

import hashlib
import io
import re
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from kortilla.signing.verification import Verdict, verify_document, verify_path
from kortilla.signing.verification.container import MIMETYPE, SIMPLE
from tests.kortilla.signed_files import Maker, repacked, with_signature
from tests.kortilla.signing.forged_files import with_content
from tests.kortilla.signing.test_verification import said
from tests.kortilla.signing.verified_files import CANT_SAY, NOT_VALID, VALID
from tests.kortilla.signing_parts import GOOD, b64, make_pdf

A, B = "sopimus 1.txt", "liite ä.txt"
FILES = {A: b"Sopimus", B: b"Liite"}
MANIFEST, P7S = "META-INF/ASiCManifest001.xml", "META-INF/signature001.p7s"
SHA_256 = "http://www.w3.org/2001/04/xmlenc#sha256"
PDF = make_pdf()


def manifest_of(files: dict[str, bytes], *, signature: str = P7S) -> bytes:
    """Return a manifest with the digests of files (EN 319 162-1 §A.4)."""
    xml = (
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" '
        'xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f'<asic:SigReference URI="{signature}"/>'
    )
    for name, content in files.items():
        digest = b64(hashlib.sha256(content).digest())
        xml += (
            f'<asic:DataObjectReference URI="{quote(name)}">'
            f'<ds:DigestMethod Algorithm="{SHA_256}"/>'
            f"<ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"
        )
    return f"{xml}</asic:ASiCManifest>".encode()


def packed(files: dict[str, bytes], kind: str = MIMETYPE) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as container:
        for name, content in {"mimetype": kind.encode(), **files}.items():
            container.writestr(name, content)
    return output.getvalue()


async def signed(maker: Maker, manifest: bytes | None = None) -> bytes:
    """Return ASiC-E with CAdES."""
    manifest = manifest or manifest_of(FILES)
    signature = await maker.detached(manifest)
    return packed({**FILES, MANIFEST: manifest, P7S: signature})


async def simple(
    maker: Maker, files: dict[str, bytes] | None = None, *, of: bytes = b"Sopimus"
) -> bytes:
    """Return ASiC-S with CAdES."""
    signature = await maker.detached(of)
    files = files or {A: b"Sopimus"}
    return packed({**files, "META-INF/signature.p7s": signature}, SIMPLE)


async def simple_with_xades(maker: Maker) -> bytes:
    """Return ASiC-S with XAdES."""
    own = await maker.container({A: b"Sopimus"})
    return repacked(own, {"mimetype": SIMPLE.encode()})


async def by_one_more(maker: Maker) -> bytes:
    """Return a container that a second signer signed with the first signature."""
    first = manifest_of(FILES)
    signature = await maker.detached(first)
    files = {**FILES, MANIFEST: first, P7S: signature}
    other = "META-INF/signature002.p7s"
    second = manifest_of(files, signature=other)
    files |= {"META-INF/ASiCManifest002.xml": second}
    return packed({**files, other: await maker.detached(second)})


def changed(
    making: Callable[[Maker], Awaitable[bytes]],
    changes: dict[str, bytes | None],
    *more: tuple[str, bytes],
) -> Callable[[Maker], Awaitable[bytes]]:
    async def make(maker: Maker) -> bytes:
        return repacked(await making(maker), changes, *more)

    return make


def rewritten(change: Callable[[str], str]) -> Callable[[Maker], Awaitable[bytes]]:
    """Sign a manifest that was rewritten before."""

    async def make(maker: Maker) -> bytes:
        return await signed(maker, change(manifest_of(FILES).decode()).encode())

    return make


def own(change: Callable[[str], str]) -> Callable[[Maker], Awaitable[bytes]]:
    """Rewrite the XML of Kortilla's own container, which breaks its signature."""

    async def make(maker: Maker) -> bytes:
        return with_signature(await maker.container({A: b"Sopimus"}), change)

    return make


POLICY = (
    "<xades:SignaturePolicyIdentifier><xades:SignaturePolicyId><xades:SigPolicyId>"
    "<xades:Identifier>urn:oid:1.3.6.1.4.1.10015.1000.3.2.1</xades:Identifier>"
    "</xades:SigPolicyId></xades:SignaturePolicyId></xades:SignaturePolicyIdentifier>"
    "</xades:SignedSignatureProperties>"
)
OTHER_TYPE = (
    '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    f'<file-entry full-path="{A}" media-type="{{}}"/></manifest>'
)
OWN_MANIFEST = "META-INF/manifest.xml"
#: How each container is made, and what is said of it.
CASES: dict[str, tuple[Callable[[Maker], Awaitable[bytes]], Verdict, str]] = {
    "asic-e": (signed, VALID, ""),
    "asic-e signed by one more": (by_one_more, VALID, ""),
    "asic-s": (simple, VALID, ""),
    "asic-s with xades": (simple_with_xades, VALID, ""),
    "a mark of the byte order": (
        changed(signed, {"mimetype": b"\xef\xbb\xbf" + MIMETYPE.encode()}),
        VALID,
        "",
    ),
    "a manifest without a namespace": (
        changed(simple_with_xades, {OWN_MANIFEST: OTHER_TYPE.format("").encode()}),
        VALID,
        "",
    ),
    "another type in the manifest": (
        changed(
            simple_with_xades, {OWN_MANIFEST: OTHER_TYPE.format("image/png").encode()}
        ),
        CANT_SAY,
        "IRREGULAR",
    ),
    "another text": (changed(signed, {A: b"Velka"}), NOT_VALID, "DIGEST_MISMATCH"),
    "another text, and its digest in the manifest": (
        changed(
            signed,
            {A: b"Velka", MANIFEST: manifest_of(FILES | {A: b"Velka"})},
        ),
        NOT_VALID,
        "DIGEST_MISMATCH",
    ),
    "a missing file": (changed(signed, {A: None}), NOT_VALID, "FILE_MISSING"),
    "a file more": (
        changed(signed, {}, ("velka.txt", b"")),
        NOT_VALID,
        "FILE_NOT_SIGNED",
    ),
    "a manifest of one file": (
        rewritten(lambda xml: manifest_of({A: FILES[A]}).decode()),
        NOT_VALID,
        "FILE_NOT_SIGNED",
    ),
    "a second manifest of the signature": (
        changed(signed, {}, ("META-INF/ASiCManifest002.xml", manifest_of(FILES))),
        CANT_SAY,
        "IRREGULAR",
    ),
    "a signature without a manifest": (
        changed(signed, {MANIFEST: None}),
        CANT_SAY,
        "UNSUPPORTED",
    ),
    "a manifest of no file": (
        rewritten(lambda xml: manifest_of({}).decode()),
        CANT_SAY,
        "UNSUPPORTED",
    ),
    "a critical extension": (
        rewritten(
            lambda xml: xml.replace(
                "</asic:ASiCM",
                '<asic:ASiCManifestExtension Critical="true"/></asic:ASiCM',
            )
        ),
        CANT_SAY,
        "UNSUPPORTED",
    ),
    "a digest by sha 1": (
        rewritten(
            lambda xml: xml.replace(SHA_256, "http://www.w3.org/2000/09/xmldsig#sha1")
        ),
        CANT_SAY,
        "WEAK_ALGORITHM",
    ),
    "a digest by sha 224": (
        rewritten(lambda xml: re.sub("#sha256", "#sha224", xml)),
        CANT_SAY,
        "WEAK_ALGORITHM",
    ),
    "an xml bomb": (
        rewritten(lambda xml: "<!DOCTYPE a>" + xml),
        CANT_SAY,
        "FORBIDDEN_XML",
    ),
    "a broken signature": (changed(signed, {P7S: b"0"}), CANT_SAY, "BROKEN"),
    "asic-s with another text": (
        changed(simple, {A: b"Velka"}),
        NOT_VALID,
        "DIGEST_MISMATCH",
    ),
    "asic-s with two files": (
        changed(simple, {}, ("velka.txt", b"")),
        CANT_SAY,
        "IRREGULAR",
    ),
    "asic-s with a timestamp, too": (
        changed(simple, {}, ("META-INF/timestamp.tst", b"0\0")),
        CANT_SAY,
        "IRREGULAR",
    ),
    "asic-s without a file": (changed(simple, {A: None}), CANT_SAY, "IRREGULAR"),
    # What it contains may be signed; that is not looked into.
    "asic-s with a timestamp only": (
        changed(
            simple, {"META-INF/signature.p7s": None}, ("META-INF/timestamp.tst", b"0\0")
        ),
        CANT_SAY,
        "UNSUPPORTED",
    ),
    "asic-s with nothing": (
        changed(simple, {"META-INF/signature.p7s": None}),
        NOT_VALID,
        "NOT_SIGNED",
    ),
    "a time-mark of bdoc": (
        own(lambda xml: xml.replace("</xades:SignedSignatureProperties>", POLICY)),
        NOT_VALID,
        "DIGEST_MISMATCH UNSUPPORTED",
    ),
}


@pytest.mark.parametrize("what", CASES)
async def test_containers_of_other_programs_are_told_from_forgeries(
    maker: Maker, what: str
) -> None:
    make, verdict, codes = CASES[what]
    report = await verify_document(
        await make(maker), trusted=maker.trusted, revocation=GOOD
    )
    assert said(report) == (verdict, set(codes.split())), report
    if verdict is VALID:
        assert report.files
        assert {each.files for each in report.signatures} == {report.files}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("a.asics", VALID), ("a.SCS", VALID), ("a.pdf", CANT_SAY), ("a.txt", CANT_SAY)],
)
async def test_a_container_is_judged_under_the_names_of_containers(
    maker: Maker, tmp_path: Path, name: str, verdict: Verdict
) -> None:
    path = tmp_path / name
    path.write_bytes(await simple(maker))
    report = await verify_path(path, trusted=maker.trusted, revocation=GOOD)
    assert report.verdict is verdict


async def test_a_p7m_contains_its_file_which_may_be_a_pdf(
    maker: Maker, tmp_path: Path
) -> None:
    path = tmp_path / "a.pdf.p7m"
    path.write_bytes(with_content(await maker.detached(PDF), PDF))
    report = await verify_path(path, trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (VALID, set())
    # Under the name of a PDF, viewers show what is inside.
    other = tmp_path / "a.pdf"
    other.write_bytes(path.read_bytes())
    report = await verify_path(other, trusted=maker.trusted, revocation=GOOD)
    assert report.verdict is CANT_SAY
    # Another file beside it is not the one that was signed.
    other.write_bytes(make_pdf("Velka"))
    report = await verify_path(path, trusted=maker.trusted, revocation=GOOD)
    assert said(report) == (NOT_VALID, {"DIGEST_MISMATCH"})
