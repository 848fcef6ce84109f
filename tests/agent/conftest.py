# SPDX-License-Identifier: MIT
"""Fixtures for the agent: a separate session."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


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
def start_agent(session: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """A function that starts ``kortilla agent``."""
    assert session.is_dir()
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        agent = subprocess.Popen(
            [sys.executable, "-I", "-m", "native_host.cli", "agent"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.kill()
        agent.communicate()
