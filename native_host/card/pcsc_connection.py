# SPDX-License-Identifier: MIT
"""A card in a reader of the system, in a PC/SC transaction."""

import logging
import time
from typing import NoReturn

from native_host.card.apdu import PIN_INSTRUCTIONS
from native_host.card.connection import CardConnection
from native_host.card.errors import CardError, CardMuteError, CardRemovedError
from native_host.card.pcsc_calls import (
    Code,
    ReaderState,
    check,
    code_of,
    establish_context,
    scard,
    status_change,
)
from native_host.card.pin_pad import pin_pad_of

logger = logging.getLogger(__name__)

#: Seconds to wait for another program's use of the card.
BUSY_PATIENCE = 3.0
_BUSY_RETRY = 0.1
_REMOVAL_PATIENCE = 0.8  # seconds until a reader has noticed a removal

_GET_FEATURE_REQUEST = 3400  # PC/SC part 10 §2.2; its number depends on the system


class PcscConnection(CardConnection):
    """A card in a PC/SC transaction, which no other program can interrupt."""

    def __init__(
        self, reader: str, *, patience: float = BUSY_PATIENCE, only_look: bool = False
    ) -> None:
        """Connect exclusively, and begin a transaction.

        Waits ``patience`` seconds while another program has the card exclusively, and
        for as long as another program's transaction lasts.

        ``only_look`` is as in ``CardConnection``.

        Raises ``CardBusyError``, ``CardRemovedError``, ``CardMuteError``,
        ``PcscUnavailableError``.
        """
        self._reader = reader
        self.only_look = only_look
        self._used = False
        self._card: int | None = None
        self._context = establish_context()
        try:
            self._connect(time.monotonic() + patience)
        except BaseException:
            scard().SCardReleaseContext(self._context)
            raise

    def _connect(self, deadline: float) -> None:
        api = scard()
        while True:
            result, card, protocol = api.SCardConnect(
                self._context,
                self._reader,
                api.SCARD_SHARE_SHARED,
                api.SCARD_PROTOCOL_T0 | api.SCARD_PROTOCOL_T1,
            )
            step = "SCardConnect"
            if code_of(result) == Code.OK:
                result = api.SCardBeginTransaction(card)
                step = "SCardBeginTransaction"
                if code_of(result) == Code.OK:
                    break
                api.SCardDisconnect(card, api.SCARD_LEAVE_CARD)
            # A reset means that another program has finished; the card is still there.
            passing = code_of(result) in {Code.SHARING_VIOLATION, Code.RESET_CARD}
            if not passing or time.monotonic() >= deadline:
                check(result, step)
            time.sleep(_BUSY_RETRY)
        self._card = card
        self._pci = api.SCARD_PCI_T1
        self.protocol = 1
        if protocol == api.SCARD_PROTOCOL_T0:
            self._pci, self.protocol = api.SCARD_PCI_T0, 0
        result, _, _, _, atr = api.SCardStatus(card)
        self.atr = bytes(atr) if code_of(result) == Code.OK and atr else None
        self.pin_pad = pin_pad_of(
            self._control, api.SCARD_CTL_CODE(_GET_FEATURE_REQUEST)
        )

    @property
    def open(self) -> bool:
        """Whether ``close`` has not been called."""
        return self._card is not None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the response's data and its status word."""
        if self._card is None:
            raise CardError("The connection to the card is closed.")
        if not self.only_look or apdu[1] in PIN_INSTRUCTIONS:
            self._used = True
        result, answer = scard().SCardTransmit(self._card, self._pci, list(apdu))
        if code_of(result) != Code.OK:
            self._explain(code_of(result), "SCardTransmit")
        if len(answer) < 2:
            # The result of some readers if a card is removed during a command.
            self._explain(Code.OK, "SCardTransmit")
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]

    def _control(self, control_code: int, data: bytes) -> bytes:
        """Send the reader a control code; it may cause a command to the card."""
        if self._card is None:
            raise CardError("The connection to the card is closed.")
        self._used = self._used or bool(data)
        result, answer = scard().SCardControl(self._card, control_code, list(data))
        if code_of(result) != Code.OK:
            if not data:
                raise CardError("The reader has no features.")
            self._explain(code_of(result), "SCardControl")
        return bytes(answer)

    def close(self) -> None:
        """Reset the card if it was used, and release it."""
        if self._card is None:
            return
        api, card = scard(), self._card
        self._card = None
        # The reset precedes another program's turn, so that finds no verified PIN.
        ending = api.SCARD_RESET_CARD if self._used else api.SCARD_LEAVE_CARD
        result = api.SCardEndTransaction(card, ending)
        if code_of(result) == Code.OK:
            ending = api.SCARD_LEAVE_CARD
        else:
            logger.debug("The transaction ended with %08X.", code_of(result))
        api.SCardDisconnect(card, ending)
        api.SCardReleaseContext(self._context)

    def _explain(self, code: int, step: str) -> NoReturn:
        """Raise the error for a failed command by the reader's state.

        Readers report few details, and may take a moment to notice a removal.
        """
        if code in {Code.REMOVED_CARD, Code.RESET_CARD, Code.NO_SERVICE}:
            check(code, step)
        deadline = time.monotonic() + _REMOVAL_PATIENCE
        state = 0
        while (left := deadline - time.monotonic()) > 0:
            change, found = status_change(
                self._context, int(left * 1000) + 1, [(self._reader, state)]
            )
            if change == Code.TIMEOUT:
                break
            check(change, step)
            state = found[0][1] & ~ReaderState.CHANGED
            if not state & ReaderState.PRESENT:
                raise CardRemovedError(f"The card was taken away. ({step}: {code:08X})")
        raise CardMuteError(f"The card does not answer. ({step}: {code:08X})")
