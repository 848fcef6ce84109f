# SPDX-License-Identifier: MIT
"""The mock card's contactless side: PACE with the CAN, then secure messaging.

It is written after ICAO 9303-11 §4.4 and §9.8, with textbook arithmetic and nothing of
the host's, so that an error of one side is noticed. It protects no secret from a
measurement of time. Real cards' delays after wrong CANs are not known in detail.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from kortilla.mock_card.apdu import (
    SW,
    Command,
    StatusWordError,
    more_data,
    status,
)
from kortilla.mock_card.ber import encode
from kortilla.mock_card.card import MockCard
from kortilla.mock_card.profiles import CARD_ACCESS_FILE, MASTER_FILE
from kortilla.mock_card.state import MockCardState

# brainpoolP384r1 (RFC 5639 §3.6).
_P = int(
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123"
    "ACD3A729901D1A71874700133107EC53",
    16,
)
_A = int(
    "7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F"
    "8AA5814A503AD4EB04A8C7DD22CE2826",
    16,
)
_B = int(
    "04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D5"
    "7CB4390295DBC9943AB78696FA504C11",
    16,
)
_Q = int(
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7"
    "CF3AB6AF6B7FC3103B883202E9046565",
    16,
)
_SIZE = 48  # bytes of a coordinate

_PROTOCOL = bytes.fromhex("04007F00070202040204")  # PACE-ECDH-GM-AES-CBC-CMAC-256
_CHIP_MAPPING = bytes.fromhex("04007F00070202040604")
_NUMBER = 0x10  # of the domain parameters
_BLOCK = 16

_LONGEST_ANSWER = 256  # bytes
_LONGEST_DELAY = 45.0  # seconds


class _Point(NamedTuple):
    x: int
    y: int


_G = _Point(
    int(
        "1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8"
        "E826E03436D646AAEF87B2E247D4AF1E",
        16,
    ),
    int(
        "8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF9912928"
        "0E4646217791811142820341263C5315",
        16,
    ),
)


def _multiply(factor: int, point: _Point) -> _Point:
    """Return a multiple of a point, computed in Jacobian coordinates."""
    x, y, z = 0, 1, 0
    for bit in f"{factor:b}":
        square, slope = y * y, 3 * x * x + _A * z**4
        middle = 4 * x * square % _P
        z = 2 * y * z % _P
        x = (slope * slope - 2 * middle) % _P
        y = (slope * (middle - x) - 8 * square * square) % _P
        if bit == "0":
            continue
        if z == 0:
            x, y, z = *point, 1
            continue
        step = (point.x * z * z - x) % _P
        rise = (point.y * z**3 - y) % _P
        square, cube = step * step % _P, step**3 % _P
        middle = x * square
        x = (rise * rise - cube - 2 * middle) % _P
        y = (rise * (middle - x) - y * cube) % _P
        z = z * step % _P
    if z == 0:
        raise StatusWordError(SW.WRONG_DATA)
    inverse = pow(z, -1, _P)
    return _Point(x * inverse**2 % _P, y * inverse**3 % _P)


def _add(one: _Point, two: _Point) -> _Point:
    """Return the sum of two different points."""
    slope = (two.y - one.y) * pow(two.x - one.x, -1, _P)
    x = (slope * slope - one.x - two.x) % _P
    return _Point(x, (slope * (one.x - x) - one.y) % _P)


def _encode_point(point: _Point) -> bytes:
    return b"\x04" + point.x.to_bytes(_SIZE) + point.y.to_bytes(_SIZE)


def _decode_point(encoded: bytes) -> _Point:
    x, y = (int.from_bytes(encoded[1 + i * _SIZE :][:_SIZE]) for i in (0, 1))
    on_curve = (y * y - (x * x * x + _A * x + _B)) % _P == 0
    if len(encoded) != 1 + 2 * _SIZE or encoded[0] != 4 or not on_curve:
        raise StatusWordError(SW.WRONG_DATA)
    return _Point(x, y)


def _protocol_info(protocol: bytes) -> bytes:
    return encode(
        0x30,
        encode(0x06, protocol),
        encode(0x02, b"\x02"),
        encode(0x02, bytes([_NUMBER])),
    )


#: EF.CardAccess: both mappings, of which PACE here does the generic one.
CARD_ACCESS = encode(0x31, _protocol_info(_CHIP_MAPPING), _protocol_info(_PROTOCOL))


def contactless_atr(atr: bytes) -> bytes:
    """Return the ATR that PC/SC makes of a card's historical bytes (part 3)."""
    historical = atr[-15:]
    made = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    check = 0
    for byte in made:
        check ^= byte
    return b"\x3b" + made + bytes([check])


def delay_after(wrong_cans: int) -> float:
    """Return the seconds that PACE takes longer after wrong CANs in a row."""
    return min(_LONGEST_DELAY, 2.0 ** (wrong_cans - 1))


