# SPDX-License-Identifier: MIT
"""A login or a signature offers to activate a new card, and to unblock a PIN."""

import asyncio
import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.faults import CommandName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.certificate import CardCertificate
from native_host.card.errors import CardNotActivatedError, PinBlockedError
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.errors import UserCancelledError
from native_host.operations.activate import activate
from native_host.operations.authenticate import authenticate
from native_host.operations.request import Context
from native_host.operations.set_pin import ManageRequest, PinsSet
from native_host.operations.sign import Signatures, SigningInterruptedError
from native_host.pin_prompt.model import Step
from native_host.pin_prompt.prompt import DeclinedError
from native_host.state import activation_offers
from native_host.state.activation_offers import (
    count_declined,
    offer_all,
    was_declined,
)
from tests.operations.faulty_session import LOGIN, log_in, session, signing_of
from tests.operations.managing import (
    DIGITS,
    EACH_SCHEME,
    NEW_PIN1,
    NEW_PIN2,
    CardInReader,
    changing,
    check_codes,
    codes_sent,
    reason,
    tries,
    typing,
)
from tests.operations.readers import SeveralReaders
from tests.operations.user import Unattended, User, cancelled, until

# -- A new card -----------------------------------------------------------------------


@EACH_SCHEME
async def test_a_login_offers_to_activate_and_goes_on(
    scheme: str, new: CardInReader
) -> None:
    user, _, result = await new.run(log_in, NEW_PIN1, codes=[typing(DIGITS[scheme])])
    assert isinstance(result, dict)
    assert user.offers == [False]
    assert [q.operation for q in user.codes_questions] == ["activate"]
    assert not user.problems()
    assert new.tries == (5, 5, 5)


@EACH_SCHEME
async def test_a_signature_offers_to_set_pin2_and_goes_on(
    scheme: str, new: CardInReader
) -> None:
    new.put_pins(("1234", 5))
    user, _, result = await new.run(
        signing_of("ab"), NEW_PIN2, codes=[typing(DIGITS[scheme], 2)]
    )
    assert isinstance(result, Signatures)
    assert user.offers == [True]
    assert new.pins == ("1234", NEW_PIN2)


async def test_a_login_with_a_pin1_that_is_set_offers_nothing(
    new: CardInReader,
) -> None:
    new.put_pins(("1234", 5))
    user, _, result = await session(new.source, new.state, log_in, "1234")
    assert isinstance(result, dict)
    assert not user.offers


@pytest.mark.parametrize("moment", Moment)
async def test_an_activation_within_a_login_goes_on_when_the_card_is_back(
    moment: Moment, new: CardInReader
) -> None:
    new.pull_at(CommandName.CHANGE, moment)
    missing = (2,) if moment is Moment.AFTER else (1, 2)
    user, _, result = await new.run(
        log_in, NEW_PIN1, codes=[typing(7), typing(7, *missing)]
    )
    assert isinstance(result, dict)
    assert user.offers == [False]  # once
    assert new.pins == (NEW_PIN1, NEW_PIN2)


@pytest.mark.parametrize("when", ["offer", "codes"])
async def test_whoever_declines_ends_the_login_with_the_reason(
    when: str, new: CardInReader
) -> None:
    user = User(agrees=when == "codes")
    work = asyncio.create_task(log_in(new.source, user))
    if when == "codes":
        await until(lambda: user.codes_questions)
        assert await cancelled(user, work) == "CARD_NOT_ACTIVATED"
    assert new.pins == ("", "")


async def test_a_card_that_goes_during_the_offer_is_waited_for(
    new: CardInReader,
) -> None:
    user = User([NEW_PIN1], agrees=None)
    work = asyncio.create_task(log_in(new.source, user))
    await until(lambda: user.offers)
    new.source.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.agrees = True
    user.codes.append(typing(7))
    new.source.insert()
    assert "signature" in await work
    assert user.offers == [False, False]


async def test_where_nobody_is_there_a_new_card_is_an_error(new: CardInReader) -> None:
    user = Unattended([NEW_PIN1], codes=[typing(7)])
    with pytest.raises(CardNotActivatedError):
        await log_in(new.source, user)
    assert not user.offers


