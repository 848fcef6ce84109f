# SPDX-License-Identifier: MIT
"""The mock card's operating system: it executes command APDUs.

It follows docs/reference/card.md, "Commands", and otherwise ISO/IEC 7816-4. If both
leave a choice the mock is strict, so that a program that works with it is safe with a
real card.
"""

import hmac
import logging
import re
from dataclasses import replace

from kortilla.mock_card.apdu import (
    SW,
    Command,
    StatusWordError,
    Style,
    more_data,
    status,
)
from kortilla.mock_card.card_data import MAX_TRIES, PinData
from kortilla.mock_card.card_files import APPLICATION_DF, card_files, card_keys
from kortilla.mock_card.keys import (
    AGREEMENT,
    check_algorithm,
    check_decipherment,
    decipher,
    digest_size,
    sign_by_algorithm,
    signature_size,
)
from kortilla.mock_card.profiles import (
    APPLICATION,
    MASTER_FILE,
    PROFILES,
    KeySlot,
    PinReference,
)
from kortilla.mock_card.state import MockCardState

logger = logging.getLogger(__name__)

_READ_SIZE = 181  # what real cards return at a time for Le=00
_PIN_SIZE = 12  # stored length: PINs are padded to it with 00
_CHAINED = 0x10  # CLA of a command whose data go on in the next (ISO/IEC 7816-4 §5.3.3)
_MAX_CHAIN = 1024  # bytes
_DECIPHER = 0x8086
_STORED_PIN = re.compile(rb"([0-9]{1,12})\x00*")

# The shortest new PIN that the card itself accepts; PUKs are not set by commands.
_SHORTEST = {PinReference.PIN1: 4, PinReference.PIN2: 6}


