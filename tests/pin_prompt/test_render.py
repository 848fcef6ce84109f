# SPDX-License-Identifier: MIT
"""Pictures of the window, drawn where there is no screen."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from native_host.pin_prompt.messages import AskPin, Open, encode_request

from .conftest import a_conversation, a_question

LINES = encode_request(Open(a_conversation())) + encode_request(AskPin(1, a_question()))


def render(target: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            *(sys.executable, "-I", "-m", "native_host.pin_prompt"),
            *("--render", str(target), *options),
        ],
        input=LINES,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "options", [[], ["--dark", "--digits", "4"], ["--text-scale", "2"]]
)
def test_a_picture_is_saved(tmp_path: Path, options: list[str]) -> None:
    target = tmp_path / "window.png"
    assert render(target, *options).returncode == 0
    picture = QImage(str(target))
    assert picture.width() > 400
    assert (picture.pixelColor(3, picture.height() - 3).lightness() < 128) is (
        "--dark" in options
    )


def test_a_picture_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    assert render(tmp_path / "missing" / "window.png").returncode != 0
