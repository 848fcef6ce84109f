# SPDX-License-Identifier: MIT
"""Draws PDFs with MuPDF or PDFium, in a process of its own, as a file may crash them.

    python -m tests.corpus.drawing mupdf|pdfium

Each line of the input is the path of a PDF, each line of the output its pages in JSON:
width and height in pixels, grey values in base64, and the text. It is null if the
program does not open the file. ``pdfjs.mjs`` does the same with pdf.js.
"""

import base64
import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

DPI = 48
MOST_PAGES = 6
_Page = tuple[int, int, bytes, str]


def _mupdf(path: str) -> Iterator[_Page]:
    pymupdf: Any = import_module("pymupdf")
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    with pymupdf.open(path, filetype="pdf") as document:
        for page in document.pages(stop=min(MOST_PAGES, len(document))):
            drawn = page.get_pixmap(dpi=DPI, colorspace=pymupdf.csGRAY, alpha=False)
            fields = [f"{each.field_value}" for each in page.widgets()]
            text = "\n".join([page.get_text(), *fields])
            yield drawn.width, drawn.height, bytes(drawn.samples), text


def _pdfium(path: str) -> Iterator[_Page]:
    pypdfium2: Any = import_module("pypdfium2")
    document = pypdfium2.PdfDocument(path)
    document.init_forms()
    for number in range(min(MOST_PAGES, len(document))):
        page = document[number]
        drawn = page.render(scale=DPI / 72, grayscale=True)
        octets = ctypes.string_at(drawn.buffer, drawn.stride * drawn.height)
        rows = [octets[at : at + drawn.width] for at in _starts(drawn)]
        text = page.get_textpage().get_text_bounded()
        yield drawn.width, drawn.height, b"".join(rows), text


def _starts(drawn: Any) -> range:
    height, stride = drawn.height, drawn.stride
    return range(0, height * stride, stride)


def main(draw: Callable[[str], Iterator[_Page]]) -> None:
    """Draw each file that the input names."""
    for line in sys.stdin:
        try:
            pages = [
                {"size": (width, height), "grey": base64.b64encode(grey).decode()}
                | {"text": text}
                for width, height, grey, text in draw(line.rstrip("\n"))
            ]
        except Exception:  # of the libraries, any; the file can't be shown
            pages = []
        sys.stdout.write(json.dumps(pages or None) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main({"mupdf": _mupdf, "pdfium": _pdfium}[sys.argv[1]])
