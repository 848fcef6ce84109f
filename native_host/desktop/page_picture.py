# SPDX-License-Identifier: MIT
"""The program that draws a page of a PDF, in a process of its own with limits.

``python -I -m native_host.desktop.page_picture last WINDOW`` (or ``first``) reads the
PDF from standard input, which must be a file. WINDOW is the number of the window's
process. It writes ``HEAD`` (width and height in pixels,
and in points as the page is shown), then the pixels row by row from the top, three
bytes each: red, green, blue. The exit status is 0, or another number when there is no
picture.

Poppler's pdfinfo and pdftoppm read the PDF, in processes that inherit the limits.
"""

import struct
import sys

from kortilla.common.limits import leave_network, limit_resources
from kortilla.signing.pages.poppler import Document, NoPopplerError, UndrawnError

#: Width and height in pixels, and in points.
HEAD = struct.Struct(">IIdd")
#: The longer side of a picture, in pixels.
LONGEST = 720

#: Most bytes of address space, and seconds of processor time, of each process.
_MOST_MEMORY = 1 << 30
_MOST_TIME = 10


def main() -> int:
    """Draw and return the exit status. A crash or a limit may come first."""
    _limit(int(sys.argv[2]))
    try:
        with Document(sys.stdin.buffer) as pdf:
            number = 1 if sys.argv[1] == "first" else pdf.info(1, 1).pages
            [page] = pdf.info(number, number).geometry
            [image] = pdf.images(number, number, LONGEST)
    except (NoPopplerError, UndrawnError, ValueError):
        return 1
    left, bottom, right, top = page.crop
    size = (right - left, top - bottom)
    shown = size[::-1] if page.turn in (90, 270) else size
    head = HEAD.pack(image.width, image.height, *shown)
    sys.stdout.buffer.write(head + image.pixels)
    sys.stdout.buffer.flush()
    return 0


def _limit(window: int) -> None:
    limit_resources(window, memory=_MOST_MEMORY, seconds=_MOST_TIME)
    leave_network()


if __name__ == "__main__":
    sys.exit(main())
