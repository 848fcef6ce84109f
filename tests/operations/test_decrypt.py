# SPDX-License-Identifier: MIT
"""Decryption of own files survives the errors of people and cards.

In every case the promises of ``check_promises`` hold, no try is lost, and in the folder
there is nothing but the encrypted file, or the whole decrypted one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from itertools import product
from pathlib import Path

import pytest

from kortilla.encryption import CertificateRecipient, encrypt
from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.faults import IN_SLOT, CommandName, Fault, FaultName, Moment
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.card.source import CardSource
from native_host.errors import UserCancelledError
from native_host.files.decrypt import DecryptOutcome, DecryptWish, decrypt_own_files
from native_host.operations.request import Context
from native_host.pin_prompt.model import Problem, Step
from native_host.pin_prompt.prompt import Prompt
from native_host.recipients import address_book
from native_host.recipients.person import Person
from tests.operations.faulty_session import check_promises, session
from tests.operations.readers import SeveralReaders
from tests.operations.signing import PIN1, certificate_of
from tests.operations.user import User, cancelled, until
from tests.support.cards import new_card

CONTENT = b"SPECIMEN" * 100
VILLE = "Ville SPECIMEN-VIRTANEN"

Decrypt = Callable[[CardSource, Prompt], Awaitable[DecryptOutcome]]

pytestmark = pytest.mark.usefixtures("empty_home")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    return files


def write(files: Path, *folders: Path) -> None:
    """Encrypt a file to the cards of these folders."""
    sink = BytesIO()
    holders = [
        CertificateRecipient.from_der(certificate_of(each, 1)) for each in folders
    ]
    encrypt(CONTENT, sink, holders)
    (files / "a.txt.p7m").write_bytes(sink.getvalue())


def decrypting(files: Path) -> Decrypt:
    wish = DecryptWish(files=(files / "a.txt.p7m",), language="fi")

    async def decrypt(source: CardSource, prompt: Prompt) -> DecryptOutcome:
        return await decrypt_own_files(Context(source, prompt), wish)

    return decrypt


def is_decrypted(files: Path) -> bool:
    """Whether the decrypted file is there, and remove it; check all that is there."""
    found = {each.name: each.read_bytes() for each in files.iterdir()}
    del found["a.txt.p7m"]
    assert found in ({}, {"a.txt": CONTENT})
    (files / "a.txt").unlink(missing_ok=True)
    return bool(found)


@pytest.mark.parametrize(
    ("generation", "command"),
    [("v5", "verify"), ("v5", "choose-key"), ("v5", "decipher"), ("v4.2", "decipher")],
)
async def test_a_fault_is_said_and_all_goes_well_with_the_card_put_back(
    tmp_path: Path, files: Path, generation: str, command: str
) -> None:
    state = new_card(tmp_path / "card", generation)
    write(files, state.folder)
    decrypt = decrypting(files)
    async with MockCardSource(state.folder) as source:
        for name, when in product(IN_SLOT, Moment):
            seconds = 0 if name == FaultName.DELAY else None
            on = CommandName(command)
            state.set_faults(Fault(name, on=on, when=when, seconds=seconds))
            user, record, result = await session(source, state, decrypt, *[PIN1] * 2)
            check_promises(user, record)
            assert isinstance(result, DecryptOutcome), (name, when, result)
            assert state.read().pin1.tries == 5
            # A wrong answer of the card can't be told from a changed file. After 61xx,
            # a card says that it was asked in the wrong order, which is such an answer.
            reasons = [each.reason for each in result.failed]
            assert is_decrypted(files) == (not reasons)
            assert reasons in ([], ["altered"])
            may_be_wrong = command == "decipher" or name is FaultName.MORE_DATA
            assert not reasons or may_be_wrong, (name, when)


async def test_a_wrong_pin1_is_not_sent_twice(
    source: MockCardSource, state: MockCardState, folder: Path, files: Path
) -> None:
    write(files, folder)
    pins = ("9999", "9999", "8888", PIN1)
    user, record, result = await session(source, state, decrypting(files), *pins)
    check_promises(user, record)
    assert isinstance(result, DecryptOutcome)
    assert [q.tries_left for q in user.questions] == [5, 4, 4, 3]
    assert is_decrypted(files)


@pytest.mark.parametrize("who", ["user", "page"])
async def test_it_can_be_called_off_at_every_command(
    source: MockCardSource, state: MockCardState, folder: Path, files: Path, who: str
) -> None:
    write(files, folder)
    whole, record, _ = await session(source, state, decrypting(files), PIN1)
    assert whole.conversation is not None
    assert whole.conversation.program == "a.txt.p7m"
    assert is_decrypted(files)
    ended = 0
    for number in range(len(record.commands())):
        at = ("user" if who == "user" else "page", number)
        user, again, result = await session(
            source,
            state,
            decrypting(files),
            PIN1,
            called_off=at,  # type: ignore[arg-type] # one of two words
        )
        check_promises(user, again)
        assert state.read().pin1.tries == 5
        done = isinstance(result, DecryptOutcome)
        assert is_decrypted(files) == done
        ended += not done
        if not done and who == "user":
            assert isinstance(result, UserCancelledError)
    assert ended


@pytest.fixture
async def readers(
    source: MockCardSource, tmp_path: Path
) -> AsyncIterator[SeveralReaders]:
    """Reader A with Aino's card, reader B with Ville's."""
    folder = tmp_path / "ville"
    MockCardState.create(folder, given_name="Ville", satu=make_satu(99900111))
    async with MockCardSource(folder) as other:
        yield SeveralReaders({"A": source, "B": other})


async def test_of_two_cards_the_one_that_the_file_is_for_is_used(
    readers: SeveralReaders, folder: Path, tmp_path: Path, files: Path
) -> None:
    write(files, tmp_path / "ville")
    user = User([PIN1])
    await decrypting(files)(readers, user)
    assert not user.choices
    assert [each.name for each in user.questions] == [VILLE]
    assert is_decrypted(files)
    # Where the file is for both, the person chooses.
    write(files, folder, tmp_path / "ville")
    user = User([PIN1], choice=1)
    await decrypting(files)(readers, user)
    assert [len(each) for each in user.choices] == [2]
    assert is_decrypted(files)


async def test_another_card_is_told_whom_the_file_is_for(
    readers: SeveralReaders, tmp_path: Path, files: Path
) -> None:
    write(files, tmp_path / "ville")
    readers.sources["B"].remove()
    for name in ("", VILLE):
        if name:
            whom = Person.from_der(certificate_of(tmp_path / "ville", 1))
            address_book.remember([whom])
        user = User([PIN1])
        task = asyncio.ensure_future(decrypting(files)(readers, user))
        await until(user.problems)
        problem = Problem("OTHER_RECIPIENT", name)
        assert user.shown[-1] == (Step.WAITING_FOR_CARD, problem)
        if name:
            readers.sources["B"].insert()
            await task
            assert [each.name for each in user.questions] == [name]
            assert is_decrypted(files)
        else:
            assert await cancelled(user, task) == "OTHER_RECIPIENT"
            assert not user.questions
            assert not is_decrypted(files)
