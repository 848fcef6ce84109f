# SPDX-License-Identifier: MIT
"""Controls Firefox over Marionette, without a driver program.

Unlike WebDriver BiDi it also reaches the extension's own pages. A message is
``length:[0, id, command, parameters]`` over TCP, its reply ``length:[1, id, error,
result]``.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tools.demo.errors import BrowserError, BrowserMissingError
from tools.demo.process import background, end_process

Preferences = Mapping[str, bool | int | str]

#: A profile that starts quietly: no first-run pages, no updates, nothing sent home.
QUIET: Preferences = {
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
SHOW_CERTIFICATE: Preferences = {
    "security.default_personal_cert": "Select Automatically"
}

_LISTENING = re.compile(rb"Listening on port ([0-9]+)")
#: Without it Firefox 159 shows neither its own pages nor the extension's.
SYSTEM_ACCESS = "MOZ_REMOTE_ALLOW_SYSTEM_ACCESS"

#: Until an answer that does not come is an error.
_SECONDS = 120.0

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


def user_preferences(preferences: Preferences) -> str:
    """Return ``user.js`` for a quiet profile with these preferences too."""
    return "".join(
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in {**QUIET, "marionette.port": 0, **preferences}.items()
    )


class Marionette:
    """A Firefox process with one Marionette session.

    ``seconds`` says how long to wait for an answer.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seconds: Callable[[], float],
    ) -> None:
        self.process, self.seconds = process, seconds
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        #: Whether an answer did not come. All later ones would go to wrong commands.
        self.failed = False

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        home: Path,
        *,
        environment: Mapping[str, str],
        extension: Path | None = None,
        headless: bool = True,
        preferences: Preferences | None = None,
        seconds: Callable[[], float] = lambda: _SECONDS,
    ) -> AsyncIterator[Self]:
        """Start Firefox, and end it with all its processes when the context exits.

        ``home`` becomes its HOME, so that it looks for native-messaging manifests in
        ``home/.mozilla``; the profile is ``home/firefox-profile``. ``environment`` is
        the rest of its environment. ``extension`` is a folder to install as a temporary
        extension. ``preferences`` are added to a profile that starts quietly. Raises
        ``BrowserMissingError``.
        """
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if program is None:
            raise BrowserMissingError("Firefox", "firefox-esr")
        profile = home / "firefox-profile"
        profile.mkdir(parents=True, exist_ok=True)
        (profile / "user.js").write_text(user_preferences(preferences or {}))
        options = ["--no-remote", "--profile", str(profile)]
        if headless:
            options.append("--headless")
        environment = {**environment, "HOME": str(home)}
        async with cls.start([program, *options], environment, seconds) as self:
            if extension is not None:
                await self.install(extension)
            yield self

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        seconds: Callable[[], float] = lambda: _SECONDS,
    ) -> AsyncIterator[Self]:
        """Start what runs Firefox; all its processes end with the context.

        The profile has ``user_preferences``.
        """
        async with contextlib.AsyncExitStack() as stack:
            process = await asyncio.create_subprocess_exec(
                *(*command, "--marionette", "--remote-allow-system-access"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**environment, SYSTEM_ACCESS: "1"},
                start_new_session=True,
            )
            stack.push_async_callback(end_process, process)
            assert process.stdout  # noqa: S101 - for the type checker
            port = await _port(process.stdout, seconds())
            await stack.enter_async_context(background(_drain(process.stdout)))
            connection = await asyncio.open_connection("127.0.0.1", port)
            self = cls(process, *connection, seconds)
            stack.callback(self._writer.close)
            await self._read()
            await self.command("WebDriver:NewSession")
            yield self

    async def install(self, extension: Path) -> None:
        """Install the extension from a folder until Firefox exits."""
        await self.command("Addon:Install", path=str(extension), temporary=True)

    async def quit(self) -> None:
        """Have Firefox end as a person does, and wait for that."""
        await self.command("Marionette:Quit", flags=["eAttemptQuit"])
        await self.process.wait()

    async def command(self, name: str, **parameters: Any) -> Any:
        """Send a command and return its result. Raises ``BrowserError``.

        It waits for the answer to the one before. After a time-out, and after a command
        that was cancelled, all commands fail.
        """
        body = json.dumps([0, next(self._numbers), name, parameters])
        async with self._turn:
            if self.failed:
                raise BrowserError(
                    f"{name}: Firefox left an earlier command unanswered."
                )
            try:
                async with asyncio.timeout(self.seconds()):
                    self._writer.write(f"{len(body)}:{body}".encode())
                    _, _, error, result = await self._read()
            except (TimeoutError, OSError, EOFError) as failure:
                self.failed = True
                raise BrowserError(f"Firefox did not answer {name}.") from failure
            except BaseException:
                self.failed = True
                raise
        if error is not None:
            raise BrowserError(f"{name}: {error['error']}: {error['message']}")
        if isinstance(result, dict) and set(result) == {"value"}:
            return result["value"]
        return result

    async def _read(self) -> Any:
        length = int((await self._reader.readuntil(b":"))[:-1])
        return json.loads(await self._reader.readexactly(length))


