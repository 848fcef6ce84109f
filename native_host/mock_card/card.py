# SPDX-License-Identifier: MIT
"""The mock card's operating system: command APDUs in, answers out (card.md, Commands).

What card.md does not know, ISO/IEC 7816-4 decides. Where that is open the mock is the
stricter one, so that a program which gets along with it does a real card no harm.
"""

import hmac
import logging
import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .authority import PrivateKey, load_private_key
from .profiles import (
    APPLICATION,
    ISSUING_CA_FILE,
    MASTER_FILE,
    ROOT_CA_FILE,
    TOKEN_INFO_FILE,
    KeySlot,
    PinReference,
)
from .state import MAX_TRIES, CardData, MockCardBroken, MockCardState, PinData

__all__ = ["SW", "MockCard", "Style"]

logger = logging.getLogger(__name__)

_READ_SIZE = 181  # what real cards return at a time for Le=00
_PIN_SIZE = 12  # stored length: PINs are padded to it with 00
_STORED_PIN = re.compile(rb"([0-9]{1,12})\x00*")

# The shortest new PIN that the card itself accepts; PUKs are not set by commands.
_SHORTEST = {PinReference.PIN1: 4, PinReference.PIN2: 6}

# MSE's algorithm byte: hash in the high nibble, scheme in the low one.
_HASHES: dict[int, hashes.HashAlgorithm] = {
    3: hashes.SHA224(),
    4: hashes.SHA256(),
    5: hashes.SHA384(),
    6: hashes.SHA512(),
}
_SHA1 = 1
_PKCS1, _ECDSA, _PSS = 2, 4, 5

_APPLICATION_DF = -1  # stands for the application in paths; no file id can be that


@unique
class SW(IntEnum):
    """The status words that the mock card gives (61xx, 63Cx, 6Cxx: the base)."""

    OK = 0x9000
    MORE_DATA = 0x6100
    END_OF_FILE = 0x6282
    WRONG_PIN = 0x63C0
    WRONG_LENGTH = 0x6700
    PIN_NOT_VERIFIED = 0x6982
    BLOCKED = 0x6983
    WRONG_ORDER = 0x6985
    NOT_ALLOWED = 0x6986
    WRONG_DATA = 0x6A80
    NO_FILE = 0x6A82
    WRONG_P1_P2 = 0x6A86
    NO_REFERENCE = 0x6A88
    WRONG_OFFSET = 0x6B00
    WRONG_LE = 0x6C00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00


class Style(StrEnum):
    """How answers to commands that carry data come: with the status, or fetched.

    Real readers differ in it. ``FETCHED`` is T=0 as a plain reader passes it up: 61xx
    first, then the answer to GET RESPONSE.
    """

    DIRECT = "direct"
    FETCHED = "fetched"


class _Refused(Exception):
    """Ends a command with a status word; it never leaves the card."""

    def __init__(self, status_word: int) -> None:
        super().__init__(f"{status_word:04X}")
        self.status_word = status_word


