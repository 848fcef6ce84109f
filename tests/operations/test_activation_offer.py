# SPDX-License-Identifier: MIT
"""A login or a signature with a new card offers to activate it."""

import asyncio

import pytest

from kortilla.mock_card.faults import CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardNotActivatedError
from native_host.card.mock_source import MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.sign import Signatures
from tests.operations.faulty_session import log_in, session, signing_of
from tests.operations.managing import (
    DIGITS,
    EACH_SCHEME,
    NEW_PIN1,
    NEW_PIN2,
    managed,
    pins,
    put_pins,
    tries,
    typing,
)
from tests.operations.readers import SeveralReaders
from tests.operations.user import Unattended, User, until


@EACH_SCHEME
async def test_a_login_offers_to_activate_and_goes_on(
    scheme: str, reader: MockCardSource, new: MockCardState
) -> None:
    user, _, result = await managed(
        reader, new, log_in, NEW_PIN1, codes=[typing(DIGITS[scheme])]
    )
    assert isinstance(result, dict)
    assert user.offers == [False]
    assert [q.operation for q in user.codes_questions] == ["activate"]
    assert not user.problems()
    assert tries(new) == (5, 5, 5)


@EACH_SCHEME
async def test_a_signature_offers_to_set_pin2_and_goes_on(
    scheme: str, reader: MockCardSource, new: MockCardState
) -> None:
    put_pins(new, ("1234", 5))
    user, _, result = await managed(
        reader, new, signing_of("ab"), NEW_PIN2, codes=[typing(DIGITS[scheme], 2)]
    )
    assert isinstance(result, Signatures)
    assert user.offers == [True]
    assert pins(new) == ("1234", NEW_PIN2)


async def test_a_login_with_a_pin1_that_is_set_offers_nothing(
    reader: MockCardSource, new: MockCardState
) -> None:
    put_pins(new, ("1234", 5))
    user, _, result = await session(reader, new, log_in, "1234")
    assert isinstance(result, dict)
    assert not user.offers


@pytest.mark.parametrize("moment", Moment)
async def test_an_activation_within_a_login_goes_on_when_the_card_is_back(
    moment: Moment, reader: MockCardSource, new: MockCardState
) -> None:
    new.set_faults(Fault(FaultName.CARD_PULLED, on=CommandName.CHANGE, when=moment))
    missing = (2,) if moment is Moment.AFTER else (1, 2)
    user, _, result = await managed(
        reader, new, log_in, NEW_PIN1, codes=[typing(7), typing(7, *missing)]
    )
    assert isinstance(result, dict)
    assert user.offers == [False]  # once
    assert pins(new) == (NEW_PIN1, NEW_PIN2)


@pytest.mark.parametrize("when", ["offer", "codes"])
async def test_whoever_declines_ends_the_login_with_the_reason(
    when: str, reader: MockCardSource, new: MockCardState
) -> None:
    user = User(agrees=when == "codes")
    work = asyncio.create_task(log_in(reader, user))
    if when == "codes":
        await until(lambda: user.codes_questions)
        user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await work
    assert caught.value.reason == "CARD_NOT_ACTIVATED"
    assert pins(new) == ("", "")


async def test_a_card_that_goes_during_the_offer_is_waited_for(
    reader: MockCardSource,
) -> None:
    user = User([NEW_PIN1], agrees=None)
    work = asyncio.create_task(log_in(reader, user))
    await until(lambda: user.offers)
    reader.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.agrees = True
    user.codes.append(typing(7))
    reader.insert()
    assert "signature" in await work
    assert user.offers == [False, False]


async def test_where_nobody_is_there_a_new_card_is_an_error(
    reader: MockCardSource,
) -> None:
    user = Unattended([NEW_PIN1], codes=[typing(7)])
    with pytest.raises(CardNotActivatedError):
        await log_in(reader, user)
    assert not user.offers


@pytest.mark.parametrize("first", ["other-in", "this-out"])
async def test_a_card_that_is_beyond_activation_leaves_the_login_to_another(
    first: str, reader: MockCardSource, new: MockCardState, source: MockCardSource
) -> None:
    with new.update() as card:
        card.pin1.tries = 1
    source.remove()
    user = User(["1234"], codes=[typing(7, code="7654321")])
    readers = SeveralReaders({"A": reader, "B": source})
    work = asyncio.create_task(log_in(readers, user))
    await until(lambda: user.unlock_offers)
    if first == "this-out":
        reader.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
    source.insert()
    assert "signature" in await work
    assert "OTHER_CARD" not in user.problems()


async def test_a_login_unlocks_a_new_pin_and_goes_on(
    reader: MockCardSource, new: MockCardState
) -> None:
    with new.update() as card:
        card.pin1.tries = 1
        puks = ("00000000", "00000000", card.puk.value)
    sheets = [
        typing(7, code="7654321"),
        *({"PUK": puk, "new-PIN1": NEW_PIN1} for puk in puks),
        typing(7, 2),
    ]
    user, _, result = await managed(reader, new, log_in, NEW_PIN1, codes=sheets)
    assert isinstance(result, dict)
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    # A refused PUK is not sent again.
    assert [q.repeated for q in user.codes_questions] == [0, 0, 0, 1, 0]
    assert pins(new) == (NEW_PIN1, NEW_PIN2)


async def test_a_puk_that_was_refused_is_known_after_the_card_was_out(
    reader: MockCardSource, new: MockCardState
) -> None:
    with new.update() as card:
        card.pin1.tries = 0
    wrong = {"PUK": "00000000", "new-PIN1": NEW_PIN1}
    user = User(codes=[wrong], unlocks=[True, True])
    work = asyncio.create_task(log_in(reader, user))
    await until(lambda: len(user.codes_questions) == 2)
    reader.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.codes.append(wrong)
    reader.insert()
    await until(lambda: len(user.codes_questions) == 4)
    user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await work
    assert caught.value.reason == "ACTIVATION_BLOCKED"
    assert user.codes_questions[-1].repeated
    assert tries(new)[2] == 4
