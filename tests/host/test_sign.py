# SPDX-License-Identifier: MIT
"""Documents and hashes are signed; the test hashes and verifies on its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from tests.host.conftest import Scripted
from tests.host.process import AUTOMATIC, ORIGIN, Script, make_environment, running
from tests.host.signing import b64, card_of, digest, left_behind, sign_documents, verify

THREE = {
    "contract.txt": b"abc",
    "\u202egpj.exe": bytes(range(256)) * 400,
    "../nothing": b"",
}

#: The second signature fails as if the card were removed.
PULLED_AT_THE_SECOND = """
from native_host.card.errors import CardRemovedError
from native_host.card.fineid import FineidCard
sign, count = FineidCard.sign, 0
def once(self, *arguments):
    global count
    count += 1
    if count == 2:
        raise CardRemovedError("The card was taken out of the reader.")
    return sign(self, *arguments)
FineidCard.sign = once
"""


def check_signatures(
    result: Mapping[str, Any], documents: Mapping[str, bytes], hash_function: str
) -> None:
    signatures = result["signatures"]
    assert [each["name"] for each in signatures] == list(documents)
    for signed, content in zip(signatures, documents.values(), strict=True):
        hashed = digest(content, hash_function)
        assert (signed["hash"], signed["hashFunction"]) == (b64(hashed), hash_function)
        assert signed["signatureAlgorithm"]["hashFunction"] == hash_function
        verify(result["certificate"], signed, hashed)
        with pytest.raises(InvalidSignature):
            verify(result["certificate"], signed, digest(b"other", hash_function))


def test_the_conversation_of_the_protocol_is_true(automatic: dict[str, str]) -> None:
    page = Path(__file__).parents[2] / "PROTOCOL.md"
    section = page.read_text(encoding="utf-8").split("seen from the extension:")[1]
    lines = section.split("```")[1].strip().splitlines()
    heard: list[dict[str, Any]] = []
    with running(automatic) as host:
        for line in lines:
            if line.startswith("→ "):
                host.send(json.loads(line[2:]))
        while "result" not in (message := host.receive() or {"result": None}):
            heard.append(message)
        heard.append(message)
    told = [json.loads(line[2:]) for line in lines if line.startswith("← ")]
    for message in (heard[-1], told[-1]):
        message["result"]["certificate"] = "MII…"
        message["result"]["signatures"][0]["signature"] = "…"
    # Chunks are acknowledged as they arrive, no matter when the window opens.
    assert sorted(heard, key=str) == sorted(told, key=str)
    assert heard[-1] == told[-1]


def test_the_signing_certificate_is_handed_over_after_consent(
    scripted: Scripted,
) -> None:
    script = scripted("agree")
    with script.running() as host:
        result = host.ask(
            "get-signing-certificate", origin=ORIGIN, userActivation=True
        )["result"]
    assert set(result) == {"certificate", "supportedSignatureAlgorithms"}
    assert result["supportedSignatureAlgorithms"][0] == {
        "cryptoAlgorithm": "ECC",
        "hashFunction": "SHA-384",
        "paddingScheme": "NONE",
    }
    assert script.opened()["operation"] == "signing-certificate"


# An error that the window goes on to explain.


@pytest.mark.parametrize("end", ["next", "cancel", "end of input", "window dies"])
def test_an_explaining_window_is_ended_by_what_follows(
    scripted: Scripted, end: str
) -> None:
    script = scripted("123456", "die" if end == "window dies" else "wait", "1234")
    with script.running(prelude=PULLED_AT_THE_SECOND) as host:
        assert sign_documents(host, THREE)["error"]["shown"] is True
        host.until(lambda: script.told()[-1].get("step") == "failed")
        if end == "next":
            host.begin_login("2")
            assert host.receive() == {"id": "2", "progress": "window-open"}
        elif end == "cancel":
            host.send({"id": "1", "command": "cancel"})
            assert host.ask("prepare") == {"id": "1", "result": {}}
        else:
            if end == "end of input":
                host.end_input()
            assert host.wait() == 0
            assert host.receive() is None, "each request has one response"


@pytest.mark.parametrize("how", ["window", "automatic"])
def test_what_was_signed_before_an_interruption_is_handed_over(
    home: Path, how: str
) -> None:
    config = 'card = "mock"\n' if how == "window" else AUTOMATIC
    environment = make_environment(home, config)
    script = Script(home, "123456", "cancel")
    with script.running(environment, prelude=PULLED_AT_THE_SECOND) as host:
        error = sign_documents(host, THREE)["error"]
        if how == "window":
            assert host.wait() == 0
    assert error["message"]
    assert error["code"] == "SIGNING_INTERRUPTED"
    assert (error["reason"], error["total"]) == ("CARD_REMOVED", 3)
    assert error.get("shown", False) is (how == "window")
    check_signatures(error, {"contract.txt": b"abc"}, "SHA-384")
    assert left_behind(environment) == []
    assert card_of(home).pin2.tries == 5
