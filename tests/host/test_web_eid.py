# SPDX-License-Identifier: MIT
"""Requests without an id, as the published Web eID extension sends them.

A signature takes two: the signing certificate, then the signature of one hash.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust, validate
from native_host.messaging.commands import web_eid_command
from native_host.texts.language import choose_language
from tests.host.conftest import furnish
from tests.host.process import (
    AUTOMATIC,
    NONCE,
    ORIGIN,
    WEB_EID_CALLER,
    Script,
    command_line,
    make_environment,
    running,
)
from tests.host.signing import b64, card_of, digest, verify

ARGUMENTS = {"challengeNonce": NONCE, "origin": ORIGIN}


def login(**changes: object) -> dict[str, object]:
    return {"command": "authenticate", "arguments": {**ARGUMENTS, **changes}}


PIN2 = "123456"
FIRST = {"command": "get-signing-certificate", "arguments": {"origin": ORIGIN}}


def second(certificate: str, hashed: bytes, **changes: object) -> dict[str, Any]:
    sound = {
        "hash": b64(hashed),
        "hashFunction": "SHA-384",
        "certificate": certificate,
        "origin": ORIGIN,
    }
    return {"command": "sign", "arguments": {**sound, **changes}}


QUIT = {"command": "quit", "arguments": {}}
#: Python that makes the imports fail which take long.
WITHOUT_SLOW_IMPORTS = "import sys; sys.modules |= dict(asyncio=None, pydantic=None)"


@pytest.mark.parametrize("caller", [(), WEB_EID_CALLER])
def test_quit_is_answered_before_slow_imports_and_ends(
    automatic: dict[str, str], caller: tuple[str, ...]
) -> None:
    with running(automatic, caller, prelude=WITHOUT_SLOW_IMPORTS, anew=True) as host:
        host.send(QUIT)
        assert host.receive() == {}
        assert host.wait() == 0


async def test_a_token_of_each_profile_is_accepted_and_the_host_ends(
    tmp_path: Path, each_card: Path
) -> None:
    home = furnish(tmp_path / "home", each_card)
    with running(make_environment(home, AUTOMATIC), WEB_EID_CALLER) as host:
        host.send(login(lang="et"))
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
    b"[]",
    b"x" * 65537,
    {},
    {"command": "authenticate"},
    {"command": "unknown", "arguments": {}},
    {"command": "quit", "arguments": {"a": 1}},
    {**QUIT, "more": 1},
    login(challengeNonce="short"),
    login(origin="http://a.example"),
    login(pin="1234"),
    login(userActivation=True),
    second(b64(b"0\x00"), bytes(32)),
    second(b64(b"0\x00"), bytes(48), origin="http://service.example"),
    {**QUIT, "x" * 8192: 1},
    json.dumps(QUIT).encode().ljust(8193),
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
        assert set(answer["error"]) == {"code", "message"}
        assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_FATAL"
        assert answer["error"]["message"]
        assert host.wait() == 0
        assert host.receive() is None


def test_a_cancellation_has_its_own_code_and_any_language_is_taken(home: Path) -> None:
    environment = make_environment(home, 'card = "mock"\n') | {"LC_MESSAGES": "sv_FI"}
    script = Script(home, "9999", "cancel")
    with script.running(environment, WEB_EID_CALLER) as host:
        host.send(login(lang=["fi"]))
        host.send(QUIT)  # what follows the one request is not read
        answer = host.receive()
        assert host.wait() == 0
    assert answer is not None
    assert answer["error"]["code"] == "ERR_WEBEID_USER_CANCELLED"
    assert script.opened()["language"] == "sv"
    assert card_of(home).pin1.tries == 4


@pytest.mark.parametrize(
    ("spoken", "lang"),
    [
        *(("fi", tag) for tag in ("fi", "FI", "fi-FI", "fi_FI.UTF-8", "fi.UTF-8")),
        *(("sv", tag) for tag in ("et", "fin", "toolongvalue", "fi" * 2000, "", "-")),
        *(("sv", none) for none in ("\ud800", 5, None, True, ["fi"], {"fi": "fi"})),
    ],
    ids=lambda value: str(value)[:12].encode("ascii", "replace").decode(),
)
def test_what_names_no_language_is_the_systems(
    lang: object, spoken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "sv_FI")
    asked = web_eid_command("authenticate", {**ARGUMENTS, "lang": lang}).language
    assert choose_language("system", asked) == spoken


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["quit", "{}"], {}),
        (["quit"], "ERR_WEBEID_NATIVE_FATAL"),
        (["dance", "{}"], "ERR_WEBEID_NATIVE_FATAL"),
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


def web_eid(
    environment: Mapping[str, str], request: Mapping[str, Any], how: str
) -> dict[str, Any]:
    """Send one request to a host that is started as Web eID's program is."""
    if how == "-c":
        arguments = json.dumps(request["arguments"])
        status, printed = command_line(environment, request["command"], arguments)
        assert status == (1 if "error" in printed else 0)
        return printed
    with running(environment, WEB_EID_CALLER if how == "extension" else ()) as host:
        host.send(request)
        reply = host.receive()
        assert reply is not None
        assert host.wait() == 0
        assert host.receive() is None, "each request has one response"
        return reply


