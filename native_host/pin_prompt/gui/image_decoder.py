# SPDX-License-Identifier: MIT
"""Decodes an image in another process than the one in which the PIN is typed.

No code here parses an image format. The other process runs
``native_host.pin_prompt.decode`` and returns pixels, whose number is checked.
"""

import sys

from PySide6.QtGui import QImage

from native_host.gui.limited_process import LimitedProcess
from native_host.pin_prompt.decode import HEAD, MOST_PIXELS

#: The decoder. Its arguments are the image's format and the number of this process.
_PROGRAM = [sys.executable, "-I", "-m", "native_host.pin_prompt.decode"]
#: Milliseconds until the decoder is killed. The decoder's own limit is less, and counts
#: processor time.
_WITHIN = 30_000
_MOST_BYTES = HEAD.size + 4 * MOST_PIXELS


class ImageDecoder(LimitedProcess):
    """Decodes one image. ``done`` has the image, or None.

    It is None if the image is faulty or too large, or took too long.
    """

    def __init__(self, data: bytes, form: str) -> None:
        super().__init__(
            [*_PROGRAM, form],
            data,
            _picture,
            most_bytes=_MOST_BYTES,
            milliseconds=_WITHIN,
        )


def _picture(answer: bytes) -> QImage | None:
    """Return the image in a decoder's output, or None if the output is malformed."""
    if len(answer) < HEAD.size:
        return None
    width, height = HEAD.unpack_from(answer)
    if width * height == 0 or len(answer) != HEAD.size + 4 * width * height:
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGBA8888
    picture = QImage(pixels, width, height, 4 * width, form).copy()
    return None if picture.isNull() else picture
