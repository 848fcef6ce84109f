# SPDX-License-Identifier: MIT
"""``validate`` accepts valid tokens, and has an error for each fault."""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509 as cryptography_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kortilla import Identity, Trust, validate
from kortilla.errors import (
    AuthTokenParseError,
    AuthTokenSignatureValidationError,
    RelyingPartyError,
    UserCertificateParseError,
)
from tests.kortilla.pki import CA, NONCE, NOW, ORIGIN, Leaf, key
from tests.kortilla.validation.reference_validator import quick_ca

Token = dict[str, Any]


async def check(
    token: Token | str,
    trust: Trust,
    *,
    origin: str = ORIGIN,
    nonce: str = NONCE,
    at: datetime = NOW,
) -> Identity:
    return await validate(token, origin=origin, nonce=nonce, trust=trust, at=at)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


#: A signing certificate of 1.1, in form.
SIGNING = {
    "certificate": b64(b"x" * 32),
    "supportedSignatureAlgorithms": [
        {"cryptoAlgorithm": "ECC", "hashFunction": "SHA-384", "paddingScheme": "NONE"}
    ],
}
#: A sample with each bit position of an octet, and the full set.
every_bit = pytest.mark.parametrize(
    "step", [61, pytest.param(1, marks=pytest.mark.slow)]
)


def test_the_leaves_here_have_both_encoding_defects(leaf: Leaf) -> None:
    assert bytes.fromhex("3003010100") in leaf.der
    assert bytes.fromhex("300C06082A8648CE3D0403030500") in leaf.der
    with pytest.raises(ValueError):
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


async def test_a_token_may_be_given_as_text(leaf: Leaf, trust: Trust) -> None:
    assert await check(json.dumps(leaf.token()), trust)


async def test_a_1_1_token_with_its_signing_certificates(
    leaf: Leaf, trust: Trust
) -> None:
    token = leaf.token() | {
        "format": "web-eid:1.1",
        "unverifiedSigningCertificates": [SIGNING | {"certificate": b64(leaf.der)}],
    }
    assert await check(token, trust)


async def test_an_unknown_field_of_a_later_1_x_is_let_through(
    leaf: Leaf, trust: Trust
) -> None:
    token = leaf.token() | {"format": "web-eid:1.7", "fromTheFuture": {"a": [1]}}
    assert await check(token, trust)


# --- the token's form and its signature


def without(field: str) -> Callable[[Token], Token]:
    return lambda token: {k: v for k, v in token.items() if k != field}


def with_(**changes: Any) -> Callable[[Token], Token]:
    return lambda token: token | changes


def as_der_signature(token: Token) -> Token:
    raw = base64.b64decode(token["signature"])
    der = encode_dss_signature(
        int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big")
    )
    return token | {"signature": b64(der)}


def signature(change: Callable[[bytes], bytes]) -> Callable[[Token], Token]:
    return lambda token: (
        token | {"signature": b64(change(base64.b64decode(token["signature"])))}
    )


def certificate(change: Callable[[bytes], bytes]) -> Callable[[Token], Token]:
    return lambda token: (
        token
        | {
            "unverifiedCertificate": b64(
                change(base64.b64decode(token["unverifiedCertificate"]))
            )
        }
    )


FIELDS = ["unverifiedCertificate", "algorithm", "signature", "format", "appVersion"]
PARSE, SIGN = AuthTokenParseError, AuthTokenSignatureValidationError
CERTIFICATE = UserCertificateParseError

