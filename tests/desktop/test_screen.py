# SPDX-License-Identifier: MIT
"""``kortilla open`` on a real screen, by keyboard, beside a real accessibility bus."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jeepney import HeaderFields, message_bus, new_method_return
from jeepney.io.blocking import open_dbus_connection

from native_host.install.changes import Plan
from native_host.install.host import files_of
from native_host.pin_prompt import texts
from tests.cli.test_sign_own import TITLE, pdfsig
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.accessibility_bus import (
    BUTTON,
    HEADING,
    LIST,
    LIST_ITEM,
    AccessibilityBus,
    open_accessibility_bus,
)
from tests.support import cards
from tests.support.mail_portal import open_mail_portal
from tests.support.patience import patience
from tests.support.screen import open_screen

LETTER = b"SPECIMEN: a letter"
NAME = "org.freedesktop.FileManager1"
COMMAND = [
    *(sys.executable, "-I", "-m", "native_host.cli"),
    *("open", "--card", "mock", "--lang", "en", "--json"),
]
#: AT-SPI's numbers of the roles that a person can act on or goes to.
CHECK_BOX, RADIO_BUTTON, LABEL = 7, 44, 29
NAMED = {BUTTON, HEADING, LIST, LIST_ITEM, CHECK_BOX, RADIO_BUTTON}


_UNANSWERED = "could not be checked whether the card was reported lost"


def read(path: Path) -> str:
    """Return a file's text, or an empty one while it is not there."""
    return path.read_text("latin-1") if path.exists() else ""


def names(bus: AccessibilityBus, role: int) -> list[str]:
    # A part may go while the parts are asked for.
    with suppress(ValueError):
        return [bus.name(part) for part in bus.parts(role)]
    return []


def unnamed(bus: AccessibilityBus) -> list[int] | None:
    """Return the roles of controls without a name; None if not all were there."""
    with suppress(ValueError):
        named = [(role, bus.name(part)) for part, role in bus.roles() if role in NAMED]
        assert {LIST, LIST_ITEM, HEADING, BUTTON} <= {role for role, _ in named}
        return [role for role, name in named if not name]
    return None


def action(name: str) -> Path:
    """Write the files that ``kortilla install`` writes, and return an action's."""
    plan = Plan("user", noted=False)
    for each in files_of("user", Path(sys.executable)):
        if each.path.suffix == ".desktop":
            plan.write(each)
    plan.carry_out()
    [path] = [c.path for c in plan.changes if f"fi.kortilla.{name}." in c.path]
    return Path(path)


@contextmanager
def file_manager(bus: str) -> Iterator[Callable[[], list[str]]]:
    """A file manager on a bus. It returns the files that it is to show next."""
    with open_dbus_connection(bus) as connection:
        connection.send_and_get_reply(message_bus.RequestName(NAME))

        def shown() -> list[str]:
            while True:
                message = connection.receive(timeout=patience())
                if message.header.fields.get(HeaderFields.member) == "ShowItems":
                    connection.send(new_method_return(message))
                    files: list[str] = message.body[0]
                    return files

        yield shown


def takes_keys(bus: AccessibilityBus, button: str) -> bool:
    """Whether a button is there and enabled."""
    with suppress(ValueError):  # a part may go while the parts are asked for
        return any(
            bus.name(part) == button and bus.has_state(part)
            for part in bus.parts(BUTTON)
        )
    return False


