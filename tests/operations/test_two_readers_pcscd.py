# SPDX-License-Identifier: MIT
"""Two readers of the real pcscd, each with a card, and a user who chooses."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from unittest import mock

from kortilla.mock_card.authority import make_satu
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.faults import CommandName
from kortilla.mock_card.state import MockCardState
from native_host.card import pcsc
from native_host.card.pcsc import PcscSource
from native_host.operations.sign import Signatures
from native_host.pin_prompt.model import Problem, Step
from tests.operations.faulty_session import log_in, signing_of
from tests.operations.user import User, until
from tests.support.pcsc import READERS, Pcscd, isolated

FIRST, SECOND = READERS[:2]
PIN1, PIN2 = "1234", "123456"

# Another program, which keeps the card until its input ends.
HOLD = """
import sys
from smartcard import scard
_, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
mode = scard.SCARD_SHARE_EXCLUSIVE
result, card, _ = scard.SCardConnect(context, sys.argv[1], mode, 3)
print(result, flush=True)
sys.stdin.read()
scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
"""


class Logged(MockCard):
    """A mock card that records the names of its commands, and its resets."""

    def __init__(self, state: MockCardState) -> None:
        self.log: list[str] = []
        super().__init__(state)
        self._made = state.read()

    @property
    def signing_certificate(self) -> bytes:
        return self._made.keys[1].certificate

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append(CommandName.of(apdu))
        return super().transmit(apdu)

    def reset(self) -> None:
        self.log.append("reset")
        super().reset()

    def check_only_read(self) -> None:
        """Check that the card was only read, and reset at the end."""
        assert self.state.read() == self._made
        assert {*self.log} <= {"select", "read", "pin-info", "reset"}
        assert self.log[-1] == "reset"


def put_in_both(pcscd: Pcscd) -> tuple[Logged, Logged]:
    """Put the cards of two users into the readers."""
    folder, satu = pcscd.folder / "other", make_satu(99900111)
    first = Logged(pcscd.new_card())
    second = Logged(MockCardState.create(folder, given_name="VILLE", satu=satu))
    pcscd.insert(first, FIRST)
    pcscd.insert(second, SECOND)
    return first, second


@asynccontextmanager
async def both_seen() -> AsyncIterator[PcscSource]:
    """Start the body when pcscd has noticed both cards."""
    async with PcscSource() as source:
        readers = await source.readers()
        while not all(each.atr for each in readers):
            readers = await source.wait_for_change(readers)
        yield source


@contextmanager
def held_by_another(reader: str) -> Iterator[None]:
    """Hold a card exclusively in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, reader],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"0\n"
        yield
        process.communicate()


@isolated
async def test_the_card_that_is_chosen_signs_and_the_other_is_only_read(
    pcscd: Pcscd,
) -> None:
    cards = put_in_both(pcscd)
    async with both_seen() as source:
        user = User([PIN2], choice=1)
        made = await signing_of("ab")(source, user)
    [choices] = user.choices
    assert [(each.reader, each.name) for each in choices] == [
        (FIRST, "AINO SPECIMEN-VIRTANEN"),
        (SECOND, "VILLE SPECIMEN-VIRTANEN"),
    ]
    assert user.questions[0].satu == choices[1].satu
    assert isinstance(made, Signatures)
    assert made.certificate.der == cards[1].signing_certificate
    assert cards[1].log.count("sign") == 2
    assert cards[1].log[-1] == "reset"
    cards[0].check_only_read()


@isolated
async def test_the_chosen_card_pulled_at_the_pin_is_waited_for(pcscd: Pcscd) -> None:
    cards = put_in_both(pcscd)
    async with both_seen() as source:
        user = User(choice=1)
        work = asyncio.ensure_future(signing_of("a")(source, user))
        await until(user.questions.__len__)
        pcscd.pull(SECOND)
        await until(user.problems)
        assert user.shown[-1] == (Step.WAITING_FOR_CARD, Problem("CARD_REMOVED"))
        user.pins.append(PIN2)
        pcscd.insert(cards[1], SECOND)
        made = await work
    assert isinstance(made, Signatures)
    assert made.certificate.der == cards[1].signing_certificate
    assert len(user.choices) == 1
    assert len({question.satu for question in user.questions}) == 1
    cards[0].check_only_read()


@isolated
async def test_a_card_that_another_process_holds_does_not_hide_the_next(
    pcscd: Pcscd,
) -> None:
    cards = put_in_both(pcscd)
    async with both_seen() as source:
        # Seconds of waiting for another program when no user waits.
        with mock.patch.object(pcsc, "BUSY_PATIENCE", 0.5), held_by_another(FIRST):
            before = len(cards[0].log)
            user = User([PIN1])
            await log_in(source, user)
            assert not user.choices
            assert not user.problems()
            assert len(cards[0].log) == before
    assert "sign" in cards[1].log
