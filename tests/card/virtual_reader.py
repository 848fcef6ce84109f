# SPDX-License-Identifier: MIT
"""Helpers for PC/SC's readers: a card in one of pcscd's, a service that is awaited."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from unittest import mock

from native_host.card.contactless.pace import open_channel
from native_host.card.fineid import FineidCard, KeyRole
from native_host.card.pcsc import PcscSource
from native_host.card.service_watch import ServiceWatch
from native_host.card.signature import HASH_SIZES, KeyType, supported_algorithms
from native_host.card.source import CardConnection, Reader
from tests.support.patience import patience
from tests.support.pcsc import READER


async def reader_where(
    source: PcscSource, condition: Callable[[Reader], bool], name: str = READER
) -> Reader:
    """Wait by events until a virtual reader meets a condition."""
    readers = await source.readers()
    while True:
        for reader in readers:
            if reader.name == name and condition(reader):
                return reader
        readers = await source.wait_for_change(readers)


def has_card(reader: Reader) -> bool:
    return reader.atr is not None


def is_empty(reader: Reader) -> bool:
    return reader.atr is None and not reader.mute


async def sign(
    source: PcscSource,
    role: KeyRole = KeyRole.AUTHENTICATION,
    key_type: KeyType | None = None,
    *,
    can: bytes = b"",
) -> bytes:
    """Run the steps of an operation; return the signature, which the session verifies.

    By default it is a login. With a CAN, the card lies on a contactless reader.
    """
    connection: CardConnection
    connection = await source.connect(await reader_where(source, has_card))
    assert connection.pin_pad is None
    try:
        if can:
            connection = await source.run(open_channel, connection, bytearray(can))
        card = await source.run(FineidCard, connection)
        key = await source.run(card.key, role, key_type)
        certificate = await source.run(card.certificate, key)
        info = await source.run(card.pin_info, key.pin)
        assert (info.tries_left, info.changed) == (5, True)
        pin = b"1234" if role is KeyRole.AUTHENTICATION else b"123456"
        await source.run(card.verify_pin, key.pin, bytearray(pin))
        algorithm = supported_algorithms(certificate.public_key)[0]
        digest = bytes(HASH_SIZES[algorithm.hash_function])
        return await source.run(card.sign, key, digest, algorithm)
    finally:
        await source.run(connection.close)


@asynccontextmanager
async def watching_tries() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yield a function that waits until a source's attempts are over.

    After its attempts, the source waits for events of the service before it tries
    again.
    """
    over: asyncio.Queue[None] = asyncio.Queue()
    news = ServiceWatch.news

    async def note_and_wait(watch: ServiceWatch) -> None:
        over.put_nowait(None)
        await news(watch)

    async def tries_over() -> None:
        async with asyncio.timeout(60):
            await over.get()

    with mock.patch.object(ServiceWatch, "news", note_and_wait):
        yield tries_over


async def threads_end(name: str) -> None:
    """Wait for threads that a busy machine may end later."""
    for thread in threading.enumerate():
        if thread.name == name:
            await asyncio.to_thread(thread.join, patience())
            assert not thread.is_alive()
