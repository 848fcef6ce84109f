# SPDX-License-Identifier: MIT
"""The card's PINs: their tries left, and the commands with PINs (FINEID S1 v4.2).

A command that carries a PIN is sent once and never repeated. The tries left are read
before. A PIN whose length violates the card's rule is not sent (docs/reference/card.md,
"PINs and the activation code").
"""

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NoReturn

from native_host.card.apdu import (
    INS_CHANGE_REFERENCE_DATA,
    INS_GET_DATA,
    INS_RESET_RETRY_COUNTER,
    INS_VERIFY,
    SW,
    Command,
    CommandChannel,
    tries_in,
)
from native_host.card.errors import (
    CardError,
    CardNotActivatedError,
    CardResetAtPinError,
    CardResetError,
    NewPinRefusedError,
    PinBlockedError,
    PinNotEnteredError,
    PinTriesUnreadableError,
    PukBlockedError,
    WrongPinError,
    WrongPukError,
)
from native_host.card.files import Tlv, TlvError
from native_host.card.keys import PinRole
from native_host.card.pin_pad import NOT_ENTERED, PadUse, PinPad
from native_host.errors import InvalidArgumentError

logger = logging.getLogger(__name__)

#: The number of digits that the card accepts for an existing PIN.
PIN_DIGITS = {
    PinRole.PIN1: range(4, 13),
    PinRole.PIN2: range(6, 13),
    PinRole.PUK: range(8, 13),
}

#: The number of digits that a new PIN may have.
NEW_PIN_DIGITS = {PinRole.PIN1: range(4, 9), PinRole.PIN2: range(6, 9)}

#: The number of digits of a PUK, and of the new PIN with it, on a PIN pad: a reader has
#: one length for all entries, and a PUK that is too short would cost a try.
PUK_PAD_DIGITS = range(8, 9)

_STORED_PIN = 12  # PINs are padded with 00 to this length
_MAX_TRIES = 15  # the maximum in 63Cx; FINEID gives five

#: The tries of a PIN or PUK after a right one (docs/reference/card.md, "References").
ALL_TRIES = 5

_TAG_PIN_INFO = 0xA0
_TAG_PIN_REFERENCE = 0x83
_TAG_TRIES = 0xDF21
_TAG_CHANGED = 0xDF2F

_CHANGED = {b"\x00": False, b"\x01": True}

_COMMANDS = {
    INS_VERIFY: "VERIFY",
    INS_CHANGE_REFERENCE_DATA: "the change of a PIN",
    INS_RESET_RETRY_COUNTER: "the unlocking of a PIN",
}


@dataclass(frozen=True)
class PinInfo:
    """A PIN's state on the card.

    ``tries_left`` is 0 for a blocked one. ``changed`` says whether it was set since the
    card was produced; None if the card does not report it.
    """

    tries_left: int
    changed: bool | None


