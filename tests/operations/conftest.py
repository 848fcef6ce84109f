# SPDX-License-Identifier: MIT
"""Fixtures with a mock card for each test; its keys are cached."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.mock_source import MockCardSource
from native_host.operations.documents import DocumentHeader, DocumentInbox
from tests.operations.managing import GRANTED, NewCard, copy
from tests.operations.signing import CONTENTS
from tests.support import cards

Made = Callable[[str], Path]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card") / "mock-card"
    MockCardState.create(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, made_once: Path) -> Path:
    """The folder of a fresh copy of the card."""
    return Path(shutil.copytree(made_once, tmp_path / "mock-card"))


@pytest.fixture
async def source(folder: Path) -> AsyncIterator[MockCardSource]:
    """A reader with the card in it."""
    async with MockCardSource(folder) as source:
        yield source


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    """The folder of a fresh copy of a card of the older generation."""
    return Path(shutil.copytree(cards.made("v4.2"), tmp_path / "old-mock-card"))


@pytest.fixture
async def old_source(old_folder: Path) -> AsyncIterator[MockCardSource]:
    """A reader with the card of the older generation in it."""
    async with MockCardSource(old_folder) as source:
        yield source


@pytest.fixture(scope="session")
def new_cards(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A function that creates new cards by their date of issue, each kind once."""
    place = tmp_path_factory.mktemp("new-cards")

    def made(granted: str) -> Path:
        folder = place / granted
        if not folder.exists():
            MockCardState.create(folder, state="new", not_before=GRANTED[granted])
        return folder

    return made


@pytest.fixture
def new_card(
    new_cards: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NewCard:
    """A function that returns fresh copies of them."""
    # No folder of a test needs to survive a power failure.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return lambda granted: copy(new_cards(granted), tmp_path / f"new-{granted}")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the documents' private folders."""
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    return place


@pytest.fixture
def inbox(place: Path) -> Iterator[DocumentInbox]:
    headers = [
        DocumentHeader(name, "text/plain", len(content))
        for name, content in CONTENTS.items()
    ]
    with closing(DocumentInbox(headers)) as inbox:
        yield inbox
