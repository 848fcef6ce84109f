# SPDX-License-Identifier: MIT
"""Has a page of a PDF drawn in another process than the window's.

No code here parses a PDF or an image format. The other process runs
``native_host.desktop.page_picture`` and returns pixels, whose number is checked.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtGui import QImage

from native_host.desktop.page_picture import HEAD, LONGEST
from native_host.gui.limited_process import LimitedProcess

_PROGRAM = [sys.executable, "-I", "-m", "native_host.desktop.page_picture"]
#: Milliseconds until it is killed. Its own limit counts processor time.
_WITHIN = 20_000
_MOST_BYTES = HEAD.size + 3 * (LONGEST + 1) ** 2
_LARGEST = 1e6  # points


@dataclass(frozen=True)
class PagePicture:
    """A page, and its size in points as it is shown."""

    image: QImage
    width: float
    height: float


class PagePainter(LimitedProcess):
    """Has one page drawn. ``done`` has the ``PagePicture``, or None without one."""

    def __init__(self, pdf: Path, page: str) -> None:
        super().__init__(
            [*_PROGRAM, page],
            pdf,
            _picture,
            most_bytes=_MOST_BYTES,
            milliseconds=_WITHIN,
        )


def _picture(answer: bytes) -> PagePicture | None:
    """Return the picture in an answer, or None if it is malformed."""
    if not HEAD.size < len(answer) <= _MOST_BYTES:
        return None
    columns, rows, width, height = HEAD.unpack_from(answer)
    if len(answer) != HEAD.size + 3 * columns * rows:
        return None
    if not (1 <= width < _LARGEST and 1 <= height < _LARGEST):  # nor not a number
        return None
    pixels = memoryview(answer)[HEAD.size :]
    form = QImage.Format.Format_RGB888
    image = QImage(pixels, columns, rows, 3 * columns, form).copy()
    return None if image.isNull() else PagePicture(image, width, height)
