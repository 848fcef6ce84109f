# SPDX-License-Identifier: MIT
"""What docs/testers.md shows can be done as it stands there."""

import re
import shlex
from pathlib import Path

import pytest

from native_host.cli import main
from native_host.mock_card.faults import CommandName, FaultName
from native_host.mock_card.profiles import PROFILES
from native_host.mock_card.states import CardState

from .test_pytest_plugin import run_tests

GUIDE = (Path(__file__).parents[2] / "docs" / "testers.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_commands_work_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) > 10
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "kortilla"
        if arguments != ["mock-card", "serve"]:  # it has a test of its own
            assert main(arguments) == 0


def test_every_profile_state_fault_and_command_is_explained() -> None:
    for names in (PROFILES, CardState, FaultName, CommandName):
        for name in names:
            assert f"`{name}`" in GUIDE


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    [example] = blocks("python")
    assert "1 passed" in run_tests(tmp_path, example)