class MockCard:
    """A powered FINEID card over a state folder, for one connection at a time.

    The object holds the volatile state that a reset clears: selected files, verified
    PINs, the security environment. PINs and tries are read from the folder at each
    command. Raises ``MockCardBrokenError`` if the folder can't be used.
    """

    #: Whether the card is on the contactless side of its reader.
    contactless = False

    spoils_padding = False

    def __init__(
        self, state: MockCardState, *, style: Style | str = Style.DIRECT
    ) -> None:
        data = state.read()
        self.profile = PROFILES[data.profile]
        self.state = state
        self.style = Style(style)
        self._keys = card_keys(state, data)
        self._files = card_files(state, data)
        self._takes_template = data.key_agreement == "template"
        self._commands = {
            0xA4: self._select,
            0xB0: self._read_binary,
            0xC0: self._get_response,
            0xCB: self._get_data,
            0x20: self._verify,
            0x24: self._change_reference_data,
            0x2C: self._reset_retry_counter,
            0x22: self._manage_security_environment,
            0x2A: self._perform_security_operation,
        }
        self.reset()

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self.profile.atr

    @property
    def signature_size(self) -> int:
        """The length in bytes of a signature with the chosen key; 0 without one."""
        if self._slot is None:
            return 0
        return signature_size(self._keys[self._slot.reference][1])

    def reset(self) -> None:
        """Clear the volatile state."""
        self._directory: tuple[int, ...] = ()
        self._file: bytes | None = None
        self._verified: set[PinReference] = set()
        self._response = b""
        self._chain = b""
        self._forget_environment()

    def transmit(self, apdu: bytes) -> bytes:
        """Respond to a command APDU: data, then the status word in two bytes."""
        try:
            command = Command.parse(apdu)
            answer = self._dispatch(command)
        except StatusWordError as refused:
            answer = refused.status_word.to_bytes(2)
        # Only the header and the status word: commands and responses may hold secrets.
        logger.debug("%s -> %s", apdu[:4].hex(), answer[-2:].hex())
        return answer

    def _dispatch(self, command: Command) -> bytes:
        if command.ins != 0xC0:
            self._response = b""
        deciphers = command.ins == 0x2A and command.p1_p2 == _DECIPHER
        chain, self._chain = self._chain if deciphers else b"", b""
        if command.cla == _CHAINED and deciphers and self._in_application:
            self._chain = chain + command.data
            if command.le is not None or len(self._chain) > _MAX_CHAIN:
                self._chain = b""
                raise StatusWordError(SW.WRONG_LENGTH)
            return status(SW.OK)
        if command.cla != 0x00:
            raise StatusWordError(SW.UNKNOWN_CLA)
        if deciphers:
            command = replace(command, data=chain + command.data)
        handler = self._commands.get(command.ins)
        outside = command.ins in {0xA4, 0xB0, 0xC0}
        if handler is None or not (outside or self._in_application):
            raise StatusWordError(SW.UNKNOWN_INS)
        return handler(command)

    @property
    def _in_application(self) -> bool:
        return self._directory[:1] == (APPLICATION_DF,)

    def _forget_environment(self) -> None:
        self._slot: KeySlot | None = None
        self._algorithm = 0
        self._deciphers = False
        self._digest: bytes | None = None

    # -- Responses --------------------------------------------------------------------

    def _deliver(self, command: Command, data: bytes) -> bytes:
        """Return a response whose length the card decides."""
        exact = not command.data and command.le == len(data) < 256
        if self.style is Style.FETCHED and not exact:
            self._response = data
            return more_data(data)
        if command.le not in {None, 256, len(data)}:
            raise StatusWordError(SW.WRONG_LE | len(data))
        return self._send(data, 256)

    def _send(self, data: bytes, le: int) -> bytes:
        self._response = data[le:]
        return data[:le] + (more_data(self._response) if data[le:] else status(SW.OK))

    def _get_response(self, command: Command) -> bytes:
        if command.p1_p2 or command.data:
            raise StatusWordError(SW.WRONG_P1_P2 if command.p1_p2 else SW.WRONG_LENGTH)
        if not self._response:
            raise StatusWordError(SW.WRONG_ORDER)
        le, left = command.le or 256, len(self._response)
        if left < le < 256:
            raise StatusWordError(SW.WRONG_LE | left)
        return self._send(self._response, le)

    # -- Files ------------------------------------------------------------------------

    def _select(self, command: Command) -> bytes:
        if command.p2 not in {0x04, 0x0C}:
            raise StatusWordError(SW.WRONG_P1_P2)
        path = self._target(command)
        content = self._files.get(path)
        is_directory = any(known[: len(path)] == path for known in self._files)
        if content is None and not is_directory:
            raise StatusWordError(SW.NO_FILE)
        self._file = content
        self._enter(path if content is None else path[:-1])
        if command.p1 == 0x04:
            self._verified.clear()
            self._forget_environment()
        if command.p2 == 0x0C:
            return status(SW.OK)
        if content is None:
            return self._deliver(command, bytes.fromhex("6203820138"))
        return self._deliver(
            command, bytes.fromhex("62048102") + len(content).to_bytes(2)
        )

    def _target(self, command: Command) -> tuple[int, ...]:
        """Return the path that a SELECT asks for, from the master file."""
        if command.p1 == 0x04:
            if command.data != APPLICATION:
                raise StatusWordError(SW.NO_FILE)
            return (APPLICATION_DF,)
        if len(command.data) % 2 or not command.data:
            raise StatusWordError(SW.WRONG_LENGTH)
        pairs = zip(command.data[::2], command.data[1::2], strict=True)
        ids = tuple(high << 8 | low for high, low in pairs)
        match command.p1:
            case 0x08 if self._in_application:
                return (APPLICATION_DF, *ids)
            case 0x08:
                raise StatusWordError(SW.NO_FILE)
            case 0x00 if ids == (MASTER_FILE,):
                return ()
            case 0x00 | 0x02 if len(ids) == 1:
                return (*self._directory, *ids)
            case 0x00 | 0x02:
                raise StatusWordError(SW.WRONG_LENGTH)
        raise StatusWordError(SW.WRONG_P1_P2)

    def _enter(self, directory: tuple[int, ...]) -> None:
        self._directory = directory
        if not self._in_application:
            # PIN1 is global; verification of PINs local to the application is lost.
            self._verified &= {PinReference.PIN1}
            self._forget_environment()

    def _read_binary(self, command: Command) -> bytes:
        if command.data:
            raise StatusWordError(SW.WRONG_LENGTH)
        if command.p1 & 0x80:
            raise StatusWordError(SW.WRONG_OFFSET)  # short file ids are not known
        if self._file is None:
            raise StatusWordError(SW.NOT_ALLOWED)
        rest = self._file[command.p1_p2 :]
        le = command.le or 256
        if not rest:
            raise StatusWordError(SW.END_OF_FILE)
        if len(rest) < le < 256:
            raise StatusWordError(SW.WRONG_LE | len(rest))
        return rest[: min(le, _READ_SIZE)] + status(SW.OK)

    # -- PINs -------------------------------------------------------------------------

    def _get_data(self, command: Command) -> bytes:
        """PIN information, which costs nothing."""
        if command.p1_p2 != 0x00FF:
            raise StatusWordError(SW.WRONG_P1_P2)
        if len(command.data) != 5 or command.data[:4] != bytes.fromhex("A0038301"):
            raise StatusWordError(SW.WRONG_DATA)
        reference = _pin_reference(command.data[4])
        pin = self.state.read().pin(reference)
        told = (
            f"A0238301{reference:02X}8C04F00000009C04F0000000DF2104{pin.tries:02X}"
            f"FFA503DF2702FFFFDF28010CDF2F01{pin.changed:02X}"
        )
        return self._deliver(command, bytes.fromhex(told))

    def _verify(self, command: Command) -> bytes:
        if command.p1:
            raise StatusWordError(SW.WRONG_P1_P2)
        reference = _pin_reference(command.p2)
        if not command.data:
            pin = self.state.read().pin(reference)
            if pin.tries and reference in self._verified:
                return status(SW.OK)
            raise StatusWordError(SW.WRONG_PIN | pin.tries if pin.tries else SW.BLOCKED)
        sent = _digits(command.data)
        self._verified.discard(reference)
        with self.state.update() as data:
            status_word = _try_pin(data.pin(reference), sent)
        if status_word == SW.OK:
            self._verified.add(reference)
        return status(status_word)

    def _change_reference_data(self, command: Command) -> bytes:
        reference, old, new = _two_pins(command)
        self._verified.discard(reference)
        with self.state.update() as data:
            pin = data.pin(reference)
            status_word = _try_pin(pin, old)
            if status_word == SW.OK:
                pin.value, pin.changed = new.decode("ascii"), True
        return status(status_word)

    def _reset_retry_counter(self, command: Command) -> bytes:
        reference, puk, new = _two_pins(command)
        with self.state.update() as data:
            status_word = _try_pin(data.puk, puk)
            if status_word == SW.OK:
                pin = data.pin(reference)
                pin.value, pin.changed = new.decode("ascii"), True
                pin.tries = MAX_TRIES
                self._verified.discard(reference)
        return status(status_word)

    # -- Signatures and decryption ----------------------------------------------------

    def _manage_security_environment(self, command: Command) -> bytes:
        if command.p1_p2 not in {0x41B6, 0x41B8}:
            raise StatusWordError(SW.WRONG_P1_P2)
        deciphers = command.p1_p2 == 0x41B8
        data = command.data
        if deciphers and data[:1] == b"\x84":
            data = bytes((0x80, 0x01, AGREEMENT)) + data
        if len(data) != 6 or data[:2] != b"\x80\x01" or data[3:5] != b"\x84\x01":
            raise StatusWordError(SW.WRONG_DATA)
        algorithm, reference = data[2], data[5]
        if reference not in self._keys:
            raise StatusWordError(SW.NO_REFERENCE)
        slot, key = self._keys[reference]
        if not deciphers:
            check_algorithm(key, algorithm)
        elif slot.pin is not PinReference.PIN1:
            raise StatusWordError(SW.NOT_ALLOWED)
        else:
            check_decipherment(key, algorithm)
        self._slot, self._algorithm, self._digest = slot, algorithm, None
        self._deciphers = deciphers
        return status(SW.OK)

    def _perform_security_operation(self, command: Command) -> bytes:
        match command.p1_p2:
            case 0x90A0:
                return self._hash(command)
            case 0x9E9A:
                return self._sign(command)
            case 0x8086:
                return self._decipher(command)
        raise StatusWordError(SW.WRONG_P1_P2)

    def _hash(self, command: Command) -> bytes:
        if self._slot is None or self._deciphers:
            raise StatusWordError(SW.WRONG_ORDER)
        size = digest_size(self._algorithm)
        if command.data[:2] != bytes((0x90, size)) or len(command.data) != 2 + size:
            raise StatusWordError(SW.WRONG_DATA)
        self._digest = command.data[2:]
        return status(SW.OK)

    def _sign(self, command: Command) -> bytes:
        if command.data:
            raise StatusWordError(SW.WRONG_LENGTH)
        if self._slot is None or self._digest is None:
            raise StatusWordError(SW.WRONG_ORDER)
        if self._slot.pin not in self._verified:
            raise StatusWordError(SW.PIN_NOT_VERIFIED)
        signature = sign_by_algorithm(
            self._keys[self._slot.reference][1], self._algorithm, self._digest
        )
        # The card notices a wrong Le after it has made the signature, which has used
        # PIN2 up. So the host never repeats the command.
        self._digest = None
        if self._slot.pin is PinReference.PIN2:
            self._verified.discard(PinReference.PIN2)
        if command.le not in {None, 256, len(signature)}:
            raise StatusWordError(SW.WRONG_LE | len(signature) % 256)
        return self._deliver(command, signature)

    def _decipher(self, command: Command) -> bytes:
        if self._slot is None or not self._deciphers:
            raise StatusWordError(SW.WRONG_ORDER)
        if self._slot.pin not in self._verified:
            raise StatusWordError(SW.PIN_NOT_VERIFIED)
        plaintext = decipher(
            self._keys[self._slot.reference][1],
            self._algorithm,
            command.data,
            template=self._takes_template,
        )
        return self._deliver(command, plaintext)


