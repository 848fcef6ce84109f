# SPDX-License-Identifier: MIT
"""Requests without an id, as the published Web eID extension sends them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kortilla import Trust, validate
from tests.host.conftest import furnish
from tests.host.process import (
    NONCE,
    ORIGIN,
    OWN_CALLER,
    WEB_EID_CALLER,
    command_line,
    make_environment,
    running,
)
from tests.host.test_own_protocol import AUTOMATIC, Script, tries
from tests.support.patience import patience

ARGUMENTS = {"challengeNonce": NONCE, "origin": ORIGIN}
CALLERS = [(), WEB_EID_CALLER, OWN_CALLER]


#: Python that makes the imports fail which take long.
WITHOUT_SLOW_IMPORTS = "import sys; sys.modules |= dict(asyncio=None, pydantic=None)"


@pytest.mark.parametrize("caller", CALLERS[:2])
def test_quit_is_answered_before_slow_imports_and_ends(
    automatic: dict[str, str], caller: tuple[str, ...]
) -> None:
    with running(automatic, caller, prelude=WITHOUT_SLOW_IMPORTS, anew=True) as host:
        host.send({"command": "quit", "arguments": {}})
        assert host.receive() == {}
        assert host.wait() == 0


async def test_a_token_of_each_profile_is_accepted_and_the_host_ends(
    tmp_path: Path, each_card: Path
) -> None:
    home = furnish(tmp_path / "home", each_card)
    with running(make_environment(home, AUTOMATIC), WEB_EID_CALLER) as host:
        host.send({"command": "authenticate", "arguments": {**ARGUMENTS, "lang": "et"}})
        token = host.receive()
        assert host.wait() == 0
        assert host.receive() is None, "each request has one response"
    assert token is not None
    assert set(token) == {
        "unverifiedCertificate",
        "algorithm",
        "signature",
        "format",
        "appVersion",
    }
    trust = Trust.from_folder(each_card, test=True)
    await validate(json.dumps(token), origin=ORIGIN, nonce=NONCE, trust=trust)


BAD: list[object] = [
    b"{",
    b"[]",
    b"1",
    b"",
    b"x" * 65537,
    {},
    {"command": "authenticate"},
    {"command": "unknown", "arguments": {}},
    {"command": "quit", "arguments": {"a": 1}},
    {"command": "quit", "arguments": {}, "more": 1},
    {"command": "authenticate", "arguments": {}},
    {"command": "authenticate", "arguments": {**ARGUMENTS, "challengeNonce": "short"}},
    {
        "command": "authenticate",
        "arguments": {**ARGUMENTS, "origin": "http://a.example"},
    },
    {"command": "authenticate", "arguments": {**ARGUMENTS, "pin": "1234"}},
    {"command": "authenticate", "arguments": {**ARGUMENTS, "userActivation": True}},
    {"command": "quit", "arguments": {}, "x" * 8192: 1},
    b'{"command": "quit", "arguments": {}}'.ljust(8193),
    b'{"command": "quit", "arguments": {}, "arguments": {}}',
]


@pytest.mark.parametrize("message", BAD, ids=range(len(BAD)))
def test_every_bad_message_has_one_fatal_error_and_ends_the_host(
    automatic: dict[str, str], message: object
) -> None:
    with running(automatic, WEB_EID_CALLER) as host:
        host.send(message)
        answer = host.receive()
        assert answer is not None and set(answer) == {"error"}
        assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_FATAL"
        assert answer["error"]["message"]
        assert host.wait() == 0
        assert host.receive() is None


def test_a_cancellation_has_its_own_code(home: Path, window: dict[str, str]) -> None:
    script = Script(home, "9999", "cancel")
    with running(window, WEB_EID_CALLER, prompt_command=script.command) as host:
        host.send({"command": "authenticate", "arguments": ARGUMENTS})
        answer = host.receive()
        assert host.wait() == 0
    assert answer is not None
    assert answer["error"]["code"] == "ERR_WEBEID_USER_CANCELLED"
    assert tries(home) == 4


@pytest.mark.parametrize(
    ("lang", "spoken"),
    [
        ("fi", "fi"),
        ("FI", "fi"),
        ("fi-FI", "fi"),
        ("fi_FI.UTF-8", "fi"),
        ("fi.UTF-8", "fi"),
        ("et", "sv"),
        ("fin", "sv"),
        ("toolongvalue", "sv"),
        ("fi" * 2000, "sv"),
        ("", "sv"),
        ("-", "sv"),
        ("\ud800", "sv"),
        (5, "sv"),
        (None, "sv"),
        (True, "sv"),
        (["fi"], "sv"),
        ({"fi": "fi"}, "sv"),
    ],
    ids=lambda value: str(value)[:12].encode("ascii", "replace").decode(),
)
def test_any_language_is_taken_and_what_is_none_is_the_systems(
    home: Path, lang: object, spoken: str
) -> None:
    environment = make_environment(home, 'card = "mock"\n') | {"LC_MESSAGES": "sv_FI"}
    script = Script(home, "cancel")
    arguments = {**ARGUMENTS, "lang": lang}
    with running(environment, WEB_EID_CALLER, prompt_command=script.command) as host:
        host.send({"command": "authenticate", "arguments": arguments})
        answer = host.receive()
        assert host.wait() == 0
    assert answer is not None
    assert answer["error"]["code"] == "ERR_WEBEID_USER_CANCELLED"
    assert script.told()[0]["conversation"]["language"] == spoken


def test_what_follows_the_one_request_is_not_read(
    home: Path, window: dict[str, str]
) -> None:
    script = Script(home, "wait")
    with running(window, WEB_EID_CALLER, prompt_command=script.command) as host:
        host.send({"command": "authenticate", "arguments": ARGUMENTS})
        host.send({"command": "quit", "arguments": {}})
        host.end_input()
        answer = host.receive()
        assert host.wait() == 0
    assert answer is None or "error" in answer


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["quit", "{}"], {}),
        (["quit"], "ERR_WEBEID_NATIVE_FATAL"),
        (["quit", "[]"], "ERR_WEBEID_NATIVE_FATAL"),
        (["dance", "{}"], "ERR_WEBEID_NATIVE_FATAL"),
        (["authenticate", "{"], "ERR_WEBEID_NATIVE_FATAL"),
        (["authenticate", "{}"], "ERR_WEBEID_NATIVE_FATAL"),
        (["authenticate", json.dumps(ARGUMENTS)], "token"),
    ],
)
def test_the_command_line_prints_the_same_reply(
    automatic: dict[str, str], words: list[str], reply: object
) -> None:
    status, printed = command_line(automatic, *words)
    if reply == "token":
        assert printed["format"] == "web-eid:1.0"
    elif isinstance(reply, str):
        assert printed["error"]["code"] == reply
    else:
        assert printed == reply
    assert status == (1 if "error" in printed else 0)


def test_the_program_itself_takes_the_command_line(automatic: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "native_host", "-c", "quit", "{}"],
        env=automatic,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=patience(),
        check=True,
    )
    assert json.loads(done.stdout) == {}
