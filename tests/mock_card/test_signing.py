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
from kortilla.mock_card.profiles import PinReference
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import (
    SELECT_APPLICATION,
    powered,
    read_file,
    send,
    verify,
)

MESSAGE = b"what is signed"
HASH_384 = f"002A90A0329030{'AB' * 48}"
HASHES: dict[int, hashes.HashAlgorithm] = {
    3: hashes.SHA224(),
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}


def prepare(card: MockCard, algorithm: int, key: int) -> None:
    """Send VERIFY, MSE and HASH."""
    pins = {PinReference.PIN1: ("11", "1234"), PinReference.PIN2: ("82", "123456")}
    slot = next(each for each in card.profile.keys if each.reference == key)
    assert verify(card, *pins[slot.pin]) == "9000"
    assert send(card, f"002241B6068001{algorithm:02X}8401{key:02X}") == "9000"
    digest = hashlib.new(HASHES[algorithm >> 4].name, MESSAGE).digest()
    size = len(digest)
    assert send(card, f"002A90A0{size + 2:02X}90{size:02X}{digest.hex()}") == "9000"


def check(certificate: bytes, signature: bytes, algorithm: int) -> None:
    """Verify a signature of the message with what knows nothing of cards."""
    key = load_der_public_key(x509.Certificate.load(certificate).public_key.dump())
    function = HASHES[algorithm >> 4]
    if isinstance(key, rsa.RSAPublicKey):
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if algorithm & 0x0F == 5:
            scheme = padding.PSS(padding.MGF1(function), function.digest_size)
        key.verify(signature, MESSAGE, scheme, function)
        return
    assert isinstance(key, ec.EllipticCurvePublicKey)
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    key.verify(utils.encode_dss_signature(r, s), MESSAGE, ec.ECDSA(function))


def test_the_whole_exchange_of_a_real_card(state: MockCardState) -> None:
    card = MockCard(state)
    digest = hashlib.sha384(MESSAGE).hexdigest()
    certificate = state.read().keys[0].certificate

    assert send(card, "00A4040C0CA000000063504B43532D3135") == "9000"
    assert send(card, "00A4080402433100") == f"62048102{len(certificate):04X}9000"
    assert send(card, "00B0000000") == certificate[:181].hex().upper() + "9000"
    assert send(card, "00B000B500") == certificate[181:362].hex().upper() + "9000"
    assert send(card, "00B0016A00") == certificate[362:543].hex().upper() + "9000"
    assert send(card, "00CB00FF05A003830111") == (
        "A023" "830111" "8C04F0000000" "9C04F0000000"
        "DF210405FFA503" "DF2702FFFF" "DF28010C" "DF2F0101" "9000"
    )  # fmt: skip
    assert send(card, "002000110C313233340000000000000000") == "9000"
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, f"002A90A0329030{digest}") == "9000"
    answer = card.transmit(bytes.fromhex("002A9E9A60"))
    assert (len(answer), answer[-2:]) == (96 + 2, b"\x90\x00")
    check(certificate, answer[:-2], 0x54)


@pytest.mark.parametrize("style", ["direct", "fetched"])
@pytest.mark.parametrize(
    ("profile", "key", "path", "sizes"),
    [
        ("v5", 1, "4331", [96]),
        ("v5", 2, "50164332", [96]),
        ("v4.2", 1, "4331", [256]),
        ("v4.2", 2, "50164332", [256]),
        ("v4.2", 3, "50164335", [64]),
        ("v5-2026", 1, "4331", [96]),
        ("v5-2026", 2, "50164332", [96]),
        ("v5-2026", 0x1B, "50164333", [256, 128]),
        ("v5-2026", 0x1C, "50164335", [256, 256]),
    ],
)
def test_each_key_signs_with_each_algorithm(
    make_state: Callable[[str], MockCardState],
    style: str,
    profile: str,
    key: int,
    path: str,
    sizes: list[int],
) -> None:
    """As Web eID's native app does: each Le is 00, and 61xx is fetched."""
    state = make_state(profile)
    card = powered(state, style)
    certificate = read_file(powered(state), path)
    schemes = (2, 5) if sizes[0] == 256 else (4,)
    for algorithm in (hash_ << 4 | scheme for hash_ in HASHES for scheme in schemes):
        prepare(card, algorithm, key)
        answers = [card.transmit(bytes.fromhex("002A9E9A00"))]
        while answers[-1][-2] == 0x61:
            more = bytes((0x00, 0xC0, 0x00, 0x00, answers[-1][-1]))
            answers.append(card.transmit(more))
        assert answers[-1][-2:] == b"\x90\x00"
        told = [len(answer) - 2 for answer in answers]
        assert told == [*[0] * (style == "fetched"), *sizes]
        check(certificate, b"".join(each[:-2] for each in answers), algorithm)


def test_pin1_stays_verified_and_pin2_is_asked_anew_for_each_signature(
    card: MockCard,
) -> None:
    for key, again in ((1, "9000"), (2, "6982")):
        prepare(card, 0x54, key)
        assert send(card, "002A9E9A60")[-4:] == "9000"
        assert send(card, HASH_384) == "9000"
        assert send(card, "002A9E9A60")[-4:] == again
    assert send(card, "00200082") == "63C5"
    assert verify(card, "82", "123456") == "9000"
    assert send(card, "002A9E9A60")[-4:] == "9000"


def test_each_key_wants_its_own_pin(card: MockCard) -> None:
    for key, (wrong, right) in {
        1: (("82", "123456"), ("11", "1234")),
        2: (("11", "1234"), ("82", "123456")),
    }.items():
        assert send(card, SELECT_APPLICATION) == "9000"
        assert verify(card, *wrong) == "9000"
        assert send(card, f"002241B6068001548401{key:02}") == "9000"
        assert send(card, HASH_384) == "9000"
        assert send(card, "002A9E9A60") == "6982"
        assert verify(card, *right) == "9000"
        assert send(card, "002A9E9A60")[-4:] == "9000"


def test_the_order_of_commands_is_kept(card: MockCard) -> None:
    assert verify(card, "11", "1234") == "9000"
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, HASH_384) == "6985"
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, HASH_384) == "9000"
    assert send(card, "002241B606800154840101") == "9000"  # clears the digest
    assert send(card, "002A9E9A60") == "6985"
    assert send(card, HASH_384) == "9000"
    assert send(card, SELECT_APPLICATION) == "9000"
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
        # Digests of another length.
        ("002A90A0229020" + "AB" * 32, "6A80"),
        ("002A90A031902F" + "AB" * 47, "6A80"),
        ("002A90A0328030" + "AB" * 48, "6A80"),
        ("002A90A000", "6A80"),
    ],
)
def test_what_the_card_refuses(card: MockCard, apdu: str, status_word: str) -> None:
    assert send(card, "002241B606800154840101") == "9000"
    assert send(card, apdu) == status_word


@pytest.mark.parametrize("style", ["direct", "fetched"])
def test_a_wrong_le_costs_the_signature(state: MockCardState, style: str) -> None:
    card = powered(state, style)
    for le in ("01", "40", "5F", "61", "FF"):
        prepare(card, 0x54, 2)
        assert send(card, f"002A9E9A{le}") == "6C60"
        assert send(card, "002A9E9A60") == "6985"
        assert send(card, "00200082") == "63C5"
    for le in ("60", ""):
        prepare(card, 0x54, 2)
        before = state.read()
        answer = send(card, f"002A9E9A{le}")
        assert answer[-4:] == "9000" or (style, le, answer) == ("fetched", "", "6160")
        assert state.read() == before  # signing moves no counter
