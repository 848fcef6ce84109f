# SPDX-License-Identifier: MIT
"""The windows for PINs: in front, whole, in the light theme, and they take keys."""

import json
from pathlib import Path

from kortilla import background
from tests.booted.computer import wait_until
from tests.booted.conftest import Cards, Service
from tests.booted.desktop import Desktop
from tests.booted.person import LOGIN, SIGNING, Citizen
from tests.kortilla.signing_parts import make_pdf

PIN1, PIN2 = "1234", "123456"
_SIGN = "zz-kortilla-fi.kortilla.Sign"


def test_login(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    pictures: Path,
) -> None:
    """A login in Chromium: the PIN window is in front, whole, and takes the PIN"""
    own_cards.insert()
    satu = own_cards.card.read().satu
    with citizen.page("chromium", service.start) as tab:
        background.run(tab.click("#identify"))
        citizen.check_window(
            LOGIN("title"),
            "identify",
            [
                *(LOGIN("heading"), LOGIN("consent"), LOGIN("not_official")),
                service.origin.removeprefix("https://"),
            ],
            pictures / f"{desktop.computer.name}-login.png",
        )
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.wait_for("#logout"))
        assert background.run(tab.text("#satu")) == satu
        desktop.wait_gone(LOGIN("title"))


def test_signing(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    pictures: Path,
) -> None:
    """A signature in Chromium: the window is in front, whole, and takes the PIN"""
    own_cards.insert()
    with citizen.page("chromium", service.start) as tab:
        background.run(tab.click("#identify"))
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.click("#to-sign"))
        background.run(tab.click("#certificate"))
        background.run(tab.click("#sign"))
        citizen.check_window(
            SIGNING("title"),
            "sign",
            [
                *(SIGNING("heading"), SIGNING("consent"), SIGNING("not_official")),
                SIGNING("signatures.one"),
                service.origin.removeprefix("https://"),
            ],
            pictures / f"{desktop.computer.name}-sign.png",
        )
        citizen.type_when_ready(SIGNING("title"), SIGNING("confirm"), f"{PIN2}\r")
        background.run(tab.wait_for("#download"))
        desktop.wait_gone(SIGNING("title"))


def test_menu(
    desktop: Desktop, citizen: Citizen, own_cards: Cards, pictures: Path
) -> None:
    """The desktop's menu opens the program, in front and in its theme"""
    own_cards.insert()
    desktop.start_from_menu("Kortilla", "fi.kortilla.Kortilla.desktop")
    citizen.check_window(
        "Kortti – Kortilla",
        None,
        ["Vaihda PIN1", "Vaihda PIN2", LOGIN("not_official")],
        pictures / f"{desktop.computer.name}-program.png",
    )
    desktop.press("ctrl+q")
    desktop.wait_gone("Kortti – Kortilla")


def test_file_manager(
    desktop: Desktop, citizen: Citizen, own_cards: Cards, pictures: Path
) -> None:
    """The file manager's entry for a PDF opens the program with it, which signs it

    In XFCE and GNOME that is the own menu of Thunar and of Nautilus.
    """
    own_cards.insert()
    computer = desktop.computer
    offered = computer.user("gio", "mime", "application/pdf")
    assert f"{_SIGN}.desktop" in offered
    background.run(citizen.write("Sopimus.pdf", make_pdf().decode("latin-1")))
    desktop.open_with(
        "/home/specimen/Sopimus.pdf", _SIGN, "Allekirjoita henkilökortilla (Kortilla)"
    )
    page = "Allekirjoita – Kortilla"
    citizen.press_button(page, "Allekirjoita 1 tiedosto")
    citizen.type_when_ready(SIGNING("title"), SIGNING("confirm"), f"{PIN2}\r")
    home = computer.root / "home/specimen"
    [signed] = wait_until(lambda: [*home.glob("Sopimus-*.pdf")], "the signed file")
    desktop.wait_gone(SIGNING("title"))
    desktop.save_picture(pictures / f"{computer.name}-signed-file.png")
    check = ("kortilla", "verify", "--json", signed.name)
    [file] = json.loads(computer.user(*check, check=False))["files"]
    assert len(file["signatures"]) == 1
    assert file["verdict"] == "cant-say"  # nothing trusts the mock card here
    desktop.press("ctrl+q")
    desktop.wait_gone(page)
