# SPDX-License-Identifier: MIT
"""The errors of the mock card. The codes are those of PROTOCOL.md."""


class MockCardError(Exception):
    """An error with a stable ``code``. The message holds no PIN, name or SATU."""

    code: str = "MOCK_CARD"


class InvalidArgumentError(MockCardError):
    """An argument is wrong; the message names it."""

    code = "INVALID_ARGUMENT"


class OriginRefusedError(MockCardError):
    """The origin is not one that a browser writes and a host accepts."""

    code = "ORIGIN_REFUSED"


class MockCardBrokenError(MockCardError):
    """The mock card's folder can't be used; the message names the file and the key."""

    code = "MOCK_CARD_BROKEN"


class NoVirtualReaderError(MockCardError):
    """No virtual reader of PC/SC listens for the mock card."""

    code = "PCSC_UNAVAILABLE"


class CardUnusableError(MockCardError):
    """The card is in a state in which a real card would not sign.

    ``code`` is ``NO_READER``, ``NO_CARD``, ``CARD_NOT_ACTIVATED``, ``PIN_BLOCKED`` or
    ``CARD_EXPIRED``; ``CARD_REMOVED``, ``CARD_MUTE`` or ``CARD_ERROR`` where a fault
    struck.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
