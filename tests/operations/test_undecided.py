# SPDX-License-Identifier: MIT
"""A card that says of a PIN that was never set, and of which nobody knows whether so.

The card is independent of the mock card, and the list of commands is what matters: a
person who has a PIN must get through without the PUK.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest

from native_host.card.fineid import PinRole
from native_host.operations.set_pin import PinsSet
from native_host.pin_prompt.model import Step
from tests.operations.faulty_session import log_in
from tests.operations.independent_card import (
    GRANTED_AFTER,
    GRANTED_BEFORE,
    GRANTED_NEAR,
    IndependentCard,
    OneCard,
    Secret,
)
from tests.operations.managing import NEW_PIN1, Manage, changing, typing, unlocking
from tests.operations.user import NO_PIN, Unattended, User, cancelled, until

RIGHT = "20 00 11 VERIFY → 9000; tries {}"
WRONG = "20 00 11 VERIFY → 63C{}; tries {}"
SIGNED = [
    "2A 90 A0 PERFORM SECURITY OPERATION → 9000; tries 5 5 5",
    "2A 9E 9A PERFORM SECURITY OPERATION → 9000; tries 5 5 5",
]
SET = [
    "2C 00 11 RESET RETRY COUNTER → 9000; tries 5 5 5",
    "2C 00 82 RESET RETRY COUNTER → 9000; tries 5 5 5",
]
LETTER = typing(8)


async def logged_in(card: IndependentCard, user: User) -> None:
    token = await log_in(OneCard(card), user)
    assert token["signature"]
    assert not any(any(digits) for digits in user.typed)


# What the card was sent, in each of the ways that people go.


async def test_the_right_pin_is_all_that_a_login_needs() -> None:
    card, user = IndependentCard(), User(["1234"])
    await logged_in(card, user)
    assert card.sent == [RIGHT.format("5 5 5"), *SIGNED]
    [question] = user.questions
    assert (question.tries_left, question.can_activate) == (5, True)
    assert not user.offers
    assert not user.problems()


async def test_a_wrong_pin_costs_its_own_try_and_none_of_the_puk() -> None:
    card, user = IndependentCard(), User(["9999", "1234"])
    await logged_in(card, user)
    wrong = WRONG.format(4, "4 5 5")
    assert card.sent == [wrong, RIGHT.format("5 5 5"), *SIGNED]
    assert [q.can_activate for q in user.questions] == [True, True]


async def test_who_has_no_pin_yet_activates_the_card_with_the_letter() -> None:
    card, user = IndependentCard(), User([NO_PIN, NEW_PIN1], codes=[LETTER])
    await logged_in(card, user)
    assert card.sent == [*SET, RIGHT.format("5 5 5"), *SIGNED]
    assert len(user.offers) == 1
    # It is offered once.
    assert [q.can_activate for q in user.questions] == [True, False]


async def test_the_letter_typed_as_a_pin_costs_one_try_of_the_pin() -> None:
    card = IndependentCard(pin1=Secret("7777"))
    pins = ["12345678", "12345678", NO_PIN, NEW_PIN1]
    user = User(pins, codes=[LETTER])
    await logged_in(card, user)
    wrong = WRONG.format(4, "4 5 5")
    assert card.sent == [wrong, *SET, RIGHT.format("5 5 5"), *SIGNED]
    assert [q.repeated for q in user.questions] == [False, False, True, False]


async def test_the_card_works_at_once_after_an_activation_that_it_does_not_report() -> (
    None
):
    """It asked for the letter again, for ever, as DF2F stayed 00."""
    card = IndependentCard(pin1=Secret("", 0), pin2=Secret("", 0))
    user = User([NEW_PIN1], codes=[LETTER])
    await logged_in(card, user)
    assert user.offers == [False]
    await logged_in(card, User([NEW_PIN1]))


# -- Back, and other ends -------------------------------------------------------------


async def test_one_can_go_back_from_the_offer_and_from_the_codes() -> None:
    card = IndependentCard()
    user = User([NO_PIN, NO_PIN, "1234"], backs=1, codes=[{}])
    await logged_in(card, user)
    assert card.sent == [RIGHT.format("5 5 5"), *SIGNED]
    assert len(user.offers) == 2
    assert [q.can_decline for q in user.codes_questions] == [True]


async def test_a_refused_code_is_not_sent_again_after_going_back() -> None:
    card = IndependentCard()
    wrong = typing(8, code="87654321")
    user = User([NO_PIN, NO_PIN, "1234"], codes=[wrong, {}, wrong, {}])
    await logged_in(card, user)
    assert card.sent[0] == "2C 00 11 RESET RETRY COUNTER → 63C4; tries 5 5 4"
    assert card.sent[1:2] == [RIGHT.format("5 5 4")]
    assert user.codes_questions[-1].repeated


async def test_cancelling_there_ends_the_login() -> None:
    card, user = IndependentCard(), User([NO_PIN])
    work = asyncio.create_task(log_in(OneCard(card), user))
    await until(lambda: user.codes_questions)
    assert await cancelled(user, work) == "CARD_NOT_ACTIVATED"
    assert not card.sent


async def test_five_wrong_pins_lock_it_and_the_puk_unlocks_it() -> None:
    card = IndependentCard()
    wrong = [f"999{n}" for n in range(5)]
    codes = [{"PUK": "12345678", "new-PIN1": NEW_PIN1}]
    user = User([*wrong, NEW_PIN1], unlocks=[True], codes=codes)
    await logged_in(card, user)
    # It is not called new: the person has used up the tries.
    assert not user.offers
    assert len(user.unlock_offers) == 1
    assert card.sent[5] == SET[0]


async def test_with_a_spent_puk_the_pin_works_and_no_activation_is_offered() -> None:
    card = IndependentCard(puk=Secret("12345678", 0))
    user = User(["1234"])
    await logged_in(card, user)
    assert [q.can_activate for q in user.questions] == [False]


async def test_where_nobody_is_there_the_pin_is_taken() -> None:
    card, user = IndependentCard(), Unattended(["1234"])
    await logged_in(card, user)
    assert [q.can_activate for q in user.questions] == [False]


# -- The two schemes ------------------------------------------------------------------


async def test_a_card_of_seven_digits_is_activated_first_as_before() -> None:
    card = IndependentCard(
        pin1=Secret("1234567"),
        pin2=Secret("1234567"),
        granted=GRANTED_AFTER,
    )
    user = User([NEW_PIN1], codes=[typing(7)])
    await logged_in(card, user)
    assert user.offers == [False]
    assert [each[:8] for each in card.sent[:2]] == ["24 00 11", "24 00 82"]


async def test_near_the_date_a_pin_is_asked_for_and_seven_digits_activate() -> None:
    card = IndependentCard(Secret("1234567"), Secret("1234567"), granted=GRANTED_NEAR)
    user = User([NO_PIN, NEW_PIN1], codes=[typing(7)])
    await logged_in(card, user)
    assert [each[:8] for each in card.sent[:2]] == ["24 00 11", "24 00 82"]
    [question] = user.codes_questions
    assert question.fields[0].lengths == (7, 8)


@pytest.mark.parametrize("refuses", [True, False])
async def test_near_the_date_seven_digits_typed_as_a_pin_open_it_or_lead_on(
    refuses: bool,
) -> None:
    """Nobody knows whether a new card takes its code as a PIN, or says 6984."""
    card = IndependentCard(Secret("1234567"), Secret("1234567"), granted=GRANTED_NEAR)
    card.refuses_new = refuses
    user = User(["1234567", NEW_PIN1], codes=[typing(7)])
    await logged_in(card, user)
    assert card.tries == (5, 5, 5)
    assert user.offers == [False] * refuses


async def test_near_the_date_eight_digits_of_a_letter_do_not_reach_the_puk() -> None:
    card = IndependentCard(granted=GRANTED_NEAR)
    user = User([NO_PIN], codes=[LETTER])
    work = asyncio.create_task(log_in(OneCard(card), user))
    await until(user.problems)
    assert user.problems() == ["ACTIVATION_MISMATCH"]
    assert await cancelled(user, work) == "ACTIVATION_MISMATCH"
    assert not card.sent


# -- Changing and unlocking -----------------------------------------------------------


@pytest.mark.parametrize("granted", [GRANTED_BEFORE, GRANTED_NEAR])
@pytest.mark.parametrize(
    ("managing", "codes", "command"),
    [
        (changing, {"old": "1234"}, "24 00 11 CHANGE REFERENCE DATA"),
        (unlocking, {"PUK": "12345678"}, "2C 00 11 RESET RETRY COUNTER"),
    ],
)
async def test_its_pin_is_changed_with_the_old_one_and_set_with_the_puk(
    managing: Callable[[PinRole], Manage],
    codes: dict[str, str],
    command: str,
    granted: datetime,
) -> None:
    card = IndependentCard(granted=granted)
    user = User(codes=[{**codes, "new-PIN1": NEW_PIN1}])
    done = await managing(PinRole.PIN1)(OneCard(card), user)
    assert done == PinsSet(pin1="set")
    assert card.sent == [f"{command} → 9000; tries 5 5 5"]
    assert user.shown[-1] == (Step.DONE, None)
    await logged_in(card, User([NEW_PIN1]))


@pytest.mark.parametrize("managing", [changing, unlocking])
async def test_a_card_of_seven_digits_is_not_changed_before_its_activation(
    managing: Callable[[PinRole], Manage],
) -> None:
    card, user = IndependentCard(granted=GRANTED_AFTER), User()
    work = asyncio.ensure_future(managing(PinRole.PIN1)(OneCard(card), user))
    await until(user.problems)
    assert user.problems() == ["CARD_NOT_ACTIVATED"]
    assert await cancelled(user, work) == "CARD_NOT_ACTIVATED"
    assert not card.sent
