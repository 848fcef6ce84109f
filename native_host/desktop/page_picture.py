# SPDX-License-Identifier: MIT
"""The program that draws a page of a PDF, in a process of its own with limits.

``python -I -m native_host.desktop.page_picture last WINDOW`` (or ``first``) reads the
PDF from standard input, which must be a file. WINDOW is the number of the window's
process. It writes ``HEAD`` (width and height in pixels,
and in points as the page is shown), then the pixels row by row from the top, three
bytes each: red, green, blue. The exit status is 0, or another number when there is no
picture.

Poppler's pdfinfo and pdftoppm read the PDF, in processes that inherit the limits. They
are not on each computer: without them there is no picture.
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
# A title of the PDF may look like one of these lines. It comes before them.
_PAGES = re.compile(rb"^Pages: +([0-9]{1,9})$", re.MULTILINE)
_TURN = re.compile(rb"^Page +[0-9]+ rot: +([0-9]{1,3})$", re.MULTILINE)
_CROP = re.compile(
    rb"^Page +[0-9]+ CropBox:((?: +-?[0-9]{1,12}\.[0-9]{2}){4})$", re.MULTILINE
)
_PICTURE = re.compile(rb"P6\n([0-9]{1,5}) ([0-9]{1,5})\n255\n")


def main() -> int:
    """Draw and return the exit status. A crash or a limit may come first."""
    if sys.platform == "win32":  # it would look for the programs in any folder
        return 1
    _limit(int(sys.argv[2]))
    try:
        number = 1 if sys.argv[1] == "first" else int(_told(_PAGES, 1))
        left, bottom, right, top = map(float, _told(_CROP, number).split())
        turn = int(_told(_TURN, number))
        scale = ("-cropbox", "-scale-to", str(LONGEST))
        picture = _run("pdftoppm", *scale, *_only(number))
    except (OSError, subprocess.SubprocessError, ValueError):
        return 1
    if (start := _PICTURE.match(picture)) is None:
        return 1
    size = (right - left, top - bottom)
    shown = size[::-1] if turn in (90, 270) else size
    head = HEAD.pack(int(start[1]), int(start[2]), *shown)
    sys.stdout.buffer.write(head + picture[start.end() :])
    sys.stdout.buffer.flush()
    return 0


def _told(line: re.Pattern[bytes], number: int) -> bytes:
    """Return what pdfinfo says in a line about a page, or nothing."""
    found = [b"", *line.findall(_run("pdfinfo", "-box", *_only(number)))]
    return bytes(found[-1])


def _only(page: int) -> tuple[str, ...]:
    return ("-f", str(page), "-l", str(page))


def _run(*command: str) -> bytes:
    """Return what a program writes about the PDF. It gets no environment."""
    done = subprocess.run(  # noqa: S603 - a program of the system
        [*command, "/dev/stdin"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": _PATH, "LC_ALL": "C"},
        check=True,
        # A program that writes a font cache goes on: SIGXFSZ stays ignored.
        restore_signals=False,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )
    return done.stdout


def _limit(window: int) -> None:
    limit_resources(window, memory=_MOST_MEMORY, seconds=_MOST_TIME)
    leave_network()


if __name__ == "__main__":
    sys.exit(main())
