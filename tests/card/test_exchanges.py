# SPDX-License-Identifier: MIT
"""The exchanges with the card, byte for byte.

See docs/reference/card.md, "Commands" and "A whole exchange".
"""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from native_host.card.errors import (
    CardError,
    CardNotActivatedError,
    PinBlockedError,
    PinTriesUnreadableError,
    SignatureInvalidError,
    UnsupportedCardError,
    WrongPinError,
)
from native_host.card.fineid import FineidCard, KeyRole, PinInfo, PinRole
from native_host.errors import InvalidArgumentError
from tests.card.certificates import certificates_of
from tests.card.scripted import (
    AUTHENTICATION,
    AUTHENTICATION_RSA,
    ES384,
    PIN_INFO,
    PS256,
    SELECT,
    SELECT_AUTHENTICATION,
    SELECT_DIRECTORY,
    SELECT_SIGNATURE,
    SIGNATURE,
    VERIFY_1234,
    Answer,
    Script,
    ScriptT1,
    card_signature,
    control_parameters,
    file_exchanges,
    pin_information,
)

DIGEST_384 = hashlib.sha384(b"challenge").digest()
DIGEST_256 = hashlib.sha256(b"challenge").digest()


def certificate_exchanges(der: bytes) -> list[tuple[str, Answer]]:
    return [
        (SELECT_AUTHENTICATION, control_parameters(len(der))),
        *file_exchanges(der),
    ]


def ready_card(script: Script, *, tries: int = 5) -> FineidCard:
    """Return a card whose PIN information has been read, as every login does."""
    script.exchanges[:0] = [
        (SELECT, "9000"),
        (PIN_INFO, pin_information(tries=tries)),
    ]
    card = FineidCard(script)
    assert card.pin_info(PinRole.PIN1).tries_left == tries
    return card


def test_a_login_on_v5(p384: ec.EllipticCurvePrivateKey, v5_certificate: bytes) -> None:
    signature = card_signature(p384, DIGEST_384, hashes.SHA384())
    script = Script(
        (SELECT, "9000"),
        (SELECT_DIRECTORY, "6A82"),
        *certificate_exchanges(v5_certificate),
        (PIN_INFO, pin_information()),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.AUTHENTICATION)
    certificate = card.certificate(key)
    assert certificate.der == v5_certificate
    assert certificate.algorithm == "ES384"
    assert card.pin_info(PinRole.PIN1) == PinInfo(tries_left=5, changed=True)
    script.assert_done()

    # From Enter to the signature: exactly four commands.
    script.add(
        (VERIFY_1234, "9000"),
        ("002241B606 800154 840101", "9000"),
        ("002A90A032 9030" + DIGEST_384.hex().upper(), "9000"),
        ("002A9E9A60", signature.hex() + "9000"),
    )
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert card.sign(key, DIGEST_384, ES384) == signature
    script.assert_done()


def test_a_login_on_v4_2(rsa3072: rsa.RSAPrivateKey, v4_2_certificate: bytes) -> None:
    signature = card_signature(rsa3072, DIGEST_256, hashes.SHA256())
    assert len(signature) == 384
    script = Script(
        (SELECT, "9000"),
        (SELECT_DIRECTORY, "6A82"),
        *certificate_exchanges(v4_2_certificate),
        (PIN_INFO, pin_information(changed="00")),
        (VERIFY_1234, "9000"),
        ("002241B606 800145 840101", "9000"),
        ("002A90A022 9020" + DIGEST_256.hex().upper(), "9000"),
        ("002A9E9A00", "6100"),
        ("00C0000000", signature[:256].hex() + "6180"),
        ("00C0000080", signature[256:].hex() + "9000"),
    )
    script.atr = bytes.fromhex("3B7F9600008031B865B08504021B1200F6829000")
    card = FineidCard(script)
    key = card.key(KeyRole.AUTHENTICATION)
    assert key == AUTHENTICATION_RSA
    assert card.certificate(key).algorithm == "PS256"
    assert card.pin_info(PinRole.PIN1) == PinInfo(tries_left=5, changed=False)
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert card.sign(AUTHENTICATION_RSA, DIGEST_256, PS256) == signature
    script.assert_done()


def test_a_reader_that_chains_by_itself_makes_no_difference(
    rsa3072: rsa.RSAPrivateKey, v4_2_certificate: bytes
) -> None:
    signature = card_signature(rsa3072, DIGEST_256, hashes.SHA256())
    script = Script(
        (SELECT, "9000"),
        *certificate_exchanges(v4_2_certificate),
        ("002241B606 800145 840101", "9000"),
        ("002A90A022 9020" + DIGEST_256.hex().upper(), "9000"),
        ("002A9E9A00", signature.hex() + "9000"),
    )
    card = FineidCard(script)
    assert card.sign(AUTHENTICATION_RSA, DIGEST_256, PS256) == signature
    script.assert_done()


