# SPDX-License-Identifier: MIT
"""PDFs with forms, and later signatures whose marks show something."""

import asyncio
import io
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import RawContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner
from pyhanko.stamp import StaticStampStyle

from tests.kortilla.pki import Leaf
from tests.kortilla.signing_parts import for_pyhanko, pdf_of

#: An A4 page with a price, a place for a signature, and a frame around that.
CONTRACT = (
    "BT /F 11 Tf 72 720 Td (Hinta on 500 euroa.) Tj ET "
    "BT /F 11 Tf 72 150 Td (.....................) Tj ET "
    "0.5 w 60 90 240 80 re S 72 120 m 290 120 l S"
)
_FONT = "/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
OPAQUE = "1 g 0 0 {width} {height} re f 0 g 10 10 m 60 30 l 110 10 l S"
CLEAR = "0 0 0.6 RG 10 10 m 60 30 l 110 10 l S"

Rectangle = tuple[int, int, int, int]


def contract(box: str = "0 0 595 842", *, page: str = "") -> bytes:
    """Return the contract; ``page`` has more entries of the page."""
    return pdf_of(
        [
            "<</Type/Catalog/Pages 2 0 R>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 4 0 R{_FONT}{page}>>",
            f"<</Length {len(CONTRACT)}>>stream\n{CONTRACT}\nendstream",
        ]
    )


def form(shown: str = "500", value: str = "500") -> bytes:
    """Return a page with a field that shows one text and has another as its value."""
    looks = f"/Tx BMC BT /F 12 Tf 2 4 Td ({shown}) Tj ET EMC"
    return pdf_of(
        [
            "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DA(/F 12 Tf 0 g)"
            "/DR<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[4 0 R]{_FONT}>>",
            f"<</FT/Tx/T(Summa)/V({value})/DA(/F 12 Tf 0 g)/Type/Annot/Subtype/Widget"
            "/F 4/Rect[72 700 172 720]/P 3 0 R/AP<</N 5 0 R>>>>",
            f"<</Type/XObject/Subtype/Form/BBox[0 0 100 20]{_FONT}"
            f"/Length {len(looks)}>>stream\n{looks}\nendstream",
        ]
    )


def draw_values(writer: Any) -> None:
    """Have viewers draw the values of fields, in place of their looks."""
    wanted = generic.BooleanObject(True)  # type: ignore[no-untyped-call] # it has no types
    writer.root["/AcroForm"]["/NeedAppearances"] = wanted
    writer.update_container(writer.root["/AcroForm"])


async def marked(
    pdf: bytes, leaf: Leaf, rectangle: Rectangle | None, looks: str = CLEAR
) -> bytes:
    """Sign with pyHanko. The mark has these looks, in points from its corner."""
    meta = PdfSignatureMetadata(field_name="Vuokranantaja", md_algorithm="sha256")
    style = None
    if rectangle is not None:
        left, bottom, right, top = rectangle
        width, height = right - left, top - bottom
        box = BoxConstraints(width=width, height=height)
        content = looks.replace("{width}", str(width)).replace("{height}", str(height))
        style = StaticStampStyle(
            background=RawContent(content.encode(), box=box),
            background_opacity=1,
            border_width=0,
        )
    signer = PdfSigner(
        meta,
        SimpleSigner(*for_pyhanko(leaf)),
        stamp_style=style,
        new_field_spec=SigFieldSpec("Vuokranantaja", box=rectangle),
    )
    output = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    await asyncio.to_thread(signer.sign_pdf, writer, output=output)
    return output.getvalue()
