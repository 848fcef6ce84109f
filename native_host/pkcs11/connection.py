# SPDX-License-Identifier: MIT
"""One client's connection: every message is answered, in whatever order.

A signature waits for a person. So each call is a task of its own, and others are
answered meanwhile: else every other page of a browser would wait too.
"""

import asyncio
import logging
from typing import Any

from native_host.errors import KortillaError
from native_host.log import log_unexpected
from native_host.pkcs11.calls import CALLS, ERROR, ERROR_SIGNATURE, Call
from native_host.pkcs11.channel import Channel
from native_host.pkcs11.constants import CKR
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.errors import CryptokiError, return_value_of
from native_host.pkcs11.wire import (
    Input,
    WireError,
    decode,
    encode,
    read_preamble,
    wipe,
)

__all__ = ["serve_client"]

logger = logging.getLogger(__name__)

_MOST_CALLS = 256  # that are under way at a time


async def serve_client(
    descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
) -> None:
    """Serve a client until it goes, or is cancelled; then close everything of it.

    The two descriptors may be one socket. They are closed in any case.
    """
    client = _Client(descriptor_in, descriptor_out, cryptoki)
    try:
        client.channel.start()
        await client.channel.ended.wait()
    finally:
        client.channel.close()
        for task in client.tasks:
            task.cancel()
        await asyncio.gather(*client.tasks, return_exceptions=True)
        await cryptoki.close()


class _Client:
    def __init__(
        self, descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
    ) -> None:
        self._cryptoki = cryptoki
        self.tasks: set[asyncio.Task[None]] = set()
        self.channel = Channel(descriptor_in, descriptor_out, self._receive)

    def _receive(self, code: int, message: Input) -> None:
        try:
            call, arguments = self._read(message)
        except CryptokiError as refusal:
            self.channel.send(code, _error(refusal.value))
            return
        task = asyncio.create_task(self._answer(code, call, arguments))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _read(self, message: Input) -> tuple[Call, list[Any]]:
        """Take a message apart, and wipe it. Raises ``CryptokiError``."""
        try:
            number, signature = read_preamble(message)
            if (call := CALLS.get(number)) is None:
                raise CryptokiError(CKR.FUNCTION_NOT_SUPPORTED)
            if signature != call.request:
                raise WireError("The signature is not that of the call.")
            arguments = decode(signature, message)
        except WireError as error:
            logger.info("A call can't be read: %s", error)
            raise CryptokiError(CKR.DEVICE_ERROR) from error
        finally:
            message.data[:] = bytes(len(message.data))
        if len(self.tasks) >= _MOST_CALLS:
            raise CryptokiError(CKR.HOST_MEMORY)
        return call, arguments

    async def _answer(self, code: int, call: Call, arguments: list[Any]) -> None:
        try:
            if not (call.before or self._cryptoki.initialized):
                wipe(arguments)
                raise CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED)
            values = await self._cryptoki.method(call)(*arguments)
            body = encode(call.number, call.response, values)
        except CryptokiError as refusal:
            body = _error(refusal.value)
        except KortillaError as error:
            logger.info("C_%s failed: %s", call.name, error.code)
            body = _error(return_value_of(error))
        except Exception as error:
            log_unexpected(logger, error)
            body = _error(CKR.GENERAL_ERROR)
        self.channel.send(code, body)


def _error(value: CKR) -> bytes:
    return encode(ERROR, ERROR_SIGNATURE, (int(value),))
