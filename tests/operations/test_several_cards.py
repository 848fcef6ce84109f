# SPDX-License-Identifier: MIT
"""With cards in several readers, the usable one or the chosen one is used."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.state import MockCardState
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.source import CardSource
from native_host.operations.request import Context
from native_host.operations.set_pin import (
    ManageRequest,
    PinsSet,
    change_pin,
    unblock,
)
from native_host.operations.sign import Signatures, sign
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
    CardInReader,
    activating,
    changing,
    typing,
    unlocking,
)
from tests.operations.readers import SeveralReaders
from tests.operations.signing import ORIGIN, PIN1, PIN2, certificate_of, request
from tests.operations.user import User, cancelled, ending, until
from tests.support.pcsc import READERS, LoggedCard, Pcscd, isolated

ORGANISATION_CARD = bytes.fromhex("3BDD96008031FE450031B8640429ECC1739401808349")
AINO, VILLE = "AINO SPECIMEN-VIRTANEN", "Ville SPECIMEN-VIRTANEN"
CERTIFICATE = CertificateRequest(origin=ORIGIN, language="fi")


@pytest.fixture(scope="session")
def other_made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other-card") / "mock-card"
    MockCardState.create(folder, given_name="Ville", satu=make_satu(99900111))
    return folder


@pytest.fixture
def other_folder(tmp_path: Path, other_made_once: Path) -> Path:
    return Path(shutil.copytree(other_made_once, tmp_path / "other-mock-card"))


@pytest.fixture
async def readers(
    source: MockCardSource, other_folder: Path
) -> AsyncIterator[SeveralReaders]:
    """Reader A with one user's card, reader B with another's."""
    async with MockCardSource(other_folder) as other:
        yield SeveralReaders({"A": source, "B": other})


def begin_login(user: User, source: SeveralReaders) -> "asyncio.Task[dict[str, Any]]":
    return asyncio.create_task(log_in(source, user))


async def pulled_at_the_pin(
    user: User, readers: SeveralReaders
) -> "asyncio.Task[dict[str, Any]]":
    """Begin a login, and pull the card in reader A when the PIN is asked for."""
    login = begin_login(user, readers)
    await until(lambda: user.questions)
    readers.sources["A"].remove()
    await until(user.problems)
    return login


def signing(
    user: User, source: SeveralReaders, certificate: bytes | None = None
) -> Coroutine[Any, Any, Signatures]:
    return sign(Context(source, user), request(certificate=certificate))


# -- Which card is used ---------------------------------------------------------------


async def test_the_person_chooses_by_reader_and_holder(
    readers: SeveralReaders, other_folder: Path
) -> None:
    user = User([PIN1], choice=1)
    await begin_login(user, readers)
    [choices] = user.choices
    assert [choice.reader for choice in choices] == ["A", "B"]
    assert choices[1].name == VILLE
    assert choices[0].satu != choices[1].satu
    assert user.questions[0].satu == choices[1].satu
    assert readers.connected == ["A", "B", "B"]
    # The same holds for signing and for the certificate.
    chosen = certificate_of(other_folder, 2)
    made = await signing(User([PIN2], choice=1), readers)
    assert made.certificate.der == chosen
    found = await signing_certificate(Context(readers, User(choice=1)), CERTIFICATE)
    assert found.certificate.der == chosen


async def test_after_a_login_its_card_is_found_in_any_reader(
    readers: SeveralReaders, other_folder: Path
) -> None:
    login = hashlib.sha256(certificate_of(other_folder, 1)).digest()
    request = CertificateRequest(origin=ORIGIN, language="fi", identified_by=login)
    user = User(choice=0)
    found = await signing_certificate(Context(readers, user), request)
    assert found.certificate.der == certificate_of(other_folder, 2)
    assert user.conversation is None
    # Without it, and while another program holds it, the user is asked.
    readers.busy = {"B"}
    await signing_certificate(Context(readers, user), request)
    assert user.conversation is not None
    readers.sources["B"].remove()
    await signing_certificate(Context(readers, user), request)
    assert len(user.consents) == 2


def no_card(readers: SeveralReaders) -> None:
    readers.sources["A"].remove()


def other_kind(readers: SeveralReaders) -> None:
    readers.sources["A"].insert(ORGANISATION_CARD)


def held(readers: SeveralReaders) -> None:
    readers.busy.add("A")


@pytest.mark.parametrize("first", [no_card, other_kind, held])
async def test_the_only_card_that_can_be_used_is_used_without_asking(
    readers: SeveralReaders, first: Callable[[SeveralReaders], None]
) -> None:
    first(readers)
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices
    assert not user.problems()
    assert readers.connected[-1] == "B"
    assert first is held or "A" not in readers.connected


async def test_a_card_whose_pin_is_blocked_is_no_choice(
    readers: SeveralReaders, state: MockCardState
) -> None:
    with state.update() as card:
        card.pin1.tries = 0
    user = User([PIN1])
    await begin_login(user, readers)
    assert not user.choices
    # This does not affect its other PIN.
    signer = User([PIN2], choice=0)
    await signing(signer, readers)
    assert len(signer.choices[0]) == 2


async def test_a_locked_card_is_unlocked_when_no_other_can_be_used(
    readers: SeveralReaders, other_folder: Path
) -> None:
    other_kind(readers)
    with MockCardState.open(other_folder).update() as card:
        card.pin1.tries = 0
    user = User([PIN1])
    login = begin_login(user, readers)
    await until(lambda: user.unlock_offers)
    assert user.unlock_offers[0].name == VILLE
    assert await cancelled(user, login) == "PIN_BLOCKED"


async def test_when_none_can_be_used_the_last_reason_is_said(
    readers: SeveralReaders,
) -> None:
    for source in readers.sources.values():
        source.insert(ORGANISATION_CARD)
    user = User([PIN1])
    login = begin_login(user, readers)
    await until(user.problems)
    assert set(user.problems()) == {"UNSUPPORTED_CARD"}
    assert await cancelled(user, login) == "UNSUPPORTED_CARD"


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
    user = User()
    login = begin_login(user, readers)
    await until(lambda: len(user.choices) == 1)
    readers.sources["B"].remove()
    await until(lambda: user.questions)
    await cancelled(user, login)

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
    await cancelled(user, login)


async def test_the_choice_is_kept_when_the_card_is_pulled_and_put_back(
    readers: SeveralReaders,
) -> None:
    user = User(choice=0)
    login = await pulled_at_the_pin(user, readers)
    assert user.shown[-1][0] is Step.WAITING_FOR_CARD
    user.pins.append(PIN1)
    readers.sources["A"].insert()
    await login
    assert len(user.choices) == 1
    assert len({question.satu for question in user.questions}) == 1


# -- The certificate that the service has chosen --------------------------------------


async def test_the_card_with_the_certificate_asked_for_needs_no_choice(
    readers: SeveralReaders, other_folder: Path
) -> None:
    chosen, user = certificate_of(other_folder, 2), User([PIN2])
    assert (await signing(user, readers, chosen)).certificate.der == chosen
    assert not user.choices


async def test_the_card_asked_for_is_said_to_be_locked_though_another_is_in(
    readers: SeveralReaders, other_folder: Path
) -> None:
    with MockCardState.open(other_folder).update() as card:
        card.pin2.tries = 0
    user = User([PIN2])
    work = asyncio.create_task(signing(user, readers, certificate_of(other_folder, 2)))
    await until(lambda: user.unlock_offers)
    await cancelled(user, work)


async def test_a_certificate_that_is_on_neither_card_is_said(
    readers: SeveralReaders,
) -> None:
    user = User([PIN2])
    work = asyncio.create_task(signing(user, readers, b"another"))
    await until(lambda: user.shown and user.shown[-1][0] is Step.WAITING_FOR_CARD)
    assert user.problems()[-1] == "CERTIFICATE_MISMATCH"
    assert await cancelled(user, work) == "CERTIFICATE_MISMATCH"
    assert not user.choices
    assert not user.questions


# -- Another holder -------------------------------------------------------------------


async def test_the_other_card_is_taken_when_it_is_put_in_anew_and_confirmed(
    readers: SeveralReaders,
) -> None:
    user = User(choice=0)
    login = await pulled_at_the_pin(user, readers)
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
    login = await pulled_at_the_pin(user, readers)
    readers.sources["A"] = other
    first.insert()  # the readers are looked at again
    await ending(login)
    assert [(q.before, q.name) for q in user.other_cards] == [(AINO, VILLE)]
    assert len(user.questions) == 1


Start = Callable[[CardSource, Prompt], Awaitable[object]]
Asked = Callable[[User], Sequence[object]]


def consenting(source: CardSource, prompt: Prompt) -> Awaitable[object]:
    return signing_certificate(Context(source, prompt), CERTIFICATE)


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
                pin.tries *= pin.changed  # only such a card is surely new
                pin.tries *= pin.changed  # only such a card is surely new
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
    await cancelled(user, work)
    assert not user.typed


# -- New cards ------------------------------------------------------------------------


@pytest.mark.parametrize("expired", ["A", "B"])
@pytest.mark.parametrize("start", [log_in, signing_of("a"), activating])
async def test_a_new_card_beside_an_expired_one_is_offered(
    new: CardInReader, tmp_path: Path, start: Start, expired: str
) -> None:
    old = MockCardState.create(
        tmp_path / "expired", not_before=datetime(2015, 3, 2, tzinfo=UTC)
    )
    async with MockCardSource(old.folder) as beyond:
        there = {expired: beyond, "AB".replace(expired, ""): new.source}
        user = User(agrees=None)
        work = asyncio.ensure_future(start(SeveralReaders(there), user))
        await until(lambda: user.offers or user.codes_questions)
        await cancelled(user, work)
    assert not user.choices
    assert Step.WAITING_FOR_CARD not in [step for step, _ in user.shown]


async def test_of_a_new_and_an_active_card_the_new_one_is_activated(
    readers: SeveralReaders, new: CardInReader
) -> None:
    readers.sources["B"] = new.source
    user = User(codes=[typing(7)])
    assert await activating(readers, user) == PinsSet("set", "set")
    assert not user.choices
    assert new.pins == (NEW_PIN1, NEW_PIN2)


async def test_of_two_active_cards_the_person_says_which_is_meant(
    readers: SeveralReaders,
) -> None:
    user = User(choice=1)
    assert await activating(readers, user) == PinsSet("was-set", "was-set")
    [choices] = user.choices
    assert [choice.reader for choice in choices] == ["A", "B"]
    assert not user.codes_questions


@pytest.mark.parametrize("operation", [change_pin, unblock])
async def test_the_card_in_the_reader_that_was_named_is_used_without_asking(
    readers: SeveralReaders, operation: Callable[..., Coroutine[Any, Any, PinsSet]]
) -> None:
    user = User()
    request = ManageRequest(language="fi", reader="B")
    work = asyncio.create_task(
        operation(Context(readers, user), request, role=PinRole.PIN1)
    )
    await until(lambda: user.codes_questions)
    assert user.codes_questions[0].name == VILLE
    # Another one is not taken in its place.
    readers.sources["B"].remove()
    await until(user.problems)
    readers.sources["A"].remove()
    readers.sources["A"].insert()
    readers.sources["B"].insert()
    await until(lambda: len(user.codes_questions) == 2)
    assert user.codes_questions[1].name == VILLE
    assert {*readers.connected} == {"B"}
    assert not (user.choices or user.other_cards)
    await cancelled(user, work)


async def test_where_the_reader_that_was_named_has_gone_the_person_chooses(
    readers: SeveralReaders,
) -> None:
    user = User()
    request = ManageRequest(language="fi", reader="C")
    work = asyncio.create_task(
        change_pin(Context(readers, user), request, PinRole.PIN1)
    )
    await until(lambda: user.choices)
    await cancelled(user, work)


# -- Through the real pcscd -----------------------------------------------------------


@isolated
async def test_the_card_that_is_chosen_signs_and_the_other_is_only_read(
    pcscd: Pcscd,
) -> None:
    folder, satu = pcscd.folder / "other", make_satu(99900111)
    other = MockCardState.create(folder, given_name="VILLE", satu=satu)
    cards = LoggedCard(pcscd.new_card()), LoggedCard(other)
    made = [card.state.read() for card in cards]
    for card, reader in zip(cards, READERS, strict=False):
        pcscd.insert(card, reader)
    async with PcscSource() as source:
        seen = await source.readers()
        while not all(each.atr for each in seen):
            seen = await source.wait_for_change(seen)
        user = User([PIN2], choice=1)
        signed = await signing_of("ab")(source, user)
    [choices] = user.choices
    assert [(each.reader, each.name) for each in choices] == [
        (READERS[0], AINO),
        (READERS[1], "VILLE SPECIMEN-VIRTANEN"),
    ]
    assert user.questions[0].satu == choices[1].satu
    assert signed.certificate.der == made[1].keys[1].certificate
    assert cards[1].log.count("sign") == 2
    assert cards[0].state.read() == made[0]
    assert {*cards[0].log} <= {"select", "read", "pin-info", "reset"}
    assert cards[0].log[-1] == cards[1].log[-1] == "reset"
