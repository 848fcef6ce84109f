# SPDX-License-Identifier: MIT
"""Sources of cards: several readers with mock cards, and one reader of pcscd."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
from native_host.card.pcsc import PcscSource
from native_host.card.source import CardConnection, CardSource, Reader

P = ParamSpec("P")
T = TypeVar("T")


class SeveralReaders(CardSource):
    """Readers by name; another program holds the card in each one of ``busy``.

    ``connected`` records the names of the readers in the order of connections.
    """

    test_card = True

    def __init__(self, sources: dict[str, MockCardSource]) -> None:
        self.sources = sources
        self.busy: set[str] = set()
        self.connected: list[str] = []

    async def readers(self) -> tuple[Reader, ...]:
        found: list[Reader] = []
        for name, source in self.sources.items():
            found += [replace(each, name=name) for each in await source.readers()]
        return tuple(found)

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        if (readers := await self.readers()) != known:
            return readers
        waiting = [
            asyncio.ensure_future(source.wait_for_change(await source.readers()))
            for source in self.sources.values()
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        return await self.readers()

    async def connect(self, reader: Reader) -> CardConnection:
        self.connected.append(reader.name)
        source = self.sources[reader.name]
        if reader.name in self.busy:
            raise CardBusyError("held")
        [own] = await source.readers()
        return await source.connect(replace(reader, name=own.name))

    async def resume(
        self, reader: Reader, connection: CardConnection
    ) -> CardConnection:
        source = self.sources[reader.name]
        if reader.name in self.busy:
            raise CardBusyError("held")
        [own] = await source.readers()
        return await source.resume(replace(reader, name=own.name), connection)

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await next(iter(self.sources.values())).run(function, *args, **kwargs)

    async def close(self) -> None:
        """The creator of the sources closes them."""


class OneReader(PcscSource):
    """The reader of that name; the card's folder removes and inserts its card.

    ``all_readers`` waits for changes, once for all instances.
    """

    def __init__(
        self, name: str, state: MockCardState, all_readers: PcscSource
    ) -> None:
        super().__init__()
        self._name = name
        self._all = all_readers
        self._state = state
        self._putting_in: asyncio.Task[None] | None = None

    async def readers(self) -> tuple[Reader, ...]:
        return self._mine(await self._all.readers())

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        readers = await self._all.readers()
        while (mine := self._mine(readers)) == known:
            readers = await self._all.wait_for_change(readers)
        return mine

    def _mine(self, readers: tuple[Reader, ...]) -> tuple[Reader, ...]:
        return tuple(each for each in readers if each.name == self._name)

    def remove(self) -> None:
        """Remove the card, unless it is being inserted."""
        if not self._busy:
            self._state.pull()

    def insert(self) -> None:
        """Insert the card if it is out, once pcscd has noticed its removal."""
        if not self._busy and not self._state.presence().card:
            self._putting_in = asyncio.ensure_future(self._insert())

    async def settled(self) -> None:
        """Wait until pcscd has noticed a card that is being inserted."""
        if self._putting_in is not None:
            await self._putting_in

    @property
    def _busy(self) -> bool:
        return self._putting_in is not None and not self._putting_in.done()

    async def _insert(self) -> None:
        await self._until(lambda reader: reader.atr is None and not reader.mute)
        self._state.insert()
        await self._until(lambda reader: reader.atr is not None)

    async def _until(self, condition: Callable[[Reader], bool]) -> None:
        readers = await self.readers()
        while not all(map(condition, readers)):
            readers = await self.wait_for_change(readers)
