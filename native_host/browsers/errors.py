# SPDX-License-Identifier: MIT
"""What can go wrong when browsers are told about the host."""

from native_host.errors import KortillaError

__all__ = ["NONE_FOUND", "BrowserRunningError", "InstallError", "ToolMissingError"]

NONE_FOUND = (
    "None of the known browsers was found: start yours once, or name it with --browser."
)


class InstallError(KortillaError):
    """A file can't be read or written, or no browser was found; the message says."""

    code = "INSTALL_FAILED"


class ToolMissingError(KortillaError):
    """A program or library of the system is missing; the message names the package."""

    code = "TOOL_MISSING"


class BrowserRunningError(KortillaError):
    """A browser has open what is to be changed; the message names it."""

    code = "BROWSER_RUNNING"
