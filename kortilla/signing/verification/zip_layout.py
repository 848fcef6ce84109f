# SPDX-License-Identifier: MIT
"""Refuses ZIP files in which programs may find other names or contents.

Some programs read the directory at the end, others the headers before the files, and
some both. So both say the same here, of nothing that could be read in two ways. The
sections are those of APPNOTE.TXT of ZIP.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from kortilla.signing.verification.archives import has_pdf
from kortilla.signing.verification.findings import RefusedError

# §4.3.7, §4.3.12 and §4.3.16
_COMMON = struct.Struct("<2xHH4xLLLHH")  # of a header and its place in the directory
_LISTED = struct.Struct("<HH2xLL")
_END = struct.Struct("<4sHHHHLLH")
#: Flags (§4.4.4): how well it is packed, sizes after the data, a name in UTF-8.
_LEVEL, _SIZES_FOLLOW, _UTF_8 = 0x06, 0x08, 0x800
_ENCRYPTED = 0x41
_FOLDER = 0x10  # an attribute of DOS
_UNKNOWN = 0xFFFFFFFF  # the size is in the extra field
_SIZES = 0x0001  # of ZIP64
#: Extra fields that give times, owners, or a comment. Others can give another name
#: (0x7075, 0x554E, 0x2805), a link (0x000D, 0x756E, 0x6C78) or encrypted content.
_HARMLESS = {0x000A, 0x5455, 0x5855, 0x6375, 0x7855, 0x7875, 0xCAFE}
_CHUNK, _PACKED = 1 << 20, 1 << 16


class _Entry(NamedTuple):
    """What the directory or a header says of a file; ``end`` is where that ends."""

    flags: int
    method: int
    crc: int
    packed: int
    size: int
    name: bytes
    extra: dict[int, bytes]
    offset: int
    end: int


def check_layout(content: bytes, directory: int) -> None:
    """Check a ZIP file whose directory begins at an offset.

    Raises ``RefusedError``.
    """
    at, slack = 0, [content[directory:]]
    for listed in sorted(_directory(content, directory), key=lambda each: each.offset):
        if listed.offset != at:
            raise _irregular("data between the files")
        header = _entry(content, at, b"PK\3\4", 0)
        _compare(header, listed)
        slack.append(content[header.offset : header.end])
        at = header.end + listed.packed
        data = memoryview(content)[header.end : at]
        if not _fills(listed, data):
            raise _irregular("data after a packed file")
        if header.flags & _SIZES_FOLLOW:
            if listed.method == zipfile.ZIP_STORED and b"PK" in bytes(data):
                raise _irregular("a file that may end earlier")
            at += _descriptor(content, at, listed)
    if at != directory:
        raise _irregular("data after the files")
    if has_pdf(b"\n".join(slack)):
        raise RefusedError("ARCHIVE_INSIDE", "PDF")


def _irregular(detail: str) -> RefusedError:
    return RefusedError("IRREGULAR", detail)


def _entry(content: bytes, at: int, sign: bytes, more: int) -> _Entry:
    """Read a header, or a file's place in the directory, which has ``more`` octets."""
    begin = at + 30 + more
    if not content.startswith(sign, at) or begin > len(content):
        raise _irregular("a header is missing")
    # A place in the directory also begins with the version of the program.
    common = at + (6 if more else 4)
    flags, method, *sizes, name_size, extra_size = _COMMON.unpack_from(content, common)
    crc, packed, size = sizes
    end = begin + name_size + extra_size
    name = content[begin : begin + name_size]
    extra = _extra(content[begin + name_size : end])
    return _Entry(flags, method, crc, packed, size, name, extra, at, end)


