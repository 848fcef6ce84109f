# SPDX-License-Identifier: MIT
"""The exchanges with the card, byte for byte: finding it, its keys, signatures.

See docs/reference/card.md, "Commands" and "A whole exchange".
"""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from kortilla.mock_card.keys import PrivateKey, sign_digest
from native_host.card.errors import (
    CardError,
    CardKind,
    CardRemovedError,
    UnsupportedCardError,
)
from native_host.card.fineid import CardKey, FineidCard, KeyRole, PinInfo
from native_host.card.signature import KeyType, Padding, SignatureAlgorithm
from tests.card.scripted import (
    AUTHENTICATING,
    AUTHENTICATING_RSA,
    AUTHENTICATION,
    AUTHENTICATION_RSA,
    ES384,
    NO_DIRECTORY,
    P256,
    P384,
    PS256,
    RSA3072,
    SELECT,
    SELECT_AUTHENTICATION,
    SELECT_DIRECTORY,
    SELECT_SIGNATURE,
    SELECTED,
    SIGNATURE,
    SIGNATURE_USAGE,
    SIGNING,
    V4_2_SIGNING,
    V5,
    V5_SIGNING,
    VERIFY_1234,
    VERIFY_123456,
    Exchange,
    Script,
    certificate,
    control_parameters,
    file,
    information,
    make_certificate,
    object_directory,
    path,
    pin,
    private_key,
)
from tests.support.errors import raises

V5_ATR = "3B7F9600008031B865B085050011122460829000"
V4_2_ATR = "3B7F9600008031B865B08504021B1200F6829000"
SELECT_SECOND = "00A408040450164335"

SIGNATURE_P256 = CardKey(KeyRole.SIGNATURE, KeyType.ECC, 3, b"\x50\x16\x43\x35")
SIGNATURE_RSA = CardKey(KeyRole.SIGNATURE, KeyType.RSA, 2, b"\x50\x16\x43\x32")
ES256 = SignatureAlgorithm(KeyType.ECC, "SHA-256")
RS256 = SignatureAlgorithm(KeyType.RSA, "SHA-256", Padding.PKCS1)

DIGEST = hashlib.sha384(b"challenge").digest()
DIGEST_256 = hashlib.sha256(b"challenge").digest()


def scripted(*exchanges: Exchange, atr: str = V5_ATR) -> Script:
    script = Script(SELECTED, *exchanges)
    script.atr = bytes.fromhex(atr)
    return script


def prepared(environment: str, digest: bytes) -> list[Exchange]:
    """Return MSE and HASH, which precede a signature."""
    size = len(digest)
    hashing = f"002A90A0{size + 2:02X}90{size:02X}{digest.hex().upper()}"
    return [("002241B606" + environment, "9000"), (hashing, "9000")]


def signed(signature: bytes, *, chained: bool) -> list[Exchange]:
    """Return SIGN, for RSA in pieces if the reader does not chain them by itself."""
    le = min(len(signature), 256) & 0xFF
    if len(signature) <= 256 or not chained:
        return [(f"002A9E9A{le:02X}", signature.hex() + "9000")]
    left = len(signature) - 256
    return [
        ("002A9E9A00", "6100"),
        ("00C0000000", f"{signature[:256].hex()}61{left:02X}"),
        (f"00C00000{left:02X}", signature[256:].hex() + "9000"),
    ]


