# SPDX-License-Identifier: MIT
"""One installation gives a tester a browser in which the mock card logs in."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.repository.test_extras import install
from tests.support.guide import blocks


@pytest.fixture(scope="module")
def environment(wheel_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the packages of the extra alone."""
    folder = tmp_path_factory.mktemp("tester")
    install(wheel_file, "testing-browser", folder / "venv")
    return folder


#: Playwright gives up after half a minute, and its assertions after five seconds.
WITHOUT_LIMITS = """
import pytest
from playwright.sync_api import expect

expect.set_options(timeout=0)

@pytest.fixture
def kortilla_chromium_options():
    return {"timeout": 0}

@pytest.fixture(autouse=True)
def without_limits(kortilla_chromium):
    kortilla_chromium.set_default_timeout(0)
"""


@pytest.mark.timeout(0)  # its verdict is not one by elapsed time
def test_the_example_of_a_browser_test_passes_with_the_wheel(environment: Path) -> None:
    *_, example, _ = blocks("testers.md", "python")
    (environment / "test_service.py").write_text(example)
    (environment / "conftest.py").write_text(WITHOUT_LIMITS)
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
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
    # Neither the window nor a reader can have had a part in it.
    for module in ("PySide6", "smartcard"):
        found = subprocess.run(
            [python, "-c", f"import {module}"], capture_output=True, check=False
        )
        assert b"ModuleNotFoundError" in found.stderr
