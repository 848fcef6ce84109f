# SPDX-License-Identifier: MIT
"""The mock card in a virtual PC/SC reader: the protocol of vsmartcard's vpcd.

The reader's driver inside pcscd listens on TCP, and a card connects to it. Both sides
send frames: a 16-bit big-endian length, then that many bytes. A frame of one byte is a
control code of the reader, of which only the ATR request has a response. Any other
frame is a command APDU.
"""

import logging
import selectors
import socket
import sys
from enum import IntEnum
from threading import Thread
from typing import Self

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.errors import NoVirtualReaderError
from kortilla.mock_card.faults import CardGoneError, CardSilentError, FaultyCard
from kortilla.mock_card.folder import Watch

logger = logging.getLogger(__name__)

DEFAULT_PORT = 35963


class _Order(IntEnum):
    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


class VirtualReader:
    """A card in a virtual reader: connecting is inserting, ``stop`` is removing.

    A card that a fault or another process has removed is inserted again when its folder
    says so. Raises ``NoVirtualReaderError`` if no virtual reader listens there. Call
    ``run``, or use the object as a context manager, which runs it in a thread.
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
            raise NoVirtualReaderError(
                f"No virtual reader listens on {host}:{port}: {error.strerror}."
            ) from error
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.run, name="vpcd", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        if self._thread:
            self._thread.join()

    def run(self) -> None:
        """Serve the reader until it disconnects or ``stop`` is called.

        Raises ``MockCardBrokenError`` if the card's folder becomes unusable, and
        ``InvalidArgumentError`` for a fault that a virtual reader can't have.
        """
        watch = self._inserted.state.watch()
        try:
            while self._serve(watch):
                self._card.reset()
                self._socket.close()
                if not self._wait_for_card(watch):
                    return
                self._insert()
        except (OSError, NoVirtualReaderError) as error:
            # The reader disconnected during an exchange.
            logger.debug("The virtual reader's connection ended: %s", error)
        finally:
            watch.close()
            self._card.reset()
            self._socket.close()
            self._stop.close()
            self._stopped.close()

    def stop(self) -> None:
        """Remove the card, from any thread. ``run`` then returns."""
        self._card.hurry()
        try:
            self._stop.send(b"!")
        except OSError:
            logger.debug("The virtual reader was gone already.")

    def _serve(self, watch: Watch) -> bool:
        """Serve the reader; return True if the card was pulled, else False."""
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
                # The driver has no time-out. After an immediate reconnect it reports
                # a failed command, and a card that is still present.
                return True
            if answer is not None:
                self._socket.sendall(len(answer).to_bytes(2) + answer)

    def _wait_for_card(self, watch: Watch) -> bool:
        """Wait until the card is inserted; return False if ``stop`` was called."""
        while not (presence := self._inserted.state.presence()).card:
            if self._stopped in self._wait(watch, timeout=presence.seconds_left()):
                return False
        return True

    def _wait(
        self, watch: Watch, *sockets: socket.socket, timeout: float | None = None
    ) -> set[socket.socket]:
        """Wait for a readable socket or a change; return the readable sockets."""
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
                # vpcd writes a frame in two parts; without this the second one waits
                # 40 ms for our acknowledgement of the first. Linux resets the option.
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            received += part
        return bytes(received)
