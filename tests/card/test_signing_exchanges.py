# SPDX-License-Identifier: MIT
"""Signing with PIN2, byte for byte: both generations, each of their keys, batches."""

import hashlib
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from native_host.card.errors import (
    CardError,
    SignatureInvalidError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinInfo, PinRole
from native_host.card.signature import KeyType, Padding, SignatureAlgorithm
from tests.card.directories import (
    SIGNATURE_USAGE,
    certificate,
    object_directory,
    path,
    pin,
    private_key,
)
from tests.card.scripted import (
    ES384,
    PIN2_INFO,
    SELECT,
    SELECT_DIRECTORY,
    SELECT_SIGNATURE,
    SIGNATURE,
    SIGNING,
    VERIFY_123456,
    Answer,
    PrivateKey,
    Script,
    card_signature,
    control_parameters,
    file_exchanges,
    make_certificate,
    pin_information,
)

V5_ATR = "3B7F9600008031B865B085050011122460829000"
V4_2_ATR = "3B7F9600008031B865B08504021B1200F6829000"
SELECT_SECOND = "00A40804045016433500"

DIGESTS = [hashlib.sha384(bytes([n])).digest() for n in range(3)]
DIGEST_256 = hashlib.sha256(b"document").digest()

Exchanges = Sequence[tuple[str, Answer | Exception]]


def file(select: str, content: bytes) -> Exchanges:
    return [(select, control_parameters(len(content))), *file_exchanges(content)]


def scripted(atr: str, *exchanges: tuple[str, Answer | Exception]) -> Script:
    script = Script((SELECT, "9000"), *exchanges)
    script.atr = bytes.fromhex(atr)
    return script


def pin2() -> bytearray:
    return bytearray(b"123456")


def signing(
    key: PrivateKey,
    environment: str,
    digest: bytes,
    signature: bytes,
) -> Exchanges:
    """Return the four commands of one signature: VERIFY, MSE, HASH, SIGN."""
    size = len(digest)
    if isinstance(key, rsa.RSAPrivateKey):
        pieces = [signature[at : at + 256] for at in range(0, len(signature), 256)]
        answers: list[tuple[str, Answer]] = [("002A9E9A00", "6100")]
        for number, piece in enumerate(pieces):
            left = len(signature) - 256 * (number + 1)
            more = f"61{min(left, 256) & 0xFF:02X}" if left > 0 else "9000"
            answers.append((f"00C00000{len(piece) & 0xFF:02X}", piece.hex() + more))
    else:
        answers = [(f"002A9E9A{len(signature):02X}", signature.hex() + "9000")]
    return [
        (VERIFY_123456, "9000"),
        ("002241B606" + environment, "9000"),
        (f"002A90A0{size + 2:02X}90{size:02X}" + digest.hex().upper(), "9000"),
        *answers,
    ]


def test_a_signature_on_v5(
    p384: ec.EllipticCurvePrivateKey, v5_signature_certificate: bytes
) -> None:
    signature = card_signature(p384, DIGESTS[0], hashes.SHA384())
    script = scripted(
        V5_ATR,
        (SELECT_DIRECTORY, "6A82"),
        *file(SELECT_SIGNATURE, v5_signature_certificate),
        # PIN2 belongs to the application, which must be selected again from DF 5016.
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE)
    assert key == SIGNATURE
    assert card.certificate(key).der == v5_signature_certificate
    assert card.pin_info(PinRole.PIN2) == PinInfo(tries_left=5, changed=True)
    script.assert_done()

    # From Enter to the signature: exactly four commands.
    script.add(*signing(p384, "800154840102", DIGESTS[0], signature))
    card.verify_pin(PinRole.PIN2, pin2())
    assert card.sign(key, DIGESTS[0], ES384) == signature
    script.assert_done()


def test_a_signature_on_v4_2_is_by_its_p256_key(
    p256: ec.EllipticCurvePrivateKey,
) -> None:
    der = make_certificate(p256, key_usage=SIGNING)
    signature = card_signature(p256, DIGEST_256, hashes.SHA256())
    script = scripted(
        V4_2_ATR,
        (SELECT_DIRECTORY, "6A82"),
        *file(SELECT_SECOND, der),
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
        *signing(p256, "800144840103", DIGEST_256, signature),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE)
    card.pin_info(PinRole.PIN2)
    card.verify_pin(PinRole.PIN2, pin2())
    es256 = SignatureAlgorithm(KeyType.ECC, "SHA-256")
    assert card.sign(key, DIGEST_256, es256) == signature
    script.assert_done()


@pytest.mark.parametrize(
    ("padding", "algorithm"), [(Padding.PKCS1, "42"), (Padding.PSS, "45")]
)
def test_a_signature_on_v4_2_is_by_its_rsa_key_when_asked_for(
    rsa3072: rsa.RSAPrivateKey, padding: Padding, algorithm: str
) -> None:
    der = make_certificate(rsa3072, key_usage=SIGNING)
    signature = card_signature(
        rsa3072, DIGEST_256, hashes.SHA256(), pkcs1=padding is Padding.PKCS1
    )
    script = scripted(
        V4_2_ATR,
        (SELECT_DIRECTORY, "6A82"),
        *file(SELECT_SIGNATURE, der),
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
        *signing(rsa3072, f"8001{algorithm}840102", DIGEST_256, signature),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE, KeyType.RSA)
    card.verify_pin(PinRole.PIN2, pin2())
    asked = SignatureAlgorithm(KeyType.RSA, "SHA-256", padding)
    assert card.sign(key, DIGEST_256, asked) == signature
    script.assert_done()


def test_a_v4_2_card_without_its_p256_certificate_signs_with_rsa(
    rsa3072: rsa.RSAPrivateKey,
) -> None:
    der = make_certificate(rsa3072, key_usage=SIGNING)
    script = scripted(
        V4_2_ATR,
        (SELECT_DIRECTORY, "6A82"),
        (SELECT_SECOND, "6A82"),
        *file(SELECT_SIGNATURE, der),
    )
    assert FineidCard(script).key(KeyRole.SIGNATURE).key_type is KeyType.RSA


def test_a_v5_card_has_no_rsa_key_unless_its_directories_name_one(
    v5_signature_certificate: bytes,
) -> None:
    script = scripted(
        V5_ATR,
        (SELECT_DIRECTORY, "6A82"),
        *file(SELECT_SIGNATURE, v5_signature_certificate),
    )
    with pytest.raises(UnsupportedCardError):
        FineidCard(script).key(KeyRole.SIGNATURE, KeyType.RSA)
    script.assert_done()


def test_an_rsa_alternate_of_2026_has_its_reference_from_the_directories(
    rsa4096: rsa.RSAPrivateKey,
) -> None:
    der = make_certificate(rsa4096, key_usage=SIGNING)
    keys = (
        private_key("45", "01", "01")
        + private_key("46", "02", "02", usage=SIGNATURE_USAGE)
        + private_key("48", "06", "02", usage=SIGNATURE_USAGE, tag=0x30)
    )
    certificates = (
        certificate("45", "4331")
        + certificate("46", "50164332")
        + certificate("48", "50164335")
    )
    pins = pin("01", "11") + pin("02", "82")
    objects = object_directory(path("4401"), path("4402"), path("4403"))
    signature = card_signature(rsa4096, DIGEST_256, hashes.SHA256(), pkcs1=True)
    assert len(signature) == 512
    script = scripted(
        V5_ATR,
        *file(SELECT_DIRECTORY, objects),
        *file("00A4080402440100", keys),
        *file("00A4080402440200", certificates),
        *file("00A4080402440300", pins),
        *file(SELECT_SECOND, der),
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
        *signing(rsa4096, "800142840106", DIGEST_256, signature),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE, KeyType.RSA)
    card.verify_pin(PinRole.PIN2, pin2())
    rs256 = SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PKCS1)
    assert card.sign(key, DIGEST_256, rs256) == signature
    script.assert_done()


