# SPDX-License-Identifier: MIT
"""Errors of cards, each with its stable code."""

from enum import StrEnum
from typing import ClassVar

from native_host.errors import KortillaError


class CardError(KortillaError):
    """The card gave a response that the step does not allow."""

    code = "CARD_ERROR"

    #: True if a new insertion of the same card would not help.
    final: ClassVar[bool] = False

    def __init__(
        self, message: str, *, status_word: int | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.status_word = status_word


class PcscUnavailableError(CardError):
    """The system's smart card service does not run or can't be reached."""

    code = "PCSC_UNAVAILABLE"


class PcscDeniedError(PcscUnavailableError):
    """The smart card service runs but refuses this process.

    On Linux polkit admits the active local session alone.
    """

    code = "PCSC_DENIED"


class CardRemovedError(CardError):
    """The card or its reader was removed."""

    code = "CARD_REMOVED"


class CardMuteError(CardError):
    """The card does not respond: inserted the wrong way round, dirty, or broken."""

    code = "CARD_MUTE"


class CardResetError(CardError):
    """The card was reset, or lost its power, and so has forgotten the session.

    No try was spent.
    """

    code = "CARD_RESET"


class CardResetAtPinError(CardResetError):
    """The card was reset while it had a PIN: a try may have been spent."""


class CardBusyError(CardError):
    """Another program holds the card."""

    code = "CARD_BUSY"


class ChannelError(CardError):
    """The secure channel to a contactless card can't be opened, or has ended.

    Interference on the way or a card that was moved can be the cause, or an attack.
    Nothing more is sent. A new session needs the CAN again.
    """


class WrongCanError(CardError):
    """The CAN is not the one of this card. It costs no try.

    The CAN must not be sent again by itself: with each wrong one the card takes longer
    before it answers, up to 45 seconds.
    """


#: These end a session with a card at any command.
CONNECTION_ERRORS = (
    PcscUnavailableError,
    CardRemovedError,
    CardMuteError,
    CardResetError,
    CardBusyError,
    ChannelError,
)


class CardKind(StrEnum):
    """The kind of an unsupported card. The values are its names in English."""

    UNKNOWN = ""
    UNKNOWN_GENERATION = "card of an unknown MultiApp generation"
    MULTIAPP_V3 = "MultiApp v3 identity card of 2017 to 2021, all expired"
    SETCOS = "SetCOS identity card of 1999 to 2016"
    ORGANISATION = "S4-2 organisation or health care card"
    BANK = "bank card"
    CONTACTLESS = "identity card on the contactless side"
    CONTACTLESS_OTHER = "contactless card"


class UnsupportedCardError(CardError):
    """The card is not a usable FINEID citizen card.

    ``kind`` names it if it is known; it is one of the values of ``CardKind``.
    """

    code = "UNSUPPORTED_CARD"
    final = True

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class KeyMissingError(CardError):
    """The card has no key of the requested kind, which is no fault of the card."""

    code = "KEY_MISSING"
    final = True


class CardNotActivatedError(CardError):
    """The PIN has its factory value: the card must be activated first."""

    code = "CARD_NOT_ACTIVATED"
    final = True


class CardExpiredError(CardError):
    """The card's certificate is not valid now."""

    code = "CARD_EXPIRED"
    final = True


class WrongPinError(CardError):
    """The card refused a PIN; ``tries_left`` of five remain."""

    code = "WRONG_PIN"

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"The card refused the PIN; {tries_left} tries are left.")
        self.tries_left = tries_left


class PinBlockedError(CardError):
    """The PIN has no tries left."""

    code = "PIN_BLOCKED"
    final = True


class WrongPukError(CardError):
    """The card refused a PUK; ``tries_left`` of five remain."""

    code = "WRONG_PUK"

    def __init__(self, tries_left: int) -> None:
        super().__init__(f"The card refused the PUK; {tries_left} tries are left.")
        self.tries_left = tries_left


class PukBlockedError(CardError):
    """The PUK has no tries left, permanently: only a new card helps."""

    code = "PUK_BLOCKED"
    final = True


class NewPinRefusedError(CardError):
    """The card rejects the new PIN and keeps the old one."""

    code = "NEW_PIN_REFUSED"


class PinNotEnteredError(CardError):
    """No PIN was entered on the reader's PIN pad, and no try was lost.

    ``why`` is ``timed-out``, ``cancelled``, ``length`` for too few or many digits,
    ``different`` if the two entries of a new PIN differ, or ``refused`` if the reader
    does not use its PIN pad.
    """

    code = "PIN_NOT_ENTERED"

    def __init__(self, why: str, *, status_word: int | None = None) -> None:
        super().__init__(
            f"No PIN was typed on the reader: {why}.", status_word=status_word
        )
        self.why = why


class PinTriesUnreadableError(CardError):
    """The number of tries left can't be read, so no PIN is sent."""

    code = "PIN_TRIES_UNREADABLE"
