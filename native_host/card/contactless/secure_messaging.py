# SPDX-License-Identifier: MIT
"""The secure channel to a card, after PACE: ICAO 9303-11 §9.8, AES.

Each command and each answer is encrypted and has a checksum over a counter of both.
Nothing above this connection knows of it, and nothing below it sees a PIN.
"""

import logging

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from native_host.card.apdu import Command, CommandChannel
from native_host.card.errors import CONNECTION_ERRORS, CardError, ChannelError
from native_host.card.files import Tlv, TlvError
from native_host.card.source import CardConnection
from native_host.errors import InvalidArgumentError
from native_host.platform.hardening import wipe

logger = logging.getLogger(__name__)

_BLOCK = 16  # bytes, of AES
_CHECKSUM_SIZE = 8  # bytes
_SECURE = 0x0C  # bits of CLA: secure messaging, and the checksum covers the header

_TAG_CRYPTOGRAM_ODD = 0x85  # of a command whose instruction byte is odd
_TAG_CRYPTOGRAM = 0x87
_TAG_LE = 0x97
_TAG_STATUS = 0x99
_TAG_CHECKSUM = 0x8E

_PADDED = b"\x01"  # stands before the cryptogram: ISO/IEC 7816-4 padding inside

#: The longest data, in bytes, whose protected form fits a short APDU: 14 blocks of
#: cryptogram with their padding, and the objects for Le and the checksum.
LONGEST_DATA = 14 * _BLOCK - 1


class SecureConnection(CardConnection):
    """A card behind a secure channel, for one session.

    The channel ends for good with the first exchange that fails in any way: an answer
    without a valid checksum, one that never came, a status word in clear. Then the
    counters of both sides may differ, and nothing more is sent. ``ChannelError`` says
    so, with the status word that came in clear, if there was one.

    ``pin_pad`` is None, since a reader's PIN pad would send the PIN in clear.
    """

    protocol = 1
    contactless = True
    longest_data = LONGEST_DATA

    def __init__(
        self, connection: CardConnection, encryption_key: bytes, checksum_key: bytes
    ) -> None:
        self._connection = connection
        self._channel = CommandChannel(connection, connection.protocol, repeats=False)
        self._encryption_key = algorithms.AES(encryption_key)
        self._checksum_key = algorithms.AES(checksum_key)
        self._counter = 0
        self._open = True
        self.atr = connection.atr

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command through the channel; return what its answer protects.

        Raises ``ChannelError``, the errors of the connection below, and
        ``InvalidArgumentError`` for data of more than ``LONGEST_DATA`` bytes.
        """
        if not self._open:
            raise ChannelError("The secure channel to the card has ended.")
        # It is open again when the answer has been verified, and only then.
        self._open = False
        command = self._protect(apdu)
        try:
            answer, status = self._channel.exchange(command)
        except CONNECTION_ERRORS:
            raise
        except CardError as error:
            raise ChannelError(str(error)) from error
        self._counter += 1
        try:
            result = self._unprotect(answer, odd=bool(command.ins & 1))
        except ChannelError as error:
            if not answer:
                raise ChannelError(
                    f"The card ended the secure channel, with {status:04X}.",
                    status_word=status,
                ) from None
            logger.info("The secure channel ends: %s", error)
            raise
        self._open = True
        return result

    def close(self) -> None:
        """Reset the card, which ends the channel on its side too, and release it.

        ``release`` does the same: with an open channel the card would refuse all other
        programs, until a reset.
        """
        self._open = False
        self._connection.close()

    def _protect(self, apdu: bytes) -> Command:
        """Return the protected command for a plain one, as short APDUs are."""
        self._counter += 1
        header, body = bytes([apdu[0] | _SECURE]) + apdu[1:4], apdu[4:]
        data, le = b"", body
        if len(body) > 1:
            data, le = body[1 : 1 + body[0]], body[1 + body[0] :]
        if len(data) > LONGEST_DATA:
            raise InvalidArgumentError("The data are too long for the secure channel.")
        objects = b""
        if data and header[1] & 1:
            objects += Tlv(_TAG_CRYPTOGRAM_ODD, self._encrypt(data))
        elif data:
            objects += Tlv(_TAG_CRYPTOGRAM, _PADDED + self._encrypt(data))
        if le:
            objects += Tlv(_TAG_LE, le)
        objects += Tlv(_TAG_CHECKSUM, self._checksum(_padded(header) + objects))
        cla, ins, p1, p2 = header
        return Command(ins, p1, p2, objects, le=256, cla=cla)

    def _unprotect(self, answer: bytes, *, odd: bool) -> tuple[bytes, int]:
        """Verify an answer, and return its data and its status word."""
        try:
            objects = list(Tlv.parse_all(answer))
        except TlvError as error:
            raise ChannelError(f"An answer is no protected one: {error}") from None
        cryptogram = None
        if objects and objects[0].tag in {_TAG_CRYPTOGRAM, _TAG_CRYPTOGRAM_ODD}:
            cryptogram = objects.pop(0)
        if [each.tag for each in objects] != [_TAG_STATUS, _TAG_CHECKSUM]:
            raise ChannelError("An answer has not the objects of a protected one.")
        status, checksum = (each.value for each in objects)
        expected = self._checksum(bytes(cryptogram or b"") + objects[0])
        if not constant_time.bytes_eq(checksum, expected):
            raise ChannelError("The checksum of an answer is wrong.")
        if len(status) != 2:
            raise ChannelError("An answer has no status word.")
        data = b""
        if cryptogram is not None:
            data = self._decrypt(cryptogram, odd=odd)
        return data, int.from_bytes(status)

    def _encrypt(self, data: bytes) -> bytes:
        padded = bytearray(_padded(data))
        try:
            encryptor = self._cipher().encryptor()
            return encryptor.update(padded) + encryptor.finalize()
        finally:
            wipe(padded)

    def _decrypt(self, cryptogram: Tlv, *, odd: bool) -> bytes:
        encrypted = cryptogram.value
        if cryptogram.tag == _TAG_CRYPTOGRAM:
            indicator, encrypted = encrypted[:1], encrypted[1:]
            if indicator != _PADDED:
                raise ChannelError("An answer's cryptogram is of another kind.")
        elif not odd:
            raise ChannelError("An answer's cryptogram is for another command.")
        if not encrypted or len(encrypted) % _BLOCK:
            raise ChannelError("An answer's cryptogram has no whole blocks.")
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(encrypted) + decryptor.finalize()
        data = padded.rstrip(b"\x00")
        if data[-1:] != b"\x80" or len(padded) - len(data) >= _BLOCK:
            raise ChannelError("The padding of an answer is wrong.")
        return data[:-1]

    def _cipher(self) -> Cipher[modes.CBC]:
        """Return the cipher for this command or answer (§9.8.7.1)."""
        counter = self._counter_block()
        # One block of CBC with an IV of zeros is the block cipher itself.
        block = Cipher(self._encryption_key, modes.CBC(bytes(_BLOCK))).encryptor()
        return Cipher(self._encryption_key, modes.CBC(block.update(counter)))

    def _checksum(self, data: bytes) -> bytes:
        """Return the checksum of this command or answer (§9.8.7.2)."""
        code = CMAC(self._checksum_key)
        code.update(_padded(self._counter_block() + data))
        return code.finalize()[:_CHECKSUM_SIZE]

    def _counter_block(self) -> bytes:
        return self._counter.to_bytes(_BLOCK)


def _padded(data: bytes) -> bytes:
    """Pad to whole blocks, by at least one byte (ISO/IEC 7816-4)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % _BLOCK)
