# SPDX-License-Identifier: MIT
"""Wine with a screen, a reader and a person.

Without ``tests/windows/run`` there is none, and ``tests/conftest.py`` leaves these
tests out. They run one after the other: all programs have one profile of a user.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import cards
from tests.support.pcsc import LoggedCard, Pcscd, open_pcscd
from tests.support.screen import Screen, open_screen
from tests.windows.wine import Person, Wine

Insert = Callable[..., LoggedCard]


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    """A screen with a window manager."""
    with open_screen() as screen:
        yield screen


@pytest.fixture(scope="session")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pcscd]:
    """A pcscd, which Wine's winscard finds by the environment."""
    with open_pcscd(tmp_path_factory.mktemp("cards")) as pcscd:
        yield pcscd


@pytest.fixture(scope="session")
def as_installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the installer has written into the person's data."""
    copy = tmp_path_factory.mktemp("installed") / "kortilla"
    shutil.copytree(Wine(os.environ).data, copy)
    return copy


@pytest.fixture
def wine(pcscd: Pcscd, screen: Screen, as_installed: Path) -> Iterator[Wine]:
    """Wine beside the reader, for a person who has only installed Kortilla yet.

    Each test leaves nothing in the folder Temp.

    ``winscard.c`` stands before Wine's own, and does more of what Windows' does.
    """
    wine = Wine(screen.environment)
    wine.environment["WINEDLLOVERRIDES"] += ";winscard=native,builtin"
    before = {*wine.temp.iterdir()}
    shutil.rmtree(wine.data)
    shutil.copytree(as_installed, wine.data)
    yield wine
    assert {*wine.temp.iterdir()} - before == set()


@pytest.fixture
def person(screen: Screen) -> Person:
    """A person who reads English."""
    return Person(screen, Path(os.environ["PICTURES"]))


@pytest.fixture
def insert(pcscd: Pcscd, tmp_path: Path) -> Iterator[Insert]:
    """Puts a new card into the reader, of a profile and in a state."""

    def insert(profile: str = "v5", state: str = "active") -> LoggedCard:
        card = LoggedCard(cards.new_card(tmp_path / "card", profile, state))
        pcscd.insert(card)
        pcscd.settle()
        return card

    yield insert
    pcscd.pull()
