# SPDX-License-Identifier: MIT
"""No window crashes while somebody presses, and another program asks for all parts."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from native_host.pin_prompt.model import Problem, Step
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from native_host.texts.language import SPOKEN
from tests.host.conftest import furnish
from tests.host.process import make_environment
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.accessibility_bus import open_session
from tests.pin_prompt.conftest import a_question, open_in_front
from tests.support import cards
from tests.support.patience import patience
from tests.support.screen import Screen, open_screen

#: Presses in the program's window, and pages of the PIN window. A whole run has 200 and
#: 60, in ``make test-debian``.
PRESSES = int(os.environ.get("PRESSES", "60"))
PAGES = 60 if PRESSES >= 200 else 30
#: See ``hammer.py``.
WINDOWS = 2
#: What Qt says of questions that have no answer, and of a session without a portal.
#: Our windows put another word before it than Qt does. One is of asyncio: the window
#: was closed during a self-check, whose programs have not ended yet. The last one is of
#: a container that lets nobody make a network of their own.
_HARMLESS = (
    *("Could not find ", "Received text event", "Subscription string not handled"),
    *("does not implement", "Invalid index at", "org.freedesktop.portal"),
    *("that handles pid", "lets no process leave the network"),
    # A command says what it tells the window, in its language.
    *("The person closed the window or pressed cancel.", "Peruutit.", "Du avbröt."),
    # So the window ends a command, with a blank line.
    *("Cancelled from the keyboard.", "Keskeytetty", "Avbrutet"),
)


@pytest.fixture
def screen() -> Iterator[Screen]:
    with open_screen(1366, 768) as screen:
        yield screen


@pytest.fixture
def session(screen: Screen) -> Iterator[tuple[str, str]]:
    """The addresses of a session's bus, and of the one for accessibility."""
    with open_session(screen.display) as addresses:
        yield addresses


@contextmanager
def walker(address: str) -> Iterator[list[int]]:
    """Walk all windows in another process; give the parts of each walk."""
    walks: list[int] = []
    command = [sys.executable, "-m", "tests.pin_prompt.walker", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        walks.append(int(process.stdout.readline()))
        try:
            yield walks
        finally:
            assert process.poll() is None, "the walker has ended"
            process.terminate()
            walks += map(int, process.stdout)


def troubles(log: Path) -> list[str]:
    """Return what a process said on its standard error and should not have."""
    return [
        line
        for line in log.read_text().splitlines()
        if line and not any(each in line for each in _HARMLESS)
    ]


def next_line(stream: IO[str] | None, process: "subprocess.Popen[str]") -> str:
    assert stream is not None
    line = stream.readline()
    assert line, f"the window has ended with {process.wait(patience())}"
    return line.strip()


def test_the_window_survives_presses_while_another_program_asks_for_all(
    screen: Screen, session: tuple[str, str], tmp_path: Path
) -> None:
    home = furnish(tmp_path / "home", cards.made())
    environment = make_environment(home, 'card = "mock"\n')
    environment |= {"DISPLAY": screen.display, "DBUS_SESSION_BUS_ADDRESS": session[0]}
    file, log = tmp_path / "a.pdf", tmp_path / "log"
    file.write_bytes(make_pdf("Sopimus"))
    command = [sys.executable, "-m", "tests.desktop.hammer", str(PRESSES)]
    with (
        log.open("w") as errors,
        walker(session[1]) as walks,
        subprocess.Popen(
            [*command, file],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as window,
    ):
        try:
            windows = 0
            while next_line(window.stdout, window) != "done":
                screen.activate(screen.find("^Kortilla: "))
                screen.press("Escape")
                screen.wait_until(lambda: not screen.ids("^Kortilla: "))
                assert window.stdin is not None
                print(file=window.stdin, flush=True)
                windows += 1
            assert window.wait(patience()) == 0
        finally:
            window.kill()
    assert windows == WINDOWS
    assert sum(map(bool, walks)) > 3 and max(walks) > 100
    assert troubles(log) == []


async def test_the_pin_window_survives_pages_while_another_program_asks_for_all(
    screen: Screen, session: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session[0])
    # It still has pages to show when it is closed.
    monkeypatch.setattr("native_host.pin_prompt.window._END_WITHIN", patience())
    with walker(session[1]) as walks:
        for language in SPOKEN:
            process = spawn()
            prompt = WindowPrompt(process)
            await open_in_front(prompt, screen, language=language)
            for number in range(PAGES // 3):
                prompt.show(Step.READING)
                asking = asyncio.ensure_future(
                    prompt.ask(a_question(tries_left=2, wrong=bool(number % 2)))
                )
                await asyncio.sleep(0.01)
                prompt.show(Step.WAITING_FOR_CARD, Problem("CARD_REMOVED"))
                asking.cancel()
            await prompt.close()
            assert await asyncio.to_thread(process.wait, patience()) == 0
    assert len(walks) > 3