def test_pin_information_has_a_length_field_over_t1_only() -> None:
    script = ScriptT1((SELECT, "9000"), (PIN_INFO + "00", pin_information()))
    assert FineidCard(script).pin_info(PinRole.PIN1).tries_left == 5
    script.assert_done()


def test_a_certificate_is_read_once_and_each_by_its_path(
    v5_certificate: bytes, v5_signature_certificate: bytes
) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_DIRECTORY, "6A82"),
        *certificate_exchanges(v5_certificate),
        (SELECT_SIGNATURE, control_parameters(len(v5_signature_certificate))),
        *file_exchanges(v5_signature_certificate),
    )
    card = FineidCard(script)
    assert set(certificates_of(card)) == {AUTHENTICATION, SIGNATURE}
    assert set(certificates_of(card)) == {AUTHENTICATION, SIGNATURE}
    script.assert_done()


def test_a_card_may_lack_its_signature_certificate(v5_certificate: bytes) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_DIRECTORY, "6A82"),
        *certificate_exchanges(v5_certificate),
        (SELECT_SIGNATURE, "6A82"),
    )
    assert set(certificates_of(FineidCard(script))) == {AUTHENTICATION}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("63C4", WrongPinError),
        ("63C1", WrongPinError),
        ("6300", WrongPinError),
        ("63C0", PinBlockedError),
        ("6983", PinBlockedError),
        ("6984", CardNotActivatedError),
        ("6F00", CardError),
        ("6C0C", CardError),
        ("6700", CardError),
    ],
)
def test_a_refused_pin_is_said_and_nothing_more_is_sent(
    answer: str, error: type[CardError]
) -> None:
    script = Script((VERIFY_1234, answer))
    card = ready_card(script)
    with pytest.raises(error) as caught:
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert type(caught.value) is error
    script.assert_done()


@pytest.mark.parametrize(("answer", "left"), [("63C3", 3), ("63C1", 1), ("6300", 4)])
def test_a_wrong_pin_tells_how_many_tries_are_left(answer: str, left: int) -> None:
    script = Script((VERIFY_1234, answer), (VERIFY_1234, "9000"))
    card = ready_card(script)
    with pytest.raises(WrongPinError) as caught:
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    assert caught.value.tries_left == left
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))


def test_the_last_try_spent_without_a_count_blocks() -> None:
    script = Script((VERIFY_1234, "6300"))
    card = ready_card(script, tries=1)
    with pytest.raises(PinBlockedError):
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    with pytest.raises(PinBlockedError):
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    script.assert_done()


def test_a_blocked_pin_is_never_sent() -> None:
    script = Script()
    card = ready_card(script, tries=0)
    with pytest.raises(PinBlockedError):
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    script.assert_done()


def test_the_tries_are_read_before_a_pin_whoever_forgets_it() -> None:
    script = Script(
        (SELECT, "9000"), (PIN_INFO, pin_information()), (VERIFY_1234, "9000")
    )
    FineidCard(script).verify_pin(PinRole.PIN1, bytearray(b"1234"))
    script.assert_done()


def test_the_tries_are_read_again_when_an_answer_left_them_in_doubt() -> None:
    script = Script(
        (VERIFY_1234, "6F00"), (PIN_INFO, pin_information()), (VERIFY_1234, "9000")
    )
    card = ready_card(script)
    with pytest.raises(CardError):
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    script.assert_done()


@pytest.mark.parametrize(
    ("role", "pin"),
    [
        (PinRole.PIN1, b""),
        (PinRole.PIN1, b"123"),
        (PinRole.PIN1, b"1234567890123"),
        (PinRole.PIN1, b"12a4"),
        (PinRole.PIN1, b"1234\x00"),
        (PinRole.PIN1, "１２３４".encode()),
        (PinRole.PIN2, b"12345"),
        (PinRole.PUK, b"12345678"),
    ],
)
def test_what_can_not_be_the_pin_is_never_sent(role: PinRole, pin: bytes) -> None:
    script = Script()
    card = ready_card(script)
    with pytest.raises(InvalidArgumentError) as caught:
        card.verify_pin(role, bytearray(pin))
    if pin:
        assert pin.decode() not in str(caught.value)
    script.assert_done()


def test_the_longest_pin_fills_its_field() -> None:
    script = Script(("002000110C313233343536373839303132", "9000"))
    ready_card(script).verify_pin(PinRole.PIN1, bytearray(b"123456789012"))
    script.assert_done()


