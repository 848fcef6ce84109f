# SPDX-License-Identifier: MIT
"""One installation gives a tester a browser in which the mock card logs in."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.repository.test_extras import install
from tests.support.guide import blocks
from tests.support.patience import patience


@pytest.fixture(scope="module")
def environment(wheel_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the packages of the extra alone."""
    folder = tmp_path_factory.mktemp("tester")
    install(wheel_file, "testing-browser", folder / "venv")
    return folder


def test_the_example_of_a_browser_test_passes_with_the_wheel(environment: Path) -> None:
    *_, example, _ = blocks("testers.md", "python")
    (environment / "test_service.py").write_text(example)
    python = environment / "venv/bin/python"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=environment,
        env={
            "HOME": str(environment),
            "PATH": os.environ["PATH"],
            "TMPDIR": str(environment),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience(),
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
    # Neither the window nor a reader can have had a part in it.
    for module in ("PySide6", "smartcard"):
        found = subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        )
        assert b"ModuleNotFoundError" in found.stderr
