# SPDX-License-Identifier: MIT
"""Runs the commands of Kortilla's that mend findings."""

import json
import subprocess
import sys
from functools import partial

from native_host.card.pcsc_threads import in_thread
from native_host.doctor.examination import examine_files
from native_host.doctor.findings import MendBy, Place
from native_host.errors import KortillaError

_WITHIN = 300  # seconds; the person may be asked something meanwhile


class CommandFailedError(KortillaError):
    """A command of Kortilla's has failed; ``code`` is that of its error."""

    def __init__(self, code: str) -> None:
        super().__init__("The command has failed.")
        self.code = code


async def mend(place: Place, code: str, *, confirmed: bool) -> None:
    """Run what mends the findings with a code, as far as they are still there.

    ``confirmed`` says that the person wants it although a browser is open. Raises
    ``CommandFailedError`` with the code of the command's error, ``BROWSER_RUNNING`` for
    one.
    """
    found = await examine_files(place)
    commands = dict.fromkeys(
        each.mend.words
        for each in found
        if each.code == code and each.mend and each.mend.by is MendBy.DOCTOR
    )
    for words in commands:
        # Only this command asks anything.
        yes = ("--yes",) if confirmed and words[:2] == ("kortilla", "pkcs11") else ()
        await run_detached((*words, *yes))


async def run_detached(words: tuple[str, ...]) -> None:
    """Run a command of Kortilla's that asks nothing, and goes on if this process ends.

    Raises ``CommandFailedError`` with the code of its error.
    """
    code = await in_thread(partial(run_command, words, detached=True))
    if code:
        raise CommandFailedError(code)


def run_command(words: tuple[str, ...], *, detached: bool = False) -> str:
    """Run a command of Kortilla's, and return the code of its error, empty when done.

    Its questions and errors come through, unless it is ``detached``. Then it asks
    nothing, and goes on when this process ends.
    """
    command = [sys.executable, "-I", "-m", "native_host.cli", *words[1:], "--json"]
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            command,
            stdin=subprocess.DEVNULL if detached else None,
            stdout=subprocess.PIPE,
            # A pipe that nobody reads any more would end it.
            stderr=subprocess.DEVNULL if detached else None,
            check=False,
            timeout=_WITHIN,
            start_new_session=detached,
        )
    except (OSError, subprocess.TimeoutExpired):
        return KortillaError.code
    if done.returncode == 0:
        return ""
    try:
        return str(json.loads(done.stdout)["error"]["code"])
    except (ValueError, TypeError, KeyError):
        return KortillaError.code
