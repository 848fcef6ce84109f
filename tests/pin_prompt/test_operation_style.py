# SPDX-License-Identifier: MIT
"""Every text is legible in the light, dark and high-contrast styles."""

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QLabel

from native_host.gui import icons
from native_host.gui.application import follow_colour_scheme
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    contrast,
    palette_of,
    readable,
    tokens_for,
)
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.messages import (
    AskCodes,
    AskPin,
    CallerTimedOut,
    Show,
    WindowRequest,
)
from native_host.pin_prompt.model import Operation, Problem, Step
from tests.pin_prompt.conftest import Stage, a_codes_question, a_hash, a_question


def palettes() -> dict[str, QPalette]:
    high = QPalette(QColor("black"), QColor("black"))
    return {
        "light": palette_of(LIGHT),
        "dark": palette_of(DARK),
        "high contrast": high,
    }


EACH = pytest.mark.parametrize("name", ["light", "dark", "high contrast"])


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast(QColor("black"), QColor("white")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


@EACH
def test_all_words_stand_out_from_what_they_stand_on(
    application: QApplication, stage: Stage, name: str
) -> None:
    application.setPalette(palettes()[name])
    stage.open()
    requests: tuple[WindowRequest, ...] = (
        AskPin(1, a_question(tries_left=1, wrong=True)),
        AskCodes(2, a_codes_question(tries_left=1, wrong=True)),
        Show(Step.WAITING_FOR_CARD, Problem("CARD_MUTE")),
        CallerTimedOut(),
    )
    for request in requests:
        stage.handle(request)
        for label in stage.window.findChildren(QLabel):
            paper = label.palette().window().color()
            assert contrast(label.palette().windowText().color(), paper) >= 4.5


@EACH
def test_documents_stand_out_from_what_they_stand_on(
    application: QApplication, stage: Stage, name: str
) -> None:
    application.setPalette(palettes()[name])
    page = stage.sign(a_hash(), tries_left=2)
    assert page.documents is not None
    for label in page.documents.findChildren(QLabel):
        palette = label.palette()
        assert contrast(palette.windowText().color(), palette.base().color()) >= 4.5


@EACH
def test_field_and_typed_dots_stand_out(name: str) -> None:
    palette = palettes()[name]
    window, text = palette.window().color(), palette.windowText().color()
    assert contrast(palette.text().color(), palette.base().color()) >= 4.5
    assert contrast(text, window) >= 3
    assert contrast(readable(palette.highlight().color(), window, 3.0), window) >= 3


@pytest.mark.parametrize("operation", sorted(OPERATION_STYLES))
def test_band_and_button_of_each_operation_can_be_read(operation: Operation) -> None:
    style = OPERATION_STYLES[operation]
    assert contrast(style.text, style.colour) >= 4.5


@EACH
def test_the_window_is_as_light_or_dark_as_the_desktop(
    application: QApplication, stage: Stage, name: str
) -> None:
    application.setPalette(palettes()[name])
    stage.open()
    shot = stage.window.grab().toImage()
    corner = shot.pixelColor(shot.width() - 2, shot.height() - 2)
    assert corner == tokens_for(palettes()[name]).foot


def test_a_desktop_that_only_says_dark_gets_dark_colours_and_back(
    application: QApplication, stage: Stage
) -> None:
    light = application.palette().window().color()
    follow_colour_scheme(application, Qt.ColorScheme.Dark)
    stage.open()
    assert stage.window.palette().window().color() == palette_of(DARK).window().color()
    follow_colour_scheme(application, Qt.ColorScheme.Light)
    stage.settle()
    assert stage.window.palette().window().color() == light


def test_almost_black_and_white_colours_are_no_wish_for_a_high_contrast(
    application: QApplication,
) -> None:
    application.setPalette(QPalette(QColor("#faf9f8"), QColor("#faf9f8")))  # GTK's
    follow_colour_scheme(application, Qt.ColorScheme.Light)
    assert tokens_for(application.palette()) is LIGHT


def test_a_desktop_with_its_own_high_contrast_keeps_its_colours(
    application: QApplication, stage: Stage
) -> None:
    high = QPalette(QColor("black"), QColor("black"))
    high.setColor(QPalette.ColorRole.WindowText, QColor("yellow"))
    application.setPalette(high)
    follow_colour_scheme(application, Qt.ColorScheme.Dark, high_contrast=True)
    palette = application.palette()
    assert palette.window().color() == high.window().color()
    assert palette.placeholderText().color() == high.windowText().color()


def test_identifying_and_signing_do_not_look_alike() -> None:
    identifying, signing = OPERATION_STYLES["authenticate"], OPERATION_STYLES["sign"]
    assert identifying.colour != signing.colour
    assert identifying.icon != signing.icon
    assert OPERATION_STYLES["signing-certificate"] == signing


def test_icons_are_drawings_of_three_replaceable_colours_and_the_chip() -> None:
    files = sorted(Path(icons.__file__).with_suffix("").glob("*.svg"))
    names = {file.stem for file in files}
    assert {style.icon for style in OPERATION_STYLES.values()} < names
    for file in files:
        svg = file.read_text("utf-8")
        assert QSvgRenderer(QByteArray(svg.encode())).isValid()
        colours = set(re.findall("#[0-9a-f]{6}", svg))
        assert colours <= {"#000000", "#ffffff", "#0000ff", "#e8c14a"}
        elements = set(re.findall("<([a-z]+)", svg))
        assert elements <= {"svg", "g", "rect", "circle", "path"}
