# SPDX-License-Identifier: MIT
"""Our extension's own pages activate a card, change a PIN and unblock one."""

import sys
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from tests.host.conftest import MOCK_FOLDER, furnish
from tests.host.process import Script, make_environment, off
from tests.support import cards

PAGE = "moz-extension://0f3b9f0e-5c1d-4a7b-9b1e-2a6d3c4e5f60"
CODES = {"v5-2026": "1234567", "v5": "12345678"}
ACTIVATE = {"id": "1", "command": "activate", "arguments": {"page": PAGE}}
DONE = {"pin1": "set", "pin2": "set"}


@pytest.fixture
def profile() -> str:
    """The profile of the card; a test's parameter may name another."""
    return "v5-2026"


@pytest.fixture
def card(profile: str, tmp_path: Path) -> MockCardState:
    """A new card in a HOME."""
    home = furnish(tmp_path / "home", cards.made(profile, "new"))
    return MockCardState.open(home / MOCK_FOLDER)


def environment(card: MockCardState) -> dict[str, str]:
    return make_environment(card.folder.parents[3], 'card = "mock"\nlanguage = "en"\n')


def pins(card: MockCardState) -> tuple[str, str]:
    data = card.read()
    return data.pin1.value, data.pin2.value


@pytest.mark.parametrize("profile", CODES)
def test_a_card_is_activated_and_the_result_comes_when_the_window_is_closed(
    card: MockCardState, tmp_path: Path, profile: str
) -> None:
    script = Script(tmp_path, f"{CODES[profile]},2468,135790", "cancel")
    with script.running(environment(card)) as host:
        host.send(ACTIVATE)
        assert [host.receive() for _ in range(4)] == [
            {"id": "1", "progress": "window-open"},
            {"id": "1", "progress": "setting", "done": 0, "total": 2},
            {"id": "1", "progress": "setting", "done": 1, "total": 2},
            {"id": "1", "result": DONE},
        ]
    assert script.opened() == {
        "operation": "activate",
        "origin": "",
        "language": "en",
        "test_card": True,
        "started_by_person": True,
        "program": "",
        "caller": Path(sys.executable).resolve().name,  # this test is no browser
    }
    assert pins(card) == ("2468", "135790")


def test_the_window_with_the_result_stays_until_it_is_closed(
    card: MockCardState, tmp_path: Path
) -> None:
    script = Script(tmp_path, "1234567,2468,135790", "wait")
    with script.running(environment(card)) as host:
        host.send(ACTIVATE)
        host.until(lambda: script.showed("done"))
        # No other command can replace it.
        host.begin_login("2")
        busy = host.answer()
        assert (busy["id"], busy["error"]["code"]) == ("2", "BUSY")
        # A PIN that is set counts, even if the request is cancelled meanwhile.
        host.send(off("cancel"))
        assert host.answer() == {"id": "1", "result": DONE}
    assert pins(card) == ("2468", "135790")


def test_pins_are_changed_and_unlocked_one_at_a_time(
    card: MockCardState, tmp_path: Path
) -> None:
    for command, arguments, codes, result in (
        ("activate", {}, "1234567,2468,135790", DONE),
        ("change-pin", {"pin": "PIN1"}, "2468,8642", {"pin1": "set"}),
        ("unblock", {"pin": "PIN2"}, "12345678,975310", {"pin2": "set"}),
    ):
        with Script(tmp_path, codes, "cancel").running(environment(card)) as host:
            assert host.ask(command, page=PAGE, **arguments)["result"] == result
    assert pins(card) == ("8642", "975310")
    data = card.read()
    assert (data.pin1.tries, data.pin2.tries, data.puk.tries) == (5, 5, 5)
