# SPDX-License-Identifier: MIT
"""Ways to break a home that ``kortilla doctor`` examines, and what was found."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from native_host.doctor.examination import Check
from native_host.doctor.findings import Finding, Place
from tests.cli.conftest import Outcome
from tests.support.patience import patience

DOCTOR = ("doctor", "--card", "mock", "--lang", "en")
LAUNCHER = ".local/share/kortilla/host/kortilla-host"
CHROMIUM = ".config/chromium/NativeMessagingHosts/fi.kortilla.host.json"
FIREFOX = ".mozilla/native-messaging-hosts/fi.kortilla.host.json"
MODULE = ".config/pkcs11/modules/kortilla.module"

Break = Callable[[Path], object]


def codes(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    """Return the findings by their codes."""
    return {each["code"]: each for each in outcome.result["findings"]}


def found_by(check: Check) -> dict[str, Mapping[str, str]]:
    """Return the codes that one check finds, with their details."""

    async def found() -> list[Finding]:
        return await check(Place())

    return {each.code: each.details for each in asyncio.run(found())}


def faults(outcome: Outcome) -> set[str]:
    """Return the codes of what is to be mended, but for the screen that is missing."""
    return {code for code, each in codes(outcome).items() if is_fault(each)}


def is_fault(finding: Mapping[str, Any]) -> bool:
    """Whether a finding is to be mended, and is not the screen that is missing."""
    ignored = finding["code"] in ("NO_SCREEN", "PKCS11_FAILED")
    return finding["severity"] != "info" and not ignored


def rewrite(name: str, **fields: object) -> Break:
    """Return a function that changes fields of a JSON file in a home."""

    def do(home: Path) -> None:
        path = home / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return do


def replace(name: str, old: str, new: str) -> Break:
    """Return a function that changes the text of a file in a home."""

    def do(home: Path) -> None:
        path = home / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return do


def another_program(home: Path) -> None:
    """Let Chromium's manifest name another program."""
    other = home / "other"
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    rewrite(CHROMIUM, path=str(other))(home)


def without_entry(home: Path) -> None:
    """Take the token out of Chromium's database."""
    subprocess.run(
        [
            *("modutil", "-force", "-dbdir", f"sql:{home}/.pki/nssdb"),
            *("-delete", "Kortilla"),
        ],
        check=True,
        capture_output=True,
        timeout=patience(),
    )


def configure(home: Path, text: str) -> None:
    """Write the person's configuration."""
    path = home / ".config/kortilla/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
