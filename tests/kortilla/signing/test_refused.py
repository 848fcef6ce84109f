# SPDX-License-Identifier: MIT
"""A prepared signature of each format accepts its own signature and no other."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
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
from kortilla.signing import Digest
from kortilla.signing.state import PreparedSignature
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, SATU, Leaf, key
from tests.kortilla.signing_parts import (
    FORMATS,
    FixedRevocation,
    Format,
    answer_to,
    b64,
    digest,
    flipped,
    page_answer,
)


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> Format:
    """Each format in turn."""
    return FORMATS[request.param]


@pytest.fixture
async def state(form: Format, signer: Leaf, trust: Trust) -> PreparedSignature:
    """A prepared signature, which was kept as bytes."""
    state = await form.prepared(signer.der, trust, at=NOW)
    again = PreparedSignature.from_bytes(state.to_bytes())
    assert again == state
    return again


@pytest.fixture
async def other(form: Format, signer: Leaf, trust: Trust) -> PreparedSignature:
    """The prepared signature of another content."""
    return await form.prepared(signer.der, trust, form.other, at=NOW)


@pytest.fixture
def refused(form: Format, trust: Trust) -> Callable[..., Any]:
    """Expect an error that names no person when a signature is finished."""

    async def finish(
        state: PreparedSignature,
        answer: object,
        expected: type[RelyingPartyError] = SignatureValidationError,
        **more: Any,
    ) -> None:
        with pytest.raises(expected) as caught:
            await form.finish(state, answer, trust=trust, **{"at": NOW, **more})
        assert type(caught.value) is expected
        assert SATU not in str(caught.value)

    return finish


def web_eids(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer in Web eID's form."""
    [signature] = answer["signatures"]
    return {name: signature[name] for name in ("signature", "signatureAlgorithm")}


def changed(
    state: PreparedSignature, other: PreparedSignature
) -> Iterator[PreparedSignature]:
    """Yield a state with one part changed, or from another state."""
    attributes, document = state.signed_attributes, state.document
    yield replace(state, digest=other.digest)
    for instead in (b"", b"<a/>", other.signed_attributes):
        yield replace(state, signed_attributes=instead)
    if state.kind == "file":
        for place in range(0, len(attributes), 7):
            yield replace(state, signed_attributes=flipped(attributes, place))
        return
    yield replace(state, document=other.document, gap=other.gap)
    yield replace(state, document=b"PK", gap=(1, 2))
    if state.kind == "container":
        yield replace(state, document=flipped(document, 200))
        for xml in (
            attributes.replace(b"SigningTime>20", b"SigningTime>19"),
            b"<!DOCTYPE a>" + attributes,
        ):
            yield replace(state, signed_attributes=xml)
        return
    begin, end = state.gap
    for gap in ((0, 0), (begin, end + 10**9)):
        yield replace(state, gap=gap)
    for place in (*range(0, begin, 97), begin - 1, end, len(document) - 1):
        yield replace(state, document=flipped(document, place))


async def test_what_was_prepared_and_changed_is_refused(
    state: PreparedSignature,
    other: PreparedSignature,
    signer: Leaf,
    refused: Callable[..., Any],
) -> None:
    answer = answer_to(state, signer)
    for each in changed(state, other):
        assert each != state
        await refused(each, answer)


@pytest.mark.parametrize("form", ["pdf", "file"], indirect=True)
async def test_another_certificate_of_the_key_is_refused_though_it_signs_anew(
    ca: CA, state: PreparedSignature, signer: Leaf, refused: Callable[..., Any]
) -> None:
    renewed = ca.issue(
        signer.key, key_usage=pki.SIGNATURE, policies=(pki.TEST_POLICY,) * 2
    )
    mixed = replace(state, certificate=renewed.der)
    await refused(mixed, answer_to(state, renewed))


async def test_another_documents_signature_is_refused(
    state: PreparedSignature,
    other: PreparedSignature,
    signer: Leaf,
    refused: Callable[..., Any],
) -> None:
    answer = answer_to(other, signer)
    await refused(state, answer)
    answer["signatures"][0]["hash"] = b64(state.digest.value)
    await refused(state, answer)
    # The document's own hash instead of that of the attributes.
    await refused(state, page_answer(signer, {state.name: digest(b"Sopimus")}))
    answer = answer_to(state, signer)
    answer["signatures"] *= 2
    await refused(state, answer)


