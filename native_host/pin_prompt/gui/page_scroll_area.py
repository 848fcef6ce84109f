# SPDX-License-Identifier: MIT
"""The scroll area around the page."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSlider, QFrame, QScrollArea, QWidget

#: The action of each key that scrolls.
SCROLL_ACTIONS: Mapping[int, QAbstractSlider.SliderAction] = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class PageScrollArea(QScrollArea):
    """Shows one page, and ignores the keys that scroll: the window decides on them."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def replace(self, page: QWidget) -> None:
        """Show a page in place of the one before, which stays, hidden.

        A screen reader may ask for each part of it at any time, and gets no answer if
        the part was destroyed.
        """
        if (before := self.takeWidget()) is not None:
            before.setParent(self)
            before.hide()
        self.setWidget(page)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in SCROLL_ACTIONS:
            event.ignore()
        else:
            super().keyPressEvent(event)
