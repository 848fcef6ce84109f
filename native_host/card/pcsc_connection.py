# SPDX-License-Identifier: MIT
"""A card in a reader of the system, in a PC/SC transaction, and the calls for that.

pyscard is slow to import and needs the system's library, so the first call imports it.
"""

import ctypes
import importlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum, unique
from functools import cache
from typing import Any, NoReturn

from kortilla.common.imports import missing
from native_host.card.apdu import PIN_INSTRUCTIONS
from native_host.card.errors import (
    CardBusyError,
    CardError,
    CardMuteError,
    CardRemovedError,
    CardResetError,
    PcscDeniedError,
    PcscUnavailableError,
)
from native_host.card.pin_pad import pin_pad_of
from native_host.card.service_watch import socket_path
from native_host.card.source import CardConnection

logger = logging.getLogger(__name__)


@unique
class Code(IntEnum):
    """Return codes, with the names and numbers of PC/SC part 10 and winscard.h."""

    OK = 0
    CANCELLED = 0x80100002
    INVALID_HANDLE = 0x80100003
    UNKNOWN_READER = 0x80100009
    TIMEOUT = 0x8010000A
    SHARING_VIOLATION = 0x8010000B
    NO_SMARTCARD = 0x8010000C
    PROTO_MISMATCH = 0x8010000F
    COMM_ERROR = 0x80100013
    READER_UNAVAILABLE = 0x80100017
    NO_SERVICE = 0x8010001D
    SERVICE_STOPPED = 0x8010001E
    NO_READERS_AVAILABLE = 0x8010002E
    UNSUPPORTED_CARD = 0x80100065
    UNRESPONSIVE_CARD = 0x80100066
    UNPOWERED_CARD = 0x80100067
    RESET_CARD = 0x80100068
    REMOVED_CARD = 0x80100069
    SECURITY_VIOLATION = 0x8010006A


class ReaderState(IntEnum):
    """Bits of a reader's state, the same on all systems.

    The high half counts insertions and removals. This is no ``IntFlag``, whose ``~``
    would drop that half.
    """

    CHANGED = 0x0002
    PRESENT = 0x0020
    EXCLUSIVE = 0x0080
    IN_USE = 0x0100


_HANGS_UP_WITHIN = 1.0  # seconds; pcscd asks polkit meanwhile

_NO_SERVICE = (Code.NO_SERVICE, Code.SERVICE_STOPPED, Code.COMM_ERROR)
_ERRORS: dict[int, tuple[type[CardError], str]] = {
    Code.SHARING_VIOLATION: (CardBusyError, "Another program holds the card."),
    Code.RESET_CARD: (CardResetError, "The card was reset, or lost its power."),
    **dict.fromkeys(
        (
            Code.NO_SMARTCARD,
            Code.REMOVED_CARD,
            Code.UNKNOWN_READER,
            Code.READER_UNAVAILABLE,
        ),
        (CardRemovedError, "The card or its reader was taken away."),
    ),
    **dict.fromkeys(
        (
            Code.UNSUPPORTED_CARD,
            Code.UNRESPONSIVE_CARD,
            Code.UNPOWERED_CARD,
            Code.PROTO_MISMATCH,
        ),
        (CardMuteError, "The card does not answer."),
    ),
    **dict.fromkeys(
        _NO_SERVICE, (PcscUnavailableError, "The smart card service went away.")
    ),
}
if sys.platform == "win32":  # which runs the service only while there is a reader
    from native_host.platform.windows import card_service

    _ERRORS |= dict.fromkeys(
        _NO_SERVICE, (CardRemovedError, "There is no card reader.")
    )
    _OBSTACLES = {
        "disabled": (
            PcscUnavailableError,
            "Windows' smart card service (SCardSvr) is disabled on this computer.",
        ),
        "stopped": (
            PcscUnavailableError,
            "Windows' smart card service (SCardSvr) can't be reached, though there is "
            "a card reader.",
        ),
        "remote": (
            PcscDeniedError,
            "Remote Desktop gives this session no card reader of the computer that the "
            "person sits at.",
        ),
    }


@cache
def scard() -> Any:
    """Return pyscard's module of low-level calls. Raises ``PcscUnavailableError``."""
    try:
        with _printing_errors():
            return importlib.import_module("smartcard.scard")
    except Exception as error:
        # Without the system's PC/SC library its import raises other errors.
        words = missing(error, "host") or f"pyscard can't be loaded: {error}."
        raise PcscUnavailableError(words) from error


