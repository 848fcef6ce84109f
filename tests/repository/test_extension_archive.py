# SPDX-License-Identifier: MIT
"""The archives of the extension for the browsers' stores."""

import json
import zipfile
from pathlib import Path

import pytest

from tools.pack_extension import EXTENSION, LEFT_OUT, pack


@pytest.mark.parametrize("browser", LEFT_OUT)
def test_an_archive_has_the_same_bytes_each_time(browser: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pack(tmp_path / name, browser)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("browser", LEFT_OUT)
def test_an_archive_has_the_files_as_they_are(browser: str, tmp_path: Path) -> None:
    pack(tmp_path / "archive", browser)
    with zipfile.ZipFile(tmp_path / "archive") as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = {
        each.relative_to(EXTENSION).as_posix(): each.read_bytes()
        for each in EXTENSION.rglob("*")
        if each.is_file()
    }
    manifest = json.loads(packed.pop("manifest.json"))
    expected = json.loads(files.pop("manifest.json"))
    assert packed == files
    assert "key" not in manifest
    assert manifest == {
        key: value for key, value in expected.items() if key not in LEFT_OUT[browser]
    }
