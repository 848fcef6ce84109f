# SPDX-License-Identifier: MIT
"""The root of every error that may reach a person, a script or a page."""


class KortillaError(Exception):
    """An error with a stable code, listed in PROTOCOL.md.

    The message is a full sentence in English for developers and logs. It never holds
    a PIN, a name or a SATU: people read the texts of ``pin_prompt`` instead.
    """

    code: str = "INTERNAL"

    #: What the error comes from, a stable word, where PROTOCOL.md gives a reason.
    reason: str | None = None


class InvalidArgumentError(KortillaError):
    """A field of a request is unknown, missing or wrong; the message names it."""

    code = "INVALID_ARGUMENT"


class OriginRefusedError(KortillaError):
    """The origin may not send requests (see ``native_host.operations.request``)."""

    code = "ORIGIN_REFUSED"


class BusyError(KortillaError):
    """Another operation is running."""

    code = "BUSY"


class UserCancelledError(KortillaError):
    """The person closed the window or pressed cancel.

    ``reason`` is the obstacle at that moment, as one of the codes of the other errors
    (``NO_READER``, ``PIN_BLOCKED``, …), or None.
    """

    code = "USER_CANCELLED"

    def __init__(
        self, message: str = "The person cancelled.", *, reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason


class RequestCancelledError(KortillaError):
    """The page cancelled the request, or its tab was closed."""

    code = "REQUEST_CANCELLED"


class RequestExpiredError(KortillaError):
    """The page stopped waiting; the window showed that until the person closed it."""

    code = "REQUEST_EXPIRED"


class ProgramNotRunningError(KortillaError):
    """The program for the login does not have the card as a token now."""

    code = "PROGRAM_NOT_RUNNING"


class ConfigBrokenError(KortillaError):
    """A configuration file can't be used; the message names the file and the key."""

    code = "CONFIG_BROKEN"


class InstallError(KortillaError):
    """A file can't be read or written, or no browser was found; see the message."""

    code = "INSTALL_FAILED"


class ToolMissingError(KortillaError):
    """A program or library of the system is missing; the message names the package."""

    code = "TOOL_MISSING"


class BrowserRunningError(KortillaError):
    """A browser has the file open that is to be changed; the message names it."""

    code = "BROWSER_RUNNING"


class BrowserConfinedError(KortillaError):
    """The browser comes from a flatpak or snap, and can't have the card as a token."""

    code = "BROWSER_CONFINED"


class SystemUnsupportedError(KortillaError):
    """What is asked for is not there on this operating system."""

    code = "SYSTEM_UNSUPPORTED"
