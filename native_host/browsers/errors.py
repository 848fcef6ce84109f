# SPDX-License-Identifier: MIT
"""Errors when files for browsers are written or removed."""

from native_host.errors import KortillaError

NONE_FOUND = (
    "None of the known browsers was found: start yours once, or name it with --browser."
)


class InstallError(KortillaError):
    """A file can't be read or written, or no browser was found; see the message."""

    code = "INSTALL_FAILED"


class ToolMissingError(KortillaError):
    """A program or library of the system is missing; the message names the package."""

    code = "TOOL_MISSING"


class BrowserRunningError(KortillaError):
    """A browser has the file open that is to be changed; the message names it."""

    code = "BROWSER_RUNNING"