@pytest.mark.parametrize(
    ("atr", "private", "key", "environment", "algorithm"),
    [
        (V5_ATR, P384, AUTHENTICATION, "800154840101", ES384),
        (V5_ATR, P384, SIGNATURE, "800154840102", ES384),
        (V5_ATR, P384, SIGNATURE, "800144840102", ES256),
        (V4_2_ATR, RSA3072, AUTHENTICATION_RSA, "800145840101", PS256),
        (V4_2_ATR, P256, SIGNATURE_P256, "800144840103", ES256),
        (V4_2_ATR, RSA3072, SIGNATURE_RSA, "800142840102", RS256),
        (V4_2_ATR, RSA3072, SIGNATURE_RSA, "800145840102", PS256),
    ],
)
def test_each_key_signs_with_four_commands_from_the_pin_on(
    atr: str,
    private: PrivateKey,
    key: CardKey,
    environment: str,
    algorithm: SignatureAlgorithm,
) -> None:
    signing, is_rsa = key.role is KeyRole.SIGNATURE, key.key_type is KeyType.RSA
    usage = AUTHENTICATING_RSA if is_rsa else AUTHENTICATING
    der = make_certificate(private, key_usage=SIGNING if signing else usage)
    name = key.certificate_path
    script = scripted(
        NO_DIRECTORY,
        *file(f"00A40804{len(name):02X}{name.hex()}", der),
        # PIN2 belongs to the application, which must be selected again from DF 5016.
        *[SELECTED] * signing,
        information(key.pin, changed="00"),
        atr=atr,
    )
    card = FineidCard(script)
    asked = KeyType.RSA if signing and is_rsa else None
    assert card.key(key.role, asked) == key
    assert card.certificate(key).der == der
    assert card.pin_info(key.pin) == PinInfo(tries_left=5, changed=False)
    script.assert_done()

    functions: dict[str, hashes.HashAlgorithm] = {
        "SHA-256": hashes.SHA256(),
        "SHA-384": hashes.SHA384(),
    }
    function = functions[algorithm.hash_function]
    digest = hashlib.new(function.name, b"challenge").digest()
    for chained in (True, False):  # a batch of two
        pss = algorithm.padding is Padding.PSS
        signature = sign_digest(private, digest, function, pss=pss)
        script.exchanges += [
            (VERIFY_123456 if signing else VERIFY_1234, "9000"),
            *prepared(environment, digest),
            *signed(signature, chained=chained),
        ]
        card.verify_pin(key.pin, bytearray(b"123456" if signing else b"1234"))
        assert card.sign(key, digest, algorithm) == signature
        script.assert_done()


SHORT = ("800144", DIGEST_256), ("800154", DIGEST_256.rjust(48, b"\0"))
VERIFY = {AUTHENTICATION: VERIFY_1234, SIGNATURE: VERIFY_123456}


def verified(key: CardKey) -> tuple[FineidCard, Script]:
    """Return a v5 card that has accepted a PIN, once."""
    select, der = SELECT_AUTHENTICATION, V5
    if key is SIGNATURE:
        select, der = SELECT_SIGNATURE, V5_SIGNING
    script = scripted(
        *file(select, der),
        *[SELECTED] * (key is SIGNATURE),
        information(key.pin),
        (VERIFY[key], "9000"),
    )
    card = FineidCard(script)
    card.certificate(key)
    digits = b"123456" if key is SIGNATURE else b"1234"
    card.verify_pin(key.pin, bytearray(digits))
    script.assert_done()
    return card, script


def short_forms(key: CardKey) -> list[list[Exchange]]:
    """Return MSE and HASH for SHA-256 and P-384, in both forms."""
    return [
        prepared(f"{named}8401{key.reference:02X}", digest) for named, digest in SHORT
    ]


@pytest.mark.parametrize("key", VERIFY, ids=["PIN1", "PIN2"])
@pytest.mark.parametrize("step", [0, 1], ids=["MSE", "HASH"])
def test_a_refused_short_digest_of_p384_is_given_with_zeros_and_no_other_pin(
    key: CardKey, step: int
) -> None:
    """Suomi.fi asks for SHA-256 of such a key."""
    usual, padded = short_forms(key)
    signature = sign_digest(P384, DIGEST_256, hashes.SHA256())
    for status in ("6700", "6986", "6A80", "6A81", "6A86", "6A88"):
        card, script = verified(key)
        refused = [*usual[:step], (usual[step][0], status)]
        script.exchanges += [*refused, *padded, *signed(signature, chained=False)]
        assert card.sign(key, DIGEST_256, ES256) == signature, status
        script.assert_done()

        # The other form has no other one, and a long digest has only one.
        for exchanges, digest, algorithm in (
            ([*refused, (padded[0][0], status)], DIGEST_256, ES256),
            (
                [(f"002241B6068001548401{key.reference:02X}", status)],
                DIGEST,
                ES384,
            ),
        ):
            card, script = verified(key)
            script.exchanges += exchanges
            with pytest.raises(CardError, match=status):
                card.sign(key, digest, algorithm)
            script.assert_done()


