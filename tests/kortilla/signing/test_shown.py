# SPDX-License-Identifier: MIT
"""Other programs show a PDF's signer, and the visible signature in its place."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kortilla import Trust
from kortilla.common.corners import CORNERS, Corner, corner_box
from kortilla.signing.exchange import Placeholder
from kortilla.signing.pades import Appearance, finish_pdf, prepare_pdf
from kortilla.signing.pdf import put_placeholder
from kortilla.testing import KortillaCard
from tests.kortilla.signing_parts import (
    card_answer,
    flipped,
    make_pdf,
    pdf_of,
    signing_certificate,
)

BOX = (72, 600, 372, 660)


def run(*command: str | Path) -> str:
    """Run a program and return its output."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, text=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def nss(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty certificate database, as Firefox and poppler use it."""
    folder = tmp_path_factory.mktemp("nss")
    run("certutil", "-N", "-d", folder, "--empty-password")
    return folder


async def signed_by(card: KortillaCard, **more: Any) -> bytes:
    trust = Trust.from_folder(card.folder, test=True)
    state = await prepare_pdf(
        make_pdf(pages=2),
        certificate=signing_certificate(card),
        trust=trust,
        name="sopimus.pdf",
        **more,
    )
    return (await finish_pdf(state, card_answer(state, card), trust=trust)).content


async def test_pdfsig_shows_the_signer(
    kortilla_card: KortillaCard, tmp_path: Path, nss: Path
) -> None:
    file = tmp_path / "signed.pdf"
    pdf = await signed_by(kortilla_card)

    def shown() -> str:
        return run("pdfsig", "-no-ocsp", "-nssdir", nss, file)

    file.write_bytes(pdf)
    text = shown()
    assert kortilla_card.person.satu in text
    assert "Signature Type: ETSI.CAdES.detached" in text
    assert "Signing Hash Algorithm: SHA-384" in text
    assert "Total document signed" in text
    assert "Signature is Valid." in text
    assert "Certificate issuer is unknown." in text
    file.write_bytes(flipped(pdf, pdf.index(b"Sopimus")))
    assert "Signature is Valid." not in shown()


def pixels(pdf: bytes, folder: Path, page: int) -> tuple[int, int, bytes]:
    """Render a page at 72 dots an inch; return width, height and its grey values."""
    file, number = folder / "page.pdf", str(page)
    file.write_bytes(pdf)
    options = ["-cropbox", "-gray", "-singlefile", "-r", "72", "-f", number]
    run("pdftoppm", *options, "-l", number, file, folder / "page")
    _, size, _, grey = (folder / "page.pgm").read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    return width, height, grey


def text_of(pdf: bytes, folder: Path) -> str:
    """Return what is written on the first page."""
    file = folder / "signed.pdf"
    file.write_bytes(pdf)
    return run("pdftotext", "-layout", "-f", "1", "-l", "1", file, "-")


def ink(image: tuple[int, int, bytes], box: tuple[int, int, int, int]) -> int:
    """Count the dark pixels in a box of a page."""
    width, height, grey = image
    left, bottom, right, top = box
    return sum(
        value < 160
        for row in range(height - top, height - bottom)
        for value in grey[row * width + left : row * width + right]
    )


async def test_the_appearance_is_on_its_page_and_nowhere_else(
    kortilla_card: KortillaCard, tmp_path: Path
) -> None:
    appearance = Appearance(BOX, page=-1, text="Sähköisesti allekirjoitettu")
    pdf = await signed_by(kortilla_card, appearance=appearance)
    inside = (BOX[0] + 3, BOX[1] + 3, BOX[2] - 3, BOX[3] - 3)
    first, second = (pixels(pdf, tmp_path, page) for page in (1, 2))
    bare = pixels(await signed_by(kortilla_card), tmp_path, 2)
    assert ink(second, inside) > 100
    assert ink(bare, BOX) == 0
    assert first == bare


