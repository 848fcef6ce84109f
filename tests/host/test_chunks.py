# SPDX-License-Identifier: MIT
"""Wrong or missing documents cause one error, no signature and no copies.

operations/test_documents.py and test_models.py go through what is wrong.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import Scripted
from tests.host.process import make_environment, running
from tests.host.signing import (
    announced,
    b64,
    card_of,
    chunk,
    chunks,
    left_behind,
    sign_documents,
    signing,
)

TWO = {"a": b"abc", "b": bytes(40_000)}
FIRST, SECOND, THIRD = chunks(TWO)
HASH = {"name": "a", "hash": b64(bytes(32)), "hashFunction": "SHA-256"}


def changed(**changes: object) -> dict[str, Any]:
    return {**FIRST, "arguments": {**FIRST["arguments"], **changes}}


WRONG: dict[str, list[dict[str, Any]]] = {
    "the second document first": [SECOND],
    "more after all": [FIRST, SECOND, THIRD, chunk(1, 2, b"d")],
    "base64 with a line end": [changed(data="YWJj\n")],
    "a number of bits": [changed(document=2**70)],
    "a field too few": [{**FIRST, "arguments": {"document": 0, "number": 0}}],
}


def test_a_wrong_chunk_ends_the_request_with_one_error(
    scripted: Scripted, home: Path, window: dict[str, str]
) -> None:
    with scripted("wait").running() as host:
        for wrong, messages in WRONG.items():
            host.send(signing(documents=announced(TWO)))
            for message in messages:
                host.send(message)
            answer = host.answer()
            assert answer["id"] == "1"
            assert answer["error"]["code"] == "INVALID_ARGUMENT", wrong
            assert "shown" not in answer["error"]
            assert left_behind(window) == []
            for message in (FIRST, SECOND, THIRD):  # the request is over
                host.send(message)
            assert host.ask("prepare") == {"id": "1", "result": {}}
        assert host.end() == ""
    assert card_of(home).pin2.tries == 5


@pytest.mark.parametrize(
    "message", [{"id": "1", "command": "chunk", "arguments": {"document": 0}}, FIRST]
)
def test_a_chunk_of_no_request_is_ignored(
    automatic: dict[str, str], message: dict[str, Any]
) -> None:
    with running(automatic) as host:
        host.send(message)
        assert host.ask("prepare") == {"id": "1", "result": {}}
        assert "result" in sign_documents(host, TWO)
        host.send(message)
        assert host.ask("prepare") == {"id": "1", "result": {}}


def test_chunks_of_a_sign_that_was_refused_are_ignored(home: Path) -> None:
    with running(make_environment(home, "colour = 1")) as host:
        answer = sign_documents(host, TWO)
        assert answer["error"]["code"] == "CONFIG_BROKEN"
        again = host.ask("prepare")
        assert again["error"]["code"] == "CONFIG_BROKEN"
        host.end_input()
        assert host.receive() is None


def test_a_login_takes_no_documents(scripted: Scripted) -> None:
    with scripted("wait").running() as host:
        host.begin_login()
        host.send(FIRST)
        assert host.answer()["error"]["code"] == "INVALID_ARGUMENT"


def test_chunks_may_come_before_the_window_and_in_any_size(
    automatic: dict[str, str],
) -> None:
    content = os.urandom(1000)
    with running(automatic) as host:
        host.send(signing(documents=announced({"a": content})))
        for number in range(1000):
            host.send(chunk(0, number, content[number : number + 1]))
        received = []
        while "result" not in (message := host.receive() or {}):
            if message["progress"] == "receiving":
                received.append((message["done"], message["total"]))
        assert received == [(count, 1000) for count in range(1, 1001)]


def test_what_can_not_be_signed_shows_no_window_and_keeps_nothing(
    scripted: Scripted, window: dict[str, str]
) -> None:
    bad: list[tuple[dict[str, object], str]] = [
        ({"documents": announced({"a": bytes(20_000_001)})}, "documents.0.size"),
        ({"hashes": [{"name": "a", "hash": "AAAA"}]}, "hashes.0"),
        ({"hashes": [HASH], "documents": announced(TWO)}, "Documents or hashes"),
        ({"hashes": [HASH | {"hash": "AAAA"}]}, "A hash of SHA-256 has 32 bytes"),
        ({}, "1 to 20 things"),
    ]
    script = scripted()
    with script.running() as host:
        for arguments, field in bad:
            host.send(signing(**arguments))
            error = host.answer()["error"]
            assert error["code"] == "INVALID_ARGUMENT"
            assert error["message"].startswith(field), error
        host.send(signing(documents=announced(TWO), origin="http://service.example"))
        assert host.answer()["error"]["code"] == "ORIGIN_REFUSED"
        assert left_behind(window) == []
    assert not any(each["type"] == "open" for each in script.told())


def test_twenty_megabytes_are_not_kept_in_memory(automatic: dict[str, str]) -> None:
    def most_memory() -> int:
        status = Path(f"/proc/{host.process.pid}/status").read_text()
        [line] = [each for each in status.splitlines() if each.startswith("VmHWM")]
        return int(line.split()[1]) * 1024

    content = bytes(20_000_000)
    with running(automatic, anew=True) as host:
        assert "result" in sign_documents(host, TWO)
        before = most_memory()
        host.send(signing(documents=announced({"large": content})))
        unanswered = 0
        for message in chunks({"large": content}):
            host.send(message)
            unanswered += 1
            while unanswered == 8:
                answer = host.receive()
                assert answer is not None
                unanswered -= answer["progress"] == "receiving"
        assert "result" in host.answer()
        assert most_memory() - before < 8_000_000
        assert left_behind(automatic) == []
