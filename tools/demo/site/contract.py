# SPDX-License-Identifier: MIT
"""The demo's contract: one page of PDF with space for a signature."""

import textwrap
from collections.abc import Mapping

#: Keys of the paragraphs in the catalogues.
PARAGRAPHS = ("contract.p1", "contract.p2", "contract.p3", "contract.p4")

#: Left, bottom, right and top of the signature on the page, in points.
SIGNATURE_BOX = (64, 96, 360, 150)

_LEFT, _TOP = 64, 760
_TITLE_SIZE, _SIZE, _LEADING = 20, 11, 16
#: The number of characters that fit in a line of that size on A4, in any text.
_LINE = 80


def contract_pdf(text: Mapping[str, str], *, language: str) -> bytes:
    """Return the contract in the language of a catalogue.

    The texts have no characters beyond Windows-1252.
    """
    drawn = [_line(_LEFT, _TOP, _TITLE_SIZE, text["contract.title"])]
    height = _TOP - 3 * _LEADING
    for key in PARAGRAPHS:
        for line in textwrap.wrap(text[key], _LINE):
            drawn.append(_line(_LEFT, height, _SIZE, line))
            height -= _LEADING
        height -= _LEADING // 2
    label = SIGNATURE_BOX[3] + _LEADING // 2
    drawn.append(_line(_LEFT, label, _SIZE, text["contract.signature"]))
    content = b"\n".join(drawn)
    return _pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/Lang(" + language.encode() + b")"
            b"/ViewerPreferences<</DisplayDocTitle true>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F 5 0 R>>>>>>",
            b"<</Length %d>>stream\n%b\nendstream" % (len(content), content),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            b"<</Title" + _string(text["contract.title"]) + b">>",
        ]
    )


def _line(left: int, bottom: int, size: int, text: str) -> bytes:
    return b"BT /F %d Tf %d %d Td %b Tj ET" % (size, left, bottom, _string(text))


def _string(text: str) -> bytes:
    content = text.encode("cp1252")
    for special in (b"\\", b"(", b")"):
        content = content.replace(special, b"\\" + special)
    return b"(" + content + b")"


def _pdf(objects: list[bytes]) -> bytes:
    """Build a PDF of numbered objects; the first is the root, the last the title."""
    body, offsets = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects)
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (count + 1, table)
        + b"trailer\n<</Size %d/Root 1 0 R/Info %d 0 R>>\n" % (count + 1, count)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )
