# SPDX-License-Identifier: MIT
"""PACE: opens the secure channel to a card on the contactless side of a reader.

ICAO 9303-11 §4.4 and BSI TR-03110: ECDH with the generic mapping, AES and CMAC, and the
card access number (CAN) as the password. What travels tells nobody the CAN, and a
wrong guess can be tried only with the card.

``cryptography`` multiplies points for ECDH, in OpenSSL and in a time that does not
depend on the secret, but it returns no more than the x coordinate, and adds no points.
That is enough. Each y is a square root, which reading a compressed point computes. The
agreed key is the x coordinate of a point, so either root will do for the ephemeral
keys. For the mapping, the sum with a known point tells the right root. So our own
arithmetic is the addition of two points. The time of an addition, in Python, and of a
root, in OpenSSL, depends on the values. Some of these are secret, but each is used
once, so there is nothing to average over. ``ecdsa``, on PyPI and in Debian, multiplies
points on these curves too, in Python, and says itself that it can't protect secrets
from a measurement of time: with it, all of it would run so.

Python can't wipe the CAN's copies and the keys in the libraries.
"""

import hashlib
import logging
from dataclasses import dataclass

from cryptography.hazmat.primitives import constant_time
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from native_host.card.apdu import (
    INS_GENERAL_AUTHENTICATE,
    INS_MANAGE_SECURITY_ENVIRONMENT,
    SW,
    Command,
    CommandChannel,
    TracingConnection,
)
from native_host.card.atr import identify
from native_host.card.contactless import CAN_DIGITS
from native_host.card.contactless.secure_messaging import SecureConnection
from native_host.card.errors import (
    CONNECTION_ERRORS,
    CardError,
    CardKind,
    CardResetError,
    ChannelError,
    UnsupportedCardError,
    WrongCanError,
)
from native_host.card.files import FileReader, Tlv, TlvError
from native_host.card.source import CardConnection
from native_host.errors import InvalidArgumentError

logger = logging.getLogger(__name__)


#: EF.CardAccess, a file of the master file (§9.2.11).
CARD_ACCESS = bytes.fromhex("011C")
_MAX_CARD_ACCESS = 1024  # bytes

# id-PACE-ECDH-GM, without the last part, which names the cipher (§9.2.1).
_ECDH_GM = bytes.fromhex("04007F000702020402")
_VERSION = b"\x02"

_CHAINED = 0x10  # CLA of all steps but the last (ISO/IEC 7816-4 §5.3.3)
_BLOCK = 16  # bytes, of AES
_TOKEN_SIZE = 8  # bytes

_CAN = b"\x02"  # the password that MSE names
_FOR_ENCRYPTION, _FOR_CHECKSUM, _FOR_NONCE = 1, 2, 3  # counters of the key derivation

_TAG_SET, _TAG_SEQUENCE, _TAG_OID, _TAG_INTEGER = 0x31, 0x30, 0x06, 0x02
_TAG_PROTOCOL, _TAG_PASSWORD, _TAG_PARAMETERS = 0x80, 0x83, 0x84
_TAG_DYNAMIC, _TAG_NONCE, _TAG_PUBLIC_KEY, _TAG_POINT = 0x7C, 0x80, 0x7F49, 0x86
# Of a step: our object, and the card's.
_MAPPING, _AGREEMENT, _TOKENS = (0x81, 0x82), (0x83, 0x84), (0x85, 0x86)


@dataclass(frozen=True)
class Curve:
    """Domain parameters by which a card may run PACE (§9.5.1).

    ``prime`` is the field's, ``order`` the generator's. The cofactor is 1, so every
    point but infinity generates the whole group.
    """

    curve: ec.EllipticCurve
    prime: int
    order: int

    @property
    def size(self) -> int:
        """The length of a coordinate in bytes."""
        return (self.curve.key_size + 7) // 8


#: By the number of standardised domain parameters; brainpool's of RFC 5639 §3. Finnish
#: cards have number 16; the worked example of ICAO 9303-11 has 13.
CURVES = {
    13: Curve(
        ec.BrainpoolP256R1(),
        0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377,
        0xA9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7,
    ),
    16: Curve(
        ec.BrainpoolP384R1(),
        int(
            "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123"
            "ACD3A729901D1A71874700133107EC53",
            16,
        ),
        int(
            "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7"
            "CF3AB6AF6B7FC3103B883202E9046565",
            16,
        ),
    ),
}

# The length of AES's key in bytes, by the last part of the protocol's identifier.
_KEY_SIZES = {2: 16, 4: 32}


@dataclass(frozen=True)
class Parameters:
    """One way in which the card runs PACE: an entry of EF.CardAccess."""

    protocol: bytes
    number: int

    @property
    def curve(self) -> Curve:
        """The domain parameters."""
        return CURVES[self.number]

    @property
    def key_size(self) -> int:
        """The length of the keys in bytes."""
        return _KEY_SIZES[self.protocol[-1]]


def open_channel(
    connection: CardConnection, can: bytearray, card_access: bytes | None = None
) -> SecureConnection:
    """Run PACE once with a CAN, ASCII digits, which the caller wipes.

    ``connection`` is to a card that has got no command since its reset, or only those
    that have read ``card_access``, the content of EF.CardAccess. Afterwards it is used
    only through the returned one, and its end resets the card. Nothing is sent for a
    CAN of another form.

    Raises ``InvalidArgumentError`` for that, ``WrongCanError``,
    ``UnsupportedCardError`` for a card without PACE as it is done here,
    ``ChannelError`` if it fails in another way, and the connection's errors. After a
    wrong CAN, and perhaps after interrupted runs, the card lets the next
    ``open_channel`` wait, up to 45 seconds.
    """
    if len(can) != CAN_DIGITS or not can.isdigit():
        raise InvalidArgumentError(f"The CAN has {CAN_DIGITS} digits.")
    if connection.atr is not None:
        identify(connection.atr, contactless=True)
    connection.needs_reset = True  # a channel that stays open refuses other programs
    channel = CommandChannel(TracingConnection(connection), connection.protocol)
    parameters = _read_parameters(channel, card_access)
    try:
        keys = agree(channel, parameters, can)
    except CardResetError as error:
        # After other resets a card is used anew in silence. PACE never is: a card that
        # was interrupted in it may take longer for the next.
        raise ChannelError(f"PACE failed: {error}") from error
    except (WrongCanError, *CONNECTION_ERRORS):
        raise
    except (CardError, ValueError) as error:
        # A ValueError is of a point that is on no curve; its text has no secret.
        raise ChannelError(
            f"PACE failed: {error}", status_word=getattr(error, "status_word", None)
        ) from None
    return SecureConnection(connection, *keys)


def _read_parameters(channel: CommandChannel, file: bytes | None) -> Parameters:
    """Return the first of the card's parameters that are known here.

    EF.CardAccess is not authenticated. An attacker who changes it can make the channel
    fail, or choose among ``CURVES`` and ``_KEY_SIZES``, each of which is strong enough.
    """
    try:
        if file is None:
            file = FileReader(channel).read_object(CARD_ACCESS, limit=_MAX_CARD_ACCESS)
        known = list(parameters_in(file))
    except CONNECTION_ERRORS:
        raise
    except CardError as error:
        raise _unsupported(f"EF.CardAccess can't be read: {error}") from error
    logger.info("EF.CardAccess: %s", file.hex())  # nothing of a person
    if not known:
        raise _unsupported("EF.CardAccess names no way that is known here.")
    return known[0]


def _unsupported(why: str) -> UnsupportedCardError:
    return UnsupportedCardError(
        f"The card can't be used without contact. {why}", kind=CardKind.CONTACTLESS
    )


