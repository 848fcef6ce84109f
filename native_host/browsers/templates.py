# SPDX-License-Identifier: MIT
"""The data of ``manifests/``: templates of files, and tables of browsers and hosts."""

from functools import cache
from pathlib import Path


def data_folder() -> Path:
    """Return the folder of the data: in the wheel, or in a checkout."""
    installed = Path(__file__).with_name("data")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "manifests"


@cache
def template(name: str) -> str:
    """Return the text of a file there."""
    return (data_folder() / name).read_text(encoding="utf-8")
