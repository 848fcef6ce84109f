# SPDX-License-Identifier: MIT
"""Starts the window's process.

This is a separate module, so that the host can start that process before other imports.
Qt then loads on another core while the host starts.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from kortilla.common import own_python

COMMAND = own_python("-m", "native_host.pin_prompt")

#: The environment variables that the window's process inherits. Variables of a
#: browser may load code into the window, draw it elsewhere or log its keys. Input
#: methods are left out: digits need none, and some receive each key over the session
#: bus.
_PASSED = frozenset(
    {
        *("HOME", "PATH", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ"),
        *("DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"),
        # Scaling, and screen readers.
        *("QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS", "QT_FONT_DPI"),
        *("QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING"),
        *("QT_SCALE_FACTOR_ROUNDING_POLICY", "QT_USE_PHYSICAL_DPI"),
        *("QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "QT_ACCESSIBILITY"),
        *("XCURSOR_THEME", "XCURSOR_SIZE", "GDK_SCALE", "GDK_DPI_SCALE"),
        # xdg-open needs these to find the desktop's PDF viewer.
        *("DESKTOP_SESSION", "DESKTOP_STARTUP_ID", "GNOME_DESKTOP_SESSION_ID"),
        *("KDE_FULL_SESSION", "KDE_SESSION_VERSION", "MATE_DESKTOP_SESSION_ID"),
    }
)
_PASSED_PREFIXES = ("LC_", "XDG_")
#: Those on Windows: where things are, what Windows' own libraries look for, and ours.
_PASSED_ON_WINDOWS = frozenset(
    {
        *("SYSTEMDRIVE", "SYSTEMROOT", "WINDIR", "PATH", "PATHEXT", "COMSPEC", "OS"),
        *("USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA"),
        *("ALLUSERSPROFILE", "PROGRAMDATA", "PUBLIC", "TEMP", "TMP"),
        *("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432"),
        *("COMMONPROGRAMFILES", "COMMONPROGRAMFILES(X86)", "COMMONPROGRAMW6432"),
        *("USERNAME", "USERDOMAIN", "COMPUTERNAME", "SESSIONNAME", "LOGONSERVER"),
        *("NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "KORTILLA_CONFIG"),
    }
)
#: The values of QT_QPA_PLATFORM that are passed on.
_PLATFORMS = ("xcb", "wayland")


def spawn(command: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
    """Start the window's process, which shows nothing before it gets a request.

    Tests pass another ``command``. Raises ``PromptError`` if there is no screen or the
    process does not start. The process ends when its standard input is closed.
    """
    cause = None
    why = (
        "There is no screen here for the PIN window. In a terminal, "
        "--prompt terminal asks without one."
    )
    if command is not None or has_screen():
        try:
            process = subprocess.Popen(  # noqa: S603 - ours, or what a test names
                command or COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=window_environment(),
            )
            if sys.platform == "win32":
                from kortilla.common.windows_jobs import end_with_this_process

                # A browser's job may forbid it. The window then ends with its input.
                with suppress(OSError):
                    end_with_this_process(process.pid)
            return process
        except OSError as error:
            cause, why = error, f"The PIN window can't be started: {error.strerror}."
    from native_host.pin_prompt.prompt import PromptError  # rarely needed, slow

    raise PromptError(why) from cause


def window_environment() -> dict[str, str] | None:
    """Return the environment for the window's process; None to inherit all of it."""
    if sys.platform == "win32":  # which has the names in capital letters
        return {
            name: value
            for name, value in os.environ.items()
            if name in _PASSED_ON_WINDOWS
        }
    if not sys.platform.startswith("linux"):
        return None
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    if (platform := os.environ.get("QT_QPA_PLATFORM")) in _PLATFORMS:
        passed["QT_QPA_PLATFORM"] = platform
    return passed


def has_screen() -> bool:
    """Return whether there is a screen. On other systems than Linux, assume one."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