def test_a_person_opens_a_code_and_signs_and_checks_a_pdf_by_keyboard(
    home: Path, tmp_path: Path
) -> None:
    card = cards.new_card(home / ".local/share/kortilla/mock-card")
    trust, original = tmp_path / "trust", tmp_path / "a.pdf"
    trust.mkdir()
    for each in card.folder.glob("*.der"):
        shutil.copy(each, trust)
    original.write_bytes(make_pdf("Sopimus"))
    signed = tmp_path / "a-signed.pdf"
    settings = home / ".config/kortilla/config.toml"
    with (
        open_screen(1366, 768) as screen,
        open_accessibility_bus(screen.display) as bus,
    ):
        environment = screen.environment | {
            "DBUS_SESSION_BUS_ADDRESS": bus.session,
            "KORTILLA_TRUST": str(trust),
        }
        first = subprocess.Popen(
            COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            window = screen.find_in_front("^Card – Kortilla$")
            screen.wait_until_shown(lambda: "Change PIN1" in names(bus, BUTTON))
            screen.wait_until_shown(lambda: unnamed(bus) == [])
            # Qt's own scroll area crashes at such a request.
            bus.ask_for_more()

            # A second start brings it to the front.
            second = subprocess.check_output(COMMAND, env=environment)
            assert json.loads(second) == {"open": "raised"}
            screen.press("ctrl+1", "Tab", "Tab", "Return")
            screen.find_in_front("Kortilla: change a PIN")
            screen.press("Escape")
            screen.wait_for_focus(window)

            # A file manager's action hands the file to the window that is open.
            subprocess.run(
                ["gio", "launch", action("Sign"), original],
                env=environment,
                check=True,
                timeout=patience(),
            )
            screen.wait_until_shown(lambda: "Sign 1 file" in names(bus, BUTTON))
            screen.wait_until_shown(lambda: unnamed(bus) == [])
            screen.press("Return")
            screen.find_in_front(TITLE)
            # A window that has just received the focus ignores typing, as its button
            # shows. What is typed too late goes to the window behind it.
            screen.wait_until_shown(lambda: takes_keys(bus, "Sign"))
            screen.type("123456\r")
            screen.wait_until_shown(lambda: "Check a-signed.pdf" in names(bus, BUTTON))
            screen.wait_for_focus(window)
            screen.wait_until_shown(lambda: unnamed(bus) == [])
            # The outcome has the focus: an Enter that is late presses nothing.
            with open_mail_portal(bus.session, 0) as portal:
                screen.press("Return", "Tab", "Return")
                parent, sent = portal.calls.get(timeout=patience())
            assert parent == f"x11:{int(window):x}"
            assert sent == {str(signed): signed.read_bytes()}
            screen.wait_until_shown(
                lambda: any(
                    "in the e-mail program" in each for each in names(bus, LABEL)
                )
            )
            with file_manager(bus.session) as shown:
                # To sign more, to open it, to show it.
                screen.press("Tab", "Tab", "Tab", "Return")
                assert shown() == [signed.as_uri()]
            screen.press("Tab", "Return")
            screen.find("^Check – Kortilla$")
            # Nobody is at the addresses in the mock card's certificates.
            screen.wait_until_shown(
                lambda: any(_UNANSWERED in each for each in names(bus, HEADING))
            )
            screen.wait_until_shown(lambda: unnamed(bus) == [])
            assert "Ask again" in names(bus, BUTTON)
            # The verdict has the focus. Get the certificates, ask again, what was
            # signed, save it, the details, the report, other files, then the switch.
            screen.press(*["Tab"] * 8, "space")
            screen.wait_until(lambda: "ask_revocation = false" in read(settings))
            screen.press("shift+Tab", "shift+Tab", "Return")
            screen.find_in_front("^Save a report")
            screen.type(f"{tmp_path / 'out.pdf'}\r")
            screen.wait_until_shown(
                lambda: any("out.pdf" in each for each in names(bus, LABEL))
            )
            assert read(tmp_path / "out.pdf").startswith("%PDF-")
            screen.press("ctrl+q")
            output, _ = first.communicate(timeout=patience())
            assert (json.loads(output), first.returncode) == ({"open": "closed"}, 0)
        finally:
            first.kill()
            first.communicate()
    assert pdfsig(signed)[1] == "Signature is Valid."
    assert original.read_bytes() == make_pdf("Sopimus")
    assert card.read().pin2.tries == 5


def test_a_person_encrypts_a_letter_and_opens_it_by_keyboard(
    home: Path, tmp_path: Path
) -> None:
    cards.new_card(home / ".local/share/kortilla/mock-card")
    letter = tmp_path / "letter.txt"
    letter.write_bytes(LETTER)
    sealed = tmp_path / "letter.txt.p7m"
    asking = texts.Texts("en", "decrypt")
    with (
        open_screen(1024, 600) as screen,
        open_accessibility_bus(screen.display) as bus,
    ):
        environment = screen.environment | {"DBUS_SESSION_BUS_ADDRESS": bus.session}

        def launch(name: str, path: Path) -> None:
            """Choose an action for a file in a file manager."""
            subprocess.run(
                ["gio", "launch", action(name), path],
                env=environment,
                check=True,
                timeout=patience(),
            )

        def shows(*buttons: str) -> None:
            screen.wait_until_shown(lambda: {*buttons} <= {*names(bus, BUTTON)})
            screen.wait_until_shown(lambda: unnamed(bus) == [])

        first = subprocess.Popen(COMMAND, env=environment, stderr=subprocess.DEVNULL)
        try:
            window = screen.find_in_front("^Card – Kortilla$")
            launch("Encrypt", letter)
            shows("Encrypt 1 file")
            screen.wait_until_shown(
                lambda: any(e.startswith("Me, ") for e in names(bus, CHECK_BOX))
            )
            bus.ask_for_more()
            # The question who can open it has the focus, and Enter presses nothing.
            # The own card, a certificate file, the own one, the password, the button.
            screen.press("Return", *["Tab"] * 4, "space", "Tab", "Return")
            shows("Encrypt more", "Copy the password", "Show in folder: letter.txt.p7m")
            screen.wait_until_shown(lambda: "Encrypted" in names(bus, HEADING))
            bus.ask_for_more()
            with file_manager(bus.session) as shown:
                # The outcome has the focus: an Enter that is late presses nothing.
                # To send it, to encrypt more, to show it.
                screen.press("Return", "Tab", "Tab", "Tab", "Return")
                assert shown() == [sealed.as_uri()]
            # Copy the password, print it.
            screen.press("Tab", "Tab", "Return")
            screen.find_in_front("^Print")
            screen.press("Escape")
            screen.wait_for_focus(window)
            # The password goes only when the person goes on.
            launch("Decrypt", sealed)
            screen.wait_until_shown(
                lambda: any("First finish" in each for each in names(bus, LABEL))
            )
            # From the printing back to encrypt more.
            screen.press(*["shift+Tab"] * 3, "Return")
            shows("Encrypt")
            letter.unlink()
            launch("Decrypt", sealed)
            shows("Open with the card", "Open with the password")
            screen.press("Return")
            screen.find_in_front(asking("title"))
            screen.wait_until_shown(lambda: takes_keys(bus, asking("confirm")))
            screen.type("1234\r")
            shows("Open letter.txt", "Show in folder: letter.txt")
            screen.wait_for_focus(window)
            bus.ask_for_more()
            screen.press("ctrl+q")
            first.communicate(timeout=patience())
        finally:
            first.kill()
            first.communicate()
    assert letter.read_bytes() == LETTER
