# SPDX-License-Identifier: MIT
"""Readers and cards are followed by events, and no card is held."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardConnection, MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.source import CardSource, Reader
from native_host.desktop import card_watch
from native_host.desktop.card_watch import Cards, CardWatch
from native_host.operations.card_status import ReaderStatus, reader_status
from native_host.state import remembered_can
from tests.support import cards
from tests.support.patience import patience
from tests.support.pcsc import READER, Pcscd, isolated


class Watching:
    """A watch that runs, and what it has reported."""

    def __init__(self, source: CardSource) -> None:
        self.watch = CardWatch(source, self._hear)
        self.last = Cards()
        self.count = 0
        self._news = asyncio.Event()

    def _hear(self, found: Cards) -> None:
        self.last = found
        self.count += 1
        self._news.set()

    async def until(self, condition: Callable[[Cards], object]) -> None:
        async with asyncio.timeout(patience()):
            while not condition(self.last):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def watching(source: CardSource) -> AsyncIterator[Watching]:
    async with source:
        found = Watching(source)
        task = asyncio.create_task(found.watch.run())
        try:
            yield found
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def tries(found: Cards) -> int | None:
    """Return the tries of PIN1 of the first card that was read."""
    for each in found.readers:
        if each.status and each.status["card"]:
            return each.status["card"]["tries"]["PIN1"]
    return None


def error_of(found: Cards) -> str | None:
    """Return the code of the error of the first reader."""
    status = found.readers[0].status if found.readers else None
    return status["error"]["code"] if status and "error" in status else None


def is_empty(found: Cards) -> bool:
    return bool(found.readers) and not any(each.has_card for each in found.readers)


@pytest.mark.parametrize("contactless", [False, True])
async def test_a_card_that_keeps_silent_is_named_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contactless: bool
) -> None:
    async def recall() -> bytearray:
        return bytearray(CAN, "ascii")

    monkeypatch.setattr(remembered_can, "recall", recall)
    named = "CARD_SLOW" if contactless else "CARD_SILENT"
    monkeypatch.setattr(card_watch, "SILENT_AFTER", 0.0)
    card = cards.new_card(tmp_path / "card")
    answers = asyncio.Event()

    async def slow(source: CardSource, reader: Reader) -> ReaderStatus:
        await answers.wait()
        return await reader_status(source, reader)

    monkeypatch.setattr(card_watch, "reader_status", slow)
    source = MockCardSource(card.folder, contactless=contactless)
    async with watching(source) as found:
        await found.until(lambda last: error_of(last) == named)
        answers.set()
        await found.until(tries)
        assert error_of(found.last) is None


async def test_a_card_comes_goes_and_is_read_again(tmp_path: Path) -> None:
    card = cards.new_card(tmp_path / "card")
    async with watching(MockCardSource(card.folder)) as found:
        await found.until(tries)
        card.pull()
        await found.until(is_empty)
        card.pull(reader=True)
        await found.until(lambda last: not last.readers)
        card.insert()
        await found.until(lambda last: tries(last) == 5)
        with card.update() as data:
            data.pin1.tries = 3
        before = found.count
        found.watch.read_again()
        await found.until(lambda last: tries(last) == 3)
        assert found.count == before + 1  # what was known stayed until then
        found.watch.read_again()
        await found.until(lambda _: found.count == before + 2)  # though nothing is new


async def test_no_card_is_held_and_one_that_is_held_is_read_later(
    tmp_path: Path,
) -> None:
    card = cards.new_card(tmp_path / "card")
    held = MockCardConnection(card)
    source = MockCardSource(card.folder, patience=0.05)
    async with watching(source) as found:
        await found.until(lambda last: error_of(last) == "CARD_BUSY")
        held.close()
        await found.until(tries)
        # At once, without patience: the watch has let go of it.
        MockCardConnection(card, patience=0).close()


async def test_a_card_that_the_reading_does_not_understand_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(card_watch, "reader_status", fail)
    card = cards.new_card(tmp_path / "card")
    async with watching(MockCardSource(card.folder)) as found:
        await found.until(lambda last: error_of(last) == "CARD_ERROR")


@isolated
async def test_it_follows_the_cards_and_the_service_of_pcscd(pcscd: Pcscd) -> None:
    state = pcscd.new_card()
    async with watching(PcscSource()) as found:
        await found.until(is_empty)
        pcscd.insert(MockCard(state))
        await found.until(lambda last: tries(last) == 5)
        [reader] = [each for each in found.last.readers if each.status]
        assert reader.name == READER
        assert reader.status and reader.status["testCard"]
        pcscd.pull()
        await found.until(is_empty)
        await asyncio.to_thread(pcscd.stop_service)
        await found.until(lambda last: last.problem == "PCSC_UNAVAILABLE")
        await asyncio.to_thread(pcscd.start_service)
        await found.until(is_empty)
        pcscd.insert(MockCard(MockCardState.open(state.folder)))
        await found.until(lambda last: tries(last) == 5)
