# SPDX-License-Identifier: MIT
"""What programs show of a PDF, and whether that is what was signed."""

import base64
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Literal, NamedTuple, Self, cast

from tests.corpus.drawing import DPI, MOST_PAGES

#: Compared with what was signed.
Shown = Literal["same", "other", "nothing"]
#: Page, counted from 1, and left, bottom, right, top in points.
Mark = tuple[int, float, float, float, float]
_ROOT = Path(__file__).parents[2]
_SECONDS = 20.0
_ROUNDING = 8  # of 255
_PGM = re.compile(rb"P5\n(?:#[^\n]*\n)*(\d+) (\d+)\n(?:#[^\n]*\n)*255\n")


class Page(NamedTuple):
    """A page in pixels of ``DPI``, and its text without blanks."""

    width: int
    height: int
    grey: bytes
    text: str

    def without(self, marks: Iterable[Mark], number: int) -> "Page":
        """Return the page with white marks, and without its text if there are any."""
        grey, scale, changed = bytearray(self.grey), DPI / 72, False
        for page, left, bottom, right, top in marks:
            if page != number:
                continue
            changed = True
            first, last = int(left * scale) - 1, int(right * scale) + 2
            first, last = max(first, 0), min(last, self.width)
            above = max(self.height - int(top * scale) - 2, 0)
            below = min(self.height - int(bottom * scale) + 2, self.height)
            for row in range(above, below):
                begin = row * self.width
                grey[begin + first : begin + last] = b"\xff" * (last - first)
        text = "" if changed else self.text
        return Page(self.width, self.height, bytes(grey), text)

    def is_like(self, other: "Page", *, only_pixels: bool) -> bool:
        """Return whether both look alike.

        Where a page has something transparent, Ghostscript rounds greys otherwise.
        """
        if self[:2] != other[:2] or not (only_pixels or self.text == other.text):
            return False
        return self.grey == other.grey or all(
            abs(one - two) <= _ROUNDING
            for one, two in zip(self.grey, other.grey, strict=True)
        )


View = tuple[Page, ...]


class _Server:
    """A program that draws one PDF after the other. It is started anew if it ends."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._popen: subprocess.Popen[str] | None = None
        self._lines: SimpleQueue[str] = SimpleQueue()

    def view(self, path: Path) -> View:
        """Return the pages, or none if the program fails or takes too long."""
        if self._popen is None or self._popen.poll() is not None:
            self._start()
        popen = cast("subprocess.Popen[str]", self._popen)
        assert popen.stdin
        try:
            popen.stdin.write(f"{path}\n")
            popen.stdin.flush()
            line = self._lines.get(timeout=_SECONDS)
        except (Empty, OSError):
            line = ""
        if not line.endswith("\n"):
            self.close()
            return ()
        pages = []
        for each in json.loads(line) or ():
            width, height = each["size"]
            grey, text = base64.b64decode(each["grey"]), _squeezed(each["text"])
            pages.append(Page(width, height, grey, text))
        return tuple(pages)

    def _start(self) -> None:
        self.close()
        self._popen = popen = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines = lines = SimpleQueue[str]()

        def read() -> None:
            assert popen.stdout
            with popen.stdout as output:
                for line in output:
                    lines.put(line)
            lines.put("")

        Thread(target=read, daemon=True).start()

    def close(self) -> None:
        """End the program."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            assert self._popen.stdin
            with suppress(OSError):
                self._popen.stdin.close()
            self._popen = None


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _output(*command: str | Path) -> bytes:
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout


def _pages(images: bytes, text: str) -> View:
    """Read portable grey maps one after the other, and texts between form feeds."""
    pages: list[Page] = []
    texts, at = text.split("\f"), 0
    while found := _PGM.match(images, at):
        width, height = int(found[1]), int(found[2])
        at = found.end() + width * height
        grey = images[found.end() : at]
        own = texts[len(pages)] if len(pages) < len(texts) else ""
        pages.append(Page(width, height, grey, _squeezed(own)))
    return tuple(pages)