@pytest.mark.parametrize("first", ["other-in", "this-out"])
async def test_a_card_that_is_beyond_activation_leaves_the_login_to_another(
    first: str, new: CardInReader, source: MockCardSource
) -> None:
    new.leave(pin1=1)
    source.remove()
    user = User(["1234"], codes=[typing(7, code="7654321")])
    readers = SeveralReaders({"A": new.source, "B": source})
    work = asyncio.create_task(log_in(readers, user))
    await until(lambda: user.unlock_offers)
    if first == "this-out":
        new.source.remove()
        await until(lambda: "CARD_REMOVED" in user.problems())
    source.insert()
    assert "signature" in await work
    assert "OTHER_CARD" not in user.problems()


async def test_a_login_unlocks_a_new_pin_and_goes_on(new: CardInReader) -> None:
    with new.state.update() as card:
        card.pin1.tries = 1
        puks = ("00000000", "00000000", card.puk.value)
    sheets = [
        typing(7, code="7654321"),
        *({"PUK": puk, "new-PIN1": NEW_PIN1} for puk in puks),
        typing(7, 2),
    ]
    user, _, result = await new.run(log_in, NEW_PIN1, codes=sheets)
    assert isinstance(result, dict)
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    # A refused PUK is not sent again.
    assert [q.repeated for q in user.codes_questions] == [0, 0, 0, 1, 0]
    assert new.pins == (NEW_PIN1, NEW_PIN2)


async def test_a_puk_that_was_refused_is_known_after_the_card_was_out(
    new: CardInReader,
) -> None:
    new.leave(pin1=0)
    wrong = {"PUK": "00000000", "new-PIN1": NEW_PIN1}
    user = User(codes=[wrong], unlocks=[True, True])
    work = asyncio.create_task(log_in(new.source, user))
    await until(lambda: len(user.codes_questions) == 2)
    new.source.remove()
    await until(lambda: "CARD_REMOVED" in user.problems())
    user.codes.append(wrong)
    new.source.insert()
    await until(lambda: len(user.codes_questions) == 4)
    assert await cancelled(user, work) == "ACTIVATION_BLOCKED"
    assert user.codes_questions[-1].repeated
    assert new.tries[2] == 4


# -- The agent's offer ----------------------------------------------------------------


UNASKED = ManageRequest(language="fi", unasked=True)


async def test_a_person_who_has_not_asked_is_offered_first(new: CardInReader) -> None:
    user = User(agrees=False)
    with pytest.raises(UserCancelledError):
        await activate(Context(new.source, user), UNASKED)
    assert user.offers == [False]
    assert not user.codes_questions
    assert count_declined() == 0
    new.put_pins(("1234", 5))
    user = User(codes=[typing(7, 2)])
    done = await activate(Context(new.source, user), UNASKED)
    assert done == PinsSet("was-set", "set")
    assert user.offers == [True]


