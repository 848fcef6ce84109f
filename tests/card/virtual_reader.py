# SPDX-License-Identifier: MIT
"""Helpers for a card in the virtual reader of a real pcscd."""

import hashlib
from collections.abc import Callable

from native_host.card.fineid import FineidCard, KeyRole, PinRole
from native_host.card.pcsc import PcscSource
from native_host.card.signature import token_algorithm
from native_host.card.source import Reader
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


async def log_in(source: PcscSource, *, pin: bytes = b"1234") -> bytes:
    """Run the steps of a login and return the signature, which the session verifies."""
    connection = await source.connect(await reader_where(source, has_card))
    try:
        card = await source.run(FineidCard, connection)
        key = await source.run(card.key, KeyRole.AUTHENTICATION)
        certificate = await source.run(card.certificate, key)
        info = await source.run(card.pin_info, PinRole.PIN1)
        assert (info.tries_left, info.changed) == (5, True)
        await source.run(card.verify_pin, PinRole.PIN1, bytearray(pin))
        digest = hashlib.new(certificate.hash_name, b"challenge").digest()
        algorithm = token_algorithm(certificate.public_key)
        return await source.run(card.sign, key, digest, algorithm)
    finally:
        await source.run(connection.close)
