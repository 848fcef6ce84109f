# SPDX-License-Identifier: MIT
"""Malicious pictures, and a few harmless ones."""

import struct
import zlib

from PySide6.QtCore import QBuffer
from PySide6.QtGui import QImage, QImageWriter, qRgb


def picture(form: str, width: int = 40, height: int = 20) -> bytes:
    """Return a picture of one colour, ``PNG`` or ``JPEG``."""
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(qRgb(120, 30, 60))
    return written(image, form)


def written(image: QImage, form: str) -> bytes:
    """Return an image as the bytes of a file."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    assert QImageWriter(buffer, form.encode()).write(image)
    return bytes(buffer.data().data())


def slow_jpeg(side: int = 8000, scans: int = 6300) -> bytes:
    """Return a progressive JPEG of 600 kB that takes minutes to decode (ITU-T T.81).

    Each scan states in some sixty bytes that no coefficient of the blocks changes. A
    decoder must visit all coefficients of all blocks to process it.
    """
    blocks = (side // 8) ** 2
    # The code "0" stands for EOB14: fourteen bits follow, and a run of at most 32,767
    # blocks ends (G.1.2.2).
    bits = ("0" + "1" * 14) * -(-blocks // 32767)
    bits += "1" * (-len(bits) % 8)
    run = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")

    def scan(high: int, low: int) -> bytes:
        return _segment(0xDA, bytes((1, 1, 0, 1, 63, high << 4 | low))) + run

    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xDB, b"\0" + b"\1" * 64),
            _segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
            _segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0"),
            scan(0, 1),
            scan(1, 0) * scans,
            b"\xff\xd9",
        )
    )


def huge_png(side: int) -> bytes:
    """Return a PNG that unpacks to a black square of many pixels (RFC 2083).

    ``side`` is a multiple of 100. A full flush forgets all before it, so that the same
    bytes again unpack to the next rows (RFC 1950, RFC 1951).
    """
    assert side % 100 == 0
    row = 1 + 3 * side
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    rows = packer.compress(bytes(100 * row)) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (side * row % 65521) << 16 | 1  # of zeros only
    end = b"\x03\x00" + struct.pack(">I", adler)  # an empty last block before it
    pixels = b"\x78\x01" + rows * (side // 100) + end
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
        for data in (b"IHDR" + head, b"IDAT" + pixels, b"IEND")
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content
