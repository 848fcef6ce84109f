# SPDX-License-Identifier: MIT
"""The scroll area around the page."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSlider, QScrollArea

__all__ = ["SCROLL_ACTIONS", "PageScrollArea"]

#: The action of each key that scrolls.
SCROLL_ACTIONS: Mapping[int, QAbstractSlider.SliderAction] = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class PageScrollArea(QScrollArea):
    """Ignores the keys that scroll: the window decides what they scroll."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in SCROLL_ACTIONS:
            event.ignore()
        else:
            super().keyPressEvent(event)
