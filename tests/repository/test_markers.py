# SPDX-License-Identifier: MIT
"""Tests are marked with their requirements, however indirect these are."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.install.token import enable
from tests.browser import browsers
from tests.kortilla.redis_server import running_redis
from tests.support import pcsc
from tests.support.markers import PLACES, needs
from tests.support.offscreen import OFFSCREEN
from tests.support.pcsc import Room, beside, isolated
from tests.support.screen import open_screen


def _in_a_helper() -> None:
    with beside():
        """A reader."""


class _Reader:
    @property
    def card(self) -> None:
        _in_a_helper()


class _BetterReader(_Reader):
    @classmethod
    def show(cls) -> list[object]:
        return [open_screen() for _ in range(2)]


def _a_generator() -> Iterator[None]:
    with pcsc.open_room(Path()):
        yield


def _through_classes() -> object:
    return _BetterReader()


def _in_a_module() -> object:
    return browsers.open_browser


def _a_window() -> object:
    return lambda: subprocess.run(OFFSCREEN, check=True)


def _a_program() -> object:
    return ("openssl", "version")


def _a_program_of_the_product() -> object:
    return enable(["chromium"])


def _nothing() -> object:
    return Path("openssl.txt").exists


@pytest.mark.parametrize(
    ("test", "markers"),
    [
        (_in_a_helper, {"pcscd"}),
        (_a_generator, {"pcscd"}),
        (_through_classes, {"pcscd", "window"}),
        (_in_a_module, {"browser"}),
        (_a_window, {"window"}),
        (_a_program, {"programs"}),
        (_a_program_of_the_product, {"programs"}),
        (running_redis, {"programs"}),
        (_nothing, set()),
    ],
)
def test_what_a_test_reaches_is_what_it_needs(
    test: Callable[..., object], markers: set[str]
) -> None:
    assert needs(test) == markers


def test_a_test_beside_a_pcscd_is_marked_so() -> None:
    @isolated
    async def scenario(room: Room) -> None:
        assert room

    marks = scenario.pytestmark  # type: ignore[attr-defined]  # pytest's own
    assert [mark.name for mark in marks] == ["pcscd"]


def test_each_marked_place_is_there(root: Path) -> None:
    assert all((root / "tests" / place).exists() for place in PLACES)
