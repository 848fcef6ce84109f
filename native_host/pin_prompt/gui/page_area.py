# SPDX-License-Identifier: MIT
"""What the page is scrolled in."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSlider, QScrollArea

__all__ = ["SCROLLING", "PageArea"]

#: What the keys that scroll do.
SCROLLING: Mapping[int, QAbstractSlider.SliderAction] = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class PageArea(QScrollArea):
    """Scrolls the page, but leaves it to the window what the keys scroll."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in SCROLLING:
            event.ignore()
        else:
            super().keyPressEvent(event)
