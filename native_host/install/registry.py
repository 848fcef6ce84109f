# SPDX-License-Identifier: MIT
"""The registry of Windows: texts in keys below HKEY_CURRENT_USER.

Nothing here needs an administrator.
"""

import ctypes
import sys
import winreg
from dataclasses import dataclass

from native_host.errors import InstallError

assert sys.platform == "win32"  # noqa: S101 - mypy reads on only for Windows

_USER = "HKEY_CURRENT_USER\\"
#: Of SendMessageTimeoutW: all windows, WM_SETTINGCHANGE, SMTO_ABORTIFHUNG, a second.
_ALL, _SETTING_CHANGE, _ABORT_IF_HUNG, _WITHIN = 0xFFFF, 0x1A, 2, 1000


@dataclass(frozen=True)
class Value:
    """A text in a key below HKEY_CURRENT_USER; without a name the key's own.

    With ``expands``, the text may name variables, and stays what it is.
    """

    key: str
    name: str = ""
    expands: bool = False

    def __str__(self) -> str:
        return _USER + (f"{self.key}\\{self.name}" if self.name else self.key)

    def read(self) -> str | None:
        """Return the text, or None if there is none."""
        return self._read(winreg.HKEY_CURRENT_USER)

    def read_for_everyone(self) -> list[str]:
        """Return the texts of that name that all users of the computer have."""
        views = (winreg.KEY_WOW64_32KEY, winreg.KEY_WOW64_64KEY)
        found = [self._read(winreg.HKEY_LOCAL_MACHINE, each) for each in views]
        return [each for each in found if each is not None]

    def _read(self, root: int, view: int = 0) -> str | None:
        access = winreg.KEY_READ | view
        try:
            with winreg.OpenKeyEx(root, self.key, access=access) as key:
                text, _ = winreg.QueryValueEx(key, self.name)
        except OSError:
            return None
        return str(text)

    def write(self, text: str) -> list[str]:
        """Write the text; return the keys that it made for it, outermost first."""
        parts = self.key.split("\\")
        keys = ["\\".join(parts[: end + 1]) for end in range(len(parts))]
        made = [_USER + each for each in keys if not _is_there(each)]
        try:
            with winreg.CreateKeyEx(winreg.HKEY_CURRENT_USER, self.key) as key:
                kind = winreg.REG_EXPAND_SZ if self.expands else winreg.REG_SZ
                winreg.SetValueEx(key, self.name, 0, kind, text)
        except OSError as error:
            raise InstallError(f"{self}: {error.strerror}.") from error
        return made

    def remove(self) -> None:
        """Remove the text. Raises ``InstallError``; that it is missing is no error."""
        access = winreg.KEY_SET_VALUE
        try:
            with winreg.OpenKeyEx(
                winreg.HKEY_CURRENT_USER, self.key, access=access
            ) as key:
                winreg.DeleteValue(key, self.name)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise InstallError(f"{self}: {error.strerror}.") from error


def announce_variables() -> None:
    """Tell programs, as the desktop, that variables of the environment have changed."""
    ctypes.WinDLL("user32").SendMessageTimeoutW(
        *(_ALL, _SETTING_CHANGE, None, "Environment"), _ABORT_IF_HUNG, _WITHIN, None
    )


def is_key(name: str) -> bool:
    """Whether a name that ``write`` returned, or a folder's path, is that of a key."""
    return name.startswith(_USER)


def remove_empty_key(name: str) -> bool:
    """Remove a key that has neither keys nor values; return whether it is gone."""
    key = name.removeprefix(_USER)
    try:
        with winreg.OpenKeyEx(winreg.HKEY_CURRENT_USER, key) as opened:
            keys, values, _ = winreg.QueryInfoKey(opened)
        if keys or values:
            return False
        winreg.DeleteKey(winreg.HKEY_CURRENT_USER, key)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _is_there(key: str) -> bool:
    try:
        winreg.OpenKeyEx(winreg.HKEY_CURRENT_USER, key).Close()
    except OSError:
        return False
    return True
