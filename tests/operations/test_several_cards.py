# SPDX-License-Identifier: MIT
"""With cards in several readers, the usable one or the chosen one is used."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardSource
from native_host.errors import UserCancelledError
from native_host.operations.activate import activate
from native_host.operations.request import Context
from native_host.operations.set_pin import ManageRequest, PinsSet
from native_host.operations.sign import HashToSign, Signatures, SignRequest, sign
from native_host.operations.signing_certificate import (
    CertificateRequest,
    signing_certificate,
)
from native_host.pin_prompt.model import Step
from native_host.pin_prompt.prompt import Prompt
from native_host.pkcs11.tls_login import TlsLogin
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.managing import (
    NEW_PIN1,
    NEW_PIN2,
    NewCard,
    activating,
    changing,
    pins,
    typing,
    unlocking,
)
from tests.operations.readers import SeveralReaders
from tests.operations.signing import ORIGIN
from tests.operations.user import User, until

ORGANISATION_CARD = bytes.fromhex("3BDD96008031FE450031B8640429ECC1739401808349")
PIN1, PIN2 = "1234", "123456"
AINO, VILLE = "AINO SPECIMEN-VIRTANEN", "Ville SPECIMEN-VIRTANEN"


@pytest.fixture(scope="session")
def other_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other-card") / "mock-card"
    MockCardState.create(folder, given_name="Ville", satu=make_satu(99900111))
    return folder


@pytest.fixture
def other_folder(tmp_path: Path, other_made_once: Path) -> Path:
    return Path(shutil.copytree(other_made_once, tmp_path / "other-mock-card"))


@pytest.fixture
async def other(other_folder: Path) -> AsyncIterator[MockCardSource]:
    async with MockCardSource(other_folder) as source:
        yield source


@pytest.fixture
def readers(source: MockCardSource, other: MockCardSource) -> SeveralReaders:
    """Reader A with one user's card, reader B with another's."""
    return SeveralReaders({"A": source, "B": other})


def begin_login(user: User, source: SeveralReaders) -> "asyncio.Task[dict[str, Any]]":
    return asyncio.create_task(log_in(source, user))


def begin_sign(
    user: User, source: SeveralReaders, certificate: bytes | None = None
) -> "asyncio.Task[Signatures]":
    hashes = (HashToSign("a", bytes(48), "SHA-384"),)
    request = SignRequest(
        origin=ORIGIN, language="fi", hashes=hashes, certificate=certificate
    )
    return asyncio.create_task(sign(Context(source, user), request))


def signing_certificate_of(folder: Path) -> bytes:
    return MockCardState.open(folder).read().keys[1].certificate


async def test_the_person_chooses_by_reader_and_holder(readers: SeveralReaders) -> None:
    user = User([PIN1], choice=1)
    await begin_login(user, readers)
    [choices] = user.choices
    assert [choice.reader for choice in choices] == ["A", "B"]
    assert choices[1].name == "Ville SPECIMEN-VIRTANEN"
    assert choices[0].satu != choices[1].satu
    assert user.questions[0].satu == choices[1].satu
    assert readers.connected == ["A", "B", "B"]


async def test_the_same_holds_for_signing_and_for_the_certificate(
    readers: SeveralReaders, other_folder: Path
) -> None:
    made = await begin_sign(User([PIN2], choice=1), readers)
    assert made.certificate.der == signing_certificate_of(other_folder)
    found = await signing_certificate(
        Context(readers, User(choice=1)),
        CertificateRequest(origin=ORIGIN, language="fi"),
    )
    assert found.certificate.der == signing_certificate_of(other_folder)


async def test_after_a_login_its_card_is_found_in_any_reader(
    readers: SeveralReaders, other_folder: Path
) -> None:
    certificate = MockCardState.open(other_folder).read().keys[0].certificate
    request = CertificateRequest(
        origin=ORIGIN,
        language="fi",
        identified_by=hashlib.sha256(certificate).digest(),
    )
    user = User(choice=0)
    found = await signing_certificate(Context(readers, user), request)
    assert found.certificate.der == signing_certificate_of(other_folder)
    assert user.conversation is None
    # Without it, and while another program holds it, the user is asked.
    readers.busy = {"B"}
    await signing_certificate(Context(readers, user), request)
    assert user.conversation is not None
    readers.sources["B"].remove()
    await signing_certificate(Context(readers, user), request)
    assert len(user.consents) == 2


async def test_a_card_that_is_in_alone_is_used_without_asking(
    readers: SeveralReaders,
) -> None:
    readers.sources["A"].remove()
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices
    assert readers.connected == ["B"]


async def test_cards_that_can_not_be_used_are_no_choice(
    readers: SeveralReaders,
) -> None:
    readers.sources["A"].insert(ORGANISATION_CARD)
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices


async def test_a_card_whose_pin_is_blocked_is_no_choice(
    readers: SeveralReaders, folder: Path
) -> None:
    with MockCardState.open(folder).update() as card:
        card.pin1.tries = 0
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices
    # This does not affect its other PIN.
    signer = User([PIN2], choice=0)
    await begin_sign(signer, readers)
    assert len(signer.choices[0]) == 2


async def test_a_locked_card_is_unlocked_when_no_other_can_be_used(
    readers: SeveralReaders, other_folder: Path
) -> None:
    readers.sources["A"].insert(ORGANISATION_CARD)
    with MockCardState.open(other_folder).update() as card:
        card.pin1.tries = 0
    user = User([PIN1])
    login = begin_login(user, readers)
    await until(lambda: user.unlock_offers)
    assert user.unlock_offers[0].name == VILLE
    user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await login
    assert caught.value.reason == "PIN_BLOCKED"


async def test_when_none_can_be_used_the_last_reason_is_said(
    readers: SeveralReaders,
) -> None:
    for source in readers.sources.values():
        source.insert(ORGANISATION_CARD)
    user = User([PIN1])
    login = begin_login(user, readers)
    await until(user.problems)
    assert set(user.problems()) == {"UNSUPPORTED_CARD"}
    user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await login
    assert caught.value.reason == "UNSUPPORTED_CARD"


async def test_a_card_that_is_held_does_not_hide_the_next(
    readers: SeveralReaders,
) -> None:
    readers.busy.add("A")
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices
    assert not user.problems()
    assert readers.connected == ["A", "B", "B"]


async def test_when_all_are_held_that_is_said_and_waited_for(
    readers: SeveralReaders,
) -> None:
    readers.busy |= {"A", "B"}
    user = User([PIN1], choice=0)
    login = begin_login(user, readers)
    await until(user.problems)
    assert user.shown[-1][0] is Step.WAITING_FOR_CARD
    readers.busy.clear()
    await login
    assert set(user.problems()) == {"CARD_BUSY"}


async def test_the_choice_is_asked_for_anew_when_a_card_comes_or_goes(
    readers: SeveralReaders,
) -> None:
    user = User([PIN1])
    login = begin_login(user, readers)
    await until(lambda: len(user.choices) == 1)
    readers.sources["B"].remove()
    await until(lambda: user.questions)
    login.cancel()
    await asyncio.wait({login})

    user = User()
    readers.sources["B"].insert()
    login = begin_login(user, readers)
    await until(lambda: len(user.choices) == 1)
    readers.connected.clear()
    user.choice, user.pins = 0, [PIN1]
    readers.sources["A"].insert()
    await login
    assert len(user.choices) == 2
    assert readers.connected == ["A", "A"]  # the other card has been read


async def test_whoever_cancels_the_choice_has_cancelled(
    readers: SeveralReaders,
) -> None:
    user = User()
    login = begin_login(user, readers)
    await until(lambda: user.choices)
    user.cancel()
    with pytest.raises(UserCancelledError):
        await login


async def test_the_choice_is_kept_when_the_card_is_pulled_and_put_back(
    readers: SeveralReaders,
) -> None:
    user = User(choice=0)
    login = begin_login(user, readers)
    await until(lambda: user.questions)
    readers.sources["A"].remove()
    await until(user.problems)
    assert user.shown[-1][0] is Step.WAITING_FOR_CARD
    user.pins.append(PIN1)
    readers.sources["A"].insert()
    await login
    assert len(user.choices) == 1
    assert len({question.satu for question in user.questions}) == 1


async def test_the_other_card_is_taken_when_it_is_put_in_anew_and_confirmed(
    readers: SeveralReaders,
) -> None:
    user = User(choice=0)
    login = begin_login(user, readers)
    await until(lambda: user.questions)
    readers.sources["A"].remove()
    await until(user.problems)
    user.pins.append(PIN1)
    readers.sources["B"].insert()
    await login
    assert [q.name for q in user.questions] == [AINO, VILLE]
    [question] = user.other_cards
    assert (question.before, question.name, question.removed) == (AINO, VILLE, True)


async def test_another_card_in_the_same_reader_is_confirmed_too(
    readers: SeveralReaders,
) -> None:
    first, other = readers.sources["A"], readers.sources.pop("B")
    user = User(confirms=False)
    login = begin_login(user, readers)
    await until(lambda: user.questions)
    first.remove()
    await until(user.problems)
    readers.sources["A"] = other
    first.insert()  # the readers are looked at again
    with pytest.raises(UserCancelledError):
        await login
    assert [(q.before, q.name) for q in user.other_cards] == [(AINO, VILLE)]
    assert len(user.questions) == 1


Start = Callable[[CardSource, Prompt], Awaitable[object]]
Asked = Callable[[User], Sequence[object]]


def consenting(source: CardSource, prompt: Prompt) -> Awaitable[object]:
    request = CertificateRequest(origin=ORIGIN, language="fi")
    return signing_certificate(Context(source, prompt), request)


async def preparing(source: CardSource, prompt: Prompt) -> None:
    login = TlsLogin(
        source=source,
        open_prompt=lambda: prompt,
        program="Firefox",
        language="fi",
        patience=None,
        kept_for=0.0,
    )
    try:
        await login.prepare()
    finally:
        await login.close()


#: Each operation, the state of both cards, and the questions about their holders.
OPERATIONS: dict[str, tuple[Start, str, Asked]] = {
    "authenticate": (log_in, "active", lambda user: user.questions),
    "prepare-login": (preparing, "active", lambda user: user.questions),
    "sign": (signing_of("a"), "active", lambda user: user.questions),
    "certificate": (consenting, "active", lambda user: user.consents),
    "change": (changing(PinRole.PIN1), "active", lambda p: p.codes_questions),
    "unblock": (unlocking(PinRole.PIN2), "active", lambda p: p.codes_questions),
    "activate": (activating, "new", lambda user: user.codes_questions),
    "activation offer": (log_in, "new", lambda user: user.offers),
    "unlock offer": (log_in, "locked", lambda user: user.unlock_offers),
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_other_holder_appears_without_a_question(
    readers: SeveralReaders, folder: Path, other_folder: Path, operation: str
) -> None:
    start, state, asked = OPERATIONS[operation]
    for card_folder in (folder, other_folder):
        with MockCardState.open(card_folder).update() as card:
            if state == "locked":
                card.pin1.tries = 0
            for pin in (card.pin1, card.pin2):
                pin.changed = state != "new"
    first, second = readers.sources["A"], readers.sources["B"]
    second.remove()
    user = User(agrees=None, confirms=None)
    work = asyncio.ensure_future(start(readers, user))
    await until(lambda: asked(user))
    if state != "locked":  # a locked card makes room for another one by itself
        second.insert()
    first.remove()
    if state == "locked":
        second.insert()
    await until(lambda: user.other_cards)
    [question] = user.other_cards
    assert (question.before, question.name) == (AINO, VILLE)
    assert (question.removed, question.reader) == (True, "B")
    assert len(asked(user)) == 1
    # The first card, put back, goes on. Then the second one takes its place no more.
    first.insert()
    await until(lambda: len(asked(user)) == 2)
    first.remove()
    await until(lambda: user.shown[-1][0] is Step.WAITING_FOR_CARD)
    assert user.problems()[-1] == "CARD_REMOVED"
    second.remove()
    second.insert()
    await until(lambda: len(user.other_cards) == 2)
    assert len(asked(user)) == 2
    user.cancel()
    with pytest.raises(UserCancelledError):
        await work
    assert not user.typed


@pytest.mark.parametrize("expired", ["A", "B"])
@pytest.mark.parametrize("start", [log_in, signing_of("a"), activating])
async def test_a_new_card_beside_an_expired_one_is_offered(
    readers: SeveralReaders,
    new_card: NewCard,
    tmp_path: Path,
    start: Start,
    expired: str,
) -> None:
    old = MockCardState.create(
        tmp_path / "expired", not_before=datetime(2015, 3, 2, tzinfo=UTC)
    )
    async with (
        MockCardSource(old.folder) as beyond,
        MockCardSource(new_card("seven").folder) as new,
    ):
        there = {expired: beyond, "AB".replace(expired, ""): new}
        user = User(agrees=None)
        work = asyncio.ensure_future(start(SeveralReaders(there), user))
        await until(lambda: user.offers or user.codes_questions)
        user.cancel()
        with pytest.raises(UserCancelledError):
            await work
    assert not user.choices
    assert Step.WAITING_FOR_CARD not in [step for step, _ in user.shown]


async def test_the_card_with_the_certificate_asked_for_needs_no_choice(
    readers: SeveralReaders, other_folder: Path
) -> None:
    chosen = signing_certificate_of(other_folder)
    user = User([PIN2])
    made = await begin_sign(user, readers, chosen)
    assert made.certificate.der == chosen
    assert not user.choices


async def test_the_card_asked_for_is_said_to_be_locked_though_another_is_in(
    readers: SeveralReaders, other_folder: Path
) -> None:
    with MockCardState.open(other_folder).update() as card:
        card.pin2.tries = 0
    user = User([PIN2])
    signing = begin_sign(user, readers, signing_certificate_of(other_folder))
    await until(lambda: user.unlock_offers)
    user.cancel()
    with pytest.raises(UserCancelledError):
        await signing


async def test_a_certificate_that_is_on_neither_card_is_said(
    readers: SeveralReaders,
) -> None:
    user = User([PIN2])
    signing = begin_sign(user, readers, b"another")
    await until(lambda: user.shown and user.shown[-1][0] is Step.WAITING_FOR_CARD)
    assert user.problems()[-1] == "CERTIFICATE_MISMATCH"
    user.cancel()
    with pytest.raises(UserCancelledError) as caught:
        await signing
    assert caught.value.reason == "CERTIFICATE_MISMATCH"
    assert not user.choices
    assert not user.questions


async def test_of_a_new_and_an_active_card_the_new_one_is_activated(
    readers: SeveralReaders, new_card: NewCard
) -> None:
    state = new_card("seven")
    async with MockCardSource(state.folder) as source:
        readers.sources["B"] = source
        user = User(codes=[typing(7)])
        result = await activate(Context(readers, user), ManageRequest(language="fi"))
    assert result == PinsSet("set", "set")
    assert not user.choices
    assert pins(state) == (NEW_PIN1, NEW_PIN2)


async def test_of_two_active_cards_the_person_says_which_is_meant(
    readers: SeveralReaders,
) -> None:
    user = User(choice=1)
    result = await activate(Context(readers, user), ManageRequest(language="fi"))
    assert result == PinsSet("was-set", "was-set")
    [choices] = user.choices
    assert [choice.reader for choice in choices] == ["A", "B"]
    assert not user.codes_questions
