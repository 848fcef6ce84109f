# SPDX-License-Identifier: MIT
"""Plays the demo: service, card, browser, login."""

import asyncio
import logging
import os
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from native_host.browsers.hosts import Family
from native_host.cli.output import say
from native_host.mock_card.state import MockCardState
from native_host.pin_prompt.messages import AskPin, Open, encode_request
from native_host.pin_prompt.questions import Conversation, PinQuestion
from relying_party.demo import DemoServer
from relying_party.errors import TrustConfigurationError
from relying_party.trust import Trust

from .chromium import Chromium
from .errors import BrowserFailed, DemoFailed
from .firefox import Firefox
from .process import cancel_on_signals
from .stage import Stage, extension_folder

__all__ = ["run_demo"]

logger = logging.getLogger(__name__)

_LOGIN_SECONDS = 30


async def run_demo(
    browser: Family, folder: Path, *, headless: bool, trust: Path | None
) -> dict[str, Any] | None:
    """Play the demo in ``folder``.

    Headless, it logs in by itself, leaves two pictures in the folder and returns what
    the page showed. With a screen it returns None when the person has closed the
    browser. ``trust`` holds the CA certificates of real cards; None is for the mock
    card. Raises ``DemoFailed``; nothing that was started is left running.
    """
    began = time.monotonic()
    cancel_on_signals()
    if not headless and not _has_screen():
        raise DemoFailed("There is no screen; --headless logs in without one.")
    card = None
    try:
        stage = await asyncio.to_thread(
            Stage.build,
            folder,
            browser,
            card="mock" if trust is None else "pcsc",
            prompt="automatic" if headless else "window",
        )
        if trust is None:
            card = await asyncio.to_thread(MockCardState.create, stage.mock_card_folder)
            trusted = Trust.from_folder(card.folder, test=True)
        else:
            trusted = Trust.from_folder(trust, test=True)
    except (OSError, TrustConfigurationError) as error:
        raise DemoFailed(str(error)) from error
    async with DemoServer(trusted) as server:
        say(f"The demo service is at {server.origin}")
        async with _launch(browser, stage, headless=headless) as driver:
            await driver.goto(server.origin)
            if not headless:
                say("Press the page's button, and type the PIN in the window.")
                say("PIN1 of the mock card is 1234." if card else "PIN1 is your own.")
                say("Close the browser, or press Ctrl-C here, to end the demo.")
                await driver.wait_closed()
                return None
            await _log_in(driver)
            await driver.screenshot(folder / "logged-in.png")
            result = {
                "login": "ok",
                "browser": browser,
                "name": await driver.text("#name"),
                "satu": await driver.text("#satu"),
                "seconds": round(time.monotonic() - began, 2),
            }
            await _draw_window(folder / "pin-window.png", server.origin, result)
            return result


def _has_screen() -> bool:
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _launch(
    browser: Family, stage: Stage, *, headless: bool
) -> AbstractAsyncContextManager[Chromium | Firefox]:
    launch = Chromium.launch if browser == "chromium" else Firefox.launch
    return launch(
        stage.home,
        environment=stage.environment,
        extension=extension_folder(),
        headless=headless,
    )


async def _log_in(driver: Chromium | Firefox) -> None:
    await driver.click("#identify")
    # Whichever comes first: the page of the session, or what went wrong.
    await driver.wait_for("#logout, #problem:not([hidden])", seconds=_LOGIN_SECONDS)
    if await driver.evaluate("document.querySelector('#problem') !== null"):
        text = await driver.text("#problem-text")
        code = await driver.text("#problem-code")
        raise BrowserFailed(f"The page says: {text} {code}")


async def _draw_window(target: Path, origin: str, shown: dict[str, Any]) -> None:
    """Save a picture of the PIN window as the person of this login would see it."""
    conversation = Conversation("authenticate", origin, "fi", test_card=True)
    question = PinQuestion("PIN1", shown["name"], shown["satu"], tries_left=5)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "native_host.pin_prompt",
        "--render",
        str(target),
        "--digits",
        "4",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    lines = encode_request(Open(conversation)) + encode_request(AskPin(1, question))
    _, errors = await process.communicate(lines)
    if process.returncode != 0:
        raise DemoFailed(f"The PIN window could not be drawn: {errors.decode()}")
