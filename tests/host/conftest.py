# SPDX-License-Identifier: MIT
"""Fixtures for the host: a HOME with a mock card whose keys are cached."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.process import AUTOMATIC, Script, make_environment
from tests.support import cards

Scripted = Callable[..., Script]
MOCK_FOLDER = Path(".local/share/kortilla/mock-card")


@pytest.fixture(scope="session", params=["v5", "v4.2"])
def each_card(request: pytest.FixtureRequest) -> Path:
    """A card of each profile; copy it to use it."""
    return cards.made(request.param)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return furnish(tmp_path / "home", cards.made())


@pytest.fixture
def automatic(home: Path) -> dict[str, str]:
    return make_environment(home, AUTOMATIC)


@pytest.fixture
def window(home: Path) -> dict[str, str]:
    return make_environment(home, 'card = "mock"\nlanguage = "en"\n')


@pytest.fixture
def scripted(home: Path, window: dict[str, str]) -> Scripted:
    """A function that makes a window with these answers."""
    return lambda *answers: Script(home, *answers, environment=window)


def furnish(home: Path, card: Path) -> Path:
    """Put a copy of a mock card into a HOME."""
    shutil.copytree(card, home / MOCK_FOLDER)
    return home