@pytest.mark.parametrize("key", VERIFY, ids=["PIN1", "PIN2"])
def test_a_digest_has_no_other_form_after_sign_or_for_another_reason(
    key: CardKey,
) -> None:
    usual, padded = short_forms(key)
    other = sign_digest(P384, DIGEST, hashes.SHA384()).hex() + "9000"
    sign = "002A9E9A60"
    about_the_digest = ("6700", "6986", "6A80", "6A81", "6A86", "6A88")
    reasons = ("6982", "6983", "6985", "6988", "6A82", "6D00", "6E00", "6F00", "6C20")
    gone = CardRemovedError("gone")
    mse, digest = usual[0][0], usual[1][0]
    refusals: tuple[str | Exception, ...] = reasons
    rows: list[list[Exchange]] = [
        *([*usual, (sign, each)] for each in (*about_the_digest, *refusals, other)),
        *([(mse, each)] for each in refusals[:-1]),
        *([usual[0], (digest, each)] for each in (*refusals, gone)),
        # A card that forgets PIN2 by a refused digest does not get it again.
        [(mse, "6A80"), *padded, (sign, "6982")],
        [(mse, "6A80"), *padded, (sign, "6A80")],
    ]
    for exchanges in rows:
        card, script = verified(key)
        script.exchanges += exchanges
        with pytest.raises(CardError):
            card.sign(key, DIGEST_256, ES256)
        script.assert_done()


# -- Keys -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["6A82", "6982", "6F00", None])
def test_a_certificate_that_cant_be_read_hides_no_other_key(status: str | None) -> None:
    missing: list[Exchange] = [(SELECT_SECOND, "6A82")]
    if status:
        missing = [(SELECT_SECOND, control_parameters(1000)), ("00B0000000", status)]
    script = scripted(
        NO_DIRECTORY, *missing, *file(SELECT_SIGNATURE, V4_2_SIGNING), atr=V4_2_ATR
    )
    assert FineidCard(script).key(KeyRole.SIGNATURE).key_type is KeyType.RSA
    script.assert_done()


def test_a_v5_card_has_no_rsa_key_unless_its_directories_name_one() -> None:
    script = scripted(NO_DIRECTORY, *file(SELECT_SIGNATURE, V5_SIGNING))
    with pytest.raises(UnsupportedCardError):
        FineidCard(script).key(KeyRole.SIGNATURE, KeyType.RSA)
    script.assert_done()


def test_a_key_that_a_directory_misnames_is_named_as_the_table_has_it() -> None:
    keys = private_key("45", "01", "01") + private_key(
        "46", "46", "02", usage=SIGNATURE_USAGE
    )
    certificates = certificate("45", "4331") + certificate("46", "50164332")
    signature = sign_digest(P384, DIGEST, hashes.SHA384())
    script = scripted(
        *file(
            SELECT_DIRECTORY,
            object_directory(path("4401"), path("4402"), path("4403")),
        ),
        *file("00A40804024401", keys),
        *file("00A40804024402", certificates),
        *file("00A40804024403", pin("01", "11") + pin("02", "82")),
        *file(SELECT_SIGNATURE, V5_SIGNING),
        ("002241B606800154840146", "6A88"),
        *prepared("800154840102", DIGEST),
        *signed(signature, chained=False),
    )
    card = FineidCard(script)
    key = card.key(KeyRole.SIGNATURE)
    assert key.reference == 0x46
    assert card.sign(key, DIGEST, ES384) == signature
    script.assert_done()


