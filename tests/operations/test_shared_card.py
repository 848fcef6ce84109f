# SPDX-License-Identifier: MIT
# ruff: noqa: N802  # the stand-in has winscard's names
"""Other programs use the card while a person thinks, and nothing goes to a wrong card.

What is typed goes only to the card, and to the state of it, that the window showed.
"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path

import pytest

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.state import MockCardState
from native_host.card import pcsc
from native_host.card.fineid import PinRole
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import Code, scard
from native_host.operations.activate import activate
from native_host.operations.request import Context
from native_host.pin_prompt.model import (
    CodesQuestion,
    PinQuestion,
    Problem,
    Progress,
    Step,
    UnlockQuestion,
)
from tests.card.test_pcsc import OtherProgram
from tests.card.test_reader_events import ATR, FEATURES, PRESENT, Answer, FakePcsc
from tests.operations.faulty_session import Operation, log_in, signing_of
from tests.operations.managing import (
    REQUEST,
    NewCard,
    changing,
    typing,
    unlocking,
)
from tests.operations.test_decrypt import decrypting, write
from tests.operations.user import User, cancelled, until
from tests.pkcs11.conftest import Windows, a_login
from tests.support.cards import new_card
from tests.support.pcsc import READER, LoggedCard, Pcscd, isolated

IDLE = 5.0  # seconds, after which Windows resets the card of a transaction


@dataclass
class Slow(User):
    """A user who takes a while for each PIN or code. ``meanwhile`` runs then, once.

    A user with nothing left to type cancels, and one who is offered to unlock a PIN, or
    is told to put the card in anew.
    """

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    async def _think(self) -> None:
        if not (self.pins or self.codes):
            self.cancel()
        if self.meanwhile:
            happened = self.meanwhile.pop(0)()
            if asyncio.iscoroutine(happened):
                await happened

    def show(
        self,
        step: Step,
        problem: Problem | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().show(step, problem, progress)
        if problem and problem.code not in {"CARD_BUSY", "CARD_SLOW", "OTHER_CARD"}:
            self.cancel()

    async def offer_unlock(self, question: UnlockQuestion) -> None:
        self.cancel()
        await super().offer_unlock(question)

    async def ask_pin(self, question: PinQuestion) -> bytearray:
        await self._think()
        return await super().ask_pin(question)

    async def ask_codes(self, question: CodesQuestion) -> dict[str, bytearray]:
        await self._think()
        return await super().ask_codes(question)


class Impatient(FakePcsc):
    """PC/SC as in Windows, with a mock card: it resets what stays idle too long."""

    def __init__(self, card: MockCard) -> None:
        super().__init__()
        self.card = card
        self.clock = 0.0
        self.resets = 0
        self._used: float | None = None  # in a transaction
        self.set(one=(1 << 16 | PRESENT, ATR))

    def SCardBeginTransaction(self, card: int) -> int:
        self._used = self.clock
        return super().SCardBeginTransaction(card)

    def SCardTransmit(self, card: int, pci: str, apdu: list[int]) -> Answer:
        assert self._used is not None, "a command outside of a transaction"
        if self.clock - self._used > IDLE:
            self.resets += 1
            self.card.reset()
            return Code.RESET_CARD, []
        self._used = self.clock
        return 0, list(self.card.transmit(bytes(apdu)))

    def SCardControl(self, card: int, code: int, data: list[int]) -> Answer:
        answer = super().SCardControl(card, code, data)
        if not data:
            return answer
        assert self._used == self.clock, "the PIN pad outside of a transaction"
        self.clock += 60  # somebody types slowly there
        self._used = self.clock  # a command is no idle time
        command = bytes(data)[-17:-12] + b"1234".ljust(12, b"\0")
        return 0, list(self.card.transmit(command))

    def SCardEndTransaction(self, card: int, ending: int) -> int:
        self._used = None
        if ending == self.SCARD_RESET_CARD:
            self.card.reset()
        return super().SCardEndTransaction(card, ending)


@pytest.fixture
def impatient(
    state: MockCardState, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Impatient]:
    fake = Impatient(MockCard(state))
    fake.protocol = 1  # T=0
    monkeypatch.setitem(sys.modules, "smartcard.scard", fake)
    scard.cache_clear()
    yield fake
    scard.cache_clear()


@pytest.mark.usefixtures("empty_home")
@pytest.mark.parametrize(
    "name", ["login", "sign", "change", "unlock", "activate", "decrypt", "tls"]
)
async def test_a_slow_typist_is_no_reason_to_reset_the_card(
    name: str,
    impatient: Impatient,
    state: MockCardState,
    new_card: NewCard,
    tmp_path: Path,
) -> None:
    """Windows resets a card whose transaction has been idle for five seconds."""

    async def activating(source: PcscSource, prompt: User) -> object:
        impatient.card = MockCard(new_card("seven"))
        return await activate(Context(source, prompt), REQUEST)

    write(tmp_path, state.folder)
    operations: dict[str, tuple[Operation, dict[str, str]]] = {
        "login": (log_in, {"PIN": "1234"}),
        "sign": (signing_of("abc"), {"PIN": "123456"}),
        "change": (changing(PinRole.PIN1), {"old": "1234", "new-PIN1": "2580"}),
        "unlock": (
            unlocking(PinRole.PIN1),
            {"PUK": state.read().puk.value, "new-PIN1": "2580"},
        ),
        "activate": (activating, typing(7)),  # type: ignore[dict-item]
        "decrypt": (decrypting(tmp_path), {"PIN": "1234"}),
    }
    clock = [lambda: setattr(impatient, "clock", impatient.clock + 60)]
    async with PcscSource() as source:
        if name == "tls":
            windows = Windows()
            user = Slow(["1234"], meanwhile=[*clock])
            windows.open = lambda: user  # type: ignore[method-assign]
            async with a_login(source, windows) as login:  # type: ignore[arg-type]
                await login.prepare()
        else:
            operation, typed = operations[name]
            pins = [typed["PIN"]] if "PIN" in typed else []
            user = Slow(pins, codes=[] if pins else [typed], meanwhile=[*clock])
            await operation(source, user)
    assert impatient.clock == 60
    assert impatient.resets == 0
    assert user.problems() == []
    assert len(user.questions) + len(user.codes_questions) == 1


async def test_the_transaction_lasts_while_the_reader_asks_for_the_pin(
    impatient: Impatient,
) -> None:
    impatient.control_answers = [(0, FEATURES)]
    async with PcscSource() as source:
        user = Slow([""], meanwhile=[lambda: setattr(impatient, "clock", 60)])
        await log_in(source, user)
    assert [each.pin_pad for each in user.questions] == [True]
    assert (impatient.clock, impatient.resets) == (120, 0)
    assert user.problems() == []


def swap(source: MockCardSource, state: MockCardState, other: Path) -> None:
    """Put another card in, unnoticed by the reader."""
    shutil.copytree(other, state.folder, dirs_exist_ok=True)
    source._serial = state.read().serial


@pytest.mark.parametrize("whose", ["another person's", "the same person's"])
async def test_a_pin_goes_to_no_other_card_than_the_one_it_was_typed_for(
    whose: str, source: MockCardSource, state: MockCardState, tmp_path: Path
) -> None:
    first = Path(shutil.copytree(state.folder, tmp_path / "first"))
    satu = make_satu(7) if whose == "another person's" else state.read().satu
    other = MockCardState.create(tmp_path / "other", satu=satu).folder
    # It is wrong, so that the card that gets it shows that.
    user = Slow(["9999", "1234"], meanwhile=[lambda: swap(source, state, other)])
    await log_in(source, user)
    assert [each.satu for each in user.other_cards] == [satu]
    assert [each.unsent for each in user.questions] == [False, True]
    assert user.questions[1].satu == satu
    assert [each.tries_left for each in user.questions] == [5, 5]
    assert state.read().pin1.tries == 5
    assert MockCardState.open(first).read().pin1.tries == 5
    assert not any(any(pin) for pin in user.typed)


async def test_codes_go_to_no_other_card_than_the_one_they_were_typed_for(
    source: MockCardSource, state: MockCardState, tmp_path: Path
) -> None:
    other = new_card(tmp_path / "other", "v4.2").folder
    codes = {"old": "9999", "new-PIN1": "2580"}
    user = Slow(codes=[codes], meanwhile=[lambda: swap(source, state, other)])
    work = asyncio.ensure_future(changing(PinRole.PIN1)(source, user))
    await until(lambda: user.problems() == ["OTHER_CARD"])
    assert await cancelled(user, work) == "OTHER_CARD"
    assert state.read().pin1.tries == 5
    assert not any(any(code) for code in user.typed)


@pytest.mark.parametrize("left", [1, 0, -1])
async def test_a_pin_is_sent_only_with_the_tries_that_the_window_has_shown(
    left: int, source: MockCardSource, state: MockCardState
) -> None:
    """Another program spends tries, blocks the PIN, or the card proves to be new."""

    def change() -> None:
        with state.update() as card:
            card.pin1.tries = max(left, 0)
            card.pin1.changed = left >= 0

    user = Slow(["9999", "1234"], meanwhile=[change])
    login = asyncio.ensure_future(log_in(source, user))
    if left > 0:
        await login
        assert [each.tries_left for each in user.questions] == [5, left]
        assert not any(each.wrong for each in user.questions)
        assert [each.unsent for each in user.questions] == [False, True]
        return
    await until(lambda: user.unlock_offers or user.codes_questions)
    await cancelled(user, login)
    assert len(user.questions) == 1
    assert state.read().pin1.tries == 0
    assert not any(any(pin) for pin in user.typed)


async def test_codes_are_sent_only_in_the_state_that_the_window_has_shown(
    source: MockCardSource, state: MockCardState
) -> None:
    def change() -> None:
        with state.update() as card:
            card.pin1.tries = 3

    codes = [{"old": old, "new-PIN1": "2580"} for old in ("9999", "1234")]
    user = Slow(codes=codes, meanwhile=[change])
    await changing(PinRole.PIN1)(source, user)
    asked = user.codes_questions
    assert [each.tries_left for each in asked] == [5, 3]
    assert [(each.unsent, each.wrong) for each in asked] == [
        (False, False),
        (True, False),
    ]


async def opensc(*arguments: str) -> str:
    """Run a tool of OpenSC on the reader; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return said.decode()


