# SPDX-License-Identifier: MIT
"""The HOME of one browser and its host: manifests, launcher, settings, mock card."""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kortilla.mock_card.folder import locked
from kortilla.mock_card.state import MockCardState
from native_host.browser_testing.temporary_home import TemporaryHome
from native_host.install.contents import launcher, python_path
from native_host.install.tables import OWN_HOST, Family
from tests.browser.warm_host import relay_command
from tests.support import cards
from tests.support.patience import patience


class Card:
    """The mock card in a HOME. ``pristine`` is the folder of a new card."""

    def __init__(self, folder: Path, pristine: Path) -> None:
        self.folder = folder
        self._pristine = pristine
        self.renew()

    def renew(self) -> None:
        """Replace the card with a new one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._pristine, self.folder)

    def fix(self) -> None:
        """Restore the card's initial state without removing it.

        Inserts a card if the reader is empty.
        """
        state, new = self.state, MockCardState.open(self._pristine).read()
        state.set_faults()
        with state.update() as data:
            for name in type(data).model_fields:
                setattr(data, name, getattr(new, name))
        if not state.presence().card:
            state.insert()

    def remake(self, *, profile: str = "v5", state: str = "active") -> None:
        """Replace the card with one of another kind."""
        shutil.rmtree(self.folder)
        cards.new_card(self.folder, profile, state)

    @property
    def state(self) -> MockCardState:
        """The card's content and the faults that can be injected."""
        return MockCardState.open(self.folder)

    @property
    def tries(self) -> int:
        """How many tries are left for PIN1."""
        return self.state.read().pin1.tries

    @property
    def signature_tries(self) -> int:
        """How many tries are left for PIN2."""
        return self.state.read().pin2.tries

    @property
    def is_free(self) -> bool:
        """Whether no program uses the card."""
        try:
            with locked(self.folder / "session.lock", wait=False):
                return True
        except BlockingIOError:
            return False


class UserHome:
    """The files that a browser of one family finds in its HOME.

    ``native_host.install`` writes the manifests. The browser runs the program that a
    manifest names anew for each host, so a test can replace the program meanwhile.
    """

    def __init__(self, folder: Path, family: Family, pristine: Path) -> None:
        self.family = family
        demo_home = TemporaryHome.build(folder, family, card="mock", prompt="window")
        self.home, self.environment = demo_home.home, demo_home.environment
        # The window and the browser use this language unless a test sets another.
        self.environment |= {"LANG": "C.UTF-8", "LANGUAGE": "en", "LC_ALL": "C.UTF-8"}
        self.card = Card(demo_home.mock_card_folder, pristine)
        [self._manifest] = self.home.rglob(f"{OWN_HOST}.json")
        self._program = Path(json.loads(self._manifest.read_text())["path"])
        self._put_aside = self.home / "manifest.json"
        self._launches = self.home / "launches"
        self._ends = self.home / "ends"
        self.configure()
        self.install_host()

    def configure(
        self, *, card: str = "mock", prompt: str = "window", localhost: bool = False
    ) -> None:
        """Write the host's settings, which the host reads at each start."""
        (self.home / "kortilla.toml").write_text(
            f'card = "{card}"\nprompt = "{prompt}"\n'
            f"allow_localhost = {str(localhost).lower()}\n"
        )

    def install_host(self) -> None:
        """Write the launcher, byte for byte as ``kortilla install`` does."""
        self._put(launcher(python_path()))

    def put_host(self, code: str) -> None:
        """Run Python code in place of the host and record each start."""
        self._launch([str(python_path()), "-I", "-c", code])

    def serve(
        self,
        *,
        prompt_command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        anew: bool = False,
    ) -> None:
        """Run the real host, optionally with another program for its window.

        With ``anew`` it starts as it does for a person. Without, it has all imports
        done: see ``warm_host``.
        """
        code = (
            f"import os, sys; os.environ.update({dict(environment or {})!r}); "
            "from native_host.__main__ import main; "
            f"status = main(prompt_command={prompt_command!r}); "
            f"print(LAUNCHED, file=open({str(self._ends)!r}, 'a')); "
            "sys.exit(status)"
        )
        if anew:
            self.put_host(f"import os; LAUNCHED = os.getpid(); {code}")
        else:
            self._launch(relay_command(code))

    @contextlib.contextmanager
    def without_manifest(self) -> Iterator[None]:
        """Hide the host's manifest until the end of the context or ``put_manifest``."""
        self._manifest.rename(self._put_aside)
        try:
            yield
        finally:
            self.put_manifest()

    def put_manifest(self) -> None:
        """Restore the manifest."""
        if self._put_aside.exists():
            self._put_aside.rename(self._manifest)

    def launches(self) -> list[int]:
        """Return the recorded process of each start, for programs of ``put_host``."""
        if not self._launches.exists():
            return []
        return [int(line) for line in self._launches.read_text().split()]

    async def host_gone(self) -> None:
        """Wait until the host that was started last has exited.

        The host must exit of its own accord: Chromium kills a host that takes longer
        than about 2 s.
        """
        process = self.launches()[-1]
        await end_of(process)
        assert str(process) in self._ends.read_text().split(), "It was killed."

    async def empty(self) -> None:
        """Wait until all hosts have exited, and forget them."""
        for process in self.launches():
            await end_of(process)
        self._launches.unlink(missing_ok=True)
        self._ends.unlink(missing_ok=True)

    def _launch(self, command: Sequence[str]) -> None:
        self._put(
            f"#!/bin/sh\necho $$ >> {shlex.quote(str(self._launches))}\n"
            f'exec {shlex.join(command)} "$@"\n'.encode()
        )

    def _put(self, content: bytes) -> None:
        # A new file each time: a program that runs can't be written to.
        new = self._program.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(0o755)
        new.replace(self._program)


async def end_of(process: int) -> None:
    """Wait until a process has exited. A process that does not exit fails the test."""
    try:
        handle = os.pidfd_open(process)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(patience()):
            await ended.wait()
    except TimeoutError:
        raise AssertionError("The host still runs.") from None
    finally:
        loop.remove_reader(handle)
        os.close(handle)
