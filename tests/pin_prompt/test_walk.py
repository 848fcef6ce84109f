# SPDX-License-Identifier: MIT
"""A person does everything in one go by keyboard, in Swedish on a Finnish system.

The host is a process and talks to the test as to a browser. The window is on a real
screen, and the test reads it as a screen reader does.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kortilla.mock_card.card_data import CAN
from kortilla.mock_card.state import MockCardState
from native_host.pin_prompt import texts
from native_host.pin_prompt.texts import Texts
from tests.host.conftest import MOCK_FOLDER, furnish
from tests.host.process import (
    ORIGIN,
    OWN_CALLER,
    HostProcess,
    make_environment,
    own_arguments,
)
from tests.host.signing import announced, chunks, signing
from tests.host.test_caller import started_by
from tests.host.test_manage import PAGE
from tests.pin_prompt.accessibility_bus import (
    AccessibilityBus,
    Seen,
    open_accessibility_bus,
)
from tests.support import cards
from tests.support.pcsc import beside
from tests.support.screen import Screen, open_screen

DOCUMENTS = {
    "SPECIMEN-avtal.txt": b"Jag godk\xc3\xa4nner.",
    "A" * 200: b"Jag med.",
    "חוזה שכירות ABC " * 12 + ".txt": b"Och jag.",
}
#: The screen's width and height.
SIZE = (1024, 600)


def catalogue(language: str) -> set[str]:
    return {*texts.Texts(language)._catalogue.values()}


#: Finnish and English texts that are no Swedish ones.
FOREIGN = (catalogue("fi") | catalogue("en")) - catalogue("sv")


class Walk:
    """The keyboard and the window's content. ``text`` has the page's texts."""

    def __init__(self, screen: Screen, bus: AccessibilityBus) -> None:
        self.screen, self.bus = screen, bus
        self.text: Texts = texts.Texts("sv")

    def begin(self, operation: str, pin: str = "") -> None:
        """Expect the texts of an operation, in a window that has the focus."""
        self.text = texts.Texts("sv", operation, pin)
        window = self.screen.find_in_front(self.text("title"))
        _, _, width, height = self.screen.geometry(window)
        assert width <= SIZE[0] and height <= SIZE[1]

    def see(self, button: str, *expected: str) -> None:
        """Wait until a page shows the words, in Swedish only, and takes keys."""
        heading = self.text("heading")
        wanted = [heading, *expected, self.text("not_official")]
        seen: list[Seen] = []

        def is_there() -> bool:
            seen[:] = self.bus.seen() or seen
            # A notice has two parts: its first sentence, and the others.
            words = " ".join(part.name for part in seen if part.name)
            return all(each in words for each in wanted) and any(
                part.name == button and part.is_enabled for part in seen
            )

        try:
            self.screen.wait_until(is_there)
        except AssertionError:
            raise AssertionError(f"{button}, {wanted} in {seen}") from None
        names = [part.name for part in seen]
        assert not FOREIGN & {*names}
        assert names.index(heading) < names.index(button)

    def type_can(self, *wrong: str) -> None:
        """Type wrong CANs, and the right one."""
        text = self.text
        place = (text("can.drawing"), text("can.field"), text("can.where"))
        said = text("can.keep")
        for can in (*wrong, CAN):
            self.see(text("next"), text("can.heading"), said, *place)
            self.type(can)
            said = text("can.wrong")

    def go_to(self, name: str) -> None:
        """Press Tab until a part has the focus."""
        passed: list[str] = []
        while name not in (
            there := [part.name for part in self.bus.seen() if part.has_focus]
        ):
            passed += there
            assert passed.count(there[0] if there else "") < 3, passed
            self.screen.press("Tab")

    def choose(self, button: str) -> None:
        """Press a button."""
        self.go_to(button)
        self.screen.press("Return")

    def type(self, *codes: str) -> None:
        """Type codes, each followed by Enter."""
        self.screen.type("".join(f"{code}\r" for code in codes))


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """A low screen with a window manager."""
    with open_screen(*SIZE) as screen:
        yield screen


@pytest.fixture
def walk(screen: Screen) -> Iterator[Walk]:
    """A keyboard, a screen, and a bus for screen readers."""
    with open_accessibility_bus(screen.display) as bus:
        yield Walk(screen, bus)


@pytest.fixture
def host(walk: Walk, tmp_path: Path) -> Iterator[HostProcess]:
    """A host as a browser starts it, whose card has two tries for PIN1."""
    home = furnish(tmp_path / "home", cards.made())
    with MockCardState.open(home / MOCK_FOLDER).update() as card:
        card.pin1.tries = 2
    environment = make_environment(home, 'card = "mock"\nlanguage = "sv"\n') | {
        "LANG": "fi_FI.UTF-8",
        "LC_ALL": "fi_FI.UTF-8",
        "DISPLAY": walk.screen.display,
        "DBUS_SESSION_BUS_ADDRESS": walk.bus.session,
    }
    under = started_by(tmp_path / "bin" / "firefox", seconds=600)
    host = HostProcess(environment, OWN_CALLER, anew=True, under=under)
    assert host.receive()
    yield host
    host.put_away()


@pytest.fixture
def contactless(walk: Walk, tmp_path: Path) -> Iterator[HostProcess]:
    """A host with pcscd, in whose contactless reader a new card lies."""
    card = cards.new_card(tmp_path / "card", "v5-2026", "new").folder
    home = tmp_path / "home"
    with beside(card, contactless=True) as command:
        name, _, value = command()[1].partition("=")
        environment = make_environment(home, 'language = "sv"\n') | {
            "DISPLAY": walk.screen.display,
            "DBUS_SESSION_BUS_ADDRESS": walk.bus.session,
            name: value,
        }
        under = started_by(tmp_path / "bin" / "firefox", seconds=600)
        host = HostProcess(environment, OWN_CALLER, anew=True, under=under)
        assert host.receive()
        yield host
        host.put_away()


def begin_login(host: HostProcess) -> None:
    host.send({"id": "1", "command": "authenticate", "arguments": own_arguments()})


def check_login(host: HostProcess) -> None:
    """Check that the answer is a token. ``tests/host`` validates such tokens."""
    assert host.answer()["result"]["signature"]


def test_everything_by_keyboard_in_swedish_on_a_finnish_system(
    host: HostProcess, walk: Walk, tmp_path: Path
) -> None:

    begin_login(host)
    walk.begin("authenticate")
    text = walk.text
    pin1, confirm = text("pin.PIN1"), text("confirm")
    walk.see(confirm, ORIGIN, pin1, text("consent"), text("pin.two_tries"))
    walk.type("9999")
    understood = text("last_try.confirm")
    walk.see(confirm, text("pin.wrong"), text("last_try"), understood)
    walk.go_to(understood)
    walk.screen.press("space")
    walk.go_to(pin1)
    walk.type("9998")
    for change_of_mind in (True, False):
        walk.begin("authenticate")
        walk.see(text("unlock.yes"), text("unlock.tries"), text("unlock.need.puk"))
        walk.choose(text("unlock.yes"))
        walk.begin("unblock", "PIN1")
        walk.see(walk.text("confirm"), ORIGIN, walk.text("codes.PUK"))
        if change_of_mind:
            walk.screen.press("Escape")
    walk.type("12345678", "2580", "2580")

    walk.begin("authenticate")
    walk.see(confirm, pin1, text("pin.unlocked"))
    walk.type("2580")
    check_login(host)

    # A new card is in the reader.
    new, folder = cards.made("v5-2026", "new", number=2), tmp_path / "home"
    shutil.copytree(new, folder / MOCK_FOLDER, dirs_exist_ok=True)
    begin_login(host)
    walk.begin("activate")
    text = walk.text

    def step(number: int, name: str) -> str:
        name = text(f"steps.{name}.name")
        return text("steps", step=number, count=3, name=name)

    walk.see(text("offer.yes"), ORIGIN, text("offer.heading"), text("unproven"))
    walk.choose(text("offer.yes"))
    walk.see(text("next"), step(1, "activation"), text("codes.activation"))
    walk.type("1234567")
    field = text("steps.new-PIN1.field")
    walk.see(text("next"), step(2, "new-PIN1"), field, text("back"))
    walk.type("3691")
    walk.choose(text("back"))
    walk.see(text("next"), step(1, "activation"), text("steps.activation.heading"))
    walk.type("")
    walk.see(text("next"), step(2, "new-PIN1"))
    walk.type("", "3691")
    walk.see(text("confirm"), step(3, "new-PIN2"), text("steps.new-PIN2.field"))
    walk.type("739146", "739146")
    walk.begin("authenticate")
    walk.see(confirm, pin1)
    walk.type("3691")
    check_login(host)

    host.send(signing(documents=announced(DOCUMENTS)))
    for each in chunks(DOCUMENTS):
        host.send(each)
    walk.begin("sign")
    text = walk.text
    names = [f"{number}. {name}" for number, name in enumerate(DOCUMENTS, 1)]
    walk.see(text("confirm"), ORIGIN, *names, text("documents", count=3))
    walk.type("739146")
    assert len(host.answer()["result"]["signatures"]) == len(DOCUMENTS)


def test_everything_on_a_contactless_reader(
    contactless: HostProcess, walk: Walk, tmp_path: Path
) -> None:
    host = contactless
    begin_login(host)
    walk.begin("authenticate")
    walk.type_can("111111")
    walk.begin("activate")
    walk.see(walk.text("offer.yes"), ORIGIN, walk.text("offer.heading"))
    walk.choose(walk.text("offer.yes"))
    walk.see(walk.text("next"), walk.text("codes.activation"))
    walk.type("1234567")
    walk.see(walk.text("next"), walk.text("steps.new-PIN1.field"))
    walk.type("3691", "3691")
    walk.see(walk.text("confirm"), walk.text("steps.new-PIN2.field"))
    walk.type("739146", "739146")
    walk.begin("authenticate")
    walk.see(walk.text("confirm"), walk.text("pin.PIN1"))
    walk.type("3691")
    check_login(host)

    host.send(signing(documents=announced(DOCUMENTS)))
    for each in chunks(DOCUMENTS):
        host.send(each)
    walk.begin("sign")
    walk.type_can()
    walk.see(walk.text("confirm"), walk.text("documents", count=3))
    walk.type("739146")
    assert len(host.answer()["result"]["signatures"]) == len(DOCUMENTS)

    arguments = {"page": PAGE, "pin": "PIN1"}
    host.send({"id": "3", "command": "change-pin", "arguments": arguments})
    walk.begin("change-pin")
    walk.type_can()
    walk.begin("change-pin", "PIN1")
    walk.see(walk.text("confirm"), walk.text("codes.old.PIN1"))
    walk.type("3691", "2580", "2580")
    walk.see(walk.text("close"), walk.text("step.done.heading"))
    state = MockCardState.open(tmp_path / "card")
    with state.update() as card:
        card.pin1.tries = 0
        puk = card.puk.value
    walk.screen.close(walk.text("title"))
    assert host.answer()["result"] == {"pin1": "set"}
    host.send({"id": "4", "command": "unblock", "arguments": arguments})
    walk.begin("unblock")
    walk.type_can()
    walk.begin("unblock", "PIN1")
    walk.see(walk.text("confirm"), walk.text("codes.PUK"))
    walk.type(puk, "147258", "147258")
    walk.see(walk.text("close"), walk.text("step.done.heading"))
    card = state.read()
    assert (card.pin1.value, card.pin2.value) == ("147258", "739146")
    assert (card.pin1.tries, card.pin2.tries, card.wrong_cans) == (5, 5, 0)