@contextmanager
def _printing_errors() -> Iterator[None]:
    """Send what C code prints to standard error meanwhile.

    Where the system's library is missing, pyscard says so on standard output, which is
    for a command's one line of JSON. C keeps it until the end of the process, if that
    is no terminal. What another thread prints meanwhile goes there, too.
    """
    if sys.platform == "win32":  # whose library is always there
        yield
        return
    try:
        output = os.dup(1)
    except OSError:  # it is closed
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(2, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(output, 1)
        os.close(output)


def code_of(result: int) -> int:
    """Return a result as the unsigned number of ``Code`` on every system."""
    return result & 0xFFFFFFFF


def check(result: int, step: str) -> None:
    """Raise the error for the result of a PC/SC call, if it is one."""
    code = code_of(result)
    if code == Code.OK:
        return
    kind, sentence = _ERRORS.get(code, (CardError, "PC/SC failed."))
    raise kind(f"{sentence} ({step}: {code:08X})")


def establish_context() -> int:
    """Return a new context, which the caller releases.

    Raises ``PcscUnavailableError``, or ``PcscDeniedError`` if the service refuses, and
    ``CardRemovedError`` on Windows without a reader.
    """
    result, context = scard().SCardEstablishContext(scard().SCARD_SCOPE_SYSTEM)
    code = code_of(result)
    if code == Code.OK:
        return int(context)
    if sys.platform == "win32" and code in _NO_SERVICE:
        if (obstacle := card_service.obstacle()) is None:
            check(code, "SCardEstablishContext")
        else:
            kind, sentence = _OBSTACLES[obstacle]
            raise kind(f"{sentence} (SCardEstablishContext: {code:08X})")
    if code in {Code.NO_SERVICE, Code.SECURITY_VIOLATION} and _refuses():
        raise PcscDeniedError(
            "The smart card service, on Linux pcscd, does not let this session use the "
            "readers. polkit allows it to a session at the computer's own screen, and "
            "not over SSH, unless a rule of its own says otherwise. "
            f"(SCardEstablishContext: {code:08X})"
        )
    raise PcscUnavailableError(
        "The smart card service, on Linux pcscd, can't be reached. "
        f"(SCardEstablishContext: {code:08X})"
    )


def _refuses() -> bool:
    """Whether pcscd closes each connection that it accepts, which is how it refuses.

    Its library returns either code for that, depending on timing, and returns both also
    for a pcscd that is just stopping. A stopping pcscd accepts no further connection.
    """
    return sys.platform == "linux" and _hangs_up() and _hangs_up()


def _hangs_up() -> bool:
    from native_host.platform.posix.sockets import connected

    try:
        with connected(str(socket_path()), _HANGS_UP_WITHIN) as client:
            return not client.recv(1)
    except ConnectionResetError:
        return True
    except OSError:
        return False


def status_change(
    context: int, timeout: int, states: list[tuple[str, int]]
) -> tuple[int, list[tuple[str, int, bytes]]]:
    """Wait until a reader's state differs from the one given with its name.

    ``timeout`` is in milliseconds. Returns the code, and for each reader its name, its
    event state and the ATR of the card in it.
    """
    result, found = scard().SCardGetStatusChange(context, timeout, states)
    return code_of(result), [(name, state, bytes(atr)) for name, state, atr in found]


#: Seconds to wait for another program's use of the card.
BUSY_PATIENCE = 3.0
_BUSY_RETRY = 0.1
_REMOVAL_PATIENCE = 0.8  # seconds until a reader has noticed a removal

# pcscd sends no event when a program exits without releasing a card. So this is also
# polled, in milliseconds, but only while another program holds a card.
_FORGOTTEN = 60_000

_GET_FEATURE_REQUEST = 3400  # PC/SC part 10 §2.2; its number depends on the system


class PcscConnection(CardConnection):
    """A card in a PC/SC transaction, which no other program can interrupt.

    After ``release`` it is still connected, so that the card keeps its power.
    """

    def __init__(self, reader: str, *, patience: float = BUSY_PATIENCE) -> None:
        """Connect, and begin a transaction.

        Waits ``patience`` seconds while another program has the card exclusively, and
        for as long as another program's transaction lasts.

        Raises ``CardBusyError``, ``CardRemovedError``, ``CardMuteError``,
        ``PcscUnavailableError``.
        """
        self._reader = reader
        self.needs_reset = False
        self._in_transaction = False
        self._card: int | None = None
        self._context: int | None = establish_context()
        self._connect(patience)

    def hold(self) -> None:
        """Begin another transaction after ``release``; wait as the constructor does.

        A card that was reset, or changed for another one, is connected to anew. Raises
        as the constructor does, and is closed then.
        """
        if self._card is not None:
            result = scard().SCardBeginTransaction(self._card)
            self._in_transaction = code_of(result) == Code.OK
        if not self._in_transaction:
            logger.debug("A transaction needs another connection.")
            self.close()
            self._context = establish_context()
            self._connect(BUSY_PATIENCE)

    def _connect(self, patience: float) -> None:
        try:
            self._begin(time.monotonic() + patience)
        except BaseException:
            self.close()
            raise

    def _begin(self, deadline: float) -> None:
        """Connect, and begin a transaction."""
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
        self._in_transaction = True
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
        return self._context is not None

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command APDU; return the response's data and its status word."""
        if not self._in_transaction:
            raise CardError("The connection to the card is closed.")
        self.needs_reset |= apdu[1] in PIN_INSTRUCTIONS
        result, answer = scard().SCardTransmit(self._card, self._pci, list(apdu))
        if code_of(result) != Code.OK:
            self._explain(code_of(result), "SCardTransmit")
        if len(answer) < 2:
            # The result of some readers if a card is removed during a command.
            self._explain(Code.OK, "SCardTransmit")
        return bytes(answer[:-2]), answer[-2] << 8 | answer[-1]

    def _control(self, control_code: int, data: bytes) -> bytes:
        """Send the reader a control code; it may cause a command to the card."""
        if not self._in_transaction:
            raise CardError("The connection to the card is closed.")
        self.needs_reset |= bool(data)
        result, answer = scard().SCardControl(self._card, control_code, list(data))
        if code_of(result) != Code.OK:
            if not data:
                raise CardError("The reader has no features.")
            self._explain(code_of(result), "SCardControl")
        return bytes(answer)

    def release(self) -> None:
        """End the transaction, with a reset if the card has received a PIN."""
        if not self._in_transaction:
            return
        api = scard()
        self._in_transaction = False
        # The reset precedes another program's turn, so that finds no verified PIN.
        ending = api.SCARD_RESET_CARD if self.needs_reset else api.SCARD_LEAVE_CARD
        result = api.SCardEndTransaction(self._card, ending)
        if code_of(result) == Code.OK:
            self.needs_reset = False
        else:
            logger.debug("The transaction ended with %08X.", code_of(result))
            self._disconnect(ending)

    def close(self) -> None:
        """End the transaction as ``release`` does, and disconnect."""
        if self._context is None:
            return
        self.release()
        self._disconnect(scard().SCARD_LEAVE_CARD)
        scard().SCardReleaseContext(self._context)
        self._context = None

    def _disconnect(self, ending: int) -> None:
        if self._card is not None:
            scard().SCardDisconnect(self._card, ending)
        self._card = None

    def _explain(self, code: int, step: str) -> NoReturn:
        """Raise the error for a failed command by the reader's state.

        Readers report few details, and may take a moment to notice a removal.
        """
        if code in {Code.REMOVED_CARD, Code.RESET_CARD, Code.NO_SERVICE}:
            check(code, step)
        deadline = time.monotonic() + _REMOVAL_PATIENCE
        state = 0
        while self._context and (left := deadline - time.monotonic()) > 0:
            change, found = status_change(
                self._context, int(left * 1000) + 1, [(self._reader, state)]
            )
            if change == Code.TIMEOUT:
                break
            check(change, step)
            state = found[0][1] & ~ReaderState.CHANGED
            if not state & ReaderState.PRESENT:
                raise CardRemovedError(f"The card was taken away. ({step}: {code:08X})")
        if code in {Code.UNPOWERED_CARD, Code.PROTO_MISMATCH}:
            # It answered before. pcscd takes its power where another program's
            # disconnection meets a connection, and says so of the next command.
            raise CardResetError(f"The card lost its power. ({step}: {code:08X})")
        raise CardMuteError(f"The card does not answer. ({step}: {code:08X})")


def wait_until_free(reader: str) -> None:
    """Wait by events until no program has the card in a reader open.

    It blocks, and sends nothing to the card or its reader. Raises ``CardRemovedError``
    if the card is removed, and ``PcscUnavailableError``.
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