def test_a_key_is_not_used_whose_certificate_is_for_the_other_role() -> None:
    for key, select, der in (
        (SIGNATURE, SELECT_SIGNATURE, V5),
        (AUTHENTICATION, SELECT_AUTHENTICATION, V5_SIGNING),
    ):
        script = scripted(*file(select, der))
        with pytest.raises(UnsupportedCardError):
            FineidCard(script).sign(key, DIGEST, ES384)
        script.assert_done()


# -- Refused and false signatures -----------------------------------------------------


def signing_card(der: bytes, answer: str) -> tuple[FineidCard, Script]:
    """Return a card that gives this answer to SIGN."""
    script = scripted(
        *file(SELECT_AUTHENTICATION, der),
        *prepared("800154840101", DIGEST),
        ("002A9E9A60", answer),
    )
    return FineidCard(script), script


@pytest.mark.parametrize("status", ["6982", "6985", "6986", "6F00", "6C60"])
def test_a_refused_signature_says_the_status_and_is_not_asked_for_again(
    status: str,
) -> None:
    card, script = signing_card(V5, status)
    with pytest.raises(CardError, match=status) as caught:
        card.sign(AUTHENTICATION, DIGEST, ES384)
    assert caught.value.status_word == int(status, 16)
    script.assert_done()


def test_a_signature_that_does_not_verify_never_leaves() -> None:
    good = sign_digest(P384, DIGEST, hashes.SHA384())
    other = sign_digest(P384, hashlib.sha384(b"x").digest(), hashes.SHA384())
    stranger = sign_digest(
        ec.generate_private_key(ec.SECP384R1()), DIGEST, hashes.SHA384()
    )
    short, doubled, zeros = good[:-1], good + good, bytes(96)
    for bad in (other, stranger, short, doubled, zeros, b"", b"\xff" * 96):
        card, _ = signing_card(V5, bad.hex() + "9000")
        with raises("SIGNATURE_INVALID"):
            card.sign(AUTHENTICATION, DIGEST, ES384)


@pytest.mark.parametrize("status", ["6282", "6F00", "6982", "6100", "9000"])
def test_an_rsa_signature_that_is_cut_off_never_leaves(status: str) -> None:
    signature = sign_digest(RSA3072, DIGEST_256, hashes.SHA256())
    script = scripted(
        *file(SELECT_SIGNATURE, V4_2_SIGNING),
        *prepared("800142840102", DIGEST_256),
        ("002A9E9A00", signature[:256].hex() + "6180"),
        ("00C0000080", status),
        *([("00C0000000", "9000")] if status == "6100" else []),
    )
    complete = status in {"6100", "9000"}
    with pytest.raises(CardError) as caught:
        FineidCard(script).sign(SIGNATURE_RSA, DIGEST_256, RS256)
    assert caught.value.code == ("SIGNATURE_INVALID" if complete else "CARD_ERROR")
    script.assert_done()


# -- Other cards ----------------------------------------------------------------------

PAYMENT_SYSTEM = "00A404000E315041592E5359532E4444463031"


@pytest.mark.parametrize(
    ("exchanges", "kind"),
    [
        *(
            ([(SELECT, status), (PAYMENT_SYSTEM, "6A82")], CardKind.UNKNOWN)
            for status in ("6A82", "6A81", "6A86", "6A88", "6D00", "6E00")
        ),
        (
            [
                *((SELECT, "6A82"), (PAYMENT_SYSTEM, "6104")),
                ("00C0000004", "6F0284009000"),
            ],
            CardKind.BANK,
        ),
        ([(SELECT, "6982")], CardKind.CONTACTLESS),
        ([(SELECT, "6F00")], None),  # a card that fails is not called unsupported
    ],
)
def test_a_card_without_the_application_is_not_a_citizen_card(
    exchanges: list[Exchange], kind: CardKind | None
) -> None:
    script = Script(*exchanges)
    with pytest.raises(CardError, match=r"FINEID|slot|6F00") as caught:
        FineidCard(script)
    assert isinstance(caught.value, UnsupportedCardError) is (kind is not None)
    assert getattr(caught.value, "kind", None) == kind
    script.assert_done()
