# SPDX-License-Identifier: MIT
"""A configuration is valid, or the error names the file and the key."""

import os
from pathlib import Path

import pytest

from native_host.config import Config, config_path, load_config
from native_host.errors import ConfigBrokenError


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    monkeypatch.setenv("KORTILLA_CONFIG", str(path))
    return path


def test_without_a_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KORTILLA_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert config_path() == tmp_path / "config" / "kortilla" / "config.toml"
    assert load_config() == Config(card="pcsc", prompt="window", language="system")


def test_every_key_can_be_set(config_file: Path) -> None:
    config_file.write_text(
        'card = "mock"\nprompt = "automatic"\nlanguage = "sv"\n'
        'allow_localhost = true\nextensions = ["a@b"]\nask_revocation = false\n'
        'trust_lists = "https://a.example/l.xml"\ntrust_list_signers = ["00"]\n'
        "show_to_screen_capture = true\n"
    )
    every = Config("mock", "automatic", "sv", True, ("a@b",), ask_revocation=False)
    assert load_config() == every._replace(
        trust_lists="https://a.example/l.xml",
        trust_list_signers=("00",),
        show_to_screen_capture=True,
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('colour = "red"', "'colour' is not known"),
        ('card = "bank"', "'card' must be one of pcsc, mock"),
        ("card = 1", "'card' must be one of"),
        ("card = []", "'card' must be one of"),
        ('prompt = "none"', "'prompt' must be one of"),
        ('language = "et"', "'language' must be one of"),
        ('allow_localhost = "yes"', "'allow_localhost' must be true or false"),
        ("allow_localhost = 1", "'allow_localhost' must be true or false"),
        ("extensions = [1]", "'extensions' must be a list"),
        ("trust_lists = 1", "'trust_lists' must be a text"),
        ("trust_list_signers = 'a'", "'trust_list_signers' must be a list"),
        ("card =", "is not TOML"),
        ("[card]", "'card' must be one of"),
    ],
)
def test_a_broken_file_is_named_with_its_key(
    config_file: Path, text: str, named: str
) -> None:
    config_file.write_text(text)
    with pytest.raises(ConfigBrokenError, match=named) as caught:
        load_config()
    assert str(config_file) in str(caught.value)


def test_a_file_that_is_not_text_is_named(config_file: Path) -> None:
    config_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigBrokenError, match="can't be read"):
        load_config()


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_holds_nobody_and_is_named(
    config_file: Path, kind: str
) -> None:
    match kind:
        case "pipe":
            os.mkfifo(config_file)
        case "folder":
            config_file.mkdir()
        case "device":
            config_file.symlink_to("/dev/zero")
    with pytest.raises(ConfigBrokenError, match="not a regular file") as caught:
        load_config()
    assert str(config_file) in str(caught.value)


def test_the_null_device_has_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KORTILLA_CONFIG", os.devnull)
    assert load_config() == Config()


def test_a_file_named_by_the_environment_must_be_there(config_file: Path) -> None:
    with pytest.raises(ConfigBrokenError, match="no such file"):
        load_config()
