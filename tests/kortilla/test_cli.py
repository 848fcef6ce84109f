# SPDX-License-Identifier: MIT
"""``kortilla-server``: its output, its messages, and its exit statuses."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kortilla.cli import main
from kortilla.common.imports import missing_words
from kortilla.revocation import fetch as fetching
from kortilla.validation import pinned_cas as pins
from tests.kortilla.pki import CA
from tests.kortilla.validation.test_ca_files import Authority, authority, other, pin

__all__ = ["authority", "other"]  # fixtures


@pytest.fixture(autouse=True)
def pinned(ca: CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pin the test CA in place of the authority's CAs."""
    monkeypatch.setattr(pins, "PINS", (pin(ca),))
    monkeypatch.delenv("KORTILLA_TRUST", raising=False)


@pytest.fixture
def source(tmp_path: Path, ca: CA) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "from-a-card.bin").write_bytes(ca.der)
    return folder


def run(
    capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, dict[str, Any], str]:
    """Run a command as a script does; return its JSON and its standard error."""
    status = main([*map(str, arguments), "--json"])
    output, words = capsys.readouterr()
    assert output.count("\n") == 1
    return status, json.loads(output), words


def tell(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command as a person does, and return what it prints."""
    main([*map(str, arguments)])
    told = "".join(capsys.readouterr())
    assert '{"' not in told
    return told


def test_update_from_a_folder_and_show_it(
    tmp_path: Path, source: Path, ca: CA, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "ca"
    (source / "letter\x1b[2J.txt").write_text("hello")
    update = ("trust", "update", "--folder", folder, "--from", source)
    status, result, words = run(capsys, *update)
    expected = {
        "name": "SPECIMEN Issuing CA - G1",
        "state": "stored",
        "file": str(folder / "specimen-issuing-ca-g1.crt"),
        "sha256": pin(ca).sha256,
        "origin": "authority",
        "role": "citizen",
        "validFrom": "2021-01-01T00:00:00+00:00",
        "validUntil": "2041-01-01T00:00:00+00:00",
    }
    assert (status, result["certificates"], words) == (0, [expected], "")
    told = tell(capsys, *update)
    assert "SPECIMEN Issuing CA - G1  until 2041-01-01" in told

    # The message names the skipped file, even if its name has control characters.
    why = "not a certificate"
    assert result["passedOver"] == {"letter\x1b[2J.txt": why}
    assert r"'letter\x1b[2J.txt' was passed over: not a certificate" in told

    status, result, _ = run(capsys, "trust", "show", "--folder", folder)
    assert status == 0
    assert result["certificates"] == [expected | {"state": "kept"}]


def test_a_ca_of_the_configuration_is_stored_and_marked(
    root: CA,
    source: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (source / "new.crt").write_bytes(root.der)
    more = hashlib.sha256(root.der).hexdigest()
    monkeypatch.setenv("KORTILLA_TRUST", str(source / "ca"))
    update = ("trust", "update", "--from", source, "--pin", more)
    status, result, _ = run(capsys, *update)
    assert (status, result["folder"]) == (0, str(source / "ca"))
    by_name = {each["name"]: each for each in result["certificates"]}
    marks = {"origin": "configured", "role": "root", "state": "stored"}
    assert by_name["SPECIMEN Root CA"].items() >= marks.items()

    # Without the pin it is not wanted.
    status, result, _ = run(capsys, "trust", "show")
    assert (status, result["certificates"][1]["origin"]) == (1, None)
    monkeypatch.setenv("KORTILLA_PINS", f"{more} {'00' * 32}")
    status, result, _ = run(capsys, "trust", "show")
    assert (status, result["error"]["code"]) == (1, "CA_MISSING")
    origins = [each["origin"] for each in result["certificates"]]
    assert origins == ["authority", "configured", "configured"]
    told = tell(capsys, "trust", "show")
    assert "CA of the configuration, 0000000000000000" in told


def test_test_cas_are_marked(
    source: Path,
    ca: CA,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pins, "PINS", (replace(pin(ca), test=True),))
    (source / "from-a-card.bin").rename(source / "ca.crt")
    arguments = ("--folder", source, "--test")
    status, result, _ = run(capsys, "trust", "show", *arguments)
    assert (status, result["certificates"][0]["origin"]) == (0, "test")
    told = tell(capsys, "trust", "show", *arguments)
    assert "SPECIMEN Issuing CA - G1 (test CA)" in told


def test_update_asks_the_addresses_and_shows_how_far_it_is(
    tmp_path: Path,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    addresses = tuple(authority.address(path) for path in ("/wrong", "/html", "/right"))
    monkeypatch.setattr(fetching, "is_public", lambda _: True)
    monkeypatch.setattr(pins, "ADDRESSES", addresses)
    status, result, words = run(capsys, "trust", "update", "--folder", tmp_path)
    assert status == 0
    assert result["certificates"][0]["state"] == "stored"
    assert "addresses" not in result
    assert "Addresses asked" in words


def test_update_that_does_not_find_everything_fails_and_says_why(
    tmp_path: Path,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = authority.address("/html")
    monkeypatch.setattr(fetching, "is_public", lambda _: True)
    monkeypatch.setattr(pins, "ADDRESSES", (address,))
    status, result, _ = run(capsys, "trust", "update", "--folder", tmp_path)
    assert status == 1
    assert result["error"]["code"] == "CA_MISSING"
    assert "SPECIMEN Issuing CA - G1" in result["error"]["message"]
    assert result["certificates"][0]["state"] == "missing"
    assert "not a certificate" in result["addresses"][address]
    assert address in tell(capsys, "trust", "update", "--folder", tmp_path)


def test_show_fails_when_a_ca_ends_soon_and_update_does_not(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "from-a-card.bin").rename(source / "ca.crt")
    arguments = ("--folder", source, "--warn-days", 36500)
    status, result, _ = run(capsys, "trust", "show", *arguments)
    assert (status, result["error"]["code"]) == (1, "CA_NEEDS_ATTENTION")
    assert "ends in" in result["certificates"][0]["problem"]
    assert "ends in" in tell(capsys, "trust", "show", *arguments)

    status, result, _ = run(capsys, "trust", "update", *arguments)
    assert (status, result["certificates"][0]["state"]) == (0, "kept")
    assert "ends in" in tell(capsys, "trust", "update", *arguments)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ("", 2, "INVALID_ARGUMENT"),
        ("trust", 2, "INVALID_ARGUMENT"),
        ("trust update --bogus", 2, "INVALID_ARGUMENT"),
        ("trust update --from /does/not/exist", 2, "INVALID_ARGUMENT"),
        ("trust show --warn-days -1", 2, "INVALID_ARGUMENT"),
        ("bogus", 2, "INVALID_ARGUMENT"),
        ("trust show --folder none", 1, "CA_MISSING"),
        ("trust show --folder none --pin 00", 1, "TRUST_CONFIGURATION"),
        ("trust update --folder from-a-card.bin/ca --from .", 1, "TRUST_CONFIGURATION"),
    ],
)
def test_what_is_wrong_is_named(
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    status: int,
    code: str,
) -> None:
    monkeypatch.chdir(source)
    found, result, words = run(capsys, *arguments.split())
    assert (found, result["error"]["code"]) == (status, code)
    assert ("Usage: kortilla-server" in words) == (status == 2)


def ended(code: str) -> tuple[int, dict[str, Any], str]:
    """Run code in a process; return its status, its JSON and its standard error."""
    command = [sys.executable, "-c", f"import sys; {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_command_imports_nothing_of_the_citizens_program(tmp_path: Path) -> None:
    status, result, errors = ended(
        "from kortilla.cli import main; "
        f"status = main(['trust', 'show', '--folder', {str(tmp_path)!r}, '--json']); "
        "assert not {'native_host', 'smartcard', 'PySide6'} & set(sys.modules); "
        "sys.exit(status)"
    )
    assert status == 1, errors
    names = [each["name"] for each in result["certificates"]]
    assert "DVV Citizen Certificates - G4E" in names


def test_a_program_without_the_librarys_requirements_names_what_is_missing() -> None:
    message = missing_words("yarl")
    error = {"code": "TOOL_MISSING", "message": message}
    code = (
        "sys.modules['yarl'] = None; from kortilla.cli import main;"
        "sys.exit(main(['trust', 'show', '--json']))"
    )
    assert ended(code) == (1, {"error": error}, f"{message}\n")
