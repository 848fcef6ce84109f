# SPDX-License-Identifier: MIT
"""PACE: the worked example of ICAO 9303-11, and cards and readers that lie."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kortilla.mock_card.card_data import CAN
from native_host.card.apdu import CommandChannel
from native_host.card.contactless.pace import (
    CURVES,
    Parameters,
    agree,
    derive_key,
    map_nonce,
    open_channel,
    parameters_in,
)
from native_host.card.errors import (
    CardKind,
    CardRemovedError,
    ChannelError,
    UnsupportedCardError,
    WrongCanError,
)
from native_host.card.files import Tlv, TlvError
from native_host.errors import InvalidArgumentError
from native_host.platform.log import TRAFFIC
from tests.card.contactless import FIRST_STEP, Air, Answer
from tests.card.scripted import Exchange, Script
from tests.support.cards import new_card

NONCE_STEP, MAPPING_STEP, AGREEMENT_STEP, TOKEN_STEP = range(FIRST_STEP, FIRST_STEP + 4)
LAST_STEP = TOKEN_STEP

# -- ICAO 9303-11, appendix G.1: ECDH, generic mapping, brainpoolP256r1, AES-128 -------

CARD_ACCESS = "31143012060A04007F0007020204020202010202010D"
PASSWORD = "T22000129364081251010318"  # the machine-readable zone, hashed
PASSWORD_KEY = "89DED1B26624EC1E634C1989302849DD"
NONCE = "3F00C4D39D153F2B2A214A078D899B22"
ENCRYPTED_NONCE = "95A3A016522EE98D01E76CB6B98B42C3"
OUR_KEYS = (
    "7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99",
    "A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595",
)
OUR_MAPPING = (
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E"
    "544552DCB6725218799115B55C9BAA6D9F6BC3A9618E70C25AF71777A9C4922D"
)
THEIR_MAPPING = (
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F57"
    "30D8C879AAA9C9F73991E61B58F4D52EB87A0A0C709A49DC63719363CCD13C54"
)
GENERATOR = (
    "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E2"
    "8C879506743F8611AC33645C5B985C80B5F09A0B83407C1B6A4D857AE76FE522"
)
OUR_POINT = (
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C"
    "3556F3B3B186DF10B857B58F6A7EB80F20BA5DC7BE1D43D9BF850149FBB36462"
)
THEIR_POINT = (
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB"
    "7764B22277A2EDDC3C265A9F018F9CB852E111B768B326904B59A0193776F094"
)
ENCRYPTION_KEY = "F5F0E35C0D7161EE6724EE513A0D9A7F"
CHECKSUM_KEY = "FE251C7858B356B24514B3BD5F4297D1"
OUR_TOKEN, THEIR_TOKEN = "C2B0BD78D94BA866", "3ABB9674BCE93C08"

# The example's password is not a CAN, which MSE names by 02.
STEPS: tuple[Exchange, ...] = (
    ("0022C1A412 800A04007F00070202040202 830102 84010D", "9000"),
    ("1086000002 7C00 00", f"7C128010{ENCRYPTED_NONCE}9000"),
    (f"1086000045 7C438141{OUR_MAPPING} 00", f"7C438241{THEIR_MAPPING}9000"),
    (f"1086000045 7C438341{OUR_POINT} 00", f"7C438441{THEIR_POINT}9000"),
    (f"008600000C 7C0A8508{OUR_TOKEN} 00", f"7C0A8608{THEIR_TOKEN}9000"),
)


@pytest.fixture
def our_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the ephemeral keys of the example."""
    keys = iter(OUR_KEYS)

    def next_key(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int(next(keys), 16), curve)

    monkeypatch.setattr(ec, "generate_private_key", next_key)


def test_the_worked_example_byte_for_byte(our_keys: None) -> None:
    [parameters] = parameters_in(bytes.fromhex(CARD_ACCESS))
    script = Script(*STEPS)
    password = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()
    assert derive_key(password, 3, 16).hex().upper() == PASSWORD_KEY
    keys = agree(CommandChannel(script, 1), parameters, bytearray(password))
    assert [key.hex().upper() for key in keys] == [ENCRYPTION_KEY, CHECKSUM_KEY]
    script.assert_done()


def test_the_generator_of_the_worked_example() -> None:
    curve = CURVES[13]
    own = ec.derive_private_key(int(OUR_KEYS[0], 16), curve.curve)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(
        curve.curve, bytes.fromhex(THEIR_MAPPING)
    )
    mapped = map_nonce(curve, int(NONCE, 16), own, theirs)
    encoded = mapped.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert encoded.hex().upper() == GENERATOR


