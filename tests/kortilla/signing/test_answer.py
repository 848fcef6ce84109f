# SPDX-License-Identifier: MIT
"""The service trusts no part of a page's result of ``kortilla.sign``."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
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
    UserCertificateParseError,
    UserCertificateRevokedError,
    UserCertificateWeakKeyError,
    UserCertificateWrongPurposeError,
)
from kortilla.signing import Digest, verify_signatures
from kortilla.signing.answer import MAX_ANSWER_LENGTH
from kortilla.testing import KortillaCard
from tests.kortilla import pki
from tests.kortilla.pki import CA, NOW, ORIGIN, SATU, Leaf, key
from tests.kortilla.signing_parts import (
    FixedRevocation,
    b64,
    digest,
    flipped,
    page_answer,
)

CONTENT = {"sopimus.pdf": b"content", "liite.txt": b"appendix"}
DIGESTS = {name: digest(content) for name, content in CONTENT.items()}
LATE = NOW + timedelta(days=5 * 365)


@pytest.fixture
def answer(signer: Leaf) -> dict[str, Any]:
    """A valid response, for a test to break."""
    return page_answer(signer, DIGESTS)


async def refused(
    answer: object,
    trust: Trust,
    expected: type[RelyingPartyError] = SignatureValidationError,
    content: dict[str, Any] = CONTENT,
    **more: Any,
) -> None:
    with pytest.raises(expected) as caught:
        await verify_signatures(answer, content, trust=trust, **{"at": NOW, **more})  # type: ignore[arg-type] # whatever a client sends
    assert type(caught.value) is expected
    assert SATU not in str(caught.value)


async def test_the_signatures_of_a_card_tell_who_signed_what(
    kortilla_card: KortillaCard,
) -> None:
    trust = Trust.from_folder(kortilla_card.folder, test=True)
    answer = kortilla_card.sign(ORIGIN, DIGESTS)
    verified = await verify_signatures(answer, CONTENT, trust=trust)
    assert verified.signer.satu == kortilla_card.person.satu
    signed = [(each.name, each.digest.value) for each in verified.signatures]
    assert signed == list(DIGESTS.items())


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
    for content in (b"content", Digest(value, function)):
        for form in (answer, json.dumps(answer), json.dumps(answer).encode()):
            got = await verify_signatures(form, {"a": content}, trust=trust, at=NOW)
            assert (got.signer.satu, got.certificate) == (SATU, leaf.der)
            assert got.signatures[0].padding_scheme == scheme
    await refused(answer, trust, content={"a": b"Content"})


async def test_the_answer_of_web_eid_is_taken_with_the_certificate_got_before(
    signer: Leaf, trust: Trust
) -> None:
    [signature] = page_answer(signer, {"a": digest(b"a")})["signatures"]
    answer = {name: signature[name] for name in ("signature", "signatureAlgorithm")}
    for whole, certificate in (
        (answer, signer.der),
        ({**answer, "certificate": b64(signer.der)}, None),
    ):
        got = await verify_signatures(
            whole, {"a": b"a"}, trust=trust, at=NOW, certificate=certificate
        )
        assert got.signer.satu == SATU
    await refused(answer, trust, content={"a": b"a"})
    await refused(answer, trust, content={"a": b"x"}, certificate=signer.der)


async def test_every_bit_of_a_signature_counts(
    trust: Trust, answer: dict[str, Any]
) -> None:
    value = base64.b64decode(answer["signatures"][1]["signature"])
    asked = FixedRevocation()
    for position in range(len(value)):
        answer["signatures"][1]["signature"] = b64(flipped(value, position))
        await refused(answer, trust, revocation=asked)
    # Whoever has no key makes the service ask nobody about revocation.
    assert asked.count == 0


FIRST = "signatures.0."
ALGORITHM = FIRST + "signatureAlgorithm"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("signatures", []),
        ("signatures", {}),
        ("signatures", None),
        ("signatures.0", "signature"),
        ("certificate", None),
        ("certificate", ""),
        ("certificate", 7),
        ("certificate", "AA=="),
        ("certificate", "A" * 8196),
        (FIRST + "name", "liite.txt"),
        (FIRST + "name", "Sopimus.pdf"),
        (FIRST + "name", "x" * 256),
        (FIRST + "name", None),
        (FIRST + "name", "\ud800"),
        (FIRST + "hash", b64(DIGESTS["liite.txt"])),
        (FIRST + "hash", b64(DIGESTS["sopimus.pdf"]) + "="),
        (FIRST + "hash", None),
        (FIRST + "hashFunction", "SHA-512"),
        (FIRST + "hashFunction", "SHA-1"),
        (FIRST + "signature", "A" * 128),
        (FIRST + "signature", "A" * 127 + "="),
        (FIRST + "signature", "A" * 124),
        (FIRST + "signature", "A" * 1404),
        (FIRST + "signature", "_" * 128),
        (FIRST + "signature", [1]),
        (ALGORITHM, "ES384"),
        (ALGORITHM + ".hashFunction", "SHA-256"),
        (ALGORITHM + ".hashFunction", "SHA3-384"),
        (ALGORITHM + ".cryptoAlgorithm", "RSA"),
        (ALGORITHM + ".paddingScheme", "PSS"),
        (ALGORITHM + ".paddingScheme", "PKCS1.5"),
        (ALGORITHM + ".paddingScheme", True),
    ],
)
async def test_an_answer_that_is_wrong_in_one_way_is_refused(
    trust: Trust, answer: dict[str, Any], place: str, value: object
) -> None:
    *path, last = place.split(".")
    holder: Any = answer
    for part in path:
        holder = holder[int(part) if part.isdigit() else part]
    if value is None:
        del holder[last]
    else:
        holder[int(last) if last.isdigit() else last] = value
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
    more = DIGESTS | {f"{i}": digest(b"content") for i in range(19)}
    for count, expected in (
        (1, SignatureValidationError),
        (3, SignatureValidationError),
        (20, SignatureValidationError),
        (21, SignatureParseError),
    ):
        digests = dict(list(more.items())[:count])
        await refused(page_answer(signer, digests), trust, expected)
    answer["signatures"].reverse()
    await refused(answer, trust)


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
    await refused(page_answer(leaf, DIGESTS, "SHA-384", "PSS", salt), trust)


async def test_a_hash_function_that_is_too_short_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    answer = page_answer(signer, {"a": digest(b"content", "SHA-224")}, "SHA-224")
    await refused(answer, trust, SignatureParseError, {"a": b"content"})


async def test_a_key_of_rsa_signs_no_sha3(ca: CA, trust: Trust) -> None:
    leaf = ca.issue(key("RSA-2048"), key_usage=pki.SIGNATURE)
    value = digest(b"content", "SHA3-384")
    answer = page_answer(leaf, {"a": value}, "SHA3-384", "PKCS1.5")
    await refused(answer, trust, content={"a": b"content"})


async def test_the_certificate_is_validated(
    ca: CA, signer: Leaf, trust: Trust, answer: dict[str, Any]
) -> None:
    revoked = FixedRevocation(UserCertificateRevokedError("x"))
    await refused(answer, trust, CertificateExpiredError, at=LATE)
    await refused(answer, trust, UserCertificateRevokedError, revocation=revoked)
    other = CA.create("SPECIMEN Issuing CA").issue(signer.key, key_usage=pki.SIGNATURE)
    weak = ca.issue(key("RSA-1024"), key_usage=pki.SIGNATURE)
    for leaf, expected in (
        (ca.issue(signer.key), UserCertificateWrongPurposeError),
        (other, CertificateNotTrustedError),
    ):
        await refused(page_answer(leaf, DIGESTS), trust, expected)
    answer = page_answer(weak, DIGESTS, "SHA-384", "PKCS1.5")
    await refused(answer, trust, UserCertificateWeakKeyError)


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
    await refused(mixed, trust)


async def test_a_signature_of_another_document_is_refused(
    signer: Leaf, trust: Trust
) -> None:
    answer = page_answer(signer, {"sopimus.pdf": digest(b"another")})
    # Even beside the hash that the service expects.
    answer["signatures"][0]["hash"] = b64(digest(b"content"))
    await refused(answer, trust, content={"sopimus.pdf": b"content"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Digest(b"short", "SHA-256"),
        lambda: Digest(bytes(28), "SHA-224"),
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
