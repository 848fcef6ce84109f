# SPDX-License-Identifier: MIT
"""Every operation with a reader that takes only what plain T=0 carries.

Its longest command has 260 bytes. So these hold for readers without extended lengths.
"""

from kortilla.mock_card.apdu import Style
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.operations.card_status import card_status
from native_host.operations.set_pin import PinsSet
from native_host.operations.sign import Signatures
from tests.operations.faulty_session import log_in, session, signing_of
from tests.operations.managing import (
    DIGITS,
    EACH_SCHEME,
    GRANTED,
    NEW_PIN1,
    NEW_PIN2,
    SCHEMES,
    NewCard,
    activating,
    changing,
    typing,
    unlocking,
)
from tests.operations.readers import OneReader
from tests.support.pcsc import READERS, Pcscd, isolated


async def use_in_every_way(
    source: MockCardSource | OneReader, state: MockCardState, scheme: str
) -> None:
    """Activate a card, log in, sign, change PINs and unlock them."""
    pin1, pin2 = PinRole.PIN1, PinRole.PIN2
    change = {"old": NEW_PIN1, "new-PIN1": "9753"}
    unlock = {"PUK": state.read().puk.value, "new-PIN2": "975310"}
    for operation, pins, codes, expected in (
        (activating, [], [typing(DIGITS[scheme])], PinsSet("set", "set")),
        (log_in, [NEW_PIN1], [], dict),
        (signing_of("ab"), [NEW_PIN2], [], Signatures),
        (changing(pin1), [], [change], PinsSet.only(pin1)),
        (unlocking(pin2), [], [unlock], PinsSet.only(pin2)),
        (log_in, ["9753"], [], dict),
        (signing_of("a"), ["975310"], [], Signatures),
    ):
        user, _, result = await session(source, state, operation, *pins, codes=codes)
        assert user.problems() == []
        if isinstance(expected, type):
            assert isinstance(result, expected)
        else:
            assert result == expected
    [reader] = await card_status(source)
    assert reader["card"] is not None
    assert reader["card"]["tries"] == {"PIN1": 5, "PIN2": 5, "PUK": 5}


@EACH_SCHEME
async def test_a_plain_reader_is_enough_for_every_operation(
    scheme: str, new_card: NewCard
) -> None:
    state = new_card(scheme)
    async with MockCardSource(state.folder, style=Style.FETCHED) as source:
        await use_in_every_way(source, state, scheme)


@isolated
async def test_a_plain_reader_is_enough_for_every_operation_in_pcscd(
    pcscd: Pcscd,
) -> None:
    async with PcscSource() as all_readers:
        for scheme, reader in zip(SCHEMES, READERS, strict=False):
            state = MockCardState.create(
                pcscd.folder / scheme, state="new", not_before=GRANTED[scheme]
            )
            pcscd.insert(MockCard(state, style=Style.FETCHED), reader)
            async with OneReader(reader, state, all_readers) as source:
                await use_in_every_way(source, state, scheme)
