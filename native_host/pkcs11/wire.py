# SPDX-License-Identifier: MIT
"""The messages of p11-kit's RPC (docs/reference/pkcs11.md, "Wire format").

A value is, by the type that a signature names it with:

=======  ====================================================================
``y``    an octet
``u``    a number of 64 bits
``v``    a version: two octets
``s``    a text in UTF-8, padded with spaces by the sender
``ay``   bytes, or None for NULL; in answers ``Size`` too
``au``   a list of numbers; in answers ``Size`` too
``fy``   room in octets; None when only the size is asked for
``fu``   room in numbers
``aA``   a list of ``Attribute``
``fA``   a list of ``Wanted``
``M``    a ``Mechanism``, or None for NULL
=======  ====================================================================
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from native_host.pkcs11.constants import CKA, CKM
from native_host.platform.hardening import wipe

#: The newest version of the protocol that is supported.
VERSION = 2

#: The first argument of C_Initialize.
HANDSHAKE = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"

HEADER_SIZE = 12
MAX_OPTIONS = 1024  # bytes; the client puts its module's name there
MAX_BODY = 1024 * 1024  # bytes

_ERROR = 0  # the call's number in the answer to a failed call
_NULL = 0xFFFF_FFFF
_MAX_DEPTH = 8  # attributes within attributes

AttributeValue = bytes | int | bool | tuple["Attribute", ...] | tuple[int, ...]


class WireError(Exception):
    """A message does not match its header, its signature or its lengths."""


@dataclass(frozen=True)
class Size:
    """Only how many elements an array has, in an answer."""

    count: int


@dataclass(frozen=True)
class Attribute:
    """An attribute. ``value`` is None when it has none, or when it is secret.

    The attribute decides its type: bool, int, tuple or otherwise bytes.
    """

    type: int
    value: AttributeValue | None


@dataclass(frozen=True)
class Wanted:
    """An attribute to read, with room in bytes; 0 asks for its size."""

    type: int
    room: int


@dataclass(frozen=True)
class PssParameters:
    """CK_RSA_PKCS_PSS_PARAMS; ``salt`` is in bytes."""

    hash: int
    mgf: int
    salt: int


@dataclass(frozen=True)
class OaepParameters:
    """CK_RSA_PKCS_OAEP_PARAMS; ``label`` is its source's data."""

    hash: int
    mgf: int
    source: int
    label: bytes


@dataclass(frozen=True)
class EcdhParameters:
    """CK_ECDH1_DERIVE_PARAMS; ``point`` is the other's public data."""

    kdf: int
    shared: bytes
    point: bytes


@dataclass(frozen=True)
class Mechanism:
    """A mechanism. Those of PSS and OAEP and that of ECDH have parameters here."""

    type: int
    parameters: PssParameters | OaepParameters | EcdhParameters | None = None


@dataclass
class Input:
    """A message that is being read. ``version`` is the client's own version byte.

    Bytes are returned as ``bytearray``, so that a PIN can be wiped.
    """

    data: bytearray = field(repr=False)
    version: int = 1
    position: int = 0
    #: True when the rest can't be parsed, and is not read.
    cut_short: bool = False

    def take(self, size: int) -> bytearray:
        """Return the next bytes. Raises ``WireError`` when there are too few."""
        end = self.position + size
        if end > len(self.data):
            raise WireError("The message is too short.")
        part = self.data[self.position : end]
        self.position = end
        return part

    def number(self, size: int) -> int:
        """Return the next number of a size in bytes."""
        return int.from_bytes(self.take(size))

    def array(self) -> bytearray | None:
        """Return the next array of bytes, or None for NULL."""
        length = self.number(4)
        return None if length == _NULL else self.take(length)

    def count(self, smallest: int) -> int:
        """Return how many elements follow, of at least ``smallest`` bytes each."""
        count = self.number(4)
        if count * smallest > len(self.data) - self.position:
            raise WireError("The message is too short for what it counts.")
        return count

    def end(self) -> None:
        """Raise ``WireError`` when bytes are left."""
        if not self.cut_short and self.position != len(self.data):
            raise WireError("The message is longer than its signature.")


def parse_header(data: bytes | bytearray) -> tuple[int, int, int]:
    """Return the sender's number for a frame, and the bytes of its options and body.

    Raises ``WireError`` when it is too long.
    """
    code, options, body = (int.from_bytes(data[at : at + 4]) for at in (0, 4, 8))
    if options > MAX_OPTIONS or body > MAX_BODY:
        raise WireError("A frame is too long.")
    return code, options, body


