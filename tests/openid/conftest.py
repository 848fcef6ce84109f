# SPDX-License-Identifier: MIT
"""Fixtures: a mock card, and a provider that accepts it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kortilla.testing import KortillaCard
from tests.kortilla.redis_server import RedisServer, running_redis
from tests.openid.provider import Browser, LocalOP, write_files
from tests.support.cards import new_card

MakeOP = Callable[..., LocalOP]


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> KortillaCard:
    folder = tmp_path_factory.mktemp("card") / "card"
    new_card(folder)
    return KortillaCard(folder)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, card: KortillaCard) -> Path:
    """The files that the tests' configuration names."""
    folder = tmp_path_factory.mktemp("openid")
    write_files(folder, card)
    return folder


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def make_op(files: Path, card: KortillaCard) -> AsyncIterator[MakeOP]:
    """A function that makes a provider, with changes of its configuration."""
    closing: list[Callable[[], Awaitable[None]]] = []

    def make(**changes: Any) -> LocalOP:
        op = LocalOP.create(files, card, **changes)
        closing.append(op.provider.close)
        return op

    yield make
    for close in closing:
        await close()


@pytest.fixture
def op(make_op: MakeOP) -> LocalOP:
    return make_op()


@pytest.fixture
def browser(op: LocalOP) -> Browser:
    return Browser(op)
