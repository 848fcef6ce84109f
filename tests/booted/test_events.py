# SPDX-License-Identifier: MIT
"""What happens around a person: cards that go, locked screens, other people."""

import contextlib
import subprocess
from pathlib import Path

import pytest

from kortilla import background
from native_host.gui.tokens import LIGHT
from tests.booted.computer import PERSON, Computer, wait_until
from tests.booted.conftest import Cards, Service
from tests.booted.desktop import Desktop, RealScreen
from tests.booted.person import ACTIVATION, LOGIN, Citizen

PIN1 = "1234"
OTHER = "toinen"
#: Everybody's password is the name, as chpasswd(8) reads it.
_PASSWORDS = f"{PERSON}:{PERSON}\n{OTHER}:{OTHER}\n"


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
    computer.run("chpasswd", given=_PASSWORDS)
    computer.user("xfce4-screensaver-command", "--lock")
    title, colour = ACTIVATION("title"), LIGHT.acts["manage"].band.name()
    wait_until(lambda: _is_locked(computer), "the screen is locked")
    own_cards.insert(own_cards.made("new"))
    wait_until(lambda: desktop.is_there(title), "the activation window")
    desktop.save_picture(pictures / f"{computer.name}-locked.png")
    assert desktop.band(colour) is None, "the window is above the lock"
    _unlock(desktop)
    wait_until(lambda: desktop.band(colour), "the window is seen")
    desktop.save_picture(pictures / f"{computer.name}-unlocked.png")
    own_cards.pull()
    wait_until(lambda: desktop.is_in_front(title), "the window is in front")
    desktop.press("Escape")
    desktop.wait_gone(title)


def test_second_user(desktop: Desktop, own_cards: Cards, pictures: Path) -> None:
    """Somebody else logs in at the same screen: a card is for the user at the screen"""
    computer = desktop.computer
    if computer.name != "xfce":
        pytest.skip("the image has XFCE for the second user, no other desktop")
    computer.run("chpasswd", given=_PASSWORDS)
    own_cards.pull()
    session, user = computer.at_screen()
    assert user == PERSON
    # What a panel's menu does.
    seat = "XDG_SEAT_PATH=/org/freedesktop/DisplayManager/Seat0"
    computer.user("env", seat, "dm-tool", "switch-to-user", OTHER)
    screen = RealScreen(computer, 1)

    def is_in() -> bool:
        if computer.at_screen()[1] == OTHER:
            return True
        # The greeter tells nobody when it takes keys, and may have no screen yet.
        with contextlib.suppress(subprocess.CalledProcessError):
            screen.type(f"{OTHER}\r")
        return False

    wait_until(is_in, "the other is at the screen")
    agent = ("native_host.cli", "agent")
    wait_until(lambda: computer.processes(*agent, user=OTHER), "the other's agent")
    assert computer.processes(*agent), "the first session goes on"
    own_cards.insert(own_cards.made("new"))
    colour = LIGHT.acts["manage"].band.name()
    wait_until(lambda: screen.band(colour), "the window at the other's screen")
    screen.save_picture(pictures / f"{computer.name}-second-user.png")
    window = ("native_host.pin_prompt",)
    assert not computer.processes(*window), "the absent person gets no window"
    status = ("sh", "-c", "kortilla card status --json 2>&1 || true")
    assert "PCSC_DENIED" in computer.user(*status)
    own_cards.pull()
    computer.run("loginctl", "terminate-user", OTHER)
    # Without a virtual terminal the greeter comes, and lightdm finds no way back.
    greeter = ("xdotool", "search", "--onlyvisible", "--class", "lightdm-gtk-greeter")
    wait_until(lambda: screen.run(*greeter, check=False), "the greeter")
    computer.run("loginctl", "activate", session)
    wait_until(lambda: computer.at_screen()[1] == PERSON, "the person is back")
    own_cards.insert()
    assert "PCSC_DENIED" not in computer.user(*status)
    _unlock(desktop)


def _is_locked(computer: Computer) -> bool:
    asked = ("xfce4-screensaver-command", "--query")
    return " active" in computer.observe("env", "LC_ALL=C.UTF-8", *asked)


def _unlock(desktop: Desktop) -> None:
    """Type the password until XFCE's screen is not locked."""

    def is_unlocked() -> bool:
        if not _is_locked(desktop.computer):
            return True
        desktop.press("shift")
        desktop.type(f"{PERSON}\r")
        return False

    wait_until(is_unlocked, "the screen is unlocked")


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
