# SPDX-License-Identifier: MIT
"""What a blind person hears: Orca beside the real windows, its speech recorded."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from native_host.desktop.texts import Texts
from native_host.errors import UserCancelledError
from native_host.pin_prompt import texts
from native_host.pin_prompt.model import Problem, Step
from native_host.pin_prompt.spawn import spawn
from native_host.pin_prompt.window import WindowPrompt
from native_host.texts.language import SPOKEN
from tests.desktop.test_screen import names, takes_keys
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.accessibility_bus import (
    BUTTON,
    AccessibilityBus,
    open_accessibility_bus,
)
from tests.pin_prompt.conftest import a_question, open_in_front
from tests.support import cards
from tests.support.orca import Orca, open_orca
from tests.support.screen import Screen, open_screen

COMMAND = (sys.executable, "-I", "-m", "native_host.cli", "open", "--card", "mock")
#: A window that announces a word for each word of its input, with no pause between.
ANNOUNCING = """
import sys, threading
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QPushButton
from native_host.gui.accessibility import Announcer, TopWindow
from native_host.gui.application import dress
dress(QApplication())
window = TopWindow()
window.setWindowTitle("announcing")
QPushButton("focus", window).setFocus()
window.show()
announcer = Announcer(window)
announcer.together = 0
class Input(QObject):
    line = Signal(str)
source = Input()
source.line.connect(lambda line: [*map(announcer.say, line.split())])
threading.Thread(
    target=lambda: [*map(source.line.emit, sys.stdin)], daemon=True
).start()
QApplication.exec()
"""
SITE, NAME = "https://login.service.example", "SPECIMEN-POHJALAINEN Aino"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with open_screen(1366, 768) as screen:
        yield screen


@pytest.fixture
def bus(screen: Screen) -> Iterator[AccessibilityBus]:
    with open_accessibility_bus(screen.display) as bus:
        yield bus


@pytest.fixture
def orca(screen: Screen, bus: AccessibilityBus, tmp_path: Path) -> Iterator[Orca]:
    with open_orca(screen, bus.session, tmp_path) as orca:
        yield orca


@pytest.mark.parametrize("language", SPOKEN)
async def test_who_asks_and_what_happened_is_heard(
    screen: Screen,
    bus: AccessibilityBus,
    orca: Orca,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.session)
    text = texts.Texts(language, "authenticate")
    ready = partial(takes_keys, bus, text("confirm"))
    prompt = WindowPrompt(spawn())
    await open_in_front(prompt, screen, language=language)
    for status in ({}, {"tries_left": 2, "wrong": True}, {"tries_left": 2}):
        since = len(orca.said)
        # A card is read in a moment, so the question comes right after this.
        prompt.show(Step.READING)
        question = a_question(**status)
        asking = asyncio.ensure_future(prompt.ask(question))
        news = text.pin_status(question)
        wanted = (*news, SITE, NAME, text("pin.PIN1"), text("title"))
        await asyncio.to_thread(orca.wait_for, *wanted[:-1], since=since)
        await asyncio.to_thread(screen.wait_until, ready)
        # What is announced comes once, whole, and before the person types.
        said = [each for each in orca.said[since:] if SITE in each and NAME in each]
        assert len(said) == 1
        assert all(each in said[0] for each in news)
        assert not [each for each in orca.said[since:] if each in (SITE, NAME)]
        await asyncio.to_thread(screen.type, "1234\r")
        assert (await asking).digits == b"1234"
        assert not {*orca.said[since:]} & {*"1234"}, "digits of the PIN are heard"
        since = len(orca.said)
        problem = Problem("CARD_REMOVED")
        prompt.show(Step.WAITING_FOR_CARD, problem)
        heading, _ = text.problem(problem.code)
        await asyncio.to_thread(orca.wait_for, heading, since=since)
    await prompt.close()


@pytest.fixture
def announcing(
    screen: Screen, bus: AccessibilityBus, orca: Orca
) -> Iterator[subprocess.Popen[str]]:
    """A window that has the focus, and announces."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", ANNOUNCING],
        env=screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.session},
        stdin=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            screen.find_in_front("announcing")
            orca.wait_for("focus")
            yield program
        finally:
            program.kill()


