# SPDX-License-Identifier: MIT
"""Messages that are cut, changed, odd or hostile."""

import tracemalloc
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from asn1crypto import cms, core, x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kortilla.encryption import (
    DecryptionFailedError,
    EncryptionError,
    EncryptionUnsupportedError,
    NotEncryptedError,
    OtherRecipientError,
    RecipientUnsuitableError,
    TrailingDataError,
    decrypt,
    encrypt,
    envelope,
    read_recipients,
)
from kortilla.encryption.ber import SEQUENCE, SET
from kortilla.encryption.ber import encoded as tlv
from tests.kortilla.encryption.keys import (
    AUTHENTICATED,
    Altered,
    SoftwareKey,
    decrypted,
    encrypted,
    with_recipients,
)

NOT_READ = (NotEncryptedError, EncryptionUnsupportedError)
#: The end of the messages with the content ``abc``: a piece, and the tag.
CIPHERTEXT = bytes.fromhex("A0800403")


@AUTHENTICATED
def test_a_cut_message_asks_for_no_key(ecc: SoftwareKey, authenticated: bool) -> None:
    message = encrypted(ecc.recipient, content=b"abc", authenticated=authenticated)
    for size in range(len(message)):
        sink = BytesIO()
        with pytest.raises(NOT_READ):
            decrypt(message[:size], sink, ecc)
        assert sink.getvalue() == b""
    assert ecc.used == 0


@AUTHENTICATED
@pytest.mark.parametrize("more", [b"\0", b"\n", b"abc"])
def test_octets_after_a_message_are_refused(
    ecc: SoftwareKey, authenticated: bool, more: bytes
) -> None:
    message = encrypted(ecc.recipient, content=b"abc", authenticated=authenticated)
    for source in (message + more, BytesIO(message + more)):
        sink = BytesIO()
        with pytest.raises(TrailingDataError):
            decrypt(source, sink, ecc)
        assert sink.getvalue() == b""
    assert ecc.used == 0
    with pytest.raises(TrailingDataError):
        read_recipients(message + more, whole=True)


@pytest.mark.slow
def test_each_changed_bit_is_noticed(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    places = harmless(message)
    for position in range(len(message)):
        for bit in range(8):
            changed = bytearray(message)
            changed[position] ^= 1 << bit
            sink = BytesIO()
            try:
                decrypt(bytes(changed), sink, ecc)
            except EncryptionError:
                continue
            # Versions, and the kind of the content, say nothing about it.
            assert sink.getvalue() == b"abc"
            assert position in places, position


def harmless(message: bytes) -> set[int]:
    """Return where a bit says nothing that is used: versions, and names of types.

    Letters of the issuer's name are there too: names are compared without case.
    """
    content = cms.ContentInfo.load(message)["content"]
    info = content["recipient_infos"][0].chosen
    originator = info["originator"].chosen
    # The number of unused bits of a point says nothing either.
    found = {message.index(originator["public_key"].native) - 1}
    for value in (
        content["version"],
        info["version"],
        info["recipient_encrypted_keys"][0]["rid"].chosen["issuer"],
        content["auth_encrypted_content_info"]["content_type"],
        originator["algorithm"],
    ):
        start = message.index(value.dump())
        found |= set(range(start, start + len(value.dump())))
    return found


# --- many recipients


def test_a_card_is_asked_once_for_a_message_that_names_it_often(
    ecc: SoftwareKey,
) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    info = ecc.recipient.info(bytes(32)).dump()
    [own] = cms.ContentInfo.load(message)["content"]["recipient_infos"]
    assert decrypted(with_recipients(message, own.dump() + info * 999), ecc) == b"abc"
    assert ecc.used == 1


def test_too_many_recipients_cost_little(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    own = ecc.recipient.info(bytes(32))
    [one] = own.chosen["recipient_encrypted_keys"]
    several = own.chosen.copy()
    several["recipient_encrypted_keys"] = [one] * 1001
    agreement = cms.RecipientInfo("kari", several).dump()
    for infos in (
        own.dump() * 1001,
        own.dump() * 10_000,
        agreement,
        b"\x30\0" * 240_000,
    ):
        for read in (lambda m: decrypt(m, BytesIO(), ecc), read_recipients):
            with pytest.raises(NOT_READ):
                read(with_recipients(message, infos))
    for infos in (b"\xa4\0" * 260_000, agreement * 10, b"\x30\x80" * 260_000):
        hostile = with_recipients(message, infos)
        tracemalloc.start()
        try:
            with pytest.raises(EncryptionUnsupportedError):
                decrypt(hostile, BytesIO(), ecc)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
    assert ecc.used == 0


def test_no_message_gets_more_recipients_than_are_read(ecc: SoftwareKey) -> None:
    @dataclass
    class Made:
        made: cms.RecipientInfo

        def info(self, _: bytes) -> cms.RecipientInfo:
            return self.made

    each = Made(ecc.recipient.info(bytes(32)))
    read_recipients(encrypted(*[each] * 1000, content=b""))
    sink = BytesIO()
    with pytest.raises(RecipientUnsuitableError):
        encrypt(b"", sink, [each] * 1001)
    assert sink.getvalue() == b""


def test_a_name_that_a_message_gives_can_be_shown(
    ecc: SoftwareKey, rsa: SoftwareKey
) -> None:
    def rename(info: core.Sequence) -> None:
        name = x509.Name.build({"common_name": "A\n\u202eB" + "x" * 20_000})
        number = cms.IssuerAndSerialNumber({"issuer": name, "serial_number": 5})
        info["rid"] = cms.RecipientIdentifier("issuer_and_serial_number", number)

    message = encrypted(Altered(rsa.recipient, rename), content=b"")
    with pytest.raises(OtherRecipientError) as caught:
        decrypt(message, BytesIO(), ecc)
    [name] = caught.value.recipients
    assert name.startswith("Common Name: A\ufffd\ufffdBx")
    assert name.endswith("x, 5")
    assert len(name) < 400


# --- the content


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"%PDF-1.7",
        b"MIAGCSqGSIb3DQEHA6CAMIACAQ==",
        b"\x30" * 10_000,
        b"\x30\x80" * 10_000,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x1f\x80\x80\x80",
        bytes(10_000),
    ],
)
def test_other_bytes_are_no_message(ecc: SoftwareKey, message: bytes) -> None:
    with pytest.raises(NOT_READ):
        decrypt(message, BytesIO(), ecc)


