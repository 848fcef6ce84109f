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

import os
import re
import struct
import subprocess
import sys
from functools import partial

from kortilla.common.limits import die_with_parent, leave_network, limit_resources

#: Width and height in pixels, and in points.
HEAD = struct.Struct(">IIdd")
#: The longer side of a picture, in pixels.
LONGEST = 720

#: Most bytes of address space, and seconds of processor time, of each process.
_MOST_MEMORY = 1 << 30
_MOST_TIME = 10
_PATH = "/usr/bin:/bin"
#: Standard input, opened anew by each program.
_INPUT = "/dev/stdin"
_PAGES = re.compile(rb"^Pages: +([0-9]{1,9})$", re.MULTILINE)
_SIZE = re.compile(
    rb"^Page +[0-9]+ size: +([0-9.e+]{1,20}) x ([0-9.e+]{1,20}) pts", re.MULTILINE
)
_TURN = re.compile(rb"^Page +[0-9]+ rot: +([0-9]{1,3})$", re.MULTILINE)
_IMAGE = re.compile(rb"P6\n([0-9]{1,5}) ([0-9]{1,5})\n255\n")


def main() -> int:
    """Draw and return the exit status. A crash or a limit may come first."""
    _limit(int(sys.argv[2]))
    number = "1" if sys.argv[1] == "first" else _last(_run("pdfinfo", _INPUT))
    page = ("-f", number, "-l", number)
    width, height = _size(_run("pdfinfo", *page, _INPUT))
    drawn = _run("pdftoppm", *page, "-cropbox", "-scale-to", str(LONGEST), _INPUT)
    image = _IMAGE.match(drawn)
    if image is None:
        return 1
    columns, rows = int(image[1]), int(image[2])
    pixels = drawn[image.end() :]
    # A page that is much longer than wide gets few pixels.
    if not columns * rows or len(pixels) != 3 * columns * rows:
        return 1
    sys.stdout.buffer.write(HEAD.pack(columns, rows, width, height) + pixels)
    sys.stdout.buffer.flush()
    return 0


def _last(info: bytes) -> str:
    return _found(_PAGES, info)[1].decode()


def _size(info: bytes) -> tuple[float, float]:
    """Return width and height of the page as it is shown, in points."""
    size = _found(_SIZE, info)
    width, height = float(size[1]), float(size[2])
    turned = int(_found(_TURN, info)[1]) in (90, 270)
    return (height, width) if turned else (width, height)


def _found(what: re.Pattern[bytes], info: bytes) -> re.Match[bytes]:
    # A title of the PDF may look like a line, and comes before.
    *_, last = [None, *what.finditer(info)]
    if last is None:
        raise SystemExit(1)
    return last


def _run(*command: str) -> bytes:
    """Return what a program writes. It gets no environment."""
    try:
        done = subprocess.run(  # noqa: S603 - a program of the system
            command,
            env={"PATH": _PATH, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )
    except (OSError, subprocess.CalledProcessError):
        raise SystemExit(1) from None
    return done.stdout


def _limit(window: int) -> None:
    limit_resources(window, memory=_MOST_MEMORY, seconds=_MOST_TIME)
    leave_network()


if __name__ == "__main__":
    sys.exit(main())
