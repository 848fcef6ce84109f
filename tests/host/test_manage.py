# SPDX-License-Identifier: MIT
"""Our extension's own pages activate a card, change a PIN and unblock one."""

import sys
from pathlib import Path

import pytest

from kortilla.mock_card.faults import Fault
from kortilla.mock_card.state import MockCardState
from tests.host.conftest import MOCK_FOLDER, furnish
from tests.host.process import (
    make_environment,
    running,
)
from tests.host.test_own_protocol import Script
from tests.support import cards

PAGE = "moz-extension://0f3b9f0e-5c1d-4a7b-9b1e-2a6d3c4e5f60"
CODES = {"v5-2026": "1234567", "v5": "12345678"}


@pytest.fixture
def card(
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> MockCardState:
    """A new card in a HOME; the parameter is its profile."""
    home = furnish(tmp_path / "home", cards.made(request.param, "new"))
    return MockCardState.open(home / MOCK_FOLDER)


def environment(card: MockCardState) -> dict[str, str]:
    return make_environment(card.folder.parents[3], 'card = "mock"\nlanguage = "en"\n')


def pins(card: MockCardState) -> tuple[str, str]:
    data = card.read()
    return data.pin1.value, data.pin2.value


@pytest.mark.parametrize("card", CODES, indirect=True)
def test_a_card_is_activated_and_the_result_comes_when_the_window_is_closed(
    card: MockCardState, tmp_path: Path
) -> None:
    code = CODES[card.read().profile]
    script = Script(tmp_path, f"{code},2468,135790", "cancel")
    with running(environment(card), prompt_command=script.command) as host:
        host.send({"id": "1", "command": "activate", "arguments": {"page": PAGE}})
        assert [host.receive() for _ in range(4)] == [
            {"id": "1", "progress": "window-open"},
            {"id": "1", "progress": "setting", "done": 0, "total": 2},
            {"id": "1", "progress": "setting", "done": 1, "total": 2},
            {"id": "1", "result": {"pin1": "set", "pin2": "set"}},
        ]
    told = script.told()
    assert told[0]["conversation"] == {
        "operation": "activate",
        "origin": "",
        "language": "en",
        "test_card": True,
        "started_by_person": True,
        "program": "",
        "caller": Path(sys.executable).resolve().name,  # this test is no browser
    }
    assert pins(card) == ("2468", "135790")


@pytest.mark.parametrize("card", ["v5-2026"], indirect=True)
def test_the_window_with_the_result_stays_until_it_is_closed(
    card: MockCardState, tmp_path: Path
) -> None:
    script = Script(tmp_path, "1234567,2468,135790", "wait")
    with running(environment(card), prompt_command=script.command) as host:
        host.send({"id": "1", "command": "activate", "arguments": {"page": PAGE}})
        host.until(lambda: any(told.get("step") == "done" for told in script.told()))
        # No other command can replace it.
        host.begin_login("2")
        busy = host.answer()
        assert (busy["id"], busy["error"]["code"]) == ("2", "BUSY")
        # A PIN that is set counts, even if the request is cancelled meanwhile.
        host.send({"id": "1", "command": "cancel"})
        assert host.answer() == {
            "id": "1",
            "result": {"pin1": "set", "pin2": "set"},
        }
    assert pins(card) == ("2468", "135790")


@pytest.mark.parametrize("card", ["v5-2026"], indirect=True)
def test_pins_are_changed_and_unlocked_one_at_a_time(
    card: MockCardState, tmp_path: Path
) -> None:
    done = []
    for command, arguments, codes in (
        ("activate", {}, "1234567,2468,135790"),
        ("change-pin", {"pin": "PIN1"}, "2468,8642"),
        ("unblock", {"pin": "PIN2"}, "12345678,975310"),
    ):
        script = Script(tmp_path, codes, "cancel")
        with running(environment(card), prompt_command=script.command) as host:
            done.append(host.ask(command, page=PAGE, **arguments)["result"])
    assert done == [{"pin1": "set", "pin2": "set"}, {"pin1": "set"}, {"pin2": "set"}]
    assert pins(card) == ("8642", "975310")
    data = card.read()
    assert (data.pin1.tries, data.pin2.tries, data.puk.tries) == (5, 5, 5)


@pytest.mark.parametrize("card", ["v5-2026"], indirect=True)
def test_a_window_that_is_closed_halfway_cancels_and_the_rest_can_follow(
    card: MockCardState, tmp_path: Path
) -> None:
    card.add_fault(Fault("card-pulled", on="change", skip=1, seconds=0.1))
    script = Script(tmp_path, "1234567,2468,135790", "cancel")
    with running(environment(card), prompt_command=script.command) as host:
        answer = host.ask("activate", page=PAGE)
    assert answer["error"]["code"] == "USER_CANCELLED"
    assert pins(card) == ("2468", "1234567")
    script = Script(tmp_path, "1234567,975310", "cancel")
    # The window asks for the activation code and PIN2: two codes, not three.
    with running(environment(card), prompt_command=script.command) as host:
        answer = host.ask("activate", page=PAGE)
    assert answer["result"] == {"pin1": "was-set", "pin2": "set"}
    assert pins(card) == ("2468", "975310")


@pytest.mark.parametrize("card", ["v5-2026"], indirect=True)
def test_the_browsers_end_lets_go_of_the_card(
    card: MockCardState, tmp_path: Path
) -> None:
    script = Script(tmp_path, "wait")
    before = card.read()
    with running(environment(card), prompt_command=script.command) as host:
        host.send({"id": "1", "command": "activate", "arguments": {"page": PAGE}})
        host.until(lambda: any(t["type"] == "ask-codes" for t in script.told()))
        host.end_input()
        assert host.wait() == 0
    assert card.read() == before
