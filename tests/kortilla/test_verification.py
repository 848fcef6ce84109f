# SPDX-License-Identifier: MIT
"""What is said of good and bad signed files: valid, not valid, or can't say."""

import asyncio
import base64
import io
import os
import random
import re
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import MDPPerm

from kortilla.errors import (
    TrustConfigurationError,
    UserCertificateOCSPCheckFailedError,
    UserCertificateRevokedError,
)
from kortilla.revocation import CertificatePath
from kortilla.signing import cms, xades
from kortilla.signing.processes import PdfProcesses
from kortilla.signing.validation_data import ValidationData
from kortilla.signing.verification import (
    CODES,
    DocumentReport,
    TrustedCAs,
    Verdict,
    document,
    verify_document,
    verify_path,
)
from kortilla.testing import KortillaCard
from kortilla.testing.authority import Authority
from kortilla.validation.identity import Identity
from kortilla.validation.leaf import load_leaf
from tests.kortilla.pki import AUTHENTICATION, CA, key
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
from tests.kortilla.test_signing_long_term import lists, stamper

TODAY = datetime.now(UTC).replace(microsecond=0)
#: What each signature by a test card has that is not timestamped.
USUAL = {"CLAIMED_TIME", "REVOCATION_NOT_ASKED", "TEST_CARD"}


@pytest.fixture(scope="module")
def maker(ca: CA) -> Maker:
    return Maker(issue(ca), ca)


async def unchecked(certificate: bytes, **_: Any) -> Identity:
    """Take a signer whose certificate no program would sign with."""
    leaf = load_leaf(certificate)
    return Identity.from_certificate(leaf, leaf.issuer, assurance="unknown", policy="")


def codes(report: DocumentReport) -> set[str]:
    """Return all codes except those that each signature has."""
    found = [*report.problems]
    for each in report.signatures:
        found += each.problems
    return {each.code for each in found} - USUAL


File = bytes | tuple[bytes | None, bytes]
Made = Callable[[Maker], Awaitable[File]]
CASES: dict[str, tuple[Made, Verdict, set[str]]] = {}


def case(verdict: Verdict, *found: str) -> Callable[[Made], Made]:
    """Put a file into the table, with what is to be said of it."""

    def put(made: Made) -> Made:
        CASES[made.__name__.replace("_", " ")] = made, verdict, set(found)
        return made

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
    return bytes(100_000_001)


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


@case(CANT_SAY, "BROKEN")
async def a_zip_bomb_that_states_a_small_size(maker: Maker) -> File:
    container = await maker.container({"a.txt": bytes(1_000_000)})
    size = (1_000_000).to_bytes(4, "little")
    return container.replace(size, (1).to_bytes(4, "little"))


@case(CANT_SAY, "IRREGULAR")
async def a_container_with_data_before_it(maker: Maker) -> File:
    return b"PK" + await maker.container()


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


@case(CANT_SAY, "FORBIDDEN_XML")
async def an_xml_bomb(maker: Maker) -> File:
    return with_signature(
        await maker.container(), lambda xml: xml.replace("<asic:", BOMB + "<asic:", 1)
    )


@case(CANT_SAY, "FORBIDDEN_XML")
async def external_entities(maker: Maker) -> File:
    return with_signature(
        await maker.container(),
        lambda xml: xml.replace("<asic:", OUTSIDE + "<asic:", 1),
    )


@case(CANT_SAY, "BROKEN")
async def xml_in_another_encoding(maker: Maker) -> File:
    container = await maker.container()
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        xml = opened.read(SIGNATURES).decode().partition("?>")[2]
    return repacked(container, {SIGNATURES: xml.encode("utf-16")})


@case(NOT_VALID, "SIGNATURE_BROKEN")
async def another_signature_value(maker: Maker) -> File:
    return with_signature(
        await maker.container(),
        lambda xml: re.sub(
            "(SignatureValue Id=.S0-V.>)[^<]*",
            rf"\g<1>{base64.b64encode(bytes(range(96))).decode()}",
            xml,
        ),
    )


