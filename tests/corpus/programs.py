# SPDX-License-Identifier: MIT
"""PDFs that other programs write, signed by Kortilla and by pyHanko. All are valid."""

import asyncio
import io
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers import SimpleSigner, sign_pdf
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata
from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QGuiApplication, QPdfWriter, QTextDocument

from tests.corpus.cases import VALID, Case, Make, Signer
from tests.kortilla.signed_files import Maker
from tests.kortilla.signing_parts import for_pyhanko, make_pdf

_PAGE = """<!doctype html><html lang="fi"><title>Sopimus</title><body>
<h1>Vuokrasopimus</h1><p>Vuokra on <b>500 €</b> kuukaudessa. Äläkö – ”näin”.</p>
<table border=1><tr><td>1<td>2</table><p><a href="https://service.example/">Lisää</a>
<h1 style="page-break-before: always">Liite</h1>"""
#: Commands that write ``out.pdf`` of ``in.pdf``, or of ``page.html``.
_COMMANDS = {
    "qpdf": "qpdf in.pdf out.pdf",
    "qpdf, linearized": "qpdf --linearize in.pdf out.pdf",
    "qpdf, with object streams": "qpdf --object-streams=generate in.pdf out.pdf",
    "qpdf, linearized with object streams": (
        "qpdf --linearize --object-streams=generate in.pdf out.pdf"
    ),
    "qpdf, to be edited": "qpdf --qdf in.pdf out.pdf",
    "mutool": "mutool clean in.pdf out.pdf",
    "mutool, packed": "mutool clean -gggg -z in.pdf out.pdf",
    "mutool, readable": "mutool clean -d -a in.pdf out.pdf",
    "Ghostscript": (
        "gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=out.pdf in.pdf"
    ),
    "Ghostscript, of 1.4": (
        "gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -dCompatibilityLevel=1.4 "
        "-sOutputFile=out.pdf in.pdf"
    ),
    "poppler and cairo": "pdftocairo -pdf in.pdf out.pdf",
    "Chromium": (
        "chromium --headless --no-sandbox --disable-gpu --user-data-dir=profile "
        "--no-pdf-header-footer --print-to-pdf=out.pdf page.html"
    ),
}


def _by_command(command: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.pdf").write_bytes(make_pdf(pages=3))
        (folder / "page.html").write_text(_PAGE)
        subprocess.run(
            command.split(), cwd=folder, capture_output=True, check=True, timeout=60
        )
        return (folder / "out.pdf").read_bytes()


def _by_mupdf(**options: int) -> bytes:
    pymupdf: Any = import_module("pymupdf")
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 72), "Sopimus", fontsize=24)
        page.draw_rect((72, 100, 300, 140), fill=(0, 0, 0))
        document.set_toc([[1, "Alku", 1]])
        return bytes(document.tobytes(**options))


def _by_pdfium() -> bytes:
    pypdfium2: Any = import_module("pypdfium2")
    document, output = pypdfium2.PdfDocument(make_pdf()), io.BytesIO()
    document.save(output)
    return output.getvalue()


def _by_qt() -> bytes:
    application = QGuiApplication.instance() or QGuiApplication(
        ["x", "-platform", "offscreen"]
    )
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    document = QTextDocument()
    document.setHtml(_PAGE)
    document.print_(QPdfWriter(buffer))
    del application
    return bytes(buffer.data().data())


def written_by_programs() -> Iterator[tuple[str, bytes]]:
    """Yield the PDFs, with the names of the programs."""
    for name, command in _COMMANDS.items():
        yield name, _by_command(command)
    yield "PyMuPDF", _by_mupdf()
    yield "PyMuPDF, packed", _by_mupdf(garbage=4, deflate=1, use_objstms=1)
    yield "PDFium", _by_pdfium()
    yield "Qt", _by_qt()


def _by_pyhanko(maker: Maker, pdf: bytes, *, visible: bool) -> bytes:
    signer = SimpleSigner(*for_pyhanko(maker.leaf))
    box = (72, 100, 272, 150) if visible else None
    signed = sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False),
        PdfSignatureMetadata(field_name="Toinen", md_algorithm="sha256"),
        signer,
        new_field_spec=SigFieldSpec("Toinen", box=box),
    )
    return bytes(signed.getvalue())


def cases() -> Iterator[Case]:
    """Yield each PDF signed by Kortilla, by pyHanko, and by both."""
    for name, pdf in written_by_programs():
        yield Case(f"of {name}, signed", _signed(pdf, ("kortilla",)), pdf, VALID)
        yield Case(f"of {name}, by pyHanko", _signed(pdf, ("pyhanko",)), pdf, VALID)
        both = _signed(pdf, ("kortilla", "visibly"))
        # MuPDF shows the three pages, which are the same, by one object.
        pages = (1, 2, 3) if name == "mutool, packed" else (1,)
        marks = tuple((page, 72.0, 100.0, 272.0, 150.0) for page in pages)
        yield Case(f"of {name}, by both", both, pdf, VALID, added=marks)


def _signed(pdf: bytes, signers: tuple[str, ...]) -> Make:
    async def make(signer: Signer) -> bytes:
        signed = pdf
        for each in signers:
            if each == "kortilla":
                signed = await signer.maker.pdf(signed)
            else:
                signed = await asyncio.to_thread(
                    _by_pyhanko, signer.maker, signed, visible=each == "visibly"
                )
        return signed

    return make