def _poppler(path: Path) -> View:
    until = ("-l", str(MOST_PAGES))
    images = _output("pdftoppm", "-gray", "-cropbox", "-r", str(DPI), *until, path)
    text = _output("pdftotext", *until, path, "-").decode("utf-8", "replace")
    return _pages(images, text)


def _ghostscript(path: Path) -> View:
    options = [
        "-q",
        "-dSAFER",
        "-dUseCropBox",
        "-dBATCH",
        "-dNOPAUSE",
        "-sstdout=%stderr",
    ]
    options += [f"-dLastPage={MOST_PAGES}", "-sDEVICE=pgmraw", f"-r{DPI}"]
    return _pages(_output("gs", *options, "-sOutputFile=-", path), "")


class PdfReaders:
    """Programs that show PDFs, by their names. It is a context manager."""

    EVERY = ("poppler", "MuPDF", "PDFium", "pdf.js", "Ghostscript")

    def __init__(self, names: Iterable[str] = EVERY) -> None:
        self._stack = ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._file = Path(folder) / "file.pdf"
        drawing = (sys.executable, "-m", "tests.corpus.drawing")
        servers = {
            "MuPDF": _Server(*drawing, "mupdf"),
            "PDFium": _Server(*drawing, "pdfium"),
            "pdf.js": _Server("node", str(Path(__file__).with_name("pdfjs.mjs"))),
        }
        every: dict[str, Callable[[Path], View]] = {
            "poppler": _poppler,
            "Ghostscript": _ghostscript,
            **{name: server.view for name, server in servers.items()},
        }
        for server in servers.values():
            self._stack.callback(server.close)
        self._readers = {name: every[name] for name in names}
        self._known: dict[tuple[str, bytes], View] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compare(
        self,
        pdf: bytes,
        signed: bytes,
        marks: Iterable[Mark] = (),
        *,
        only_pixels: bool = False,
    ) -> dict[str, Shown]:
        """Return what each program shows of a PDF, compared with another.

        ``marks`` are places that are not compared. ``only_pixels`` leaves out texts.
        """
        marks = list(marks)
        return {
            name: self._compare(name, pdf, signed, marks, only_pixels)
            for name in self._readers
        }

    def _compare(
        self,
        name: str,
        pdf: bytes,
        signed: bytes,
        marks: list[Mark],
        only_pixels: bool,
    ) -> Shown:
        if (name, signed) not in self._known:
            view = self.view(name, signed)
            assert view, f"{name} shows nothing of what was signed"
            self._known[name, signed] = view
        view, wanted = self.view(name, pdf), self._known[name, signed]
        if not view:
            return "nothing"
        both = [
            [page.without(marks, at) for at, page in enumerate(each, start=1)]
            for each in (view, wanted)
        ]
        alike = len(both[0]) == len(both[1]) and all(
            one.is_like(other, only_pixels=only_pixels)
            for one, other in zip(*both, strict=True)
        )
        return "same" if alike else "other"

    def agree(self, pdf: bytes) -> dict[str, Shown]:
        """Return which programs show other texts or pages of a PDF than the first.

        No two programs draw the same pixels.
        """
        views = {name: self.view(name, pdf) for name in self._readers}
        texts = {
            name: [each.text for each in view] if name != "Ghostscript" else len(view)
            for name, view in views.items()
            if view
        }
        wanted = next(iter(texts.values()), [])
        size = len(wanted) if isinstance(wanted, list) else wanted
        return {
            name: "nothing"
            if name not in texts
            else "same"
            if texts[name] in (wanted, size)
            else "other"
            for name in views
        }

    def view(self, name: str, pdf: bytes) -> View:
        """Return the pages that a program shows, or none."""
        self._file.write_bytes(pdf)
        return self._readers[name](self._file)