@case(NOT_VALID, "DIGEST_MISMATCH")
async def another_time_of_signing(maker: Maker) -> File:
    return with_signature(
        await maker.container(),
        lambda xml: re.sub("SigningTime>20..", "SigningTime>2019", xml),
    )


@case(CANT_SAY, "DUPLICATE_ID")
async def the_signed_properties_beside_forged_ones(maker: Maker) -> File:
    """Signature wrapping: the reference still finds what was signed."""

    def wrap(xml: str) -> str:
        start = xml.index("<xades:SignedProperties")
        end = xml.index("</xades:QualifyingProperties>")
        genuine = xml[start:end]
        forged = genuine.replace("SigningTime>20", "SigningTime>19")
        xml = xml.replace(genuine, forged)
        moved = f"<ds:Object>{genuine}</ds:Object></ds:Signature>"
        return xml.replace("</ds:Signature>", moved)

    return with_signature(await maker.container(), wrap)


@case(CANT_SAY, "UNSUPPORTED")
async def the_signed_properties_elsewhere(maker: Maker) -> File:
    def wrap(xml: str) -> str:
        start = xml.index("<xades:SignedProperties")
        end = xml.index("</xades:QualifyingProperties>")
        genuine = xml[start:end]
        forged = genuine.replace("SigningTime>20", "SigningTime>19")
        xml = xml.replace(genuine, forged.replace("S0-P", "S0-X"))
        moved = f"<ds:Object>{genuine}</ds:Object></ds:Signature>"
        return xml.replace("</ds:Signature>", moved)

    return with_signature(await maker.container(), wrap)


@case(CANT_SAY, "UNSUPPORTED")
async def a_comment_in_a_signed_value(maker: Maker) -> File:
    """It is signed without the comment, and read up to it."""
    return with_signature(
        await maker.container(),
        lambda xml: xml.replace(
            "Z</xades:SigningTime>", "<!---->Z</xades:SigningTime>"
        ),
    )


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


@case(CANT_SAY, "WEAK_ALGORITHM")
async def a_digest_by_sha_1(maker: Maker) -> File:
    return with_signature(
        await maker.container(),
        lambda xml: xml.replace(
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
            "http://www.w3.org/2000/09/xmldsig#sha1",
        ),
    )


@case(NOT_VALID, "CERTIFICATE_SWAPPED")
async def another_certificate_in_a_container(maker: Maker) -> File:
    other = base64.b64encode(issue(maker.ca, serial_number=77).der).decode()
    own = base64.b64encode(maker.leaf.der).decode()
    return with_signature(await maker.container(), lambda xml: xml.replace(own, other))


@pytest.mark.parametrize("what", CASES)
async def test_each_file_has_its_verdict(maker: Maker, what: str) -> None:
    make, verdict, expected = CASES[what]
    made = await make(maker)
    content, signature = made if isinstance(made, tuple) else (made, None)
    report = await verify_document(content, signature=signature, trusted=maker.trusted)
    assert (report.verdict, codes(report)) == (verdict, expected), report
    assert report.exit_status == [VALID, NOT_VALID, CANT_SAY].index(verdict)
    # Without any CA, nothing is valid.
    blind = await verify_document(content, signature=signature, trusted=TrustedCAs())
    assert blind.verdict in {NOT_VALID, CANT_SAY}


def test_the_table_has_good_and_bad_files() -> None:
    verdicts = [verdict for _, verdict, _ in CASES.values()]
    assert len(verdicts) >= 25
    assert min(map(verdicts.count, Verdict)) >= 6
    assert {code for *_, found in CASES.values() for code in found} <= set(CODES)


async def test_a_report_names_signer_time_and_files(maker: Maker) -> None:
    report = await verify_document(await maker.container(), trusted=maker.trusted)
    [signature] = report.signatures
    assert signature.signer
    assert signature.signer.satu == "99902038C"
    assert (signature.issuer, signature.level) == ("test", "B-B")
    assert signature.files == report.files == ("a.txt", "ä&.txt")
    assert signature.time
    assert abs(signature.time - datetime.now(UTC)) < timedelta(minutes=5)
    text = report.to_json()
    assert text["verdict"] == "valid"
    assert text["signatures"][0]["signer"]["givenNames"] == "MAIJA"
    assert text["signatures"][0]["timeSource"] == "claimed"