def test_a_key_that_a_directory_misnames_is_named_as_the_table_has_it(
    p384: ec.EllipticCurvePrivateKey, v5_signature_certificate: bytes
) -> None:
    keys = private_key("45", "01", "01") + private_key(
        "46", "46", "02", usage=SIGNATURE_USAGE
    )
    certificates = certificate("45", "4331") + certificate("46", "50164332")
    objects = object_directory(path("4401"), path("4402"), path("4403"))
    signature = card_signature(p384, DIGESTS[0], hashes.SHA384())
    verify, named, *rest = signing(p384, "800154840102", DIGESTS[0], signature)
    script = scripted(
        V5_ATR,
        *file(SELECT_DIRECTORY, objects),
        *file("00A4080402440100", keys),
        *file("00A4080402440200", certificates),
        *file("00A4080402440300", pin("01", "11") + pin("02", "82")),
        *file(SELECT_SIGNATURE, v5_signature_certificate),
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82")),
        verify,
        ("002241B606800154840146", "6A88"),
        named,
        *rest,
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE)
    assert key.reference == 0x46
    card.verify_pin(PinRole.PIN2, pin2())
    assert card.sign(key, DIGESTS[0], ES384) == signature
    script.assert_done()


@pytest.mark.parametrize("status", ["6982", "6F00", "6A82"])
def test_a_certificate_that_cant_be_read_hides_no_other_key(
    rsa3072: rsa.RSAPrivateKey, status: str
) -> None:
    der = make_certificate(rsa3072, key_usage=SIGNING)
    script = scripted(
        V4_2_ATR,
        (SELECT_DIRECTORY, "6A82"),
        (SELECT_SECOND, control_parameters(1000)),
        ("00B0000000", status),
        *file(SELECT_SIGNATURE, der),
    )
    assert FineidCard(script).key(KeyRole.SIGNATURE).key_type is KeyType.RSA
    script.assert_done()


