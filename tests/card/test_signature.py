# SPDX-License-Identifier: MIT
"""A verifier accepts the card's signature by every hash function.

The card receives only the two kinds of ECDSA digest that real ones have signed.
``test_profiles.py`` has every key sign with every algorithm.
"""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    encode_dss_signature,
)

from kortilla.mock_card.keys import sign_digest
from native_host.card.signature import (
    HASH_SIZES,
    KeyType,
    Padding,
    PublicKey,
    SignatureAlgorithm,
    SignatureScheme,
    supported_algorithms,
    token_algorithm,
)
from native_host.errors import InvalidArgumentError
from tests.card.scripted import P256, P384, RSA3072

# The names of docs/reference/web-eid.md, and the same functions in two other libraries.
FUNCTIONS = {
    "SHA-224": ("sha224", hashes.SHA224()),
    "SHA-256": ("sha256", hashes.SHA256()),
    "SHA-384": ("sha384", hashes.SHA384()),
    "SHA-512": ("sha512", hashes.SHA512()),
    "SHA3-224": ("sha3_224", hashes.SHA3_224()),
    "SHA3-256": ("sha3_256", hashes.SHA3_256()),
    "SHA3-384": ("sha3_384", hashes.SHA3_384()),
    "SHA3-512": ("sha3_512", hashes.SHA3_512()),
}
MESSAGE = b"a document"


def digest_of(function: str) -> bytes:
    return hashlib.new(FUNCTIONS[function][0], MESSAGE).digest()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("key", [P256, P384], ids=["P-256", "P-384"])
def test_ecdsa_signs_a_digest_of_any_function(
    key: ec.EllipticCurvePrivateKey, function: str
) -> None:
    algorithm = SignatureAlgorithm(KeyType.ECC, function)
    scheme = SignatureScheme(key.public_key(), algorithm)
    inputs = scheme.card_inputs(digest_of(function))
    # The card supports the two algorithm bytes that real cards have accepted. A short
    # digest for P-384 has both forms, and the one of 2026-08-22 comes first.
    kinds = {0x44: (32, hashes.SHA256()), 0x54: (48, hashes.SHA384())}
    short = HASH_SIZES[function] < 48
    expected = [0x44] if key.key_size == 256 else [0x44, 0x54] if short else [0x54]
    assert [card_algorithm for card_algorithm, _ in inputs] == expected
    for card_algorithm, sent in inputs:
        size, card_hash = kinds[card_algorithm]
        assert len(sent) == size
        signature = sign_digest(key, sent, card_hash)
        assert len(signature) == scheme.size
        scheme.verify(signature, digest_of(function))
        # A verifier with the document and without knowledge of cards verifies it too.
        r, s = signature[: scheme.size // 2], signature[scheme.size // 2 :]
        key.public_key().verify(
            encode_dss_signature(int.from_bytes(r), int.from_bytes(s)),
            MESSAGE,
            ec.ECDSA(FUNCTIONS[function][1]),
        )


def test_what_a_key_can_not_sign_is_refused() -> None:
    own: tuple[PublicKey, PublicKey] = P384.public_key(), RSA3072.public_key()
    for key, function, scheme_padding in (
        # The card knows no SHA-3.
        *((own[1], name, Padding.PKCS1) for name in FUNCTIONS if "SHA3" in name),
        *((own[1], name, Padding.PSS) for name in FUNCTIONS if "SHA3" in name),
        (own[1], "SHA-256", Padding.NONE),
        (own[0], "SHA-384", Padding.PKCS1),
        (own[0], "SHA-384", Padding.PSS),
        (own[0], "SHA-1", Padding.NONE),
        (own[0], "MD5", Padding.NONE),
        (own[0], "", Padding.NONE),
    ):
        for key_type in KeyType:
            algorithm = SignatureAlgorithm(key_type, function, scheme_padding)
            with pytest.raises(InvalidArgumentError):
                SignatureScheme(key, algorithm)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_digest_of_another_length_than_its_functions_is_refused(
    function: str,
) -> None:
    algorithm = SignatureAlgorithm(KeyType.ECC, function)
    scheme = SignatureScheme(P384.public_key(), algorithm)
    for off_by in (-1, 1):
        with pytest.raises(InvalidArgumentError):
            scheme.card_inputs(bytes(HASH_SIZES[function] + off_by))


def test_what_a_key_was_made_for_comes_first() -> None:
    rows: list[tuple[PublicKey, str, str]] = [
        (P384.public_key(), "ES384", "ES384"),
        (P256.public_key(), "ES256", "ES256"),
        (RSA3072.public_key(), "RS256", "PS256"),  # a token's is PSS
    ]
    for key, first, token in rows:
        assert supported_algorithms(key)[0].name == first
        assert token_algorithm(key).name == token
    assert len(supported_algorithms(P384.public_key())) == len(FUNCTIONS)
    assert len(supported_algorithms(RSA3072.public_key())) == 8


def test_names_are_jwas_where_jwa_has_one() -> None:
    assert SignatureAlgorithm(KeyType.ECC, "SHA-512").name == "ES512"
    assert SignatureAlgorithm(KeyType.ECC, "SHA3-256").name == "SHA3-256withECDSA"
    assert SignatureAlgorithm(KeyType.RSA, "SHA-224", Padding.PKCS1).name == (
        "SHA-224withRSA"
    )
