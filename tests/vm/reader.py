# SPDX-License-Identifier: MIT
"""QEMU's USB card reader (CCID), with the mock card in it.

QEMU takes a card over a socket, by the protocol VSCARD of libcacard: three 32-bit
big-endian numbers, namely the kind, the reader and the length, then that many bytes.
It has no message for a reset or for power, so the mock card is reset only when it is
put in.
"""

import contextlib
import socket
import struct
from enum import IntEnum
from threading import Thread

from kortilla.mock_card.card import MockCard
from tests.vm.machine import Machine

_HEADER = struct.Struct(">III")
_NO_READER = 0xFFFFFFFF
_VERSION = b"VSCD" + struct.pack(">II", 2, 0)  # and no capabilities


class _Kind(IntEnum):
    INIT = 1
    READER_ADD = 3
    ATR = 5
    CARD_REMOVE = 6
    APDU = 7


class UsbReader:
    """The reader, which is not plugged in at first."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._socket: socket.socket | None = None
        self._thread: Thread | None = None
        self._card: MockCard | None = None

    def plug_in(self) -> None:
        """Plug the reader in, without a card."""
        order = self._machine.order
        order("device_add", driver="usb-ccid", id="reader", bus="usb.0")
        card = {"driver": "ccid-card-passthru", "id": "slot", "bus": "reader.0"}
        order("device_add", **card, chardev="card")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(self._machine.card_path))
        self._send(_Kind.INIT, _VERSION, reader=_NO_READER)
        self._send(_Kind.READER_ADD)
        self._thread = Thread(target=self._serve, args=(self._socket,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull the reader's plug, with the card in it."""
        self._machine.order("device_del", id="reader")
        for device in ("slot", "reader"):
            self._machine.wait_deleted(device)
        self.close()

    def insert(self, card: MockCard) -> None:
        """Put a card in, which is a reset for it."""
        card.reset()
        self._card = card
        self._send(_Kind.ATR, card.atr)

    def pull(self) -> None:
        """Take the card out."""
        self._card = None
        self._send(_Kind.CARD_REMOVE)

    def close(self) -> None:
        """End the connection to QEMU, if there is one."""
        if self._socket and self._thread:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
            self._socket.close()
        self._socket = self._thread = self._card = None

    def _send(self, kind: _Kind, data: bytes = b"", *, reader: int = 0) -> None:
        assert self._socket
        self._socket.sendall(_HEADER.pack(kind, reader, len(data)) + data)

    def _serve(self, qemu: socket.socket) -> None:
        """Answer commands until the connection ends."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                kind, _, size = _HEADER.unpack(_read(qemu, _HEADER.size))
                data = _read(qemu, size)
                card = self._card
                if kind == _Kind.APDU and card:
                    self._send(_Kind.APDU, card.transmit(data))


def _read(qemu: socket.socket, size: int) -> bytes:
    """Return so many bytes. Raises ``EOFError`` at the end of the connection."""
    received = b""
    while len(received) < size:
        part = qemu.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received
