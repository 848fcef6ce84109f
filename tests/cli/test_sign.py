# SPDX-License-Identifier: MIT
"""``kortilla sign --origin``: as for a page of a service."""

import base64
import contextlib
import os
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from tests.cli.conftest import ORIGIN, Run
from tests.cli.terminal import KORTILLA, Terminal
from tests.host.signing import b64, digest, verify
from tests.support import pcsc

pytestmark = pytest.mark.usefixtures("no_copies")

AUTOMATIC = ("--origin", ORIGIN, "--card", "mock", "--prompt", "automatic")
HASH = b64(digest(b"contract", "SHA-256"))
WITH_HASH = ("--hash", HASH, "--hash-function", "SHA-256")
CONTENTS = {"contract.txt": b"contract", "annex.pdf": bytes(100_000), "empty": b""}


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> list[str]:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    return list(CONTENTS)


def check(result: dict[str, Any], algorithm: str) -> None:
    """Verify the signatures of all contents."""
    function = f"SHA-{algorithm[-3:]}"
    assert set(result) == {"certificate", "signatures"}
    assert [each["name"] for each in result["signatures"]] == list(CONTENTS)
    for signed, content in zip(result["signatures"], CONTENTS.values(), strict=True):
        hashed = digest(content, function)
        assert (signed["hash"], signed["hashFunction"]) == (b64(hashed), function)
        assert signed["algorithm"] == algorithm
        verify(result["certificate"], signed, hashed)


#: For each card the wishes, and the algorithm.
WISHES = [
    *(("v5", "", "ES384"), ("v4.2", "", "ES256"), ("v5", "SHA-512", "ES512")),
    *(("v5", "SHA-256", "ES256"), ("v4.2", "--key ECC", "ES256")),
    *(("v4.2", "--key RSA", "RS256"), ("v4.2", "--key RSA --padding PSS", "PS256")),
]


def test_files_are_signed_with_each_key_of_the_card(
    run: Run, mock_card: MockCardState, files: list[str]
) -> None:
    for profile, wish, algorithm in WISHES:
        if profile == mock_card.read().profile:
            words = wish.replace("SHA", "--hash-function SHA").split()
            outcome = run("sign", *AUTOMATIC, *words, *files)
            assert outcome.status == 0
            check(outcome.result, algorithm)
    assert mock_card.read().pin2.tries == 5


def test_hashes_are_signed_and_have_names(run: Run, mock_card: MockCardState) -> None:
    result = run("sign", *AUTOMATIC, *WITH_HASH).result
    # One signature stands by itself too.
    assert set(result) == {"certificate", "signature", "algorithm", "signatures"}
    [signed] = result["signatures"]
    assert (result["signature"], result["algorithm"]) == (signed["signature"], "ES256")
    assert set(signed) == {
        *("name", "hash", "hashFunction", "signature", "algorithm"),
        "signatureAlgorithm",
    }
    assert signed["hash"] == HASH
    verify(result["certificate"], signed, base64.b64decode(HASH))
    for words, names in (
        ((), ["hash 1", "hash 2"]),
        (("--name", "a/b.pdf", "--name", "c.pdf"), ["a/b.pdf", "c.pdf"]),
    ):
        result = run("sign", *AUTOMATIC, *WITH_HASH, "--hash", HASH, *words).result
        assert [each["name"] for each in result["signatures"]] == names
    assert mock_card.read().pin2.tries == 5


@pytest.mark.usefixtures("mock_card")
def test_files_of_the_same_name_are_told_apart_by_their_folders(
    run: Run, tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same").write_text(folder)
    deep = tmp_path.joinpath(*["x" * 100] * 3)
    for folder in ("a", "b"):
        shutil.copytree(tmp_path / folder, deep / folder)
    for place in ("", f"{deep}/"):
        result = run("sign", *AUTOMATIC, f"{place}a/same", f"{place}b/same").result
        assert [each["name"] for each in result["signatures"]] == ["a/same", "b/same"]
    assert run("sign", *AUTOMATIC, "a/same", "a/same").error == "INVALID_ARGUMENT"


@pytest.mark.parametrize("encoding", ["DER", "PEM"])
def test_the_certificate_that_must_sign_can_be_given(
    run: Run, mock_card: MockCardState, tmp_path: Path, encoding: str
) -> None:
    asked = ("sign", *AUTOMATIC, *WITH_HASH)
    certificate = run(*asked).result["certificate"]
    der = base64.b64decode(certificate)
    file = tmp_path / "certificate"
    pem = ssl.DER_cert_to_PEM_cert(der).encode()
    file.write_bytes(der if encoding == "DER" else pem)
    again = run(*asked, "--certificate", str(file))
    assert again.result["certificate"] == certificate
    file.write_bytes(der[:-1] + bytes([der[-1] ^ 1]))
    outcome = run(*asked, "--certificate", str(file))
    assert (outcome.status, outcome.error) == (1, "CERTIFICATE_MISMATCH")
    assert mock_card.read().pin2.tries == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["--hash", HASH],
        ["contract.txt", *WITH_HASH],
        ["contract.txt", "--name", "a"],
        [*WITH_HASH, "--name", "a", "--name", "b"],
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
    run: Run, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nMAA\n")
    os.mkfifo(tmp_path / "pipe")
    outcome = run("sign", *AUTOMATIC, *arguments)
    assert (outcome.status, outcome.error) == (2, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--hash", HASH, "--hash-function", "SHA-384"], "INVALID_ARGUMENT"),
        (["--hash", HASH, "--hash-function", "MD5"], "INVALID_ARGUMENT"),
        (["--hash", "?", "--hash-function", "SHA-256"], "INVALID_ARGUMENT"),
        (["contract.txt", "--hash-function", "SHA-1"], "INVALID_ARGUMENT"),
        (["contract.txt", "--key", "ECC", "--padding", "PSS"], "INVALID_ARGUMENT"),
        (["contract.txt", "--lang", "finnish please"], "INVALID_ARGUMENT"),
        (["contract.txt"] * 21, "INVALID_ARGUMENT"),
        (["large"], "INVALID_ARGUMENT"),
        (["contract.txt", "--origin", "http://service.example"], "ORIGIN_REFUSED"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_what_can_not_be_signed_is_refused_before_a_card_is_looked_at(
    run: Run, home: Path, tmp_path: Path, arguments: list[str], code: str
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20_000_001)
    outcome = run("sign", *AUTOMATIC, *arguments)
    assert (outcome.status, outcome.error) == (1, code)
    assert list(home.iterdir()) == []


def test_several_files_are_signed_in_a_terminal_with_one_pin2_after_a_wrong_one(
    mock_card: MockCardState, files: list[str]
) -> None:
    command = [
        *(*KORTILLA, "sign", *files, "--hash-function", "SHA-256"),
        *("--origin", ORIGIN, "--lang", "en", "--card", "pcsc"),
        *("--prompt", "terminal"),
    ]
    with (
        pcsc.beside(mock_card.folder) as within,
        contextlib.closing(Terminal(within(*command))) as terminal,
    ):
        for words in (ORIGIN, mock_card.read().satu, *files, "PIN2"):
            terminal.wait_for(words)
        terminal.type("999999\r")
        terminal.wait_for("PIN2")
        assert mock_card.read().pin2.tries == 4
        terminal.type("123456\r")
        outcome = terminal.outcome()
    assert outcome.status == 0
    check(outcome.result, "ES256")
    assert mock_card.read().pin2.tries == 5
