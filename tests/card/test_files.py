# SPDX-License-Identifier: MIT
"""Files can be read from cards and readers that cut, pad, lie or never end."""

import pytest

from native_host.card.errors import (
    CardError,
    CardMuteError,
    CardRemovedError,
    UnsupportedCardError,
)
from native_host.card.fineid import FineidCard, KeyRole
from tests.card.scripted import (
    AUTHENTICATION,
    SELECT,
    SELECT_AUTHENTICATION,
    Script,
    control_parameters,
    file_exchanges,
)


def read(script: Script) -> bytes:
    return FineidCard(script).certificate(AUTHENTICATION).der


@pytest.mark.parametrize("step", [1024, 256, 181, 100, 7])
def test_whatever_length_comes_is_used(v5_certificate: bytes, step: int) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(len(v5_certificate))),
        *file_exchanges(v5_certificate, step=step),
    )
    assert read(script) == v5_certificate
    script.assert_done()


def test_answers_that_have_to_be_fetched_are_fetched(v5_certificate: bytes) -> None:
    first, rest = v5_certificate[:256], v5_certificate[256:]
    size = f"{len(rest) & 0xFF:02X}"
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, "6106"),
        ("00C0000006", control_parameters(len(v5_certificate))),
        ("00B0000000", "6100"),
        ("00C0000000", first.hex() + "9000"),
        *(
            [("00B0010000", f"6C{size}"), (f"00B00100{size}", rest.hex() + "9000")]
            if len(rest) < 256
            else file_exchanges(v5_certificate, step=256)[1:]
        ),
    )
    assert read(script) == v5_certificate
    script.assert_done()


def test_a_wrong_length_is_put_right_once() -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, "6C06"),
        ("00A408040243310" + "6", control_parameters(4)),
        ("00B0000000", "6C04"),
        ("00B0000004", "6C04"),
    )
    with pytest.raises(CardError) as caught:
        read(script)
    assert caught.value.status_word == 0x6C04
    script.assert_done()


@pytest.mark.parametrize("end", ["6282", "6B00", "9000"])
def test_control_parameters_that_say_too_much_do_no_harm(
    v5_certificate: bytes, end: str
) -> None:
    exchanges = file_exchanges(v5_certificate)
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(0x7FFF)),
        *exchanges,
        (f"00B0{len(v5_certificate):04X}00", end),
    )
    assert read(script) == v5_certificate
    script.assert_done()


def test_padding_and_answers_longer_than_the_file_are_cut_off(
    v5_certificate: bytes,
) -> None:
    padded = v5_certificate + bytes(30)
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(len(padded))),
        ("00B0000000", padded.hex() + "FFFFFF9000"),
    )
    assert read(script) == v5_certificate
    script.assert_done()


def test_other_control_parameters_are_understood(v5_certificate: bytes) -> None:
    size = f"{len(v5_certificate):04X}"
    for control in (f"620E8201018302433180 02{size}8A0105", f"6F048102{size}"):
        script = Script(
            (SELECT, "9000"),
            (SELECT_AUTHENTICATION, f"{control}9000"),
            *file_exchanges(v5_certificate),
        )
        assert read(script) == v5_certificate
        script.assert_done()


@pytest.mark.parametrize("control", ["", "6200", "62048102", "6F00", "FF"])
def test_a_file_whose_length_the_card_does_not_tell_is_read_to_its_end(
    v5_certificate: bytes, control: str
) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, f"{control}9000"),
        *file_exchanges(v5_certificate),
        (f"00B0{len(v5_certificate):04X}00", "6B00"),
    )
    assert read(script) == v5_certificate
    script.assert_done()


def test_control_parameters_that_say_too_little_are_an_error(
    v5_certificate: bytes,
) -> None:
    script = Script(
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(100)),
        *file_exchanges(v5_certificate)[:1],
    )
    with pytest.raises(CardError):
        read(script)
    script.assert_done()


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(CardError):
        read(Script((SELECT, "9000"), (SELECT_AUTHENTICATION, control_parameters(0))))


def test_a_missing_certificate_makes_it_no_citizen_card() -> None:
    with pytest.raises(UnsupportedCardError):
        read(Script((SELECT, "9000"), (SELECT_AUTHENTICATION, "6A82")))


class Endless:
    """A card that gives the same response for ever, except at the beginning."""

    def __init__(self, answer: str, *, after: int = 2) -> None:
        self.answer = bytes.fromhex(answer)
        self.begin = [b"\x90\x00", bytes.fromhex(control_parameters(0xFFFF))][:after]
        self.commands = 0

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        self.commands += 1
        reply = self.begin.pop(0) if self.begin else self.answer
        return reply[:-2], int.from_bytes(reply[-2:])


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(
    "answer",
    [
        "9000",
        "6100",
        "6101",
        "AA6101",
        "AA" * 255 + "61FF",
        "6C00",
        "6CFF",
        "309000",
        "30" * 256 + "9000",
        "30" * 5000 + "9000",
        "6282",
        "6F00",
        "0000",
        "FFFF",
        "63C5",
    ],
)
def test_no_answer_keeps_the_host_busy_for_ever(answer: str, after: int) -> None:
    card = Endless(answer, after=after)
    with pytest.raises(CardError):
        FineidCard(card).certificate(AUTHENTICATION)
    assert card.commands < 300
    # The card's directories must end, too.
    card = Endless(answer, after=after)
    with pytest.raises(CardError):
        FineidCard(card).key(KeyRole.AUTHENTICATION)
    assert card.commands < 600


@pytest.mark.parametrize("error", [CardRemovedError("gone"), CardMuteError("mute")])
@pytest.mark.parametrize("step", range(4))
def test_a_card_that_goes_at_any_step_is_said(
    v5_certificate: bytes, step: int, error: CardError
) -> None:
    exchanges = [
        (SELECT, "9000"),
        (SELECT_AUTHENTICATION, control_parameters(len(v5_certificate))),
        *file_exchanges(v5_certificate),
    ]
    script = Script(*exchanges[:step], (exchanges[step][0], error))
    with pytest.raises(type(error)):
        read(script)
    script.assert_done()
