# SPDX-License-Identifier: MIT
"""What happens around a person: cards that go, locked screens, other people."""

from pathlib import Path

import pytest

from kortilla import background
from native_host.gui.tokens import LIGHT
from tests.booted.computer import PERSON, wait_until
from tests.booted.conftest import Cards, Service
from tests.booted.desktop import Desktop
from tests.booted.person import ACTIVATION, LOGIN, Citizen

PIN1 = "1234"
OTHER = "toinen"


def test_pulled_card(
    desktop: Desktop,
    citizen: Citizen,
    own_cards: Cards,
    service: Service,
    pictures: Path,
) -> None:
    """A card that is pulled while the window asks, and put in again"""
    own_cards.insert()
    with citizen.page("chromium", service.start) as tab:
        background.run(tab.click("#identify"))
        citizen.wait_ready(LOGIN("title"), LOGIN("confirm"))
        own_cards.pull()
        heading = LOGIN("problem.CARD_REMOVED.heading")
        desktop.wait_for(
            LOGIN("title"),
            lambda parts: any(heading in part.name for part in parts),
        )
        desktop.save_picture(pictures / f"{desktop.computer.name}-pulled.png")
        own_cards.insert()
        citizen.type_when_ready(LOGIN("title"), LOGIN("confirm"), f"{PIN1}\r")
        background.run(tab.wait_for("#logout"))


def test_locked_screen(desktop: Desktop, own_cards: Cards, pictures: Path) -> None:
    """A new card under a locked screen: the window waits behind the lock"""
    computer = desktop.computer
    if computer.name == "gnome":
        pytest.skip("the lock of GNOME needs its own display manager")
    if computer.name == "labwc":
        pytest.skip("labwc has no lock of its own")
    computer.run("chpasswd", given=f"{PERSON}:{PERSON}")
    computer.user("xfce4-screensaver-command", "--lock")
    asked = ("xfce4-screensaver-command", "--query")
    unlocked = computer.observe(*asked)
    title, colour = ACTIVATION("title"), LIGHT.acts["manage"].band.name()

    def is_locked() -> bool:
        return " active" in computer.observe("env", "LC_ALL=C.UTF-8", *asked)

    wait_until(is_locked, f"the screen is locked: {unlocked}")
    own_cards.insert(own_cards.made("new"))
    wait_until(lambda: desktop.is_there(title), "the activation window")
    desktop.save_picture(pictures / f"{computer.name}-locked.png")
    assert desktop.band(colour) is None, "the window is above the lock"

    def unlock() -> bool:
        desktop.press("shift")
        desktop.type(f"{PERSON}\r")
        return not is_locked()

    wait_until(unlock, "the screen is unlocked")
    wait_until(lambda: desktop.band(colour), "the window is seen")
    desktop.save_picture(pictures / f"{computer.name}-unlocked.png")
    own_cards.pull()
    wait_until(lambda: desktop.is_in_front(title), "the window is in front")
    desktop.press("Escape")
    desktop.wait_gone(title)


@pytest.mark.parametrize("user", [PERSON, OTHER])
def test_ssh(desktop: Desktop, own_cards: Cards, user: str) -> None:
    """Neither an ssh session nor another user gets at the card, and both are told"""
    own_cards.insert()
    computer = desktop.computer
    key = "/root/.ssh/id_ed25519"
    if not (computer.root / key.lstrip("/")).exists():
        computer.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    folder, owner = f"/home/{user}/.ssh", ("-o", user, "-g", user)
    computer.run("install", "-d", "-m", "700", *owner, folder)
    known = f"{folder}/authorized_keys"
    computer.run("install", "-m", "600", *owner, f"{key}.pub", known)
    said = computer.run(
        *("ssh", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"),
        *(f"{user}@localhost", "kortilla", "card", "status", "--json", "2>&1"),
        check=False,
    )
    assert "PCSC_DENIED" in said
