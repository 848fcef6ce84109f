# SPDX-License-Identifier: MIT
"""A mark in a corner is within any page, and upright as a person sees the page."""

from pathlib import Path

import pytest

from kortilla.common.corners import CORNERS, Corner, corner_box, turned_back
from kortilla.signing.appearance import Appearance
from kortilla.signing.pdf import Placeholder
from kortilla.testing import KortillaCard
from tests.kortilla.signing_parts import pdf_of, signing_certificate
from tests.kortilla.test_signing_shown import ink, pixels

A5 = (420, 595)
TEXT = "SPECIMEN\nMERKKI"


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
    placeholder = Placeholder(
        signing_certificate(card), (), "SHA-384", None, None, None, corner, -1, TEXT
    )
    return placeholder.put_into(pdf)[1]


@pytest.mark.parametrize("size", [(595, 842), A5, A5[::-1], (153, 243), (60, 20)])
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


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_turning_a_box_keeps_it_within_the_page(turn: int) -> None:
    shown = A5 if turn in (0, 180) else A5[::-1]
    box = corner_box(*shown, "bottom-right")
    left, bottom, right, top = turned_back(box, (10, 20, 10 + A5[0], 20 + A5[1]), turn)
    assert 10 < left < right < 10 + A5[0]
    assert 20 < bottom < top < 20 + A5[1]
    sides = {round(right - left), round(top - bottom)}
    assert sides == {198, 57}


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
    differing = sum(
        (a < 160) != (b < 160) for a, b in zip(got[2], want[2], strict=True)
    )
    # Lines of half pixels fall to one side or the other.
    assert differing < dark / 2


def test_a_page_without_a_size_gets_a_mark(
    kortilla_card: KortillaCard, tmp_path: Path
) -> None:
    pdf = page("0 0", tree="/MediaBox 1", own="/Rotate 45")
    got = pixels(marked(pdf, kortilla_card, "bottom-left"), tmp_path, 1)
    assert ink(got, (0, 0, 300, 200)) > 100


def test_a_corner_that_is_none_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="corner"):
        Appearance("middle")  # type: ignore[arg-type] # that is the point
