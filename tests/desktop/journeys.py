# SPDX-License-Identifier: MIT
"""What people do with the program by keyboard, and what each step must let them hear.

``python -m tests.desktop.journeys FOLDER [LANGUAGE]…`` writes a list for each journey:
what the windows tell a screen reader, and what Orca says of it.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from native_host.agent.agent import _WINDOW
from native_host.card.mock_source import MockCardSource
from native_host.desktop.pages.help import guides_folder
from native_host.desktop.texts import Texts
from native_host.desktop.window import PAGES
from native_host.files import words as verdicts
from native_host.files.sign import sign_own_files
from native_host.files.sources import Wish
from native_host.operations.request import Context
from native_host.pin_prompt import texts
from native_host.pin_prompt.automatic import AutomaticPrompt
from native_host.pin_prompt.texts import Texts as PromptTexts
from tests.desktop.test_screen import takes_keys
from tests.host.process import (
    ORIGIN,
    OWN_CALLER,
    HostProcess,
    make_environment,
    own_arguments,
)
from tests.host.test_caller import started_by
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.accessibility_bus import AccessibilityBus, open_accessibility_bus
from tests.pin_prompt.recorder import Event, Recorder
from tests.support import cards
from tests.support.orca import open_orca
from tests.support.screen import Screen, open_screen

#: What a step was, and the words that must be heard of it.
Steps = Iterator[tuple[str, Sequence[str]]]
Journey = Callable[["Person"], Steps]
HOLDER = "SPECIMEN-VIRTANEN"
PIN1, PIN2, PUK, ACTIVATION = "5938", "840275", "12345678", "1234567"
#: Seconds without an event after which a step has been told of.
_QUIET = 1.5
_KORTILLA = (sys.executable, "-I", "-m", "native_host.cli", "open", "--card", "mock")


class Person:
    """Somebody at a keyboard, with a mock card and an empty home.

    ``text`` has the words of the program's window.
    """

    def __init__(
        self, screen: Screen, bus: AccessibilityBus, folder: Path, language: str
    ) -> None:
        self.screen, self.bus, self.folder = screen, bus, folder
        self.language, self.text = language, Texts(language)
        self.recorder = Recorder(bus)
        home = folder / "home"
        config = f'card = "mock"\nlanguage = "{language}"\n'
        own = make_environment(home, config) | {
            "DISPLAY": screen.display,
            "DBUS_SESSION_BUS_ADDRESS": bus.session,
            "KORTILLA_TRUST": os.fspath(folder / "trust"),
        }
        self.environment: Mapping[str, str] = own
        self.card_folder = home / ".local/share/kortilla/mock-card"
        self._since = 0

    def prompt(self, operation: str, pin: str = "") -> PromptTexts:
        """Wait for a window that asks for a code; return its words."""
        text = texts.Texts(self.language, operation, pin)
        self.in_front(re.escape(text("title")))
        return text

    def in_front(self, title: str) -> None:
        """Wait until a window of a title has the focus."""
        self.screen.find_in_front(title)

    def ready(self, button: str) -> None:
        """Wait until a window takes keys, as its button shows."""
        self.screen.wait_until(partial(takes_keys, self.bus, button))

    def sees(self, words: str) -> None:
        """Wait until some words are on the screen."""
        self.screen.wait_until_shown(
            lambda: any(words in each.name for each in self.bus.seen())
        )

    def type(self, *codes: str) -> None:
        """Type codes, each followed by Return."""
        self._mark()
        for code in codes:
            self.screen.type(f"{code}\r")

    def press(self, *keys: str) -> None:
        self._mark()
        self.screen.press(*keys)

    def close(self, title: str) -> None:
        """Close a window by the button that has the focus, and come back."""
        self._mark()
        self.screen.close(title)
        self.in_front("– Kortilla$")

    def choose(self, button: str, key: str = "Return") -> None:
        """Go to a button with Tab, and press it."""
        self.go_to(button)
        self.press(key)

    def go_to(self, button: str) -> None:
        """Go to a button or box with Tab."""
        self._mark()
        self.sees(button)
        passed: list[str] = []
        while not passed or not passed[-1].startswith(f"{button} ["):
            assert passed.count(passed[-1] if passed else "") < 4, (button, passed)
            since = len(self.recorder.events)
            self.screen.press("Tab")
            self.recorder.wait_for(lambda new: bool(_focus(new)), since)
            passed += _focus(self.recorder.events[since:])

    @contextmanager
    def program(self, *words: str | Path) -> Iterator[None]:
        """Open the program's window, and close it at exit."""
        self._mark()
        with subprocess.Popen(
            [*_KORTILLA, "--lang", self.language, *words],
            env=self.environment,
            stdout=subprocess.DEVNULL,
        ) as program:
            try:
                self.in_front("– Kortilla$")
                yield
            finally:
                program.kill()

    def give(self, file: Path) -> None:
        """Give a file to the window that is open, as a file manager does."""
        self._mark()
        subprocess.run(
            [*_KORTILLA, file],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def happened(self) -> list[Event]:
        """Return all events since the last key or start."""
        return self.recorder.events[self._since :]

    def _mark(self) -> None:
        self._since = len(self.recorder.events)


def _focus(events: Sequence[Event]) -> list[str]:
    return [each.words for each in events if each.kind == "focus"]


def login(person: Person) -> Steps:
    """A service asks; the first PIN is wrong."""
    cards.new_card(person.card_folder)
    under = started_by(person.folder / "bin" / "firefox", seconds=600)
    host = HostProcess(person.environment, OWN_CALLER, anew=True, under=under)
    try:
        assert host.receive()
        arguments = own_arguments()
        host.send({"id": "1", "command": "authenticate", "arguments": arguments})
        text = person.prompt("authenticate")
        person.ready(text("confirm"))
        yield "the service asks", [ORIGIN, HOLDER, text("pin.PIN1")]
        person.type("9999")
        person.ready(text("confirm"))
        yield "a wrong PIN", [text("pin.wrong"), "4"]
        person.type("1234")
        assert host.answer()["result"]["signature"]
        yield "the right PIN", []
    finally:
        host.put_away()


def activation(person: Person) -> Steps:
    cards.new_card(person.card_folder, "v5-2026", "new")
    with person.program():
        person.sees(person.text.card("new.title"))
        yield "the window opens", [person.text("card.title")]
        person.choose(person.text.card("activate"))
        text = person.prompt("activate")
        person.ready(text("next"))
        yield "Activate", [text("codes.activation")]
        person.type(ACTIVATION)
        person.sees(text("steps.new-PIN1.heading"))
        person.ready(text("next"))
        yield "the code in the letter", [text("steps.new-PIN1.field")]
        person.type(PIN1, PIN1)
        person.sees(text("steps.new-PIN2.heading"))
        person.ready(text("confirm"))
        yield "PIN1, twice", [text("steps.new-PIN2.field")]
        person.type(PIN2, PIN2)
        person.ready(text("close"))
        yield "PIN2, twice", [text("step.done.heading")]
        person.close(text("title"))
        person.sees(person.text("card.done.activate"))
        yield "Close", [person.text("card.done.activate")]


def unlock(person: Person) -> Steps:
    cards.new_card(person.card_folder, state="pin1-blocked")
    with person.program():
        person.sees(person.text.card("pin1_locked.title"))
        yield "the window opens", [person.text("card.title")]
        person.choose(person.text.card("unlock.pin1"))
        text = person.prompt("unblock", "PIN1")
        person.ready(text("confirm"))
        yield "Unlock", [text("codes.PUK")]
        person.type("87654321", PIN1, PIN1)
        person.ready(text("confirm"))
        yield "a wrong PUK code", [text("wrong")]
        person.type(PUK, PIN1, PIN1)
        person.ready(text("close"))
        yield "the right PUK code", [text("step.done.heading")]
        person.close(text("title"))
        person.sees(person.text("card.done.unblock"))
        yield "Close", [person.text("card.done.unblock")]


def change(person: Person) -> Steps:
    cards.new_card(person.card_folder)
    with person.program():
        person.sees(f"{person.text.card('ready.title')}.")
        yield "the window opens", [person.text("card.title")]
        person.choose(person.text.card("change.pin2"))
        text = person.prompt("change-pin", "PIN2")
        person.ready(text("confirm"))
        yield "Change PIN2", [text("heading"), HOLDER, text("codes.old.PIN2")]
        person.type("999999", PIN2, PIN2)
        person.ready(text("confirm"))
        yield "a wrong PIN2", [text("wrong"), "4"]
        person.type("123456", PIN2, PIN2)
        person.ready(text("close"))
        yield "the right PIN2", [text("step.done.heading")]
        person.close(text("title"))
        person.sees(person.text("card.done.change-pin"))
        yield "Close", [person.text("card.done.change-pin")]


def agent(person: Person) -> Steps:
    """The agent has noticed a new card, and opens a window."""
    cards.new_card(person.card_folder, "v5-2026", "new")
    command = [*_WINDOW[:-1], "mock", "--lang", person.language]
    with subprocess.Popen(command, env=person.environment) as program:
        try:
            text = person.prompt("activate")
            person.ready(text("offer.yes"))
            yield "a new card is put in", [text("offer.heading"), HOLDER]
            person.go_to(text("offer.never"))
            yield "Tab to no more offers", [text("offer.never")]
            person.go_to(text("offer.later"))
            yield "Tab to not now", [text("offer.later")]
            person.choose(text("offer.yes"))
            person.ready(text("next"))
            yield "Activate", [HOLDER, text("codes.activation")]
            person.type(ACTIVATION)
            person.ready(text("next"))
            yield "the code in the letter", [text("steps.new-PIN1.field")]
            person.press("Escape")
            person.ready(text("leave.no"))
            yield "Escape", [text("leave")]
        finally:
            program.kill()


def sign(person: Person) -> Steps:
    cards.new_card(person.card_folder)
    original = person.folder / "sopimus.pdf"
    original.write_bytes(make_pdf("Sopimus"))
    text = person.text
    suffix = texts.Texts(person.language, "sign-own")("suffix")
    with person.program("--sign", original):
        person.sees(text("sign.press.one"))
        yield "a file is given", [original.name]
        person.press("Return")
        asking = person.prompt("sign-own")
        person.ready(asking("confirm"))
        yield "Sign", [original.name, HOLDER, asking("pin.PIN2")]
        person.press("Escape")
        person.in_front("– Kortilla$")
        person.ready(text("sign.press.one"))
        yield "Escape", [text("sign.error.USER_CANCELLED")]
        person.choose(text("sign.press.one"))
        person.prompt("sign-own")
        person.ready(asking("confirm"))
        person.type("123456")
        person.in_front("– Kortilla$")
        signed = f"sopimus-{suffix}.pdf"
        person.sees(signed)
        yield "PIN2", [signed]


def check(person: Person) -> Steps:
    """A signed file, and a copy in which somebody has changed a word."""
    card = cards.new_card(person.card_folder)
    trust, original = person.folder / "trust", person.folder / "a.pdf"
    trust.mkdir()
    for each in card.folder.glob("*.der"):
        shutil.copy(each, trust)
    original.write_bytes(make_pdf("Sopimus"))
    wish = Wish(files=(original,), language="en")

    async def make() -> None:
        async with MockCardSource(card.folder) as source:
            prompt = AutomaticPrompt({"PIN2": "123456"})
            await sign_own_files(Context(source, prompt), wish)

    asyncio.run(make())
    signed, changed = person.folder / "a-signed.pdf", person.folder / "b-signed.pdf"
    changed.write_bytes(signed.read_bytes().replace(b"Sopimus", b"Sopinus"))
    said = verdicts.load(person.language)
    with person.program("--check", signed):
        person.sees(person.text("check.ask_again"))
        yield "a good file is given", [signed.name, said["verdict.test"], HOLDER]
    with person.program("--check", changed):
        person.sees(said["verdict.not-valid"])
        yield "a changed file is given", [changed.name, said["verdict.not-valid"]]


def encrypt(person: Person) -> Steps:
    """Encryption, and then opening with the card."""
    cards.new_card(person.card_folder)
    letter = person.folder / "kirje.txt"
    letter.write_bytes(b"SPECIMEN: a letter")
    text = person.text
    with person.program("--encrypt", letter):
        person.sees(HOLDER)
        yield "a file is given", [letter.name, text("encrypt.who")]
        person.choose(text("encrypt.press.one"))
        person.sees(text("encrypt.more"))
        yield "Encrypt", ["kirje.txt.p7m"]
        letter.unlink()
        person.give(letter.with_name("kirje.txt.p7m"))
        person.sees(text("decrypt.card"))
        yield "the encrypted file is given", ["kirje.txt.p7m"]
        person.choose(text("decrypt.card"))
        asking = person.prompt("decrypt")
        person.ready(asking("confirm"))
        yield "Open", ["kirje.txt", HOLDER, asking("pin.PIN1")]
        person.type("1234")
        person.in_front("– Kortilla$")
        person.sees(text("files.open.this", name=letter.name))
        yield "PIN1", [letter.name]


def self_check(person: Person) -> Steps:
    """All pages in the side bar, in order, and the end of the self-check."""
    cards.new_card(person.card_folder)
    with person.program():
        person.sees(f"{person.text.card('ready.title')}.")
        for number, name in enumerate(PAGES, 1):
            title = person.text(f"{name}.title")
            person.press(f"ctrl+{number}")
            person.in_front(f"^{re.escape(title)} – Kortilla$")
            words = [title]
            if name == "self_check":
                person.sees(person.text("self_check.copy"))
                checked = person.text("self_check.checked", time="|")
                words.append(checked.partition("|")[0])
            yield f"the page {name}", words
            if name == "settings":
                for key in (
                    "settings.language.system",
                    "agent.switch",
                    "history.switch",
                ):
                    person.go_to(person.text(key))
                    yield f"Tab to {key}", [person.text(key)]
                person.press("space")
                yield "space", ["checked"]
            if name == "help":
                guide = guides_folder() / f"citizens/{person.language}.md"
                text = guide.read_text(encoding="utf-8")
                heading, link = (
                    re.findall(each, text, re.MULTILINE)[0]
                    for each in (r"^# (.+)", r"\[(.+?)\]")
                )
                person.press("F1")
                yield "F1", [heading]
                person.press("Down")
                yield "Down to the next line", [link]
                person.press("Tab")
                yield "Tab to a link", [person.text("help.link", words=link)]


JOURNEYS: dict[str, Journey] = {
    each.__name__: each
    for each in (
        *(login, activation, unlock, change, agent),
        *(sign, check, encrypt, self_check),
    )
}


def record(name: str, language: str) -> list[str]:
    """Go a journey, and return what was told and said."""
    lines: list[str] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        screen = stack.enter_context(open_screen(1366, 768))
        bus = stack.enter_context(open_accessibility_bus(screen.display))
        orca = stack.enter_context(open_orca(screen, bus.session, folder))
        person = Person(screen, bus, folder, language)
        said = len(orca.said)
        try:
            for step, _ in JOURNEYS[name](person):
                person.recorder.wait_until_quiet(_QUIET)
                lines += [f"== {step}", *map(str, person.happened())]
                lines += [f"{'Orca':<9} {each}" for each in orca.said[said:]]
                said = len(orca.said)
        except AssertionError as error:
            lines += [f"== STOPPED: {error}", *map(str, person.happened())]
    return lines


def main() -> None:
    folder, *rest = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = [each for each in rest if each in JOURNEYS] or [*JOURNEYS]
    for language in [each for each in rest if each not in JOURNEYS] or ["fi"]:
        for name in names:
            lines = record(name, language)
            Path(folder, f"{name}-{language}.txt").write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
