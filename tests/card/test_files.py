# SPDX-License-Identifier: MIT
"""Files can be read from cards and readers that cut, pad, lie or never end."""

from collections.abc import Callable

import pytest

from native_host.card.errors import (
    CardError,
    CardMuteError,
    CardRemovedError,
    UnsupportedCardError,
)
from native_host.card.files import TlvError
from native_host.card.fineid import FineidCard, KeyRole
from tests.card.scripted import (
    AUTHENTICATION,
    SELECT_AUTHENTICATION,
    SELECTED,
    V5,
    Exchange,
    Script,
    control_parameters,
    file,
    information,
    reading,
)


def read(script: Script) -> bytes:
    return FineidCard(script).certificate(AUTHENTICATION).der


def fetched(der: bytes) -> list[Exchange]:
    """Return the exchanges of a reader that neither fetches nor repeats by itself."""
    start = len(der) // 256 * 256
    rest = der[start:]
    return [
        (SELECT_AUTHENTICATION, "6106"),
        ("00C0000006", control_parameters(len(der))),
        ("00B0000000", "6100"),
        ("00C0000000", der[:256].hex() + "9000"),
        *reading(der, step=256)[1:-1],
        (f"00B0{start:04X}00", f"6C{len(rest):02X}"),
        (f"00B0{start:04X}{len(rest):02X}", rest.hex() + "9000"),
    ]


def described(
    control: str, *, step: int = 181, end: str = ""
) -> Callable[[bytes], list[Exchange]]:
    """Return the exchanges of a card that describes a file so; SIZE is its length."""

    def exchanges(der: bytes) -> list[Exchange]:
        told = control.replace("SIZE", f"{len(der):04X}")
        after = [(f"00B0{len(der):04X}00", end)] if end else []
        select = (SELECT_AUTHENTICATION, f"{told}9000")
        return [select, *reading(der, step=step), *after]

    return exchanges


@pytest.mark.parametrize(
    "exchanges",
    [
        fetched,
        # Whatever length comes is used.
        *(described("62048102SIZE", step=step) for step in (1024, 256, 181, 100, 7)),
        # Other control parameters are understood.
        described("620E820101830243318002SIZE8A0105"),
        described("6F048102SIZE"),
        # They say too much, or nothing: the file is read to its end.
        *(described("620481027FFF", end=end) for end in ("6282", "6B00", "9000")),
        *(
            described(control, end="6B00")
            for control in ("", "6200", "62048102", "6F00", "FF")
        ),
        # Padding, and answers longer than the file, are cut off.
        lambda der: [
            (SELECT_AUTHENTICATION, control_parameters(len(der) + 30)),
            ("00B0000000", der.hex() + "00" * 30 + "FFFFFF9000"),
        ],
    ],
)
def test_a_file_is_read_whole(exchanges: Callable[[bytes], list[Exchange]]) -> None:
    script = Script(SELECTED, *exchanges(V5))
    assert read(script) == V5
    script.assert_done()


def test_a_wrong_length_is_put_right_once() -> None:
    script = Script(
        SELECTED,
        (SELECT_AUTHENTICATION, "6C06"),
        # Over T=0 the length has no place beside the path.
        (SELECT_AUTHENTICATION, control_parameters(4)),
        ("00B0000000", "6C04"),
        ("00B0000004", "6C04"),
    )
    with pytest.raises(CardError) as caught:
        read(script)
    assert caught.value.status_word == 0x6C04
    script.assert_done()


def test_a_file_that_is_cut_off_or_empty_or_missing_is_an_error() -> None:
    first = reading(V5)[0]
    for answer, exchanges, error in (
        (control_parameters(100), [first], CardError),
        (control_parameters(0), [], CardError),
        ("6A82", [], UnsupportedCardError),
    ):
        script = Script(SELECTED, (SELECT_AUTHENTICATION, answer), *exchanges)
        with pytest.raises(error):
            read(script)
        script.assert_done()


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
        *("9000", "6282", "6F00", "0000", "FFFF", "63C5"),
        *("6100", "6101", "AA6101", "AA" * 255 + "61FF", "6C00", "6CFF"),
        *("309000", "30" * 256 + "9000", "30" * 5000 + "9000"),
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
def test_a_card_that_goes_at_any_step_is_said(step: int, error: CardError) -> None:
    exchanges = [SELECTED, *file(SELECT_AUTHENTICATION, V5)]
    script = Script(*exchanges[:step], (exchanges[step][0], error))
    with pytest.raises(type(error)):
        read(script)
    script.assert_done()


