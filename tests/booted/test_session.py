# SPDX-License-Identifier: MIT
"""The agent in the person's session, and the activation of a new card."""

import time
from pathlib import Path

import pytest

from tests.booted.computer import wait_until
from tests.booted.conftest import Cards
from tests.booted.desktop import Desktop
from tests.booted.person import ACTIVATION, Citizen

NEW_PIN1, NEW_PIN2 = "8275", "917364"
_IDLE = 5.0  # seconds, which are what is measured


def _ticks(pid: int) -> int:
    """Return the processor time of a process, in hundredths of seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.fixture
def agent(desktop: Desktop) -> int:
    """The agent's process, which a person starts where the desktop does not."""
    computer = desktop.computer
    if not computer.processes("native_host.cli", "agent"):
        computer.user("systemd-run", "--user", "--collect", "kortilla", "agent")
    find = ("native_host.cli", "agent")
    pid: int = wait_until(lambda: computer.processes(*find), "the agent")[0]
    return pid


def test_idle_agent(agent: int, own_cards: Cards) -> None:
    """The idle agent uses no processor time"""
    own_cards.insert()
    own_cards.pull()
    wait_until(lambda: _rests(agent), "the agent rests")
    before = _ticks(agent)
    time.sleep(_IDLE)
    assert _ticks(agent) == before


def _rests(pid: int) -> bool:
    before = _ticks(pid)
    time.sleep(0.5)
    return _ticks(pid) == before


def test_activation(
    desktop: Desktop, citizen: Citizen, own_cards: Cards, agent: int, pictures: Path
) -> None:
    """A new card opens the activation window, whole and in front"""
    data = own_cards.insert(own_cards.made("new")).read()
    citizen.check_window(
        ACTIVATION("title"),
        "manage",
        [ACTIVATION("heading"), ACTIVATION("not_official")],
        pictures / f"{desktop.computer.name}-activation.png",
    )
    code = data.pin1.value if data.pin1.tries else data.puk.value
    codes = (code, NEW_PIN1, NEW_PIN1, NEW_PIN2, NEW_PIN2, "")
    citizen.press_button(ACTIVATION("title"), ACTIVATION("offer.yes"))
    citizen.wait_ready(ACTIVATION("title"), ACTIVATION("next"))
    desktop.type("\r".join(codes))
    wait_until(lambda: own_cards.card.read().pin2.changed, "the card is activated")
    pins = own_cards.card.read()
    assert (pins.pin1.value, pins.pin2.value) == (NEW_PIN1, NEW_PIN2)
    done = ACTIVATION("step.done.heading")
    desktop.wait_for(
        ACTIVATION("title"), lambda parts: any(done == each.name for each in parts)
    )
    desktop.save_picture(pictures / f"{desktop.computer.name}-activated.png")
    desktop.press("Escape")
    desktop.wait_gone(ACTIVATION("title"))