@dataclass(frozen=True)
class _Command:
    """A command APDU. ``le`` is 1 to 256, or None where the field is absent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    le: int | None

    @classmethod
    def parse(cls, apdu: bytes) -> Self:
        """Take apart a short APDU (ISO/IEC 7816-4 §5.2); extended ones are refused."""
        if len(apdu) < 4:
            raise _Refused(SW.WRONG_LENGTH)
        body = apdu[4:]
        data, rest = b"", body
        if len(body) > 1:
            data, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
            if not data or len(data) < body[0] or len(rest) > 1:
                raise _Refused(SW.WRONG_LENGTH)
        le = (rest[0] or 256) if rest else None
        return cls(apdu[0], apdu[1], apdu[2], apdu[3], data, le)

    @property
    def p1_p2(self) -> int:
        return self.p1 << 8 | self.p2


class MockCard:
    """A powered FINEID card over a state folder, for one connection at a time.

    What a reset forgets (selected files, verified PINs, the security environment)
    belongs to the object; PINs and tries are the folder's, and as fresh as the command
    that asks for them. Raises ``MockCardBroken`` when the folder can't be used.
    """

    def __init__(
        self, state: MockCardState, *, style: Style | str = Style.DIRECT
    ) -> None:
        data = state.read()
        self.profile = state.profile
        self._state = state
        self._style = Style(style)
        self._keys = {
            slot.reference: (slot, _load_key(state, index, data))
            for index, slot in enumerate(self.profile.keys)
        }
        self._files = _files(state, data)
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

    def reset(self) -> None:
        """Forget all that does not outlive the power."""
        self._directory: tuple[int, ...] = ()
        self._file: bytes | None = None
        self._verified: set[PinReference] = set()
        self._response = b""
        self._forget_environment()

    def transmit(self, apdu: bytes) -> bytes:
        """Answer a command APDU: data, then the status word in two bytes."""
        try:
            command = _Command.parse(apdu)
            answer = self._dispatch(command)
        except _Refused as refused:
            answer = refused.status_word.to_bytes(2)
        # The header and the status word alone: commands and answers may hold secrets.
        logger.debug("%s -> %s", apdu[:4].hex(), answer[-2:].hex())
        return answer

    def _dispatch(self, command: _Command) -> bytes:
        if command.ins != 0xC0:
            self._response = b""
        if command.cla != 0x00:
            raise _Refused(SW.UNKNOWN_CLA)
        handler = self._commands.get(command.ins)
        outside = command.ins in {0xA4, 0xB0, 0xC0}
        if handler is None or not (outside or self._in_application):
            raise _Refused(SW.UNKNOWN_INS)
        return handler(command)

    @property
    def _in_application(self) -> bool:
        return self._directory[:1] == (_APPLICATION_DF,)

    def _forget_environment(self) -> None:
        self._slot: KeySlot | None = None
        self._algorithm = 0
        self._digest: bytes | None = None

    # -- Answers ----------------------------------------------------------------------

    def _deliver(self, command: _Command, data: bytes) -> bytes:
        """Give an answer whose length the card alone decides."""
        exact = not command.data and command.le == len(data) < 256
        if self._style is Style.FETCHED and not exact:
            self._response = data
            return _more(data)
        if command.le not in {None, 256, len(data)}:
            raise _Refused(SW.WRONG_LE | len(data))
        return self._send(data, 256)

    def _send(self, data: bytes, le: int) -> bytes:
        self._response = data[le:]
        return data[:le] + (_more(self._response) if data[le:] else _status(SW.OK))

    def _get_response(self, command: _Command) -> bytes:
        if command.p1_p2 or command.data:
            raise _Refused(SW.WRONG_P1_P2 if command.p1_p2 else SW.WRONG_LENGTH)
        if not self._response:
            raise _Refused(SW.WRONG_ORDER)
        le, left = command.le or 256, len(self._response)
        if left < le < 256:
            raise _Refused(SW.WRONG_LE | left)
        return self._send(self._response, le)

    # -- Files ------------------------------------------------------------------------

    def _select(self, command: _Command) -> bytes:
        if command.p2 not in {0x04, 0x0C}:
            raise _Refused(SW.WRONG_P1_P2)
        path = self._target(command)
        content = self._files.get(path)
        is_directory = any(known[: len(path)] == path for known in self._files)
        if content is None and not is_directory:
            raise _Refused(SW.NO_FILE)
        self._file = content
        self._enter(path if content is None else path[:-1])
        if command.p1 == 0x04:
            self._verified.clear()
            self._forget_environment()
        if command.p2 == 0x0C:
            return _status(SW.OK)
        if content is None:
            return self._deliver(command, bytes.fromhex("6203820138"))
        return self._deliver(
            command, bytes.fromhex("62048102") + len(content).to_bytes(2)
        )

    def _target(self, command: _Command) -> tuple[int, ...]:
        """Return the path that a SELECT asks for, from the master file."""
        if command.p1 == 0x04:
            if command.data != APPLICATION:
                raise _Refused(SW.NO_FILE)
            return (_APPLICATION_DF,)
        if len(command.data) % 2 or not command.data:
            raise _Refused(SW.WRONG_LENGTH)
        pairs = zip(command.data[::2], command.data[1::2], strict=True)
        ids = tuple(high << 8 | low for high, low in pairs)
        match command.p1:
            case 0x08 if self._in_application:
                return (_APPLICATION_DF, *ids)
            case 0x08:
                raise _Refused(SW.NO_FILE)
            case 0x00 if ids == (MASTER_FILE,):
                return ()
            case 0x00 | 0x02 if len(ids) == 1:
                return (*self._directory, *ids)
            case 0x00 | 0x02:
                raise _Refused(SW.WRONG_LENGTH)
        raise _Refused(SW.WRONG_P1_P2)

    def _enter(self, directory: tuple[int, ...]) -> None:
        self._directory = directory
        if not self._in_application:
            # PIN1 is global; what is local to the application is left behind with it.
            self._verified &= {PinReference.PIN1}
            self._forget_environment()

    def _read_binary(self, command: _Command) -> bytes:
        if command.data:
            raise _Refused(SW.WRONG_LENGTH)
        if command.p1 & 0x80:
            raise _Refused(SW.WRONG_OFFSET)  # short file ids are not known
        if self._file is None:
            raise _Refused(SW.NOT_ALLOWED)
        rest = self._file[command.p1_p2 :]
        le = command.le or 256
        if not rest:
            raise _Refused(SW.END_OF_FILE)
        if len(rest) < le < 256:
            raise _Refused(SW.WRONG_LE | len(rest))
        return rest[: min(le, _READ_SIZE)] + _status(SW.OK)

    # -- PINs -------------------------------------------------------------------------

    def _get_data(self, command: _Command) -> bytes:
        """PIN information, which costs nothing."""
        if command.p1_p2 != 0x00FF:
            raise _Refused(SW.WRONG_P1_P2)
        if len(command.data) != 5 or command.data[:4] != bytes.fromhex("A0038301"):
            raise _Refused(SW.WRONG_DATA)
        reference = _pin_reference(command.data[4])
        pin = self._state.read().pin(reference)
        return self._deliver(
            command,
            bytes.fromhex("A0238301")
            + bytes((reference,))
            + bytes.fromhex("8C04F00000009C04F0000000DF2104")
            + bytes((pin.tries,))
            + bytes.fromhex("FFA503DF2702FFFFDF28010CDF2F01")
            + bytes((pin.changed,)),
        )

    def _verify(self, command: _Command) -> bytes:
        if command.p1:
            raise _Refused(SW.WRONG_P1_P2)
        reference = _pin_reference(command.p2)
        if not command.data:
            pin = self._state.read().pin(reference)
            if pin.tries and reference in self._verified:
                return _status(SW.OK)
            raise _Refused(SW.WRONG_PIN | pin.tries if pin.tries else SW.BLOCKED)
        sent = _digits(command.data)
        self._verified.discard(reference)
        with self._state.update() as data:
            status_word = _try_pin(data.pin(reference), sent)
        if status_word == SW.OK:
            self._verified.add(reference)
        return _status(status_word)

    def _change_reference_data(self, command: _Command) -> bytes:
        reference, old, new = _two_pins(command)
        self._verified.discard(reference)
        with self._state.update() as data:
            pin = data.pin(reference)
            status_word = _try_pin(pin, old)
            if status_word == SW.OK:
                pin.value, pin.changed = new.decode("ascii"), True
        return _status(status_word)

    def _reset_retry_counter(self, command: _Command) -> bytes:
        reference, puk, new = _two_pins(command)
        with self._state.update() as data:
            status_word = _try_pin(data.puk, puk)
            if status_word == SW.OK:
                pin = data.pin(reference)
                pin.value, pin.changed = new.decode("ascii"), True
                pin.tries = MAX_TRIES
                self._verified.discard(reference)
        return _status(status_word)

    # -- Signatures -------------------------------------------------------------------

    def _manage_security_environment(self, command: _Command) -> bytes:
        if command.p1_p2 != 0x41B6:
            raise _Refused(SW.WRONG_P1_P2)
        data = command.data
        if len(data) != 6 or data[:2] != b"\x80\x01" or data[3:5] != b"\x84\x01":
            raise _Refused(SW.WRONG_DATA)
        algorithm, reference = data[2], data[5]
        if reference not in self._keys:
            raise _Refused(SW.NO_REFERENCE)
        if algorithm >> 4 == _SHA1:
            raise _Refused(SW.NOT_ALLOWED)
        slot, key = self._keys[reference]
        schemes = {_PKCS1, _PSS} if isinstance(key, RSAPrivateKey) else {_ECDSA}
        if algorithm >> 4 not in _HASHES or algorithm & 0x0F not in schemes:
            raise _Refused(SW.WRONG_DATA)
        self._slot, self._algorithm, self._digest = slot, algorithm, None
        return _status(SW.OK)

    def _perform_security_operation(self, command: _Command) -> bytes:
        match command.p1_p2:
            case 0x90A0:
                return self._hash(command)
            case 0x9E9A:
                return self._sign(command)
        raise _Refused(SW.WRONG_P1_P2)

    def _hash(self, command: _Command) -> bytes:
        if self._slot is None:
            raise _Refused(SW.WRONG_ORDER)
        size = _HASHES[self._algorithm >> 4].digest_size
        if command.data[:2] != bytes((0x90, size)) or len(command.data) != 2 + size:
            raise _Refused(SW.WRONG_DATA)
        self._digest = command.data[2:]
        return _status(SW.OK)

    def _sign(self, command: _Command) -> bytes:
        if command.data:
            raise _Refused(SW.WRONG_LENGTH)
        if self._slot is None or self._digest is None:
            raise _Refused(SW.WRONG_ORDER)
        if self._slot.pin not in self._verified:
            raise _Refused(SW.PIN_NOT_VERIFIED)
        signature = _signature(
            self._keys[self._slot.reference][1], self._algorithm, self._digest
        )
        # A wrong Le is noticed when the signature is there: it is made and paid for,
        # which is why the command is never sent again.
        self._digest = None
        if self._slot.pin is PinReference.PIN2:
            self._verified.discard(PinReference.PIN2)
        le = command.le or 256
        if le != min(len(signature), 256):
            raise _Refused(SW.WRONG_LE | len(signature) % 256)
        return self._deliver(command, signature)


def _status(status_word: int) -> bytes:
    return status_word.to_bytes(2)


def _more(response: bytes) -> bytes:
    return _status(SW.MORE_DATA | (len(response) if len(response) < 256 else 0))


def _pin_reference(value: int) -> PinReference:
    try:
        return PinReference(value)
    except ValueError:
        raise _Refused(SW.NO_REFERENCE) from None


def _digits(stored: bytes) -> bytes:
    """Return the digits of a PIN that is padded with 00 to twelve bytes."""
    match = _STORED_PIN.fullmatch(stored)
    if match is None or len(stored) != _PIN_SIZE:
        raise _Refused(SW.WRONG_DATA)
    return match[1]


def _two_pins(command: _Command) -> tuple[PinReference, bytes, bytes]:
    """Take apart CHANGE REFERENCE DATA or RESET RETRY COUNTER, before any try."""
    if command.p1:
        raise _Refused(SW.WRONG_P1_P2)
    reference = _pin_reference(command.p2)
    if reference not in _SHORTEST:
        raise _Refused(SW.NO_REFERENCE)
    if len(command.data) != 2 * _PIN_SIZE:
        raise _Refused(SW.WRONG_LENGTH)
    old, new = _digits(command.data[:_PIN_SIZE]), _digits(command.data[_PIN_SIZE:])
    if len(new) < _SHORTEST[reference]:
        raise _Refused(SW.WRONG_DATA)
    return reference, old, new


def _try_pin(pin: PinData, sent: bytes) -> int:
    """Compare a PIN, move its counter and return the status word."""
    if not pin.tries:
        return SW.BLOCKED
    if hmac.compare_digest(pin.value.encode("ascii"), sent):
        pin.tries = MAX_TRIES
        return SW.OK
    pin.tries -= 1
    return SW.WRONG_PIN | pin.tries


def _signature(key: PrivateKey, algorithm: int, digest: bytes) -> bytes:
    """Sign a digest: RSA as it is, ECDSA as raw r‖s."""
    hash_algorithm = _HASHES[algorithm >> 4]
    prehashed = utils.Prehashed(hash_algorithm)
    if isinstance(key, RSAPrivateKey):
        if algorithm & 0x0F == _PKCS1:
            return key.sign(digest, padding.PKCS1v15(), prehashed)
        mask = padding.MGF1(hash_algorithm)
        return key.sign(
            digest, padding.PSS(mask, hash_algorithm.digest_size), prehashed
        )
    r, s = utils.decode_dss_signature(key.sign(digest, ec.ECDSA(prehashed)))
    size = (key.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def _load_key(state: MockCardState, index: int, data: CardData) -> PrivateKey:
    """Load a key and see that its certificate is this key's."""
    where = f"{state.folder / 'card.json'}: keys.{index}"
    try:
        key = load_private_key(data.keys[index].private_key)
    except (ValueError, TypeError):
        raise MockCardBroken(f"{where}.private_key is not a key.") from None
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if public not in data.keys[index].certificate:
        raise MockCardBroken(f"{where}.certificate is not of the private key.")
    return key


def _files(state: MockCardState, data: CardData) -> dict[tuple[int, ...], bytes]:
    """The card's files by their paths; what stands before another is a directory."""
    files = {
        (ROOT_CA_FILE,): state.read_file("root.der"),
        (ISSUING_CA_FILE,): state.read_file("issuing.der"),
        (_APPLICATION_DF, TOKEN_INFO_FILE): _token_info(data.serial),
    }
    for slot, key in zip(state.profile.keys, data.keys, strict=True):
        files[(_APPLICATION_DF, *slot.certificate_path)] = key.certificate
    return files


def _token_info(serial: str) -> bytes:
    """EF.TokenInfo (PKCS#15 §6.9): version 0, serial number, flags."""
    content = b"\x02\x01\x00\x04" + bytes((len(serial),)) + serial.encode("ascii")
    content += bytes.fromhex("03020410")
    return b"\x30" + bytes((len(content),)) + content
