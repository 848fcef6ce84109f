# SPDX-License-Identifier: MIT
"""Runs the demo: service, card, browser, login, signature."""

import asyncio
import base64
import logging
import sys
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

from kortilla.common.command_output import say
from kortilla.errors import TrustConfigurationError
from kortilla.mock_card.state import MockCardState
from kortilla.revocation import Revocation
from kortilla.validation.trust import Trust
from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from native_host.install.tables import Family
from native_host.pin_prompt.messages import Ask, Open, encode_request
from native_host.pin_prompt.model import Conversation, PinQuestion
from native_host.pin_prompt.spawn import has_screen
from tools.demo.ca_service import CAService
from tools.demo.chromium import Chromium
from tools.demo.errors import BrowserError, DemoError
from tools.demo.firefox import SHOW_CERTIFICATE, FirefoxTab, launch_firefox
from tools.demo.process import cancel_on_signals
from tools.demo.site import DemoServer
from tools.demo.site.tls_login import VERSIONS, GateSettings
from tools.demo.site_authority import Authority
from tools.demo.token import TokenSocket, add_token, database

logger = logging.getLogger(__name__)

_GATE_HOST = "localhost"
_LOGIN_SECONDS = 30
_SIGN_SECONDS = 30
#: Reads the signed document as base64 in the page that offers its download.
_READ_SIGNED = """fetch(document.querySelector("#download").href)
  .then((answer) => answer.blob())
  .then((blob) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.split(",")[1]);
    reader.readAsDataURL(blob);
  }))"""


async def run_demo(
    browser: Family,
    folder: Path,
    *,
    headless: bool,
    trust: Path | None,
    state: str = "active",
    tls: bool = False,
) -> dict[str, Any] | None:
    """Run the demo in ``folder``.

    Headless, it logs in and signs unattended, leaves two pictures and the signed
    document in the folder, and returns the page's result. With a screen it returns None
    when the person has closed the browser. ``trust`` holds the CA certificates of real
    cards; None is for a mock card in ``state``. Revocation is checked: at the mock
    card's CA, which runs beside the service, or at those that a real card names. With
    ``tls`` the browser has the card as a token too, and headless it logs in with the
    token by each version of TLS. Raises ``DemoError``; no started process remains.
    """
    began = time.monotonic()
    cancel_on_signals()
    if not headless and not has_screen():
        raise DemoError("There is no screen here, and a person needs one.")
    try:
        demo_home = await asyncio.to_thread(
            TemporaryHome.build,
            folder,
            browser,
            card="mock" if trust is None else "pcsc",
            prompt="automatic" if headless else "window",
        )
        if trust is None:
            await asyncio.to_thread(
                MockCardState.create, demo_home.mock_card_folder, state=state
            )
        ca_folder = trust or demo_home.mock_card_folder
        trusted = Trust.from_folder(ca_folder, test=True)
    except (OSError, TrustConfigurationError) as error:
        raise DemoError(str(error)) from error
    async with AsyncExitStack() as around:
        revocation = await around.enter_async_context(
            await _revocation(ca_folder, around)
        )
        server = await around.enter_async_context(
            DemoServer(
                trusted,
                revocation=revocation,
                gates=await _token(browser, demo_home, around) if tls else None,
            )
        )
        say(f"The demo service is at {server.origin}")
        driver = await around.enter_async_context(
            _launch(browser, demo_home, headless=headless)
        )
        await driver.goto(server.origin)
        if not headless:
            say("Press the page's button, and type the PIN in the window.")
            say(
                "The mock card has PIN1 1234 and PIN2 123456."
                if trust is None
                else "PIN1 and PIN2 are your own."
            )
            say("Close the browser, or press Ctrl-C here, to end the demo.")
            await driver.wait_closed()
            return None
        await _log_in(driver)
        pictures = [folder / "logged-in.png", folder / "pin-window.png"]
        await driver.screenshot(pictures[0])
        language = await driver.evaluate("document.documentElement.lang")
        result: dict[str, Any] = {
            "login": "ok",
            "browser": browser,
            "name": await driver.text("#name"),
            "satu": await driver.text("#satu"),
        }
        signed = folder / "signed.pdf"
        signed.write_bytes(await _sign(driver))
        result |= {
            "seconds": round(time.monotonic() - began, 2),
            "signed": str(signed),
            "pictures": [str(picture) for picture in pictures],
        }
        if tls:
            result["tls"] = {
                version: await _log_in_by_tls(driver, server.origin, version, result)
                for version in VERSIONS
            }
        await _draw_window(pictures[1], server.origin, language, result)
        return result