def test_a_p384_key_signs_a_digest_of_sha256(
    p384: ec.EllipticCurvePrivateKey, v5_signature_certificate: bytes
) -> None:
    signature = card_signature(p384, DIGEST_256, hashes.SHA256())
    card, script = ready(v5_signature_certificate)
    script.add(*signing(p384, "800144840102", DIGEST_256, signature))
    card.verify_pin(PinRole.PIN2, pin2())
    es256 = SignatureAlgorithm(KeyType.ECC, "SHA-256")
    assert card.sign(SIGNATURE, DIGEST_256, es256) == signature
    script.assert_done()


def ready(der: bytes, *, tries: int = 5) -> tuple[FineidCard, Script]:
    """Return a v5 card that has given all responses before the PIN."""
    script = scripted(
        V5_ATR,
        *file(SELECT_SIGNATURE, der),
        (SELECT, "9000"),
        (PIN2_INFO, pin_information(ref="82", tries=tries)),
    )
    card = FineidCard(script)
    card.certificate(SIGNATURE)
    assert card.pin_info(PinRole.PIN2).tries_left == tries
    return card, script


def test_in_a_batch_pin2_is_verified_before_each_signature_and_nothing_else_is_sent(
    p384: ec.EllipticCurvePrivateKey, v5_signature_certificate: bytes
) -> None:
    card, script = ready(v5_signature_certificate)
    for digest in DIGESTS:
        signature = card_signature(p384, digest, hashes.SHA384())
        script.add(*signing(p384, "800154840102", digest, signature))
        card.verify_pin(PinRole.PIN2, pin2())
        assert card.sign(SIGNATURE, digest, ES384) == signature
    script.assert_done()


def test_a_card_that_wants_pin2_again_is_not_given_it_unasked(
    p384: ec.EllipticCurvePrivateKey, v5_signature_certificate: bytes
) -> None:
    card, script = ready(v5_signature_certificate)
    _verify, environment, digest, sign = signing(
        p384, "800154840102", DIGESTS[0], bytes(96)
    )
    script.add(environment, digest, (sign[0], "6982"))
    with pytest.raises(CardError, match="6982"):
        card.sign(SIGNATURE, DIGESTS[0], ES384)
    script.assert_done()


def test_the_application_is_selected_again_before_a_pin_that_reading_came_between(
    v5_signature_certificate: bytes,
) -> None:
    script = scripted(
        V5_ATR,
        (PIN2_INFO, pin_information(ref="82")),
        *file(SELECT_SIGNATURE, v5_signature_certificate),
        (SELECT, "9000"),
        (VERIFY_123456, "9000"),
    )
    card = FineidCard(script)
    card.pin_info(PinRole.PIN2)
    card.certificate(SIGNATURE)
    card.verify_pin(PinRole.PIN2, pin2())
    script.assert_done()


def test_a_key_is_not_used_whose_certificate_is_for_the_other_role(
    v5_certificate: bytes, v5_signature_certificate: bytes
) -> None:
    authentication = CardKey(KeyRole.AUTHENTICATION, KeyType.ECC, 1, b"\x43\x31")
    for key, select, der in (
        (SIGNATURE, SELECT_SIGNATURE, v5_certificate),
        (authentication, "00A4080402433100", v5_signature_certificate),
    ):
        script = scripted(V5_ATR, *file(select, der))
        with pytest.raises(UnsupportedCardError):
            FineidCard(script).sign(key, DIGESTS[0], ES384)
        script.assert_done()


@pytest.mark.parametrize("status", ["6282", "6F00", "6982", "6100", "9000"])
def test_an_rsa_signature_that_is_cut_off_never_leaves(
    rsa3072: rsa.RSAPrivateKey, status: str
) -> None:
    der = make_certificate(rsa3072, key_usage=SIGNING)
    script = scripted(V4_2_ATR, *file(SELECT_SIGNATURE, der))
    card = FineidCard(script)
    key = CardKey(KeyRole.SIGNATURE, KeyType.RSA, 2, SIGNATURE.certificate_path)
    signature = card_signature(rsa3072, DIGEST_256, hashes.SHA256(), pkcs1=True)
    script.add(
        *signing(rsa3072, "800142840102", DIGEST_256, signature)[1:3],
        ("002A9E9A00", signature[:256].hex() + "6180"),
        ("00C0000080", status),
        *([("00C0000000", "9000")] if status == "6100" else []),
    )
    rs256 = SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PKCS1)
    with pytest.raises(CardError) as caught:
        card.sign(key, DIGEST_256, rs256)
    complete = status in {"6100", "9000"}
    assert isinstance(caught.value, SignatureInvalidError) is complete
    script.assert_done()