class Pins(ABC):
    """The PINs of a card whose application is selected: a part of ``FineidCard``."""

    def __init__(self, channel: CommandChannel, *, pin_pad: PinPad | None) -> None:
        self._channel = channel
        self._pin_pad = pin_pad
        self._pad_unused: set[PadUse] = set()
        self._tries: dict[PinRole, int] = {}
        #: Whether a command with a PIN has been sent, or was typed on the reader.
        self.pin_sent = False

    @abstractmethod
    def _select_application(self) -> None:
        """Select the application, which resets verified PINs."""

    @abstractmethod
    def _return_to_application(self) -> None:
        """Select the application again if a folder below it is selected.

        PIN2 is local to the application. The selection resets verified PINs.
        """

    @property
    def has_pin_pad(self) -> bool:
        """Whether PINs are entered on the reader."""
        return self._pin_pad is not None and PadUse.VERIFY not in self._pad_unused

    @property
    def can_modify_on_pad(self) -> bool:
        """Whether PINs are changed and unblocked on the reader."""
        able = self._pin_pad is not None and self._pin_pad.can_modify
        return able and PadUse.MODIFY not in self._pad_unused

    def leave_pad_unused(self, *uses: PadUse) -> None:
        """Have the PINs for these typed on the computer from now on."""
        self._pad_unused.update(uses)

    def leaves_pad_unused(self, use: PadUse) -> bool:
        """Whether the reader announces a PIN pad that is not used for that."""
        return self._pin_pad is not None and use in self._pad_unused

    def pin_info(self, role: PinRole) -> PinInfo:
        """Read a PIN's tries left, which costs none.

        Raises ``PinTriesUnreadableError``.
        """
        self._tries.pop(role, None)
        self._return_to_application()
        info = self._read_info(role) or self._read_status(role)
        if info is None:
            raise PinTriesUnreadableError(
                f"The card does not say how many tries {role.name} has left."
            )
        self._tries[role] = info.tries_left
        return info

    def verify_pin(self, role: PinRole, pin: bytearray | None) -> None:
        """Send a PIN, ASCII digits, to the card, once; None means entry on the reader.

        The tries left are read before, unless they are known. The caller wipes ``pin``.
        Raises ``InvalidArgumentError`` for an impossible PIN, without sending it, and
        ``WrongPinError``, ``PinBlockedError``, ``CardNotActivatedError``,
        ``PinTriesUnreadableError``, ``CardResetAtPinError``, and with the reader's PIN
        pad ``PinNotEnteredError``. If the reader refuses to use it, it is left unused.
        """
        if role is PinRole.PUK:
            raise InvalidArgumentError("The PUK is not for verifying.")
        digits = PIN_DIGITS[role]
        if pin is None:
            self._need_pad(self.has_pin_pad)
        else:
            _check(role.name, pin, digits)
        if role not in self._tries:
            self.pin_info(role)
        self._return_to_application()
        self._send(INS_VERIFY, role, role, () if pin is None else (pin,), digits)

    def change_pin(
        self, role: PinRole, old: bytearray | None, new: bytearray | None
    ) -> None:
        """Change a PIN, ASCII digits, once; None for both means entry on the reader.

        The code in the letter is the old PIN of a card that is activated with seven
        digits. The PIN's tries left are read before, unless that was done since the
        last such command; afterwards it has all of them. The caller wipes both. Raises
        ``InvalidArgumentError`` for an impossible PIN or new PIN (4 to 8 digits, PIN2 6
        to 8), without sending it, and ``WrongPinError``, ``PinBlockedError``,
        ``NewPinRefusedError``, ``CardNotActivatedError``, ``PinTriesUnreadableError``
        and ``PinNotEnteredError``.
        """
        self._set(INS_CHANGE_REFERENCE_DATA, role, role, old, new)

    def unblock_pin(
        self, role: PinRole, puk: bytearray | None, new: bytearray | None
    ) -> None:
        """Set a PIN with the PUK, 8 to 12 digits, once; None for both: on the reader.

        On the reader the PUK and the new PIN have eight digits. The PUK's tries left
        are read as the PIN's are by ``change_pin``; the PIN has all of its own
        afterwards. The caller wipes both. Raises as ``change_pin``, but
        ``WrongPukError`` and ``PukBlockedError``: after five wrong PUKs the card is
        unusable.
        """
        self._set(INS_RESET_RETRY_COUNTER, role, PinRole.PUK, puk, new)

    # -- Commands with a PIN ----------------------------------------------------------

    def _set(
        self,
        ins: int,
        role: PinRole,
        at_stake: PinRole,
        code: bytearray | None,
        new: bytearray | None,
    ) -> None:
        """Set a PIN with a code.

        ``at_stake`` is the PIN or PUK whose tries it may cost.
        """
        digits = NEW_PIN_DIGITS.get(role)
        if digits is None:
            raise InvalidArgumentError("The PUK can't be set.")
        pins: tuple[bytearray, ...] = ()
        if code is not None and new is not None:
            # On the reader the person sees which of the two is wrong.
            _check(at_stake.name, code, PIN_DIGITS[at_stake])
            _check(f"A new {role.name}", new, digits)
            pins = code, new
        elif code is not None or new is not None:
            raise InvalidArgumentError("Both codes are typed on the reader, or none.")
        else:
            self._need_pad(self.can_modify_on_pad)
            if at_stake is PinRole.PUK:
                digits = PUK_PAD_DIGITS
        if at_stake not in self._tries:
            self.pin_info(at_stake)
        self._return_to_application()
        try:
            self._send(ins, role, at_stake, pins, digits)
        finally:
            # Each such command requires a new reading.
            self._tries.pop(at_stake, None)

    def _send(
        self,
        ins: int,
        role: PinRole,
        at_stake: PinRole,
        pins: tuple[bytearray, ...],
        digits: range,
    ) -> None:
        """Send a command once, without ``pins`` through the PIN pad; handle its status.

        The tries left of ``at_stake`` have been read.
        """
        # Until the card has responded, the number of tries left is unknown.
        tries = self._tries.pop(at_stake)
        self._tries.pop(role, None)
        if tries == 0:
            raise _blocked(at_stake, SW.BLOCKED)
        self.pin_sent = True
        try:
            status = self._present(ins, role, pins, digits)
        except CardResetError as error:
            raise CardResetAtPinError(str(error)) from error
        except PinNotEnteredError:  # the reader refuses its PIN pad
            self._check_refusal(ins, at_stake, tries)
            raise
        if not pins and status in NOT_ENTERED:
            self._tries[at_stake] = tries
            raise PinNotEnteredError(NOT_ENTERED[status], status_word=status)
        if status == SW.OK:
            # At least so many: a right PIN restores the tries that wrong ones have
            # cost.
            self._tries[at_stake] = tries
            return
        if status == SW.WRONG_DATA and ins != INS_VERIFY:
            raise NewPinRefusedError(
                f"The card refused the new {role.name}.", status_word=status
            )
        self._refuse(ins, at_stake, status, tries)

    def _check_refusal(self, ins: int, at_stake: PinRole, tries: int) -> None:
        """Leave the PIN pad unused, unless the card has counted a wrong PIN after all.

        Raises ``WrongPinError`` and the like then, and what ``pin_info`` raises. The
        reader may have reset the card, or verified a PIN without saying so.
        """
        self._select_application()
        left = self.pin_info(at_stake).tries_left
        if left < tries:
            self._refuse(ins, at_stake, SW.TRIES_LEFT | left, tries)
        self.leave_pad_unused(*(PadUse if ins == INS_VERIFY else (PadUse.MODIFY,)))

    def _present(
        self, ins: int, role: PinRole, pins: tuple[bytearray, ...], digits: range
    ) -> int:
        size = _STORED_PIN if ins == INS_VERIFY else 2 * _STORED_PIN
        command = bytearray([0x00, ins, 0x00, role.value, size])
        if not pins:
            template = bytes(command) + bytes(size)
            pad = self._need_pad(True)
            use = pad.verify if ins == INS_VERIFY else pad.modify
            return use(template, digits.start, digits.stop - 1)
        apdu = bytearray(len(command) + size)  # a resize would leave a copy
        apdu[: len(command)] = command
        for number, pin in enumerate(pins):
            start = len(command) + number * _STORED_PIN
            apdu[start : start + len(pin)] = pin
        return self._channel.send_secret(apdu)

    def _need_pad(self, able: bool) -> PinPad:
        if self._pin_pad is None or not able:
            raise InvalidArgumentError("The reader has no pin pad for that.")
        return self._pin_pad

    def _refuse(self, ins: int, at_stake: PinRole, status: int, tries: int) -> NoReturn:
        """Raise the error for a rejected code; ``tries`` were left before."""
        left = tries - 1 if status == SW.VERIFICATION_FAILED else tries_in(status)
        if left == 0 or status == SW.BLOCKED:
            self._tries[at_stake] = 0
            raise _blocked(at_stake, status)
        if left is not None:
            self._tries[at_stake] = left
            raise (
                WrongPukError(left) if at_stake is PinRole.PUK else WrongPinError(left)
            )
        if status == SW.INVALIDATED and at_stake is not PinRole.PUK:
            raise CardNotActivatedError(
                f"{at_stake.name} has not been activated.", status_word=status
            )
        raise CardError(
            f"The card answered {status:04X} to {_COMMANDS[ins]}.", status_word=status
        )

    # -- Tries ------------------------------------------------------------------------

    def _read_info(self, role: PinRole) -> PinInfo | None:
        data, status = self._channel.exchange(info_command(role))
        if status != SW.OK:
            return None
        try:
            answer = Tlv.parse(data)
            tries = answer.value_at(_TAG_TRIES)[:1]
            if answer.tag != _TAG_PIN_INFO or not tries or tries[0] > _MAX_TRIES:
                return None
            if answer.value_at(_TAG_PIN_REFERENCE) != bytes([role.value]):
                return None
            return PinInfo(tries[0], _CHANGED.get(answer.value_at(_TAG_CHANGED)))
        except TlvError:
            return None

    def _read_status(self, role: PinRole) -> PinInfo | None:
        """Send VERIFY without a PIN, which costs no try.

        It does not report whether the PIN was ever changed, and does not work for a
        PUK.
        """
        if role is PinRole.PUK:
            return None
        logger.info(
            "The card gives no information on %s; its status is asked.", role.name
        )
        _, status = self._channel.exchange(Command(INS_VERIFY, 0x00, role.value))
        tries = 0 if status == SW.BLOCKED else tries_in(status)
        return None if tries is None else PinInfo(tries, None)


def info_command(role: PinRole) -> Command:
    """Return the command that asks for PIN info and spends no try."""
    question = Tlv(_TAG_PIN_INFO, Tlv(_TAG_PIN_REFERENCE, bytes([role.value])))
    return Command(INS_GET_DATA, 0x00, 0xFF, question, le=256)


def _check(name: str, pin: bytearray, digits: range) -> None:
    if len(pin) not in digits or not pin.isdigit():
        raise InvalidArgumentError(
            f"{name} has {digits.start} to {digits.stop - 1} digits."
        )


def _blocked(role: PinRole, status: int) -> CardError:
    if role is PinRole.PUK:
        return PukBlockedError("The PUK has no tries left.", status_word=status)
    return PinBlockedError(f"{role.name} has no tries left.", status_word=status)
