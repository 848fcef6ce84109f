# SPDX-License-Identifier: MIT
"""What can go wrong in a demo."""

from native_host.errors import KortillaError

__all__ = ["BrowserError", "BrowserMissingError", "DemoError"]


class DemoError(KortillaError):
    """The demo could not be set up; the message says what is missing."""

    code = "DEMO_FAILED"


class BrowserMissingError(DemoError):
    """The browser is not installed; the message names the package of Debian."""

    code = "BROWSER_MISSING"

    def __init__(self, title: str, package: str) -> None:
        super().__init__(f"{title} is not installed. On Debian: apt install {package}")


class BrowserError(DemoError):
    """The browser did not do what it was asked to."""

    code = "BROWSER_FAILED"
