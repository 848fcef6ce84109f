# SPDX-License-Identifier: MIT
"""Reads frames from one descriptor and writes answers to another, without blocking.

asyncio's streams don't fit: p11-kit gives one socket as both standard input and output,
and received data must be wiped, since it holds PINs.
"""

import asyncio
import os
from collections.abc import Callable

from native_host.pkcs11.wire import (
    HEADER_SIZE,
    VERSION,
    Input,
    WireError,
    frame,
    parse_header,
)
from native_host.wiping import wipe

_MOST_WAITING = 1024 * 1024  # bytes of answers for a client that does not read them
_READS = 8  # before other tasks run


class Channel:
    """The frames of a client's connection.

    ``receive`` is called with each message and its number. ``close`` closes the two
    descriptors. ``ended`` is set when the client has disconnected or has sent a frame
    that can't be read; nothing is read or written after that.
    """

    def __init__(
        self,
        descriptor_in: int,
        descriptor_out: int,
        receive: Callable[[int, Input], None],
    ) -> None:
        self._in = descriptor_in
        self._out = descriptor_out
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._version = 0
        self._code = 0
        self._options = 0
        self.ended = asyncio.Event()
        self._expect(1, self._take_version)

    def start(self) -> None:
        """Begin to read."""
        for descriptor in (self._in, self._out):
            os.set_blocking(descriptor, False)
        try:
            self._loop.add_reader(self._in, self._readable)
        except PermissionError:  # a file, not a client
            self.ended.set()

    def send(self, code: int, body: bytes) -> None:
        """Send the answer to the message of a number."""
        self._write(frame(code, body))

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._stop()
        for descriptor in {self._in, self._out} - {-1}:
            os.set_blocking(descriptor, True)
            os.close(descriptor)
        self._in = self._out = -1

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
        header = parse_header(data)
        self._code, self._options = header.code, header.options
        if header.options + header.body:
            self._expect(header.options + header.body, self._take_message)
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
        if self._in >= 0:
            self._loop.remove_reader(self._in)
            self._loop.remove_writer(self._out)
        wipe(self._buffer)
        self._waiting.clear()
        self.ended.set()
