# SPDX-License-Identifier: MIT
"""A program that monitors the accessibility bus learns nothing of a PIN.

The event loop may wait for the screen: it has nothing to do until an answer is awaited.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio import ensure_future
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, Message
from PySide6.QtGui import QColor

from native_host.gui.tokens import DARK
from native_host.pin_prompt import texts
from native_host.pin_prompt.model import CodesQuestion, PinQuestion
from native_host.pin_prompt.prompt import PromptError
from native_host.pin_prompt.spawn import COMMAND, spawn
from native_host.pin_prompt.window import WindowPrompt
from tests.host.test_hardening import AS_ORDINARY
from tests.pin_prompt.accessibility_bus import (
    BUTTON,
    HEADING,
    LIST,
    LIST_ITEM,
    PASSWORD_TEXT,
    WINDOWS,
    AccessibilityBus,
    Part,
    open_accessibility_bus,
    open_settings_portal,
)
from tests.pin_prompt.conftest import (
    NEW_PIN1,
    PUK,
    a_codes_question,
    a_conversation,
    a_document,
    a_hash,
    a_question,
    ask_in_front,
)
from tests.support.screen import Screen

QUESTIONS: dict[str, PinQuestion | CodesQuestion] = {
    "PIN1": a_question(),
    "PIN1 again": a_question(tries_left=3, wrong=True),
    "PIN2": a_question(role="PIN2", min_length=6, documents=(a_hash(),)),
    "activation code": a_codes_question(),
    "PUK": a_codes_question(
        operation="unblock", fields=(PUK, NEW_PIN1), pin="PIN1", at_risk="PUK"
    ),
}
CODES = {
    "activation": "7384629",
    "PUK": "9483726150",
    "new-PIN1": "5938",
    "new-PIN2": "840275",
}
PIN = "739462"
#: The window where Qt has no plugin for the settings portal, as often on Debian.
WITHOUT_PLUGIN = (
    *(sys.executable, "-I", "-c"),
    "from native_host.gui.application import QT_ENVIRONMENT\n"
    "del QT_ENVIRONMENT['QT_QPA_PLATFORMTHEME']\n"
    "from native_host.pin_prompt.__main__ import main; main()",
)
#: The colour of a login's band.
_BLUE = "#0b4f86"


@pytest.fixture
def bus(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[AccessibilityBus]:
    """A separate bus for each test, and for the windows that it starts."""
    with open_accessibility_bus(screen.display) as bus:
        monkeypatch.setenv("DISPLAY", screen.display)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.session)
        monkeypatch.setenv("LANG", "fi_FI.UTF-8")
        yield bus


class Listener:
    """A person at the keyboard, and a program that queries and monitors everything."""

    def __init__(self, screen: Screen, bus: AccessibilityBus) -> None:
        self.screen = screen
        self.bus = bus

    def fields(self) -> list[Part]:
        """Wait until a page accepts keys; return its fields, also of later steps."""
        found: list[Part] = []

        def is_there() -> bool:
            found[:] = self.bus.parts(PASSWORD_TEXT, hidden=True)
            return bool(found) and self.length(found[0]) == 0

        self.screen.wait_until(is_there)
        self.screen.wait_until(lambda: self.bus.has_state(self.bus.parts(BUTTON)[-1]))
        return found

    def length(self, field: Part) -> int:
        """Return the number of bullets in a field."""
        return int(self.bus.property(field, "Text", "CharacterCount"))

    def type(self, field: Part, digits: str) -> None:
        """Type into a field, with mistakes."""
        self.screen.type(digits[:3])
        self.screen.press("BackSpace", "Left", "Delete", "ctrl+a")
        self.screen.type(digits)
        self.screen.wait_until(lambda: self.length(field) == len(digits))
        self.ask_all(field, len(digits))

    def ask_all(self, field: Part, length: int) -> None:
        """Request a field's content in every possible way."""
        ask = partial(self.bus.ask, field, "Text")
        said: list[Any] = [ask("GetText", "ii", 0, -1), ask("GetText", "ii", 0, length)]
        for offset in range(length):
            (character,) = ask("GetCharacterAtOffset", "i", offset)
            said.append(chr(character))
            for kind in range(5):
                for which in ("At", "Before", "After"):
                    text = ask(f"GetText{which}Offset", "iu", offset, kind)
                    said.append(text[0])
                said.append(ask("GetStringAtOffset", "iu", offset, kind)[0])
        assert not any(map(str.isdigit, "".join(map(str, said)))), said


