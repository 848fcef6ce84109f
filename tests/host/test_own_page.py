# SPDX-License-Identifier: MIT
"""The commands for pages of Kortilla's own extension, and who is refused."""

from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardConnection
from native_host.messaging.commands import web_eid_command
from tests.host.conftest import MOCK_FOLDER, Scripted
from tests.host.process import (
    ORIGIN,
    OWN_CALLER,
    WEB_EID_CALLER,
    HostProcess,
    Script,
    kortilla,
    make_environment,
    running,
)
from tests.support.errors import raises

CHROMIUM_ID = "eeofbendeddpgakkpoeccckfnfplkhcb"
CHROMIUM_PAGE = f"chrome-extension://{CHROMIUM_ID}"
CHROMIUM_CALLER = (f"{CHROMIUM_PAGE}/",)
FIREFOX_PAGE = "moz-extension://0f3b9f0e-5c1d-4a7b-9b1e-2a6d3c4e5f60"
OTHER_ID = "abcdefghijklmnopabcdefghijklmnop"
COMMANDS: dict[str, dict[str, object]] = {
    "card-status": {},
    "activate": {},
    "change-pin": {"pin": "PIN1"},
    "prepare-login": {},
    "unblock": {"pin": "PIN2"},
    "self-check": {},
    "fix": {"code": "MANIFEST_MISSING"},
    "open-window": {},
    "token-status": {},
    "token-switch": {"on": True},
    "wait-for-card": {},
}


def check_log(log: str) -> None:
    for command in COMMANDS:
        assert f"{command} was asked for and refused" in log


def refused(host: HostProcess, command: str, arguments: dict[str, object]) -> bool:
    answer = host.ask(command, **arguments)
    return bool(answer["error"]["code"] == "CALLER_REFUSED")


@pytest.mark.parametrize(
    ("caller", "page"),
    [(OWN_CALLER, FIREFOX_PAGE), (CHROMIUM_CALLER, CHROMIUM_PAGE)],
    ids=["Firefox", "Chromium"],
)
def test_the_cards_status_is_the_one_that_the_command_prints(
    scripted: Scripted,
    home: Path,
    window: dict[str, str],
    caller: tuple[str, ...],
    page: str,
) -> None:
    before = (home / MOCK_FOLDER / "card.json").read_bytes()
    script = scripted()
    with script.running(caller=caller) as host:
        answer = host.ask("card-status", page=page)
        # The port accepts further requests.
        assert host.ask("card-status", page=page) == answer
    assert answer["result"] == kortilla(window, "card", "status")
    [reader] = answer["result"]["readers"]
    assert reader["card"]["tries"] == {"PIN1": 5, "PIN2": 5, "PUK": 5}
    assert (home / MOCK_FOLDER / "card.json").read_bytes() == before
    assert script.told() == [], "no window opens"


def test_a_wait_for_a_card_ends_when_there_is_one(
    home: Path, window: dict[str, str]
) -> None:
    card = MockCardState.open(home / MOCK_FOLDER)
    card.pull(reader=True)
    with running(window) as host:
        page = {"page": FIREFOX_PAGE}
        host.send({"id": "1", "command": "wait-for-card", "arguments": page})
        host.send({"id": "2", "command": "card-status", "arguments": page})
        assert host.answer()["error"]["code"] == "BUSY", "it waits"
        card.insert()
        assert host.answer() == {"id": "1", "result": {}}
        assert host.ask("wait-for-card", page=FIREFOX_PAGE)["result"] == {}


def test_a_card_that_another_program_holds_is_said_in_its_reader(
    home: Path, window: dict[str, str]
) -> None:
    other = MockCardConnection(MockCardState.open(home / MOCK_FOLDER))
    with running(window) as host:
        [reader] = host.ask("card-status", page=FIREFOX_PAGE)["result"]["readers"]
    other.close()
    assert (reader["card"], reader["error"]["code"]) == (None, "CARD_BUSY")


