# SPDX-License-Identifier: MIT
"""Measures a person's waiting times in headless Chromium: window and token.

``bench.py`` uses it. It also has what other measurements share.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from kortilla import Trust
from kortilla.mock_card.state import MockCardState
from native_host.browser_testing.temporary_home import TemporaryHome, extension_folder
from native_host.install.contents import python_path
from tests.support.offscreen import OFFSCREEN
from tools.demo.chromium import Chromium
from tools.demo.site import DemoServer

#: Replaces a person: types at once, and records the time of Enter.
TYPIST = """
import json, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + chr(10)); sys.stdout.flush()
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "open":
        say(type="visible")
    elif message["type"] == "ask-pin":
        with open(sys.argv[1], "w") as file:
            file.write(str(time.time()))
        say(type="pin", number=message["number"], digits="1234")
"""

#: Records in the page the times of the click and of each message.
_WATCH = """
sessionStorage.clear();
const note = (name) => sessionStorage.setItem(name, Date.now());
document.querySelector("#identify").addEventListener(
  "click", () => note("click"), {capture: true});
addEventListener("message", ({data}) => {
  if (data?.progress === "window-open") {
    note("window");
    document.body.dataset.window = "open";
  }
  if (data?.action === "kortilla:authenticate-success") note("token");
}, {capture: true});
"""


def show(what: str, seconds: list[float], goal: str = "") -> None:
    """Print the median of times, and their spread."""
    low, high = min(seconds) * 1000, max(seconds) * 1000
    median = statistics.median(seconds) * 1000
    goal = f"goal {goal}" if goal else ""
    print(
        f"{what:44} {median:7.1f} ms    {goal:12} ({low:.1f} to {high:.1f})", flush=True
    )


async def measure(runs: int) -> dict[str, list[float]]:
    """Return seconds by name: ``cold``, ``warm`` and ``enter``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = TemporaryHome.build(folder, "chromium", card="mock", prompt="window")
        card = MockCardState.create(home.mock_card_folder)
        trust = Trust.from_folder(card.folder, test=True)
        _put_host(home, OFFSCREEN)
        times: dict[str, list[float]] = {"cold": [], "warm": [], "enter": []}
        async with (
            DemoServer(trust) as server,
            Chromium.launch(
                home.home,
                environment=home.environment,
                extension=extension_folder(),
            ) as browser,
        ):
            for kind in ["cold"] * runs + ["warm"] * runs:
                times[kind].append(await _window(browser, server.origin, kind))
            file = folder / "enter"
            _put_host(home, [sys.executable, "-I", "-c", TYPIST, str(file)])
            for _ in range(runs):
                times["enter"].append(await _enter(browser, server.origin, file))
        return times


async def _window(browser: Chromium, origin: str, kind: str) -> float:
    await browser.goto(origin)
    await browser.page.evaluate(_WATCH)
    if kind == "warm":
        await browser.click("h1")  # a page without any user gesture may not prepare
        await browser.page.hover("#identify")
        await browser.page.wait_for_timeout(1000)  # a person reads the button
    await browser.click("#identify")
    await browser.wait_for("body[data-window]")
    await browser.click("#cancel")
    await browser.wait_for("#status.waiting")  # the page knows of the cancellation
    return await _between(browser, "click", "window")


async def _enter(browser: Chromium, origin: str, file: Path) -> float:
    await browser.page.context.clear_cookies()
    await browser.goto(origin)
    await browser.page.evaluate(_WATCH)
    await browser.click("#identify")
    await browser.wait_for("#logout")
    token = float(await browser.page.evaluate("sessionStorage.token"))
    return token / 1000 - float(await asyncio.to_thread(file.read_text))


async def _between(browser: Chromium, begin: str, end: str) -> float:
    times = await browser.page.evaluate("({...sessionStorage})")
    return (float(times[end]) - float(times[begin])) / 1000


def _put_host(home: TemporaryHome, command: list[str]) -> None:
    """Install a host that starts a given command as its window."""
    program = home.home / ".local/share/kortilla/host/kortilla-host"
    program.write_text(
        f"#!{python_path()} -I\n"
        "from native_host.__main__ import main\n"
        f"main(prompt_command={command!r})\n"
    )
