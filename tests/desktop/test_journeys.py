# SPDX-License-Identifier: MIT
"""What a person hears from Orca on the way through the program, step by step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desktop.journeys import JOURNEYS, Person
from tests.pin_prompt.accessibility_bus import AccessibilityBus, open_accessibility_bus
from tests.support.orca import Orca, open_orca
from tests.support.screen import Screen, open_screen


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with open_screen(1366, 768) as screen:
        yield screen


@pytest.fixture(scope="module")
def bus(screen: Screen) -> Iterator[AccessibilityBus]:
    with open_accessibility_bus(screen.display) as bus:
        yield bus


@pytest.fixture
def orca(screen: Screen, bus: AccessibilityBus, tmp_path: Path) -> Iterator[Orca]:
    """Orca, anew for each journey.

    On a busy computer, one that had heard other journeys once said nothing of a window
    but the keys. Journeys kill their programs, and Orca learns that late.
    """
    with open_orca(screen, bus.session, tmp_path) as orca:
        yield orca


# ``test_orca.py`` has the others.
@pytest.mark.parametrize(
    ("journey", "language"),
    [
        ("activation", "fi"),
        ("unlock", "sv"),
        ("change", "en"),
        ("agent", "fi"),
        ("check", "fi"),
        ("encrypt", "en"),
        ("self_check", "sv"),
    ],
)
def test_each_step_is_heard(
    screen: Screen,
    bus: AccessibilityBus,
    orca: Orca,
    tmp_path: Path,
    journey: str,
    language: str,
) -> None:
    since = len(orca.said)
    for _, words in JOURNEYS[journey](Person(screen, bus, tmp_path, language)):
        orca.wait_for(*words, since=since)
        since = len(orca.said)
