# SPDX-License-Identifier: MIT
"""The preview of the mark. Another process with limits reads the PDF."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QCheckBox, QRadioButton

from native_host.desktop import page_picture
from native_host.desktop.page_picture import HEAD, LONGEST
from native_host.desktop.pages import wishes
from native_host.desktop.pages.sign import Page
from native_host.desktop.pages.wishes import MarkPreview, _picture
from native_host.gui.tokens import LIGHT
from tests.desktop.conftest import Open, buttons, unnamed, until, visible, words
from tests.desktop.test_sign_page import choose, page_with
from tests.kortilla.signing.test_shown import page as one_page
from tests.kortilla.signing_parts import make_pdf

NONE = "The page can’t be shown here. You can sign anyway, and the mark goes to"
PROGRAM = [sys.executable, "-I", "-m", page_picture.__name__]


def mark(page: Page) -> None:
    """Tick that a mark is wanted, and wait for the picture or for the words."""
    [box] = visible(page, QCheckBox)
    box.click()
    until(lambda: "Drawing the page…" not in words(page))


def tinted(preview: MarkPreview) -> tuple[float, float]:
    """Return the middle of the mark, as parts of the preview's size."""
    image = preview.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    tint = LIGHT.acts["sign"].tint
    found = [
        (x, y)
        for x in range(0, image.width(), 2)
        for y in range(0, image.height(), 2)
        if QColor(image.pixel(x, y)) == tint
    ]
    assert len(found) > 20
    xs, ys = zip(*found, strict=True)
    return sum(xs) / len(xs) / image.width(), sum(ys) / len(ys) / image.height()


def test_it_shows_the_page_with_the_mark_in_its_corner(
    open_window: Open, tmp_path: Path
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(one_page("0 0 595 420", own="/Rotate 90"))
    window = open_window()
    page = page_with(window, pdf)
    mark(page)
    [preview] = visible(page, MarkPreview)
    assert preview.accessibleName() == "Place of the mark in a.pdf"
    assert unnamed(window) == []
    x, y = tinted(preview)
    assert x < 0.5 < y
    choose(page, "Top right")
    x, y = tinted(preview)
    assert x > 0.5 > y
    choose(page, "On the first page")
    until(lambda: "Drawing the page…" not in words(page))
    assert visible(page, MarkPreview)
    [chosen] = [b for b in visible(page, QRadioButton) if b.text() == "Top right"]
    assert chosen.isChecked()


def test_without_a_picture_it_says_so_and_still_signs(
    open_window: Open, tmp_path: Path
) -> None:
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(b"%PDF-1.7\n" + os.urandom(2000))
    page = page_with(open_window(), pdf)
    mark(page)
    assert any(each.startswith(NONE) for each in words(page))
    assert visible(page, MarkPreview) == []
    assert "Sign 1 file" in buttons(page)


def test_a_process_that_hangs_is_killed(
    open_window: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = [sys.executable, "-I", "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(wishes, "_PROGRAM", sleeper)
    monkeypatch.setattr(wishes, "_WITHIN", 1)
    pdf = tmp_path / "a.pdf"
    pdf.write_bytes(make_pdf())
    page = page_with(open_window(), pdf)
    mark(page)
    assert any(each.startswith(NONE) for each in words(page))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD.pack(1, 1, 595, 842),
        HEAD.pack(1, 1, 595, 842) + bytes(4),
        HEAD.pack(0, 1, 595, 842) + bytes(3),
        HEAD.pack(1, 1, float("nan"), 842) + bytes(3),
        HEAD.pack(1, 1, 0, 842) + bytes(3),
        HEAD.pack(LONGEST + 1, LONGEST + 2, 1, 1)
        + bytes(3 * (LONGEST + 1) * (LONGEST + 2)),
        HEAD.pack(2**31, 2**31, 595, 842) + bytes(3),
    ],
)
def test_an_answer_that_is_no_picture_is_none(answer: bytes) -> None:
    assert _picture(answer) is None


def test_the_other_process_has_limits(tmp_path: Path) -> None:
    """The programs that it runs inherit them."""
    code = f"""
import resource, sys, {page_picture.__name__} as picture
picture._limit({os.getpid()})
print(*(resource.getrlimit(each)[0] for each in (
    resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)))
print(picture._run("cat", "/proc/self/limits").decode())
print(picture._run("sh", "-c", "echo a >{tmp_path}/cache; echo went on").decode())
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    own, *inherited, last = filter(None, done.stdout.splitlines())
    assert last == "went on"  # fontconfig's cache may be old
    assert own == f"{1 << 30} 10 0"
    limits = {line[:26].strip(): line[26:].split()[0] for line in inherited}
    assert limits["Max address space"] == str(1 << 30)
    assert limits["Max cpu time"] == "10"
    assert limits["Max file size"] == "0"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0


@pytest.mark.parametrize("path", ["/nowhere", page_picture._PATH])
def test_without_poppler_or_a_pdf_there_is_no_picture(path: str) -> None:
    code = f"""
import sys, {page_picture.__name__} as picture
picture._PATH, sys.argv[1:] = {path!r}, ["last", "{os.getpid()}"]
sys.exit(picture.main())
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, input=b"no PDF", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_title_can_not_name_another_page(tmp_path: Path) -> None:
    pdf = tmp_path / "a.pdf"
    title = "/Title(x\\nPages:           9\\nPage    2 CropBox: 0.00 0.00 1.00 1.00)"
    info = f"/Root 1 0 R/Info<<{title}>>".encode()
    pdf.write_bytes(make_pdf(pages=2).replace(b"/Root 1 0 R", info))
    command = [*PROGRAM, "last", str(os.getpid())]
    with pdf.open() as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=True)
    assert HEAD.unpack_from(done.stdout)[2:] == (595, 842)
