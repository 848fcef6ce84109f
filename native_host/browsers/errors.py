# SPDX-License-Identifier: MIT
"""What can go wrong when browsers are told about the host."""

from native_host.errors import KortillaError

__all__ = ["BrowserRunning", "InstallFailed", "ToolMissing"]


class InstallFailed(KortillaError):
    """A file can't be read or written, or no browser was found; the message says."""

    code = "INSTALL_FAILED"


class ToolMissing(KortillaError):
    """A program or library of the system is missing; the message names the package."""

    code = "TOOL_MISSING"


class BrowserRunning(KortillaError):
    """A browser has open what is to be changed; the message names it."""

    code = "BROWSER_RUNNING"
