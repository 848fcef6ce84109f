# SPDX-License-Identifier: MIT
# ruff: noqa: N802  # the stand-in has winscard's names
"""Events and failures of readers and cards that no virtual reader can reproduce."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardMuteError,
    CardRemovedError,
    CardResetError,
    PcscUnavailableError,
    PinNotEnteredError,
)
from native_host.card.pcsc import PcscSource
from native_host.card.pcsc_connection import Code, scard
from native_host.card.source import Reader
from tests.card.virtual_reader import threads_end, watching_tries

ATR = bytes.fromhex("3B7F9600008031B865B085050011122460829000")
PNP = "\\\\?PnP?\\Notification"
CHANGED, UNKNOWN, EMPTY, PRESENT, IN_USE, MUTE = 0x2, 0x4, 0x10, 0x20, 0x100, 0x200
NOT_TRANSACTED = 0x80100016
FEATURES = list(bytes.fromhex("060442330006070442330007"))

Asked = list[tuple[str, int]]
Found = list[tuple[str, int, list[int]]]
Answer = tuple[int, list[int]]


class FakePcsc:
    """PC/SC's calls over readers that the test sets: name, state bits, ATR."""

    SCARD_SCOPE_SYSTEM = 2
    SCARD_SHARE_SHARED = 2
    SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 = 1, 2
    SCARD_PCI_T0, SCARD_PCI_T1 = "T0", "T1"
    SCARD_LEAVE_CARD, SCARD_RESET_CARD = 0, 1
    INFINITE = 0x7FFFFFFF

    def __init__(self) -> None:
        self.readers: dict[str, tuple[int, bytes]] = {}
        self.plugged = 1  # counted as in pcsc-lite 2.3
        self.news = threading.Condition()
        self.cancelled = False
        self.waiting = 0
        self.waits = 0
        self.timeout = 0  # milliseconds, of the last wait
        self.listed_once: list[str] = []
        self.connect_codes: list[int] = []
        self.transaction_codes: list[int] = []
        self.answer: Answer = (0, [0x90, 0x00])
        self.protocol = 1
        self.sent: list[tuple[str, bytes]] = []
        self.endings: list[tuple[str, int]] = []
        self.lost_cancellations = 0
        self.available = True
        self.controls: list[tuple[int, bytes]] = []
        self.control_answers: list[Answer] = []
        self.contexts = 0

    def set(self, **readers: tuple[int, bytes]) -> None:
        with self.news:
            self.plugged += len(self.readers.keys() ^ readers.keys())
            self.readers = dict(readers)
            self.news.notify_all()

    def SCardEstablishContext(self, scope: int) -> tuple[int, int]:
        with self.news:
            self.contexts += 1
            self.news.notify_all()
        return (0, 7) if self.available else (Code.NO_SERVICE, 0)

    def SCardReleaseContext(self, context: int) -> int:
        return 0

    def SCardListReaders(self, *_: object) -> tuple[int, list[str]]:
        with self.news:
            names, self.listed_once = self.listed_once + list(self.readers), []
        return (0, names) if names else (Code.NO_READERS_AVAILABLE, [])

    def _states(self, asked: Asked) -> Found | None:
        found = []
        for name, known in asked:
            if name == PNP:
                state, atr = self.plugged << 16, b""
            elif name in self.readers:
                state, atr = self.readers[name]
            else:
                return None
            changed = CHANGED if state != known else 0
            found.append((name, state | changed, list(atr)))
        return found

    def SCardGetStatusChange(
        self, context: int, timeout: int, asked: Asked
    ) -> tuple[int, Found]:
        with self.news:
            self.waits += 1
            self.cancelled = False
            self.timeout = timeout
            end = time.monotonic() + timeout / 1000
            while True:
                found = self._states(asked)
                if found is None:
                    return Code.UNKNOWN_READER, []
                if any(state & CHANGED for _, state, _ in found):
                    return 0, found
                self.waiting += 1
                self.news.notify_all()
                self.news.wait(min(end - time.monotonic(), 60))
                self.waiting -= 1
                if self.cancelled:
                    return Code.CANCELLED, []
                if time.monotonic() >= end:
                    return Code.TIMEOUT, found

    def SCardCancel(self, context: int) -> int:
        with self.news:
            if self.lost_cancellations:
                self.lost_cancellations -= 1
            elif self.waiting:
                self.cancelled = True
                self.news.notify_all()
        return 0

    def SCardConnect(self, *_: object) -> tuple[int, int, int]:
        code = self.connect_codes.pop(0) if self.connect_codes else 0
        return code, 0 if code else 9, self.protocol

    def SCardBeginTransaction(self, card: int) -> int:
        return self.transaction_codes.pop(0) if self.transaction_codes else 0

    def SCardStatus(self, card: int) -> tuple[int, str, int, int, list[int]]:
        return 0, "reader", 0, self.protocol, list(ATR)

    def SCardTransmit(self, card: int, pci: str, apdu: list[int]) -> Answer:
        self.sent.append((pci, bytes(apdu)))
        return self.answer

    def SCARD_CTL_CODE(self, code: int) -> int:
        return 0x42000000 + code

    def SCardControl(self, card: int, code: int, data: list[int]) -> Answer:
        self.controls.append((code, bytes(data)))
        return self.control_answers.pop(0) if self.control_answers else (1, [])

    def SCardEndTransaction(self, card: int, ending: int) -> int:
        self.endings.append(("end", ending))
        return 0

    def SCardDisconnect(self, card: int, ending: int) -> int:
        self.endings.append(("disconnect", ending))
        return 0


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePcsc]:
    fake = FakePcsc()
    monkeypatch.setitem(sys.modules, "smartcard.scard", fake)
    scard.cache_clear()
    yield fake
    scard.cache_clear()