def _key(secret: bytes, counter: int) -> bytes:
    return hashlib.sha256(secret + counter.to_bytes(4)).digest()


def _aes(key: bytes, iv: bytes = bytes(_BLOCK)) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _checksum(key: bytes, data: bytes) -> bytes:
    code = CMAC(algorithms.AES(key))
    code.update(data)
    return code.finalize()[:8]


def _pad(data: bytes) -> bytes:
    return data + b"\x80" + bytes(-(len(data) + 1) % _BLOCK)


def _objects(data: bytes) -> dict[int, bytes]:
    """Return the values of data objects with tags of one byte, by tag."""
    found = {}
    while data:
        start, size = 2, data[1] if len(data) > 1 else 0
        if size == 0x81 and len(data) > 2:
            start, size = 3, data[2]
        if len(data) < start + size or data[0] in found:
            raise StatusWordError(SW.WRONG_DATA)
        found[data[0]] = data[start : start + size]
        data = data[start + size :]
    return found


class Channel:
    """Secure messaging, the card's part."""

    def __init__(self, shared: bytes) -> None:
        self.encryption_key, self.checksum_key = _key(shared, 1), _key(shared, 2)
        self._counter = 0

    def open(self, command: Command) -> bytes:
        """Return the plain command. Raises ``StatusWordError`` if it is not genuine."""
        self._counter += 1
        objects = _objects(command.data)
        checksum = objects.pop(0x8E, b"")
        header = bytes((command.cla, command.ins, command.p1, command.p2))
        covered = _pad(header) + command.data[: -2 - len(checksum)]
        wanted = self._checksum(covered)
        tag = 0x85 if command.ins & 1 else 0x87
        if not hmac.compare_digest(checksum, wanted) or objects.keys() - {tag, 0x97}:
            raise StatusWordError(SW.CHANNEL_WRONG)
        plain = bytes((command.cla & ~0x0C,)) + header[1:]
        if tag in objects:
            encrypted = objects[tag] if tag == 0x85 else objects[tag][1:]
            decryptor = self._cipher().decryptor()
            data = decryptor.update(encrypted).rstrip(b"\x00")[:-1]
            plain += bytes([len(data)]) + data
        return plain + objects.get(0x97, b"")

    def protect(self, answer: bytes, *, odd: bool, padded: bool = True) -> bytes:
        """Return a protected answer; with ``padded`` False its padding is wrong."""
        self._counter += 1
        data, end = answer[:-2], answer[-2:]
        objects = b""
        if data:
            filled = _pad(data) if padded else data + bytes(-len(data) % _BLOCK or 16)
            encrypted = self._cipher().encryptor().update(filled)
            objects = encode(0x85, encrypted) if odd else encode(0x87, b"\1", encrypted)
        objects += encode(0x99, end)
        return objects + encode(0x8E, self._checksum(objects)) + end

    def _cipher(self) -> Cipher[modes.CBC]:
        counter = self._counter.to_bytes(_BLOCK)
        return _aes(
            self.encryption_key, _aes(self.encryption_key).encryptor().update(counter)
        )

    def _checksum(self, data: bytes) -> bytes:
        return _checksum(self.checksum_key, _pad(self._counter.to_bytes(_BLOCK) + data))