@pytest.mark.parametrize(
    ("caller", "page"),
    [
        (WEB_EID_CALLER, WEB_EID_CALLER[0].rstrip("/")),
        (WEB_EID_CALLER, CHROMIUM_PAGE),
        ((f"chrome-extension://{OTHER_ID}/",), f"chrome-extension://{OTHER_ID}"),
        ((f"chrome-extension://{OTHER_ID}/",), CHROMIUM_PAGE),
        ((), FIREFOX_PAGE),
        ((), CHROMIUM_PAGE),
    ],
    ids=[
        *("Web eID's", "Web eID's with our page", "one of the configuration"),
        *("one of the configuration with our page", "a portal", "a portal, Chromium"),
    ],
)
def test_no_other_extension_may_ask_and_that_is_logged(
    home: Path, caller: tuple[str, ...], page: str
) -> None:
    script = Script(home)
    config = f'card = "mock"\nextensions = ["{OTHER_ID}"]\n'
    with script.running(make_environment(home, config), caller) as host:
        for command, arguments in COMMANDS.items():
            assert refused(host, command, {"page": page, **arguments}), command
        check_log(host.end())
    assert all(told["type"] == "gone" for told in script.told())


BAD_PAGES: dict[tuple[str, ...], list[dict[str, object]]] = {
    OWN_CALLER: [
        {},
        {"page": None},
        {"page": ""},
        {"page": [FIREFOX_PAGE]},
        {"page": ORIGIN},
        {"page": "null"},
        {"page": CHROMIUM_PAGE},
        {"page": f"{FIREFOX_PAGE}/"},
        {"page": f"{FIREFOX_PAGE}\n"},
        {"page": FIREFOX_PAGE.upper()},
        {"page": "moz-extension://service.example"},
        {"page": f"{FIREFOX_PAGE}@service.example"},
        {"page": FIREFOX_PAGE, "origin": ORIGIN},
        {"page": FIREFOX_PAGE, "origin": FIREFOX_PAGE},
        {"page": FIREFOX_PAGE, "origin": None},
    ],
    CHROMIUM_CALLER: [
        {"page": FIREFOX_PAGE},
        {"page": f"chrome-extension://{OTHER_ID}"},
        {"page": f"{CHROMIUM_PAGE}/"},
        {"page": ORIGIN},
        {"origin": ORIGIN, "page": CHROMIUM_PAGE},
    ],
}


@pytest.mark.parametrize("caller", BAD_PAGES, ids=["Firefox", "Chromium"])
def test_no_web_page_gets_through_our_own_extension(
    scripted: Scripted, caller: tuple[str, ...]
) -> None:
    script = scripted()
    with script.running(caller=caller) as host:
        for command, needed in COMMANDS.items():
            for arguments in BAD_PAGES[caller]:
                asked = {**needed, **arguments}
                assert refused(host, command, asked), (command, arguments)
        # The host goes on for permitted callers.
        page = FIREFOX_PAGE if caller == OWN_CALLER else CHROMIUM_PAGE
        assert "result" in host.ask("card-status", page=page)
        check_log(host.end())
    assert all(told["type"] == "gone" for told in script.told())


#: The last field of each is wrong, or the only one is missing.
WRONG_FIELDS: dict[str, list[dict[str, Any]]] = {
    "card-status": [{"lang": 1}, {"pin": "PIN1"}],
    "prepare-login": [{"lang": 1}],
    "activate": [{"pin": "PIN1"}, {"code": "1234567"}, {"lang": "finnish please"}],
    "change-pin": [{}, {"pin": "PUK"}, {"pin": "pin1"}, {"pin": 1}],
    "unblock": [
        {"pin": None},
        {"pin": "PIN1", "puk": "12345678"},
        {"pin": "PIN1", "userActivation": True},
    ],
    "self-check": [{"lang": 1}],
    "fix": [
        {},
        {"code": "kortilla install"},
        {"code": "PKCS11_OFF", "confirmed": "yes"},
        {"code": "PKCS11_OFF", "words": ["kortilla", "install"]},
    ],
    "open-window": [{"lang": "fi"}, {"files": ["/etc/passwd"]}, {"program": "sh"}],
    "token-status": [{"on": True}],
    "token-switch": [{}, {"on": "true"}, {"on": True, "browser": "firefox"}],
}


def test_a_wrong_field_is_named(window: dict[str, str]) -> None:
    with running(window) as host:
        for command, wrong in WRONG_FIELDS.items():
            for arguments in wrong:
                error = host.ask(command, page=FIREFOX_PAGE, **arguments)["error"]
                assert error["code"] == "INVALID_ARGUMENT", (command, arguments)
                named = [*(arguments or COMMANDS[command])][-1]
                assert error["message"].startswith(named), (command, arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_requests_without_an_id_know_none_of_these(command: str) -> None:
    with raises("UNKNOWN_COMMAND"):
        web_eid_command(command, {"page": FIREFOX_PAGE, **COMMANDS[command]})
