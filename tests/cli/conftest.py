# SPDX-License-Identifier: MIT
"""Fixtures for the command line: a separate HOME, and mock cards with cached keys."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.cli import main
from tests.support import cards

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


Run = Callable[..., Outcome]
NewCard = Callable[..., MockCardState]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of a person."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in list(os.environ):
        if name.startswith(("XDG_", "KORTILLA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return home


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
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    return configure
