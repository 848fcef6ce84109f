# SPDX-License-Identifier: MIT
"""The agent, as Windows starts it when the person logs in. ``wineboot`` does that.

It uses the processor all the time, as Wine's SCardGetStatusChange never waits.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from tests.host.test_manage import pins
from tests.support.patience import patience
from tests.support.screen import Screen
from tests.windows.conftest import Insert
from tests.windows.wine import Person, Wine

#: Each starts a dozen programs, and a window.
pytestmark = pytest.mark.timeout(600)

_STOP = "from native_host.agent import presence; presence.stop()"


def run(wine: Wine, *command: str) -> str:
    """Run a program and return what it prints.

    Programs of Wine that it starts go on beside the agent, and would keep a pipe open.
    """
    with tempfile.TemporaryFile("w+") as output:
        subprocess.run(
            command,
            env=wine.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=patience(),
            check=False,
        )
        output.seek(0)
        return output.read()


def kortilla(wine: Wine, *words: str) -> str:
    return run(wine, *wine.command, *words)


def findings(wine: Wine) -> set[str]:
    """Return what the self-check finds of the agent."""
    found = json.loads(kortilla(wine, "doctor", "--json"))["findings"]
    return {each["code"] for each in found if each["code"].startswith("AGENT")}


def is_running(wine: Wine) -> bool:
    return bool(json.loads(kortilla(wine, "agent", "--status", "--json"))["running"])


def stop(wine: Wine) -> None:
    kortilla(wine, "-I", "-c", _STOP)


@pytest.fixture
def installed(wine: Wine) -> Iterator[Wine]:
    """Kortilla with its agent, which ``uninstall`` ends."""
    try:
        kortilla(wine, "install")
        yield wine
        kortilla(wine, "uninstall")
        assert not is_running(wine)
        assert findings(wine) == {"AGENT_NOT_INSTALLED"}
    finally:
        kortilla(wine, "install")
        stop(wine)


def test_it_opens_the_window_for_a_new_card_and_ends_at_removal(
    installed: Wine, insert: Insert, person: Person
) -> None:
    person.screen.wait_until(lambda: is_running(installed))  # from the beginning
    stop(installed)
    assert findings(installed) == {"AGENT_NOT_RUNNING"}
    run(installed, "wineboot")
    person.screen.wait_until(lambda: is_running(installed))
    card = insert("v5-2026", "new")
    person.picture("agent-offer", person.see("activate"))
    person.screen.press("Tab")  # from Not now to Activate
    person.screen.press("Return")
    person.picture("agent-letter", person.see("activate"))
    person.type("1234567")
    for code in ("3691", "739146"):
        person.see("activate")
        person.type(code, code)
    person.close()
    person.screen.wait_until(lambda: pins(card.state) == ("3691", "739146"))
    assert findings(installed) == {"AGENT_RUNS"}


def test_it_starts_no_more_once_it_is_switched_off(
    installed: Wine, screen: Screen
) -> None:
    kortilla(installed, "agent", "--disable")
    run(installed, "wineboot")
    assert not is_running(installed)
    assert findings(installed) == {"AGENT_DISABLED"}
    kortilla(installed, "agent", "--enable")
    # A removal ends only one that has started.
    screen.wait_until(lambda: is_running(installed))
