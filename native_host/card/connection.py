# SPDX-License-Identifier: MIT
"""The interface to every card, real or mock."""

from abc import ABC, abstractmethod

from native_host.card.pin_pad import PinPad


class CardConnection(ABC):
    """An exclusive connection to one card, until ``close()``.

    Calls block, and only one thread may make them at a time.
    """

    #: The transmission protocol, 0 or 1 for T=0 or T=1 (ISO/IEC 7816-3).
    protocol: int = 0

    #: The card's answer to reset, if the connection knows it.
    atr: bytes | None = None

    #: The reader's PIN pad, if it has one.
    pin_pad: PinPad | None = None

    #: A caller that only reads sets this: the card is not reset at the end, unless it
    #: received a PIN after all. A reset disturbs the programs that share the card.
    only_look: bool = False

    @abstractmethod
    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU and return the response's data and its status word.

        The status word is 16 bits, SW1 in the high byte (ISO/IEC 7816-4 §5.6).
        Responses 61xx and 6Cxx may be returned unhandled. Raises ``CardRemovedError``
        if the card was removed, ``CardMuteError`` if it does not respond.
        """

    @abstractmethod
    def close(self) -> None:
        """Reset the card, so that no verified PIN remains, and release it."""
