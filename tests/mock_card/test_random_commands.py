# SPDX-License-Identifier: MIT
"""The card responds to any command, and only commands with PINs change counters."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kortilla.mock_card.card_data import CardData
from kortilla.mock_card.profiles import PROFILES
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block, powered
from tests.support import cards

_PINS = [pin_block(pin) for pin in ("1234", "123456", "12345678", "9999", "99999999")]
_HEADERS = [
    *("00A4080C", "00A40804", "00A4000C", "00A4020C", "00B00000", "00B07FFF"),
    *("00C00000", "00CB00FF", "002241B6", "002A90A0", "00200011", "00200082"),
    *("00200083", "00240011", "00240082", "002C0011", "002C0082", "002C0083"),
]
_BODIES = [
    *("3F00", "4331", "50164332", "4334", "A003830111", "800154840101"),
    *("800144840102", "9030" + "AB" * 48, "9020" + "AB" * 32),
    *(*_PINS, *(old + new for old in _PINS for new in _PINS)),
]
_COMMANDS = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([bytes.fromhex("002A9E9A60"), bytes.fromhex(SELECT_APPLICATION)]),
    st.builds(
        lambda header, body, le: (
            header + (bytes([len(body)]) if body else b"") + body + le
        ),
        st.sampled_from(_HEADERS).map(bytes.fromhex),
        st.sampled_from(_BODIES).map(bytes.fromhex) | st.binary(max_size=255),
        st.sampled_from([b"", b"\x00", b"\x60"]),
    ),
)
_SPENDING = {0x20, 0x24, 0x2C}


def tries(data: CardData) -> list[int]:
    return [pin.tries for pin in (data.pin1, data.pin2, data.puk)]


@settings(max_examples=150, deadline=None)
@given(
    commands=st.lists(_COMMANDS, min_size=1, max_size=12),
    profile=st.sampled_from([*PROFILES]),
    style=st.sampled_from(["direct", "fetched"]),
)
def test_any_sequence_of_commands(
    commands: list[bytes], profile: str, style: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = cards.new_card(Path(folder), profile)
        card, before = powered(state, style), state.read()
        for command in commands:
            answer = card.transmit(command)
            assert 2 <= len(answer) <= 258
            assert answer[0] >> 4 in {0x6, 0x9} or len(answer) > 2
            after = state.read()
            # At most one try is lost, and none except for a wrong PIN.
            pairs = zip(tries(before), tries(after), strict=True)
            spent = [old - new for old, new in pairs if old > new]
            assert spent in ([], [1])
            assert not spent or answer[0] == 0x63
            if after != before:
                assert command[0] == 0x00
                assert command[1] in _SPENDING
            before = after