TAMPERED: dict[str, tuple[Callable[[Token], Any], type[RelyingPartyError]]] = {
    **{f"{field} missing": (without(field), PARSE) for field in FIELDS},
    **{f"{field} null": (with_(**{field: None}), PARSE) for field in FIELDS},
    **{f"{field} a number": (with_(**{field: 1}), PARSE) for field in FIELDS},
    **{f"{field} a list": (with_(**{field: ["x"]}), PARSE) for field in FIELDS},
    **{f"{field} empty": (with_(**{field: ""}), PARSE) for field in FIELDS},
    "format 2.0": (with_(format="web-eid:2.0"), PARSE),
    "format 10": (with_(format="web-eid:10"), PARSE),
    "format with a tail": (with_(format="web-eid:1.0\n"), PARSE),
    "algorithm none": (with_(algorithm="none"), PARSE),
    "algorithm HS256": (with_(algorithm="HS256"), PARSE),
    "algorithm in lower case": (with_(algorithm="es384"), PARSE),
    "signature in the URL alphabet": (with_(signature="-_-_"), PARSE),
    "signature without padding": (
        lambda token: token | {"signature": token["signature"] + "QQ"},
        PARSE,
    ),
    "signature with white space": (
        lambda token: token | {"signature": " " + token["signature"]},
        PARSE,
    ),
    "signature with unused bits set": (with_(signature="QUJ="), PARSE),
    "certificate not base64": (with_(unverifiedCertificate="%%%%"), PARSE),
    "1.1 without its certificates": (with_(format="web-eid:1.1"), PARSE),
    "1.1 with none of them": (
        with_(format="web-eid:1.1", unverifiedSigningCertificates=[]),
        PARSE,
    ),
    "1.1 with more than eight": (
        with_(format="web-eid:1.1", unverifiedSigningCertificates=[SIGNING] * 9),
        PARSE,
    ),
    "1.1 with a broken one": (
        with_(format="web-eid:1.1", unverifiedSigningCertificates=[{}]),
        PARSE,
    ),
    "oversized": (with_(padding="x" * 10_000), PARSE),
    "a list": (lambda token: [token], PARSE),
    "as text, cut off": (lambda token: json.dumps(token)[:-10], PARSE),
    "as text, empty": (lambda _: "", PARSE),
    "as text, not an object": (lambda _: '"token"', PARSE),
    "as text, a name twice": (
        lambda token: json.dumps(token)[:-1] + ', "algorithm": "ES384"}',
        PARSE,
    ),
    "as text, nested deeply": (lambda _: "[" * 9_000 + "]" * 900, PARSE),
    "as text, oversized": (lambda token: json.dumps(token) + " " * 10_000, PARSE),
    "as text, NaN": (lambda token: json.dumps(token | {"x": float("nan")}), PARSE),
    "certificate of other bytes": (
        certificate(lambda _: b"not a certificate"),
        CERTIFICATE,
    ),
    "certificate cut off": (certificate(lambda der: der[:-7]), CERTIFICATE),
    "certificate with a tail": (certificate(lambda der: der + b"\0"), CERTIFICATE),
    "signature of other bytes": (signature(lambda raw: bytes(len(raw))), SIGN),
    "signature in DER": (as_der_signature, SIGN),
    "signature cut off": (signature(lambda raw: raw[:-1]), SIGN),
    "signature with a tail": (signature(lambda raw: raw + b"\0"), SIGN),
    "signature, s with a zero in front": (
        signature(lambda raw: raw[:48] + b"\0" + raw[48:]),
        SIGN,
    ),
    "signature, r for s": (signature(lambda raw: raw[48:] + raw[:48]), SIGN),
    "algorithm of another curve": (with_(algorithm="ES256"), SIGN),
    "algorithm of a longer hash": (with_(algorithm="ES512"), SIGN),
    "algorithm of another key": (with_(algorithm="PS384"), SIGN),
    "algorithm of another key, PKCS#1": (with_(algorithm="RS384"), SIGN),
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
    "origin",
    [
        "https://service.example:8443",
        "http://service.example",
        "https://service.example/",
        "https://SERVICE.example",
        "https://other.example",
    ],
)
async def test_a_token_made_for_another_origin(
    leaf: Leaf, trust: Trust, origin: str
) -> None:
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token(origin=origin), trust)


async def test_a_token_made_for_another_nonce(leaf: Leaf, trust: Trust) -> None:
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token(nonce=b64(bytes(32))), trust)


async def test_the_punycode_origin_is_what_is_signed(leaf: Leaf, trust: Trust) -> None:
    token = leaf.token(origin="https://xn--plvelu-bua.fi")
    assert await check(token, trust, origin="https://xn--plvelu-bua.fi")
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(token, trust, origin="https://pälvelu.fi")


@every_bit
async def test_every_flipped_bit_of_the_signature(
    leaf: Leaf, trust: Trust, step: int
) -> None:
    token = leaf.token()
    raw = base64.b64decode(token["signature"])
    for position in range(0, len(raw) * 8, step):
        flipped = bytearray(raw)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(AuthTokenSignatureValidationError):
            await check(token | {"signature": b64(bytes(flipped))}, trust)


@pytest.mark.parametrize("name", ["origin", "nonce"])
async def test_every_flipped_bit_of_the_origin_and_the_nonce(
    leaf: Leaf, trust: Trust, name: str
) -> None:
    token = leaf.token()
    sound = {"origin": ORIGIN, "nonce": NONCE}
    for position in range(len(sound[name]) * 8):
        flipped = bytearray(sound[name].encode())
        flipped[position // 8] ^= 1 << position % 8
        texts = sound | {name: flipped.decode("latin-1")}
        with pytest.raises(AuthTokenSignatureValidationError):
            await check(token, trust, origin=texts["origin"], nonce=texts["nonce"])


@every_bit
async def test_every_flipped_bit_of_the_certificate(root: CA, step: int) -> None:
    ca = quick_ca(root)
    leaf, trust = ca.issue(key("P-384")), ca.trust(root.der)
    token = leaf.token()
    assert await check(token, trust)
    for position in range(0, len(leaf.der) * 8, step):
        flipped = bytearray(leaf.der)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(RelyingPartyError):
            await check(token | {"unverifiedCertificate": b64(bytes(flipped))}, trust)


async def test_another_persons_certificate_put_in(
    ca: CA, leaf: Leaf, trust: Trust
) -> None:
    other = ca.issue(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(AuthTokenSignatureValidationError):
        await check(leaf.token() | {"unverifiedCertificate": b64(other.der)}, trust)


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