@pytest.fixture
def listener(screen: Screen, bus: AccessibilityBus) -> Listener:
    return Listener(screen, bus)


def strings(value: Any) -> Iterator[str]:
    """Return all text in the messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, dict):
        yield from strings([*value.items()])


def tells(message: Message, typed: Sequence[str]) -> bool:
    """Whether a message reveals something of the typed characters."""
    if message.header.fields.get(HeaderFields.member) == "NotifyListenersSync":
        ((_type, keysym, _code, _modifiers, _time, text, _is_text),) = message.body
        return chr(keysym & 0x7F).isdigit() or text.isdigit()
    return any(
        text.isdigit() or any(code in text for code in typed)
        for text in strings(message.body)
    )


def took_out(message: Message, length: int) -> bool:
    """Whether a message reports that so many characters were deleted from a field."""
    return message.header.fields.get(HeaderFields.member) == "TextChanged" and (
        tuple(message.body[:3]) == ("delete", 0, length)
    )


@pytest.mark.parametrize("what", QUESTIONS)
async def test_no_digit_of_a_code_is_on_the_accessibility_bus(
    screen: Screen, bus: AccessibilityBus, listener: Listener, what: str
) -> None:
    question, prompt = QUESTIONS[what], WindowPrompt(spawn())
    opening: dict[str, str] = {"operation": "sign"} if what == "PIN2" else {}
    typed: list[str] = [PIN]
    expected = {"PIN2" if what == "PIN2" else "PIN1": PIN.encode()}
    if isinstance(question, CodesQuestion):
        opening = {"operation": question.operation, "origin": ""}
        typed = [
            CODES[field.name]
            for field in question.fields
            for _ in range(2 if field.name.startswith("new") else 1)
        ]
        expected = {f.name: CODES[f.name].encode() for f in question.fields}
    asking = await ask_in_front(prompt, screen, question, **opening)
    for field, digits in zip(listener.fields(), typed, strict=True):
        assert bus.name(field)
        listener.type(field, digits)
        screen.press("Return")
    assert (await asking).codes == expected
    bus.wait_for(lambda message: took_out(message, len(typed[-1])))
    await prompt.close()
    assert [m for m in bus.heard if tells(m, typed)] == []


async def test_digits_that_are_shown_are_not_on_the_accessibility_bus(
    screen: Screen, bus: AccessibilityBus, listener: Listener
) -> None:
    prompt = WindowPrompt(spawn())
    asking = await ask_in_front(prompt, screen, a_question())
    [field] = listener.fields()
    pasted = texts.Texts("en")("pin.no_paste")
    screen.press("ctrl+v")
    screen.wait_until(
        lambda: pasted in bus.property(field, "Accessible", "Description")
    )
    assert listener.length(field) == 0
    listener.type(field, PIN)
    before = screen.rows()
    screen.press("Tab")
    screen.wait_until(lambda: screen.rows() != before)
    hidden = screen.rows()
    screen.hold("space")
    screen.wait_until(lambda: screen.rows() != hidden)
    listener.ask_all(field, len(PIN))
    screen.release("space")
    screen.press("shift+Tab", "Return")
    assert (await asking).digits == PIN.encode()
    await prompt.close()
    assert [m for m in bus.heard if tells(m, [PIN])] == []
    assert sum(pasted in each for each in bus.announcements()) == 1


async def test_keys_keep_their_order_while_a_listener_hangs(
    screen: Screen, bus: AccessibilityBus, listener: Listener
) -> None:
    prompt = WindowPrompt(spawn())
    asking = await ask_in_front(prompt, screen, a_question())
    listener.fields()
    registry = bus.registry_process()
    os.kill(registry, signal.SIGSTOP)
    try:
        keys = [*"129", "BackSpace", *"43", "Left", "Left", "Delete", "End", *"56"]
        screen.press(*keys, "Home", *"78", "Return")
        assert (await asking).digits == b"7812356"
    finally:
        os.kill(registry, signal.SIGCONT)
    await prompt.close()


async def test_a_screen_reader_learns_the_language_and_the_parts_of_the_window(
    screen: Screen, bus: AccessibilityBus, listener: Listener, tmp_path: Path
) -> None:
    documents = (a_document(tmp_path, name="lease.txt"), a_document(tmp_path))
    question = a_question(role="PIN2", min_length=6, documents=documents)
    prompt, opening = WindowPrompt(spawn()), {"operation": "sign", "language": "sv"}
    asking = await ask_in_front(prompt, screen, question, **opening)
    listener.fields()
    roles = bus.roles()

    def names(role: int) -> list[str]:
        return [bus.name(part) for part, has in roles if has == role]

    window = next(part for part, role in roles if role in WINDOWS)
    assert bus.property(window, "Accessible", "Locale").startswith("sv")
    text = texts.Texts("sv", "sign")
    assert names(HEADING) == [text("heading")]
    assert names(LIST) == [text("documents", count=2)]
    assert names(LIST_ITEM) == ["1. lease.txt", "2. agreement.txt"]
    order = [role for _, role in roles]
    assert order.index(LIST_ITEM) < order.index(PASSWORD_TEXT)
    # No request for a part that is gone ends the window.
    bus.ask_for_more()
    screen.type(f"{PIN}\r")
    assert (await asking).digits == PIN.encode()
    await prompt.close()


@pytest.mark.parametrize(
    ("desktop", "command"),
    [("", COMMAND), ("XFCE", COMMAND), ("", WITHOUT_PLUGIN)],
    ids=["the portal's theme", "GTK's theme", "without the plugin for portals"],
)
async def test_the_window_follows_the_desktops_preference_for_a_high_contrast(
    screen: Screen,
    bus: AccessibilityBus,
    monkeypatch: pytest.MonkeyPatch,
    desktop: str,
    command: Sequence[str],
) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop)
    dark, black, white = DARK.window, QColor("black"), b"\xff\xff\xff"
    with open_settings_portal(bus.session, **{"color-scheme": 1, "contrast": 0}) as it:
        async with open_window(screen, [*AS_ORDINARY, *command]) as shown:
            has = partial(has_ground, screen, shown)
            screen.wait_until(lambda: has(dark))
            it.change("contrast", 1)
            screen.wait_until(lambda: has(black) and not has(dark))
            assert any(white in row for row in screen.rows_of(shown))
            it.change("contrast", 0)
            screen.wait_until(lambda: has(dark))


@pytest.mark.parametrize(
    ("theme", "there", "missing"),
    [("Adwaita", _BLUE, "#fefefd"), ("HighContrast", "#fefefd", _BLUE)],
)
async def test_of_gtks_themes_only_one_of_high_contrast_is_used(
    screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    theme: str,
    there: str,
    missing: str,
) -> None:
    monkeypatch.setenv("DISPLAY", screen.display)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "XFCE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings = tmp_path / "gtk-3.0/settings.ini"
    settings.parent.mkdir()
    settings.write_text(f"[Settings]\ngtk-theme-name={theme}\n")
    async with open_window(screen) as shown:
        screen.wait_until(lambda: has_ground(screen, shown, QColor(there)))
        assert not has_ground(screen, shown, QColor(missing))


@contextlib.asynccontextmanager
async def open_window(
    screen: Screen, command: Sequence[str] = COMMAND
) -> AsyncIterator[str]:
    """Open the window at a question for PIN1, and give its id."""
    prompt = WindowPrompt(spawn(command))
    await prompt.open(a_conversation())
    asking = ensure_future(prompt.ask(a_question()))
    await asyncio.sleep(0)
    yield screen.find("Kortilla")
    await prompt.close()
    with pytest.raises(PromptError):
        await asking


def has_ground(screen: Screen, window: str, colour: QColor) -> bool:
    """Return whether a part of a window has a colour."""
    pixels = bytes((colour.red(), colour.green(), colour.blue())) * 300
    return any(pixels in row for row in screen.rows_of(window))