def test_a_signed_message_is_none(ecc: SoftwareKey) -> None:
    signed = cms.ContentInfo(
        {"content_type": "data", "content": core.OctetString(b"abc")}
    )
    with pytest.raises(NotEncryptedError):
        decrypt(signed.dump(), BytesIO(), ecc)


def test_lengths_that_lie_cost_no_memory(ecc: SoftwareKey, tmp_path: Path) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    piece = message.rindex(CIPHERTEXT) + 2
    tag = message.rindex(b"\4\x10")
    file = tmp_path / "lying"
    for length in (
        b"\x84\x0f\xff\xff\xff",
        b"\x84\xff\xff\xff\xff",
        b"\x88" + b"\x7f" * 8,
    ):
        for start in (piece, tag):
            file.write_bytes(message[: start + 1] + length + b"abc")
            tracemalloc.start()
            try:
                with file.open("rb") as source, pytest.raises(NotEncryptedError):
                    decrypt(cast(BinaryIO, source), BytesIO(), ecc)
                assert tracemalloc.get_traced_memory()[1] < 4 << 20
            finally:
                tracemalloc.stop()


def test_a_part_longer_than_the_whole_is_refused(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    content = message[2:-2]
    assert decrypted(tlv(SEQUENCE, content), ecc) == b"abc"
    for size in (len(content) - 1, len(content) + 1, 0):
        short = b"\x30\x82" + size.to_bytes(2) + content
        with pytest.raises(NotEncryptedError):
            decrypt(short, BytesIO(), ecc)


def test_a_content_may_be_in_any_pieces(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    start = message.rindex(CIPHERTEXT)
    octets, rest = message[start + 4 : start + 7], message[start + 9 :]
    pieces = b"".join(b"\4\0\4\1" + bytes([each]) for each in octets)
    for content in (
        b"\x80\3" + octets,
        b"\xa0" + bytes([len(pieces)]) + pieces,
        b"\xa0\x80" + pieces + b"\0\0",
        b"\xa0\x80" + b"\4\0" * 100_000 + b"\4\3" + octets + b"\0\0",
    ):
        assert decrypted(message[:start] + content + rest, ecc) == b"abc"
    for content in (
        b"\x24\x80\4\3" + octets + b"\0\0",
        b"\xa0\x80\x24\x80\4\3" + octets + b"\0\0\0\0",
        b"\xa0\x80\2\3" + octets + b"\0\0",
        b"",
    ):
        with pytest.raises(NotEncryptedError):
            decrypt(message[:start] + content + rest, BytesIO(), ecc)


def test_more_than_gcm_allows_is_refused(
    ecc: SoftwareKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = encrypted(ecc.recipient, content=bytes(101))
    monkeypatch.setattr(envelope, "_MAX_CONTENT", 100)
    assert decrypted(encrypted(ecc.recipient, content=bytes(100)), ecc) == bytes(100)
    ecc.used = 0
    with pytest.raises(EncryptionUnsupportedError):
        decrypt(message, BytesIO(), ecc)
    with pytest.raises(EncryptionUnsupportedError):
        encrypted(ecc.recipient, content=bytes(101))
    assert ecc.used == 0


@AUTHENTICATED
def test_parameters_are_judged_before_a_key_is_used(
    ecc: SoftwareKey, authenticated: bool
) -> None:
    message = encrypted(ecc.recipient, content=b"abc", authenticated=authenticated)
    kind = "auth_encrypted_content_info" if authenticated else "encrypted_content_info"
    info = cms.ContentInfo.load(message)["content"][kind]
    old = info["content_encryption_algorithm"].dump()
    known = info["content_encryption_algorithm"]["algorithm"].dump()
    assert message.count(old) == 1
    for parameters in (
        b"",
        b"\5\0",
        tlv(0x04, bytes(8)),
        tlv(0x04, bytes(17)),
        tlv(SEQUENCE, b""),
        tlv(SEQUENCE, b"\4\0\2\1\x10"),
        tlv(SEQUENCE, tlv(0x04, bytes(200)) + b"\2\1\x10"),
        tlv(SEQUENCE, tlv(0x04, bytes(12)) + b"\2\1\x0c"),
        tlv(SEQUENCE, tlv(0x04, bytes(12)) + b"\2\1\x04"),
        tlv(SEQUENCE, tlv(0x04, bytes(12))),
    ):
        changed = message.replace(old, tlv(SEQUENCE, known + parameters))
        with pytest.raises(NOT_READ):
            decrypt(changed, BytesIO(), ecc)
        with pytest.raises(NOT_READ):
            read_recipients(changed, whole=True)
    assert ecc.used == 0


def test_a_short_tag_is_none(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, content=b"abc")
    start, size = message.rindex(b"\4\x10"), message.rindex(b"\2\1\x10") + 2
    for length in (0, 4, 11):
        changed = bytearray(message)
        changed[start + 1], changed[size] = length, length
        del changed[start + 2 + length : start + 18]
        with pytest.raises(NotEncryptedError):
            decrypt(bytes(changed), BytesIO(), ecc)


def test_attributes_are_authenticated_in_der(ecc: SoftwareKey) -> None:
    """RFC 5083 §2.2: the tag covers a set in DER, in any order."""
    kept = Altered(ecc.recipient)
    message = encrypted(kept, content=b"abc")
    start = message.rindex(CIPHERTEXT)
    info = cms.ContentInfo.load(message)["content"]["auth_encrypted_content_info"]
    parameters = info["content_encryption_algorithm"]["parameters"].parsed
    first, second = (
        cms.CMSAttribute({"type": kind, "values": values}).dump()
        for kind, values in (("content_type", ["data"]), ("message_digest", [b"abc"]))
    )

    def sealed(written: bytes, covered: bytes) -> bytes:
        nonce = parameters[0].native
        made = AESGCM(kept.content_key).encrypt(nonce, b"abc", covered)
        parts = made[:3] + bytes(4) + written + b"\4\x10" + made[3:] + bytes(6)
        return message[:start] + CIPHERTEXT + parts

    der = tlv(SET, b"".join(sorted([first, second])))
    for written in (
        tlv(0xA1, first + second),
        tlv(0xA1, second + first),
        b"\xa1\x80" + second + first + b"\0\0",
    ):
        assert decrypted(sealed(written, der), ecc) == b"abc"
    for written in (b"", tlv(0xA1, first), tlv(0xA1, first + first)):
        with pytest.raises(DecryptionFailedError):
            decrypt(sealed(written, der), BytesIO(), ecc)
    ecc.used = 0
    for broken in (b"\xa1\3\x30\4\6", b"\xa1\4\x30\x82\0\0", b"\xa1\2\5\0"):
        with pytest.raises(NotEncryptedError):
            decrypt(sealed(broken, der), BytesIO(), ecc)
    assert ecc.used == 0