@pytest.mark.parametrize(
    ("more", "verdict", "expected"),
    [
        ({"policies": ("1.2.246.517.1.10.352.1",)}, VALID, set()),
        ({"policies": ("1.2.3",)}, CANT_SAY, {"OTHER_POLICY"}),
        ({"key_usage": AUTHENTICATION}, NOT_VALID, {"WRONG_PURPOSE"}),
        (
            {"not_after": TODAY - timedelta(days=1)},
            NOT_VALID,
            {"CERTIFICATE_EXPIRED", "CERTIFICATE_OUTSIDE_VALIDITY"},
        ),
        (
            {"not_before": TODAY + timedelta(days=1)},
            NOT_VALID,
            {"CERTIFICATE_OUTSIDE_VALIDITY"},
        ),
    ],
    ids=["citizen", "other policy", "for logging in", "expired", "not yet"],
)
async def test_a_certificate_is_judged(
    ca: CA,
    maker: Maker,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    verdict: Verdict,
    expected: set[str],
) -> None:
    leaf = issue(ca, **more)
    monkeypatch.setattr(cms, "check_signer", unchecked)
    signed = await replace(maker, leaf=leaf).pdf()
    report = await verify_document(signed, trusted=maker.trusted)
    assert (report.verdict, codes(report)) == (verdict, expected)


async def test_a_card_that_has_expired_since_proves_nothing_without_a_timestamp(
    maker: Maker,
) -> None:
    later = TODAY + timedelta(days=60)
    report = await verify_document(await maker.pdf(), trusted=maker.trusted, at=later)
    assert (report.verdict, codes(report)) == (CANT_SAY, {"CERTIFICATE_EXPIRED"})


async def test_a_signature_of_tomorrow_is_not_believed(maker: Maker) -> None:
    before = TODAY - timedelta(days=1)
    report = await verify_document(await maker.pdf(), trusted=maker.trusted, at=before)
    assert (report.verdict, codes(report)) == (CANT_SAY, {"TIME_IN_FUTURE"})


async def test_an_unknown_authority_and_a_forged_one(maker: Maker, ca: CA) -> None:
    stranger = CA.create("SPECIMEN Other CA")
    forger = CA(ca.certificate, key("P-384"))
    for leaf, verdict, code in (
        (issue(stranger, policies=("1.2.3",)), CANT_SAY, "NO_TRUST"),
        (issue(stranger), CANT_SAY, "TEST_CARD_NOT_TRUSTED"),
        (issue(forger), NOT_VALID, "ISSUER_FORGED"),
    ):
        signed = await replace(maker, leaf=leaf).pdf()
        report = await verify_document(signed, trusted=maker.trusted)
        assert (report.verdict, codes(report)) == (verdict, {code})
        assert report.signatures[0].issuer == "unknown"


