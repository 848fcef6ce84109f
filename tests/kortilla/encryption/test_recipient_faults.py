# SPDX-License-Identifier: MIT
"""A recipient's part of a message is broken, by mistake or to question the key."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import cast

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kortilla.encryption import (
    DecryptionFailedError,
    EncryptionUnsupportedError,
    PasswordTooSlowError,
    Recipient,
    decrypt,
    read_recipients,
)
from kortilla.encryption.ber import SEQUENCE
from kortilla.encryption.ber import encoded as tlv
from tests.kortilla.encryption.keys import (
    CONTENT,
    PASSWORD,
    Altered,
    SoftwareKey,
    decrypted,
    encrypted,
)


def _encrypted_key(
    value: bytes, scheme: str = "rsaes_oaep"
) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        info["encrypted_key"] = value
        if scheme == "rsaes_pkcs1v15":
            info["key_encryption_algorithm"] = {"algorithm": scheme}

    return alter


def test_all_faults_of_oaep_end_alike(rsa: SoftwareKey) -> None:
    public = cast(RSAPublicKey, rsa.private.public_key())
    function = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(function), function, label=None)
    for value in (
        b"",
        bytes(256),
        b"\xff" * 256,
        bytes(10_000),
        public.encrypt(bytes(32), padding.PKCS1v15()),
        public.encrypt(bytes(32), oaep),
        public.encrypt(bytes(31), oaep),
        public.encrypt(b"", oaep),
    ):
        check_failure(rsa, Altered(rsa.recipient, _encrypted_key(value)))


def test_all_faults_of_pkcs1_end_alike(rsa: SoftwareKey) -> None:
    public = cast(RSAPublicKey, rsa.private.public_key()).public_numbers()
    good = b"\0\2" + b"\7" * 221 + b"\0" + bytes(32)
    for block in (
        good,  # of another content's key
        b"\0\1" + good[2:],
        b"\1\2" + good[2:],
        b"\0\2" + b"\7" * 254,  # without a separator
        b"\0\2" + b"\7" * 7 + b"\0" + b"\7" * 246,
        b"\0\2" + b"\7" * 253 + b"\0",
        b"\0\2" + b"\7" * 222 + b"\0" + bytes(31),
        b"\0\2" + b"\7" * 220 + b"\0" + bytes(33),
        bytes(256),
        bytes(255) + b"\1",
    ):
        assert len(block) == 256
        value = pow(int.from_bytes(block), public.e, public.n).to_bytes(256)
        alter = _encrypted_key(value, "rsaes_pkcs1v15")
        check_failure(rsa, Altered(rsa.recipient, alter))


def check_failure(key: SoftwareKey, recipient: Recipient) -> None:
    """Check that nothing tells this message from one that was changed."""
    with pytest.raises(DecryptionFailedError) as caught:
        decrypt(encrypted(recipient), BytesIO(), key)
    assert str(caught.value) == str(DecryptionFailedError())
    assert caught.value.__cause__ is None


def _point(value: bytes) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        algorithm = {"algorithm": "ec", "parameters": ("named", "secp384r1")}
        info["originator"] = cms.OriginatorIdentifierOrKey(
            "originator_key", {"algorithm": algorithm, "public_key": value}
        )

    return alter


def _wrapped(value: bytes) -> Callable[[core.Sequence], None]:
    def alter(info: core.Sequence) -> None:
        identifier = info["recipient_encrypted_keys"][0]["rid"]
        info["recipient_encrypted_keys"] = [{"rid": identifier, "encrypted_key": value}]

    return alter


def test_no_point_off_the_curve_reaches_a_key(ecc: SoftwareKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    own = ec.generate_private_key(ec.SECP384R1()).public_key()
    whole = own.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    for point in (
        b"\4" + bytes(96),
        b"\4" + b"\1" * 96,
        b"\4" + other.x.to_bytes(32) + other.y.to_bytes(32),
        b"\0",  # infinity
        b"\0" + whole[1:],
        bytes([6 + whole[-1] % 2]) + whole[1:],  # the hybrid form
        whole[:-1],
        whole + b"\0",
    ):
        check_failure(ecc, Altered(ecc.recipient, _point(point)))
    assert ecc.used == 0


def test_a_key_has_a_compressed_point_as_a_whole_one(ecc: SoftwareKey) -> None:
    def compress(info: core.Sequence) -> None:
        curve, public = ec.SECP384R1(), info["originator"].chosen["public_key"].native
        point = ec.EllipticCurvePublicKey.from_encoded_point(curve, public)
        short = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        _point(short)(info)

    assert decrypted(encrypted(Altered(ecc.recipient, compress)), ecc) == CONTENT


def test_an_agreement_has_parts_for_several(ecc: SoftwareKey) -> None:
    def add(info: core.Sequence) -> None:
        [own] = info["recipient_encrypted_keys"]
        other = own.copy()
        other["rid"] = cms.KeyAgreementRecipientIdentifier(
            "issuer_and_serial_number",
            {"issuer": own["rid"].chosen["issuer"], "serial_number": 5},
        )
        other["encrypted_key"] = bytes(40)
        info["recipient_encrypted_keys"] = [other, own]

    message = encrypted(Altered(ecc.recipient, add))
    assert decrypted(message, ecc) == CONTENT
    assert len(read_recipients(message).names) == 2
    assert ecc.used == 1


def test_a_sender_may_add_keying_material(ecc: SoftwareKey) -> None:
    """RFC 5753 §7.2, with the shared info spelled out."""
    ukm = b"sixteen octets.."

    @dataclass
    class WithMaterial:
        def info(self, content_key: bytes) -> cms.RecipientInfo:
            made = ecc.recipient.info(content_key)
            ephemeral = ec.generate_private_key(ec.SECP384R1())
            public = ecc.private.public_key()
            assert isinstance(public, ec.EllipticCurvePublicKey)
            wrap = bytes.fromhex("300b060960864801650304012d")  # AES-256 key wrap
            size = bytes.fromhex("a206040400000100")  # [2]: 256 bits
            shared_info = tlv(SEQUENCE, wrap + tlv(0xA0, tlv(0x04, ukm)) + size)
            key = X963KDF(hashes.SHA384(), 32, shared_info).derive(
                ephemeral.exchange(ec.ECDH(), public)
            )
            point = ephemeral.public_key().public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint
            )
            _point(point)(made.chosen)
            _wrapped(aes_key_wrap(key, content_key))(made.chosen)
            made.chosen["ukm"] = ukm
            return made

    assert decrypted(encrypted(WithMaterial()), ecc) == CONTENT


def test_the_sender_may_not_be_a_certificate(ecc: SoftwareKey) -> None:
    def name(info: core.Sequence) -> None:
        identifier = info["recipient_encrypted_keys"][0]["rid"].chosen
        info["originator"] = cms.OriginatorIdentifierOrKey(
            "issuer_and_serial_number", identifier
        )

    with pytest.raises(EncryptionUnsupportedError):
        decrypt(encrypted(Altered(ecc.recipient, name)), BytesIO(), ecc)
    assert ecc.used == 0


def test_all_faults_of_a_wrapped_key_end_alike(ecc: SoftwareKey) -> None:
    for value in (b"", bytes(40), bytes(41), bytes(4000)):
        check_failure(ecc, Altered(ecc.recipient, _wrapped(value)))


def test_a_wrong_key_never_succeeds(
    ecc: SoftwareKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 256 random keys, one gives noise whose padding CBC takes for right."""
    for key, wrong in (
        (ecc, Altered(ecc.recipient, _wrapped(bytes(40)))),
        ("wrong", Altered(PASSWORD)),
    ):
        message = encrypted(wrong, authenticated=False)
        with monkeypatch.context() as patch:
            # The key that is right stands for this one.
            patch.setattr("os.urandom", lambda _, w=wrong: w.content_key)
            with pytest.raises(DecryptionFailedError):
                decrypt(message, BytesIO(), key)


