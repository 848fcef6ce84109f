# SPDX-License-Identifier: MIT
"""Controls Firefox over WebDriver BiDi without a driver program.

Firefox starts with ``--remote-debugging-port=0`` and prints its address on standard
error. Everything else is JSON over one WebSocket (W3C WebDriver BiDi).
"""

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Self, cast

import aiohttp

from tools.demo.errors import BrowserError, BrowserMissingError
from tools.demo.process import background, end_process

logger = logging.getLogger(__name__)

_LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_START_SECONDS = 60
_COMMAND_SECONDS = 30

#: A profile that starts quietly: no first-run pages, no updates, nothing sent home.
QUIET: Mapping[str, bool | int | str] = {
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}

#: Sends a client certificate to any site that asks for one: only for our own profiles.
SHOW_CERTIFICATE: Mapping[str, bool | int | str] = {
    "security.default_personal_cert": "Select Automatically"
}

# Resolves to true once the element is visible, and to false after a while, so that the
# caller can check its time limit. It observes the page without polling.
_APPEARS = """new Promise((resolve) => {
  const look = () => {
    if (document.querySelector(%s)?.checkVisibility()) end(true);
  };
  const end = (value) => { observer.disconnect(); resolve(value); };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, attributes: true });
  setTimeout(end, 1000, false);
  look();
})"""

_MIDDLE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const box = element.getBoundingClientRect();
  return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
})()"""


class Firefox:
    """A running Firefox with the one tab that is controlled.

    ``launch``, an asynchronous context manager, creates it. Every method raises
    ``BrowserError`` if the browser fails to do its part.
    """

    name = "firefox"

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        socket: aiohttp.ClientWebSocketResponse,
    ) -> None:
        self._process = process
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tab = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        home: Path,
        *,
        environment: Mapping[str, str],
        extension: Path | None = None,
        headless: bool = True,
        preferences: Mapping[str, bool | int | str] | None = None,
    ) -> AsyncIterator[Self]:
        """Start Firefox, and end it with all its processes when the context exits.

        ``home`` becomes its HOME, so that it looks for native-messaging manifests in
        ``home/.mozilla``; the profile is there too. ``environment`` is the rest of its
        environment. ``extension`` is a folder to install as a temporary extension.
        ``preferences`` are added to a profile that starts quietly. Raises
        ``BrowserMissingError``.
        """
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if program is None:
            raise BrowserMissingError("Firefox", "firefox-esr")
        async with contextlib.AsyncExitStack() as stack:
            process = await asyncio.create_subprocess_exec(
                program,
                "--remote-debugging-port=0",
                "--no-remote",
                "--profile",
                str(_profile(home, {**QUIET, **(preferences or {})})),
                *(["--headless"] if headless else []),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={**environment, "HOME": str(home)},
                start_new_session=True,
            )
            stack.push_async_callback(end_process, process)
            errors = cast(asyncio.StreamReader, process.stderr)
            address = await _listening_address(errors)
            await stack.enter_async_context(background(_log(errors)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            socket = await stack.enter_async_context(
                session.ws_connect(f"{address}/session", max_msg_size=0)
            )
            self = cls(process, socket)
            await stack.enter_async_context(background(self._receive()))
            await self.command("session.new", capabilities={})
            if extension is not None:
                await self.command(
                    "webExtension.install",
                    extensionData={"type": "path", "path": str(extension)},
                )
            self._tab = await self._first_tab()
            yield self

    async def goto(self, url: str) -> None:
        """Load an address in the tab and wait until it has loaded."""
        await self.command(
            "browsingContext.navigate", context=self._tab, url=url, wait="complete"
        )

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page, await it, and return the value as JSON.

        To the page this is no user gesture.
        """
        answer = await self.command(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((v) => JSON.stringify(v))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise BrowserError(f"Script: {answer['exceptionDetails']['text']}")
        value = answer["result"]
        return json.loads(value["value"]) if value["type"] == "string" else None

    async def wait_for(self, selector: str, *, seconds: float = 120) -> None:
        """Wait until the page shows an element that matches the CSS selector.

        The tab may navigate meanwhile.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await self._appears(selector):
                    pass
        except TimeoutError:
            raise BrowserError(f"The page never showed {selector}.") from None

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse, as a user gesture."""
        await self.wait_for(selector)
        x, y = await self.evaluate(_MIDDLE % json.dumps(selector))
        steps = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self.command(
            "input.performActions",
            context=self._tab,
            actions=[{"type": "pointer", "id": "mouse", "actions": steps}],
        )

    async def text(self, selector: str) -> str:
        """Return the text of an element."""
        await self.wait_for(selector)
        return str(
            await self.evaluate(
                f"document.querySelector({json.dumps(selector)}).textContent.trim()"
            )
        )

    async def screenshot(self, path: Path) -> None:
        """Save the tab's content as PNG."""
        answer = await self.command(
            "browsingContext.captureScreenshot", context=self._tab
        )
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def new_tab(self) -> str:
        """Open another tab, switch to it, and return its handle."""
        self._tab = (await self.command("browsingContext.create", type="tab"))[
            "context"
        ]
        return self._tab

    async def wait_closed(self) -> None:
        """Wait until the person has closed the browser."""
        await self._process.wait()

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one BiDi command and return its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json(
                {"id": number, "method": method, "params": parameters}
            )
            async with asyncio.timeout(_COMMAND_SECONDS):
                reply = await answer
        except TimeoutError:
            raise BrowserError(f"Firefox did not answer {method}.") from None
        except aiohttp.ClientError as error:
            raise BrowserError(f"Firefox went away before {method}.") from error
        finally:
            del self._answers[number]
        if reply["type"] == "error":
            raise BrowserError(f"{method}: {reply['error']}: {reply['message']}")
        return dict(reply["result"])

    async def _receive(self) -> None:
        async for message in self._socket:
            reply = json.loads(message.data)
            answer = self._answers.get(reply.get("id"))
            if answer is not None and not answer.done():
                answer.set_result(reply)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrowserError("Firefox went away."))

    async def _first_tab(self) -> str:
        tree = await self.command("browsingContext.getTree")
        return str(tree["contexts"][0]["context"])

    async def _appears(self, selector: str) -> bool:
        try:
            return bool(await self.evaluate(_APPEARS % json.dumps(selector)))
        except BrowserError as error:
            if self._socket.closed:
                raise
            # The page was unloaded under the script; check the next one.
            logger.debug("waiting for %s: %s", selector, error)
            return False


def _profile(home: Path, preferences: Mapping[str, bool | int | str]) -> Path:
    profile = home / "firefox-profile"
    profile.mkdir(parents=True, exist_ok=True)
    lines = [
        f"user_pref({json.dumps(key)}, {json.dumps(value)});\n"
        for key, value in preferences.items()
    ]
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    return profile


async def _listening_address(errors: asyncio.StreamReader) -> str:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while line := await errors.readline():
                if found := _LISTENING.search(line):
                    return found[1].decode()
                logger.debug("%s", line.decode(errors="replace").rstrip())
    except TimeoutError:
        pass
    raise BrowserError("Firefox did not start.")


async def _log(errors: asyncio.StreamReader) -> None:
    while line := await errors.readline():
        logger.debug("%s", line.decode(errors="replace").rstrip())
