# SPDX-License-Identifier: MIT
"""The service trusts no part of a page's result of ``kortilla.sign``."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
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
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.revocation import CertificatePath
from kortilla.signing import Digest, verify_signatures
from kortilla.signing.answer import MAX_ANSWER_LENGTH
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, ORIGIN, SATU, Leaf, key
from tests.kortilla.signing_parts import b64, digest, flipped, page_answer

CONTENT = {"sopimus.pdf": b"content", "liite.txt": b"appendix"}
DIGESTS = {name: digest(content) for name, content in CONTENT.items()}


@pytest.fixture(scope="module")
def signer(ca: CA) -> Leaf:
    """A valid signature certificate."""
    return ca.issue(key("P-384"), key_usage=pki.SIGNATURE)


@pytest.fixture
def answer(signer: Leaf) -> dict[str, Any]:
    """A valid response, for a test to break."""
    return page_answer(signer, DIGESTS)


async def refused(
    answer: object,
    trust: Trust,
    expected: type[RelyingPartyError],
    content: dict[str, Any] = CONTENT,
    **more: Any,
) -> None:
    with pytest.raises(expected) as caught:
        await verify_signatures(answer, content, trust=trust, **{"at": NOW, **more})  # type: ignore[arg-type] # whatever a client sends
    assert type(caught.value) is expected
    assert SATU not in str(caught.value)


@pytest.mark.parametrize("profile", ["v5", "v4.2", "v5-2026"])
async def test_the_signatures_of_a_card_tell_who_signed_what(
    make_kortilla_card: Callable[..., KortillaCard], profile: str
) -> None:
    card = make_kortilla_card(profile=profile)
    trust = Trust.from_folder(card.folder, test=True)
    verified = await verify_signatures(card.sign(ORIGIN, DIGESTS), CONTENT, trust=trust)
    assert verified.signer.satu == card.person.satu
    assert [(each.name, each.digest.value) for each in verified.signatures] == list(
        DIGESTS.items()
    )


@pytest.mark.parametrize(
    ("kind", "function", "scheme"),
    [
        ("P-256", "SHA-256", "NONE"),
        ("P-384", "SHA-512", "NONE"),
        ("P-521", "SHA-512", "NONE"),
        ("P-384", "SHA3-384", "NONE"),
        ("RSA-2048", "SHA-256", "PKCS1.5"),
        ("RSA-2048", "SHA-512", "PSS"),
        ("RSA-3072", "SHA-384", "PSS"),
    ],
)
async def test_each_kind_of_signature_is_verified_as_json_and_parsed(
    ca: CA, trust: Trust, kind: str, function: str, scheme: str
) -> None:
    leaf = ca.issue(key(kind), key_usage=pki.SIGNATURE)
    value = digest(b"content", function)
    answer = page_answer(leaf, {"a": value}, function, scheme)
    expected: list[dict[str, bytes | Digest]] = [
        {"a": b"content"},
        {"a": Digest(value, function)},
    ]
    for content in expected:
        for form in (answer, json.dumps(answer), json.dumps(answer).encode()):
            got = await verify_signatures(form, content, trust=trust, at=NOW)
            assert (got.signer.satu, got.certificate) == (SATU, leaf.der)
            assert got.signatures[0].padding_scheme == scheme
    await refused(answer, trust, SignatureValidationError, {"a": b"Content"})


async def test_the_answer_of_web_eid_is_taken_with_the_certificate_got_before(
    signer: Leaf, trust: Trust
) -> None:
    kortilla = page_answer(signer, {"a": digest(b"content")})
    [signature] = kortilla["signatures"]
    answer = {name: signature[name] for name in ("signature", "signatureAlgorithm")}
    content: dict[str, bytes | Digest] = {"a": b"content"}
    for certificate in (signer.der, None):
        whole = answer if certificate else {**answer, "certificate": b64(signer.der)}
        got = await verify_signatures(
            whole, content, trust=trust, at=NOW, certificate=certificate
        )
        assert got.signer.satu == SATU
    await refused(answer, trust, SignatureValidationError, {"a": b"content"})
    await refused(
        answer, trust, SignatureValidationError, {"a": b"x"}, certificate=signer.der
    )


async def test_every_bit_of_a_signature_counts(
    signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    value = base64.b64decode(answer["signatures"][1]["signature"])
    for position in range(len(value)):
        answer["signatures"][1]["signature"] = b64(flipped(value, position))
        await refused(answer, trust, SignatureValidationError)


def _swap(answer: dict[str, Any]) -> None:
    answer["signatures"].reverse()


def _set(place: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Return a function that sets a field of a response, or removes it."""
    *path, last = place.split(".")

    def change(answer: Any) -> None:
        for part in path:
            answer = answer[int(part) if part.isdigit() else part]
        if value is None:
            del answer[last]
        else:
            answer[int(last) if last.isdigit() else last] = value

    return change


