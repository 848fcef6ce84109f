# SPDX-License-Identifier: MIT
"""Fixtures for the agent: a separate session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.warm import WarmProcess


@pytest.fixture
def session(
    empty_session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A session without a smart card service: the agent waits for one."""
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "pcscd.comm"))
    return empty_session


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
