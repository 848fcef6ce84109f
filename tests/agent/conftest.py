# SPDX-License-Identifier: MIT
"""Fixtures for the agent: a separate session."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.warm import WarmProcess


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME and an empty runtime folder."""
    for name in list(os.environ):
        if name.startswith(("XDG_", "KORTILLA_")):
            monkeypatch.delenv(name)
    home, runtime = tmp_path / "home", tmp_path / "run"
    for name, folder in (("HOME", home), ("XDG_RUNTIME_DIR", runtime)):
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(folder))
    # No smart card service: the agent waits for one.
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "pcscd.comm"))
    return home


@pytest.fixture
def start_agent(session: Path) -> Iterator[Callable[[], WarmProcess]]:
    """A function that starts ``kortilla agent``."""
    assert session.is_dir()
    started: list[WarmProcess] = []

    def start() -> WarmProcess:
        started.append(commands.begin("agent", "--json"))
        return started[-1]

    yield start
    for agent in started:
        agent.kill()
        agent.wait()
        for stream in (agent.stdin, agent.stdout, agent.stderr):
            stream.close()
