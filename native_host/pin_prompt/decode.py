# SPDX-License-Identifier: MIT
"""The program that decodes one image, outside the process in which the PIN is typed.

``python -I -m native_host.pin_prompt.decode png WINDOW`` (or ``jpeg``) reads the image
from standard input. WINDOW is the number of the window's process. It writes ``HEAD``
(width and height), then the pixels row by row from the top, four bytes each: red,
green, blue, alpha. The exit status is 0, or another number when there is no image.
"""

import struct
import sys

from kortilla.common.limits import limit_resources

#: Width and height in pixels.
HEAD = struct.Struct(">II")
#: Most pixels that are written. A larger image is scaled down: an A4 page with 600 dots
#: an inch has 35 million pixels, a screen has 8 million.
MOST_PIXELS = 32_000_000

#: Most megabytes of a decoded image.
_MOST_IMAGE = 256
#: Most bytes of address space and seconds of processor time of this process.
_MOST_MEMORY = 1 << 30
_MOST_TIME = 10


def main() -> int:
    """Decode and return the exit status. A crash or a limit may come first."""
    limit_resources(int(sys.argv[2]), memory=_MOST_MEMORY, seconds=_MOST_TIME)
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
    from PySide6.QtGui import QImage, QImageReader

    buffer = QBuffer()
    buffer.setData(QByteArray(sys.stdin.buffer.read()))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    QImageReader.setAllocationLimit(_MOST_IMAGE)
    reader = QImageReader(buffer, QByteArray(sys.argv[1].encode()))
    reader.setDecideFormatFromContent(False)
    reader.setAutoDetectImageFormat(False)
    reader.setAutoTransform(True)
    picture = reader.read()
    if picture.isNull():
        return 1
    pixels = picture.width() * picture.height()
    if pixels > MOST_PIXELS:
        scale = (MOST_PIXELS / pixels) ** 0.5
        picture = picture.scaled(
            max(int(picture.width() * scale), 1),
            max(int(picture.height() * scale), 1),
            mode=Qt.TransformationMode.SmoothTransformation,
        )
    picture = picture.convertToFormat(QImage.Format.Format_RGBA8888)
    if picture.isNull():
        return 1
    sys.stdout.buffer.write(HEAD.pack(picture.width(), picture.height()))
    sys.stdout.buffer.write(picture.constBits())
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