def test_another_token_than_the_worked_examples_is_a_wrong_can(our_keys: None) -> None:
    [parameters] = parameters_in(bytes.fromhex(CARD_ACCESS))
    *first, (token, _) = STEPS
    script = Script(*first, (token, "7C0A86083ABB9674BCE93C099000"))
    password = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()
    with pytest.raises(WrongCanError):
        agree(CommandChannel(script, 1), parameters, bytearray(password))


# -- EF.CardAccess --------------------------------------------------------------------


def info(protocol: str, *, version: str = "020102", number: str = "020110") -> str:
    """Return a PACEInfo."""
    value = Tlv(0x06, bytes.fromhex(protocol)) + bytes.fromhex(version + number)
    return Tlv(0x30, value).hex()


AES_256 = "04007F00070202040204"


@pytest.mark.parametrize(
    "infos",
    [
        "",
        info("04007F00070202040201"),  # 3DES
        info("04007F00070202040304"),  # integrated mapping
        info("04007F00070202040604"),  # chip authentication mapping
        info(AES_256, version="020101"),
        info(AES_256, number="02010E"),  # a curve that is not known here
        info(AES_256, number=""),
        info("0400"),
        "3000",
        "0400",
    ],
)
def test_what_is_not_known_is_left_out(infos: str) -> None:
    file = Tlv(0x31, bytes.fromhex(infos + info(AES_256)))
    assert parameters_in(file) == [Parameters(bytes.fromhex(AES_256), 16)]
    assert parameters_in(Tlv(0x31, bytes.fromhex(infos))) == []


@pytest.mark.parametrize("file", ["", "30", "3000", "3103300506", "310130"])
def test_a_broken_file_is_refused(file: str) -> None:
    with pytest.raises(TlvError):
        parameters_in(bytes.fromhex(file))


@pytest.mark.parametrize("read", ["9000", "31009000", "30009000", "6982"])
def test_a_card_without_known_parameters_goes_into_the_slot(read: str) -> None:
    script = Script(
        ("00A4000C023F00", "9000"),
        ("00A4020C02011C", "9000"),
        ("00B0000000", read),
    )
    with pytest.raises(UnsupportedCardError) as caught:
        open_channel(script, bytearray(CAN.encode()))  # type: ignore[arg-type]
    assert caught.value.kind == CardKind.CONTACTLESS


# -- A whole run ----------------------------------------------------------------------


