# SPDX-License-Identifier: MIT
"""One VERIFY per PIN entry, for random faults of cards and people."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.errors import KortillaError
from native_host.operations.sign import Signatures, SigningInterruptedError
from tests.operations.faulty_session import (
    Handy,
    Record,
    check_promises,
    log_in,
    session,
    signing_of,
)

RIGHT = {"login": "1234", "sign": "123456"}

FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from([name for name in FaultName if name != FaultName.DELAY]),
        on=st.sampled_from(
            [
                CommandName.ANY,
                CommandName.PIN_INFO,
                CommandName.VERIFY,
                CommandName.CHOOSE_KEY,
                CommandName.HASH,
                CommandName.SIGN,
            ]
        ),
        when=st.sampled_from(Moment),
        skip=st.integers(0, 3),
        times=st.integers(1, 3),
    ),
    max_size=4,
)
PINS = st.lists(st.sampled_from(["right", "000000", "999999"]), max_size=5)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, made_once: Path) -> MockCardState:
    folder = tmp_path_factory.mktemp("random") / "mock-card"
    shutil.copytree(made_once, folder)
    return MockCardState.open(folder)


async def broken_session(
    state: MockCardState, operation: str, faults: list[Fault], pins: list[str]
) -> tuple[Handy, Record, object]:
    with state.update() as card:
        card.pin1.tries = card.pin2.tries = 5
    async with MockCardSource(state.folder) as source:
        state.set_faults(*faults)
        function = log_in if operation == "login" else signing_of("ab")
        return await session(source, state, function, *pins)


@pytest.mark.parametrize("operation", RIGHT)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(faults=FAULTS, pins=PINS)
def test_no_try_is_spent_that_nobody_typed(
    state: MockCardState,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    faults: list[Fault],
    pins: list[str],
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    typed = [RIGHT[operation] if pin == "right" else pin for pin in pins]
    user, record, result = asyncio.run(broken_session(state, operation, faults, typed))
    check_promises(user, record)
    card = state.read()
    mine, other = card.pin1.tries, card.pin2.tries
    if operation == "sign":
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