async def _revocation(ca_folder: Path, around: AsyncExitStack) -> Revocation:
    """Return a checker that asks a mock card's CA, which it starts, or real CAs."""
    if not (ca_folder / "issuing.key").exists():
        return Revocation()
    service = await around.enter_async_context(CAService(ca_folder))
    return Revocation(resolver=service.resolver(), allow_private_addresses=True)


async def _token(
    browser: Family, demo_home: TemporaryHome, around: AsyncExitStack
) -> GateSettings:
    """Make the card a token of the browser, and make that trust the gates."""
    authority = await asyncio.to_thread(Authority, demo_home.home, [_GATE_HOST])
    await asyncio.to_thread(add_token, database(demo_home.home, browser), authority)
    token = await around.enter_async_context(TokenSocket(demo_home.environment))
    demo_home.environment["P11_KIT_SERVER_ADDRESS"] = token.address
    return GateSettings(authority.chain, _GATE_HOST)


def _launch(
    browser: Family, demo_home: TemporaryHome, *, headless: bool
) -> AbstractAsyncContextManager[Chromium | FirefoxTab]:
    # Without a screen, nobody can choose the certificate.
    if browser == "chromium":
        return Chromium.launch(
            demo_home.home,
            environment=demo_home.environment,
            extension=extension_folder(),
            headless=headless,
            shown_to=[_GATE_HOST] if headless else [],
        )
    return launch_firefox(
        demo_home.home,
        environment=demo_home.environment,
        extension=extension_folder(),
        headless=headless,
        preferences=SHOW_CERTIFICATE if headless else None,
    )


async def _log_in(driver: Chromium | FirefoxTab) -> None:
    await driver.click("#identify")
    await _wait_for(driver, "#logout", seconds=_LOGIN_SECONDS)


async def _log_in_by_tls(
    driver: Chromium | FirefoxTab, origin: str, version: str, expected: dict[str, Any]
) -> str:
    """Log out, and in again with the certificate. Raises ``BrowserError``."""
    await driver.goto(f"{origin}/fi/session")
    await driver.click("#logout")
    await driver.wait_for("#identify")
    await driver.click(f"#tls-{version.replace('.', '-')}")
    await driver.wait_for("#logout, #problem-code", seconds=_LOGIN_SECONDS)
    if await driver.evaluate("document.querySelector('#logout') === null"):
        code = await driver.text("#problem-code")
        raise BrowserError(f"With TLS {version} the page says: {code}")
    if await driver.text("#satu") != expected["satu"]:
        raise BrowserError(f"With TLS {version} somebody else is logged in.")
    return "ok"


async def _sign(driver: Chromium | FirefoxTab) -> bytes:
    """Sign the page's own contract, and return the signed PDF."""
    await driver.click("#to-sign")
    await driver.wait_for("#certificate")
    await driver.click("#certificate")
    await _wait_for(driver, "#sign:not([hidden])", seconds=_SIGN_SECONDS)
    await driver.click("#sign")
    await _wait_for(driver, "#download", seconds=_SIGN_SECONDS)
    return base64.b64decode(await driver.evaluate(_READ_SIGNED))


async def _wait_for(
    driver: Chromium | FirefoxTab, selector: str, *, seconds: float
) -> None:
    """Wait for an element. Raises ``BrowserError`` with the page's error text."""
    # Waits for this element or for an error, whichever appears first.
    problem = "#problem:not([hidden])"
    await driver.wait_for(f"{selector}, {problem}", seconds=seconds)
    if await driver.evaluate(f"document.querySelector('{problem}') !== null"):
        text = await driver.text("#problem-text")
        code = await driver.text("#problem-code")
        raise BrowserError(f"The page says: {text} {code}")


async def _draw_window(
    target: Path, origin: str, language: str, shown: dict[str, Any]
) -> None:
    """Save a picture of the PIN window as the person of this login would see it."""
    conversation = Conversation("authenticate", origin, language, test_card=True)
    question = PinQuestion("PIN1", shown["name"], shown["satu"], 5, 4, 12)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "tools.window_pictures"),
        *(str(target), "--digits", "4"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    lines = encode_request(Open(conversation)) + encode_request(Ask(1, question))
    _, errors = await process.communicate(lines)
    if process.returncode != 0:
        raise DemoError(f"The PIN window could not be drawn: {errors.decode()}")