def frame(code: int, body: bytes) -> bytes:
    """Return a whole frame, without options."""
    return code.to_bytes(4) + bytes(4) + len(body).to_bytes(4) + body


def read_preamble(message: Input) -> tuple[int, str]:
    """Return the number of the call and the signature in a message."""
    call, signature = message.number(4), message.array()
    if signature is None:
        raise WireError("The message has no signature.")
    return call, signature.decode("ascii", "replace")


def decode(signature: str, message: Input) -> list[object]:
    """Read a call's arguments to their end. Raises ``WireError``."""
    values: list[object] = []
    try:
        for kind in _kinds(signature):
            values.append(_READERS[kind](message))
            if message.cut_short:
                break
        message.end()
    except WireError:
        wipe_arguments(values)
        raise
    return values


def wipe_arguments(arguments: Sequence[object]) -> None:
    """Overwrite the bytes among unused arguments: they may be a PIN."""
    for each in arguments:
        if isinstance(each, bytearray):
            wipe(each)


def encode(call: int, signature: str, values: Sequence[object]) -> bytes:
    """Return the body of an answer to a call: its number, signature and values."""
    kinds = _kinds(signature)
    parts = [call.to_bytes(4), len(signature).to_bytes(4), signature.encode("ascii")]
    parts += (_WRITERS[kind](value) for kind, value in zip(kinds, values, strict=True))
    return b"".join(parts)


def encode_error(value: int) -> bytes:
    """Return the body of an answer that is a return value other than CKR_OK."""
    return encode(_ERROR, "u", (value,))


def array_or_size(numbers: Sequence[int], room: int | None) -> Sequence[int] | Size:
    """Return numbers, or only their count if there is too little room."""
    if room is None or room < len(numbers):
        return Size(len(numbers))
    return numbers


@cache
def _kinds(signature: str) -> tuple[str, ...]:
    """Split a signature: ``uayfy`` is ``u``, ``ay``, ``fy``."""
    kinds, prefix = [], ""
    for letter in signature:
        prefix += letter
        if letter not in "af":
            kinds.append(prefix)
            prefix = ""
    return tuple(kinds)


# -- Attributes: p11-kit decides the type of each one's value, not PKCS#11 -------------

_ARRAYS = frozenset({CKA.WRAP_TEMPLATE, CKA.UNWRAP_TEMPLATE, CKA.DERIVE_TEMPLATE})

_ULONGS = frozenset(
    {CKA.CLASS, CKA.CERTIFICATE_TYPE, CKA.CERTIFICATE_CATEGORY, CKA.KEY_TYPE}
    | {CKA.MODULUS_BITS, CKA.KEY_GEN_MECHANISM}
    | {CKA.JAVA_MIDP_SECURITY_DOMAIN, CKA.PRIME_BITS, CKA.SUB_PRIME_BITS}
    | {CKA.VALUE_BITS, CKA.VALUE_LEN, CKA.AUTH_PIN_FLAGS, CKA.HW_FEATURE_TYPE}
    | {CKA.PIXEL_X, CKA.PIXEL_Y, CKA.RESOLUTION, CKA.CHAR_ROWS, CKA.CHAR_COLUMNS}
    | {CKA.BITS_PER_PIXEL, CKA.MECHANISM_TYPE}
)

_BOOLEANS = frozenset(
    {CKA.TOKEN, CKA.PRIVATE, CKA.TRUSTED, CKA.SENSITIVE, CKA.ENCRYPT, CKA.DECRYPT}
    | {CKA.WRAP, CKA.UNWRAP, CKA.SIGN, CKA.SIGN_RECOVER, CKA.VERIFY, CKA.DERIVE}
    | {CKA.VERIFY_RECOVER, CKA.EXTRACTABLE, CKA.LOCAL, CKA.NEVER_EXTRACTABLE}
    | {CKA.ALWAYS_SENSITIVE, CKA.MODIFIABLE, CKA.COPYABLE, CKA.ALWAYS_AUTHENTICATE}
    | {CKA.WRAP_WITH_TRUSTED, CKA.SECONDARY_AUTH, CKA.RESET_ON_INIT, CKA.HAS_RESET}
    | {CKA.COLOR}
)


def _read_attribute(message: Input, depth: int = 0) -> Attribute:
    kind, valid = message.number(4), message.number(1)
    if not valid:
        return Attribute(kind, None)
    message.number(4)  # the value's length in the client's memory
    value: AttributeValue
    if kind in _BOOLEANS:
        value = bool(message.number(1))
    elif kind in _ULONGS:
        value = message.number(8)
    elif kind in _ARRAYS:
        if depth == _MAX_DEPTH:
            raise WireError("Attributes are nested too deeply.")
        value = tuple(
            _read_attribute(message, depth + 1) for _ in range(message.count(5))
        )
    elif kind == CKA.ALLOWED_MECHANISMS:
        value = tuple(message.number(8) for _ in range(message.count(8)))
    else:
        value = bytes(message.array() or b"")
    return Attribute(kind, value)


