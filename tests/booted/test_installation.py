# SPDX-License-Identifier: MIT
"""The package is installed while the person works, with what it recommends."""

import os
import time
from pathlib import Path

import pytest

from kortilla import background
from tests.booted.computer import wait_until
from tests.booted.conftest import Service, took
from tests.booted.desktop import Desktop
from tests.booted.person import Citizen


def test_installation(desktop: Desktop) -> None:
    """apt installs the package in the running system"""
    began = time.monotonic()
    computer = desktop.computer
    package = Path(os.environ["BOOTED_PACKAGE"]).name
    install = ("apt-get", "install", "--yes", f"/root/{package}")
    computer.run("env", "DEBIAN_FRONTEND=noninteractive", *install)
    took(computer.name, "to install", began)
    assert computer.user("kortilla", "--version")
    assert not computer.processes("agent"), "it starts with the next session"


def test_next_session(desktop: Desktop) -> None:
    """The person logs out and in, and the agent is there"""
    computer = desktop.computer
    computer.run("systemctl", "stop", "lightdm.service")
    # A login while the one before still ends gets no bus of its own.
    bus = computer.root / "run/user/1000/bus"
    wait_until(lambda: not bus.exists(), "the session ends")
    computer.run("systemctl", "start", "lightdm.service")
    desktop.wait_ready()
    if computer.name == "labwc":
        found = computer.processes("native_host.cli", "agent")
        assert not found
        pytest.skip("labwc starts neither autostart files nor units of a session")
    wait_until(lambda: computer.processes("native_host.cli", "agent"), "the agent")


@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_extension(
    desktop: Desktop, citizen: Citizen, service: Service, browser: str
) -> None:
    """Both browsers have the extension without a click"""
    with citizen.browser(browser, service.start) as opened:
        background.run(opened.welcomed())