async def test_readers_and_cards_that_come_and_go_are_noticed(fake: FakePcsc) -> None:
    async with PcscSource() as source:
        assert await source.readers() == ()
        fake.set(one=(EMPTY, b""))
        one = await source.wait_for_change(())
        assert one == (Reader("one"),)
        fake.set(one=(EMPTY, b""), two=(1 << 16 | PRESENT, ATR))
        both = await source.wait_for_change(one)
        assert both[0] == Reader("one")
        assert (both[1].name, both[1].atr, both[1].mute) == ("two", ATR, False)
        # A card that was swapped between two looks is another insertion.
        fake.set(one=(EMPTY, b""), two=(3 << 16 | PRESENT, ATR))
        swapped = await source.wait_for_change(both)
        assert swapped[1].atr == ATR
        assert swapped[1].insertion != both[1].insertion
        # One that does not answer its reset is mute.
        fake.set(one=(EMPTY, b""), two=(5 << 16 | PRESENT | MUTE, b""))
        mute = await source.wait_for_change(swapped)
        assert (mute[1].atr, mute[1].mute) == (None, True)
        fake.set(one=(EMPTY, b""))
        assert await source.wait_for_change(mute) == one
        fake.set()
        assert await source.wait_for_change(one) == ()


async def test_nothing_is_asked_while_nothing_happens(fake: FakePcsc) -> None:
    async with PcscSource() as source:
        known = await source.readers()
        for readers in (1, 2, 1, 3, 0):
            fake.set(**{str(n): (EMPTY, b"") for n in range(readers)})
            known = await source.wait_for_change(known)
            assert len(known) == readers
            await asyncio.to_thread(wait_for_more_waits, fake, 0)
            assert fake.timeout == fake.INFINITE or not known
            waits = fake.waits
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await source.wait_for_change(known)
            assert fake.waits == waits


async def test_other_programs_coming_and_going_are_no_change(fake: FakePcsc) -> None:
    fake.set(one=(1 << 16 | PRESENT, ATR))
    async with PcscSource() as source:
        before = await source.readers()
        waiting = asyncio.ensure_future(source.wait_for_change(before))
        for state in (PRESENT | IN_USE, PRESENT):
            before_it = fake.waits
            fake.set(one=(1 << 16 | state, ATR))
            await asyncio.to_thread(wait_for_more_waits, fake, before_it)
        assert not waiting.done()
        assert await source.readers() == before
        waiting.cancel()