def parameters_in(file: bytes) -> list[Parameters]:
    """Return what is known here of the content of EF.CardAccess (§9.2), in its order.

    Raises ``TlvError``.
    """
    found = []
    infos, _ = Tlv.take(file)
    if infos.tag != _TAG_SET:
        raise TlvError("EF.CardAccess is no set.")
    for info in Tlv.parse_all(infos.value):
        values = list(Tlv.parse_all(info.value)) if info.tag == _TAG_SEQUENCE else []
        tags = [each.tag for each in values]
        if tags != [_TAG_OID, _TAG_INTEGER, _TAG_INTEGER]:
            continue
        protocol, version, number = (each.value for each in values)
        parameters = Parameters(protocol, int.from_bytes(number))
        known = protocol[:-1] == _ECDH_GM and protocol[-1] in _KEY_SIZES
        if known and version == _VERSION and parameters.number in CURVES:
            found.append(parameters)
    return found


def agree(
    channel: CommandChannel, parameters: Parameters, can: bytearray
) -> tuple[bytes, bytes]:
    """Run the steps; return the keys for encryption and for checksums.

    Raises ``WrongCanError``, another ``CardError`` and ``ValueError``.
    """
    curve, size = parameters.curve, parameters.key_size
    template = (
        Tlv(_TAG_PROTOCOL, parameters.protocol)
        + Tlv(_TAG_PASSWORD, _CAN)
        + Tlv(_TAG_PARAMETERS, bytes([parameters.number]))
    )
    command = Command(INS_MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, template)
    channel.send(command, step="the choice of PACE")

    encrypted = _step(channel, b"", _TAG_NONCE)
    nonce = _decrypt_nonce(encrypted, derive_key(can, _FOR_NONCE, size))

    mapping = ec.generate_private_key(curve.curve)
    own = _encoded(mapping.public_key())
    answer = _step(channel, Tlv(_MAPPING[0], own), _MAPPING[1])
    generator = map_nonce(curve, nonce, mapping, _point(curve, answer, own))

    ephemeral = ec.generate_private_key(curve.curve)
    own = _encoded(_either_point(curve, ephemeral.exchange(ec.ECDH(), generator)))
    answer = _step(channel, Tlv(_AGREEMENT[0], own), _AGREEMENT[1])
    theirs = _point(curve, answer, own)
    shared = ephemeral.exchange(ec.ECDH(), theirs)
    encryption_key = derive_key(shared, _FOR_ENCRYPTION, size)
    checksum_key = derive_key(shared, _FOR_CHECKSUM, size)

    token = _token(checksum_key, parameters, _encoded(theirs))
    answer = _step(channel, Tlv(_TOKENS[0], token), _TOKENS[1], last=True)
    if not constant_time.bytes_eq(answer, _token(checksum_key, parameters, own)):
        raise WrongCanError("The card and this program do not have the same CAN.")
    return encryption_key, checksum_key


def _step(
    channel: CommandChannel, data: bytes, answered: int, *, last: bool = False
) -> bytes:
    """Send one GENERAL AUTHENTICATE; return the value of the object in its answer."""
    answer, status = channel.exchange(
        Command(
            INS_GENERAL_AUTHENTICATE,
            0x00,
            0x00,
            Tlv(_TAG_DYNAMIC, data),
            le=256,
            cla=0x00 if last else _CHAINED,
        )
    )
    if last and status & 0xFF00 == SW.VERIFICATION_FAILED:
        raise WrongCanError("The card refused the CAN.", status_word=status)
    if status != SW.OK:
        raise CardError(
            f"The card answered {status:04X} to a step of it.", status_word=status
        )
    dynamic = Tlv.parse(answer)
    if dynamic.tag != _TAG_DYNAMIC:
        raise TlvError("An answer has another object.")
    found = Tlv.parse(dynamic.value)
    if found.tag != answered:
        raise TlvError("An answer belongs to another step.")
    return found.value


