# SPDX-License-Identifier: MIT
"""A source of cards with several readers, each with its own mock card."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from native_host.card.errors import CardBusyError
from native_host.card.mock_source import MockCardSource
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
        """Return the readers in the order of their names."""
        found: list[Reader] = []
        for name, source in self.sources.items():
            found += [replace(each, name=name) for each in await source.readers()]
        return tuple(found)

    async def wait_for_change(self, known: tuple[Reader, ...]) -> tuple[Reader, ...]:
        """Wait until one of the readers changes."""
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
        """Connect to the card in a reader."""
        self.connected.append(reader.name)
        source = self.sources[reader.name]
        if reader.name in self.busy:
            raise CardBusyError("held")
        [own] = await source.readers()
        return await source.connect(replace(reader, name=own.name))

    async def run(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the only card thread."""
        return await next(iter(self.sources.values())).run(function, *args, **kwargs)

    async def close(self) -> None:
        """The creator of the sources closes them."""
