# SPDX-License-Identifier: MIT
"""The package with a USB reader that Debian's own CCID driver drives.

The tests run in their order on one machine: each goes on where the one before ended.
Without ``tests/vm/run`` there is none, and ``tests/conftest.py`` leaves them out.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from kortilla.mock_card.faults import CommandName
from tests.booted.computer import wait_until
from tests.cli.conftest import NONCE, ORIGIN
from tests.support import cards
from tests.support.pcsc import LoggedCard
from tests.vm.machine import Machine, boot
from tests.vm.reader import UsbReader

# Emulated, a machine boots in minutes where others are busy beside it.
pytestmark = pytest.mark.timeout(900)

PIN1 = "1234"
#: What Debian's driver calls QEMU's reader, which has this product's number.
_NAME = "Gemplus USB SmartCard Reader 433-Swap"
_ASKED = (
    f"kortilla identify --origin {ORIGIN} --nonce {NONCE} --card pcsc"
    " --prompt terminal --lang en --json >result"
)
_CONSENT, _FIELD = "any other answer cancels: ", "(PIN1): "
_REFUSED = "Typing on the card reader does not work on this computer."
_UNUSED = "Typing on this card reader has not worked on this computer."


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The machine, switched on."""
    with boot(Path(os.environ["VM_WORK"])) as machine:
        yield machine


@pytest.fixture(scope="module")
def reader(machine: Machine) -> Iterator[UsbReader]:
    """Its reader, at first not plugged in."""
    reader = UsbReader(machine)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> LoggedCard:
    """The person's card, at first not put in."""
    return LoggedCard(cards.new_card(tmp_path_factory.mktemp("cards") / "card"))


def result(machine: Machine, command: str = "cat result") -> Any:
    """Return what a command printed for programs."""
    return json.loads(machine.run(command)[1])


def readers(machine: Machine) -> list[dict[str, Any]]:
    """Return what the program tells of each reader."""
    found: list[dict[str, Any]] = result(machine, "kortilla card status --json")[
        "readers"
    ]
    return found


def doctor(machine: Machine) -> set[str]:
    """Return the codes of what the doctor finds."""
    findings = result(machine, "kortilla doctor --json")["findings"]
    return {each["code"] for each in findings}


def check_login(machine: Machine, card: LoggedCard) -> None:
    """Check that the command ends with a token that a service accepts."""
    assert machine.ended()[0] == 0
    checked = validate(
        result(machine),
        origin=ORIGIN,
        nonce=NONCE,
        trust=Trust.from_folder(card.state.folder, test=True),
    )
    assert asyncio.run(checked).satu == card.state.read().satu
    assert card.state.read().pin1.tries == 5


def ask_until_it_is_gone(
    machine: Machine, card: LoggedCard, remove: Callable[[], None]
) -> None:
    """Begin a login, type a part of a PIN, and have the card go from the reader."""
    card.log.clear()
    machine.type(f"{_ASKED}\n")
    machine.wait_for(_FIELD)
    machine.type("99")
    remove()
    machine.wait_for("The card was taken out of the reader.")
    assert CommandName.VERIFY not in card.log
    assert card.state.read().pin1.tries == 5


def test_reader_and_card_are_seen(
    machine: Machine, reader: UsbReader, card: LoggedCard
) -> None:
    assert readers(machine) == []
    assert "NO_READER" in doctor(machine)
    reader.plug_in()
    [empty] = wait_until(lambda: readers(machine), "the reader is seen")
    assert _NAME in empty["reader"]
    assert (empty["atr"], empty["card"]) == (None, None)
    reader.insert(card)
    [full] = wait_until(
        lambda: [each for each in readers(machine) if each["atr"]], "the card is seen"
    )
    assert full["atr"] == card.atr.hex().upper()
    assert full["card"]["holder"]["name"] == "AINO SPECIMEN-VIRTANEN"
    found = doctor(machine)
    assert {"READER", "CARD", "TEST_CARD"} <= found
    assert not found & {"NO_READER", "NO_CARD", "PCSCD_STOPPED", "PCSCD_DENIED"}


def test_pin_pad_that_lies_leads_to_the_keyboard(
    machine: Machine, card: LoggedCard
) -> None:
    card.log.clear()
    machine.type(f"{_ASKED}\n")
    machine.wait_for(ORIGIN)
    machine.wait_for(card.state.read().satu)
    assert "Never type it on the computer." in machine.wait_for(_CONSENT)
    machine.type("yes\n")
    assert _REFUSED in machine.wait_for(_FIELD)
    assert CommandName.VERIFY not in card.log
    machine.type(f"{PIN1}\n")
    check_login(machine, card)


def test_keyboard_is_remembered_for_the_reader(
    machine: Machine, card: LoggedCard
) -> None:
    machine.type(f"{_ASKED}\n")
    shown = machine.wait_for(_FIELD)
    assert _UNUSED in shown
    assert _CONSENT not in shown
    machine.type(f"{PIN1}\n")
    check_login(machine, card)


def test_card_pulled_during_the_question(
    machine: Machine, reader: UsbReader, card: LoggedCard
) -> None:
    ask_until_it_is_gone(machine, card, reader.pull)
    reader.insert(card)
    machine.wait_for(_FIELD)
    machine.type(f"{PIN1}\n")  # without the digits from before
    check_login(machine, card)


def test_reader_unplugged_during_the_question(
    machine: Machine, reader: UsbReader, card: LoggedCard
) -> None:
    ask_until_it_is_gone(machine, card, reader.unplug)
    reader.plug_in()
    reader.insert(card)
    machine.wait_for(_FIELD)
    machine.type(f"{PIN1}\n")
    check_login(machine, card)


def test_cancelling_without_a_reader_gives_the_reason(
    machine: Machine, reader: UsbReader, card: LoggedCard
) -> None:
    ask_until_it_is_gone(machine, card, reader.unplug)
    machine.type("\x03")
    status, shown = machine.ended()
    error = result(machine)["error"]
    assert (status, error["code"]) == (1, "USER_CANCELLED"), shown
    assert error["reason"] == "CARD_REMOVED"
    assert readers(machine) == []


def test_login_waits_until_both_are_there_again(
    machine: Machine, reader: UsbReader, card: LoggedCard
) -> None:
    machine.type(f"{_ASKED}\n")
    machine.wait_for("Connect the card reader to the computer")
    reader.plug_in()
    machine.wait_for("Put the identity card in the card reader")
    reader.insert(card)
    machine.wait_for(_FIELD)
    machine.type(f"{PIN1}\n")
    check_login(machine, card)
