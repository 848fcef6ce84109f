# SPDX-License-Identifier: MIT
"""Web eID's two steps: the signing certificate, then the signature of one hash."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import furnish
from tests.host.process import (
    AUTOMATIC,
    ORIGIN,
    WEB_EID_CALLER,
    Script,
    command_line,
    make_environment,
    running,
)
from tests.host.signing import b64, card_of, digest, verify

PIN2 = "123456"
FIRST = {"command": "get-signing-certificate", "arguments": {"origin": ORIGIN}}


def second(certificate: str, hashed: bytes, **changes: object) -> dict[str, Any]:
    """Return the request of the second step."""
    sound = {
        "hash": b64(hashed),
        "hashFunction": "SHA-384",
        "certificate": certificate,
        "origin": ORIGIN,
    }
    return {"command": "sign", "arguments": {**sound, **changes}}


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


@pytest.mark.parametrize("how", ["extension", "-c"])
@pytest.mark.parametrize(
    "changes",
    [
        {"hash": b64(bytes(32))},
        {"certificate": b64(b"0\x00")},
        {"origin": "http://service.example"},
    ],
    ids=str,
)
def test_what_web_eids_sign_can_not_be_is_fatal_and_signs_nothing(
    home: Path, automatic: dict[str, str], changes: dict[str, object], how: str
) -> None:
    certificate = b64(card_of(home).keys[1].certificate)
    reply = web_eid(automatic, second(certificate, bytes(48), **changes), how)
    assert set(reply) == {"error"}
    assert reply["error"]["code"] == "ERR_WEBEID_NATIVE_FATAL"
    assert reply["error"]["message"]
    assert set(reply["error"]) == {"code", "message"}
    assert card_of(home).pin2.tries == 5


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
