# SPDX-License-Identifier: MIT
"""``check_promises`` and ``check_codes`` hold for random input, faults and cards.

No try is lost that nobody typed, and no card is ruined: no code goes to a PIN that is
set, in a wrong length, twice for one entry, to a card that has refused it, or to
another card than the one that the question was about.
"""

import asyncio
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kortilla.mock_card.card_data import CardData, PinData
from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.errors import KortillaError
from native_host.operations.set_pin import PinsSet
from native_host.operations.sign import Signatures, SigningInterruptedError
from native_host.pin_prompt.model import CodesQuestion
from tests.operations.conftest import Made
from tests.operations.faulty_session import (
    Handy,
    Operation,
    Record,
    check_promises,
    log_in,
    session,
    signing_of,
)
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

#: A login and a signature, with the right PIN.
USES: dict[str, tuple[Operation, str]] = {
    "login": (log_in, "1234"),
    "sign": (signing_of("ab"), "123456"),
}
SETTINGS: dict[str, Operation] = {
    "activate": activating,
    "change": changing(PinRole.PIN1),
    "unblock": unlocking(PinRole.PIN2),
}
STATES = ["as made", "partly", "in use", "pin1 blocked", "last tries"]

PINS = st.lists(st.sampled_from(["right", "000000", "999999"]), max_size=5)
CODE = st.sampled_from(
    ["right", "right", "9999999", "8888888", "99999999", "88888888", "123456", ""]
)

often = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def faults(*commands: CommandName) -> st.SearchStrategy[list[Fault]]:
    """Return up to four faults at these commands, or at any."""
    fault = st.builds(
        Fault,
        st.sampled_from([name for name in IN_SLOT if name != FaultName.DELAY]),
        on=st.sampled_from([CommandName.ANY, CommandName.PIN_INFO, *commands]),
        when=st.sampled_from(Moment),
        skip=st.integers(0, 4),
        times=st.integers(1, 3),
    )
    return st.lists(fault, max_size=4)


@pytest.fixture(scope="module")
def used_card(
    tmp_path_factory: pytest.TempPathFactory, made_once: Path
) -> MockCardState:
    folder = tmp_path_factory.mktemp("random") / "mock-card"
    return MockCardState.open(Path(shutil.copytree(made_once, folder)))


async def broken_session(
    state: MockCardState,
    operation: Operation,
    faults: list[Fault],
    *pins: str,
    codes: list[dict[str, str]],
) -> tuple[Handy, Record, object]:
    async with MockCardSource(state.folder) as source:
        state.set_faults(*faults)
        return await session(source, state, operation, *pins, codes=codes)


@pytest.mark.parametrize("use", USES)
@often
@given(
    faults=faults(
        *(CommandName.VERIFY, CommandName.CHOOSE_KEY),
        *(CommandName.HASH, CommandName.SIGN),
    ),
    pins=PINS,
)
def test_no_try_is_spent_that_nobody_typed(
    used_card: MockCardState, use: str, faults: list[Fault], pins: list[str]
) -> None:
    operation, right = USES[use]
    with used_card.update() as card:
        card.pin1.tries = card.pin2.tries = 5
    typed = [right if pin == "right" else pin for pin in pins]
    user, record, result = asyncio.run(
        broken_session(used_card, operation, faults, *typed, codes=[])
    )
    check_promises(user, record)
    card = used_card.read()
    mine, other = card.pin1.tries, card.pin2.tries
    if use == "sign":
        mine, other = other, mine
    wrong = {pin for pin in pins if pin != "right"}
    assert mine >= 5 - len(wrong), "a PIN that was refused has been sent again"
    assert other == 5
    if isinstance(result, SigningInterruptedError):
        assert len(result.done.signatures) == 1
    elif isinstance(result, Signatures):
        assert [each.name for each in result.signatures] == ["a", "b"]
    elif not isinstance(result, dict):
        assert isinstance(result, KortillaError)
        assert result.code == "USER_CANCELLED"


def prepare(card: CardData, state: str) -> None:
    if state != "as made":
        card.pin1.value, card.pin1.changed, card.pin1.tries = "1234", True, 5
    if state not in {"as made", "partly"}:
        card.pin2.value, card.pin2.changed, card.pin2.tries = "123456", True, 5
    if state == "pin1 blocked":
        card.pin1.tries = 0
    if state == "last tries":
        card.pin1.tries = card.pin2.tries = card.puk.tries = 1


def sheet(operation: str, granted: str, code: str) -> dict[str, str]:
    """Return the input for every field that a page may have."""
    name, right = {
        "activate": ("activation", CODES[DIGITS[granted]]),
        "change": ("old", "1234"),
        "unblock": ("PUK", CODES[8]),
    }[operation]
    new = {"new-PIN1": NEW_PIN1, "new-PIN2": NEW_PIN2}
    # A change of a locked PIN offers to unlock it.
    return {"PUK": CODES[8], name: right if code == "right" else code, **new}


@pytest.fixture(scope="module")
def folder_of_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random-activation") / "card"


@pytest.mark.parametrize("operation", SETTINGS)
@often
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
    faults=faults(CommandName.READ, CommandName.CHANGE, CommandName.UNBLOCK),
    codes=st.lists(CODE, max_size=5),
    swapped_at=st.sampled_from([None, None, 1, 2]),
)
def test_no_card_is_ruined(
    new_cards: Made,
    folder_of_card: Path,
    operation: str,
    granted: str,
    kind: str,
    faults: list[Fault],
    codes: list[str],
    swapped_at: int | None,
) -> None:
    """Another card replaces the first at the question ``swapped_at``."""
    state = copy(new_cards(granted), folder_of_card)
    with state.update() as card:
        prepare(card, kind)
    before = state.read()
    ask, asked = Handy.ask_codes, 0

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

    sheets = [sheet(operation, granted, code) for code in codes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handy, "ask_codes", ask_and_swap)
        user, record, result = asyncio.run(
            broken_session(state, SETTINGS[operation], faults, codes=sheets)
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
            and code != _pins(held)[reference].value
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
    return {0x11: card.pin1, 0x82: card.pin2, 0x83: card.puk}
