# SPDX-License-Identifier: MIT
"""Decodes streams of a PDF, within limits (ISO 32000-2 §7.4)."""

import re
import zlib
from collections.abc import Callable

from kortilla.signing.verification.findings import RefusedError
from kortilla.signing.verification.pdf.lexical import Value, irregular, whole

#: The most octets of one decoded stream.
MAX_DECODED = 50_000_000
#: What Python unpacks octet by octet.
SLOW = {"ASCII85Decode", "LZWDecode", "RunLengthDecode"}
#: The most octets of it, and of rows with a predictor.
_MAX_SLOW, _MAX_PREDICTED = 8_000_000, 3_000_000
_HEX = re.compile(rb"(?:[0-9A-Fa-f]|[\0\t\n\f\r ])*+>[\0\t\n\f\r ]*+")
_A85 = re.compile(rb"(?:[!-uz]|[\0\t\n\f\r ])*+~>[\0\t\n\f\r ]*+")
_WHITE = b"\0\t\n\f\r "


def decoded(
    raw: bytes | memoryview, names: list[str], parameters: list[dict[str, Value]]
) -> bytes:
    """Return the octets of a stream, whose filters have these names.

    ``parameters`` has as many dictionaries, whose values are no references. Raises
    ``RefusedError``: TOO_LARGE for more than ``MAX_DECODED`` octets, TOO_SLOW for many
    that take long, and IRREGULAR for what is malformed, or packed in another way.
    """
    data = bytes(raw)
    for name, more in zip(names, parameters, strict=True):
        if name not in _DECODERS:
            raise irregular(f"a stream whose filter is {name[:40]}")
        if name in SLOW and len(data) > _MAX_SLOW:
            raise RefusedError("TOO_SLOW", "a stream that takes long to unpack")
        data = _DECODERS[name](data, more)
        if len(data) > MAX_DECODED:
            raise RefusedError("TOO_LARGE", "a stream that unpacks to very much")
        data = _unpredicted(data, more) if "Predictor" in more else data
    return data


def _inflated(data: bytes, _: dict[str, Value]) -> bytes:
    if not data:
        return b""  # as pikepdf writes an empty page
    opened = zlib.decompressobj()
    try:
        found = opened.decompress(data, MAX_DECODED + 1)
    except zlib.error as error:
        raise irregular(f"a stream that can't be unpacked: {error}") from error
    # Programs differ in what they show of the rest.
    if len(found) <= MAX_DECODED and not opened.eof:
        raise irregular("a packed stream without its end")
    if opened.unused_data.strip(_WHITE):
        raise irregular("data after the end of a packed stream")
    return found


def _from_hex(data: bytes, _: dict[str, Value]) -> bytes:
    if not _HEX.fullmatch(data):
        raise irregular("a stream that is not hexadecimal")
    digits = data.translate(None, _WHITE + b">")
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _from_ascii_85(data: bytes, _: dict[str, Value]) -> bytes:
    if not _A85.fullmatch(data):
        raise irregular("a stream that is not in base 85")
    text = data.translate(None, _WHITE)[:-2]
    found = bytearray()
    at = 0
    while at < len(text):
        if text[at] == 0x7A:  # z
            found += bytes(4)
            at += 1
            continue
        group = text[at : at + 5]
        if len(group) == 1 or b"z" in group:
            raise irregular("a stream that is not in base 85")
        value = 0
        for digit in group.ljust(5, b"u"):
            value = value * 85 + digit - 33
        if value >> 32:
            raise irregular("a stream that is not in base 85")
        found += value.to_bytes(4)[: len(group) - 1]
        at += 5
    return bytes(found)


def _from_runs(data: bytes, _: dict[str, Value]) -> bytes:
    found, at = bytearray(), 0
    while at < len(data) and data[at] != 128:
        length = data[at]
        if length < 128:
            run = data[at + 1 : at + 2 + length]
            if len(run) != length + 1:
                break
            at += length + 2
        else:
            run = data[at + 1 : at + 2] * (257 - length)
            at += 2
        found += run
        if not run or len(found) > MAX_DECODED:
            break
    if len(found) <= MAX_DECODED and data[at : at + 1] != b"\x80":
        raise irregular("a stream of runs without its end")
    return bytes(found)


def _from_lzw(data: bytes, parameters: dict[str, Value]) -> bytes:
    early = 1 if "EarlyChange" not in parameters else whole(parameters["EarlyChange"])
    found, table = bytearray(), [bytes([each]) for each in range(256)] + [b"", b""]
    width, bits, count, before = 9, 0, 0, b""
    for octet in data:
        bits, count = (bits << 8 | octet) & 0xFFFFFF, count + 8
        if count < width:
            continue
        count -= width
        code = bits >> count & (1 << width) - 1
        if code == 257:
            return bytes(found)
        if code == 256:
            del table[258:]
            width, before = 9, b""
            continue
        if code > len(table) or (code == len(table) and not before):
            break
        entry = table[code] if code < len(table) else before + before[:1]
        found += entry
        if len(found) > MAX_DECODED:
            return bytes(found)
        if before and len(table) < 4096:
            table.append(before + entry[:1])
        before = entry
        width = min(12, max(9, (len(table) + early).bit_length()))
    raise irregular("a stream of LZW without its end")


_DECODERS: dict[str, Callable[[bytes, dict[str, Value]], bytes]] = {
    "ASCII85Decode": _from_ascii_85,
    "ASCIIHexDecode": _from_hex,
    "FlateDecode": _inflated,
    "LZWDecode": _from_lzw,
    "RunLengthDecode": _from_runs,
}


def _unpredicted(data: bytes, parameters: dict[str, Value]) -> bytes:
    """Undo a predictor of TIFF (2) or PNG (10 to 15), §7.4.4.4."""
    kind = whole(parameters["Predictor"])
    if kind == 1:
        return data
    colors, bits, columns = (
        whole(parameters[key]) if key in parameters else default
        for key, default in (("Colors", 1), ("BitsPerComponent", 8), ("Columns", 1))
    )
    row = (colors * bits * columns + 7) // 8
    step = max(1, colors * bits // 8)
    if min(colors, bits, columns) < 1 or not 10 <= kind <= 15 or len(data) % (row + 1):
        # TIFF's is of pictures, whose samples have many forms.
        raise irregular(f"a stream whose predictor is {kind}")
    found, above = bytearray(), bytes(row)
    if sum(map(bool, data[:: row + 1])) * row > _MAX_PREDICTED:
        raise RefusedError("TOO_SLOW", "a stream that takes long to unpack")
    for at in range(0, len(data), row + 1):
        above = _png_row(data[at], data[at + 1 : at + 1 + row], above, step)
        found += above
    return bytes(found)


def _png_row(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    if kind == 0:
        return line
    if kind == 2:
        return bytes([(a + b) & 0xFF for a, b in zip(line, above, strict=True)])
    if kind not in {1, 3, 4}:
        raise irregular("a row of an unknown predictor")
    found = bytearray(step) + line
    corners = bytes(step) + above
    for at in range(len(line)):
        left, up, corner = found[at], above[at], corners[at]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            near = left + up - corner
            guess = min((left, up, corner), key=lambda each: abs(near - each))
        found[at + step] = (line[at] + guess) & 0xFF
    return bytes(found[step:])
