# SPDX-License-Identifier: MIT
"""What the agent does with a card: wait until nobody uses it, and look at it once.

Both functions block and are for a thread of their own.
"""

from native_host.card.errors import CardRemovedError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pcsc_calls import (
    Code,
    ReaderState,
    check,
    establish_context,
    scard,
    status_change,
)
from native_host.card.pcsc_connection import PcscConnection
from native_host.operations.card_status import Activation, activation_of

__all__ = ["look", "wait_until_free"]

# pcscd gives no event when a program ends without letting go of a card, so that is
# looked for too, in milliseconds; only while some other program holds a card.
_FORGOTTEN = 60_000

_PATIENCE = 0.5  # seconds, with a program that takes the card at the same moment


def wait_until_free(reader: str) -> None:
    """Wait by events until no program has the card in a reader open.

    Nothing is sent to the card or its reader. Raises ``CardRemovedError`` when the card
    goes, ``PcscUnavailableError``.
    """
    context = establish_context()
    try:
        state = 0
        while True:
            code, found = status_change(context, _FORGOTTEN, [(reader, state)])
            if code != Code.TIMEOUT:
                check(code, "SCardGetStatusChange")
            state = found[0][1] & ~ReaderState.CHANGED
            if not state & ReaderState.PRESENT:
                raise CardRemovedError("The card was taken out of the reader.")
            if not state & (ReaderState.EXCLUSIVE | ReaderState.IN_USE):
                return
    finally:
        scard().SCardReleaseContext(context)


def look(reader: str) -> Activation:
    """Ask the card in a reader how far it has been activated; no try is spent.

    The card is held for these few commands and then left as it is, without a reset.
    Raises ``CardError``: ``CardBusyError`` when another program was faster.
    """
    connection = PcscConnection(reader, patience=_PATIENCE, only_look=True)
    try:
        card = FineidCard(connection)
        return activation_of(card.pin_info(PinRole.PIN1), card.pin_info(PinRole.PIN2))
    finally:
        connection.close()
