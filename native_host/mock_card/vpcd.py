# SPDX-License-Identifier: MIT
"""The mock card in a virtual PC/SC reader: the protocol of vsmartcard's vpcd.

The reader's driver inside pcscd listens on TCP; a card connects to it. Both sides send
frames of a 16-bit big-endian length and that many bytes. A frame of one byte is an
order of the reader, of which only the one for the ATR is answered; any other frame is
a command APDU.
"""

import logging
import selectors
import socket
import sys
from enum import IntEnum
from threading import Thread
from types import TracebackType
from typing import Self

from kortilla.testing.presence import Watch
from native_host.card.errors import PcscUnavailableError
from native_host.mock_card.card import MockCard
from native_host.mock_card.errors import host_errors
from native_host.mock_card.faulty import CardGoneError, CardSilentError, FaultyCard

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

    A card that was pulled by a fault, or by another process, is put in again as its
    folder says. Raises ``PcscUnavailableError`` when no virtual reader listens there.
    Either call ``run``, or use it as a context manager, which runs it in a thread.
    """

    def __init__(
        self, card: MockCard, *, host: str = "127.0.0.1", port: int = DEFAULT_PORT
    ) -> None:
        self._inserted = card
        self._address = (host, port)
        self._insert()
        self._thread: Thread | None = None
        self._stopped, self._stop = socket.socketpair()

    def _insert(self) -> None:
        self._card = FaultyCard(self._inserted, reader_stays=True)
        host, port = self._address
        try:
            self._socket = socket.create_connection(self._address, timeout=5)
        except OSError as error:
            raise PcscUnavailableError(
                f"No virtual reader listens on {host}:{port}: {error.strerror}."
            ) from error
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

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

        Raises ``MockCardBrokenError`` when the card's folder can't be used any more,
        and ``InvalidArgumentError`` for a fault that can't be had with a virtual
        reader.
        """
        with host_errors():
            self._run()

    def _run(self) -> None:
        watch = self._inserted.state.watch()
        try:
            while self._serve(watch):
                self._card.reset()
                self._socket.close()
                if not self._wait_for_card(watch):
                    return
                self._insert()
        except (OSError, PcscUnavailableError) as error:
            # The reader went away in the middle.
            logger.debug("The virtual reader's connection ended: %s", error)
        finally:
            watch.close()
            self._card.reset()
            self._socket.close()
            self._stop.close()
            self._stopped.close()

    def stop(self) -> None:
        """Take the card out, from any thread. ``run`` then returns."""
        self._card.hurry()
        try:
            self._stop.send(b"!")
        except OSError:
            logger.debug("The virtual reader was gone already.")

    def _serve(self, watch: Watch) -> bool:
        """Answer the reader; return whether it was the card that ended it."""
        while True:
            if not self._card.present:
                return True
            ready = self._wait(watch, self._socket)
            if self._stopped in ready:
                return False
            if self._socket not in ready:
                continue
            frame = self._receive()
            if frame is None:
                return False
            try:
                answer = self._answer(frame)
            except (CardGoneError, CardSilentError):
                # The driver has no time-out of its own. With a new line at once it
                # reports a command that failed, and a card that is still there.
                return True
            if answer is not None:
                self._socket.sendall(len(answer).to_bytes(2) + answer)

    def _wait_for_card(self, watch: Watch) -> bool:
        """Wait until the card is put in; return False when it is not to be."""
        while not (presence := self._inserted.state.presence()).card:
            if self._stopped in self._wait(watch, timeout=presence.seconds_left()):
                return False
        return True

    def _wait(
        self, watch: Watch, *sockets: socket.socket, timeout: float | None = None
    ) -> set[socket.socket]:
        """Return which sockets can be read, after some can or there is other news."""
        waiting = (self._stopped, *sockets)
        with selectors.DefaultSelector() as selector:
            for each in waiting:
                selector.register(each, selectors.EVENT_READ)
            selector.register(watch.descriptor, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(timeout)}
        if watch.descriptor in ready:
            watch.take_news()
        return {each for each in waiting if each.fileno() in ready}

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