def test_each_announcement_is_heard(
    announcing: subprocess.Popen[str], orca: Orca
) -> None:
    # On a slow computer, Orca receives at once what was announced at different times.
    print("first second third", file=announcing.stdin, flush=True)
    orca.wait_for("first", "second", "third")


@pytest.mark.usefixtures("announcing")
@pytest.mark.parametrize("keys", ["1937\r", "1937\x1b"])
async def test_no_digit_is_heard_late(
    screen: Screen,
    bus: AccessibilityBus,
    orca: Orca,
    monkeypatch: pytest.MonkeyPatch,
    keys: str,
) -> None:
    # Orca says a digit if the window is hidden by the time it gets the key.
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.session)
    prompt, text = WindowPrompt(spawn()), texts.Texts("en", "authenticate")
    window = await open_in_front(prompt, screen)
    asking = asyncio.ensure_future(prompt.ask(a_question()))
    ready = partial(takes_keys, bus, text("confirm"))
    await asyncio.to_thread(screen.wait_until, ready)
    since = len(orca.said)
    with orca.behind():
        await asyncio.to_thread(screen.type, keys)
        await asyncio.wait({asking})  # the host goes on at once
        closing = asyncio.ensure_future(prompt.close())
        await asyncio.wait({closing}, timeout=0.3)
        assert not closing.done() and screen.focused() == window
    await closing
    assert isinstance(asking.exception(), UserCancelledError) or asking.result()
    said = await asyncio.to_thread(orca.wait_for, "focus", since=since)
    assert not {*said} & {*keys}


def test_what_becomes_of_files_is_heard(
    home: Path, screen: Screen, bus: AccessibilityBus, orca: Orca, tmp_path: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    text, asking = Texts("fi"), texts.Texts("fi", "sign-own")
    original, gone = tmp_path / "a.pdf", tmp_path / "b.pdf"
    for each in (original, gone):
        each.write_bytes(make_pdf("Sopimus"))
    environment = screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.session}
    command = [*COMMAND, "--lang", "fi"]
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def shows(button: str) -> None:
        screen.wait_until(lambda: button in names(bus, BUTTON))

    def begin() -> None:
        """Press Return at the button to sign, until the window takes PIN2."""
        shows(text("sign.press.one"))
        screen.press("Return")
        screen.find_in_front(asking("title"))
        screen.wait_until(partial(takes_keys, bus, asking("confirm")))

    try:
        window = screen.find_in_front("– Kortilla$")
        subprocess.run([*command, "--sign", original], env=environment, check=True)
        orca.wait_for(text("sign.list.one", name="a.pdf"))
        begin()
        screen.press("Escape")
        screen.wait_for_focus(window)
        orca.wait_for(text("sign.error.USER_CANCELLED"))
        # An Enter that comes late presses no button.
        screen.press("Return", "Tab")
        orca.wait_for(text("files.choose"))
        assert screen.focused() == window
        subprocess.run([*command, "--sign", original], env=environment, check=True)
        since = len(orca.said)
        begin()
        # To Orca a digit is the focus's that it knows of: it says what another takes.
        field = asking("pin.PIN2")
        screen.wait_until(lambda: any(e.startswith(field) for e in orca.said[since:]))
        since = len(orca.said)
        # Orca has heard of the digits once it says where the focus is after them.
        screen.press(*"123456", "Tab")
        said = orca.wait_for(asking("pin.show"), since=since)
        assert not {*said} & {*"123456"}, "digits of the PIN are heard"
        screen.press("shift+Tab", "Return")
        screen.wait_for_focus(window)
        done = f"{text('sign.done')}. a-allekirjoitettu.pdf."
        orca.wait_for(done, since=since)
        screen.press("Return", "Tab")
        orca.wait_for(text("files.send"), since=since)
        assert [each for each in orca.said[since:] if done in each] == [done]
        assert screen.focused() == window
        subprocess.run([*command, "--sign", gone], env=environment, check=True)
        gone.unlink()
        shows(text("sign.press.one"))
        screen.press("Return")
        orca.wait_for(text("not_signed.gone", name="b.pdf"))
    finally:
        first.kill()
        first.wait()
