# SPDX-License-Identifier: MIT
"""The language is changed in the configuration, and nothing else."""

import stat
from pathlib import Path

import pytest

from native_host.config import Config, load_config
from native_host.desktop.settings import save_language
from native_host.errors import ConfigBrokenError


@pytest.fixture
def file(home: Path) -> Path:
    file = home / ".config/kortilla/config.toml"
    file.parent.mkdir(parents=True)
    return file


def test_without_a_file_one_is_made_that_only_its_owner_reads(home: Path) -> None:
    save_language("sv")
    assert load_config() == Config(language="sv")
    file = home / ".config/kortilla/config.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'language = "fi"',
        '# mine\ncard = "mock"\n  language="en" # why\nallow_localhost = true\n',
        'extensions = [\n  "a", # b\n]\n',
        'extensions = ["""\nx"""]\n',
    ],
)
def test_all_other_settings_and_comments_stay(file: Path, text: str) -> None:
    file.write_text(text)
    before = load_config()
    save_language("sv")
    assert load_config() == before._replace(language="sv")
    assert text.count("#") - text.count("# why") == file.read_text().count("#")


@pytest.mark.parametrize(
    "text",
    ["language = ", "unknown = 1\n", 'extensions = ["""\nlanguage = "fi"\n"""]\n'],
)
def test_a_file_that_is_broken_or_unclear_is_left_alone(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigBrokenError):
        save_language("sv")
    assert file.read_text() == text


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('card = "mock"\n')
    file.symlink_to(tmp_path / "elsewhere")
    save_language("en")
    assert file.is_symlink()
    assert load_config() == Config(card="mock", language="en")
