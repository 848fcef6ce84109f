# SPDX-License-Identifier: MIT
"""Correct commands in the correct order sign; all others get status words."""

import hashlib
from collections.abc import Callable

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block, read_file, send

VERIFY = {1: f"002000110C{pin_block('1234')}", 2: f"002000820C{pin_block('123456')}"}
HASHES: dict[int, hashes.HashAlgorithm] = {
    3: hashes.SHA224(),
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}


def prepare(card: MockCard, algorithm: int, key: int) -> bytes:
    """Send VERIFY, MSE and HASH; return the digest."""
    name = HASHES[algorithm >> 4].name
    digest = hashlib.new(name, b"what is signed").digest()
    assert send(card, VERIFY[1 if key in {0x01, 0x1B} else 2]) == "9000"
    assert send(card, f"002241B6068001{algorithm:02X}8401{key:02X}") == "9000"
    size = len(digest)
    assert send(card, f"002A90A0{size + 2:02X}90{size:02X}{digest.hex()}") == "9000"
    return digest


def public_key(card: MockCard, path: str) -> object:
    certificate = x509.Certificate.load(read_file(card, path))
    return load_der_public_key(certificate.public_key.dump())


@pytest.mark.parametrize("algorithm", [0x34, 0x44, 0x54, 0x64])
@pytest.mark.parametrize(("key", "path"), [(1, "4331"), (2, "50164332")])
def test_p384_keys_sign_each_hash_as_raw_r_and_s(
    card: MockCard, algorithm: int, key: int, path: str
) -> None:
    digest = prepare(card, algorithm, key)
    answer = card.transmit(bytes.fromhex("002A9E9A60"))
    assert (len(answer), answer[-2:]) == (98, b"\x90\x00")
    check_ecdsa(public_key(card, path), answer[:-2], digest, HASHES[algorithm >> 4])


def test_the_p256_key_signs(rsa_card: MockCard) -> None:
    digest = prepare(rsa_card, 0x44, 3)
    answer = rsa_card.transmit(bytes.fromhex("002A9E9A40"))
    assert (len(answer), answer[-2:]) == (66, b"\x90\x00")
    key = public_key(rsa_card, "50164335")
    check_ecdsa(key, answer[:-2], digest, hashes.SHA256())


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize("algorithm", [0x32, 0x42, 0x52, 0x62, 0x35, 0x45, 0x55, 0x65])
@pytest.mark.parametrize(("key", "path"), [(1, "4331"), (2, "50164332")])
def test_rsa_keys_sign_with_both_paddings(
    make_state: Callable[[str], MockCardState],
    style: str,
    algorithm: int,
    key: int,
    path: str,
) -> None:
    state = make_state("v4.2")
    card = MockCard(state, style=style)
    send(card, SELECT_APPLICATION)
    digest = prepare(card, algorithm, key)
    answer = card.transmit(bytes.fromhex("002A9E9A00"))
    if style == "fetched":
        assert answer == b"\x61\x00"
        answer = card.transmit(bytes.fromhex("00C0000000"))
    assert (len(answer), answer[-2:]) == (258, b"\x90\x00")
    hash_algorithm = HASHES[algorithm >> 4]
    plain = MockCard(state)
    send(plain, SELECT_APPLICATION)
    verifier = public_key(plain, path)
    assert isinstance(verifier, rsa.RSAPublicKey)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm & 0x0F == 5:
        mask = padding.MGF1(hash_algorithm)
        scheme = padding.PSS(mask, hash_algorithm.digest_size)
    verifier.verify(answer[:-2], digest, scheme, utils.Prehashed(hash_algorithm))


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize("algorithm", [0x42, 0x45])
@pytest.mark.parametrize(
    ("key", "path", "left"), [(0x1B, "50164333", "6180"), (0x1C, "50164335", "6100")]
)
def test_signatures_longer_than_an_answer_come_in_pieces(
    make_state: Callable[[str], MockCardState],
    style: str,
    algorithm: int,
    key: int,
    path: str,
    left: str,
) -> None:
    state = make_state("v5-2026")
    plain, card = MockCard(state), MockCard(state, style=style)
    assert {send(plain, SELECT_APPLICATION), send(card, SELECT_APPLICATION)} == {"9000"}
    verifier = public_key(plain, path)
    digest = prepare(card, algorithm, key)
    answer = card.transmit(bytes.fromhex("002A9E9A00"))
    if style == "fetched":
        assert answer == b"\x61\x00"
        answer = card.transmit(bytes.fromhex("00C0000000"))
    assert (len(answer), answer[-2:].hex()) == (258, left)
    rest = card.transmit(bytes.fromhex("00C00000" + left[2:]))
    assert rest[-2:] == b"\x90\x00"
    assert isinstance(verifier, rsa.RSAPublicKey)
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm == 0x45:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = answer[:-2] + rest[:-2]
    verifier.verify(signature, digest, scheme, utils.Prehashed(hashes.SHA256()))