def test_unknown_algorithms_are_said_to_be_so(ecc: SoftwareKey) -> None:
    message = encrypted(ecc.recipient, PASSWORD)
    for known, other, key in (
        ("2.16.840.1.101.3.4.1.46", "2.16.840.1.101.3.4.1.47", ecc),  # the content's
        ("2.16.840.1.101.3.4.1.46", "2.16.840.1.101.3.4.1.42", ecc),  # CBC with a tag
        ("1.3.132.1.11.2", "1.3.132.1.11.9", ecc),  # the agreement's
        ("2.16.840.1.101.3.4.1.45", "2.16.840.1.101.3.4.1.48", ecc),  # the key wrap's
        ("1.2.840.113549.1.5.12", "1.2.840.113549.1.5.99", "a password"),
        ("1.2.840.113549.1.9.16.3.9", "1.2.840.113549.1.9.16.3.7", "a password"),
        ("1.2.840.113549.2.9", "1.2.840.113549.2.2", "a password"),  # HMAC's
    ):
        before, after = (core.ObjectIdentifier(each).dump() for each in (known, other))
        assert message.count(before) == 1
        with pytest.raises(EncryptionUnsupportedError):
            decrypt(message.replace(before, after), BytesIO(), key)
    assert ecc.used == 0


def test_a_password_costs_at_most_two_million_rounds() -> None:
    def many(info: core.Sequence) -> None:
        derivation = info["key_derivation_algorithm"]
        derivation["parameters"]["iteration_count"] = 2_000_001

    message = encrypted(Altered(PASSWORD, many))
    with pytest.raises(PasswordTooSlowError):
        decrypt(message, BytesIO(), PASSWORD.password)
