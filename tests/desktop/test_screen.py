# SPDX-License-Identifier: MIT
"""``kortilla open`` on a real screen, by keyboard, beside a real accessibility bus."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.pin_prompt.accessibility_bus import (
    BUTTON,
    HEADING,
    LIST,
    LIST_ITEM,
    AccessibilityBus,
    open_accessibility_bus,
)
from tests.support import cards
from tests.support.patience import patience
from tests.support.screen import Screen, open_screen

COMMAND = [
    *(sys.executable, "-I", "-m", "native_host.cli"),
    *("open", "--card", "mock", "--lang", "en", "--json"),
]
#: AT-SPI's numbers of the roles that a person can act on or goes to.
CHECK_BOX, RADIO_BUTTON = 7, 44
NAMED = {BUTTON, HEADING, LIST, LIST_ITEM, CHECK_BOX, RADIO_BUTTON}


@pytest.fixture
def screen(home: Path) -> Iterator[Screen]:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    with open_screen(1366, 768) as screen:
        yield screen


@pytest.fixture
def bus(screen: Screen) -> Iterator[AccessibilityBus]:
    with open_accessibility_bus(screen.display) as bus:
        yield bus


def names(bus: AccessibilityBus, role: int) -> list[str]:
    # A part may go while the parts are asked for.
    with suppress(ValueError):
        return [bus.name(part) for part in bus.parts(role)]
    return []


def unnamed(bus: AccessibilityBus) -> list[int] | None:
    """Return the roles of controls without a name; None if not all were there."""
    with suppress(ValueError):
        named = [(role, bus.name(part)) for part, role in bus.roles() if role in NAMED]
        assert {LIST, LIST_ITEM, HEADING, BUTTON} <= {role for role, _ in named}
        return [role for role, name in named if not name]
    return None


def test_a_person_opens_it_changes_a_pin_and_closes_it_by_keyboard(
    screen: Screen, bus: AccessibilityBus
) -> None:
    environment = screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.session}
    first = subprocess.Popen(
        COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        window = screen.find("^Card – Kortilla$")
        screen.wait_for_focus(window)
        screen.wait_until_shown(lambda: "Change PIN1" in names(bus, BUTTON))
        screen.wait_until_shown(lambda: unnamed(bus) == [])
        # Qt's own scroll area crashes at such a request.
        bus.ask_for_more()

        # A second start brings it to the front.
        done = subprocess.run(
            COMMAND, env=environment, capture_output=True, text=True, check=True
        )
        assert json.loads(done.stdout) == {"open": "raised"}

        screen.press("ctrl+1", "Tab", "Tab", "Return")
        asking = screen.find("Kortilla: change a PIN")
        screen.wait_for_focus(asking)
        screen.press("Escape")
        screen.wait_for_focus(window)
        screen.press("ctrl+q")
        output, _ = first.communicate(timeout=patience())
        assert json.loads(output) == {"open": "closed"}
        assert first.returncode == 0
    finally:
        first.kill()
        first.communicate()