@pytest.mark.parametrize(
    "text",
    [
        "Sähköisesti allekirjoitettu: ÄÖÅ äöå šž – €",
        "Elektroniskt undertecknad",
        "Piera Ánde SPECIMEN-ČÁHČI ŊŦĐ\ndáhton čálli (100 %)",
        "100%(text)s %d",
    ],
)
async def test_the_text_is_read_as_the_service_wrote_it(
    kortilla_card: KortillaCard, tmp_path: Path, text: str
) -> None:
    pdf = await signed_by(kortilla_card, appearance=Appearance(BOX, text=text))
    lines = [line.strip() for line in text_of(pdf, tmp_path).splitlines()]
    assert [line for line in lines if line not in {"", "Sopimus"}] == text.splitlines()


async def test_without_a_text_the_name_and_the_time_are_there_and_no_satu(
    kortilla_card: KortillaCard, tmp_path: Path
) -> None:
    read = text_of(await signed_by(kortilla_card, appearance=Appearance(BOX)), tmp_path)
    person = kortilla_card.person
    assert f"{person.given_name} {person.surname}" in read
    assert " UTC" in read
    assert person.satu not in read


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ("middle", None),
        ((0, 0, 0, 10), None),
        ((10, 10, 5, 20), None),
        ((0, 20, 10, 10), None),
        ((0, 0, 10, 20_000), None),
        (BOX, ""),
        (BOX, "x" * 501),
    ],
)
def test_an_appearance_that_can_not_be_seen_is_the_callers_mistake(
    box: Any, text: str | None
) -> None:
    with pytest.raises(ValueError, match=r"box|text"):
        Appearance(box, text=text)


def page(box: str, *, tree: str = "", own: str = "") -> bytes:
    """Return a PDF with one empty page."""
    return pdf_of(
        [
            "<</Type/Catalog/Pages 2 0 R>>",
            f"<</Type/Pages/Kids[3 0 R]/Count 1{tree}>>",
            f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]{own}>>",
        ]
    )


def marked(pdf: bytes, card: KortillaCard, corner: Corner) -> bytes:
    """Put the space for a signature with a mark into a PDF, in this process."""
    certificate, text = signing_certificate(card), "SPECIMEN\nMERKKI"
    nothing = dict.fromkeys(("reason", "location", "field_name"))
    wanted = Placeholder(
        certificate, (), "SHA-384", box=corner, page=-1, text=text, **nothing
    )
    return put_placeholder(wanted, pdf)[1]


@pytest.mark.parametrize(
    "size", [(595, 842), (420, 595), (595, 420), (153, 243), (60, 20)]
)
@pytest.mark.parametrize("corner", CORNERS)
def test_the_mark_is_within_the_page_in_its_corner(
    size: tuple[int, int], corner: Corner
) -> None:
    width, height = size
    left, bottom, right, top = corner_box(width, height, corner)
    assert 0 < left < right < width
    assert 0 < bottom < top < height
    beside = left if "left" in corner else width - right
    above = bottom if "bottom" in corner else height - top
    margin = min(57, 0.1 * min(size))
    assert [beside, above] == pytest.approx([margin, margin])
    assert (right - left) / (top - bottom) == pytest.approx(198 / 57)


@pytest.mark.parametrize("corner", ["bottom-right", "top-left"])
@pytest.mark.parametrize(
    ("box", "tree", "own"),
    [
        ("0 0 420 595", "/Rotate 90", ""),  # inherited
        ("0 0 595 420", "", "/Rotate 180"),
        ("100 50 520 645", "", "/Rotate -90"),
        ("0 0 900 900", "", "/CropBox[595 420 0 0]"),
    ],
)
def test_each_page_that_is_seen_as_the_same_has_the_same_mark(
    kortilla_card: KortillaCard,
    tmp_path: Path,
    box: str,
    tree: str,
    own: str,
    corner: Corner,
) -> None:
    straight = marked(page("0 0 595 420"), kortilla_card, corner)
    turned = marked(page(box, tree=tree, own=own), kortilla_card, corner)
    want = pixels(straight, tmp_path, 1)
    got = pixels(turned, tmp_path, 1)
    assert got[:2] == want[:2]
    dark = ink(want, (0, 0, 595, 420))
    assert dark > 300
    pairs = zip(got[2], want[2], strict=True)
    # Lines of half pixels fall to one side or the other.
    assert sum((a < 160) != (b < 160) for a, b in pairs) < dark / 2
