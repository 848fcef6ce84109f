# SPDX-License-Identifier: MIT
"""Runs commands of ``kortilla`` for the window, one at a time.

They are processes of their own, where PINs may be. They go on if this window closes: no
change of a PIN or signature is interrupted.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from kortilla.common import JsonObject, own_python
from native_host.card.pcsc_threads import in_thread
from native_host.desktop.pages.page import Services
from native_host.errors import KortillaError
from native_host.files.sources import FILES_FROM_INPUT, given_files
from native_host.platform import processes, system

Said = Callable[[JsonObject], object]


class Prompts:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: Command | None = None

    def start(self, words: tuple[str, ...], ended: Callable[[str], object]) -> bool:
        """Run a command of ``kortilla card``; ``ended`` gets the code of its error.

        Returns False, and does nothing, while another one runs.
        """
        command = Command(("card", *words, *self._options()))
        return self._run(command, lambda result: ended(_code(result)))

    def work_on(
        self,
        files: Sequence[Path],
        words: tuple[str, ...],
        ended: Callable[[JsonObject], object],
        *,
        progressed: Said = lambda _: None,
        password: str = "",
    ) -> bool:
        """Run a command on files; ``ended`` gets the result.

        ``progressed`` gets what is said of the progress. The files' names and the
        recovery password go through a pipe, where no other user sees them. Returns
        False, and does nothing, while another one runs.
        """
        background = self._services.background
        command = Command(
            (*words, *self._options(), FILES_FROM_INPUT),
            given=given_files(files) + f"{password}\n".encode(),
            progressed=lambda said: background.in_window(progressed, said),
        )
        return self._run(command, ended)

    def _options(self) -> tuple[str, ...]:
        return (
            *("--prompt", "window", "--card", self._services.config.card),
            *("--lang", self._services.texts.language, "--json"),
        )

    def _run(self, running: "Command", ended: Callable[[JsonObject], object]) -> bool:
        if self._running is not None:
            return False
        self._running = running

        async def work() -> JsonObject:
            return await in_thread(running.run)

        def done(result: JsonObject) -> None:
            self._running = None
            ended(result)

        def failed(error: KortillaError) -> None:
            done({"error": {"code": error.code}})

        self._services.background.start(work, done, failed)
        return True

    def cancel(self) -> None:
        """Cancel the command that runs, as the person would in its window."""
        if self._running is not None:
            self._running.cancel()


class Command:
    """A command in a process of its own, which is ``given`` an input."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        given: bytes = b"",
        progressed: Said = lambda _: None,
    ) -> None:
        self.words = [*words]
        self.given = given
        self._progressed = progressed
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def cancel(self) -> None:
        """End it as the person would: what is done stays, and is in its result."""
        self._cancelled = True
        if self._process is not None:
            processes.ask_to_end(self._process)

    @contextmanager
    def _errors(self) -> Iterator[IO[bytes]]:
        """Keep what it says on standard error for ours, unless it was cancelled."""
        with TemporaryFile() as errors:
            yield errors
            if not self._cancelled and sys.stderr is not None:
                errors.seek(0)
                sys.stderr.write(errors.read().decode(errors="replace"))

    def run(self) -> JsonObject:
        result: JsonObject | None = None
        failed: JsonObject = {"error": {"code": KortillaError.code}}
        try:
            with (
                self._errors() as errors,
                subprocess.Popen(  # noqa: S603 - our own program
                    own_python("-m", "native_host.cli", *self.words),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,
                    creationflags=system.NO_CONSOLE,
                ) as self._process,
            ):
                if self._cancelled:
                    processes.ask_to_end(self._process)
                # It may have ended before it has read anything.
                if stream := self._process.stdin:
                    with suppress(OSError), stream:
                        stream.write(self.given)
                for line in self._process.stdout or ():
                    said = json.loads(line)
                    if "progress" in said:
                        self._progressed(said["progress"])
                    else:
                        result = said
        except (OSError, ValueError, TypeError):
            return result or failed
        # Before it could say anything.
        unsaid = self._cancelled and result is None
        if unsaid or self._process.returncode == -signal.SIGTERM:
            return {"error": {"code": "USER_CANCELLED"}}
        return result or failed


def _code(result: JsonObject) -> str:
    return str(result["error"]["code"]) if "error" in result else ""