class FirefoxTab:
    """A tab of Firefox. It comes to the front before each action in it.

    Every method raises ``BrowserError`` if the browser fails to do its part.
    """

    closed = False

    def __init__(self, driver: Marionette, handle: str) -> None:
        self._driver, self._handle = driver, handle

    async def goto(self, url: str) -> None:
        """Load an address and wait until it has loaded."""
        await self._command("WebDriver:Navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript in the page, await it, and return the value as JSON.

        To the page this is no user gesture.
        """
        await self.to_front()
        return await self._evaluate(expression)

    async def _evaluate(self, expression: str) -> Any:
        text = await self._driver.command(
            "WebDriver:ExecuteScript",
            script=f"return Promise.resolve({expression})"
            ".then((value) => JSON.stringify(value))",
            args=[],
        )
        return None if text is None else json.loads(text)

    async def click(self, selector: str) -> None:
        """Click an element with the mouse, as a user gesture."""
        # A page may show the element a moment later.
        await self.wait_for(f"{selector}:not([hidden])")
        element = await self._command(
            "WebDriver:FindElement", using="css selector", value=selector
        )
        await self._command("WebDriver:ElementClick", id=next(iter(element.values())))

    async def wait_for(self, selector: str, *, seconds: float | None = None) -> None:
        """Wait until an element is visible. The tab may navigate meanwhile."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (seconds or self._driver.seconds())
        await self.to_front()
        while not await self._appears(selector):
            if loop.time() > end:
                raise BrowserError(f"The page never showed {selector}.")
            # The user may be typing a PIN in another window, which keeps the focus.
            await self._driver.command(
                "WebDriver:SwitchToWindow", handle=self._handle, focus=False
            )

    async def text(self, selector: str) -> str:
        """Wait for an element and return its text."""
        await self.wait_for(selector)
        where = f"document.querySelector({json.dumps(selector)})"
        return str(await self.evaluate(f"{where}.textContent.trim()"))

    async def screenshot(self, path: Path) -> None:
        """Save what the tab shows as PNG."""
        data = await self._command("WebDriver:TakeScreenshot", full=False, hash=False)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(data))

    async def to_front(self) -> None:
        """Bring the tab to the front."""
        await self._driver.command("WebDriver:SwitchToWindow", handle=self._handle)

    async def close(self) -> None:
        """Close the tab."""
        self.closed = True
        [first, *_] = await self._command("WebDriver:CloseWindow")
        await self._driver.command("WebDriver:SwitchToWindow", handle=first)

    async def wait_closed(self) -> None:
        """Wait until the person has closed the browser."""
        await self._driver.process.wait()

    async def _appears(self, selector: str) -> bool:
        # The answer is empty, or an error, if the tab navigates to another page
        # meanwhile, which may have the element.
        try:
            return bool(await self._evaluate(_APPEARS % json.dumps(selector)))
        except BrowserError as error:
            if "unloaded" not in str(error):
                raise
            return False

    async def _command(self, name: str, **parameters: Any) -> Any:
        await self.to_front()
        return await self._driver.command(name, **parameters)


@contextlib.asynccontextmanager
async def launch_firefox(
    home: Path,
    *,
    environment: Mapping[str, str],
    extension: Path,
    headless: bool,
    preferences: Preferences | None,
) -> AsyncIterator[FirefoxTab]:
    """Start Firefox as ``Marionette.launch`` does, and yield its tab."""
    async with Marionette.launch(
        home,
        environment=environment,
        extension=extension,
        headless=headless,
        preferences=preferences,
    ) as driver:
        yield FirefoxTab(driver, await driver.command("WebDriver:GetWindowHandle"))


async def _port(output: asyncio.StreamReader, seconds: float) -> int:
    said = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while line := await output.readline():
                if found := _LISTENING.search(line):
                    return int(found[1])
                said += line
    raise BrowserError(f"Firefox did not start: {said.decode(errors='replace')}")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
