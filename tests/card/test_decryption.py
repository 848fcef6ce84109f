# SPDX-License-Identifier: MIT
"""The authentication key of each card decrypts; a refusal tells nothing more.

``tests/kortilla/encryption`` has whole messages.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kortilla.encryption.algorithms import RsaPadding
from kortilla.mock_card.faults import CommandName, Fault, FaultName
from kortilla.mock_card.profiles import PROFILES
from native_host.card.apdu import SW
from native_host.card.decryption import CardDecryption
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinRole
from native_host.card.mock_source import MockCardConnection
from tests.card.test_profiles import Recorded
from tests.support.cards import new_card

STYLES = pytest.mark.parametrize("style", ["direct", "fetched"])
_SECRET = hashlib.sha256(b"a content's key").digest()
_HASHES: dict[RsaPadding, hashes.HashAlgorithm] = {
    RsaPadding.OAEP_SHA1: hashes.SHA1(),  # noqa: S303 - the card knows it
    RsaPadding.OAEP_SHA224: hashes.SHA224(),
    RsaPadding.OAEP_SHA256: hashes.SHA256(),
    RsaPadding.OAEP_SHA384: hashes.SHA384(),
    RsaPadding.OAEP_SHA512: hashes.SHA512(),
}


class Refusing(Recorded):
    """A card that answers to each decipherment with a status word, if it has one."""

    refusal: int | None = None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        if self.refusal is None or apdu[1] != 0x2A:
            return super().send_and_receive(apdu)
        self.sent.append(apdu)
        return b"", self.refusal


def opened(
    folder: Path,
    profile: str = "v5",
    style: str = "direct",
    form: Literal["plain", "template"] = "plain",
) -> tuple[FineidCard, Refusing]:
    """Return a card whose certificates were read and whose PIN1 was verified."""
    state = new_card(folder, profile)
    with state.update() as data:
        data.key_agreement = form
    connection = Refusing(state, style=style)
    card = FineidCard(connection)
    for key in authentication_keys(card):
        card.certificate(key)
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    del connection.sent[:]
    return card, connection


def authentication_keys(card: FineidCard) -> Iterator[CardKey]:
    keys = card.keys()
    return (key for key in keys if key.role is KeyRole.AUTHENTICATION)


def encrypted(key: rsa.RSAPublicKey, scheme: RsaPadding) -> bytes:
    if scheme is RsaPadding.PKCS1:
        return key.encrypt(_SECRET, padding.PKCS1v15())
    function = _HASHES[scheme]
    return key.encrypt(_SECRET, padding.OAEP(padding.MGF1(function), function, None))


@STYLES
@pytest.mark.parametrize("profile", PROFILES)
def test_each_authentication_key_decrypts(
    tmp_path: Path, profile: str, style: str
) -> None:
    card, _ = opened(tmp_path, profile, style)
    for key in authentication_keys(card):
        public = card.certificate(key).public_key
        decryption = CardDecryption(card, key)
        if isinstance(public, rsa.RSAPublicKey):
            for scheme in RsaPadding:
                assert decryption.decrypt(encrypted(public, scheme), scheme) == _SECRET
            assert decryption.agree(b"\4" + bytes(96)) is None
        else:
            other = ec.generate_private_key(public.curve)
            point = other.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            )
            assert decryption.agree(point) == other.exchange(ec.ECDH(), public)
            assert decryption.decrypt(bytes(48), RsaPadding.PKCS1) is None


def shared_secret(card: FineidCard, decryption: CardDecryption) -> bytes | None:
    """Agree with a new key, and check that both have the same secret."""
    public = card.certificate(card.key(KeyRole.AUTHENTICATION)).public_key
    assert isinstance(public, ec.EllipticCurvePublicKey)
    other = ec.generate_private_key(public.curve)
    point = other.public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )
    found = decryption.agree(point)
    assert found in {None, other.exchange(ec.ECDH(), public)}
    return found


@STYLES
def test_a_card_that_takes_a_point_only_in_a_template(
    tmp_path: Path, style: str
) -> None:
    card, connection = opened(tmp_path, style=style, form="template")
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    assert shared_secret(card, decryption)
    sent = [apdu for apdu in connection.sent if apdu[1] == 0x2A]
    point = sent[0][6:103]
    assert sent[0] == bytes.fromhex("002A80866200") + point
    assert sent[1] == bytes.fromhex("002A808668A6667F49638661") + point


def test_a_card_that_takes_neither_form_is_asked_twice(tmp_path: Path) -> None:
    card, connection = opened(tmp_path)
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    connection.refusal = SW.WRONG_DATA
    assert shared_secret(card, decryption) is None
    assert [apdu[1] for apdu in connection.sent] == [0x22, 0x2A, 0x22, 0x2A]


@pytest.mark.parametrize("status", [0x6982, 0x6F00, 0x6D00])
def test_a_fault_of_the_card_is_no_refusal(tmp_path: Path, status: int) -> None:
    card, connection = opened(tmp_path)
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    connection.refusal = status
    with pytest.raises(CardError) as caught:
        shared_secret(card, decryption)
    assert caught.value.status_word == status
    assert [apdu[1] for apdu in connection.sent] == [0x22, 0x2A]


def test_a_point_off_the_curve_never_reaches_the_card(tmp_path: Path) -> None:
    card, connection = opened(tmp_path)
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    on_another_curve = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for point in (
        b"",
        b"\0",
        b"\4" + bytes(96),
        b"\4" + b"\1" * 96,
        b"\2" + b"\1" * 96,
        b"\4" + on_another_curve[1:].ljust(96, b"\0"),
        on_another_curve,
        bytes(200),
    ):
        assert decryption.agree(point) is None
    assert connection.sent == []


@STYLES
def test_refusals_by_an_rsa_key_are_alike(tmp_path: Path, style: str) -> None:
    card, connection = opened(tmp_path, "v4.2", style)
    key = card.key(KeyRole.AUTHENTICATION)
    decryption = CardDecryption(card, key)
    public = card.certificate(key).public_key
    assert isinstance(public, rsa.RSAPublicKey)
    good = encrypted(public, RsaPadding.OAEP_SHA256)
    assert decryption.decrypt(good, RsaPadding.OAEP_SHA384) is None
    assert decryption.decrypt(b"\xff" * 256, RsaPadding.PKCS1) is None
    changed = good[:-1] + bytes([good[-1] ^ 1])
    assert decryption.decrypt(changed, RsaPadding.OAEP_SHA256) is None
    sent = len(connection.sent)
    assert decryption.decrypt(good[1:], RsaPadding.OAEP_SHA256) is None
    assert decryption.decrypt(good + b"\0", RsaPadding.OAEP_SHA256) is None
    assert len(connection.sent) == sent
    # The longest data of a command are 255 bytes, over T=0 too.
    assert {apdu[0] for apdu in connection.sent if apdu[1] == 0x2A} == {0x00, 0x10}
    assert max(map(len, connection.sent)) <= 5 + 255


def test_the_signature_key_never_decrypts(tmp_path: Path) -> None:
    card, connection = opened(tmp_path)
    key = card.key(KeyRole.SIGNATURE)
    with pytest.raises(UnsupportedCardError):
        CardDecryption(card, key)
    # Not even for a program that sends the commands itself.
    card.verify_pin(PinRole.PIN2, bytearray(b"123456"))
    with pytest.raises(CardError):
        card.decipher(key, b"\0\4" + bytes(96), algorithm=None)
    assert [apdu for apdu in connection.sent if apdu[1] == 0x2A] == []


def test_pin1_is_needed(tmp_path: Path) -> None:
    connection = Recorded(new_card(tmp_path))
    card = FineidCard(connection)
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    with pytest.raises(CardError) as caught:
        shared_secret(card, decryption)
    assert caught.value.status_word == SW.SECURITY_STATUS


@pytest.mark.parametrize("fault", [FaultName.CARD_PULLED, FaultName.MUTE])
def test_a_card_that_is_lost_is_no_refusal(tmp_path: Path, fault: str) -> None:
    state = new_card(tmp_path)
    connection = MockCardConnection(state)
    card = FineidCard(connection)
    decryption = CardDecryption(card, card.key(KeyRole.AUTHENTICATION))
    card.verify_pin(PinRole.PIN1, bytearray(b"1234"))
    state.add_fault(Fault(fault, on=CommandName.DECIPHER))
    with pytest.raises(CONNECTION_ERRORS):
        shared_secret(card, decryption)
    connection.close()