SELECT = "00A4040C0CA000000063504B43532D3135"
TRIES = "00CB00FF05A003830111"
IS_VERIFIED = "00200011"


@isolated
async def test_another_program_reads_the_card_while_the_window_asks(
    pcscd: Pcscd,
) -> None:
    card = LoggedCard(pcscd.new_card())
    pcscd.insert(card)
    pcscd.settle()
    said: list[str] = []

    async def read() -> None:
        # Nothing has been verified, so nothing is reset under the other program.
        assert "reset" not in dropwhile(lambda each: each == "reset", card.log)
        commands = [part for apdu in (SELECT, TRIES) for part in ("-s", apdu)]
        default = ("opensc-tool", "--card-driver", "default", "-r", "0", *commands)
        said.append(await opensc(*default))
        # It looks for a card that it knows, and resets or leaves this one as it likes.
        said.append(await opensc("pkcs11-tool", "--list-slots"))

    for operation, pin in ((log_in, "1234"), (signing_of("ab"), "123456")):
        card.log.clear()
        async with PcscSource() as source:
            user = Slow([pin], meanwhile=[read])
            await operation(source, user)
        assert user.problems() == []
        assert len(user.questions) == 1
        tool, slots = said[-2:]
        assert tool.count("SW1=0x90, SW2=0x00") == 2, tool
        assert READER in slots


