# SPDX-License-Identifier: MIT
"""Encodes the few ASN.1 types that the mock card needs."""

_INTEGER, _BIT_STRING, _OCTET_STRING = 0x02, 0x03, 0x04
_UTF8_STRING, _SEQUENCE = 0x0C, 0x30


def encode(tag: int, *parts: bytes) -> bytes:
    """Encode a tag of one byte, the length, and the concatenated parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Encode a SEQUENCE of encoded elements."""
    return encode(_SEQUENCE, *parts)


def integer(value: int, tag: int = _INTEGER) -> bytes:
    """Encode a non-negative INTEGER, or with another tag an implicit one."""
    return encode(tag, value.to_bytes(value.bit_length() // 8 + 1))


def octets(value: bytes) -> bytes:
    """Encode an OCTET STRING."""
    return encode(_OCTET_STRING, value)


def text(value: str, tag: int = _UTF8_STRING) -> bytes:
    """Encode a UTF8String, or with another tag an implicit one."""
    return encode(tag, value.encode())


def bit_string(*bits: int) -> bytes:
    """Encode a BIT STRING of named bits, without trailing zero bits."""
    if not bits:
        return encode(_BIT_STRING, b"\x00")
    size, last = max(bits) // 8 + 1, max(bits)
    value = sum(1 << (8 * size - 1 - bit) for bit in bits)
    return encode(_BIT_STRING, bytes((8 * size - 1 - last,)), value.to_bytes(size))
