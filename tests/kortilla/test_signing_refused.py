# SPDX-License-Identifier: MIT
"""A prepared PDF accepts its own signature and no other."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from kortilla import Trust
from kortilla.errors import (
    CertificateExpiredError,
    CertificateNotTrustedError,
    RelyingPartyError,
    SignatureParseError,
    SignatureValidationError,
    SignerMismatchError,
    UserCertificateRevokedError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath
from kortilla.signing import Digest
from kortilla.signing.pades import finish_pdf
from kortilla.signing.state import PreparedSignature
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, SATU, Leaf, key
from tests.kortilla.signing_parts import (
    answer_to,
    b64,
    digest,
    flipped,
    make_pdf,
    page_answer,
    prepared_pdf,
)


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


async def refused(
    state: PreparedSignature,
    answer: object,
    trust: Trust,
    expected: type[RelyingPartyError],
    **more: Any,
) -> None:
    with pytest.raises(expected) as caught:
        await finish_pdf(state, answer, trust=trust, **{"at": NOW, **more})  # type: ignore[arg-type] # whatever a client sends
    assert type(caught.value) is expected
    assert SATU not in str(caught.value)


async def test_a_changed_bit_of_what_was_prepared_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    answer = answer_to(state, signer)
    kept = state.to_bytes()
    start = kept.index(b"\n") + 1
    begin, end = state.gap
    changed = [*range(0, begin, 97), begin - 1, end, len(state.document) - 1]
    for position in changed:
        again = PreparedSignature.from_bytes(flipped(kept, start + position))
        await refused(again, answer, trust, SignatureValidationError)


async def test_a_state_put_together_of_two_is_refused(
    ca: CA, signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    other = await prepared_pdf(signer, trust, make_pdf("Toinen"))
    for mixed in (
        replace(state, document=other.document, gap=other.gap),
        replace(state, signed_attributes=other.signed_attributes),
        replace(state, signed_attributes=b""),
        replace(state, digest=other.digest),
        replace(state, gap=(0, 0)),
        replace(state, gap=(state.gap[0], state.gap[1] + 10**9)),
    ):
        with pytest.raises(SignatureValidationError):
            await finish_pdf(mixed, answer_to(state, signer), trust=trust, at=NOW)
    # Even if the same key signs everything anew.
    renewed = ca.issue(
        signer.key, key_usage=pki.SIGNATURE, policies=(pki.TEST_POLICY,) * 2
    )
    mixed = replace(state, certificate=renewed.der)
    await refused(mixed, answer_to(state, renewed), trust, SignatureValidationError)


async def test_a_changed_bit_of_the_signature_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    answer = answer_to(state, signer)
    value = base64.b64decode(answer["signatures"][0]["signature"])
    for position in range(0, len(value), 5):
        answer["signatures"][0]["signature"] = b64(flipped(value, position, 7))
        await refused(state, answer, trust, SignatureValidationError)


async def test_another_documents_signature_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    other = await prepared_pdf(signer, trust, make_pdf("Toinen"))
    answer = answer_to(other, signer)
    await refused(state, answer, trust, SignatureValidationError)
    answer["signatures"][0]["hash"] = b64(state.digest.value)
    await refused(state, answer, trust, SignatureValidationError)
    # The document's own hash instead of that of the attributes.
    bare = make_pdf()
    answer = answer_to(state, signer)
    await refused(
        state,
        page_answer(signer, {state.name: digest(bare)}),
        trust,
        SignatureValidationError,
    )


async def test_another_signer_is_refused(ca: CA, signer: Leaf, trust: Trust) -> None:
    state = await prepared_pdf(signer, trust)
    other = ca.issue(
        key("P-384"), key_usage=pki.SIGNATURE, policies=(pki.TEST_POLICY,) * 2
    )
    # Another certificate of the same key is refused as well.
    await refused(state, answer_to(state, other), trust, SignerMismatchError)
    third = ca.issue(key("P-521"), key_usage=pki.SIGNATURE)
    mixed = {**answer_to(state, third), "certificate": b64(signer.der)}
    await refused(state, mixed, trust, SignatureValidationError)


async def test_another_hash_function_than_prepared_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    again = Digest.of(state.signed_attributes, "SHA-512")
    answer = page_answer(signer, {state.name: again.value}, "SHA-512")
    await refused(state, answer, trust, SignatureValidationError)
    [signature] = answer["signatures"]
    bare = {name: signature[name] for name in ("signature", "signatureAlgorithm")}
    await refused(state, bare, trust, SignatureValidationError)


@pytest.mark.parametrize("answer", [None, {}, "", b"{", {"signatures": []}])
async def test_what_is_no_answer_is_refused(
    signer: Leaf, trust: Trust, answer: object
) -> None:
    state = await prepared_pdf(signer, trust)
    await refused(state, answer, trust, SignatureParseError)


async def test_an_answer_with_the_same_signature_twice_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    state = await prepared_pdf(signer, trust)
    answer = answer_to(state, signer)
    answer["signatures"] *= 2
    await refused(state, answer, trust, SignatureValidationError)


async def test_the_certificate_is_validated_before_and_after(
    ca: CA, signer: Leaf, trust: Trust
) -> None:
    class Lost:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            raise UserCertificateRevokedError("The certificate was revoked.")

    late = NOW + timedelta(days=5 * 365)
    login = ca.issue(signer.key)
    made = CA.create("SPECIMEN Issuing CA").issue(signer.key, key_usage=pki.SIGNATURE)
    for leaf, more, expected in (
        (signer, {"at": late}, CertificateExpiredError),
        (signer, {"revocation": Lost()}, UserCertificateRevokedError),
        (login, {}, UserCertificateWrongPurposeError),
        (made, {}, CertificateNotTrustedError),
    ):
        with pytest.raises(expected):
            await prepared_pdf(leaf, trust, **more)
    state = await prepared_pdf(signer, trust)
    answer = answer_to(state, signer)
    await refused(state, answer, trust, CertificateExpiredError, at=late)
    await refused(state, answer, trust, UserCertificateRevokedError, revocation=Lost())


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"reason": ""},
        {"reason": "x" * 501},
        {"location": "x" * 501},
        {"field_name": ""},
        {"field_name": "a.b"},
        {"hash_function": "SHA-1"},
        {"hash_function": "SHA3-256"},
        {"chain": [b"no certificate"]},
    ],
    ids=str,
)
async def test_a_setting_that_is_none_is_the_callers_mistake(
    signer: Leaf, trust: Trust, more: dict[str, Any]
) -> None:
    with pytest.raises(ValueError):
        await prepared_pdf(signer, trust, **more)