async def test_another_signer_is_refused(
    ca: CA, state: PreparedSignature, signer: Leaf, refused: Callable[..., Any]
) -> None:
    # Another certificate of the same key is refused as well.
    twin = ca.issue(
        key("P-384"), key_usage=pki.SIGNATURE, policies=(pki.TEST_POLICY,) * 2
    )
    await refused(state, answer_to(state, twin), SignerMismatchError)
    own = answer_to(state, signer)
    await refused(state, {**own, "certificate": b64(twin.der)}, SignerMismatchError)
    third = ca.issue(key("P-521"), key_usage=pki.SIGNATURE)
    mixed = {**answer_to(state, third), "certificate": b64(signer.der)}
    await refused(state, mixed)


async def test_another_hash_function_than_prepared_is_refused(
    state: PreparedSignature, signer: Leaf, refused: Callable[..., Any]
) -> None:
    again = Digest.of(state.signed_attributes, "SHA-512")
    answer = page_answer(signer, {state.name: again.value}, "SHA-512")
    await refused(state, answer)
    await refused(state, web_eids(answer))


async def test_what_is_no_answer_is_refused(
    state: PreparedSignature, refused: Callable[..., Any]
) -> None:
    for answer in (None, b"{", {"signatures": []}):
        await refused(state, answer, SignatureParseError)


async def test_one_answer_has_several_signatures_or_web_eids(
    form: Format,
    trust: Trust,
    state: PreparedSignature,
    other: PreparedSignature,
    signer: Leaf,
) -> None:
    answer = answer_to(other, signer)
    answer["signatures"] += answer_to(state, signer)["signatures"]
    for each, its in (
        (state, json.dumps(answer)),
        (other, answer),
        (state, web_eids(answer_to(state, signer))),
    ):
        signed = await form.finish(each, its, trust=trust, at=NOW)
        assert (signed.signer.satu, signed.level) == (SATU, "B-B")


@pytest.mark.parametrize("form", ["container"], indirect=True)
async def test_a_container_is_signed_with_the_padding_that_was_prepared(
    ca: CA, trust: Trust, form: Format, refused: Callable[..., Any]
) -> None:
    rsa = ca.issue(key("RSA-2048"), key_usage=pki.SIGNATURE)
    state = await form.prepared(rsa.der, trust, at=NOW)
    await refused(state, answer_to(state, rsa, "PSS"))


async def test_the_certificate_is_validated_before_and_after(
    ca: CA,
    form: Format,
    trust: Trust,
    state: PreparedSignature,
    signer: Leaf,
    refused: Callable[..., Any],
) -> None:
    late = NOW + timedelta(days=5 * 365)
    revoked = FixedRevocation(UserCertificateRevokedError("x"))
    made = CA.create("SPECIMEN Issuing CA").issue(signer.key, key_usage=pki.SIGNATURE)
    for leaf, more, expected in (
        (signer, {"at": late}, CertificateExpiredError),
        (signer, {"revocation": revoked}, UserCertificateRevokedError),
        (ca.issue(signer.key), {}, UserCertificateWrongPurposeError),
        (made, {}, CertificateNotTrustedError),
    ):
        with pytest.raises(expected):
            await form.prepared(leaf.der, trust, **{"at": NOW, **more})
        if more:
            await refused(state, answer_to(state, signer), expected, **more)


COMMON: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "x" * 256},
    {"hash_function": "SHA-1"},
    {"hash_function": "SHA3-256"},
    {"chain": [b"no certificate"]},
]
OF_PDF: list[dict[str, Any]] = [
    {"reason": ""},
    {"reason": "x" * 501},
    {"location": "x" * 501},
    {"field_name": ""},
    {"field_name": "a.b"},
]


async def test_a_setting_that_is_none_is_the_callers_mistake(
    form: Format, signer: Leaf, trust: Trust
) -> None:
    for more in COMMON + OF_PDF * (form.kind == "pdf"):
        with pytest.raises(ValueError, match=r"characters|function|dot|Insufficient"):
            await form.prepared(signer.der, trust, at=NOW, **more)


async def test_one_format_is_not_finished_as_another(
    form: Format, state: PreparedSignature, signer: Leaf, trust: Trust
) -> None:
    for other in FORMATS.values():
        if other is not form:
            with pytest.raises(ValueError, match="not the signature of a"):
                await other.finish(state, answer_to(state, signer), trust=trust, at=NOW)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}\n",
        b"null\n",
        b"\x80\x04",
        b'{"format": "kortilla-signature-1"}',
    ],
)
def test_bytes_that_are_no_state_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a prepared signature"):
        PreparedSignature.from_bytes(data)
