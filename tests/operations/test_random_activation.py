# SPDX-License-Identifier: MIT
"""``check_codes`` holds for random input and faults, and no card is ruined.

No sequence of inputs sends a code to a PIN that is set, a code of a wrong length, or a
command with a code twice for one entry. A code that a card has refused is not sent to
it again. Another card is never written to.
"""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kortilla.mock_card.card_data import CardData, PinData
from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.errors import KortillaError
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import CodesQuestion
from tests.operations.conftest import Made
from tests.operations.faulty_session import Handy, Record, session
from tests.operations.managing import (
    CODES,
    DIGITS,
    NEW_PIN1,
    NEW_PIN2,
    activating,
    changing,
    check_codes,
    codes_sent,
    copy,
    unlocking,
)

OPERATIONS = {
    "activate": activating,
    "change": changing(PinRole.PIN1),
    "unblock": unlocking(PinRole.PIN2),
}
STATES = ["as made", "partly", "in use", "pin1 blocked", "last tries"]

FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from([name for name in FaultName if name != FaultName.DELAY]),
        on=st.sampled_from(
            [
                CommandName.ANY,
                CommandName.READ,
                CommandName.PIN_INFO,
                CommandName.CHANGE,
                CommandName.UNBLOCK,
            ]
        ),
        when=st.sampled_from(Moment),
        skip=st.integers(0, 4),
        times=st.integers(1, 3),
    ),
    max_size=4,
)
CODE = st.sampled_from(
    ["right", "right", "9999999", "8888888", "99999999", "88888888", "123456", ""]
)


def prepare(card: CardData, state: str) -> None:
    if state in {"partly", "in use", "pin1 blocked", "last tries"}:
        card.pin1.value, card.pin1.changed, card.pin1.tries = "1234", True, 5
    if state in {"in use", "pin1 blocked", "last tries"}:
        card.pin2.value, card.pin2.changed, card.pin2.tries = "123456", True, 5
    if state == "pin1 blocked":
        card.pin1.tries = 0
    if state == "last tries":
        card.pin1.tries = card.pin2.tries = card.puk.tries = 1


def sheet(operation: str, granted: str, code: str) -> dict[str, str]:
    """Return the input for every field that a page may have."""
    right = {
        "activate": CODES[DIGITS[granted]],
        "change": "1234",
        "unblock": "12345678",
    }
    digits = right[operation] if code == "right" else code
    names = {"activate": "activation", "change": "old", "unblock": "PUK"}
    new = {"new-PIN1": NEW_PIN1, "new-PIN2": NEW_PIN2}
    # A change of a locked PIN offers to unlock it.
    return {"PUK": right["unblock"], names[operation]: digits, **new}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random-activation") / "card"


async def broken_session(
    state: MockCardState,
    operation: str,
    faults: list[Fault],
    sheets: list[dict[str, str]],
    swapped_at: int | None,
) -> tuple[Handy, Record, object]:
    """Run the operation.

    Another card replaces the first at the question of that number.
    """
    asked = 0
    ask = Handy.ask_codes

    async def ask_and_swap(
        user: Handy, question: CodesQuestion
    ) -> dict[str, bytearray]:
        nonlocal asked
        asked += 1
        given = await ask(user, question)
        if asked == swapped_at:
            with state.update() as card:
                card.serial = "FI9999999"
            state.pull()
            state.insert()
        return given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(Handy, "ask_codes", ask_and_swap)
        async with MockCardSource(state.folder) as source:
            state.set_faults(*faults)
            return await session(source, state, OPERATIONS[operation], codes=sheets)


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(
    granted="eight",
    kind="in use",
    faults=[Fault("card-pulled", on="change", when="after")],
    codes=["right", "right"],
    swapped_at=None,
)
@given(
    granted=st.sampled_from(list(DIGITS)),
    kind=st.sampled_from(STATES),
    faults=FAULTS,
    codes=st.lists(CODE, max_size=5),
    swapped_at=st.sampled_from([None, None, 1, 2]),
)
def test_no_card_is_ruined(
    new_cards: Made,
    place: Path,
    operation: str,
    granted: str,
    kind: str,
    faults: list[Fault],
    codes: list[str],
    swapped_at: int | None,
) -> None:
    state = copy(new_cards(granted), place)
    with state.update() as card:
        prepare(card, kind)
    before = state.read()
    sheets = [sheet(operation, granted, code) for code in codes]
    user, record, result = asyncio.run(
        broken_session(state, operation, faults, sheets, swapped_at)
    )
    check_codes(user, record)
    after = state.read()
    sent = codes_sent(record.commands())
    for reference, old in _pins(before).items():
        new = _pins(after)[reference]
        # Each wrong code was sent once and cost one try. A right code becomes wrong
        # after a change whose response was lost.
        wrong = {
            code
            for (ins, sent_to, code), held in zip(sent, record.held, strict=True)
            if (0x83 if ins == 0x2C else sent_to) == reference
            and code
            != {0x11: held.pin1, 0x82: held.pin2, 0x83: held.puk}[reference].value
        }
        assert new.tries >= min(old.tries, 5) - len(wrong)
        if not any(sent_to == reference for _, sent_to, _ in sent):
            assert (new.value, new.changed) == (old.value, old.changed)
    # After the exchange of cards, no code for the first card goes to the second.
    for held in record.held:
        assert held.serial == record.held[0].serial
    if isinstance(result, PinsSet):
        for outcome, pin, chosen in (
            (result.pin1, after.pin1, NEW_PIN1),
            (result.pin2, after.pin2, NEW_PIN2),
        ):
            if outcome == "set":
                assert (pin.value, pin.changed) == (chosen, True)
    else:
        assert isinstance(result, KortillaError)
        assert result.code in {"USER_CANCELLED", "PROMPT_FAILED"}


def _pins(card: CardData) -> dict[int, PinData]:
    """Return a card's codes by their references in commands."""
    return {0x11: card.pin1, 0x82: card.pin2, 0x83: card.puk}
