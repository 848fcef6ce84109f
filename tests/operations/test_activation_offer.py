# SPDX-License-Identifier: MIT
"""A login or a signature with a new card offers to activate it."""

import asyncio

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from native_host.card.errors import CardNotActivatedError
from native_host.card.mock_source import MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.sign import Signatures
from tests.operations.faulty_session import log_in, session, signing_of
from tests.operations.managing import (
    DIGITS,
    NEW_PIN1,
    NEW_PIN2,
    NewCard,
    check_codes,
    pins,
    tries,
    typing,
)
from tests.operations.readers import SeveralReaders
from tests.operations.user import Unattended, User, until

SCHEMES = ["eight", "seven"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_login_offers_to_activate_and_goes_on(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, log_in, NEW_PIN1, codes=[typing(digits)]
        )
    check_codes(user, record)
    assert isinstance(result, dict)
    assert user.offers == [False]
    assert [q.operation for q in user.codes_questions] == ["activate"]
    assert not user.problems()
    assert tries(state) == (5, 5, 5)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_signature_offers_to_set_pin2_and_goes_on(
    scheme: str, new_card: NewCard
) -> None:
    state, digits = new_card(scheme), DIGITS[scheme]
    with state.update() as card:
        card.pin1.value, card.pin1.changed, card.pin1.tries = "1234", True, 5
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, signing_of("ab"), NEW_PIN2, codes=[typing(digits, 2)]
        )
    check_codes(user, record)
    assert isinstance(result, Signatures)
    assert user.offers == [True]
    assert pins(state) == ("1234", NEW_PIN2)


async def test_a_login_with_a_pin1_that_is_set_offers_nothing(
    new_card: NewCard,
) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.value, card.pin1.changed = "1234", True
    async with MockCardSource(state.folder) as source:
        user, _, result = await session(source, state, log_in, "1234")
    assert isinstance(result, dict)
    assert not user.offers


@pytest.mark.parametrize("moment", Moment)
async def test_an_activation_within_a_login_goes_on_when_the_card_is_back(
    moment: Moment, new_card: NewCard
) -> None:
    state = new_card("seven")
    state.set_faults(Fault(FaultName.CARD_PULLED, on=CommandName.CHANGE, when=moment))
    missing = (2,) if moment is Moment.AFTER else (1, 2)
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, log_in, NEW_PIN1, codes=[typing(7), typing(7, *missing)]
        )
    check_codes(user, record)
    assert isinstance(result, dict)
    assert user.offers == [False]  # once
    assert pins(state) == (NEW_PIN1, NEW_PIN2)


@pytest.mark.parametrize("when", ["offer", "codes"])
async def test_whoever_declines_ends_the_login_with_the_reason(
    when: str, new_card: NewCard
) -> None:
    state = new_card("seven")
    user = User(agrees=when == "codes")
    async with MockCardSource(state.folder) as source:
        work = asyncio.create_task(log_in(source, user))
        if when == "codes":
            await until(lambda: user.codes_questions)
            user.cancel()
        with pytest.raises(UserCancelledError) as caught:
            await work
    assert caught.value.reason == "CARD_NOT_ACTIVATED"
    assert pins(state) == ("", "")


async def test_a_card_that_goes_during_the_offer_is_waited_for(
    new_card: NewCard,
) -> None:
    state = new_card("seven")
    user = User([NEW_PIN1], agrees=None)
    async with MockCardSource(state.folder) as source:
        work = asyncio.create_task(log_in(source, user))
        await until(lambda: user.offers)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        user.agrees = True
        user.codes.append(typing(7))
        source.insert()
        async with asyncio.timeout(60):
            assert "signature" in await work
    assert user.offers == [False, False]


async def test_where_nobody_is_there_a_new_card_is_an_error(new_card: NewCard) -> None:
    state = new_card("seven")
    user = Unattended([NEW_PIN1], codes=[typing(7)])
    async with MockCardSource(state.folder) as source:
        with pytest.raises(CardNotActivatedError):
            await log_in(source, user)
    assert not user.offers


@pytest.mark.parametrize("first", ["other-in", "this-out"])
async def test_a_card_that_is_beyond_activation_leaves_the_login_to_another(
    first: str, new_card: NewCard, source: MockCardSource
) -> None:
    spent = new_card("seven")
    with spent.update() as card:
        card.pin1.tries = 1
    async with MockCardSource(spent.folder) as beyond:
        source.remove()
        readers = SeveralReaders({"A": beyond, "B": source})
        user = User(["1234"], codes=[{**typing(7), "activation": "7654321"}])
        work = asyncio.create_task(log_in(readers, user))
        await until(lambda: user.unlock_offers)
        if first == "this-out":
            beyond.remove()
            await until(lambda: "CARD_REMOVED" in user.problems())
        source.insert()
        async with asyncio.timeout(60):
            assert "signature" in await work
    assert "OTHER_CARD" not in user.problems()


async def test_a_login_unlocks_a_new_pin_and_goes_on(new_card: NewCard) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.tries = 1
        puk = card.puk.value
    sheets = [
        {**typing(7), "activation": "7654321"},
        {"PUK": "00000000", "new-PIN1": NEW_PIN1},
        {"PUK": "00000000", "new-PIN1": NEW_PIN1},
        {"PUK": puk, "new-PIN1": NEW_PIN1},
        typing(7, 2),
    ]
    async with MockCardSource(state.folder) as source:
        user, record, result = await session(
            source, state, log_in, NEW_PIN1, codes=sheets
        )
    assert isinstance(result, dict)
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    # A refused PUK is not sent again.
    assert [q.repeated for q in user.codes_questions] == [0, 0, 0, 1, 0]
    assert not any(any(code) for code in user.typed)
    assert not record.verified_afterwards
    assert pins(state) == (NEW_PIN1, NEW_PIN2)


async def test_a_puk_that_was_refused_is_known_after_the_card_was_out(
    new_card: NewCard,
) -> None:
    state = new_card("seven")
    with state.update() as card:
        card.pin1.tries = 0
    wrong = {"PUK": "00000000", "new-PIN1": NEW_PIN1}
    user = User(codes=[wrong], unlocks=[True, True])
    async with MockCardSource(state.folder) as source:
        work = asyncio.create_task(log_in(source, user))
        await until(lambda: len(user.codes_questions) == 2)
        source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
        user.codes.append(wrong)
        source.insert()
        await until(lambda: len(user.codes_questions) == 4)
        user.cancel()
        with pytest.raises(UserCancelledError) as caught:
            await work
    assert caught.value.reason == "ACTIVATION_BLOCKED"
    assert user.codes_questions[-1].repeated
    assert tries(state)[2] == 4
