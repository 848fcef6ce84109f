# SPDX-License-Identifier: MIT
"""One client's connection: reads calls, and sends the answers in any order.

A signature waits for a person. So each call is a separate task, and others are answered
meanwhile: otherwise every other page of a browser would wait too.
"""

import logging
from typing import Any

from native_host.errors import KortillaError
from native_host.log import log_unexpected
from native_host.pkcs11.calls import CALLS, Call
from native_host.pkcs11.channel import Channel
from native_host.pkcs11.constants import CKR
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.errors import CryptokiError, return_value_of
from native_host.pkcs11.wire import (
    Input,
    WireError,
    decode,
    encode,
    encode_error,
    read_preamble,
    wipe_arguments,
)
from native_host.task_set import TaskSet
from native_host.wiping import wipe

logger = logging.getLogger(__name__)

_MOST_CALLS = 256  # at a time


async def serve_client(
    descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
) -> None:
    """Serve a client until it disconnects, and then close its sessions and windows.

    The two descriptors may be one socket. They are closed in any case.
    """
    connection = _Connection(descriptor_in, descriptor_out, cryptoki)
    try:
        connection.channel.start()
        await connection.channel.ended.wait()
    finally:
        connection.channel.close()
        await connection.tasks.cancel()
        await cryptoki.close()


class _Connection:
    def __init__(
        self, descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
    ) -> None:
        self._cryptoki = cryptoki
        self.tasks = TaskSet()
        self.channel = Channel(descriptor_in, descriptor_out, self._receive)

    def _receive(self, code: int, message: Input) -> None:
        """Start a task for a call. ``code`` is the client's number for the message."""
        try:
            call, arguments = self._read(message)
        except CryptokiError as refusal:
            self.channel.send(code, encode_error(refusal.value))
            return
        self.tasks.start(self._answer(code, call, arguments))

    def _read(self, message: Input) -> tuple[Call, list[Any]]:
        """Decode a message, and wipe it. Raises ``CryptokiError``."""
        try:
            number, signature = read_preamble(message)
            if (call := CALLS.get(number)) is None:
                raise CryptokiError(CKR.FUNCTION_NOT_SUPPORTED)
            if signature != call.args:
                raise WireError("The signature is not that of the call.")
            arguments = decode(signature, message)
        except WireError as error:
            logger.info("A call can't be read: %s", error)
            raise CryptokiError(CKR.DEVICE_ERROR) from error
        finally:
            wipe(message.data)
        if len(self.tasks) >= _MOST_CALLS:
            raise CryptokiError(CKR.HOST_MEMORY)
        return call, arguments

    async def _answer(self, code: int, call: Call, arguments: list[Any]) -> None:
        try:
            if not (call.before_initialize or self._cryptoki.initialized):
                wipe_arguments(arguments)
                raise CryptokiError(CKR.CRYPTOKI_NOT_INITIALIZED)
            values = await call.method(self._cryptoki, *arguments)
            body = encode(call.number, call.returns, values)
        except CryptokiError as refusal:
            body = encode_error(refusal.value)
        except KortillaError as error:
            logger.info("%s failed: %s", call.name, error.code)
            body = encode_error(return_value_of(error))
        except Exception as error:
            log_unexpected(logger, error)
            body = encode_error(CKR.GENERAL_ERROR)
        self.channel.send(code, body)
