# SPDX-License-Identifier: MIT
"""A Marionette client for Firefox, which also reaches the extension's own pages.

WebDriver BiDi, which the demo uses, has no access to them. A Marionette message is
``length:[0, id, command, parameters]`` over TCP. Its reply is ``length:[1, id, error,
result]``.
"""

import asyncio
import contextlib
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.patience import patience
from tools.demo.errors import BrowserError, BrowserMissingError
from tools.demo.firefox import QUIET
from tools.demo.process import background, end_process

#: Leaves out what takes a third of the time of a start: Firefox's own extensions, and
#: its own page in new tabs, each of which has a process.
_LIGHT: Mapping[str, bool | int | str] = {
    "browser.newtab.preload": False,
    "browser.newtabpage.enabled": False,
    "browser.startup.homepage": "about:blank",
    "extensions.enabledScopes": 1,
}
_LISTENING = re.compile(rb"Listening on port ([0-9]+)")


def user_preferences(preferences: Mapping[str, bool | int | str]) -> str:
    """Return ``user.js`` for a quiet profile with these preferences too."""
    return "".join(
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
        for name, value in {**QUIET, "marionette.port": 0, **preferences}.items()
    )


class Marionette:
    """A Firefox process with one Marionette session."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
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
        extension: Path | None,
        preferences: Mapping[str, bool | int | str],
    ) -> AsyncIterator[Self]:
        """Start Firefox, and end it with all its processes when the context exits.

        The profile is ``home/firefox-profile``. Raises ``BrowserMissingError``.
        """
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if program is None:
            raise BrowserMissingError("Firefox", "firefox-esr")
        profile = home / "firefox-profile"
        profile.mkdir(exist_ok=True)
        (profile / "user.js").write_text(user_preferences({**_LIGHT, **preferences}))
        command = [program, "--headless", "--no-remote", "--profile", str(profile)]
        async with cls.start(command, environment) as self:
            if extension is not None:
                await self.install(extension)
            yield self

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str]
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
                env=dict(environment),
                start_new_session=True,
            )
            stack.push_async_callback(end_process, process)
            assert process.stdout
            port = await _port(process.stdout)
            await stack.enter_async_context(background(_drain(process.stdout)))
            connection = await asyncio.open_connection("127.0.0.1", port)
            self = cls(process, *connection)
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
        await self._process.wait()

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
                async with asyncio.timeout(patience()):
                    self._writer.write(f"{len(body)}:{body}".encode())
                    _, _, error, result = await self._read()
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


async def _port(output: asyncio.StreamReader) -> int:
    said = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience()):
            while line := await output.readline():
                if found := _LISTENING.search(line):
                    return int(found[1])
                said += line
    raise BrowserError(f"Firefox did not start: {said.decode(errors='replace')}")


async def _drain(output: asyncio.StreamReader) -> None:
    while await output.read(65536):
        pass
