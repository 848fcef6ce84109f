# SPDX-License-Identifier: MIT
"""The configuration file: ``config.toml``, or the file in ``$KORTILLA_CONFIG``.

The window's process starts only after this module's import, so it imports little.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from kortilla.common.files import read_regular
from native_host.errors import ConfigBrokenError
from native_host.platform.paths import user_config_folder

CARDS = ("pcsc", "mock")
PROMPTS = ("window", "terminal", "automatic")
LANGUAGES = ("system", "fi", "sv", "en")
_TEXTS = {"trust_lists", "directory"}
_LISTS = {"extensions", "trust_list_signers"}
_CHOICES = {"card": CARDS, "prompt": PROMPTS, "language": LANGUAGES}


class Config(NamedTuple):
    """All settings. ``automatic`` is for the mock card only.

    ``extensions`` are ids of browser extensions that may start the host besides those
    in ``manifests/``, for developers of other extensions. ``ask_revocation`` is for the
    page that checks signatures. ``trust_lists`` is the address of another list
    of trusted lists than the EU's, or of the EU's with other signers:
    ``trust_list_signers`` are the SHA-256 of their certificates. ``directory`` is the
    address of a directory of certificates (LDAP), for encryption.
    ``show_to_screen_capture`` lets other programs take pictures of the PIN window on
    Windows, as remote help needs.
    """

    card: Literal["pcsc", "mock"] = "pcsc"
    prompt: Literal["window", "terminal", "automatic"] = "window"
    language: Literal["system", "fi", "sv", "en"] = "system"
    allow_localhost: bool = False
    extensions: tuple[str, ...] = ()
    ask_revocation: bool = True
    trust_lists: str = ""
    trust_list_signers: tuple[str, ...] = ()
    directory: str = ""
    show_to_screen_capture: bool = False


def config_path() -> Path:
    named = os.environ.get("KORTILLA_CONFIG")
    if named:
        return Path(named)
    return user_config_folder() / "config.toml"


def load_config() -> Config:
    """Read the configuration; without a file the defaults apply.

    Raises ``ConfigBrokenError``, naming the file and the key, for a file that can't be
    read or parsed, an unknown key, or an invalid value. A file in ``$KORTILLA_CONFIG``
    must exist. ``os.devnull`` there means the defaults.
    """
    path = config_path()
    if str(path) == os.devnull:
        return Config()
    try:
        values = tomllib.loads(read_regular(path).decode())
    except FileNotFoundError as error:
        if os.environ.get("KORTILLA_CONFIG"):
            raise ConfigBrokenError(f"{path}: there is no such file.") from error
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigBrokenError(f"{path}: can't be read ({why}).") from error
    except RecursionError as error:
        raise ConfigBrokenError(f"{path}: is nested too deeply.") from error
    except ValueError as error:  # also a number that is too long for a conversion
        raise ConfigBrokenError(f"{path}: is not TOML: {error}.") from error
    return Config(**{key: _check(path, key, value) for key, value in values.items()})


def _check(path: Path, key: str, value: object) -> Any:
    if key not in Config._fields:
        raise ConfigBrokenError(f"{path}: the key {key!r} is not known.")
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            allowed = ", ".join(_CHOICES[key])
            raise ConfigBrokenError(
                f"{path}: the key {key!r} must be one of {allowed}."
            )
        return value
    if key in _TEXTS:
        if not isinstance(value, str):
            raise ConfigBrokenError(f"{path}: the key {key!r} must be a text.")
        return value
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigBrokenError(f"{path}: the key {key!r} must be a list of texts.")
        return tuple(cast(list[str], value))
    if not isinstance(value, bool):
        raise ConfigBrokenError(f"{path}: the key {key!r} must be true or false.")
    return value