FIRST = "signatures.0."


@pytest.mark.parametrize(
    "change",
    [
        _swap,
        _set("signatures", []),
        _set("signatures", {}),
        _set("signatures", None),
        _set("signatures.0", "signature"),
        _set("certificate", None),
        _set("certificate", ""),
        _set("certificate", 7),
        _set("certificate", "AA=="),
        _set("certificate", "A" * 8196),
        _set(FIRST + "name", "liite.txt"),
        _set(FIRST + "name", "Sopimus.pdf"),
        _set(FIRST + "name", "x" * 256),
        _set(FIRST + "name", None),
        _set(FIRST + "name", "\ud800"),
        _set(FIRST + "hash", b64(DIGESTS["liite.txt"])),
        _set(FIRST + "hash", b64(DIGESTS["sopimus.pdf"]) + "="),
        _set(FIRST + "hash", None),
        _set(FIRST + "hashFunction", "SHA-512"),
        _set(FIRST + "hashFunction", "SHA-1"),
        _set(FIRST + "signature", "A" * 128),
        _set(FIRST + "signature", "A" * 127 + "="),
        _set(FIRST + "signature", "A" * 124),
        _set(FIRST + "signature", "A" * 1404),
        _set(FIRST + "signature", "_" * 128),
        _set(FIRST + "signature", [1]),
        _set(FIRST + "signatureAlgorithm", "ES384"),
        _set(FIRST + "signatureAlgorithm.hashFunction", "SHA-256"),
        _set(FIRST + "signatureAlgorithm.hashFunction", "SHA3-384"),
        _set(FIRST + "signatureAlgorithm.cryptoAlgorithm", "RSA"),
        _set(FIRST + "signatureAlgorithm.paddingScheme", "PSS"),
        _set(FIRST + "signatureAlgorithm.paddingScheme", "PKCS1.5"),
        _set(FIRST + "signatureAlgorithm.paddingScheme", True),
    ],
)
async def test_an_answer_that_is_wrong_in_one_way_is_refused(
    trust: Trust, answer: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    await verify_signatures(answer, CONTENT, trust=trust, at=NOW)
    change(answer)
    with pytest.raises(
        (SignatureParseError, SignatureValidationError, UserCertificateParseError)
    ):
        await verify_signatures(answer, CONTENT, trust=trust, at=NOW)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        7,
        "",
        "null",
        "[]",
        "{}",
        "{",
        b"\xff",
        '{"certificate": "AAAA", "certificate": "AAAA"}',
        "[" * 100_000,
        '{"a": NaN}',
        {"signatures": object()},
        {"signature": "AAAA" * MAX_ANSWER_LENGTH},
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_no_answer_is_said_to_be_none(
    trust: Trust, answer: object
) -> None:
    await refused(answer, trust, SignatureParseError)


async def test_an_answer_of_another_number_of_signatures_is_refused(
    signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    more = DIGESTS | {f"{i}": digest(b"content") for i in range(18)}
    for count in (1, 3, 20):
        digests = dict(list(more.items())[:count])
        await refused(page_answer(signer, digests), trust, SignatureValidationError)
    many = {f"{i}": digest(b"content") for i in range(21)}
    await refused(page_answer(signer, many), trust, SignatureParseError)


async def test_twenty_of_the_longest_signatures_are_not_too_long(
    ca: CA, trust: Trust
) -> None:
    leaf = ca.issue(key("RSA-3072"), key_usage=pki.SIGNATURE)
    names = [f"{i:02d}" + "€" * 253 for i in range(20)]
    value = digest(b"content", "SHA-512")
    answer = page_answer(leaf, dict.fromkeys(names, value), "SHA-512", "PSS")
    got = await verify_signatures(
        json.dumps(answer, ensure_ascii=False),
        dict.fromkeys(names, b"content"),
        trust=trust,
        at=NOW,
    )
    assert len(got.signatures) == 20


@pytest.mark.parametrize("salt", [0, 20, 32, 49])
async def test_a_salt_of_another_length_than_the_hash_is_refused(
    ca: CA, trust: Trust, salt: int
) -> None:
    leaf = ca.issue(key("RSA-2048"), key_usage=pki.SIGNATURE)
    for length, expected in ((salt, SignatureValidationError), (48, None)):
        answer = page_answer(leaf, DIGESTS, "SHA-384", "PSS", length)
        if expected:
            await refused(answer, trust, expected)
        else:
            await verify_signatures(answer, CONTENT, trust=trust, at=NOW)


async def test_a_hash_function_that_is_too_short_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    answer = page_answer(signer, {"a": digest(b"content", "SHA-224")}, "SHA-224")
    await refused(answer, trust, SignatureParseError, {"a": b"content"})
    with pytest.raises(ValueError, match="hash function"):
        Digest(digest(b"content", "SHA-224"), "SHA-224")


async def test_a_key_of_rsa_signs_no_sha3(ca: CA, trust: Trust) -> None:
    leaf = ca.issue(key("RSA-2048"), key_usage=pki.SIGNATURE)
    answer = page_answer(leaf, {"a": digest(b"content")}, "SHA-384", "PKCS1.5")
    [signature] = answer["signatures"]
    signature["hash"] = b64(digest(b"content", "SHA3-384"))
    signature["hashFunction"] = "SHA3-384"
    signature["signatureAlgorithm"]["hashFunction"] = "SHA3-384"
    await refused(answer, trust, SignatureValidationError, {"a": b"content"})


async def test_a_key_of_too_few_bits_is_refused(ca: CA, trust: Trust) -> None:
    leaf = ca.issue(key("RSA-1024"), key_usage=pki.SIGNATURE)
    answer = page_answer(leaf, DIGESTS, "SHA-384", "PKCS1.5")
    await refused(answer, trust, UserCertificateWeakKeyError)


async def test_the_certificate_is_validated(
    ca: CA, signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    class Lost:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            raise UserCertificateRevokedError("The certificate was revoked.")

    late = NOW + timedelta(days=5 * 365)
    await refused(answer, trust, CertificateExpiredError, at=late)
    await refused(answer, trust, UserCertificateRevokedError, revocation=Lost())
    login = ca.issue(signer.key)
    await refused(page_answer(login, DIGESTS), trust, UserCertificateWrongPurposeError)
    made = CA.create("SPECIMEN Issuing CA").issue(signer.key, key_usage=pki.SIGNATURE)
    await refused(page_answer(made, DIGESTS), trust, CertificateNotTrustedError)


async def test_nobody_is_asked_about_revocation_by_whoever_has_no_key(
    signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    class Never:
        async def check(self, path: CertificatePath, *, at: datetime) -> None:
            raise AssertionError

    value = base64.b64decode(answer["signatures"][0]["signature"])
    answer["signatures"][0]["signature"] = b64(flipped(value, 0))
    await refused(answer, trust, SignatureValidationError, revocation=Never())


async def test_somebody_elses_signature_is_told_from_the_persons(
    ca: CA, signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    other = ca.issue(
        key("P-256"),
        key_usage=pki.SIGNATURE,
        subject_name=pki.subject(satu="99900335E"),
    )
    others = page_answer(other, DIGESTS)
    for who in ({"satu": SATU}, {"certificate": signer.der}):
        assert await verify_signatures(answer, CONTENT, trust=trust, at=NOW, **who)
        await refused(others, trust, SignerMismatchError, **who)
    # The signature of one, the certificate of the other.
    mixed = {**answer, "certificate": others["certificate"]}
    await refused(mixed, trust, SignatureValidationError)


async def test_a_signature_of_another_document_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    answer = page_answer(signer, {"sopimus.pdf": digest(b"another")})
    await refused(answer, trust, SignatureValidationError, {"sopimus.pdf": b"content"})
    # Even beside the hash that the service expects.
    answer["signatures"][0]["hash"] = b64(digest(b"content"))
    await refused(answer, trust, SignatureValidationError, {"sopimus.pdf": b"content"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Digest(b"short", "SHA-256"),
        lambda: Digest(bytes(20), "SHA-1"),
        lambda: Digest.of(b"", "MD5"),
    ],
)
def test_a_digest_that_is_none_is_the_callers_mistake(
    make: Callable[[], object],
) -> None:
    with pytest.raises(ValueError, match="hash function"):
        make()


async def test_to_expect_nothing_is_the_callers_mistake(
    trust: Trust, answer: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        await verify_signatures(answer, {}, trust=trust)


def test_signatures_are_verified_without_pyhanko() -> None:
    code = (
        "import sys; import kortilla.signing; "
        "assert not [m for m in sys.modules if m.split('.')[0] == 'pyhanko']"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