@pytest.mark.parametrize(
    "unreadable",
    [
        "6A88",
        "6F00",
        "9000",
        "A0009000",
        "A0238301119000",
        "FFFFFFFF9000",
        pin_information(tries=200),
        pin_information(ref="82"),
    ],
)
def test_without_pin_information_the_status_is_asked(unreadable: str) -> None:
    script = Script((SELECT, "9000"), (PIN_INFO, unreadable), ("00200011", "63C3"))
    info = FineidCard(script).pin_info(PinRole.PIN1)
    assert info == PinInfo(tries_left=3, changed=None)
    script.assert_done()


def test_a_blocked_status_is_no_tries() -> None:
    script = Script((SELECT, "9000"), (PIN_INFO, "6A88"), ("00200011", "6983"))
    assert FineidCard(script).pin_info(PinRole.PIN1).tries_left == 0


@pytest.mark.parametrize("status", ["9000", "6300", "6A88", "6984", "6700", "6C05"])
def test_a_pin_whose_tries_are_unreadable_is_refused(status: str) -> None:
    script = Script((SELECT, "9000"), (PIN_INFO, "6A88"), ("00200011", status))
    card = FineidCard(script)
    with pytest.raises(PinTriesUnreadableError):
        card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    script.assert_done()


def test_the_puk_is_never_asked_for_by_verify() -> None:
    script = Script((SELECT, "9000"), ("00CB00FF05A003830183", "6A88"))
    with pytest.raises(PinTriesUnreadableError):
        FineidCard(script).pin_info(PinRole.PUK)
    script.assert_done()


def signing_card(
    der: bytes, *exchanges: tuple[str, Answer]
) -> tuple[FineidCard, Script]:
    """Return a card that has selected its key and received the digest."""
    script = Script(
        (SELECT, "9000"),
        *certificate_exchanges(der),
        ("002241B606800154840101", "9000"),
        ("002A90A0329030" + DIGEST_384.hex().upper(), "9000"),
        *exchanges,
    )
    return FineidCard(script), script


def test_a_signature_is_never_asked_for_twice(v5_certificate: bytes) -> None:
    card, script = signing_card(v5_certificate, ("002A9E9A60", "6C60"))
    with pytest.raises(CardError) as caught:
        card.sign(AUTHENTICATION, DIGEST_384, ES384)
    assert caught.value.status_word == 0x6C60
    script.assert_done()


@pytest.mark.parametrize("status", ["6982", "6985", "6986", "6F00"])
def test_a_refused_signature_says_the_status(
    v5_certificate: bytes, status: str
) -> None:
    card, _ = signing_card(v5_certificate, ("002A9E9A60", status))
    with pytest.raises(CardError, match=status):
        card.sign(AUTHENTICATION, DIGEST_384, ES384)


def test_a_signature_that_does_not_verify_never_leaves(
    p384: ec.EllipticCurvePrivateKey, v5_certificate: bytes
) -> None:
    good = card_signature(p384, DIGEST_384, hashes.SHA384())
    other = card_signature(p384, hashlib.sha384(b"x").digest(), hashes.SHA384())
    stranger = card_signature(
        ec.generate_private_key(ec.SECP384R1()), DIGEST_384, hashes.SHA384()
    )
    short, doubled, zeros = good[:-1], good + good, bytes(96)
    for bad in (other, stranger, short, doubled, zeros, b"", b"\xff" * 96):
        card, _ = signing_card(v5_certificate, ("002A9E9A60", bad.hex() + "9000"))
        with pytest.raises(SignatureInvalidError):
            card.sign(AUTHENTICATION, DIGEST_384, ES384)


PAYMENT_SYSTEM = "00A404000E315041592E5359532E444446303100"


@pytest.mark.parametrize("status", ["6A82", "6A81", "6A86", "6A88", "6D00", "6E00"])
def test_a_card_without_the_application_is_not_a_citizen_card(status: str) -> None:
    script = Script((SELECT, status), (PAYMENT_SYSTEM, "6A82"))
    with pytest.raises(UnsupportedCardError) as caught:
        FineidCard(script)
    assert caught.value.kind == ""
    script.assert_done()


def test_a_bank_card_is_named() -> None:
    script = Script(
        (SELECT, "6A82"), (PAYMENT_SYSTEM, "6104"), ("00C0000004", "6F0284009000")
    )
    with pytest.raises(UnsupportedCardError) as caught:
        FineidCard(script)
    assert caught.value.kind == "bank card"


def test_a_card_on_the_contactless_side_is_named() -> None:
    script = Script((SELECT, "6982"))
    with pytest.raises(UnsupportedCardError, match="slot") as caught:
        FineidCard(script)
    assert "contactless" in caught.value.kind


def test_a_card_that_fails_is_not_called_unsupported() -> None:
    with pytest.raises(CardError, match="6F00") as caught:
        FineidCard(Script((SELECT, "6F00")))
    assert type(caught.value) is CardError