def _pin_reference(value: int) -> PinReference:
    try:
        return PinReference(value)
    except ValueError:
        raise StatusWordError(SW.NO_REFERENCE) from None


def _digits(stored: bytes) -> bytes:
    """Return the digits of a PIN that is padded with 00 to twelve bytes."""
    match = _STORED_PIN.fullmatch(stored)
    if match is None or len(stored) != _PIN_SIZE:
        raise StatusWordError(SW.WRONG_DATA)
    return match[1]


def _two_pins(command: Command) -> tuple[PinReference, bytes, bytes]:
    """Parse CHANGE REFERENCE DATA or RESET RETRY COUNTER, before a try can be lost."""
    if command.p1:
        raise StatusWordError(SW.WRONG_P1_P2)
    reference = _pin_reference(command.p2)
    if reference not in _SHORTEST:
        raise StatusWordError(SW.NO_REFERENCE)
    if len(command.data) != 2 * _PIN_SIZE:
        raise StatusWordError(SW.WRONG_LENGTH)
    old, new = _digits(command.data[:_PIN_SIZE]), _digits(command.data[_PIN_SIZE:])
    if len(new) < _SHORTEST[reference]:
        raise StatusWordError(SW.WRONG_DATA)
    return reference, old, new


def _try_pin(pin: PinData, sent: bytes) -> int:
    """Compare a PIN, update its retry counter and return the status word."""
    if not pin.tries:
        return SW.BLOCKED
    if hmac.compare_digest(pin.value.encode("ascii"), sent):
        pin.tries = MAX_TRIES
        return SW.OK
    pin.tries -= 1
    return SW.WRONG_PIN | pin.tries
