# SPDX-License-Identifier: MIT
"""A terminal on which a command of Kortilla's runs."""

import os
import sys
from collections.abc import Sequence

from tests.cli.conftest import Outcome
from tests.support import commands, terminal, warm
from tests.support.commands import KORTILLA

__all__ = ["KORTILLA", "Terminal"]

_PYTHON = (sys.executable, "-I", "-c")


class Terminal(terminal.Terminal):
    """A command that runs with its output and its user on a terminal.

    It is a command of Kortilla's or Python code, also after env(1) and variables. Its
    process has all imports done.
    """

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__()
        environment, words = _without_env(command)
        if tuple(words[: len(KORTILLA)]) == KORTILLA:
            self.process = commands.begin(
                *(*words[len(KORTILLA) :], "--json"),
                environment=environment,
                terminal=self._theirs,
            )
        else:
            assert tuple(words[: len(_PYTHON)]) == _PYTHON
            code, *arguments = words[len(_PYTHON) :]
            self.process = warm.start(
                code, arguments, environment, terminal=self._theirs
            )

    def outcome(self) -> Outcome:
        """Wait until the command ends."""
        status, out, words = self.end()
        return Outcome(status, out.splitlines(), words)


def _without_env(command: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """Return the environment that a command gets, and the command without env(1)."""
    environment = dict(os.environ)
    while command[0] == "env":
        command = command[1:]
        while "=" in command[0]:
            name, _, value = command[0].partition("=")
            environment[name] = value
            command = command[1:]
    return environment, command
