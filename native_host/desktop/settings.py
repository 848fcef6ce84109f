# SPDX-License-Identifier: MIT
"""Changes the language in the configuration file, and nothing else in it."""

import os
import re
import tomllib
from pathlib import Path

from kortilla.common.folders import make_folder
from native_host.config import config_path, load_config
from native_host.errors import ConfigBrokenError

_LINE = re.compile(r"^[ \t]*language[ \t]*=.*\n?", re.MULTILINE)


def save_language(language: str) -> None:
    """Write the language; all other settings and comments stay.

    Raises ``ConfigBrokenError`` for a file that can't be read or written, or in which
    the setting can't be told from other text.
    """
    load_config()  # raises for one that is broken
    path = config_path()
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        # In front, where no table and no list can be open.
        changed = f'language = "{language}"\n{_LINE.sub("", text)}'
        same = {**tomllib.loads(text), "language": language}
        if tomllib.loads(changed) != same:
            raise ConfigBrokenError(f"{path}: the language can't be changed.")
        make_folder(path.parent)
        _replace(Path(os.path.realpath(path)), changed)
    except (OSError, ValueError) as error:
        raise ConfigBrokenError(f"{path}: {type(error).__name__}.") from error


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, with the mode that it has."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