def test_a_right_can_opens_the_channel(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    air.open_channel()
    assert [apdu[:4].hex() for apdu in air.sent[FIRST_STEP - 1 :]] == [
        *("0022c1a4", "10860000", "10860000", "10860000", "00860000")
    ]


def test_a_wrong_can_is_sent_once_and_costs_only_time(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    with pytest.raises(WrongCanError):
        air.open_channel("000000")
    assert len(air.sent) == LAST_STEP + 1
    with pytest.raises(WrongCanError):
        air.open_channel("111111")
    air.open_channel()


@pytest.mark.parametrize("can", ["", "12345", "1234567", "12345a", "１２３４５６"])
def test_a_can_of_another_form_is_not_sent(tmp_path: Path, can: str) -> None:
    air = Air(tmp_path / "card")
    with pytest.raises(InvalidArgumentError):
        air.open_channel(can)
    assert air.sent == []


def test_another_card_gets_no_command(tmp_path: Path) -> None:
    air = Air(tmp_path / "card")
    air.atr = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")
    with pytest.raises(UnsupportedCardError):
        air.open_channel()
    assert air.sent == []


# -- Attacks --------------------------------------------------------------------------

Attack = Callable[[bytes, bytes], Answer]


def point(encoded: Callable[[bytes, bytes], bytes]) -> Attack:
    """Return an attack that replaces the card's point, by our point and the card's."""

    def attack(ours: bytes, theirs: bytes) -> Answer:
        mine = Tlv.parse(Tlv.parse(ours[5:-1]).value).value
        answer = Tlv.parse(Tlv.parse(theirs).value)
        return Tlv(0x7C, Tlv(answer.tag, encoded(mine, answer.value))), 0x9000

    return attack


def mirrored(encoded: bytes) -> bytes:
    """Return the point with the same x and the opposite y."""
    y = CURVES[16].prime - int.from_bytes(encoded[49:])
    return encoded[:49] + y.to_bytes(48)


POINTS = {
    "off the curve": point(lambda _, p: p[:-1] + bytes([p[-1] ^ 1])),
    "of another curve": point(lambda _, __: bytes.fromhex(THEIR_POINT)),
    "too large": point(lambda _, __: b"\x04" + b"\xff" * 96),
    "zero": point(lambda _, __: b"\x04" + bytes(96)),
    "infinity": point(lambda _, __: b"\x00"),
    "infinity in full": point(lambda _, __: bytes(97)),
    "compressed": point(lambda _, p: bytes([2 | p[-1] & 1]) + p[1:49]),
    "hybrid": point(lambda _, p: bytes([6 | p[-1] & 1]) + p[1:]),
    "ours": point(lambda own, _: own),
    "ours mirrored": point(lambda own, _: mirrored(own)),
    "empty": point(lambda _, __: b""),
}
ANSWERS: dict[str, Attack] = {
    "nothing": lambda _, __: (b"", 0x9000),
    "truncated": lambda _, answer: (answer[:-1], 0x9000),
    "cut in half": lambda _, answer: (answer[: len(answer) // 2], 0x9000),
    "too long": lambda _, answer: (answer + b"\x00", 0x9000),
    "another tag": lambda _, answer: (b"\x7d" + answer[1:], 0x9000),
    "another step": lambda _, answer: (
        Tlv(0x7C, Tlv(0x99, Tlv.parse(Tlv.parse(answer).value).value)),
        0x9000,
    ),
    "another length": lambda _, __: (Tlv(0x7C, Tlv(0x80, bytes(15))), 0x9000),
    "no nonce": lambda _, __: (Tlv(0x7C, Tlv(0x80)), 0x9000),
    "6982": lambda _, __: (b"", 0x6982),
    "6C10": lambda _, __: (b"", 0x6C10),
    "6F00": lambda _, __: (b"", 0x6F00),
    "6988": lambda _, __: (b"", 0x6988),
}


@pytest.mark.parametrize(
    ("step", "attacks"),
    [
        (NONCE_STEP, ANSWERS),
        (MAPPING_STEP, POINTS | ANSWERS),
        (AGREEMENT_STEP, POINTS | ANSWERS),
        (LAST_STEP, ANSWERS),
    ],
    ids=["nonce", "mapping", "agreement", "tokens"],
)
def test_a_lying_card_gets_no_further_command(
    tmp_path: Path, step: int, attacks: dict[str, Attack]
) -> None:
    for name, attack in attacks.items():
        air = Air(tmp_path / "card")

        def strike(
            number: int, apdu: bytes, answer: Answer, attack: Attack = attack
        ) -> Answer:
            return attack(apdu, answer[0]) if number == step else answer

        air.attack = strike
        with pytest.raises(ChannelError) as caught:
            air.open_channel()
        assert len(air.sent) == step + 1, name
        assert CAN not in str(caught.value), name
        assert caught.value.__cause__ is None, name
        air.close()


def test_a_card_that_does_not_know_the_can_is_not_believed(tmp_path: Path) -> None:
    """It takes every token, and makes one up."""
    air = Air(tmp_path / "card")
    with air.state.update() as data:
        data.can = "000000"
    air.attack = lambda number, _, answer: (
        (Tlv(0x7C, Tlv(0x86, bytes(8))), 0x9000) if number == LAST_STEP else answer
    )
    with pytest.raises(WrongCanError):
        air.open_channel()
    assert len(air.sent) == LAST_STEP + 1


def test_a_card_that_is_pulled_is_a_pulled_card(tmp_path: Path) -> None:
    for step in range(LAST_STEP + 1):
        air = Air(tmp_path / f"card{step}")

        def pull(
            number: int, _: bytes, answer: Answer, air: Air = air, step: int = step
        ) -> Answer:
            if number == step - 1:
                air.state.pull()
            return answer

        air.attack = pull
        if step == 0:
            air.state.pull()
        with pytest.raises(CardRemovedError):
            air.open_channel()


def test_neither_log_nor_trace_nor_what_travels_has_the_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(TRAFFIC)
    air = Air(tmp_path / "card")
    with pytest.raises(WrongCanError) as caught:
        air.open_channel("908172")
    air.open_channel()
    assert caplog.text.count("> 00860000 [") == 2
    for can in ("908172", CAN):
        everything = caplog.text + str(caught.value) + repr(air.state.read())
        assert can not in everything
        assert can.encode().hex() not in everything.lower()
        assert all(can.encode() not in apdu for apdu in air.sent)


@pytest.mark.slow
def test_each_of_many_runs_succeeds(tmp_path: Path) -> None:
    """The right root is chosen for each point."""
    new_card(tmp_path / "card")
    for _ in range(8):
        air = Air(tmp_path / "card")
        air.open_channel()
        air.close()
