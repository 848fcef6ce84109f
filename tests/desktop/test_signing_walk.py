# SPDX-License-Identifier: MIT
"""From the start by keyboard: sign a PDF with PIN2 in its window, and check it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.test_sign_own import TITLE, pdfsig
from tests.desktop.test_screen import names, unnamed
from tests.kortilla.signing_parts import make_pdf
from tests.pin_prompt.accessibility_bus import BUTTON, HEADING, open_accessibility_bus
from tests.support import cards
from tests.support.screen import PATIENCE, open_screen

COMMAND = (sys.executable, "-I", "-m", "native_host.cli", "open")


def test_a_person_signs_a_pdf_and_checks_it_by_keyboard(
    home: Path, tmp_path: Path
) -> None:
    card = cards.new_card(home / ".local/share/kortilla/mock-card")
    trust, original = tmp_path / "trust", tmp_path / "a.pdf"
    trust.mkdir()
    for each in card.folder.glob("*.der"):
        shutil.copy(each, trust)
    original.write_bytes(make_pdf("Sopimus"))
    signed = tmp_path / "a-signed.pdf"
    with (
        open_screen(1366, 768) as screen,
        open_accessibility_bus(screen.display) as bus,
    ):
        environment = screen.environment | {
            "DBUS_SESSION_BUS_ADDRESS": bus.session,
            "KORTILLA_TRUST": str(trust),
        }
        first = subprocess.Popen(
            [*COMMAND, "--card", "mock", "--lang", "en"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            window = screen.find("^Card – Kortilla$")
            screen.wait_for_focus(window)
            # A file manager's action hands the file to the window that is open.
            handed = subprocess.run(
                [*COMMAND, "--sign", original],
                env=environment,
                capture_output=True,
                check=True,
            )
            assert json.loads(handed.stdout) == {"open": "raised"}
            screen.wait_until(lambda: "Sign 1 file" in names(bus, BUTTON))
            screen.wait_until(lambda: unnamed(bus) == [])
            screen.press("Return")
            screen.wait_for_focus(screen.find(TITLE))
            # A window that has just received the focus ignores typing.
            while screen.ids(TITLE) and not signed.exists():
                before = screen.rows()
                screen.type("123456\r")
                screen.wait_until(
                    lambda before=before: (  # type: ignore[misc] # mypy can't infer it
                        screen.rows() != before or signed.exists()
                    )
                )
            screen.wait_until(lambda: "Check a-signed.pdf" in names(bus, BUTTON))
            screen.wait_for_focus(window)
            screen.wait_until(lambda: unnamed(bus) == [])
            screen.press("Return")
            screen.find("^Check – Kortilla$")
            screen.wait_until(
                lambda: any("is valid." in each for each in names(bus, HEADING))
            )
            screen.wait_until(lambda: unnamed(bus) == [])
            screen.press("ctrl+q")
            output, _ = first.communicate(timeout=PATIENCE)
            assert json.loads(output) == {"open": "closed"}
        finally:
            first.kill()
            first.communicate()
    assert pdfsig(signed)[1] == "Signature is Valid."
    assert original.read_bytes() == make_pdf("Sopimus")
    assert card.read().pin2.tries == 5
