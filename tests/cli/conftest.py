# SPDX-License-Identifier: MIT
"""Fixtures for the command line: a separate HOME, and mock cards with cached keys."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.cli import main
from native_host.doctor import card, examination
from native_host.doctor.examination import Check
from native_host.doctor.findings import Finding, Place
from tests.install.nss_databases import make_profile
from tests.pin_prompt.accessibility_bus import (
    AccessibilityBus,
    open_accessibility_bus,
)
from tests.support import cards, commands
from tests.support.commands import KORTILLA
from tests.support.patience import patience
from tests.support.screen import Screen, open_screen

ORIGIN = "https://service.example"
NONCE = "A" * 43 + "="


@dataclass(frozen=True)
class Outcome:
    """The outcome of a command: exit status, standard output, and words for people."""

    status: int
    lines: list[str]
    words: str

    @property
    def result(self) -> Any:
        """The single result on standard output."""
        (line,) = self.lines
        return json.loads(line)

    @property
    def error(self) -> str:
        """The error's code."""
        return str(self.result["error"]["code"])


@contextmanager
def on_screen(
    *words: str,
) -> Iterator[tuple[Screen, AccessibilityBus, "subprocess.Popen[bytes]"]]:
    """Run a command with its window on a screen. It is ended at exit."""
    with open_screen() as screen, open_accessibility_bus(screen.display) as bus:
        process = subprocess.Popen(
            [*KORTILLA, *words, "--card", "mock", "--lang", "en", "--json"],
            env=screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.session},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield screen, bus, process
        finally:
            process.kill()
            process.communicate()


Run = Callable[..., Outcome]
NewCard = Callable[..., MockCardState]


@pytest.fixture(autouse=True)
def home(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of a user, who works beside it."""
    monkeypatch.chdir(empty_home.parent)
    return empty_home


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A function that runs a command in this process, as a script does.

    With ``json=False`` it runs as for a person, who sees standard output too.
    """

    def run(*arguments: str, json: bool = True) -> Outcome:
        capsys.readouterr()
        status = main([*arguments, *(["--json"] if json else [])])
        out, err = capsys.readouterr()
        return Outcome(status, out.splitlines(), err if json else out + err)

    return run


@pytest.fixture(scope="session", params=["v5", "v4.2"])
def each_card(request: pytest.FixtureRequest) -> Path:
    """A mock card of each generation, for copying."""
    return cards.made(request.param)


@pytest.fixture
def mock_card(home: Path, each_card: Path) -> MockCardState:
    """The mock card in its usual place."""
    folder = home / ".local/share/kortilla/mock-card"
    shutil.copytree(each_card, folder)
    return MockCardState.open(folder)


@pytest.fixture
def new_card(home: Path) -> NewCard:
    """A function that creates a card of a profile and a state in its usual place."""

    def new_card(profile: str, state: str = "new") -> MockCardState:
        folder = home / ".local/share/kortilla/mock-card"
        return cards.new_card(folder, profile, state)

    return new_card


@pytest.fixture
def configure(home: Path) -> Callable[[str], Path]:
    """A function that writes the person's configuration."""

    def configure(text: str) -> Path:
        path = home / ".config/kortilla/config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return configure


@pytest.fixture
def no_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session folder, in which no copy of a document remains."""
    place = tmp_path / "run"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield
    assert list(place.iterdir()) == []


# For ``kortilla doctor``.


@pytest.fixture
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No screen, no language and no time zone in the environment."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL", "LC_MESSAGES", "TZ"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def installed_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A home with both browsers, the card shown to them, and the mock card; its copy.

    Manifests name files by their whole path, so each test has it in this place.
    """
    folder = tmp_path_factory.mktemp("installed")
    home, copy = folder / "home", folder / "copy"
    cards.new_card(home / ".local/share/kortilla/mock-card")
    (home / ".config/chromium").mkdir(parents=True)
    make_profile(home / ".mozilla/firefox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for name in [each for each in os.environ if each.startswith("XDG_")]:
            patch.delenv(name)
        assert main(["install"]) == 0
        assert main(["pkcs11", "enable"]) == 0
    shutil.copytree(home, copy, symlinks=True)
    return home, copy


@pytest.fixture
def installed(
    installed_once: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The home as it was after the installation."""
    home, copy = installed_once
    monkeypatch.setenv("HOME", str(home))
    yield home
    shutil.rmtree(home)
    shutil.copytree(copy, home, symlinks=True)


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[list[Finding]]:
    """What each examination has found so far."""
    found: list[list[Finding]] = []
    real = examination.examine

    async def examine(place: Place) -> list[Finding]:
        found.append(await real(place))
        return found[-1]

    monkeypatch.setattr("native_host.cli.doctor.examine", examine)
    return found


@pytest.fixture
def warm_card_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``kortilla card status`` run in a process that has all imports done."""

    async def output_of(
        *command: str, environment: Mapping[str, str] | None = None
    ) -> bytes:
        assert command[: len(KORTILLA)] == KORTILLA
        status = commands.begin(
            *command[len(KORTILLA) :],
            environment={**os.environ, **(environment or {})},
        )
        ended = await asyncio.to_thread(commands.end, status)
        return ended.stdout.encode()

    monkeypatch.setattr(card, "output_of", output_of)


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
    """Return the codes of what is to be fixed, but for the screen that is missing."""
    return {code for code, each in codes(outcome).items() if is_fault(each)}


def is_fault(finding: Mapping[str, Any]) -> bool:
    """Whether a finding is to be fixed, and is not the screen that is missing."""
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


def write_configuration(home: Path, text: str) -> None:
    """Write the person's configuration."""
    path = home / ".config/kortilla/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
