# SPDX-License-Identifier: MIT
"""Decodes one picture, away from where the PIN is typed.

``python -I -m native_host.pin_prompt.decode png`` (or ``jpeg``) reads the picture from
standard input. It writes ``HEAD``, that is width and height, and then the pixels row by
row from the top, four bytes each: red, green, blue, alpha. Its status is 0 then, and
anything else when there is no picture.
"""

import contextlib
import signal
import struct
import sys

__all__ = ["HEAD", "MOST_PIXELS"]

#: Width and height in pixels.
HEAD = struct.Struct(">II")
#: Pixels that are written at most. A larger picture is made smaller: an A4 page of
#: 600 dots an inch has 35 million, a screen has 8.
MOST_PIXELS = 32_000_000

#: Megabytes that a decoded picture may take.
_MOST_IMAGE = 256
#: Bytes of address space and seconds of processor time that this process may take.
_MOST_MEMORY = 1 << 30
_MOST_TIME = 10
#: prctl(2): the signal that comes when the process that started this one ends.
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Decode, and return the status. A fault or a limit may end the process instead."""
    with contextlib.suppress(ImportError):  # Windows has no such limits
        _limit()
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


def _limit() -> None:
    import ctypes
    import resource

    for what, most in (
        (resource.RLIMIT_AS, _MOST_MEMORY),
        (resource.RLIMIT_CPU, _MOST_TIME),
        (resource.RLIMIT_CORE, 0),
    ):
        allowed = resource.getrlimit(what)[1]
        if allowed == resource.RLIM_INFINITY or allowed > most:
            resource.setrlimit(what, (most, most))
    if sys.platform == "linux":
        # The window's process may end at any moment, and waits for nothing then.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
