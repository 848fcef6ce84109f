# SPDX-License-Identifier: MIT
"""Runs poppler's pdfinfo and pdftoppm on a PDF, within limits.

They are in the network namespace of the process that runs them, which mostly is empty.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Self

from kortilla.common.limits import limit_resources

#: Most seconds of processor time, and bytes of address space, of each program.
MOST_SECONDS = 60
_MOST_MEMORY = 1 << 30
_PATH = "/usr/bin:/bin"
#: Standard input, opened anew by each program.
_INPUT = "/dev/stdin"
_MOST_INFO = 4_000_000  # bytes of what pdfinfo writes
_PAGES = re.compile(rb"^Pages: +([0-9]{1,9})$", re.MULTILINE)
_TURN = re.compile(rb"^Page +([0-9]{1,9}) rot: +([0-9]{1,3})$", re.MULTILINE)
_NUMBER = rb"(-?[0-9]{1,12}\.[0-9]{2})"
_BOX = re.compile(
    rb"^Page +([0-9]{1,9}) (Media|Crop)Box: +" + rb" +".join(4 * [_NUMBER]) + rb"$",
    re.MULTILINE,
)
_HEAD = re.compile(rb"([0-9]{1,5}) ([0-9]{1,5})\n")

Box = tuple[float, float, float, float]


class NoPopplerError(Exception):
    """Poppler's programs are not on this computer."""


class UndrawnError(Exception):
    """Poppler can't read a PDF, or reached a limit."""


@dataclass
class Geometry:
    """A page's boxes in points (left, bottom, right, top), and its turn in degrees."""

    media: Box = (0, 0, 0, 0)
    crop: Box = (0, 0, 0, 0)
    turn: int = 0


@dataclass
class Info:
    """The number of pages, and the geometry of those that were asked for."""

    pages: int
    geometry: list[Geometry] = field(default_factory=list)


@dataclass(frozen=True)
class Image:
    """A page as rows from the top, three bytes a pixel: red, green, blue."""

    width: int
    height: int
    pixels: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


class Document:
    """A PDF that poppler's programs read. A context manager, which ends them."""

    def __init__(self, content: bytes | memoryview | IO[bytes]) -> None:
        self._stack = ExitStack()
        if isinstance(content, bytes | memoryview):
            self._file: IO[bytes] = self._stack.enter_context(_nameless_file())
            self._file.write(content)
            self._file.flush()
        else:
            self._file = content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def info(self, first: int, last: int) -> Info:
        """Return what is known of some pages. Raises the errors of this module."""
        running = self._run("pdfinfo", "-box", "-f", str(first), "-l", str(last))
        told = _stdout(running).read(_MOST_INFO)
        # A title of the PDF may look like a line, and comes before.
        *_, number = [None, *_PAGES.finditer(told)]
        # A program that has more to say would wait for ever.
        if len(told) == _MOST_INFO or running.wait() or number is None:
            raise UndrawnError("pdfinfo")
        found = Info(int(number[1]))
        pages = {each: Geometry() for each in range(first, min(found.pages, last) + 1)}
        for page, turn in _TURN.findall(told):
            if int(page) in pages:
                pages[int(page)].turn = int(turn)
        for page, kind, *sides in _BOX.findall(told):
            if int(page) in pages:
                left, bottom, right, top = map(float, sides)
                box = (left, bottom, right, top)
                setattr(pages[int(page)], kind.decode().lower(), box)
        found.geometry = [*pages.values()]
        return found

    def images(self, first: int, last: int, longest: int) -> Iterator[Image]:
        """Yield some pages, whose longer side has ``longest`` pixels.

        There are fewer where poppler fails at a page.
        """
        some = ("-f", str(first), "-l", str(last))
        scale = ("-scale-to", str(longest))
        running = self._run("pdftoppm", *some, "-cropbox", *scale)
        stream = _stdout(running)
        while stream.readline(4) == b"P6\n":
            size = _HEAD.fullmatch(stream.readline(13))
            if size is None or stream.readline(5) != b"255\n":
                return
            width, height = int(size[1]), int(size[2])
            if not 0 < width <= longest + 1 or not 0 < height <= longest + 1:
                return
            pixels = stream.read(3 * width * height)
            if len(pixels) < 3 * width * height:
                return
            yield Image(width, height, pixels)

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program. It gets no environment."""
        if sys.platform == "win32":  # its limits are those of a fork
            raise NoPopplerError
        limit = partial(
            limit_resources, os.getpid(), memory=_MOST_MEMORY, seconds=MOST_SECONDS
        )
        try:
            running = subprocess.Popen(  # noqa: S603 - a program of the system
                [*command, _INPUT],
                stdin=self._file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PATH": _PATH, "LC_ALL": "C"},
                preexec_fn=limit,  # noqa: PLW1509 - this process has one thread
            )
        except FileNotFoundError as error:
            raise NoPopplerError from error
        except (OSError, subprocess.SubprocessError) as error:
            raise UndrawnError(str(error)) from error
        self._stack.callback(_end, running)
        return running


def _nameless_file() -> IO[bytes]:
    """Return a file without a name, in memory where the system has such files."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("pdf", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()


def _stdout(running: subprocess.Popen[bytes]) -> IO[bytes]:
    assert running.stdout is not None  # noqa: S101 - it is a pipe
    return running.stdout


def _end(running: subprocess.Popen[bytes]) -> None:
    running.kill()
    _stdout(running).close()
    running.wait()
