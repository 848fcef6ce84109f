# SPDX-License-Identifier: MIT
"""``kortilla sign``."""

import base64
import contextlib
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import CardRemovedError
from native_host.card.fineid import FineidCard
from tests.cli.conftest import ORIGIN, Run
from tests.cli.terminal import Terminal
from tests.host.signing import b64, digest, verify
from tests.support import pcsc

AUTOMATIC = ("--origin", ORIGIN, "--card", "mock", "--prompt", "automatic")
HASH = b64(digest(b"contract", "SHA-256"))
CONTENTS = {"contract.txt": b"contract", "annex.pdf": bytes(100_000), "empty": b""}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for copies of documents. The teardown checks that it is empty."""
    place = tmp_path / "run"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield place
    assert list(place.iterdir()) == []


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    return list(CONTENTS)


def check(result: dict[str, Any], hash_function: str) -> None:
    """Verify the signatures of all contents."""
    assert [each["name"] for each in result["signatures"]] == list(CONTENTS)
    for signed, content in zip(result["signatures"], CONTENTS.values(), strict=True):
        hashed = digest(content, hash_function)
        assert (signed["hash"], signed["hashFunction"]) == (b64(hashed), hash_function)
        verify(result["certificate"], signed, hashed)


@pytest.mark.parametrize("hash_function", [None, "SHA-256", "SHA-512"])
def test_files_are_signed(
    run: Run, mock_card: MockCardState, files: list[str], hash_function: str | None
) -> None:
    wish = ["--hash-function", hash_function] if hash_function else []
    outcome = run("sign", *AUTOMATIC, *wish, *files)
    assert outcome.status == 0
    assert set(outcome.result) == {"certificate", "signatures"}
    own = {"v5": "SHA-384", "v4.2": "SHA-256"}[mock_card.read().profile]
    check(outcome.result, hash_function or own)
    names = {"SHA-256": "ES256", "SHA-384": "ES384", "SHA-512": "ES512"}
    algorithms = {each["algorithm"] for each in outcome.result["signatures"]}
    assert algorithms == {names[hash_function or own]}
    assert mock_card.read().pin2.tries == 5


def test_one_signature_stands_by_itself_too(run: Run, mock_card: MockCardState) -> None:
    assert mock_card.folder.is_dir()
    outcome = run("sign", *AUTOMATIC, "--hash", HASH, "--hash-function", "SHA-256")
    result = outcome.result
    assert set(result) == {"certificate", "signature", "algorithm", "signatures"}
    [signed] = result["signatures"]
    assert (result["signature"], result["algorithm"]) == (signed["signature"], "ES256")
    assert set(signed) == {
        "name",
        "hash",
        "hashFunction",
        "signature",
        "algorithm",
        "signatureAlgorithm",
    }
    assert signed["hash"] == HASH
    verify(result["certificate"], signed, base64.b64decode(HASH))


def test_hashes_have_names(run: Run, mock_card: MockCardState) -> None:
    assert mock_card.folder.is_dir()
    hashes = ("--hash", HASH, "--hash", HASH, "--hash-function", "SHA-256")
    unnamed = run("sign", *AUTOMATIC, *hashes).result["signatures"]
    assert [each["name"] for each in unnamed] == ["hash 1", "hash 2"]
    names = ("--name", "a/b.pdf", "--name", "c.pdf")
    named = run("sign", *AUTOMATIC, *hashes, *names).result["signatures"]
    assert [each["name"] for each in named] == ["a/b.pdf", "c.pdf"]


def test_files_of_the_same_name_are_told_apart_by_their_folders(
    run: Run, mock_card: MockCardState, tmp_path: Path
) -> None:
    assert mock_card.folder.is_dir()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_text(folder)
    result = run("sign", *AUTOMATIC, "a/same", "b/same").result
    assert [each["name"] for each in result["signatures"]] == ["a/same", "b/same"]
    assert run("sign", *AUTOMATIC, "a/same", "a/same").error == "INVALID_ARGUMENT"


@pytest.mark.parametrize("encoding", ["DER", "PEM"])
def test_the_certificate_that_must_sign_can_be_given(
    run: Run, mock_card: MockCardState, tmp_path: Path, encoding: str
) -> None:
    assert mock_card.folder.is_dir()
    asked = (*AUTOMATIC, "--hash", HASH, "--hash-function", "SHA-256")
    certificate = run("sign", *asked).result["certificate"]
    der = base64.b64decode(certificate)
    pem = ssl.DER_cert_to_PEM_cert(der)
    file = tmp_path / "certificate"
    file.write_bytes(der if encoding == "DER" else pem.encode())
    again = run("sign", *asked, "--certificate", str(file))
    assert again.result["certificate"] == certificate
    other = bytearray(der)
    other[-1] ^= 1
    file.write_bytes(other)
    outcome = run("sign", *asked, "--certificate", str(file))
    assert (outcome.status, outcome.error) == (1, "CERTIFICATE_MISMATCH")
    assert mock_card.read().pin2.tries == 5


def test_what_was_signed_before_an_interruption_is_printed(
    run: Run,
    mock_card: MockCardState,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign = FineidCard.sign
    made: list[bytes] = []

    def pulled_out(self: FineidCard, *arguments: Any) -> bytes:
        if len(made) == 2:
            raise CardRemovedError("The card was taken out of the reader.")
        made.append(sign(self, *arguments))
        return made[-1]

    monkeypatch.setattr(FineidCard, "sign", pulled_out)
    outcome = run("sign", *AUTOMATIC, "--hash-function", "SHA-256", *files)
    assert outcome.status == 1
    error = outcome.result["error"]
    assert (error["code"], error["reason"]) == ("SIGNING_INTERRUPTED", "CARD_REMOVED")
    assert error["message"] in outcome.words
    assert error["total"] == 3
    assert [each["name"] for each in error["signatures"]] == files[:2]
    for signed in error["signatures"]:
        hashed = digest(CONTENTS[signed["name"]], "SHA-256")
        assert signed["algorithm"] == "ES256"
        verify(error["certificate"], signed, hashed)
    assert mock_card.read().pin2.tries == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hash", HASH],
        ["contract.txt", "--hash", HASH, "--hash-function", "SHA-256"],
        ["contract.txt", "--name", "a"],
        ["--hash", HASH, "--hash-function", "SHA-256", "--name", "a", "--name", "b"],
        ["contract.txt", "--key", "DSA"],
        ["contract.txt", "--padding", "OAEP"],
        ["missing.txt"],
        ["."],
        ["pipe"],
        ["contract.txt", "--certificate", "missing.pem"],
        ["contract.txt", "--certificate", "broken.pem"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_status_2(
    run: Run, files: list[str], tmp_path: Path, arguments: list[str]
) -> None:
    assert files
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nMAA\n")
    subprocess.run(["mkfifo", tmp_path / "pipe"], check=True)
    outcome = run("sign", *AUTOMATIC, *arguments)
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hash", HASH, "--hash-function", "SHA-384"],
        ["--hash", HASH, "--hash-function", "MD5"],
        ["--hash", "?", "--hash-function", "SHA-256"],
        ["contract.txt", "--hash-function", "SHA-1"],
        ["contract.txt", "--key", "ECC", "--padding", "PSS"],
        ["contract.txt", "--lang", "finnish please"],
        ["contract.txt"] * 21,
        ["large"],
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_what_can_not_be_signed_is_refused_before_a_card_is_looked_at(
    run: Run, home: Path, files: list[str], tmp_path: Path, arguments: list[str]
) -> None:
    assert files
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20_000_001)
    outcome = run("sign", *AUTOMATIC, *arguments)
    assert (outcome.status, outcome.error) == (1, "INVALID_ARGUMENT")
    assert list(home.iterdir()) == []


def test_an_origin_that_may_not_ask_is_refused(run: Run, files: list[str]) -> None:
    outcome = run("sign", "--origin", "http://service.example", *files)
    assert (outcome.status, outcome.error) == (1, "ORIGIN_REFUSED")


# In a terminal, with the card in a PC/SC reader.

CHOICES: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "v5": [((), "ES384")],
    "v4.2": [
        ((), "ES256"),
        (("--key", "ECC"), "ES256"),
        (("--key", "RSA"), "RS256"),
        (("--key", "RSA", "--padding", "PSS"), "PS256"),
    ],
}


@contextlib.contextmanager
def at_reader(card: MockCardState, *arguments: str) -> Iterator[Terminal]:
    """A function that starts a signature in a terminal, with the card in a reader."""
    command = [
        *("env", "KORTILLA_LOG=traffic"),
        *(sys.executable, "-I", "-m", "native_host.cli", "sign", *arguments),
        *("--origin", ORIGIN, "--lang", "en"),
        *("--card", "pcsc", "--prompt", "terminal"),
    ]
    with (
        pcsc.beside(card.folder) as within,
        contextlib.closing(Terminal(within(*command))) as terminal,
    ):
        yield terminal


def test_a_card_in_a_reader_signs_with_each_of_its_keys(
    mock_card: MockCardState, tmp_path: Path
) -> None:
    file = tmp_path / "contract.txt"
    file.write_bytes(b"contract")
    for choice, algorithm in CHOICES[mock_card.read().profile]:
        with at_reader(mock_card, str(file), *choice) as terminal:
            terminal.wait_for(ORIGIN)
            terminal.wait_for(mock_card.read().satu)
            terminal.wait_for("contract.txt")
            terminal.wait_for("PIN2")
            terminal.type("123456\r")
            outcome = terminal.end()
        assert outcome.status == 0
        assert outcome.result["algorithm"] == algorithm
        [signed] = outcome.result["signatures"]
        hashed = digest(b"contract", signed["hashFunction"])
        verify(outcome.result["certificate"], signed, hashed)
        # Between Enter and the signature: VERIFY, MSE, HASH and SIGN.
        sent = re.findall("> 00(..)", outcome.words)
        assert sent[:4] == ["20", "22", "2A", "2A"]
        # The rest of a response must not need a command of its own.
        assert set(sent[4:]) <= {"C0"}


def test_several_files_are_signed_with_one_pin2_after_a_wrong_one(
    mock_card: MockCardState, files: list[str]
) -> None:
    with at_reader(mock_card, *files, "--hash-function", "SHA-256") as terminal:
        for name in files:
            terminal.wait_for(name)
        terminal.wait_for("PIN2")
        terminal.type("999999\r")
        terminal.wait_for("PIN2")
        assert mock_card.read().pin2.tries == 4
        terminal.type("123456\r")
        outcome = terminal.end()
    assert outcome.status == 0
    check(outcome.result, "SHA-256")
    # PIN2 is verified anew before each signature.
    assert re.findall("> 00(20|2A9E)", outcome.words) == ["20", "2A9E"] * 3
    assert mock_card.read().pin2.tries == 5
