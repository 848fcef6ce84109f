# SPDX-License-Identifier: MIT
"""The card in a virtual reader, whose driver is played by the test."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from native_host.card.errors import PcscUnavailable
from native_host.mock_card.card import MockCard
from native_host.mock_card.vpcd import DEFAULT_PORT, VirtualReader

from .conftest import SELECT_APPLICATION, pin_block

OFF, ON, RESET, ATR = b"\x00", b"\x01", b"\x02", b"\x04"


class Driver:
    """The side of the protocol that pcscd's driver has."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.line: socket.socket | None = None

    def accept(self) -> None:
        self.line, _ = self.listener.accept()
        self.line.settimeout(10)

    def send(self, frame: bytes) -> None:
        assert self.line
        self.line.sendall(len(frame).to_bytes(2))
        self.line.sendall(frame)

    def receive(self) -> bytes:
        assert self.line
        size = int.from_bytes(self.line.recv(2, socket.MSG_WAITALL))
        return self.line.recv(size, socket.MSG_WAITALL)

    def transmit(self, apdu: str) -> str:
        self.send(bytes.fromhex(apdu))
        return self.receive().hex().upper()

    def close(self) -> None:
        self.listener.close()
        if self.line:
            self.line.close()


@pytest.fixture
def driver() -> Iterator[Driver]:
    with closing(Driver()) as driver:
        yield driver


def test_the_reader_powers_the_card_and_talks_to_it(
    driver: Driver, card: MockCard
) -> None:
    with VirtualReader(card, port=driver.port):
        driver.accept()
        driver.send(ON)
        driver.send(ATR)
        assert driver.receive() == card.atr
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        assert len(driver.transmit("00CB00FF05A003830111")) == 2 * (0x25 + 2)


@pytest.mark.parametrize("order", [OFF, ON, RESET])
def test_power_and_reset_forget_verified_pins(
    driver: Driver, card: MockCard, order: bytes
) -> None:
    with VirtualReader(card, port=driver.port):
        driver.accept()
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        assert driver.transmit(f"002000110C{pin_block('1234')}") == "9000"
        assert driver.transmit("00200011") == "9000"
        driver.send(order)
        assert driver.transmit("00200011") == "6D00"
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        assert driver.transmit("00200011") == "63C5"


def test_unknown_orders_and_empty_frames_do_no_harm(
    driver: Driver, card: MockCard
) -> None:
    with VirtualReader(card, port=driver.port):
        driver.accept()
        driver.send(b"\x09")
        assert driver.transmit("") == "6700"
        assert driver.transmit("00200011") == "63C5"


def test_stopping_takes_the_card_out(driver: Driver, card: MockCard) -> None:
    with VirtualReader(card, port=driver.port) as reader:
        driver.accept()
        assert driver.transmit(f"002000110C{pin_block('1234')}") == "9000"
        reader.stop()
        reader.stop()
        assert driver.line
        assert driver.line.recv(1) == b""
    assert card.transmit(bytes.fromhex("00200011")) == b"\x6d\x00"


def test_run_returns_when_the_reader_goes_away(driver: Driver, card: MockCard) -> None:
    reader = VirtualReader(card, port=driver.port)
    driver.accept()
    driver.send(ON)
    assert driver.line
    driver.line.sendall(b"\x00")  # half a length
    driver.line.close()
    reader.run()


def test_a_reader_that_is_not_there_is_said(driver: Driver, card: MockCard) -> None:
    driver.close()
    with pytest.raises(PcscUnavailable, match=str(driver.port)):
        VirtualReader(card, port=driver.port)
    assert DEFAULT_PORT == 35963
