# SPDX-License-Identifier: MIT
"""Finds an archive inside a PDF, and a PDF in the parts of an archive beside its files.

Programs open either, under another name. What counts is what ``unzip``, 7-Zip and
Python's ``zipfile`` list of a file without an error: a packed attachment is no archive.
"""

import re
import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from itertools import islice

_MOST = 100_000  # places that are looked at; honest files have few
_NEAR = 75_000  # octets from the end; unzip looks at 66,000 and a piece of 8,192
_TAR_BLOCK, _TAR_MAGIC = 512, 257
#: The parts of a PDF by which viewers know one, also without its header.
_PDF = re.compile(rb"%PDF-|startxref|\d \d+ obj\b")


def has_pdf(slack: bytes) -> bool:
    """Return whether a viewer could read a PDF in what an archive has beside files."""
    return bool(_PDF.search(slack))


def archive_in(content: bytes, revisions: Collection[int]) -> str:
    """Return the kind of an archive in a signed PDF, or an empty text.

    ``revisions`` are the numbers of octets that signatures cover. In the first of them
    an attachment may be a ZIP file as it is, as LibreOffice puts the document into its
    PDF: that is signed, and most programs look for a ZIP file's end near the file's.
    """
    ends = {len(content), *revisions}
    for kind, (magic, is_archive) in _KINDS.items():
        places = list(islice(_places(content, magic), _MOST))
        if kind == "ZIP" and len(places) < _MOST:
            places = [
                each
                for each in places
                if each >= min(ends) or any(0 < end - each <= _NEAR for end in ends)
            ]
        if len(places) == _MOST or any(is_archive(content, at) for at in places):
            return kind
    return ""


def _places(content: bytes, magic: bytes) -> Iterator[int]:
    at = content.find(magic)
    while at >= 0:
        yield at
        at = content.find(magic, at + 1)


def _is_zip(content: bytes, end: int) -> bool:
    """Return whether a directory is where its end says (APPNOTE.TXT §4.3.16)."""
    if len(content) < end + 22:
        return False
    size, offset = struct.unpack_from("<LL", content, end + 12)
    begins = {end - size, offset} - {end}
    huge = content.startswith(b"PK\6\7", max(end - 20, 0))  # ZIP64 (§4.3.15)
    return huge or any(content.startswith(b"PK\1\2", max(at, 0)) for at in begins)


def _is_7z(content: bytes, at: int) -> bool:
    """Return whether a start header has its checksum (7zFormat.txt)."""
    header = content[at + 12 : at + 32]
    return content[at + 8 : at + 12] == struct.pack("<L", zlib.crc32(header))


def _is_tar(content: bytes, at: int) -> bool:
    """Return whether a header has its checksum (POSIX.1-2017, pax, "ustar")."""
    begin = at - _TAR_MAGIC
    header = content[begin : begin + _TAR_BLOCK] if begin >= 0 else b""
    digits = re.fullmatch(rb" *([0-7]+)[ \0]*", header[148:156])
    rest = header[:148] + b" " * 8 + header[156:]
    return digits is not None and int(digits[1], 8) == sum(rest)


def _is_cpio(content: bytes, at: int) -> bool:
    """Return whether a header has the name that it says (cpio(5), two formats)."""
    for head, place, digits, base in _CPIO:
        found = head.match(content, at)
        if found:
            size = content[at + place : at + place + digits]
            end = found.end() + int(size, base)
            if content[end - 1 : end] == b"\0":
                return True
    return False


#: A header, where the length of its name is, its digits and their base.
_CPIO = (
    (re.compile(rb"07070[12][0-9A-Fa-f]{104}"), 94, 8, 16),
    (re.compile(rb"070707[0-7]{70}"), 59, 6, 8),
)
_KINDS: dict[str, tuple[bytes, Callable[[bytes, int], bool]]] = {
    "ZIP": (b"PK\5\6", _is_zip),
    "7z": (b"7z\xbc\xaf\x27\x1c", _is_7z),
    "RAR": (b"Rar!\x1a\x07", lambda *_: True),
    "CAB": (b"MSCF\0\0\0\0", lambda *_: True),
    "tar": (b"ustar", _is_tar),
    "cpio": (b"07070", _is_cpio),
    "XAR": (b"xar!\0", lambda *_: True),
    "WIM": (b"MSWIM\0", lambda *_: True),
    "ISO 9660": (b"\1CD001\1", lambda *_: True),
}
