# SPDX-License-Identifier: MIT
"""The card responds to any command, and only commands with PINs change counters."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block
from tests.support import cards

_PINS = ["1234", "123456", "12345678", "9999", "99999999"]
_HEADERS = [
    *("00A4080C", "00A40804", "00A4000C", "00A4020C", "00A4040C"),
    *("00B00000", "00B07FFF", "00C00000", "00CB00FF", "002241B6", "002A90A0"),
    *("00200011", "00200082", "00200083", "00240011", "00240082"),
    *("002C0011", "002C0082", "002C0083"),
]
_BODIES = [
    *("", "3F00", "4331", "50164332", "4334", "A003830111"),
    *("A000000063504B43532D3135", "800154840101", "800144840102"),
    *("9030" + "AB" * 48, "9020" + "AB" * 32),
    *(pin_block(old) + pin_block(new) for old in _PINS for new in _PINS),
    *(pin_block(pin) for pin in _PINS),
]


def command(header: str, body: bytes, le: bytes) -> bytes:
    return bytes.fromhex(header) + (bytes([len(body)]) + body if body else b"") + le


_COMMANDS = (
    st.binary(max_size=300)
    | st.sampled_from(["002A9E9A60", "002A9E9A00", SELECT_APPLICATION]).map(
        bytes.fromhex
    )
    | st.builds(
        command,
        st.sampled_from(_HEADERS),
        st.sampled_from(_BODIES).map(bytes.fromhex) | st.binary(max_size=255),
        st.sampled_from([b"", b"\x00", b"\x60"]),
    )
)
_SPENDING = {0x20, 0x24, 0x2C}


@settings(max_examples=150, deadline=None)
@given(
    commands=st.lists(_COMMANDS, min_size=1, max_size=12),
    profile=st.sampled_from(["v5", "v5-2026", "v4.2"]),
    style=st.sampled_from(["direct", "fetched"]),
)
def test_any_sequence_of_commands(
    commands: list[bytes], profile: str, style: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = MockCardState(Path(folder))
        for file in cards.made(profile).iterdir():
            (state.folder / file.name).write_bytes(file.read_bytes())
        card = MockCard(state, style=style)
        before = state.read()
        for command in (bytes.fromhex(SELECT_APPLICATION), *commands):
            answer = card.transmit(command)
            assert 2 <= len(answer) <= 258
            assert answer[0] >> 4 in {0x6, 0x9} or len(answer) > 2
            after = state.read()
            # At most one try is lost, and none except for a wrong PIN.
            spent = [
                pin.tries - left.tries
                for pin, left in (
                    (before.pin1, after.pin1),
                    (before.pin2, after.pin2),
                    (before.puk, after.puk),
                )
            ]
            assert sum(each for each in spent if each > 0) <= 1
            if any(each > 0 for each in spent):
                assert command[1] in _SPENDING
                assert answer[0] == 0x63
            if after != before:
                assert command[:1] == b"\x00"
                assert command[1] in _SPENDING
            before = after
