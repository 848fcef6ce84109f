# SPDX-License-Identifier: MIT
"""A PDF is signed in two calls, and every PDF validator accepts the signature."""

import asyncio
import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.ades import ades_basic_validation
from pyhanko.sign.validation.policy_decl import (
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.registry import SimpleTrustManager

from kortilla import Trust
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.signing.state import PreparedSignature
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
    signing_certificate,
)


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


async def sign(
    leaf: Leaf,
    trust: Trust,
    pdf: bytes | None = None,
    scheme: str = "NONE",
    **more: Any,
) -> bytes:
    state = await prepared_pdf(leaf, trust, pdf, **more)
    answer = answer_to(state, leaf, scheme)
    return (await finish_pdf(state, answer, trust=trust, at=NOW)).content


async def statuses(pdf: bytes, anchor: bytes) -> list[PdfSignatureStatus]:
    """Validate each signature with pyHanko, strictly and with one trusted CA."""
    return [
        await async_validate_pdf_signature(
            signature,
            signer_validation_context=ValidationContext(
                trust_roots=[x509.Certificate.load(anchor)], allow_fetching=False
            ),
        )
        for signature in PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    ]


async def basic_indication(pdf: bytes, card: KortillaCard) -> object:
    """Validate with pyHanko by ETSI EN 319 102-1 §5.3."""
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    root = x509.Certificate.load(card.root_ca.read_bytes())
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build([root]),
        revinfo_policy=CertRevTrustPolicy(
            RevocationCheckingPolicy.from_legacy("soft-fail")
        ),
    )
    spec = SignatureValidationSpec(
        policy,
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
        ),
    )
    result = await ades_basic_validation(
        signature.signed_data, spec, raw_digest=signature.compute_digest()
    )
    return result.ades_subindic


def is_sound(status: PdfSignatureStatus) -> bool:
    return bool(
        status.bottom_line and status.intact and status.valid and status.trusted
    )


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
    [status] = await statuses(signed.content, card.root_ca.read_bytes())
    assert is_sound(status)
    assert await basic_indication(signed.content, card) is AdESPassed.OK
    assert card.person.satu in status.signing_cert.subject.human_friendly


@pytest.mark.parametrize(
    ("kind", "function", "scheme"),
    [
        ("P-256", None, "NONE"),
        ("P-384", None, "NONE"),
        ("P-384", "SHA-256", "NONE"),
        ("P-384", "SHA-512", "NONE"),
        ("RSA-2048", None, "PKCS1.5"),
        ("RSA-2048", "SHA-512", "PSS"),
        ("RSA-3072", "SHA-384", "PKCS1.5"),
        ("RSA-3072", None, "PSS"),
        ("RSA-4096", "SHA-512", "PSS"),
    ],
)
async def test_each_kind_of_key_signs(
    ca: CA,
    trust: Trust,
    kind: str,
    function: str | None,
    scheme: str,
) -> None:
    leaf = ca.issue(key(kind), key_usage=pki.SIGNATURE)
    state = await prepared_pdf(leaf, trust, hash_function=function)
    suits = {"P-384": "SHA-384"}.get(kind, "SHA-256")
    assert state.digest.hash_function == (function or suits)
    answer = answer_to(state, leaf, scheme)
    signed = await finish_pdf(state, answer, trust=trust, at=NOW)
    [status] = await statuses(signed.content, ca.der)
    assert is_sound(status)


async def test_it_is_pades_b_b(signer: Leaf, trust: Trust, ca: CA) -> None:
    above = CA.create("SPECIMEN CA above")
    pdf = await sign(
        signer, trust, reason="Hyväksyn – €", location="Oulu", chain=[above.der]
    )
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


@pytest.mark.parametrize("odd", [False, True])
async def test_the_certificate_is_embedded_byte_for_byte(
    ca: CA, trust: Trust, odd: bool
) -> None:
    leaf = (
        _with_length_that_ends_in_80(ca)
        if odd
        else ca.issue(key("P-384"), key_usage=pki.SIGNATURE)
    )
    # Both defects of real leaves: an explicit FALSE, and NULL beside ecdsa-with-SHA384.
    assert pki.EXPLICIT_FALSE in leaf.der
    assert bytes.fromhex("300C06082A8648CE3D0403030500") in leaf.der
    reencoded = x509.Certificate.load(leaf.der).dump(force=True)
    assert pki.EXPLICIT_FALSE not in reencoded or reencoded != leaf.der
    pdf = await sign(leaf, trust)
    assert leaf.der.hex().upper().encode() in pdf


async def test_the_state_is_bytes_between_the_two_calls(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    kept = state.to_bytes()
    again = PreparedSignature.from_bytes(kept)
    assert again == state
    assert len(kept) < len(make_pdf()) + 60_000
    assert state.for_page == {
        "name": "sopimus.pdf",
        "hash": b64(state.digest.value),
        "hashFunction": "SHA-384",
    }
    answer = answer_to(state, signer)
    signed = await finish_pdf(again, answer, trust=trust, at=NOW)
    assert (
        signed.content == (await finish_pdf(state, answer, trust=trust, at=NOW)).content
    )


async def test_what_was_signed_before_stays_valid(
    signer: Leaf, ca: CA, trust: Trust
) -> None:
    second = ca.issue(
        key("P-256"),
        key_usage=pki.SIGNATURE,
        subject_name=pki.subject(satu="99900335E"),
    )
    box = (72, 600, 372, 660)
    once = await sign(signer, trust, appearance=Appearance(box))
    twice = await sign(second, trust, once, appearance=Appearance((72, 500, 372, 560)))
    assert twice.startswith(once)
    first, last = await statuses(twice, ca.der)
    assert is_sound(first)
    assert is_sound(last)
    assert first.signing_cert.serial_number == last.signing_cert.serial_number == 4242
    assert [
        each.field_name for each in PdfFileReader(io.BytesIO(twice)).embedded_signatures
    ] == ["Signature1", "Signature2"]


async def test_several_documents_are_signed_with_one_answer(
    signer: Leaf, trust: Trust, ca: CA
) -> None:
    states = [
        await prepared_pdf(signer, trust, make_pdf(name), name=name)
        for name in ("a", "b")
    ]
    answers = [answer_to(state, signer) for state in states]
    answer = {
        "certificate": b64(signer.der),
        "signatures": [each["signatures"][0] for each in answers],
    }
    for state in states:
        signed = await finish_pdf(state, json.dumps(answer), trust=trust, at=NOW)
        [status] = await statuses(signed.content, ca.der)
        assert is_sound(status)


async def test_web_eids_answer_is_taken(signer: Leaf, trust: Trust, ca: CA) -> None:
    state = await prepared_pdf(signer, trust)
    [signature] = answer_to(state, signer)["signatures"]
    answer = {name: signature[name] for name in ("signature", "signatureAlgorithm")}
    signed = await finish_pdf(state, answer, trust=trust, at=NOW)
    [status] = await statuses(signed.content, ca.der)
    assert is_sound(status)


async def test_the_loop_runs_on_while_a_long_pdf_is_signed(
    signer: Leaf, trust: Trust
) -> None:
    long = make_pdf(pages=2) + b"%" + b"x" * 15_000_000 + b"\n"
    # Comments at the end need another end of the table.
    start = make_pdf(pages=2).rindex(b"startxref")
    long += make_pdf(pages=2)[start:]
    beats, running = 0, True

    async def heart() -> None:
        nonlocal beats
        while running:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(heart())
    signed = await sign(signer, trust, long)
    running = False
    await beating
    assert len(signed) > 15_000_000
    assert beats > 100
