# SPDX-License-Identifier: MIT
"""Fixtures: a mock card, and a provider that accepts it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kortilla.testing import KortillaCard
from tests.openid.scene import Browser, Scene, write_scene
from tests.support.cards import new_card

MakeScene = Callable[..., Scene]


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> KortillaCard:
    folder = tmp_path_factory.mktemp("card") / "card"
    new_card(folder)
    return KortillaCard(folder)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, card: KortillaCard) -> Path:
    """The files that the tests' configuration names."""
    folder = tmp_path_factory.mktemp("openid")
    write_scene(folder, card)
    return folder


@pytest.fixture
async def make_scene(files: Path, card: KortillaCard) -> AsyncIterator[MakeScene]:
    """A function that makes a provider, with changes of its configuration."""
    closing: list[Callable[[], Awaitable[None]]] = []

    def make(**changes: Any) -> Scene:
        scene = Scene.create(files, card, **changes)
        closing.append(scene.provider.close)
        return scene

    yield make
    for close in closing:
        await close()


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    return make_scene()


@pytest.fixture
def browser(scene: Scene) -> Browser:
    return Browser(scene)
