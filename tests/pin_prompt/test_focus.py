# SPDX-License-Identifier: MIT
"""The focus is seen on every control, and every control is large enough to hit."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from native_host.gui.sizes import dp
from native_host.gui.tokens import DARK, LIGHT, contrast, palette_of
from native_host.pin_prompt.messages import (
    AskCodes,
    AskStarted,
    ChooseCard,
    ConfirmOtherCard,
    OfferUnlock,
)
from native_host.pin_prompt.model import (
    CardChoice,
    OtherCardQuestion,
    UnlockQuestion,
)
from tests.pin_prompt.conftest import Stage, a_codes_question, a_document

PALETTES = {
    "light": palette_of(LIGHT),
    "dark": palette_of(DARK),
    "high contrast": QPalette(QColor("black"), QColor("black")),
}
PAGES = (
    *("login", "sign", "started", "choose", "code", "new PIN", "locked"),
    "other card",
)
CARDS = (CardChoice("Reader A", "SPECIMEN-A", "1"), CardChoice("B", "SPECIMEN-B", "2"))


def show(stage: Stage, page: str, folder: Path) -> None:
    if page == "login":
        stage.ask(tries_left=1)
    elif page == "sign":
        stage.sign(a_document(folder), a_document(folder))
    elif page in ("code", "new PIN"):
        stage.open(operation="activate", origin="")
        stage.handle(AskCodes(1, a_codes_question(tries_left=1)))
        if page == "new PIN":
            stage.window.guard.end()
            box = stage.window.page.last_try_box  # type: ignore[union-attr] # it is open
            QTest.keyClick(box, Qt.Key.Key_Space)
            QTest.keyClick(box, Qt.Key.Key_Tab)
            QTest.keyClicks(stage.window.focusWidget(), "7384629\r")
            assert "New" in stage.window.focusWidget().accessibleName()
    elif page == "other card":
        stage.open()
        card = OtherCardQuestion("SPECIMEN-A", True, "Reader B", "SPECIMEN-B", "2")
        stage.handle(ConfirmOtherCard(1, card))
    elif page == "locked":
        stage.open()
        holder = ("SPECIMEN-POHJALAINEN Aino", "99902038C")
        stage.handle(OfferUnlock(1, UnlockQuestion("PIN1", *holder)))
    else:
        stage.open()
        stage.handle(AskStarted() if page == "started" else ChooseCard(1, CARDS))
    stage.window.guard.end()
    stage.settle()


def controls(stage: Stage) -> list[QWidget]:
    """Go round by Tab and return what has the focus in turn."""
    seen: list[QWidget] = []
    while (focus := stage.window.focusWidget()) not in seen:
        seen.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    return seen


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", PALETTES)
def test_a_ring_is_around_the_control_that_has_the_focus(
    application: QApplication, stage: Stage, tmp_path: Path, scheme: str, page: str
) -> None:
    application.setPalette(PALETTES[scheme])
    show(stage, page, tmp_path)
    rings = []
    for control in controls(stage):
        control.setFocus()
        stage.settle()
        area = getattr(control, "focus_area", control.rect)()
        left = QRect(control.mapTo(stage.window, area.topLeft()), area.size()).left()
        middle = control.mapTo(stage.window, area.center()).y()
        shot = stage.window.grab().toImage()
        column = [shot.pixelColor(left - dp(2) - x, middle) for x in range(dp(3) + 1)]
        ground = PALETTES[scheme].window().color()
        rings.append(sum(contrast(colour, ground) >= 3 for colour in column))
    assert len(rings) > 1
    assert min(rings) >= 2  # pixels


@pytest.mark.parametrize("page", PAGES)
def test_every_control_is_large_enough_to_hit(
    stage: Stage, tmp_path: Path, page: str
) -> None:
    show(stage, page, tmp_path)
    for control in controls(stage):
        assert min(control.width(), control.height()) >= 24


def test_the_ring_follows_and_lets_the_mouse_through(stage: Stage) -> None:
    page = stage.ask()
    cancel = page.buttons[0]
    cancel.setFocus()
    stage.settle()
    place = cancel.mapTo(stage.window, QPoint(1, 1))
    assert stage.window.childAt(place) is cancel


@pytest.mark.parametrize("page", PAGES)
def test_no_text_is_small(stage: Stage, tmp_path: Path, page: str) -> None:
    show(stage, page, tmp_path)
    body = QApplication.font().pointSizeF()
    for part in stage.window.findChildren(QWidget):
        if part.isVisible():
            assert part.font().pointSizeF() >= body * 13 / 15 - 0.01
