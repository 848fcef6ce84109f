# SPDX-License-Identifier: MIT
"""Errors of the demo."""

from native_host.errors import KortillaError


class DemoError(KortillaError):
    """The demo could not be set up; the message names what is missing."""

    code = "DEMO_FAILED"


class BrowserMissingError(DemoError):
    """The browser is not installed; the message names its Debian package."""

    code = "BROWSER_MISSING"

    def __init__(self, title: str, package: str) -> None:
        super().__init__(f"{title} is not installed. On Debian: apt install {package}")


class BrowserError(DemoError):
    """The browser failed to do its part."""

    code = "BROWSER_FAILED"
