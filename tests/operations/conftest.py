# SPDX-License-Identifier: MIT
"""Fixtures with a mock card for each test; its keys are cached."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kortilla.mock_card.state import MockCardState
from native_host.card.errors import PinNotEnteredError
from native_host.card.mock_source import MockCardSource
from native_host.card.pin_pad import PinPad
from native_host.card.source import CardConnection, Reader
from native_host.operations.documents import DocumentHeader, DocumentInbox
from tests.operations.managing import GRANTED, CardInReader, NewCard, copy
from tests.operations.signing import CONTENTS
from tests.support import cards

Made = Callable[[str], Path]

#: What happens at the PIN pad: a PIN is typed, or a code and a new PIN; the reader
#: gives its own response; or a function runs before a PIN is typed.
Typing = str | tuple[str, str] | int | Callable[[], str]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card") / "mock-card"
    MockCardState.create(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, made_once: Path) -> Path:
    return Path(shutil.copytree(made_once, tmp_path / "mock-card"))


@pytest.fixture
async def source(folder: Path) -> AsyncIterator[MockCardSource]:
    async with MockCardSource(folder) as source:
        yield source


@pytest.fixture
def state(folder: Path) -> MockCardState:
    return MockCardState.open(folder)


@pytest.fixture
def active(source: MockCardSource, state: MockCardState) -> CardInReader:
    return CardInReader(source, state)


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(cards.made("v4.2"), tmp_path / "old-mock-card"))


@pytest.fixture
async def old_source(old_folder: Path) -> AsyncIterator[MockCardSource]:
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
def new_card(new_cards: Made, tmp_path: Path) -> NewCard:
    """A function that returns fresh copies of them."""
    return lambda granted: copy(new_cards(granted), tmp_path / f"new-{granted}")


@pytest.fixture
def scheme() -> str:
    """The scheme of ``new``; ``EACH_SCHEME`` gives a test both."""
    return "seven"


@pytest.fixture
async def new(new_card: NewCard, scheme: str) -> AsyncIterator[CardInReader]:
    state = new_card(scheme)
    async with MockCardSource(state.folder) as source:
        yield CardInReader(source, state)


@pytest.fixture(autouse=True)
def no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """No card's folder needs to survive a power failure."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the documents' private folders, and beside it that of the state."""
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return place


@pytest.fixture
def inbox(place: Path) -> Iterator[DocumentInbox]:
    headers = [
        DocumentHeader(name, "text/plain", len(content))
        for name, content in CONTENTS.items()
    ]
    with closing(DocumentInbox(headers)) as inbox:
        yield inbox


def refuse() -> str:
    """Be the entry on a reader that refuses to use its PIN pad."""
    raise PinNotEnteredError("refused")


class Pad(PinPad):
    """A reader with a PIN pad, where the user acts as the test says."""

    can_modify = True

    def __init__(self, typings: Iterator[Typing], card: CardConnection) -> None:
        self._typings = typings
        self._card = card

    def verify(self, template: bytes, min_digits: int, max_digits: int) -> int:
        typed = next(self._typings)
        if callable(typed):
            typed = typed()
        if isinstance(typed, int):
            return typed
        codes = (typed,) if isinstance(typed, str) else typed
        assert template[4] == 12 * len(codes)
        if any(not min_digits <= len(each) <= max_digits for each in codes):
            return 0x6403
        padded = (each.encode().ljust(12, b"\0") for each in codes)
        return self._card.send_and_receive(template[:5] + b"".join(padded))[1]

    modify = verify


@pytest.fixture
def typings(source: MockCardSource, monkeypatch: pytest.MonkeyPatch) -> list[Typing]:
    """Give the reader a PIN pad; return the list of entries on it."""
    typings: list[Typing] = []
    connect, typed = source.connect, iter(typings)

    async def with_pad(reader: Reader) -> CardConnection:
        connection = await connect(reader)
        connection.pin_pad = Pad(typed, connection)
        return connection

    monkeypatch.setattr(source, "connect", with_pad)
    return typings