def derive_key(secret: bytes | bytearray, counter: int, size: int) -> bytes:
    """Return an AES key of 16 or 32 bytes (§9.7.1)."""
    digest = hashlib.sha1(usedforsecurity=False) if size == 16 else hashlib.sha256()
    digest.update(secret)
    digest.update(counter.to_bytes(4))
    return digest.digest()[:size]


def _decrypt_nonce(encrypted: bytes, key: bytes) -> int:
    if len(encrypted) not in {_BLOCK, 2 * _BLOCK}:
        raise TlvError("The card's nonce has another length.")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK))).decryptor()
    return int.from_bytes(decryptor.update(encrypted) + decryptor.finalize())


def map_nonce(
    curve: Curve,
    nonce: int,
    own: ec.EllipticCurvePrivateKey,
    theirs: ec.EllipticCurvePublicKey,
) -> ec.EllipticCurvePublicKey:
    """Return the generator for the nonce, by the generic mapping (§4.4.3.3.1).

    It is s·G + H, with the nonce s and the point H that ``own`` and ``theirs`` agree
    on. Raises ``ChannelError`` if the sum is at infinity, which nobody meets by chance.
    """
    addend = theirs.public_numbers()
    secret = own.private_numbers().private_value
    # The x coordinate of H + ``theirs`` tells which of the two points with its x H is.
    after = ec.derive_private_key((secret + 1) % curve.order, curve.curve)
    expected = int.from_bytes(after.exchange(ec.ECDH(), theirs))
    x = own.exchange(ec.ECDH(), theirs)
    agreed = _either_point(curve, x).public_numbers()
    if _add(curve, agreed, addend).x != expected:
        agreed = ec.EllipticCurvePublicNumbers(
            agreed.x, curve.prime - agreed.y, curve.curve
        )
    scaled = ec.derive_private_key(nonce % curve.order, curve.curve).public_key()
    return _add(curve, scaled.public_numbers(), agreed).public_key()


def _add(
    curve: Curve, one: ec.EllipticCurvePublicNumbers, two: ec.EllipticCurvePublicNumbers
) -> ec.EllipticCurvePublicNumbers:
    """Return the sum of two points that differ in x."""
    if one.x == two.x:
        raise ChannelError("A sum of points is at infinity.")
    slope = (two.y - one.y) * pow(two.x - one.x, -1, curve.prime)
    x = (slope * slope - one.x - two.x) % curve.prime
    y = (slope * (one.x - x) - one.y) % curve.prime
    return ec.EllipticCurvePublicNumbers(x, y, curve.curve)


def _either_point(curve: Curve, x: bytes) -> ec.EllipticCurvePublicKey:
    """Return one of the two points with an x coordinate: that with the even y."""
    return ec.EllipticCurvePublicKey.from_encoded_point(curve.curve, b"\x02" + x)


def _point(curve: Curve, encoded: bytes, own: bytes) -> ec.EllipticCurvePublicKey:
    """Return a point of the card's, which is not our own and not its mirror image.

    Raises ``ChannelError`` for those and ``ValueError`` for one that is not on the
    curve. Infinity has no encoding of this form.
    """
    if len(encoded) != 1 + 2 * curve.size or encoded[0] != 0x04:
        raise ChannelError("A point of the card's is not written out.")
    if encoded[1 : 1 + curve.size] == own[1 : 1 + curve.size]:
        raise ChannelError("The card sent our own point back.")
    return ec.EllipticCurvePublicKey.from_encoded_point(curve.curve, encoded)


def _encoded(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _token(key: bytes, parameters: Parameters, point: bytes) -> bytes:
    """Return the token of one side over the other's ephemeral point (§4.4.3.4)."""
    public = Tlv(_TAG_OID, parameters.protocol) + Tlv(_TAG_POINT, point)
    code = CMAC(algorithms.AES(key))
    code.update(Tlv(_TAG_PUBLIC_KEY, public))
    return code.finalize()[:_TOKEN_SIZE]
