# SPDX-License-Identifier: MIT
"""The agent's work with a card: wait until no program uses it, and read it once.

Both functions block and need a separate thread.
"""

from native_host.card.errors import CardRemovedError
from native_host.card.fineid import FineidCard, PinRole
from native_host.card.pcsc_connection import (
    Code,
    PcscConnection,
    ReaderState,
    check,
    establish_context,
    scard,
    status_change,
)
from native_host.operations.card_status import Activation, activation_of

# pcscd sends no event when a program exits without releasing a card. So this is also
# polled, in milliseconds, but only while another program holds a card.
_FORGOTTEN = 60_000

_PATIENCE = 0.5  # seconds, if a program takes the card at the same moment


def wait_until_free(reader: str) -> None:
    """Wait by events until no program has the card in a reader open.

    It sends nothing to the card or its reader. Raises ``CardRemovedError`` if the card
    is removed, and ``PcscUnavailableError``.
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
    """Read how far the card in a reader has been activated; this costs no try.

    The card is held for these few commands and released without a reset. Raises
    ``CardError``: ``CardBusyError`` if another program was faster.
    """
    connection = PcscConnection(reader, patience=_PATIENCE, only_look=True)
    try:
        card = FineidCard(connection)
        return activation_of(card.pin_info(PinRole.PIN1), card.pin_info(PinRole.PIN2))
    finally:
        connection.close()