def check_ecdsa(
    key: object, signature: bytes, digest: bytes, algorithm: hashes.HashAlgorithm
) -> None:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    key.verify(
        utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(algorithm))
    )


def test_pin1_stays_verified_for_further_signatures(card: MockCard) -> None:
    prepare(card, 0x54, 1)
    assert send(card, "002A9E9A60")[-4:] == "9000"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "9000"
    assert send(card, "002A9E9A60")[-4:] == "9000"


def test_pin2_is_asked_anew_for_each_signature(card: MockCard) -> None:
    prepare(card, 0x54, 2)
    assert send(card, "002A9E9A60")[-4:] == "9000"
    assert send(card, "00200082") == "63C5"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "9000"
    assert send(card, "002A9E9A60") == "6982"
    assert send(card, VERIFY[2]) == "9000"
    assert send(card, "002A9E9A60")[-4:] == "9000"


def test_each_key_wants_its_own_pin(card: MockCard) -> None:
    assert send(card, VERIFY[2]) == "9000"
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "9000"
    assert send(card, "002A9E9A60") == "6982"
    assert send(card, VERIFY[1]) == "9000"
    assert send(card, "002241B606800154840102") == "9000"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "9000"
    assert send(card, SELECT_APPLICATION) == "9000"
    assert send(card, "002A9E9A60") == "6985"


def test_the_order_of_commands_is_kept(card: MockCard) -> None:
    assert send(card, VERIFY[1]) == "9000"
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "6985"
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, f"002A90A0329030{'AB' * 48}") == "9000"
    assert send(card, "002241B606800154840101") == "9000"  # clears the digest
    assert send(card, "002A9E9A60") == "6985"


@pytest.mark.parametrize(
    ("apdu", "status_word"),
    [
        ("002241B606800114840101", "6986"),  # SHA-1
        ("002241B606800154840103", "6A88"),  # no such key on v5
        ("002241B606800155840101", "6A80"),  # PSS with an EC key
        ("002241B606800174840101", "6A80"),  # no such hash
        ("002241B606840101800154", "6A80"),
        ("002241B603800154", "6A80"),
    ],
)
def test_environments_that_the_card_refuses(
    card: MockCard, apdu: str, status_word: str
) -> None:
    assert send(card, apdu) == status_word


@pytest.mark.parametrize(
    "body", ["22 9020" + "AB" * 32, "31 902F" + "AB" * 47, "32 8030" + "AB" * 48, "00"]
)
def test_a_digest_of_another_length_is_refused(card: MockCard, body: str) -> None:
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, f"002A90A0{body}") == "6A80"


@pytest.mark.parametrize("le", ["00", "60", ""])
def test_a_signature_is_given_to_who_asks_for_all_of_it(
    card: MockCard, le: str
) -> None:
    digest = prepare(card, 0x54, 2)
    answer = card.transmit(bytes.fromhex(f"002A9E9A{le}"))
    assert answer[-2:] == b"\x90\x00"
    check_ecdsa(public_key(card, "50164332"), answer[:-2], digest, hashes.SHA384())


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize("le", ["01", "40", "5F", "61", "FF"])
def test_a_wrong_le_costs_the_signature(
    state: MockCardState, le: str, style: str
) -> None:
    card = MockCard(state, style=style)
    send(card, SELECT_APPLICATION)
    prepare(card, 0x54, 2)
    assert send(card, f"002A9E9A{le}") == "6C60"
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, "00200082") == "63C5"


def test_signing_moves_no_counter(card: MockCard, state: MockCardState) -> None:
    before = state.read()
    prepare(card, 0x54, 2)
    send(card, "002A9E9A60")
    assert state.read() == before