async def test_a_person_who_wants_no_more_offers_is_remembered_by_the_card_only(
    new: CardInReader, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(DeclinedError):
            await activate(Context(new.source, User(declines=True)), UNASKED)
    [file] = [each for each in (tmp_path / "state").rglob("*") if each.is_file()]
    der = new.state.read().keys[0].certificate
    assert der is not None
    assert file.read_text() == hashlib.sha256(der).hexdigest() + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert was_declined(CardCertificate.from_der(der))
    assert count_declined() == 1
    offer_all()
    assert not file.exists()


def test_two_windows_may_remember_their_cards_at_the_same_time(
    new: CardInReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, *_ = (
        CardCertificate.from_der(each.certificate)
        for each in new.state.read().keys
        if each.certificate is not None
    )
    declined = activation_offers._declined

    def read() -> list[str]:
        before = declined()
        monkeypatch.undo()
        activation_offers.decline(other)
        return before

    monkeypatch.setattr(activation_offers, "_declined", read)
    activation_offers.decline(one)
    assert was_declined(one)
    assert was_declined(other)


async def test_what_cannot_be_activated_is_not_offered(new: CardInReader) -> None:
    new.leave(pin1=0)
    user = User(unlocks=[False])
    with pytest.raises(UserCancelledError):
        await activate(Context(new.source, user), UNASKED)
    assert not user.offers
    assert user.unlock_offers


# -- A blocked PIN --------------------------------------------------------------------


PUK = "12345678"
FOR_PIN1 = {"PUK": PUK, "new-PIN1": NEW_PIN1}
FOR_PIN2 = {"PUK": PUK, "new-PIN2": NEW_PIN2}
WRONG = {"PUK": "99999999", "new-PIN1": NEW_PIN1}
DECLINED: dict[str, str] = {}


@pytest.fixture
def blocked(active: CardInReader) -> CardInReader:
    """The card with both PINs blocked."""
    active.leave(pin1=0, pin2=0)
    return active


async def test_a_login_offers_to_unblock_and_goes_on(blocked: CardInReader) -> None:
    user, _, result = await blocked.run(log_in, NEW_PIN1, codes=[FOR_PIN1])
    assert isinstance(result, dict)
    assert [offer.pin for offer in user.unlock_offers] == ["PIN1"]
    assert [q.operation for q in user.codes_questions] == ["unblock"]
    [question] = user.questions
    assert (question.tries_left, question.unlocked, question.wrong) == (5, True, False)
    assert not user.problems()
    assert blocked.tries == (5, 0, 5)


async def test_a_signature_offers_to_unblock_pin2_and_goes_on(
    blocked: CardInReader,
) -> None:
    user, _, result = await blocked.run(signing_of("ab"), NEW_PIN2, codes=[FOR_PIN2])
    assert isinstance(result, Signatures)
    assert [offer.pin for offer in user.unlock_offers] == ["PIN2"]
    assert blocked.tries == (0, 5, 5)


async def test_wrong_pins_block_it_and_a_refused_one_may_be_the_new_one(
    active: CardInReader,
) -> None:
    wrong = [f"999{n}" for n in range(5)]
    codes = [{"PUK": PUK, "new-PIN1": "9990"}]
    user, _, result = await active.run(log_in, *wrong, "9990", codes=codes)
    assert isinstance(result, dict)
    assert [q.tries_left for q in user.questions] == [5, 4, 3, 2, 1, 5]
    assert not any(q.repeated for q in user.questions)
    assert active.tries == (5, 5, 5)


async def test_a_pin_that_is_blocked_once_more_is_unblocked_once_more(
    blocked: CardInReader,
) -> None:
    typed = [f"999{n}" for n in range(5)] + [NEW_PIN1]
    codes = [{**FOR_PIN1, "new-PIN1": "8520"}, FOR_PIN1]
    user, _, result = await blocked.run(log_in, *typed, codes=codes)
    assert isinstance(result, dict)
    assert len(user.unlock_offers) == 2
    assert blocked.tries == (5, 0, 5)


@pytest.mark.parametrize("declined", [0, 2])
async def test_no_costs_nothing_no_matter_how_often_one_went_back(
    blocked: CardInReader, declined: int
) -> None:
    user, record, result = await blocked.run(log_in, codes=[DECLINED] * declined)
    assert reason(result) == "PIN_BLOCKED"
    assert len(user.unlock_offers) == declined + 1
    assert codes_sent(record.commands()) == []
    assert blocked.tries == (0, 0, 5)


async def test_a_refused_puk_is_not_sent_again_even_after_going_back(
    blocked: CardInReader,
) -> None:
    codes = [WRONG, WRONG, DECLINED, WRONG, FOR_PIN1]
    user, record, result = await blocked.run(log_in, NEW_PIN1, codes=codes)
    assert isinstance(result, dict)
    assert [q.repeated for q in user.codes_questions] == [0, 0, 1, 0, 1]
    assert len(codes_sent(record.commands())) == 2
    assert blocked.tries == (5, 0, 5)


async def test_after_the_last_try_of_the_puk_only_a_new_card_helps(
    blocked: CardInReader,
) -> None:
    blocked.leave(puk=1)
    user, _, result = await blocked.run(log_in, codes=[WRONG, FOR_PIN1])
    assert reason(result) == "PUK_BLOCKED"
    assert user.codes_questions[0].tries_left == 1
    assert set(user.problems()) == {"PUK_BLOCKED"}
    # It is not offered again.
    assert len(user.unlock_offers) == len(user.codes_questions) == 1
    assert blocked.tries == (0, 0, 0)


@pytest.mark.parametrize("moment", list(Moment))
async def test_a_card_that_is_pulled_meanwhile_is_unblocked_after_it_is_back(
    blocked: CardInReader, moment: Moment
) -> None:
    blocked.pull_at(CommandName.UNBLOCK, moment)
    user, _, result = await blocked.run(log_in, NEW_PIN1, codes=[FOR_PIN1, FOR_PIN1])
    assert isinstance(result, dict)
    assert user.problems() == ["CARD_REMOVED"]
    sent = 2 if moment is Moment.BEFORE else 1
    assert len(user.unlock_offers) == len(user.codes_questions) == sent
    assert blocked.pins[0] == NEW_PIN1


async def test_a_wrong_puk_without_an_answer_is_not_sent_again(
    blocked: CardInReader,
) -> None:
    blocked.pull_at(CommandName.UNBLOCK, Moment.AFTER)
    user, record, result = await blocked.run(
        log_in, NEW_PIN1, codes=[WRONG, WRONG, FOR_PIN1]
    )
    assert isinstance(result, dict)
    assert [q.wrong for q in user.codes_questions] == [False, True, True]
    assert [q.repeated for q in user.codes_questions] == [False, False, True]
    assert len(codes_sent(record.commands())) == 2


async def test_another_card_in_the_same_reader_is_used_and_not_written_on(
    blocked: CardInReader, tmp_path: Path
) -> None:
    user = User(["1234"], unlocks=[True])
    login = asyncio.create_task(log_in(blocked.source, user))
    await until(lambda: user.codes_questions)
    blocked.source.remove()
    await until(user.problems)
    other = MockCardState.create(tmp_path / "other")
    (blocked.state.folder / "card.json").write_bytes(
        (other.folder / "card.json").read_bytes()
    )
    blocked.source.insert()
    assert isinstance(await login, dict)
    assert len(user.codes_questions) == len(user.questions) == 1
    assert not user.questions[0].unlocked
    assert tries(other) == (5, 5, 5)


async def test_a_card_in_another_reader_is_used_in_place_of_the_blocked_one(
    blocked: CardInReader, tmp_path: Path
) -> None:
    other = MockCardState.create(tmp_path / "other")
    async with MockCardSource(other.folder) as second:
        second.remove()
        readers = SeveralReaders({"1": blocked.source, "2": second})
        user = User(["1234"])
        login = asyncio.create_task(log_in(readers, user))
        await until(lambda: user.unlock_offers)
        second.insert()
        assert isinstance(await login, dict)
    assert len(user.unlock_offers) == 1
    assert blocked.tries == (0, 0, 5)


@pytest.mark.parametrize("number", range(0, 60, 3))
async def test_a_page_that_cancels_at_any_command_leaves_a_card_that_works(
    blocked: CardInReader, number: int
) -> None:
    user, record, result = await session(
        blocked.source,
        blocked.state,
        log_in,
        NEW_PIN1,
        codes=[FOR_PIN1],
        called_off=("page", number),
    )
    check_codes(user, record)
    assert isinstance(result, asyncio.CancelledError | dict)
    assert len(codes_sent(record.commands())) <= 1
    assert blocked.tries[0] in {0, 5}
    assert blocked.tries[2] == 5
    # The page asks again, and the user goes on from there.
    _, _, result = await session(
        blocked.source, blocked.state, log_in, NEW_PIN1, codes=[FOR_PIN1]
    )
    assert isinstance(result, dict)


@pytest.mark.usefixtures("blocked")
async def test_the_page_does_not_hear_of_it(source: MockCardSource) -> None:
    heard: list[str] = []
    user = User([NEW_PIN1], unlocks=[True], codes=[FOR_PIN1])
    context = Context(source, user, lambda word, _: heard.append(word))
    await authenticate(context, LOGIN)
    assert heard == ["window-open", "signing"]


@pytest.mark.usefixtures("blocked")
@pytest.mark.parametrize("kind", ["unattended", "impatient"])
async def test_it_is_offered_only_to_a_person_with_a_window(
    source: MockCardSource, kind: str
) -> None:
    user = Unattended() if kind == "unattended" else User()
    user.patient = kind == "unattended"
    with pytest.raises(PinBlockedError):
        await log_in(source, user)
    assert not user.unlock_offers


async def test_a_pin_blocked_among_signatures_ends_the_batch(
    active: CardInReader,
) -> None:
    class Blocking(User):
        def show(self, step: Step, *more: Any, **named: Any) -> None:
            super().show(step, *more, **named)
            if self.bars and self.bars[-1].done == 1:
                with active.state.update() as card:
                    card.pin2.tries = 0

    user = Blocking(["123456"], unlocks=[True])
    with pytest.raises(SigningInterruptedError) as caught:
        await signing_of("ab")(active.source, user)
    assert caught.value.reason == "PIN_BLOCKED"
    assert not user.unlock_offers


async def test_a_blocked_pin_is_unblocked_where_it_was_to_be_changed(
    blocked: CardInReader,
) -> None:
    user, _, result = await blocked.run(changing(PinRole.PIN1), codes=[FOR_PIN1])
    assert result == PinsSet(pin1="set")
    assert [q.operation for q in user.codes_questions] == ["unblock"]
    assert blocked.pins[0] == NEW_PIN1
