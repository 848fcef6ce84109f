# SPDX-License-Identifier: MIT
"""A DER reader that makes no objects and returns the original bytes.

asn1crypto re-encodes some values when it dumps them, so this module extracts the signed
bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31
TIMES = (0x17, 0x18)  # UTCTime, GeneralizedTime
_MOST_CHILDREN = 64
#: Numbers in base 128, each without zeros before it (X.690 §8.19.2).
_OID_CONTENT = re.compile(rb"(?:[\x81-\xff][\x80-\xff]*[\x00-\x7f]|[\x00-\x7f])+")


class MalformedError(ValueError):
    """The bytes are not DER, or not of the expected type."""


class Element(NamedTuple):
    """The offsets of an element of ``data``: its start, its content and its end."""

    data: bytes
    tag: int
    start: int
    content: int
    end: int

    @property
    def whole(self) -> bytes:
        """Tag, length and content."""
        return self.data[self.start : self.end]

    @property
    def value(self) -> bytes:
        """The content alone."""
        return self.data[self.content : self.end]


def header(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return the tag, the content's start and the end of the element at ``start``.

    It must not extend beyond ``end``.
    """
    if start + 2 > end:
        raise MalformedError("an element is cut off")
    tag, size, content = data[start], data[start + 1], start + 2
    if tag & 0x1F == 0x1F:
        raise MalformedError("a tag of several bytes")
    if size >= 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4 or content + count > end:
            raise MalformedError("a length that is indefinite, too long or cut off")
        size = int.from_bytes(data[content : content + count])
        content += count
        if size < 0x80 or size >> (8 * (count - 1)) == 0:
            raise MalformedError("a length that is longer than need be")
    if content + size > end:
        raise MalformedError("an element is cut off")
    return tag, content, content + size


def read(data: bytes, start: int = 0, end: int | None = None) -> Element:
    """Read the element at ``start``, which must not extend beyond ``end``."""
    tag, content, after = header(data, start, len(data) if end is None else end)
    return Element(data, tag, start, content, after)


def only(data: bytes) -> Element:
    """Read bytes that are exactly one SEQUENCE."""
    element = read(data)
    if element.tag != SEQUENCE or element.end != len(data):
        raise MalformedError("not the one element that is wanted")
    return element


def children(parent: Element) -> Iterator[Element]:
    """Read the elements in a constructed element, 64 at most."""
    data, start, end = parent.data, parent.content, parent.end
    for _ in range(_MOST_CHILDREN):
        if start >= end:
            return
        tag, content, after = header(data, start, end)
        yield Element(data, tag, start, content, after)
        start = after
    if start < end:
        # Millions of empty elements would exhaust the memory.
        raise MalformedError("more elements than anything here has")


def outline(data: bytes, depth: int = 8) -> str:
    """Return the tags of a run of elements in DER, as in ``30(02A0(0C))``.

    It goes into constructed elements, and checks the content of BOOLEAN, INTEGER, OID
    and NULL. Raises ``MalformedError``, also beyond ``depth`` elements in one another.
    """
    if depth == 0:
        raise MalformedError("elements in one another, deeper than anything here")
    tags, start = [], 0
    while start < len(data):
        tag, content, after = header(data, start, len(data))
        tags.append(f"{tag:02X}")
        if not tag & 0x20:
            _check_primitive(tag, data[content:after])
        elif tag < 0x40 and tag not in {SEQUENCE, SET}:
            raise MalformedError("a string in pieces, or a type that is not known")
        else:
            tags.append(f"({outline(data[content:after], depth - 1)})")
        start = after
    return "".join(tags)


def _check_primitive(tag: int, value: bytes) -> None:
    match tag:
        case 0x01:  # BOOLEAN
            sound = value in {b"\0", b"\xff"}
        case 0x02:  # INTEGER
            sound = is_shortest(value)
        case 0x05:  # NULL
            sound = not value
        case 0x06:  # OID
            sound = _OID_CONTENT.fullmatch(value) is not None
        case _:
            # 00 is the end of an indefinite length, 10 and 11 are constructed.
            sound = tag not in {0x00, 0x10, 0x11}
    if not sound:
        raise MalformedError("a value that is not DER")


def is_shortest(value: bytes) -> bool:
    """Return whether the content of an INTEGER is as short as its number allows."""
    if len(value) < 2:
        return bool(value)
    # The first nine bits of a longer one are not all equal (X.690 §8.3.2).
    return not (
        (value[0] == 0x00 and value[1] < 0x80)
        or (value[0] == 0xFF and value[1] >= 0x80)
    )


def encode(tag: int, *parts: bytes) -> bytes:
    """Encode an element whose content is already encoded."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(number: int) -> bytes:
    """Return the content of an INTEGER in DER, the shortest form."""
    return number.to_bytes(number.bit_length() // 8 + 1, signed=True)


def bit_string(element: Element) -> bytes:
    """Return the octets of a BIT STRING without unused bits."""
    value = element.value
    if element.tag != BIT_STRING or value[:1] != b"\0":
        raise MalformedError("not a bit string of whole octets")
    return value[1:]


def extension(element: Element) -> tuple[bytes, bool, bytes]:
    """Return OID (in DER), criticality and value of an Extension."""
    oid, *critical, value = children(element)
    if oid.tag != OID or value.tag != OCTET_STRING or len(critical) > 1:
        raise MalformedError("not an extension")
    # Anything except an explicit FALSE counts as critical.
    is_critical = bool(critical) and critical[0].value != b"\0"
    return oid.whole, is_critical, value.value


@dataclass(frozen=True)
class SignedPart:
    """The common structure of certificates, CRLs and OCSP answers (RFC 5280 §4.1.1).

    ``signed`` is the DER of the signed value, ``algorithm`` that of the
    AlgorithmIdentifier, and ``rest`` the elements after the signature.
    """

    signed: Element
    algorithm: bytes
    signature: bytes
    rest: tuple[Element, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Split the structure. Raises ``MalformedError``."""
        parts = tuple(children(only(data)))
        if len(parts) < 3 or parts[0].tag != SEQUENCE or parts[1].tag != SEQUENCE:
            raise MalformedError("not signed")
        return cls(parts[0], parts[1].whole, bit_string(parts[2]), parts[3:])
