# SPDX-License-Identifier: MIT
"""The mock card in a virtual PC/SC reader: the protocol of vsmartcard's vpcd.

The reader's driver inside pcscd listens on TCP; a card connects to it. Both sides send
frames of a 16-bit big-endian length and that many bytes. A frame of one byte is an
order of the reader, of which only the one for the ATR is answered; any other frame is
a command APDU.
"""

import logging
import socket
import sys
from enum import IntEnum
from threading import Thread
from types import TracebackType
from typing import Self

from native_host.card.errors import PcscUnavailable

from .card import MockCard

__all__ = ["DEFAULT_PORT", "VirtualReader"]

logger = logging.getLogger(__name__)

DEFAULT_PORT = 35963


class _Order(IntEnum):
    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


class VirtualReader:
    """A card in a virtual reader: connecting is inserting, ``stop`` is removing.

    Raises ``PcscUnavailable`` when no virtual reader listens there. Either call
    ``run``, or use it as a context manager, which runs it in a thread.
    """

    def __init__(
        self, card: MockCard, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT
    ) -> None:
        self._card = card
        try:
            self._socket = socket.create_connection((host, port), timeout=5)
        except OSError as error:
            raise PcscUnavailable(
                f"No virtual reader listens on {host}:{port}: {error.strerror}."
            ) from error
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.run, name="vpcd", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self._thread:
            self._thread.join()

    def run(self) -> None:
        """Answer the reader until it goes away or ``stop`` is called.

        Raises ``MockCardBroken`` when the card's folder can't be used any more.
        """
        try:
            while (frame := self._receive()) is not None:
                answer = self._answer(frame)
                if answer is not None:
                    self._socket.sendall(len(answer).to_bytes(2) + answer)
        except OSError as error:
            # The reader went away in the middle, or stop() cut the line.
            logger.debug("The virtual reader's connection ended: %s", error.strerror)
        finally:
            self._card.reset()
            self._socket.close()

    def stop(self) -> None:
        """Take the card out, from any thread. ``run`` then returns."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            logger.debug("The virtual reader was gone already.")

    def _answer(self, frame: bytes) -> bytes | None:
        if len(frame) != 1:
            return self._card.transmit(frame)
        match frame[0]:
            case _Order.ATR:
                return self._card.atr
            case _Order.POWER_OFF | _Order.POWER_ON | _Order.RESET:
                self._card.reset()
            case order:
                logger.debug("The virtual reader sent the unknown order %d.", order)
        return None

    def _receive(self) -> bytes | None:
        """Return the next frame, or None at the end of the connection."""
        header = self._read(2)
        return None if header is None else self._read(int.from_bytes(header))

    def _read(self, size: int) -> bytes | None:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(size - len(received))
            if not part:
                return None
            if sys.platform == "linux":
                # vpcd writes a frame in two pieces; without this the second one waits
                # 40 ms for our acknowledgement of the first. It wears off: set anew.
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            received += part
        return bytes(received)