class ContactlessCard(MockCard):
    """A mock card on a contactless reader.

    Before PACE it answers 6982 to everything but the reading of EF.CardAccess. After
    it, a plain command, a wrong checksum or the selection of the master file ends the
    channel; then only a reset helps. ``wait`` gets the seconds of the delay before PACE
    after wrong CANs; without it, nobody waits.
    """

    contactless = True

    def __init__(
        self, state: MockCardState, *, wait: Callable[[float], object] | None = None
    ) -> None:
        super().__init__(state)
        self._files[(CARD_ACCESS_FILE,)] = CARD_ACCESS
        self._wait = wait
        #: Whether the next answer's padding is wrong.
        self.spoils_padding = False

    @property
    def atr(self) -> bytes:
        """The answer to reset, as PC/SC makes it up."""
        return contactless_atr(super().atr)

    def reset(self) -> None:
        """Clear the volatile state, with the secure channel."""
        super().reset()
        self._channel: Channel | None = None
        self._torn = False
        self._step = -1
        self._generator = self._own = self._theirs = _G
        self._nonce = self._shared = self._rest = b""
        self._private = 0

    def transmit(self, apdu: bytes) -> bytes:
        """Respond to a command APDU: data, then the status word in two bytes."""
        try:
            command = Command.parse(apdu)
            if self._torn:
                raise StatusWordError(SW.CHANNEL_GONE)
            if self._channel is not None:
                return self._protected(self._channel, command)
            if command.ins == 0x86:
                return self._authenticate(command)
            if (command.ins, command.p1_p2) == (0x22, 0xC1A4):
                return self._choose(command)
        except StatusWordError as refused:
            self._step = -1
            return status(refused.status_word)
        file = command.data in {b"\x3f\x00", CARD_ACCESS_FILE.to_bytes(2)}
        selects = command.ins == 0xA4 and command.p1 in {0x00, 0x02} and file
        if selects or (command.ins == 0xB0 and self._file is CARD_ACCESS):
            return super().transmit(apdu)
        return status(SW.PIN_NOT_VERIFIED)

    # -- Secure messaging -------------------------------------------------------------

    def _protected(self, channel: Channel, command: Command) -> bytes:
        try:
            if command.ins == 0xC0 and self._rest:
                return self._next_piece()
            self._rest = b""
            if command.cla & 0x0C != 0x0C:
                raise StatusWordError(SW.PIN_NOT_VERIFIED)
            plain = channel.open(command)
            if (plain[1], plain[5:]) == (0xA4, MASTER_FILE.to_bytes(2)):
                raise StatusWordError(SW.CHANNEL_WRONG)
        except StatusWordError:
            self._torn, self._channel = True, None
            raise
        answer = super().transmit(plain)
        while answer[-2:-1] == b"\x61":
            answer = answer[:-2] + super().transmit(b"\x00\xc0\x00\x00" + answer[-1:])
        padded, self.spoils_padding = not self.spoils_padding, False
        self._rest = channel.protect(answer, odd=bool(command.ins & 1), padded=padded)
        return self._next_piece()

    def _next_piece(self) -> bytes:
        """Return a part of a protected answer; GET RESPONSE in clear gets the next."""
        if len(self._rest) <= _LONGEST_ANSWER + 2:
            piece, self._rest = self._rest, b""
            return piece
        piece, self._rest = self._rest[:_LONGEST_ANSWER], self._rest[_LONGEST_ANSWER:]
        return piece + more_data(self._rest[:-2])

    # -- PACE -------------------------------------------------------------------------

    def _choose(self, command: Command) -> bytes:
        if self._directory:
            raise StatusWordError(SW.WRONG_ORDER)
        wanted = {0x80: _PROTOCOL, 0x83: b"\x02", 0x84: bytes([_NUMBER])}
        if _objects(command.data) != wanted:
            raise StatusWordError(SW.WRONG_DATA)
        self._step = 0
        return status(SW.OK)

    def _authenticate(self, command: Command) -> bytes:
        steps = (
            (0x80, self._give_nonce),
            (0x81, self._map),
            (0x83, self._agree),
            (0x85, self._verify_token),
        )
        step, self._step = self._step, self._step + 1
        if step < 0 or command.cla != (0x00 if step == 3 else 0x10):
            raise StatusWordError(SW.WRONG_ORDER)
        outer = _objects(command.data)
        if outer.keys() != {0x7C}:
            raise StatusWordError(SW.WRONG_DATA)
        inner = _objects(outer[0x7C])
        tag, function = steps[step]
        if inner.keys() != (set() if step == 0 else {tag}):
            raise StatusWordError(SW.WRONG_DATA)
        value = function(inner.get(tag, b""))
        answered = tag if step == 0 else tag + 1
        return encode(0x7C, encode(answered, value)) + status(SW.OK)

    def _give_nonce(self, _nothing: bytes) -> bytes:
        data = self.state.read()
        if self._wait is not None and data.wrong_cans:
            self._wait(delay_after(data.wrong_cans))
        self._nonce = secrets.token_bytes(_BLOCK)
        key = _key(data.can.encode(), 3)
        return _aes(key).encryptor().update(self._nonce)

    def _new_key(self) -> bytes:
        self._private = 1 + secrets.randbelow(_Q - 1)
        self._own = _multiply(self._private, self._generator)
        return _encode_point(self._own)

    def _map(self, encoded: bytes) -> bytes:
        theirs, self._generator = _decode_point(encoded), _G
        answer = self._new_key()
        agreed = _multiply(self._private, theirs)
        scaled = _multiply(int.from_bytes(self._nonce), _G)
        self._generator = _add(scaled, agreed)
        return answer

    def _agree(self, encoded: bytes) -> bytes:
        self._theirs = _decode_point(encoded)
        answer = self._new_key()
        self._shared = _multiply(self._private, self._theirs).x.to_bytes(_SIZE)
        return answer

    def _verify_token(self, token: bytes) -> bytes:
        channel = Channel(self._shared)
        genuine = hmac.compare_digest(token, self._token(channel, self._own))
        with self.state.update() as data:
            data.wrong_cans = 0 if genuine else data.wrong_cans + 1
        if not genuine:
            raise StatusWordError(SW.CAN_WRONG)
        self._channel = channel
        return self._token(channel, self._theirs)

    def _token(self, channel: Channel, point: _Point) -> bytes:
        public = encode(0x06, _PROTOCOL) + encode(0x86, _encode_point(point))
        covered = b"\x7f" + encode(0x49, public)
        return _checksum(channel.checksum_key, covered)
