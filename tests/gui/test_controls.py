# SPDX-License-Identifier: MIT
"""The colours and the controls that all windows share."""

import subprocess
import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QImage,
    QPalette,
)
from PySide6.QtWidgets import QApplication, QWidget

from native_host.gui.accessibility import Announcer, TopWindow
from native_host.gui.buttons import Button
from native_host.gui.frame import Stepper
from native_host.gui.labels import Heading
from native_host.gui.panels import Kind, Notice
from native_host.gui.sizes import dp
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    Tokens,
    contrast,
    has_high_contrast,
    palette_of,
    tokens_for,
)

PALETTES = {
    "light": palette_of(LIGHT),
    "dark": palette_of(DARK),
    "high contrast": QPalette(QColor("black"), QColor("black")),
}
EACH = pytest.mark.parametrize("scheme", PALETTES)


def shot(widget: QWidget) -> QImage:
    widget.resize(widget.sizeHint())
    return widget.grab().toImage()


@EACH
@pytest.mark.parametrize("primary", [False, True])
def test_a_button_stands_out_by_its_edge(
    application: QApplication, scheme: str, primary: bool
) -> None:
    button = Button("Cancel", "identify" if primary else None)
    button.setPalette(PALETTES[scheme])
    picture = shot(button)
    ground = PALETTES[scheme].window().color()
    edge = picture.pixelColor(0, picture.height() // 2)
    assert contrast(edge, ground) >= 3
    assert picture.height() == dp(44)


@EACH
@pytest.mark.parametrize("kind", ["warning", "error", "good"])
def test_a_notice_has_the_colours_of_its_kind(
    application: QApplication, scheme: str, kind: Kind
) -> None:
    notice = Notice("The PIN has been unlocked.", kind=kind)
    notice.setPalette(PALETTES[scheme])
    picture = shot(notice)
    tokens = tokens_for(PALETTES[scheme])
    colour, ground = getattr(tokens, kind), getattr(tokens, f"{kind}_ground")
    middle = picture.height() // 2
    assert picture.pixelColor(dp(8), middle) == ground
    sign = [
        picture.pixelColor(x, y)
        for x in range(dp(16), dp(37))
        for y in range(dp(11), dp(32))
    ]
    assert max(contrast(each, ground) for each in sign) >= 3
    window = PALETTES[scheme].window().color()
    assert contrast(picture.pixelColor(0, middle), window) >= 3
    assert contrast(colour, ground) >= 4.5


def test_the_current_step_and_those_before_it_look_unlike_those_after(
    application: QApplication,
) -> None:
    stepper = Stepper(["Letter", "PIN1", "PIN2"], "manage", "{} of {}: {}".format)
    pictures = []
    for index in range(3):
        stepper.set_current(index)
        assert stepper.current == index
        picture = shot(stepper)
        pictures.append([*bytes(picture.constBits())])
        seen = {picture.pixelColor(x, dp(14)).name() for x in range(picture.width())}
        assert LIGHT.acts["manage"].button.name() in seen
    assert pictures[0] != pictures[1] != pictures[2]


def test_the_stepper_reads_as_one_sentence(application: QApplication) -> None:
    stepper = Stepper(["Letter", "PIN1"], "manage", "Step {} of {}: {}".format)
    stepper.set_current(1)
    interface = QAccessible.queryAccessibleInterface(stepper)
    assert interface is not None
    assert interface.text(QAccessible.Text.Name) == "Step 2 of 2: PIN1"


@pytest.mark.parametrize("width", [160, 300, 700])
def test_the_current_step_is_named_in_any_width(
    application: QApplication, width: int
) -> None:
    names = ["Letter", "PIN1: identifying", "PIN2: signing"]
    stepper = Stepper(names, "manage", "{} of {}: {}".format)
    needed = stepper.minimumSizeHint().width()
    stepper.resize(max(width, needed), stepper.sizeHint().height())
    bare = Stepper(["", "", ""], "manage", "{} of {}: {}".format)
    bare.resize(stepper.size())
    assert stepper.grab().toImage() != bare.grab().toImage()


def test_qt_does_not_translate_the_reasons_in_our_texts() -> None:
    """Such a reason is the C library's, in the language of ``LC_MESSAGES``."""
    look = (
        "import locale; from tools import window_pictures;"
        "application = window_pictures.offscreen_application();"
        "print(*map(locale.setlocale, (locale.LC_CTYPE, locale.LC_MESSAGES)))"
    )
    # The system's language is one that each system has, unlike Finnish.
    started = subprocess.run(
        ["env", "LC_ALL=C.UTF-8", sys.executable, "-c", look],
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout.split() == ["C.UTF-8", "C"]


BLACK, WHITE = QColor("black"), QColor("white")
HIGH = {
    "white on black": QPalette(BLACK, BLACK),
    "black on white": QPalette(WHITE, WHITE),
}
TOKENS = [LIGHT, DARK, *(tokens_for(palette) for palette in HIGH.values())]
TOKENS_EACH = pytest.mark.parametrize(
    "tokens", TOKENS, ids=["light", "dark", "white on black", "black on white"]
)


@TOKENS_EACH
def test_text_and_edges_stand_out(tokens: Tokens) -> None:
    for ground in (tokens.window, tokens.panel, tokens.foot):
        for text in (tokens.ink, tokens.muted):
            assert contrast(text, ground) >= 4.5
        for edge in (tokens.edge, tokens.focus):
            assert contrast(edge, ground) >= 3
    for kind in ("warning", "error", "good"):
        ground = getattr(tokens, f"{kind}_ground")
        assert contrast(getattr(tokens, kind), ground) >= 4.5
        assert contrast(tokens.ink, ground) >= 4.5
    assert contrast(tokens.ink, tokens.field) >= 4.5


@TOKENS_EACH
def test_each_act_can_be_read_on_every_surface(tokens: Tokens) -> None:
    for act in tokens.acts.values():
        assert contrast(act.on_band, act.band) >= 4.5
        assert contrast(act.on_button, act.button) >= 4.5
        assert contrast(act.button, tokens.foot) >= 3
        assert contrast(act.sign, tokens.window) >= 4.5
        assert contrast(act.sign, act.tint) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_our_palettes_are_recognised_and_no_high_contrast(
    application: QApplication, tokens: Tokens
) -> None:
    palette = palette_of(tokens)
    assert tokens_for(palette) is tokens
    assert not has_high_contrast(palette)


@pytest.mark.parametrize("name", HIGH)
def test_a_palette_for_high_contrast_is_used_and_nothing_else(name: str) -> None:
    palette = HIGH[name]
    assert has_high_contrast(palette)
    tokens = tokens_for(palette)
    assert tokens.plain
    assert tokens.window == tokens.panel == palette.window().color()
    assert tokens.edge == tokens.ink == palette.windowText().color()


def test_a_heading_that_gets_the_focus_is_said_once(
    application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orca says of a heading only that it is one."""
    spoken: list[str] = []
    monkeypatch.setattr(Announcer, "together", 0)
    window = TopWindow()
    announcer = Announcer(window)

    def speak(event: QAccessibleAnnouncementEvent) -> None:
        if event.object() is announcer._voice:  # not that of an earlier window
            spoken.append(event.message())

    monkeypatch.setattr(
        "native_host.gui.accessibility.QAccessible.updateAccessibility", speak
    )
    heading = Heading("Signed")
    heading.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    heading.setParent(window)
    window.show()
    window.activateWindow()
    application.processEvents()
    heading.setFocus()
    application.processEvents()
    assert spoken == ["Signed"]
    announcer.say("The card is ready.")
    assert spoken == ["Signed", "The card is ready."]
    window.hide()
    window.deleteLater()