def _read_wanted(message: Input, depth: int = 0) -> Wanted:
    wanted = Wanted(message.number(4), message.number(4))
    if wanted.type in _ARRAYS and wanted.room and message.version >= 2:
        if depth == _MAX_DEPTH:
            raise WireError("Attributes are nested too deeply.")
        for _ in range(message.count(8)):
            _read_wanted(message, depth + 1)
    return wanted


def _write_attribute(attribute: Attribute) -> bytes:
    head = attribute.type.to_bytes(4)
    if attribute.value is None:
        return head + b"\0"
    match attribute.value:
        case bool() if attribute.type in _BOOLEANS:
            length, value = 1, bytes([attribute.value])
        case int() if attribute.type in _ULONGS:
            length, value = 8, attribute.value.to_bytes(8)
        case bytes() if attribute.type not in _BOOLEANS | _ULONGS:
            length, value = len(attribute.value), _write_array(attribute.value)
        case _:
            raise TypeError(f"The attribute {attribute.type:#x} has another type.")
    return head + b"\1" + length.to_bytes(4) + value


# -- Mechanisms: encoded in two ways, depending on the client's own version ------------

_WITHOUT_PARAMETERS = {CKM.ECDSA} | {m for m in CKM if m.name.endswith("RSA_PKCS")}


def _read_pss(message: Input) -> PssParameters:
    return PssParameters(message.number(8), message.number(8), message.number(8))


def _read_oaep(message: Input) -> OaepParameters:
    numbers = (message.number(8), message.number(8), message.number(8))
    return OaepParameters(*numbers, bytes(message.array() or b""))


def _read_ecdh(message: Input) -> EcdhParameters:
    kdf, shared, point = message.number(8), message.array(), message.array()
    return EcdhParameters(kdf, bytes(shared or b""), bytes(point or b""))


_PARAMETERS: dict[
    int, Callable[[Input], PssParameters | OaepParameters | EcdhParameters]
] = {
    **{each: _read_pss for each in CKM if each.name.endswith("_PSS")},
    CKM.RSA_PKCS_OAEP: _read_oaep,
    CKM.ECDH1_DERIVE: _read_ecdh,
}


def _read_mechanism(message: Input) -> Mechanism | None:
    kind = message.number(4)
    if kind == _NULL:
        return None
    if kind in _WITHOUT_PARAMETERS:
        if message.version < 2:
            message.array()
        return Mechanism(kind)
    if read := _PARAMETERS.get(kind):
        if message.version >= 2 and not message.number(1):
            return Mechanism(kind)
        return Mechanism(kind, read(message))
    # The length of its parameters is not known.
    message.cut_short = True
    return Mechanism(kind)


# -- All others ------------------------------------------------------------------------


def _write_array(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


def _read_bytes(message: Input) -> bytearray | None:
    if message.number(1):
        return message.array()
    message.number(4)
    return None


def _write_bytes(value: bytes | Size) -> bytes:
    if isinstance(value, Size):
        return b"\0" + value.count.to_bytes(4)
    return b"\1" + _write_array(value)


def _write_numbers(value: Sequence[int] | Size) -> bytes:
    if isinstance(value, Size):
        return _write_bytes(value)
    return b"\1" + len(value).to_bytes(4) + b"".join(each.to_bytes(8) for each in value)


def _read_room(message: Input) -> int | None:
    room = message.number(4)
    if room == 0:
        return None
    return 0 if room == _NULL else room


def _write_attributes(attributes: Sequence[Attribute]) -> bytes:
    return len(attributes).to_bytes(4) + b"".join(map(_write_attribute, attributes))


_READERS: dict[str, Callable[[Input], object]] = {
    "y": lambda message: message.number(1),
    "u": lambda message: message.number(8),
    "ay": _read_bytes,
    "fy": _read_room,
    "fu": _read_room,
    "aA": lambda message: [_read_attribute(message) for _ in range(message.count(5))],
    "fA": lambda message: [_read_wanted(message) for _ in range(message.count(8))],
    "M": _read_mechanism,
}

_WRITERS: dict[str, Callable[[Any], bytes]] = {
    "u": lambda value: value.to_bytes(8),
    "v": bytes,
    "s": _write_array,
    "ay": _write_bytes,
    "au": _write_numbers,
    "aA": _write_attributes,
}
