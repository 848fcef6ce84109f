# SPDX-License-Identifier: MIT
"""The window is drawn into images without a screen."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from native_host.pin_prompt.messages import Ask, Open, encode_request
from tests.pin_prompt.conftest import a_codes_question, a_conversation, a_question

LINES = encode_request(Open(a_conversation())) + encode_request(Ask(1, a_question()))


CODES = encode_request(Open(a_conversation(operation="activate", origin="")))
CODES += encode_request(Ask(1, a_codes_question()))


def render(
    target: Path, *options: str, lines: bytes = LINES
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            *(sys.executable, "-I", "-m", "native_host.pin_prompt"),
            *("--render", str(target), *options),
        ],
        input=lines,
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


def test_a_page_for_codes_is_drawn_with_what_is_typed(tmp_path: Path) -> None:
    drawn = []
    for typed in ("", "1234567,2580,2580"):
        target = tmp_path / "window.png"
        assert render(target, "--codes", typed, lines=CODES).returncode == 0
        drawn.append(target.read_bytes())
    assert drawn[0] != drawn[1]


def test_a_picture_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    assert render(tmp_path / "missing" / "window.png").returncode != 0
