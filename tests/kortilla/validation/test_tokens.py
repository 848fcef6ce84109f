# SPDX-License-Identifier: MIT
"""``validate`` and its parser accept sound tokens, and have an error for each fault."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.utils import CryptographyDeprecationWarning
from hypothesis import given
from hypothesis import strategies as st

from kortilla import Identity, Trust, validate
from kortilla.errors import (
    AuthTokenParseError,
    AuthTokenSignatureValidationError,
    RelyingPartyError,
    UserCertificateParseError,
)
from kortilla.validation.token import MAX_TOKEN_LENGTH, AuthToken, parse_token
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, Leaf, key
from tests.kortilla.validation.reference_validator import quick_ca

Token = dict[str, Any]


async def check(
    token: Token | str, trust: Trust, *, origin: str = ORIGIN, at: datetime = NOW
) -> Identity:
    return await validate(token, origin=origin, nonce=NONCE, trust=trust, at=at)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


#: A signing certificate of 1.1, in form.
SIGNING = {
    "certificate": b64(b"x" * 32),
    "supportedSignatureAlgorithms": [
        {"cryptoAlgorithm": "ECC", "hashFunction": "SHA-384", "paddingScheme": "NONE"}
    ],
}


def test_the_leaves_here_have_both_encoding_defects(leaf: Leaf) -> None:
    assert bytes.fromhex("3003010100") in leaf.der
    assert bytes.fromhex("300C06082A8648CE3D0403030500") in leaf.der
    # Debian 13's cryptography only warns.
    with pytest.raises((ValueError, CryptographyDeprecationWarning)):
        cryptography_x509.load_der_x509_certificate(leaf.der)


async def test_a_sound_token_says_who_made_it(leaf: Leaf, trust: Trust) -> None:
    identity = await check(leaf.token(), trust)

    assert identity == Identity(
        surname="SPECIMEN-MEIKÄLÄINEN",
        given_names="MAIJA",
        satu="99902038C",
        country="FI",
        issuer="SPECIMEN Issuing CA",
        serial="4242",
        not_before=NOW - timedelta(days=365),
        not_after=NOW + timedelta(days=4 * 365),
        assurance="test",
        policy="1.2.246.517.99.10.1",
    )
    assert Identity.from_json(json.loads(json.dumps(identity.to_json()))) == identity


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("P-256", ["ES256"]),
        ("P-384", ["ES384"]),
        ("P-521", ["ES512"]),
        ("RSA-2048", ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]),
        ("RSA-3072", ["PS256"]),
    ],
)
async def test_every_algorithm_of_the_token(
    ca: CA, trust: Trust, kind: str, algorithms: list[str]
) -> None:
    leaf = ca.issue(key(kind))
    for algorithm in algorithms:
        identity = await check(leaf.token(algorithm), trust)
        assert identity.satu == "99902038C"


async def test_an_unknown_field_of_a_later_1_x_is_let_through(
    leaf: Leaf, trust: Trust
) -> None:
    token = leaf.token() | {"format": "web-eid:1.7", "fromTheFuture": {"a": [1]}}
    assert await check(token, trust)


# --- the token's form and its signature


Change = Callable[[Token], Any]


def with_(**changes: Any) -> Change:
    return lambda token: token | changes


def without(field: str) -> Change:
    return lambda token: {k: v for k, v in token.items() if k != field}


def decoded(field: str, change: Callable[[bytes], bytes]) -> Change:
    """Return a change of what a field has in base64."""
    return lambda token: token | {field: b64(change(base64.b64decode(token[field])))}


def signature(change: Callable[[bytes], bytes]) -> Change:
    return decoded("signature", change)


def certificate(change: Callable[[bytes], bytes]) -> Change:
    return decoded("unverifiedCertificate", change)


def as_text(change: Callable[[str], str]) -> Change:
    return lambda token: change(json.dumps(token))


def with_signers(certificates: list[Any]) -> Change:
    return with_(format="web-eid:1.1", unverifiedSigningCertificates=certificates)


FIELDS = ["unverifiedCertificate", "algorithm", "signature", "format", "appVersion"]
WRONG_FORMS: dict[str, Change] = {
    **{f"{field} missing": without(field) for field in FIELDS},
    **{
        f"{field} is {value!r}": with_(**{field: value})
        for field in FIELDS
        for value in (None, 1, ["x"], "")
    },
    "format 2.0": with_(format="web-eid:2.0"),
    "format 10": with_(format="web-eid:10"),
    "format with a tail": with_(format="web-eid:1.0\n"),
    "algorithm none": with_(algorithm="none"),
    "algorithm HS256": with_(algorithm="HS256"),
    "algorithm in lower case": with_(algorithm="es384"),
    "signature in the URL alphabet": with_(signature="-_-_"),
    "signature without padding": lambda token: (
        token | {"signature": token["signature"] + "QQ"}
    ),
    "signature with white space": lambda token: (
        token | {"signature": " " + token["signature"]}
    ),
    "signature with unused bits set": with_(signature="QUJ="),
    "certificate not base64": with_(unverifiedCertificate="%%%%"),
    "1.1 without its certificates": with_(format="web-eid:1.1"),
    "1.1 with none of them": with_signers([]),
    "1.1 with more than eight": with_signers([SIGNING] * 9),
    "1.1 with a broken one": with_signers([{}]),
    "oversized": with_(padding="x" * 10_000),
    "a list": lambda token: [token],
    "as text, cut off": as_text(lambda text: text[:-10]),
    "as text, empty": as_text(lambda _: ""),
    "as text, not an object": as_text(lambda _: '"token"'),
    "as text, a name twice": as_text(lambda text: text[:-1] + ',"algorithm":"ES384"}'),
    "as text, NaN": as_text(lambda text: text[:-1] + ',"x":NaN}'),
}
WRONG_CERTIFICATES: dict[str, Change] = {
    "certificate of other bytes": certificate(lambda _: b"not a certificate"),
    "certificate with a tail": certificate(lambda der: der + b"\0"),
}
WRONG_SIGNATURES: dict[str, Change] = {
    "signature of other bytes": signature(lambda raw: bytes(len(raw))),
    "signature in DER": signature(
        lambda raw: encode_dss_signature(
            int.from_bytes(raw[:48]), int.from_bytes(raw[48:])
        )
    ),
    "signature cut off": signature(lambda raw: raw[:-1]),
    "signature with a tail": signature(lambda raw: raw + b"\0"),
    "signature, s with a zero in front": signature(
        lambda raw: raw[:48] + b"\0" + raw[48:]
    ),
    "signature, r for s": signature(lambda raw: raw[48:] + raw[:48]),
    "algorithm of another curve": with_(algorithm="ES256"),
    "algorithm of a longer hash": with_(algorithm="ES512"),
    "algorithm of another key": with_(algorithm="PS384"),
    "algorithm of another key, PKCS#1": with_(algorithm="RS384"),
}
TAMPERED: dict[str, tuple[Change, type[RelyingPartyError]]] = {
    **{name: (change, AuthTokenParseError) for name, change in WRONG_FORMS.items()},
    **{
        name: (change, UserCertificateParseError)
        for name, change in WRONG_CERTIFICATES.items()
    },
    **{
        name: (change, AuthTokenSignatureValidationError)
        for name, change in WRONG_SIGNATURES.items()
    },
}


@pytest.mark.parametrize("fault", TAMPERED)
async def test_a_tampered_token_is_refused(
    leaf: Leaf, trust: Trust, fault: str
) -> None:
    tamper, expected = TAMPERED[fault]
    with pytest.raises(RelyingPartyError) as caught:
        await check(tamper(leaf.token()), trust)
    assert type(caught.value) is expected
    for secret in ("MEIKÄLÄINEN", "MAIJA", "99902038C"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("algorithm", ["ES256", "ES512"])
async def test_a_signature_by_the_algorithm_of_another_curve_is_refused(
    leaf: Leaf, trust: Trust, algorithm: str
) -> None:
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token(algorithm), trust)


@pytest.mark.parametrize(
    "other",
    [
        {"origin": f"{ORIGIN}:8443"},
        {"origin": "http://service.example"},
        {"origin": f"{ORIGIN}/"},
        {"origin": "https://SERVICE.example"},
        {"origin": "https://other.example"},
        {"nonce": b64(bytes(32))},
    ],
    ids=str,
)
async def test_a_token_made_for_another_origin_or_nonce(
    leaf: Leaf, trust: Trust, other: dict[str, str]
) -> None:
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token(**other), trust)


async def test_the_punycode_origin_is_what_is_signed(leaf: Leaf, trust: Trust) -> None:
    token = leaf.token(origin="https://xn--plvelu-bua.fi")
    assert await check(token, trust, origin="https://xn--plvelu-bua.fi")
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(token, trust, origin="https://pälvelu.fi")


@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])
async def test_every_flipped_bit_of_the_certificate(root: CA, step: int) -> None:
    ca = quick_ca(root)
    leaf, trust = ca.issue(key("P-384")), ca.trust(root.der)
    token = leaf.token()
    assert await check(token, trust)
    # A step of 61 has each position of an octet.
    for position in range(0, len(leaf.der) * 8, step):
        flipped = bytearray(leaf.der)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(RelyingPartyError):
            await check(token | {"unverifiedCertificate": b64(bytes(flipped))}, trust)
    for length in range(3, len(leaf.der), step):
        cut = b64(leaf.der[:length])
        with pytest.raises(UserCertificateParseError):
            await check(token | {"unverifiedCertificate": cut}, trust)


async def test_rsa_signatures_with_another_padding_or_salt(
    ca: CA, trust: Trust
) -> None:
    leaf = ca.issue(key("RSA-2048"))
    for made_as, claimed in [("RS256", "PS256"), ("PS256", "RS256")]:
        with pytest.raises(AuthTokenSignatureValidationError):
            await check(leaf.token(made_as) | {"algorithm": claimed}, trust)
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token("PS256") | {"algorithm": "ES256"}, trust)
    message = b"".join(sha256(each.encode()).digest() for each in (ORIGIN, NONCE))
    assert isinstance(leaf.key, rsa.RSAPrivateKey)
    for salt in (0, 20, 32, 48):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        raw = leaf.key.sign(message, pss, hashes.SHA256())
        token = leaf.token("PS256") | {"signature": b64(raw)}
        if salt == 32:  # as long as the hash
            assert await check(token, trust)
            continue
        with pytest.raises(AuthTokenSignatureValidationError):
            await check(token, trust)


# --- the parser: any input gives a token or ``AuthTokenParseError``


SOUND = {
    "unverifiedCertificate": "AAAA",
    "algorithm": "ES384",
    "signature": "AAAA",
    "format": "web-eid:1.0",
    "appVersion": "urn:uuid:48e30dea-567c-4965-9e98-7118cfcaca7e#kortilla-0.1.0",
}

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
almost_a_token = st.builds(
    lambda changes: SOUND | changes,
    st.dictionaries(
        st.sampled_from([*FIELDS, "unverifiedSigningCertificates"]),
        any_json | st.just("AAAA"),
    ),
)


def parse(token: Any) -> AuthToken | None:
    try:
        return parse_token(token)
    except AuthTokenParseError:
        return None


@given(st.binary() | st.text())
def test_any_text(text: str | bytes) -> None:
    assert parse(text) is None


@given(any_json)
def test_any_json(content: Any) -> None:
    assert parse(json.dumps(content)) is None
    assert parse(content) is None


@given(almost_a_token)
def test_almost_a_token(content: dict[str, Any]) -> None:
    by_object = parse(content)
    if by_object is not None:
        assert by_object == parse(json.dumps(content))
        assert by_object.format.startswith("web-eid:1")


@given(st.integers(0, 400), st.integers(0, 255))
def test_any_byte_replaced(position: int, value: int) -> None:
    text = bytearray(json.dumps(SOUND).encode())
    text[position % len(text)] = value
    parse(bytes(text))


@pytest.mark.parametrize("depth", [100, 2_000, 4_999])
def test_any_depth(depth: int) -> None:
    assert parse("[" * depth + "]" * depth) is None
    assert parse('{"a":' * (depth // 3) + "1" + "}" * (depth // 3)) is None


def test_the_longest_token_there_may_be() -> None:
    frame = len(json.dumps(SOUND | {"padding": ""}))
    assert parse(json.dumps(SOUND | {"padding": "x" * (MAX_TOKEN_LENGTH - frame)}))
    assert not parse(
        json.dumps(SOUND | {"padding": "x" * (MAX_TOKEN_LENGTH - frame + 1)})
    )


@given(st.text(min_size=1))
def test_an_error_quotes_nothing_of_the_input(text: str) -> None:
    marked = f"SPECIMEN {text} SPECIMEN"
    for content in (
        SOUND | {"algorithm": marked},
        SOUND | {"signature": marked},
        SOUND | {"format": marked},
    ):
        with pytest.raises(AuthTokenParseError) as caught:
            parse_token(content)
        assert "SPECIMEN" not in str(caught.value)
        assert caught.value.__cause__ is None
