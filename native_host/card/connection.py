# SPDX-License-Identifier: MIT
"""The one door to any card, real or not."""

from abc import ABC, abstractmethod

from native_host.card.pin_pad import PinPad

__all__ = ["CardConnection"]


class CardConnection(ABC):
    """A connection to one card, held exclusively from its making to ``close()``.

    Calls block, and come from one thread at a time.
    """

    #: The transmission protocol, 0 or 1 for T=0 or T=1 (ISO/IEC 7816-3).
    protocol: int = 0

    #: The card's answer to reset, where the connection knows it.
    atr: bytes | None = None

    #: The reader's keys, where PINs can be typed on it.
    pin_pad: PinPad | None = None

    #: A caller that only reads sets this: the card is not reset at the end, unless it
    #: was sent a PIN after all. A reset disturbs the programs that share the card.
    only_look: bool = False

    @abstractmethod
    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one command APDU and return the answer's data and its status word.

        The status word is 16 bits, SW1 in the high byte (ISO/IEC 7816-4 §5.6). Answers
        61xx and 6Cxx may come up unhandled. Raises ``CardRemovedError`` when the card
        has gone, ``CardMuteError`` when it does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Reset the card, so that no verified PIN stays behind, and let go of it."""
