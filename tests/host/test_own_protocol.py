# SPDX-License-Identifier: MIT
"""Each request with an id has exactly one response, and the host goes on."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from kortilla.mock_card.state import MockCardState
from native_host import VERSION, WEB_EID_VERSION
from tests.host.conftest import MOCK_FOLDER, furnish
from tests.host.process import (
    NONCE,
    ORIGIN,
    OWN_CALLER,
    HostProcess,
    login_request,
    make_environment,
    running,
)

SCRIPT = Path(__file__).with_name("scripted_prompt.py")
AUTOMATIC = 'card = "mock"\nprompt = "automatic"\n'


class Script:
    """The scripted window's command, and the messages that it received."""

    def __init__(self, folder: Path, *answers: str) -> None:
        self._log = folder / "window.log"
        place = (str(SCRIPT), str(self._log))
        self.command = [sys.executable, "-I", "-S", *place, *answers]

    def told(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        *lines, _ = self._log.read_text().split("\n")
        return [json.loads(line) for line in lines]

    def offers(self) -> list[dict[str, Any]]:
        return [each for each in self.told() if each["type"] == "offer-unlock"]

    def process(self) -> int:
        return int(self._log.with_suffix(".log.pid").read_text())

    def questions(self) -> list[dict[str, Any]]:
        return [each["question"] for each in self.told() if each["type"] == "ask-pin"]


def tries(home: Path) -> int:
    return MockCardState.open(home / MOCK_FOLDER).read().pin1.tries


def test_the_hello_comes_by_itself(automatic: dict[str, str]) -> None:
    host = HostProcess(automatic, OWN_CALLER)
    assert host.receive() == {"version": WEB_EID_VERSION}
    assert WEB_EID_VERSION.endswith(VERSION)
    host.end_input()
    assert host.wait() == 0
    assert host.receive() is None
    host.put_away()


async def test_each_profiles_token_is_accepted_by_the_validator(
    tmp_path: Path, each_card: Path
) -> None:
    home = furnish(tmp_path / "home", each_card)
    with running(make_environment(home, AUTOMATIC)) as host:
        host.begin_login("a-1")
        assert host.receive() == {"id": "a-1", "progress": "window-open"}
        assert host.receive() == {"id": "a-1", "progress": "signing"}
        answer = host.receive()
    assert answer is not None and answer["id"] == "a-1"
    trust = Trust.from_folder(each_card, test=True)
    token = json.dumps(answer["result"])
    identity = await validate(token, origin=ORIGIN, nonce=NONCE, trust=trust)
    assert identity.surname.startswith("SPECIMEN")
    assert tries(home) == 5


def test_several_requests_follow_on_one_port(automatic: dict[str, str]) -> None:
    with running(automatic) as host:
        first, second = host.authenticate(), host.authenticate()
    assert first["result"]["algorithm"] == second["result"]["algorithm"] == "ES384"
    assert first["result"]["signature"] != second["result"]["signature"]


def test_a_cancellation_is_answered_and_spends_no_try(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "cancel")
    with running(window, prompt_command=script.command) as host:
        error = host.authenticate()["error"]
        assert error["code"] == "USER_CANCELLED"
        assert "reason" not in error
        assert host.authenticate() is not None, "the host lives on"
    assert tries(home) == 5


def test_the_page_can_call_its_request_off(home: Path, window: dict[str, str]) -> None:
    script = Script(home, "wait")
    with running(window, prompt_command=script.command) as host:
        host.begin_login("7")
        assert host.receive() == {"id": "7", "progress": "window-open"}
        host.send({"id": "other", "command": "cancel"})
        host.send({"id": "7", "command": "cancel"})
        answer = host.receive()
    assert answer is not None
    assert (answer["id"], answer["error"]["code"]) == ("7", "REQUEST_CANCELLED")


def test_a_second_request_meanwhile_is_told_busy(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "wait")
    with running(window, prompt_command=script.command) as host:
        host.begin_login()
        host.begin_login("2")
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == ("2", "BUSY")
        host.send({"id": "1", "command": "cancel"})
        assert host.answer()["id"] == "1"


def test_an_id_that_is_in_use_is_refused_under_no_id(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "wait")
    request = login_request()
    with running(window, prompt_command=script.command) as host:
        host.send(request)
        host.send(request)
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == (None, "INVALID_ARGUMENT")
        host.send({"id": "1", "command": "cancel"})
        assert host.answer()["error"]["code"] == "REQUEST_CANCELLED"


@pytest.mark.parametrize(
    ("command", "code"),
    [("cancel", "REQUEST_CANCELLED"), ("expire", "REQUEST_EXPIRED")],
)
def test_a_request_that_is_called_off_in_the_same_breath_is_answered(
    home: Path, window: dict[str, str], command: str, code: str
) -> None:
    script = Script(home, "wait")
    request = login_request()
    bodies = [json.dumps(each).encode() for each in (request, off(command))]
    with running(window, prompt_command=script.command) as host:
        # In a single write, so that the host finds both at its first read.
        host.send_raw(b"".join(len(b).to_bytes(4, sys.byteorder) + b for b in bodies))
        assert host.answer()["error"]["code"] == code
        host.begin_login("2")
        assert host.receive() == {"id": "2", "progress": "window-open"}


def off(command: str) -> dict[str, str]:
    return {"id": "1", "command": command}


def test_an_expired_request_keeps_its_window_until_it_is_closed(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "wait")
    with running(window, prompt_command=script.command) as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        host.send({"id": "1", "command": "expire"})
        host.until(lambda: script.told()[-1].get("step") == "expired")
        host.send({"id": "1", "command": "cancel"})
        answer = host.answer()
    assert answer["error"]["code"] in {"REQUEST_CANCELLED", "REQUEST_EXPIRED"}


def test_without_a_click_the_window_asks_first_and_reads_no_card(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "cancel")
    with running(window, prompt_command=script.command) as host:
        error = host.authenticate(userActivation=False)["error"]
    assert error["code"] == "USER_CANCELLED"
    told = script.told()
    assert told[0]["conversation"]["started_by_person"] is False
    assert [each["type"] for each in told[:2]] == ["open", "ask-started"]
    assert not any(each.get("step") == "reading" for each in told)


def test_a_window_that_dies_is_an_error_and_not_the_end(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "die")
    with running(window, prompt_command=script.command) as host:
        assert host.authenticate()["error"]["code"] == "PROMPT_FAILED"
        assert host.authenticate()["error"]["code"] == "PROMPT_FAILED"
    assert tries(home) == 5


def test_what_the_window_is_told_names_the_site_and_the_person(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "cancel")
    with running(window, prompt_command=script.command) as host:
        host.authenticate(lang="sv")
    conversation = script.told()[0]["conversation"]
    assert conversation == {
        "operation": "authenticate",
        "origin": ORIGIN,
        "language": "en",  # the configuration precedes the page's language
        "test_card": True,
        "started_by_person": True,
        "program": "",
        "caller": Path(sys.executable).resolve().name,  # this test is no browser
    }
    [question] = script.questions()
    assert "SPECIMEN" in question["name"]
    assert len(question["satu"]) == 9


def test_preparing_starts_the_window_and_shows_nothing(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "1234")
    with running(window, prompt_command=script.command) as host:
        assert host.ask("prepare") == {"id": "1", "result": {}}
        assert host.ask("prepare") == {"id": "1", "result": {}}
        assert "result" in host.authenticate()
    assert [each["type"] for each in script.told()].count("open") == 1


BAD_ARGUMENTS: list[tuple[dict[str, object], str]] = [
    ({"challengeNonce": "A" * 43}, "challengeNonce"),
    ({"challengeNonce": "A" * 129}, "challengeNonce"),
    ({"challengeNonce": "A" * 43 + "\n"}, "challengeNonce"),
    ({"challengeNonce": None}, "challengeNonce"),
    ({"challengeNonce": 44}, "challengeNonce"),
    ({"origin": None}, "origin"),
    ({"origin": ["https://service.example"]}, "origin"),
    ({"userActivation": None}, "userActivation"),
    ({"userActivation": "true"}, "userActivation"),
    ({"userActivation": 1}, "userActivation"),
    ({"lang": "finnish please"}, "lang"),
    ({"pin": "1234"}, "pin"),
]


def test_each_wrong_field_is_named_at_once_and_shows_no_window(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home)
    with running(window, prompt_command=script.command) as host:
        for changes, field in BAD_ARGUMENTS:
            error = host.authenticate(**changes)["error"]
            assert error["code"] == "INVALID_ARGUMENT"
            assert error["message"].startswith(field), error
        # An empty one would be the person's own wish, "on this computer".
        for origin in ("http://service.example", "https://service.example/x", ""):
            error = host.authenticate(origin=origin)["error"]
            assert error["code"] == "ORIGIN_REFUSED"
    assert script.told() in ([], [{"type": "gone"}])


BAD_MESSAGES: list[tuple[object, str, str | None]] = [
    (b"{", "INVALID_MESSAGE", None),
    (b"[]", "INVALID_MESSAGE", None),
    (b"", "INVALID_MESSAGE", None),
    (b"\xff", "INVALID_MESSAGE", None),
    (b"x" * 65537, "INVALID_MESSAGE", None),
    ({}, "INVALID_ARGUMENT", None),
    ({"command": "authenticate"}, "INVALID_ARGUMENT", None),
    ({"id": 1, "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "", "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "a b", "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "1"}, "INVALID_ARGUMENT", None),
    ({"id": "1", "command": "prepare", "more": 1}, "INVALID_ARGUMENT", None),
    ({"id": "1", "command": "prepare", "arguments": []}, "INVALID_ARGUMENT", None),
    ({"id": "1", "command": "prepare", "arguments": {"a": 1}}, "INVALID_ARGUMENT", "1"),
    ({"id": "1", "command": "format-disk"}, "UNKNOWN_COMMAND", "1"),
    ({"id": "1", "command": "quit"}, "UNKNOWN_COMMAND", "1"),
]


def test_every_bad_message_has_one_error_and_the_host_lives_on(
    automatic: dict[str, str],
) -> None:
    with running(automatic) as host:
        for message, code, request_id in BAD_MESSAGES:
            host.send(message)
            answer = host.receive()
            assert answer is not None
            assert set(answer) == {"id", "error"}, message
            assert (answer["error"]["code"], answer["id"]) == (code, request_id)
        assert "result" in host.authenticate()
        host.end_input()
        assert host.wait() == 0


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ('card = "bank"', "'card'"),
        ("colour = 1", "'colour'"),
        ('prompt = "automatic"', "'automatic'"),
    ],
)
def test_a_broken_configuration_is_answered_by_name(
    home: Path, config: str, named: str
) -> None:
    with running(make_environment(home, config)) as host:
        error = host.authenticate()["error"]
    assert error["code"] == "CONFIG_BROKEN"
    assert named in error["message"]


def test_a_broken_mock_card_is_answered_by_name(
    home: Path, automatic: dict[str, str]
) -> None:
    file = home / MOCK_FOLDER / "card.json"
    broken = file.read_text().replace('"pin1"', '"pin9"', 1)
    file.write_text(broken)
    with running(automatic) as host:
        error = host.authenticate()["error"]
    assert error["code"] == "MOCK_CARD_BROKEN"
    assert "card.json" in error["message"] and "pin" in error["message"]
    assert file.read_text() == broken, "the host resets no state silently"


@pytest.mark.parametrize(
    "caller",
    [
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop/",),
        ("chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/x",),
        ("/somewhere/manifest.json", "other@addon.example"),
        ("nonsense",),
    ],
)
def test_another_extension_is_refused(
    automatic: dict[str, str], caller: tuple[str, ...]
) -> None:
    with running(automatic, caller) as host:
        assert host.authenticate()["error"]["code"] == "CALLER_REFUSED"
        assert host.wait() == 0
        log = host.log()
    assert "may not start" in log or "not those" in log


def test_an_extension_that_the_configuration_names_may(home: Path) -> None:
    extension = "abcdefghijklmnopabcdefghijklmnop"
    config = f'{AUTOMATIC}extensions = ["{extension}"]\n'
    caller = (f"chrome-extension://{extension}/",)
    with running(make_environment(home, config), caller) as host:
        assert "result" in host.authenticate()