class Other(OtherProgram):
    """A program that uses the card in a transaction, and may reset it at the end."""

    def send(self, apdu: str) -> int:
        command = list(bytes.fromhex(apdu))
        pci = self.api.SCARD_PCI_T0
        result, answer = self.api.SCardTransmit(self.card, pci, command)
        assert result == 0, f"{result & 0xFFFFFFFF:08X}"
        return int.from_bytes(answer[-2:])

    def reset(self) -> None:
        self.api.SCardEndTransaction(self.card, self.api.SCARD_RESET_CARD)
        self.close()


@isolated
async def test_a_card_that_was_reset_while_the_window_asked_gets_the_pin(
    pcscd: Pcscd,
) -> None:
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    pcscd.settle()

    def use() -> None:
        other = Other(exclusive=False)
        assert other.send(SELECT) == 0x9000
        other.reset()

    async with PcscSource() as source:
        user = Slow(["1234"], meanwhile=[lambda: asyncio.to_thread(use)])
        await log_in(source, user)
    assert user.problems() == []
    assert len(user.questions) == 1


@isolated
async def test_a_program_that_has_the_card_at_enter_is_waited_for_and_named(
    pcscd: Pcscd,
) -> None:
    """One that keeps it for ever keeps neither the window nor the PIN."""
    state = pcscd.new_card()
    pcscd.insert(MockCard(state))
    pcscd.settle()
    others: list[Other] = []
    loop = asyncio.get_running_loop()

    async def hold() -> None:
        others.append(await asyncio.to_thread(Other, exclusive=False))

    async def hold_briefly() -> None:
        await hold()
        loop.call_later(0.2, others[-1].close)

    def be_patient(seconds: float) -> None:
        setattr(pcsc, "BUSY_PATIENCE", seconds)  # noqa: B010 - mypy sees no such name

    async def hold_for_ever() -> None:
        await hold()
        be_patient(0.2)  # not before: a slow computer is no other program

    be_patient(60)
    async with PcscSource() as source:
        user = Slow(["1234"], meanwhile=[hold_briefly])
        await log_in(source, user)
        assert user.problems() == []

    source = PcscSource()
    user = Slow(["9999", "1234"], meanwhile=[hold_for_ever])
    login = asyncio.ensure_future(log_in(source, user))
    await until(lambda: user.problems() == ["CARD_BUSY"])
    assert not any(any(pin) for pin in user.typed)
    others[-1].close()
    await login  # the PIN was asked for once more, and the first one went nowhere
    assert [each.tries_left for each in user.questions] == [5, 5]

    be_patient(60)
    user = Slow(["9999"], meanwhile=[hold_for_ever])
    login = asyncio.ensure_future(log_in(source, user))
    await until(lambda: user.problems() == ["CARD_BUSY"])
    assert await cancelled(user, login) == "CARD_BUSY"
    await source.close()
    others[-1].close()
    assert state.read().pin1.tries == 5
