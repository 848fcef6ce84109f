# SPDX-License-Identifier: MIT
"""Activation through the real pcscd, with the card removed around each PIN.

Each reader has its own card, and all cards are activated at the same time.
"""

import asyncio
from itertools import product
from unittest import mock

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.pcsc import PcscSource
from native_host.operations.set_pin import PinsSet
from tests.operations.faulty_session import log_in, session
from tests.operations.managing import (
    COMMAND,
    DIGITS,
    GRANTED,
    NEW_PIN1,
    NEW_PIN2,
    activating,
    check_codes,
    copy,
    pins,
    tries,
    typing,
)
from tests.operations.readers import OneReader
from tests.support.pcsc import READERS, Pcscd, isolated

#: The scheme, the number of PINs set before the fault, and its moment.
Case = tuple[str, int, Moment]
CASES: list[Case] = list(product(["eight", "seven"], [0, 1], Moment))


async def activate_in(
    case: Case, reader: str, state: MockCardState, all_readers: PcscSource
) -> None:
    scheme, done, moment = case
    fault = Fault(FaultName.CARD_PULLED, on=COMMAND[scheme], when=moment, skip=done)
    state.set_faults(fault)
    sheets = [typing(DIGITS[scheme])] * 2
    async with OneReader(reader, state, all_readers) as source:
        user, record, result = await session(source, state, activating, codes=sheets)
        check_codes(user, record)
        assert result == PinsSet("set", "set")
        assert set(user.problems()) == {"CARD_REMOVED"}
        assert tries(state) == (5, 5, 5)
        assert pins(state) == (NEW_PIN1, NEW_PIN2)
        whole = done == 1 and moment is Moment.AFTER
        assert len(user.codes_questions) == (1 if whole else 2)
        _, _, token = await session(source, state, log_in, NEW_PIN1)
        assert isinstance(token, dict)


@isolated
async def test_a_card_pulled_at_either_pin_is_activated_in_the_end(
    pcscd: Pcscd,
) -> None:
    pcscd.stop_service()
    pcscd.start_service(drivers=len(CASES) // 2)
    made = {
        scheme: MockCardState.create(
            pcscd.folder / scheme, state="new", not_before=GRANTED[scheme]
        ).folder
        for scheme in ("eight", "seven")
    }
    with mock.patch("os.fsync"):
        async with PcscSource() as all_readers, asyncio.TaskGroup() as together:
            for case, reader in zip(CASES, READERS, strict=False):
                state = copy(made[case[0]], pcscd.folder / reader)
                pcscd.insert(MockCard(state), reader)
                together.create_task(activate_in(case, reader, state, all_readers))