@pytest.mark.slow
@pytest.mark.parametrize("how", ["extension", "portal", "-c"])
def test_web_eids_two_steps_make_a_good_signature(
    tmp_path: Path, each_card: Path, how: str
) -> None:
    environment = make_environment(furnish(tmp_path / "home", each_card), AUTOMATIC)
    first = web_eid(environment, FIRST, how)
    assert set(first) == {"certificate", "supportedSignatureAlgorithms"}
    offered = first["supportedSignatureAlgorithms"]
    for algorithm in (offered[0], offered[-1]):
        hashed = digest(b"contract", algorithm["hashFunction"])
        fields = {"hashFunction": algorithm["hashFunction"], "lang": "fi"}
        asked = second(first["certificate"], hashed, **fields)
        made = web_eid(environment, asked, how)
        assert set(made) == {"signature", "signatureAlgorithm"}
        assert made["signatureAlgorithm"] == algorithm
        verify(first["certificate"], made, hashed)


@pytest.mark.parametrize("how", ["window", "automatic"])
def test_another_certificate_than_the_cards_signs_nothing(home: Path, how: str) -> None:
    """A person may insert the right card or cancel. Without a person it is an error."""
    config = 'card = "mock"\n' if how == "window" else AUTOMATIC
    environment = make_environment(home, config)
    with Script(home, "cancel").running(environment, WEB_EID_CALLER) as host:
        host.send(second(b64(b"0\x00"), bytes(48)))
        reply = host.receive()
        assert reply is not None
        assert set(reply["error"]) == {"code", "message"}
        word = "USER_CANCELLED" if how == "window" else "NATIVE_FATAL"
        assert reply["error"]["code"] == f"ERR_WEBEID_{word}"
        assert host.wait() == 0


@pytest.mark.parametrize("at_once", [True, False], ids=["leaves", "waits for the end"])
def test_the_second_step_does_not_wait_for_the_end_of_the_first_ones_window(
    tmp_path: Path, home: Path, window: dict[str, str], at_once: bool
) -> None:
    """Published extensions leave at the response or wait 2 s for the host's exit."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    scripts = [Script(tmp_path / "first", "agree"), Script(tmp_path / "second", PIN2)]
    with (
        scripts[0].running(window, WEB_EID_CALLER) as host,
        scripts[1].running(window, WEB_EID_CALLER) as other,
    ):
        host.send(FIRST)
        given = host.receive()
        assert given is not None
        if at_once:
            host.end_input()
        hashed = digest(b"contract", "SHA-384")
        other.send(second(given["certificate"], hashed))
        made = other.receive()
        assert made is not None
        verify(given["certificate"], made, hashed)
        if at_once:
            other.end_input()
        assert [host.wait(), other.wait()] == [0, 0]
    assert card_of(home).pin2.tries == 5