class Answers:
    """A check of revocation with a given outcome."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked = 0

    async def check(self, path: CertificatePath, *, at: datetime) -> None:
        self.asked += 1
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "verdict", "word", "expected"),
    [
        (None, VALID, "good", set()),
        (
            UserCertificateRevokedError("revoked"),
            NOT_VALID,
            "revoked",
            {"CERTIFICATE_REVOKED"},
        ),
        (
            UserCertificateOCSPCheckFailedError("no answer"),
            CANT_SAY,
            "no-answer",
            {"REVOCATION_UNKNOWN"},
        ),
    ],
    ids=["good", "revoked", "no answer"],
)
async def test_revocation_is_asked_when_it_is_wanted(
    maker: Maker,
    error: Exception | None,
    verdict: Verdict,
    word: str,
    expected: set[str],
) -> None:
    asked = Answers(error)
    report = await verify_document(
        await maker.pdf(), trusted=maker.trusted, revocation=asked
    )
    assert (report.verdict, codes(report)) == (verdict, expected)
    assert (report.signatures[0].revocation, asked.asked) == (word, 1)


async def test_nobody_is_asked_about_a_certificate_of_an_unknown_ca(
    maker: Maker,
) -> None:
    asked = Answers()
    report = await verify_document(
        await maker.pdf(), trusted=TrustedCAs(), revocation=asked
    )
    assert report.verdict == CANT_SAY
    assert asked.asked == 0


@pytest.mark.parametrize("kind", ["pdf", "container", "detached"])
async def test_a_timestamp_proves_the_time_if_its_authority_is_known(
    maker: Maker, kortilla_card: KortillaCard, kind: str
) -> None:
    authority = Authority.open(kortilla_card.folder)
    content, signature = b"a", None
    if kind == "pdf":
        content = await maker.pdf(timestamper=stamper(authority))
    elif kind == "container":
        content = await maker.container(timestamper=stamper(authority))
    else:
        signature = await maker.detached(content, stamper(authority))
    later = TODAY + timedelta(days=60)  # the card has expired
    known = [authority.root_der, authority.issuing_der]
    for at, cas, verdict, source, expected in (
        (TODAY, known, VALID, "timestamp", set()),
        (later, known, VALID, "timestamp", set()),
        (TODAY, [], VALID, "claimed", {"TIMESTAMP_AUTHORITY_UNKNOWN"}),
        (
            later,
            [maker.ca.der],
            CANT_SAY,
            "claimed",
            {"TIMESTAMP_AUTHORITY_UNKNOWN", "CERTIFICATE_EXPIRED"},
        ),
    ):
        report = await verify_document(
            content,
            signature=signature,
            trusted=maker.trusted,
            at=at,
            timestamp_cas=cas,
        )
        [found] = report.signatures
        assert (report.verdict, codes(report)) == (verdict, expected)
        assert (found.time_source, found.level) == (source, "B-T")
        assert found.timestamp
        assert found.timestamp.authority == "SPECIMEN Timestamps"


async def test_a_timestamp_of_another_signature_is_named(
    maker: Maker, kortilla_card: KortillaCard
) -> None:
    authority = Authority.open(kortilla_card.folder)
    tag = re.compile("<xades:EncapsulatedTimeStamp>[^<]*")
    containers = [
        await maker.container(timestamper=stamper(authority)) for _ in range(2)
    ]
    with zipfile.ZipFile(io.BytesIO(containers[0])) as opened:
        [stamp] = tag.findall(opened.read(SIGNATURES).decode())
    mixed = with_signature(containers[1], lambda xml: tag.sub(stamp, xml))
    report = await verify_document(
        mixed, trusted=maker.trusted, timestamp_cas=[authority.issuing_der]
    )
    assert (report.verdict, codes(report)) == (CANT_SAY, {"TIMESTAMP_BROKEN"})
    assert report.signatures[0].level == "B-B"


@pytest.mark.parametrize(
    ("limits", "count", "code"),
    [
        ({"seconds": 1}, 1_200_000, "TOO_SLOW"),
        pytest.param(
            {"memory": 160 << 20, "seconds": 60},
            600_000,
            "TOO_MUCH_MEMORY",
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_a_file_that_takes_too_much_is_given_up_and_named(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], count: int, code: str
) -> None:
    pool = PdfProcesses(**limits)
    monkeypatch.setattr(document, "shared_processes", lambda: pool)
    try:
        report = await verify_document(
            make_pdf(catalog="/A[" + "0 " * count + "]"), trusted=TrustedCAs()
        )
    finally:
        pool.close()
    assert (report.verdict, codes(report)) == (CANT_SAY, {code})


async def test_files_are_read_from_a_folder(maker: Maker, tmp_path: Path) -> None:
    content, trusted = b"Sopimus", maker.trusted
    signature = tmp_path / "a.txt.p7s"
    signature.write_bytes(await maker.detached(content))
    assert codes(await verify_path(signature, trusted=trusted)) == {"NO_CONTENT"}
    (tmp_path / "a.txt").write_bytes(content)
    assert (await verify_path(signature, trusted=trusted)).verdict == VALID
    other = tmp_path / "b.txt"
    other.write_bytes(b"Toinen")
    report = await verify_path(signature, of=other, trusted=trusted)
    assert codes(report) == {"DIGEST_MISMATCH"}
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(await maker.pdf())
    assert (await verify_path(pdf, trusted=trusted)).verdict == VALID
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as stream:
        stream.truncate(200_000_000)
    assert codes(await verify_path(huge, trusted=trusted)) == {"TOO_LARGE"}
    os.mkfifo(tmp_path / "pipe.pdf")
    for name in ("pipe.pdf", "nowhere.pdf", "."):
        with pytest.raises(OSError, match=r"pipe|nowhere|directory"):
            await verify_path(tmp_path / name, trusted=trusted)


def test_cas_are_told_apart_by_their_fingerprints(
    tmp_path: Path, ca: CA, root: CA
) -> None:
    assert TrustedCAs.from_folder(tmp_path) == TrustedCAs()
    (tmp_path / "ca.der").write_bytes(ca.der)
    (tmp_path / "root.der").write_bytes(root.der)
    trusted = TrustedCAs.from_folder(tmp_path)
    assert trusted.authority is None
    assert trusted.test
    assert trusted.test.test
    for content in (b"", bytes(100_000), b"-----BEGIN CERTIFICATE-----\n"):
        (tmp_path / "ca.der").write_bytes(content)
        with pytest.raises(TrustConfigurationError):
            TrustedCAs.from_folder(tmp_path)


async def test_random_changes_are_never_called_valid_and_raise_nothing(
    maker: Maker,
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same each time
    for signed in (await maker.pdf(), await maker.container()):
        for _ in range(30):
            changed = bytearray(signed)
            for _ in range(chance.randrange(1, 5)):
                changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
            report = await verify_document(bytes(changed), trusted=maker.trusted)
            if report.verdict is VALID:  # in what no signature covers, as a ZIP's times
                assert report.files
                assert all(each.intact for each in report.signatures)


async def test_a_pdf_for_the_archive_is_valid_and_its_timestamp_is_named(
    maker: Maker, kortilla_card: KortillaCard
) -> None:
    authority = Authority.open(kortilla_card.folder)
    pdf = await maker.pdf(
        timestamper=stamper(authority),
        finishing={
            "validation_data": ValidationData(crls=lists(authority)),
            "archive": True,
        },
    )
    report = await verify_document(
        pdf, trusted=maker.trusted, timestamp_cas=[authority.issuing_der]
    )
    [signature] = report.signatures
    assert (report.verdict, codes(report)) == (VALID, set())
    assert signature.level == "B-LTA"
    assert [each.kind for each in signature.changes] == ["timestamp"]
    [whole] = report.timestamps
    assert (whole.intact, whole.trusted) == (True, True)


async def test_what_a_file_states_is_shown_without_control_characters(
    maker: Maker,
) -> None:
    pdf = await maker.pdf(reason="a\u202eb\x1b[2J", field_name="a\u202eb")
    report = await verify_document(pdf, trusted=maker.trusted)
    [signature] = report.signatures
    assert (signature.reason, signature.place) == ("a\ufffdb\ufffd[2J", "a\ufffdb")
    container = with_signature(
        await maker.container(), lambda xml: xml.replace('"a.txt"', '"&#x202e;b"')
    )
    report = await verify_document(container, trusted=maker.trusted)
    details = {each.code: each.detail for each in report.signatures[0].problems}
    assert details["FILE_MISSING"] == "\ufffdb"


async def test_a_signature_is_valid_only_if_it_is_intact_and_of_a_given_ca(
    maker: Maker,
) -> None:
    report = await verify_document(await maker.pdf(), trusted=maker.trusted)
    [signature] = report.signatures
    assert signature.verdict is VALID
    for doubtful in (
        replace(signature, intact=None),
        replace(signature, intact=False),
        replace(signature, issuer="unknown"),
    ):
        assert doubtful.verdict is CANT_SAY
        assert replace(report, signatures=(doubtful,)).exit_status == 2
    assert replace(report, signatures=()).verdict is NOT_VALID