def _directory(content: bytes, at: int) -> list[_Entry]:
    """Read the directory and the end, which must be the last in the file (§4.3.6)."""
    begin, found = at, []
    while content.startswith(b"PK\1\2", at):
        entry = _entry(content, at, b"PK\1\2", 16)
        comment, disk, attributes, offset = _LISTED.unpack_from(content, at + 32)
        if disk or _SIZES in entry.extra or _UNKNOWN in {*entry[3:5], offset}:
            raise _irregular("sizes of a huge file")
        _check_kind(entry, attributes)
        at = entry.end + comment
        found.append(entry._replace(offset=offset))
    if at + _END.size > len(content):
        raise _irregular("the end is cut off")
    sign, *disks, count, in_all, size, offset, comment = _END.unpack_from(content, at)
    if (
        sign != b"PK\5\6"
        or any(disks)
        or not count == in_all == len(found)
        or (offset, size) != (begin, at - begin)
        or at + _END.size + comment != len(content)
        or content.rfind(b"PK\5\6") != at
    ):
        raise _irregular("programs may find another directory")
    return found


def _check_kind(listed: _Entry, attributes: int) -> None:
    """Refuse a file that would become a link or folder, and a folder with content."""
    folder = listed.name.endswith(b"/")
    kind = stat.S_IFMT(attributes >> 16)
    odd = kind not in {0, stat.S_IFDIR if folder else stat.S_IFREG}
    if odd or (listed.size if folder else attributes & _FOLDER):
        raise _irregular("a link, or a folder that is a file")


def _extra(data: bytes) -> dict[int, bytes]:
    """Read the extra fields, and refuse those that can change a name or content."""
    found: dict[int, bytes] = {}
    while data:
        kind = int.from_bytes(data[:2], "little")
        end = 4 + int.from_bytes(data[2:4], "little")
        if kind in found or kind not in {*_HARMLESS, _SIZES} or len(data) < end:
            raise _irregular(f"the extra field {kind:#06x}")
        found[kind], data = data[4:end], data[end:]
    return found


def _compare(header: _Entry, listed: _Entry) -> None:
    if (header.flags | listed.flags) & _ENCRYPTED:
        raise RefusedError("ENCRYPTED")
    if (header.flags | listed.flags) & ~(_LEVEL | _SIZES_FOLLOW | _UTF_8):
        raise _irregular("flags that change how a file is read")
    if header.name != listed.name or (header.flags ^ listed.flags) & _UTF_8:
        raise _irregular("a header has another name than the directory")
    if not (listed.flags & _UTF_8 or listed.name.isascii()):
        raise _irregular("a name whose letters are not known")
    said = {("crc", header.crc), ("packed", header.packed), ("size", header.size)}
    if _SIZES in header.extra:
        if len(header.extra[_SIZES]) != 16:
            raise _irregular("sizes of a huge file")
        size, packed = struct.unpack("<QQ", header.extra[_SIZES])
        said -= {("packed", _UNKNOWN), ("size", _UNKNOWN)}
        said |= {("packed", packed), ("size", size)}
    right = {("crc", listed.crc), ("packed", listed.packed), ("size", listed.size)}
    if header.flags & _SIZES_FOLLOW:
        right |= {("crc", 0), ("packed", 0), ("size", 0)}
    if header.method != listed.method or not said <= right:
        raise _irregular("a header differs from the directory")


def _descriptor(content: bytes, at: int, listed: _Entry) -> int:
    """Return the length of the sizes after the data (§4.3.9)."""
    for sign in (b"PK\7\x08", b""):
        for sizes in ("<LLL", "<LQQ"):
            right = sign + struct.pack(sizes, listed.crc, listed.packed, listed.size)
            if content.startswith(right, at):
                return len(right)
    raise _irregular("other sizes after a file")


def _fills(listed: _Entry, data: memoryview) -> bool:
    """Return whether data are the file's content and nothing more."""
    if listed.method == zipfile.ZIP_STORED:
        return listed.packed == listed.size
    unpacker, size = zlib.decompressobj(wbits=-zlib.MAX_WBITS), 0
    for start in range(0, len(data), _PACKED):
        left = bytes(data[start : start + _PACKED])
        while left and not unpacker.eof and size <= listed.size:
            size += len(unpacker.decompress(left, _CHUNK))
            left = unpacker.unconsumed_tail
        if left or unpacker.unused_data:
            return False
    return unpacker.eof and size == listed.size


def pieces(container: zipfile.ZipFile, entry: zipfile.ZipInfo | str) -> Iterator[bytes]:
    """Yield the content of a file in a container."""
    with container.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
