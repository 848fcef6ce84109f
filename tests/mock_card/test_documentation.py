# SPDX-License-Identifier: MIT
"""The examples of docs/testers.md work as written."""

import contextlib
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kortilla.mock_card.card_data import CardState
from kortilla.mock_card.faults import CommandName, FaultName
from kortilla.mock_card.profiles import PROFILES
from kortilla.mock_card.state import MockCardState
from native_host.cli import main
from tests.mock_card.test_pytest_plugin import run_tests

GUIDE = (Path(__file__).parents[2] / "docs" / "testers.md").read_text()


def blocks(language: str) -> list[str]:
    """Return all blocks, also those that no other test runs."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_commands_work_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) > 10
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "kortilla"
        if arguments != ["mock-card", "serve"]:  # another test covers it
            assert main(arguments) == 0


def test_every_profile_state_fault_and_command_is_explained() -> None:
    for names in (PROFILES, CardState, FaultName, CommandName):
        for name in names:
            assert f"`{name}`" in GUIDE


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    example, *_ = blocks("python")
    assert "1 passed" in run_tests(tmp_path, example)


def test_the_example_of_a_responder_is_believed_by_openssl(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    *_, example = blocks("python")
    (tmp_path / "responder.py").write_text(example.replace("8899", str(port)))
    responder = subprocess.Popen(
        [sys.executable, "responder.py"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,  # the log of requests
    )
    try:
        wait_for(port, responder)
        card = MockCardState.open(tmp_path / "card")
        cas = [
            x509.load_der_x509_certificate((card.folder / name).read_bytes())
            for name in ("issuing.der", "root.der")
        ]
        (tmp_path / "trusted").write_bytes(
            b"".join(ca.public_bytes(Encoding.PEM) for ca in cas)
        )
        leaf = asn1_x509.Certificate.load(card.read().keys[0].certificate)
        [url] = leaf.ocsp_urls
        asked = subprocess.run(
            [
                *("openssl", "ocsp", "-issuer", "card/issuing.der"),
                *("-serial", str(leaf.serial_number), "-url", url),
                *("-CAfile", "trusted"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert asked.stderr.strip() == "Response verify OK"
        assert f"{leaf.serial_number}: good" in asked.stdout
    finally:
        responder.kill()
        responder.wait()


def wait_for(port: int, program: "subprocess.Popen[bytes]") -> None:
    """Wait until a program listens on a port of this computer."""
    while True:
        assert program.poll() is None, "the program has exited"
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.01)
