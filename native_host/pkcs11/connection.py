# SPDX-License-Identifier: MIT
"""One client's connection: reads calls, and sends the answers in any order.

A signature waits for a person. So each call is a separate task, and others are answered
meanwhile: otherwise every other page of a browser would wait too.

asyncio's streams don't fit: p11-kit gives one socket as both standard input and output,
and received data must be wiped, since it holds PINs.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable

from native_host.errors import KortillaError
from native_host.pkcs11.calls import CALLS, Call, CryptokiError, return_value_of
from native_host.pkcs11.constants import CKR
from native_host.pkcs11.cryptoki import Cryptoki
from native_host.pkcs11.wire import (
    HEADER_SIZE,
    VERSION,
    Input,
    WireError,
    decode,
    encode,
    encode_error,
    frame,
    parse_header,
    read_preamble,
    wipe_arguments,
)
from native_host.platform.hardening import wipe
from native_host.platform.log import log_unexpected
from native_host.platform.tasks import TaskSet

if sys.platform == "win32":  # mypy reads on only for others
    raise ImportError("This module is not for Windows.")

logger = logging.getLogger(__name__)

_MOST_CALLS = 256  # at a time
_MOST_WAITING = 1024 * 1024  # bytes of answers for a client that does not read them
_READS = 8  # before other tasks run


async def serve_client(
    descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
) -> None:
    """Serve a client until it disconnects, and then close its sessions and windows.

    The two descriptors may be one socket. They are closed in any case.
    """
    connection = _Connection(descriptor_in, descriptor_out, cryptoki)
    try:
        connection.start()
        await connection.ended.wait()
    finally:
        connection.close()
        await connection.tasks.cancel()
        await cryptoki.close()


class _Connection:
    """A client's connection.

    ``ended`` is set when the client has disconnected or has sent a frame that can't be
    read; nothing is read or written after that.
    """

    def __init__(
        self, descriptor_in: int, descriptor_out: int, cryptoki: Cryptoki
    ) -> None:
        self._in = descriptor_in
        self._out = descriptor_out
        self._cryptoki = cryptoki
        self.tasks = TaskSet()
        self.ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._version = 0
        #: The client's number for the current message, and the length of its options.
        self._code = self._options = 0
        self._expect(1, self._take_version)

    def start(self) -> None:
        for descriptor in (self._in, self._out):
            os.set_blocking(descriptor, False)
        try:
            self._loop.add_reader(self._in, self._readable)
        except PermissionError:  # a file, not a client
            self.ended.set()

    def close(self) -> None:
        self._stop()
        for descriptor in {self._in, self._out}:
            os.set_blocking(descriptor, True)
            os.close(descriptor)

    # -- Calls ------------------------------------------------------------------------

    def _receive(self, code: int, message: Input) -> None:
        try:
            call, arguments = self._read(message)
        except CryptokiError as refusal:
            self._write(frame(code, encode_error(refusal.value)))
            return
        self.tasks.start(self._answer(code, call, arguments))

    def _read(self, message: Input) -> tuple[Call, list[object]]:
        """Decode a message, and wipe it. Raises ``CryptokiError``."""
        try:
            number, signature = read_preamble(message)
            if (call := CALLS.get(number)) is None or not self._has(call):
                raise CryptokiError(CKR.FUNCTION_NOT_SUPPORTED)
            if signature != call.args:
                raise WireError("The signature is not that of the call.")
            if len(self.tasks) >= _MOST_CALLS:
                raise CryptokiError(CKR.HOST_MEMORY)
            return call, decode(signature, message)
        except WireError as error:
            logger.info("A call can't be read: %s", error)
            raise CryptokiError(CKR.DEVICE_ERROR) from error
        finally:
            wipe(message.data)

    def _has(self, call: Call) -> bool:
        """Whether a call is one for this client: only some may decrypt."""
        return hasattr(self._cryptoki, call.method.__name__)

    async def _answer(self, code: int, call: Call, arguments: list[object]) -> None:
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
        self._write(frame(code, body))

    # -- Reading ----------------------------------------------------------------------

    def _expect(self, size: int, take: Callable[[bytearray], None]) -> None:
        self._buffer, self._filled, self._take = bytearray(size), 0, take

    def _readable(self) -> None:
        for _ in range(_READS):
            try:
                free = memoryview(self._buffer)[self._filled :]
                count = os.readv(self._in, [free])
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                count = 0
            if not count:
                self._stop()
                return
            self._filled += count
            if self._filled == len(self._buffer):
                try:
                    self._take(self._buffer)
                except WireError:
                    self._stop()
            if self.ended.is_set():
                return

    def _take_version(self, data: bytearray) -> None:
        self._version = data[0]
        self._write(bytes([min(self._version, VERSION)]))
        self._expect(HEADER_SIZE, self._take_header)

    def _take_header(self, data: bytearray) -> None:
        self._code, self._options, body = parse_header(data)
        if size := self._options + body:
            self._expect(size, self._take_message)
        else:
            self._take_message(bytearray())

    def _take_message(self, data: bytearray) -> None:
        self._expect(HEADER_SIZE, self._take_header)
        # The options hold the name of the client's module, which is not used.
        message = Input(data, version=self._version, position=self._options)
        self._receive(self._code, message)

    # -- Writing ----------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if self.ended.is_set():
            return
        if len(self._waiting) > _MOST_WAITING:
            self._stop()
            return
        was_idle = not self._waiting
        self._waiting += data
        if was_idle:
            self._writable()
            if self._waiting:
                self._loop.add_writer(self._out, self._writable)

    def _writable(self) -> None:
        try:
            count = os.write(self._out, self._waiting)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._stop()
            return
        del self._waiting[:count]
        if not self._waiting:
            self._loop.remove_writer(self._out)

    def _stop(self) -> None:
        self._loop.remove_reader(self._in)
        self._loop.remove_writer(self._out)
        wipe(self._buffer)
        self._waiting.clear()
        self.ended.set()