def wait_for_more_waits(fake: FakePcsc, before: int) -> None:
    with fake.news:
        assert fake.news.wait_for(lambda: fake.waiting and fake.waits > before, 60)


async def test_a_reader_that_goes_between_listing_and_waiting_is_left_out(
    fake: FakePcsc,
) -> None:
    fake.listed_once = ["gone"]
    fake.set(one=(EMPTY, b""))
    async with PcscSource() as source:
        assert await source.readers() == (Reader("one"),)


async def test_closing_does_not_hang_on_a_cancellation_that_is_lost(
    fake: FakePcsc,
) -> None:
    fake.set(one=(EMPTY, b""))
    source = PcscSource()
    await source.readers()
    fake.lost_cancellations = 3
    await source.close()
    await threads_end("kortilla-readers")
    never_used = PcscSource()
    await never_used.close()
    with pytest.raises(PcscUnavailableError):
        await never_used.readers()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x8010000C, CardRemovedError),
        (0x80100009, CardRemovedError),
        (0x80100069, CardRemovedError),
        (0x80100066, CardMuteError),
        (0x80100067, CardMuteError),
        (0x8010000F, CardMuteError),
        (0x8010001D, PcscUnavailableError),
        (0x80100013, PcscUnavailableError),
        (0x8010FFFF, CardError),
        # The same code as a signed number of 32 bits.
        (0x80100069 - (1 << 32), CardRemovedError),
    ],
)
async def test_a_connection_that_fails_says_why(
    fake: FakePcsc, code: int, error: type[CardError]
) -> None:
    fake.connect_codes = [code]
    async with PcscSource() as source:
        with pytest.raises(error) as caught:
            await source.connect(Reader("one"))
        assert type(caught.value) is error


@pytest.mark.parametrize("protocol", [0, 1])
async def test_a_card_is_reset_before_another_program_has_its_turn(
    fake: FakePcsc, protocol: int
) -> None:
    fake.protocol = protocol + 1
    # Another program's moment is waited out.
    fake.connect_codes = [Code.SHARING_VIOLATION]
    fake.transaction_codes = [Code.RESET_CARD]
    async with PcscSource() as source:
        connection = await source.connect(Reader("one"))
        assert (connection.atr, connection.protocol) == (ATR, protocol)
        assert fake.transaction_codes == [], "its transaction began after the other's"
        answer = await source.run(connection.send_and_receive, b"\x00\x20")
        assert answer == (b"", 0x9000)
        assert fake.sent == [(f"T{protocol}", b"\x00\x20")]
        fake.endings.clear()
        await source.run(connection.close)
        await source.run(connection.close)
        assert fake.endings == [("end", 1), ("disconnect", 0)]
        with pytest.raises(CardError, match="closed"):
            await source.run(connection.send_and_receive, b"\x00\xa4")


