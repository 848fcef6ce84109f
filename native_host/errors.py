# SPDX-License-Identifier: MIT
"""The root of every error that may reach a person, a script or a page."""


class KortillaError(Exception):
    """An error with a stable code, listed in PROTOCOL.md.

    The message is a full sentence in English for developers and logs. It never holds
    a PIN, a name or a SATU: people read the texts of ``pin_prompt`` instead.

    What code catches, or what carries data, is a class of its own; another error is
    this one with a ``code``.
    """

    code: str = "INTERNAL"

    #: What the error comes from, a stable word, where PROTOCOL.md gives a reason.
    reason: str | None = None

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.code


class InvalidArgumentError(KortillaError):
    """A field of a request is unknown, missing or wrong; the message names it."""

    code = "INVALID_ARGUMENT"


class OriginRefusedError(KortillaError):
    """The origin may not send requests (see ``native_host.operations.request``)."""

    code = "ORIGIN_REFUSED"


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


class RequestExpiredError(KortillaError):
    """The page stopped waiting; the window showed that until the person closed it."""

    code = "REQUEST_EXPIRED"


class ConfigBrokenError(KortillaError):
    """A configuration file can't be used; the message names the file and the key."""

    code = "CONFIG_BROKEN"


class InstallError(KortillaError):
    """A file can't be read or written, or no browser was found; see the message."""

    code = "INSTALL_FAILED"


class ToolMissingError(KortillaError):
    """A program or library of the system is missing; the message names the package."""

    code = "TOOL_MISSING"
