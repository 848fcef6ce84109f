# SPDX-License-Identifier: MIT
"""The card in a virtual reader; the test takes the driver's part."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from kortilla.mock_card.card import MockCard
from kortilla.mock_card.errors import InvalidArgumentError
from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from kortilla.mock_card.vpcd import VirtualReader
from tests.mock_card.conftest import SELECT_APPLICATION, pin_block
from tests.support.patience import patience

OFF, ON, RESET, ATR = b"\x00", b"\x01", b"\x02", b"\x04"
STATUS = "00200011"


class Driver:
    """The driver's side of the protocol, as in pcscd."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.line = socket.socket()

    def accept(self) -> None:
        self.line.close()
        self.line, _ = self.listener.accept()
        self.line.settimeout(patience())

    def send(self, frame: bytes) -> None:
        self.line.sendall(len(frame).to_bytes(2))
        self.line.sendall(frame)

    def receive(self) -> bytes:
        size = int.from_bytes(self.line.recv(2, socket.MSG_WAITALL))
        return self.line.recv(size, socket.MSG_WAITALL)

    def transmit(self, apdu: str) -> str:
        self.send(bytes.fromhex(apdu))
        return self.receive().hex().upper()

    def ended(self) -> bool:
        """Whether the card's side closes the line after its last data."""
        return self.line.recv(1) == b""

    def close(self) -> None:
        self.listener.close()
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
        driver.send(ATR)
        assert driver.receive() == card.atr
        for order in (OFF, ON, RESET):
            assert driver.transmit(SELECT_APPLICATION) == "9000"
            assert driver.transmit(STATUS) == "63C5"
            assert driver.transmit(f"002000110C{pin_block('1234')}") == "9000"
            assert driver.transmit(STATUS) == "9000"
            driver.send(order)
            assert driver.transmit(STATUS) == "6D00"
        driver.send(b"\x09")  # unknown orders and empty frames do no harm
        assert driver.transmit("") == "6700"
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        assert len(driver.transmit("00CB00FF05A003830111")) == 2 * (0x25 + 2)


def test_stopping_takes_the_card_out(driver: Driver, card: MockCard) -> None:
    with VirtualReader(card, port=driver.port) as reader:
        driver.accept()
        assert driver.transmit(f"002000110C{pin_block('1234')}") == "9000"
        reader.stop()
        reader.stop()
        assert driver.ended()
    assert card.transmit(bytes.fromhex("00200011")) == b"\x6d\x00"


def test_run_returns_when_the_reader_goes_away(driver: Driver, card: MockCard) -> None:
    reader = VirtualReader(card, port=driver.port)
    driver.accept()
    driver.send(ON)
    driver.line.sendall(b"\x00")  # half a length
    driver.line.close()
    reader.run()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_pulled_card_ends_the_line_and_comes_back_on_a_new_one(
    driver: Driver, card: MockCard, state: MockCardState, when: str
) -> None:
    with VirtualReader(card, port=driver.port):
        driver.accept()
        assert driver.transmit(f"002000110C{pin_block('1234')}") == "9000"
        state.set_faults(Fault("card-pulled", on="verify", when=when, seconds=0.05))
        driver.send(bytes.fromhex(f"002000110C{pin_block('4321')}"))
        assert driver.ended()
        driver.accept()
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        assert driver.transmit(STATUS) == {"before": "63C5", "after": "63C4"}[when]


def test_a_card_that_another_process_pulls_and_puts_back(
    driver: Driver, card: MockCard, state: MockCardState
) -> None:
    with VirtualReader(card, port=driver.port):
        driver.accept()
        assert driver.transmit(STATUS) == "63C5"
        state.pull()
        assert driver.ended()
        state.insert()
        driver.accept()
        assert driver.transmit(SELECT_APPLICATION) == "9000"
        state.insert()  # out and in again
        assert driver.ended()
        driver.accept()
        assert driver.transmit(SELECT_APPLICATION) == "9000"


@pytest.mark.parametrize("fault", ["pulled", "mute", "delay"])
def test_a_card_that_keeps_one_waiting_can_be_stopped(
    driver: Driver, card: MockCard, state: MockCardState, fault: str
) -> None:
    with VirtualReader(card, port=driver.port) as reader:
        driver.accept()
        if fault == "pulled":
            state.pull()
            assert driver.ended()
            return
        state.set_faults(Fault(fault, seconds=3600))
        driver.send(bytes.fromhex(STATUS))
        while state.faults():  # it is used up: the wait begins
            pass
        reader.stop()


def test_a_virtual_reader_can_not_be_pulled_and_that_is_said(
    driver: Driver, card: MockCard, state: MockCardState
) -> None:
    reader = VirtualReader(card, port=driver.port)
    driver.accept()
    state.set_faults(Fault("reader-pulled"))
    driver.send(bytes.fromhex(STATUS))
    with pytest.raises(InvalidArgumentError, match="virtual reader"):
        reader.run()
    assert state.presence().reader