@pytest.mark.parametrize(
    ("code", "reader", "error"),
    [
        (NOT_TRANSACTED, (EMPTY, b""), CardRemovedError),
        (NOT_TRANSACTED, (PRESENT, ATR), CardMuteError),
        (NOT_TRANSACTED, None, CardRemovedError),
        (Code.UNPOWERED_CARD, (PRESENT, ATR), CardResetError),
        (Code.PROTO_MISMATCH, (PRESENT, ATR), CardResetError),
        (Code.PROTO_MISMATCH, (EMPTY, b""), CardRemovedError),
        (Code.INVALID_HANDLE, None, CardRemovedError),
        (Code.REMOVED_CARD, (PRESENT, ATR), CardRemovedError),
        (Code.NO_SERVICE, (PRESENT, ATR), PcscUnavailableError),
        (Code.RESET_CARD, (PRESENT, ATR), CardResetError),
    ],
)
async def test_a_command_that_fails_is_explained_by_a_look_at_the_reader(
    fake: FakePcsc,
    code: int,
    reader: tuple[int, bytes] | None,
    error: type[CardError],
) -> None:
    fake.control_answers = [(0, FEATURES), (code, [])]
    async with PcscSource() as source:
        connection = await source.connect(Reader("one"))
        fake.set(**({"one": reader} if reader else {}))
        fake.answer = (code, [])
        with pytest.raises(error) as caught:
            await source.run(connection.send_and_receive, b"\x00\xa4")
        assert type(caught.value) is error
        assert connection.pin_pad
        # A reader whose card is still there refuses its PIN pad.
        refused = PinNotEnteredError if error is CardMuteError else error
        with pytest.raises(refused) as caught:
            await source.run(connection.pin_pad.verify, bytes(17), 4, 12)
        assert type(caught.value) is refused
        # Each command was sent once, for every error; the first control asks.
        assert (len(fake.sent), len(fake.controls)) == (1, 2)


async def test_a_connection_that_another_caller_waits_for_is_not_waited_for_for_ever(
    fake: FakePcsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("native_host.card.pcsc.BUSY_PATIENCE", 0.1)
    fake.connect_codes = [Code.SHARING_VIOLATION] * 10_000
    async with PcscSource() as source:
        both = [source.connect(Reader("one")) for _ in range(2)]
        for ended in await asyncio.gather(*both, return_exceptions=True):
            assert isinstance(ended, CardBusyError)


async def test_a_missing_library_is_said_as_an_absent_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    scard.cache_clear()
    async with PcscSource() as source:
        with pytest.raises(PcscUnavailableError, match=r"pipx install .*host"):
            await source.readers()
        with pytest.raises(PcscUnavailableError, match=r"pipx install .*host"):
            await source.connect(Reader("one"))
    scard.cache_clear()


async def test_a_service_that_is_not_there_is_waited_for_and_not_asked_again(
    fake: FakePcsc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    socket = tmp_path / "pcscd" / "pcscd.comm"
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(socket))
    monkeypatch.setattr("native_host.card.pcsc._SERVICE_STARTS", (0.0, 0.0))
    fake.available = False
    async with watching_tries() as tries_over, PcscSource() as source:
        with pytest.raises(PcscUnavailableError):
            await source.readers()
        waiting = asyncio.ensure_future(source.wait_for_service())
        await tries_over()
        assert fake.contexts == 3
        # Each event causes one attempt, and no more.
        socket.parent.mkdir()
        await tries_over()
        assert fake.contexts == 5
        assert not waiting.done()
        fake.available = True
        socket.touch()
        await asyncio.wait_for(waiting, 60)
        assert fake.contexts == 6
        assert await source.readers() == ()


async def test_a_reader_is_asked_for_its_features_once(fake: FakePcsc) -> None:
    fake.control_answers = [(0, FEATURES), (0, [0x64, 0x01])]
    async with PcscSource() as source:
        connection = await source.connect(Reader("one"))
        assert connection.pin_pad
        assert connection.pin_pad.can_modify
        assert fake.controls == [(0x42000000 + 3400, b"")]
        template = bytes.fromhex("002000110C") + bytes(12)
        status = await source.run(connection.pin_pad.verify, template, 4, 12)
        assert status == 0x6401
        code, structure = fake.controls[1]
        assert code == 0x42330006
        assert structure.endswith(template)
        # A card that received a command from the PIN pad is reset at the end, too.
        await source.run(connection.close)
        assert fake.endings == [("end", 1), ("disconnect", 0)]
        with pytest.raises(CardError, match="closed"):
            connection.pin_pad.verify(template, 4, 12)


async def test_a_reader_without_features_has_no_pin_pad(fake: FakePcsc) -> None:
    async with PcscSource() as source:
        connection = await source.connect(Reader("one"))
        assert connection.pin_pad is None
        # A query of the features needs no reset of the card.
        await source.run(connection.close)
        assert fake.endings[0] == ("end", 0)