# -- The serial number ----------------------------------------------------------------

SELECT_TOKEN_INFO = "00A40804025032"


def test_the_serial_number_is_read_anew_each_time() -> None:
    script = Script(SELECTED)
    card = FineidCard(script)
    for serial in (b"FI1234567", b"SE1234567"):
        content = b"\x30\x12\x02\x01\x00\x04\x09" + serial + b"\x0c\x02Me"
        script.exchanges += file(SELECT_TOKEN_INFO, content)
        assert card.serial() == serial
        script.assert_done()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x30\x03\x02\x01\x00",
        b"\x30\x05\x02\x01\x00\x04\x00",
        b"\x31\x06\x02\x01\x00\x04\x01A",
        b"\x00" * 20,
    ],
)
def test_a_card_without_a_serial_number_is_refused(content: bytes) -> None:
    with pytest.raises(TlvError):
        FineidCard(Script(SELECTED, *file(SELECT_TOKEN_INFO, content))).serial()
    with pytest.raises(CardError, match="serial number"):
        FineidCard(Script(SELECTED, (SELECT_TOKEN_INFO, "6A82"))).serial()


# -- The CA certificates in the master file -------------------------------------------

MASTER_FILE = ("00A4000C023F00", "9000")
ISSUING, ROOT = "00A4020C024336", "00A4020C024334"

# The content does not matter here, except that it is a single object.
AUTHORITY = bytes.fromhex("3082012C") + bytes(300)
OTHER = bytes.fromhex("3003020101")


def authorities(
    issuing: list[Exchange], root: list[Exchange], *after: Exchange
) -> Script:
    """Return a card that answers so to the selection of each, and to reading it."""
    return Script(SELECTED, MASTER_FILE, *issuing, MASTER_FILE, *root, SELECTED, *after)


@pytest.mark.parametrize(
    ("issuing", "root", "found"),
    [
        ([(ISSUING, "9000"), *reading(AUTHORITY)], [(ROOT, "6A82")], [AUTHORITY]),
        # Nothing is read beyond the certificate.
        (
            [(ISSUING, "9000"), *reading(AUTHORITY + bytes(2000))[:2]],
            [(ROOT, "9000"), *reading(OTHER)],
            [AUTHORITY, OTHER],
        ),
        *(
            ([(ISSUING, status)], [(ROOT, status)], [])
            for status in ("6A82", "6982", "6D00", "6F00")
        ),
        # What is no certificate is left out.
        *(
            (
                [(ISSUING, "9000"), *reading(content), (f"00B0{size}00", "6282")],
                [(ROOT, "6A82")],
                [],
            )
            for content in (b"", b"\x30", b"\xff" * 100, b"\x30\x84\x7f\xff\xff\xff")
            for size in [f"{len(content):04X}"]
        ),
    ],
)
def test_the_issuing_ca_and_the_root_are_read_and_the_application_chosen_again(
    issuing: list[Exchange], root: list[Exchange], found: list[bytes]
) -> None:
    script = authorities(issuing, root, information())
    card = FineidCard(script)
    assert card.authority_certificates() == tuple(found)
    card.pin_info(AUTHENTICATION.pin)
    script.assert_done()


def test_a_ca_certificate_without_an_end_is_given_up() -> None:
    card = Endless("3083FFFFFF" + "00" * 100 + "9000")
    assert FineidCard(card).authority_certificates() == ()
    assert card.commands < 300


@pytest.mark.parametrize("error", [CardRemovedError("gone"), CardMuteError("mute")])
def test_a_card_that_goes_while_its_authorities_are_read_is_said(
    error: CardError,
) -> None:
    script = Script(SELECTED, MASTER_FILE, (ISSUING, error))
    with pytest.raises(type(error)):
        FineidCard(script).authority_certificates()
