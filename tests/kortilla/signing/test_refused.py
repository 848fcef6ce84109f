# SPDX-License-Identifier: MIT
"""A prepared signature of each format accepts its own signature and no other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Prepared:
    """A prepared signature of one format, and that of another content."""

    form: Format
    trust: Trust
    signer: Leaf
    state: PreparedSignature
    other: PreparedSignature

    @property
    def answer(self) -> dict[str, Any]:
        """The page's answer to it."""
        return answer_to(self.state, self.signer)

    async def refuses(
        self,
        answer: object,
        expected: type[RelyingPartyError] = SignatureValidationError,
        *,
        state: PreparedSignature | None = None,
        **more: Any,
    ) -> None:
        """Expect an error that names no person when it is finished."""
        options = {"trust": self.trust, "at": NOW, **more}
        with pytest.raises(expected) as caught:
            await self.form.finish(state or self.state, answer, **options)
        assert type(caught.value) is expected
        assert SATU not in str(caught.value)


@pytest.fixture(params=FORMATS)
async def prepared(
    request: pytest.FixtureRequest, signer: Leaf, trust: Trust
) -> Prepared:
    """A prepared signature of each format in turn, which was kept as bytes."""
    form = FORMATS[request.param]
    state = await form.prepared(signer.der, trust, at=NOW)
    other = await form.prepared(signer.der, trust, form.other, at=NOW)
    again = PreparedSignature.from_bytes(state.to_bytes())
    assert again == state
    return Prepared(form, trust, signer, again, other)


def issue_twin(ca: CA) -> Leaf:
    """Issue another certificate of the signer's key."""
    policies = (pki.TEST_POLICY,) * 2
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE, policies=policies)


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


async def test_what_was_prepared_and_changed_is_refused(prepared: Prepared) -> None:
    answer = prepared.answer
    for each in changed(prepared.state, prepared.other):
        assert each != prepared.state
        await prepared.refuses(answer, state=each)


@pytest.mark.parametrize("prepared", ["pdf", "file"], indirect=True)
async def test_another_certificate_of_the_key_is_refused_though_it_signs_anew(
    ca: CA, prepared: Prepared
) -> None:
    twin = issue_twin(ca)
    mixed = replace(prepared.state, certificate=twin.der)
    await prepared.refuses(answer_to(mixed, twin), state=mixed)


async def test_another_documents_signature_is_refused(prepared: Prepared) -> None:
    answer = answer_to(prepared.other, prepared.signer)
    await prepared.refuses(answer)
    answer["signatures"][0]["hash"] = b64(prepared.state.digest.value)
    await prepared.refuses(answer)
    # The document's own hash instead of that of the attributes.
    own = {prepared.state.name: digest(b"Sopimus")}
    await prepared.refuses(page_answer(prepared.signer, own))
    answer = prepared.answer
    answer["signatures"] *= 2
    await prepared.refuses(answer)


async def test_another_signer_is_refused(ca: CA, prepared: Prepared) -> None:
    # Another certificate of the same key is refused as well.
    twin, own = issue_twin(ca), prepared.answer
    for answer in (
        answer_to(prepared.state, twin),
        {**own, "certificate": b64(twin.der)},
    ):
        await prepared.refuses(answer, SignerMismatchError)
    third = ca.issue(key("P-521"), key_usage=pki.SIGNATURE)
    mixed = answer_to(prepared.state, third)
    await prepared.refuses({**mixed, "certificate": own["certificate"]})


async def test_another_hash_function_than_prepared_is_refused(
    prepared: Prepared,
) -> None:
    state = prepared.state
    again = Digest.of(state.signed_attributes, "SHA-512")
    answer = page_answer(prepared.signer, {state.name: again.value}, "SHA-512")
    await prepared.refuses(answer)
    await prepared.refuses(web_eids(answer))


async def test_what_is_no_answer_is_refused(prepared: Prepared) -> None:
    answers: list[object] = [None, b"{", {"signatures": []}]
    for answer in answers:
        await prepared.refuses(answer, SignatureParseError)


async def test_one_answer_has_several_signatures_or_web_eids(
    prepared: Prepared,
) -> None:
    answer = answer_to(prepared.other, prepared.signer)
    answer["signatures"] += prepared.answer["signatures"]
    for state, each in (
        (prepared.state, json.dumps(answer)),
        (prepared.other, answer),
        (prepared.state, web_eids(prepared.answer)),
    ):
        signed = await prepared.form.finish(state, each, trust=prepared.trust, at=NOW)
        assert (signed.signer.satu, signed.level) == (SATU, "B-B")


async def test_a_container_is_signed_with_the_padding_that_was_prepared(
    ca: CA, trust: Trust
) -> None:
    rsa = ca.issue(key("RSA-2048"), key_usage=pki.SIGNATURE)
    form = FORMATS["container"]
    state = await form.prepared(rsa.der, trust, at=NOW)
    with pytest.raises(SignatureValidationError, match="padding"):
        await form.finish(state, answer_to(state, rsa, "PSS"), trust=trust, at=NOW)


async def test_the_certificate_is_validated_before_and_after(
    ca: CA, prepared: Prepared
) -> None:
    own = prepared.signer
    late = NOW + timedelta(days=5 * 365)
    revoked = FixedRevocation(UserCertificateRevokedError("x"))
    made = CA.create("SPECIMEN Issuing CA").issue(own.key, key_usage=pki.SIGNATURE)
    for leaf, more, expected in (
        (own, {"at": late}, CertificateExpiredError),
        (own, {"revocation": revoked}, UserCertificateRevokedError),
        (ca.issue(own.key), {}, UserCertificateWrongPurposeError),
        (made, {}, CertificateNotTrustedError),
    ):
        with pytest.raises(expected):
            await prepared.form.prepared(
                leaf.der, prepared.trust, **{"at": NOW, **more}
            )
        if more:
            await prepared.refuses(prepared.answer, expected, **more)


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


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_setting_that_is_none_is_the_callers_mistake(
    kind: str, signer: Leaf, trust: Trust
) -> None:
    for more in COMMON + OF_PDF * (kind == "pdf"):
        with pytest.raises(ValueError, match=r"characters|function|dot|Insufficient"):
            await FORMATS[kind].prepared(signer.der, trust, at=NOW, **more)


async def test_one_format_is_not_finished_as_another(prepared: Prepared) -> None:
    for other in FORMATS.values():
        if other is not prepared.form:
            with pytest.raises(ValueError, match="not the signature of a"):
                await other.finish(
                    prepared.state, prepared.answer, trust=prepared.trust, at=NOW
                )


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
