# SPDX-License-Identifier: MIT
"""PINs that are typed on the reader and never reach the computer (PC/SC part 10).

The reader receives the command with zeros in place of the PIN, and instructions how to
insert it. Some readers announce a PIN pad that they do not have, or that their driver
does not reach, and refuse to use it. Sections are those of PC/SC part 10 v2.02.09.
"""

import logging
import struct
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

from native_host.card.errors import CardError, CardMuteError, PinNotEnteredError
from native_host.platform.log import TRAFFIC

logger = logging.getLogger(__name__)

#: The reader's own status words if it sends the card no command (§2.5.5;
#: docs/reference/card.md, "Status words"), and their ``why`` in ``PinNotEnteredError``.
NOT_ENTERED = {
    0x6400: "timed-out",
    0x6401: "cancelled",
    0x6402: "different",
    0x6403: "length",
}

# What a reader says at once that does not ask for a PIN: the time is up, or it does not
# know the structure (§2.5.5). Nobody types a PIN in so many seconds.
_REFUSALS = frozenset({0x6400, 0x6B80})
_AT_ONCE = 3.0


class PadUse(StrEnum):
    """What a PIN pad is used for: to verify a PIN, or to change or unblock one."""

    VERIFY = "verify"
    MODIFY = "modify"


# Features by their tags, §2.3.
_VERIFY_PIN_DIRECT = 0x06
_MODIFY_PIN_DIRECT = 0x07

# The values of the structures' fields, §2.5.2 and §2.5.3.
_TIMEOUT = 90  # seconds for the whole PIN; readers have a limit in any case
_FORMAT = 0x82  # the PIN starts at the data's first byte, left-aligned, in ASCII digits
_BLOCK_SIZE = 12  # the PIN is padded to this number of bytes; no length before it
_NO_LENGTH = 0x00
_CONFIRM_AND_CURRENT = 0x03  # the new PIN is typed twice, after the current one
_VALIDATION_KEY = 0x02  # the key OK ends a PIN
_ENGLISH = 0x0409  # readers that have texts have these
_NO_PROLOGUE = bytes(3)  # the driver generates T=1's block numbers

# Packed and little-endian; the command follows.
_VERIFY = struct.Struct("<BBBBBHBBHB3sL")
_MODIFY = struct.Struct("<BBBBBBBHBBBHBBB3sL")


class PinPad:
    """A reader's PIN pad. Calls block until the person has finished or cancelled.

    ``template`` is the command with twelve zeros for each PIN. Returns the card's
    status word, or one of ``NOT_ENTERED``. Raises a connection's errors, and
    ``PinNotEnteredError`` with ``refused`` if the reader fails before anybody can have
    typed. Later, the PIN may have reached the card.
    """

    def __init__(
        self, control: Callable[[int, bytes], bytes], features: Mapping[int, int]
    ) -> None:
        """``control`` sends the reader, not its card, a control code (SCardControl)."""
        self._control = control
        self._features = features
        #: Whether the reader can also change a PIN.
        self.can_modify = _MODIFY_PIN_DIRECT in features

    def verify(self, template: bytes, min_digits: int, max_digits: int) -> int:
        """Read one PIN from the keys and send the command with it, once."""
        structure = verify_structure(template, min_digits, max_digits)
        return self._enter(_VERIFY_PIN_DIRECT, template, structure)

    def modify(self, template: bytes, min_digits: int, max_digits: int) -> int:
        """Read a PIN or PUK, then a new PIN twice, and send the command, once.

        The lengths are for all three.
        """
        structure = modify_structure(template, min_digits, max_digits)
        return self._enter(_MODIFY_PIN_DIRECT, template, structure)

    def _enter(self, feature: int, template: bytes, structure: bytes) -> int:
        logger.log(TRAFFIC, "> %s on the pin pad", template[:4].hex().upper())
        begin = time.monotonic()
        try:
            answer = self._control(self._features[feature], structure)
            if len(answer) < 2:
                raise CardMuteError("The pin pad's answer has no status word.")
        except CardMuteError as error:  # the card has not been taken out
            if time.monotonic() - begin < _AT_ONCE:
                raise PinNotEnteredError("refused") from error
            raise
        status = int.from_bytes(answer[-2:])
        logger.log(TRAFFIC, "< %04X", status)
        if status in _REFUSALS and time.monotonic() - begin < _AT_ONCE:
            raise PinNotEnteredError("refused", status_word=status)
        return status


def pin_pad_of(
    control: Callable[[int, bytes], bytes], feature_request: int
) -> PinPad | None:
    """Ask a reader for its features; return its PIN pad, or None without one.

    ``feature_request`` is the system's number of CM_IOCTL_GET_FEATURE_REQUEST.
    """
    try:
        features = parse_features(control(feature_request, b""))
    except CardError:
        return None  # most readers have no features at all
    if _VERIFY_PIN_DIRECT not in features:
        return None
    return PinPad(control, features)


def parse_features(answer: bytes) -> dict[int, int]:
    """Return control codes by their feature's tag (§2.2): tag, length 4, big-endian.

    An entry of another form ends the list.
    """
    features = {}
    while len(answer) >= 6 and answer[1] == 4:
        features[answer[0]] = int.from_bytes(answer[2:6])
        answer = answer[6:]
    return features


def verify_structure(template: bytes, min_digits: int, max_digits: int) -> bytes:
    """Return PIN_VERIFY (§2.5.2) for a command with one PIN."""
    message = 0x01, _ENGLISH, 0x00  # one, number 0: "enter PIN"
    return (
        _VERIFY.pack(
            _TIMEOUT,
            _TIMEOUT,
            _FORMAT,
            _BLOCK_SIZE,
            _NO_LENGTH,
            min_digits << 8 | max_digits,
            _VALIDATION_KEY,
            *message,
            _NO_PROLOGUE,
            len(template),
        )
        + template
    )


def modify_structure(template: bytes, min_digits: int, max_digits: int) -> bytes:
    """Return PIN_MODIFY (§2.5.3) for a command with the old PIN and then the new one.

    To unblock a PIN, the PUK replaces the old PIN.
    """
    messages = 0x03, _ENGLISH, 0x00, 0x01, 0x02  # three: current, new, new again
    return (
        _MODIFY.pack(
            _TIMEOUT,
            _TIMEOUT,
            _FORMAT,
            _BLOCK_SIZE,
            _NO_LENGTH,
            0,
            _BLOCK_SIZE,
            min_digits << 8 | max_digits,
            _CONFIRM_AND_CURRENT,
            _VALIDATION_KEY,
            *messages,
            _NO_PROLOGUE,
            len(template),
        )
        + template
    )
