# SPDX-License-Identifier: MIT
"""Each request with an id has exactly one response, and the host goes on."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from native_host import VERSION, WEB_EID_VERSION
from tests.host.conftest import Scripted, furnish
from tests.host.process import (
    AUTOMATIC,
    NONCE,
    ORIGIN,
    OWN_CALLER,
    HostProcess,
    login_request,
    make_environment,
    off,
    own_arguments,
    running,
)
from tests.host.signing import announced, card_of, left_behind, signing


def test_the_hello_comes_by_itself(automatic: dict[str, str]) -> None:
    host = HostProcess(automatic | {"LC_ALL": "sv_FI.UTF-8"}, OWN_CALLER, anew=True)
    assert host.receive() == {"version": WEB_EID_VERSION, "language": "sv"}
    assert WEB_EID_VERSION.endswith(VERSION)
    host.end()
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
    assert card_of(home).pin1.tries == 5


def test_preparing_starts_the_window_and_shows_nothing(scripted: Scripted) -> None:
    script = scripted("1234")
    with script.running() as host:
        assert host.ask("prepare") == {"id": "1", "result": {}}
        assert host.ask("prepare") == {"id": "1", "result": {}}
        assert "result" in host.authenticate()
    assert [each["type"] for each in script.told()].count("open") == 1


def test_the_window_is_told_who_asks_and_a_cancellation_is_answered(
    scripted: Scripted, home: Path
) -> None:
    script = scripted("cancel")
    with script.running() as host:
        error = host.authenticate(lang="sv")["error"]
        assert error["code"] == "USER_CANCELLED"
        assert "reason" not in error
        assert host.authenticate() is not None, "the host lives on"
    assert script.opened() == {
        "operation": "authenticate",
        "origin": ORIGIN,
        "language": "en",  # the configuration precedes the page's language
        "test_card": True,
        "started_by_person": True,
        "program": "",
        "caller": Path(sys.executable).resolve().name,  # this test is no browser
    }
    question = script.questions()[0]
    assert "SPECIMEN" in question["name"]
    assert len(question["satu"]) == 9
    assert card_of(home).pin1.tries == 5


def test_without_a_click_the_window_asks_first_and_reads_no_card(
    scripted: Scripted,
) -> None:
    """The page hears of the window once the person has said that it was them."""
    script = scripted("cancel")
    with script.running() as host:
        host.begin_login(userActivation=False)
        answer = host.receive()
    assert answer is not None
    assert answer["error"]["code"] == "USER_CANCELLED", "it is the first that is heard"
    assert script.opened()["started_by_person"] is False
    assert [each["type"] for each in script.told()[:2]] == ["open", "ask-started"]
    assert not script.showed("reading")
    with scripted("started", "cancel").running() as host:
        host.begin_login(userActivation=False)
        assert host.receive() == {"id": "1", "progress": "window-open"}


# -- One at a time, until it is cancelled ----------------------------------------------


def test_a_second_request_meanwhile_is_told_busy(scripted: Scripted) -> None:
    with scripted("wait").running() as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        host.begin_login("2")
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == ("2", "BUSY")
        host.begin_login()  # under an id in use, it is refused under none
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == (None, "INVALID_ARGUMENT")
        host.send({"id": "other", "command": "cancel"})
        host.send(off("cancel"))
        answer = host.answer()
        assert (answer["id"], answer["error"]["code"]) == ("1", "REQUEST_CANCELLED")


@pytest.mark.parametrize(
    ("command", "code"),
    [("cancel", "REQUEST_CANCELLED"), ("expire", "REQUEST_EXPIRED")],
)
def test_a_request_that_is_called_off_in_the_same_breath_is_answered(
    scripted: Scripted, command: str, code: str
) -> None:
    bodies = [json.dumps(each).encode() for each in (login_request(), off(command))]
    with scripted("wait").running() as host:
        # In a single write, so that the host finds both at its first read.
        host.send_raw(b"".join(len(b).to_bytes(4, sys.byteorder) + b for b in bodies))
        assert host.answer()["error"]["code"] == code
        host.begin_login("2")
        assert host.receive() == {"id": "2", "progress": "window-open"}


@pytest.mark.parametrize(
    "commands",
    [["expire", "cancel"], ["cancel", "expire"], ["expire"] * 3 + ["cancel"]],
)
def test_an_expired_request_can_still_be_called_off_at_once(
    scripted: Scripted, commands: list[str]
) -> None:
    script = scripted("wait", "wait")
    with script.running() as host:
        host.begin_login()
        host.until(script.questions)
        for command in commands:
            host.send(off(command))
        assert host.answer()["error"]["code"] == "REQUEST_CANCELLED"
        host.begin_login("2")
        assert host.receive() == {"id": "2", "progress": "window-open"}


#: A window that survives the end of its input and SIGTERM, and whose child holds its
#: pipe too.
DEAF = """#!/bin/sh
echo $$ > "$0.pid"
trap '' TERM
read line
echo '{"type": "visible"}'
while :; do sleep 1; done
"""


@pytest.mark.parametrize(
    "commands", [["cancel"] * 20, ["expire"], ["expire", "cancel"]]
)
def test_a_window_that_clings_is_gone_however_often_it_is_called_off(
    home: Path, window: dict[str, str], commands: list[str]
) -> None:
    deaf = home / "deaf"
    deaf.write_text(DEAF)
    deaf.chmod(0o700)
    with running(window, prompt_command=[str(deaf)]) as host:
        host.begin_login()
        assert host.receive() == {"id": "1", "progress": "window-open"}
        for command in commands:
            host.send(off(command))
        host.end()
        answer: dict[str, Any] = host.answer()
    assert answer["error"]["code"] == "REQUEST_CANCELLED"
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path(f"{deaf}.pid").read_text()), 0)


def test_a_window_that_dies_is_an_error_and_not_the_end(
    scripted: Scripted, home: Path
) -> None:
    with scripted("die").running() as host:
        assert host.authenticate()["error"]["code"] == "PROMPT_FAILED"
        assert host.authenticate()["error"]["code"] == "PROMPT_FAILED"
    assert card_of(home).pin1.tries == 5


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("prepare", {}),
        ("authenticate", own_arguments()),
        ("get-signing-certificate", {"origin": ORIGIN, "userActivation": True}),
        ("sign", signing(documents=announced({"a": b"abc"}))["arguments"]),
    ],
)
def test_a_window_that_can_not_be_started_is_said(
    home: Path, window: dict[str, str], command: str, arguments: dict[str, object]
) -> None:
    with running(window, prompt_command=[str(home / "missing")]) as host:
        for _ in range(2):
            error = host.ask(command, **arguments)["error"]
            assert error["code"] == "PROMPT_FAILED"
            assert left_behind(window) == []
        assert host.end() == ""


# -- What is wrong --------------------------------------------------------------------

BAD_ARGUMENTS: list[Mapping[str, object]] = [
    *({"challengeNonce": nonce} for nonce in ("A" * 43, "A" * 129, "A" * 43 + "\n")),
    *({"challengeNonce": nonce} for nonce in (None, 44)),
    *({"origin": origin} for origin in (None, ["https://service.example"])),
    *({"userActivation": click} for click in (None, "true", 1)),
    {"lang": "finnish please"},
    {"pin": "1234"},
]


def test_each_wrong_field_is_named_at_once_and_shows_no_window(
    scripted: Scripted,
) -> None:
    script = scripted()
    with script.running() as host:
        for changes in BAD_ARGUMENTS:
            error = host.authenticate(**changes)["error"]
            assert error["code"] == "INVALID_ARGUMENT"
            assert error["message"].startswith(*changes), error
        # An empty one would be the person's own wish, "on this computer".
        for origin in ("http://service.example", "https://service.example/x", ""):
            error = host.authenticate(origin=origin)["error"]
            assert error["code"] == "ORIGIN_REFUSED"
    assert script.told() in ([], [{"type": "gone"}])


NO_TEXTS: list[object] = [[], {}, 1, None, "\ud800"]
BAD_MESSAGES: list[tuple[object, str, str | None]] = [
    (b"{", "INVALID_MESSAGE", None),
    (b"", "INVALID_MESSAGE", None),
    (b"x" * 65537, "INVALID_MESSAGE", None),
    ({}, "INVALID_ARGUMENT", None),
    ({"command": "authenticate"}, "INVALID_ARGUMENT", None),
    ({"id": 1, "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "", "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "a b", "command": "prepare"}, "INVALID_ARGUMENT", None),
    ({"id": "1"}, "INVALID_ARGUMENT", None),
    *(
        ({"id": "1", "command": command}, "INVALID_ARGUMENT", None)
        for command in NO_TEXTS
    ),
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
        assert host.end() == ""


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ("colour = 1", "'colour'"),
        ('prompt = "automatic"', "'automatic'"),
        ("card = " + "9" * 5000, "config.toml"),
        ("card = " + "[" * 5000, "config.toml"),
    ],
    ids=["unknown", "a real card", "a long number", "deep"],
)
def test_a_broken_configuration_is_answered_by_name(
    home: Path, config: str, named: str
) -> None:
    with running(make_environment(home, config)) as host:
        error = host.authenticate()["error"]
        assert error["code"] == "CONFIG_BROKEN"
        assert named in error["message"]
        assert host.end() == ""


OTHER_ID = "abcdefghijklmnopabcdefghijklmnop"


@pytest.mark.parametrize(
    "caller",
    [
        (f"chrome-extension://{OTHER_ID}/",),
        ("chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/x",),
        ("/somewhere/manifest.json", "other@addon.example"),
        ("nonsense",),
    ],
)
def test_another_extension_is_refused(
    home: Path, automatic: dict[str, str], caller: tuple[str, ...]
) -> None:
    with running(automatic, caller) as host:
        assert host.authenticate()["error"]["code"] == "CALLER_REFUSED"
        assert host.wait() == 0
        log = host.log()
    assert "may not start" in log or "not those" in log
    if OTHER_ID in caller[0]:  # unless the configuration names it
        config = f'{AUTOMATIC}extensions = ["{OTHER_ID}"]\n'
        with running(make_environment(home, config), caller) as host:
            assert "result" in host.authenticate()
