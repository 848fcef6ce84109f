# SPDX-License-Identifier: MIT
"""A PDF is signed in two calls, and every PDF validator accepts the signature."""

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from kortilla import Trust
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, Leaf, key
from tests.kortilla.signing_parts import (
    answer_to,
    b64,
    card_answer,
    cms_of,
    make_pdf,
    prepared_pdf,
    signed_pdf,
    signing_certificate,
)


async def validated(pdf: bytes, anchor: bytes) -> list[PdfSignatureStatus]:
    """Validate each signature with pyHanko, strictly and with one trusted CA."""
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(anchor)], allow_fetching=False
    )
    found = []
    for signature in PdfFileReader(io.BytesIO(pdf)).embedded_signatures:
        status = await async_validate_pdf_signature(signature, context)
        assert status.bottom_line
        assert status.intact
        assert status.valid
        assert status.trusted
        found.append(status)
    return found


@pytest.mark.parametrize("profile", ["v5", "v4.2", "v5-2026"])
async def test_a_pdf_that_a_card_signed_is_valid_and_names_the_person(
    make_kortilla_card: Callable[..., KortillaCard], profile: str
) -> None:
    card = make_kortilla_card(profile=profile)
    trust = Trust.from_folder(card.folder, test=True)
    pdf = make_pdf()
    state = await prepare_pdf(
        pdf, certificate=signing_certificate(card), trust=trust, name="sopimus.pdf"
    )
    signed = await finish_pdf(state, card_answer(state, card), trust=trust)
    assert (signed.signer.satu, signed.level) == (card.person.satu, "B-B")
    assert signed.content.startswith(pdf)
    [status] = await validated(signed.content, card.root_ca.read_bytes())
    assert card.person.satu in status.signing_cert.subject.human_friendly


async def test_it_is_pades_b_b(signer: Leaf, trust: Trust, ca: CA) -> None:
    above = CA.create("SPECIMEN CA above")
    state = await prepared_pdf(
        signer, trust, chain=[above.der], reason="Hyväksyn – €", location="Oulu"
    )
    assert state.for_page == {
        "name": "sopimus.pdf",
        "hash": b64(state.digest.value),
        "hashFunction": "SHA-384",
    }
    answer = answer_to(state, signer)
    pdf = (await finish_pdf(state, answer, trust=trust, at=NOW)).content
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    entries = signature.sig_object
    assert entries["/SubFilter"] == "/ETSI.CAdES.detached"
    assert entries["/Reason"] == "Hyväksyn – €"
    assert entries["/Location"] == "Oulu"
    assert abs(signature.self_reported_timestamp - datetime.now(UTC)) < timedelta(
        minutes=1
    )
    data = cms_of(pdf)["content"]
    [info] = data["signer_infos"]
    attributes = {each["type"].native: each["values"] for each in info["signed_attrs"]}
    # EN 319 142-1 §6.3: no signing-time in the CMS, since /M has it.
    assert set(attributes) == {
        "content_type",
        "message_digest",
        "signing_certificate_v2",
    }
    [identifier] = attributes["signing_certificate_v2"][0]["certs"]
    assert identifier["cert_hash"].native == hashlib.sha256(signer.der).digest()
    assert {each.chosen.dump() for each in data["certificates"]} == {
        signer.der,
        ca.der,
        above.der,
    }


def _with_length_that_ends_in_80(ca: CA) -> Leaf:
    """Issue a leaf that asn1crypto would re-encode (see kortilla.validation.leaf)."""

    def issue(extra: int) -> Leaf:
        return ca.issue(
            key("P-384"),
            key_usage=pki.SIGNATURE,
            subject_name=pki.subject(surname="SPECIMEN-" + "A" * extra),
        )

    # A letter is one octet in the surname and one in the common name. The issuer's
    # signature has one of several lengths, so that some are tried again and again.
    about = (0x80 - issue(0).der[3]) % 0x100 // 2
    for extra in 50 * [*range(max(about - 8, 0), about + 4)]:
        leaf = issue(extra)
        if leaf.der[3] == 0x80:
            return leaf
    raise AssertionError


async def test_the_certificate_is_embedded_byte_for_byte(ca: CA, trust: Trust) -> None:
    leaf = _with_length_that_ends_in_80(ca)
    # Both defects of real leaves: an explicit FALSE, and NULL beside ecdsa-with-SHA384.
    assert pki.EXPLICIT_FALSE in leaf.der
    assert bytes.fromhex("300C06082A8648CE3D0403030500") in leaf.der
    assert x509.Certificate.load(leaf.der).dump(force=True) != leaf.der
    assert leaf.der.hex().upper().encode() in await signed_pdf(leaf, trust)


async def test_what_was_signed_before_stays_valid(
    signer: Leaf, ca: CA, trust: Trust
) -> None:
    second = ca.issue(
        key("RSA-4096"),
        key_usage=pki.SIGNATURE,
        subject_name=pki.subject(satu="99900335E"),
    )
    place, beneath = Appearance((72, 600, 372, 660)), Appearance((72, 500, 372, 560))
    once = await signed_pdf(signer, trust, appearance=place)
    twice = await signed_pdf(second, trust, once, appearance=beneath)
    assert twice.startswith(once)
    assert len(await validated(twice, ca.der)) == 2
    signatures = PdfFileReader(io.BytesIO(twice)).embedded_signatures
    assert [each.field_name for each in signatures] == ["Signature1", "Signature2"]
