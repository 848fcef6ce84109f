# SPDX-License-Identifier: MIT
"""All folders that the program uses: configuration, data and the session's own.

They follow the XDG Base Directory Specification on Linux, and platformdirs on other
systems. None of these functions creates a folder.
"""

# platformdirs is imported late: a service's own tests import this module without it,
# since they name the mock card's folder.

import os
import sys
from pathlib import Path

_NAME = "kortilla"


def user_config_folder() -> Path:
    import platformdirs

    return platformdirs.user_config_path(_NAME, appauthor=False)


def user_data_folder() -> Path:
    """Return the folder of Kortilla's data: the launcher, and the mock card."""
    import platformdirs

    return platformdirs.user_data_path(_NAME, appauthor=False)


def user_state_folder() -> Path:
    """Return the folder of what Kortilla keeps of its use, as the history."""
    import platformdirs

    return platformdirs.user_state_path(_NAME, appauthor=False)


def own_folder() -> Path:
    """Return Kortilla's folder of the authority's CA certificates."""
    return user_data_folder() / "ca"


def stamping_folder() -> Path:
    """Return the folder of the time-stamping authorities that the person trusts.

    What is in it vouches for timestamps, and for nobody's signature.
    """
    return user_data_folder() / "timestamp-ca"


def lists_folder() -> Path:
    """Return the folder of the EU's trusted lists."""
    return user_data_folder() / "trust-lists"


def trust_folder() -> Path:
    """Return the folder of CAs that ``KORTILLA_TRUST`` names, or Kortilla's own."""
    named = os.environ.get("KORTILLA_TRUST")
    return Path(named) if named else own_folder()


def last_folder_file() -> Path:
    """Return the file that names the folder in which a file was last chosen."""
    return user_state_folder() / "last-folder"


def recipients_file() -> Path:
    """Return the file with the people to whom was encrypted. Beside it is its lock."""
    return user_state_folder() / "recipients.json"


def session_folder() -> Path | None:
    """Return ``$XDG_RUNTIME_DIR``, which ends with the session.

    None if it is unset, and on Windows. The specification requires an absolute path.
    """
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    is_there = sys.platform != "win32" and folder.startswith("/")
    return Path(folder) if is_there else None


def runtime_folder() -> Path | None:
    """Return Kortilla's folder for the session's sockets and locks, or None.

    Windows has no folder that ends with the session.
    """
    if sys.platform == "win32":
        return user_data_folder() / "run"
    session = session_folder()
    return session / _NAME if session else None


def xdg_config_home() -> Path:
    """Return the folder of desktop programs' configuration."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def xdg_data_home() -> Path:
    """Return the folder of desktop programs' data."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
