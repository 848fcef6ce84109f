# SPDX-License-Identifier: MIT
"""Shows where the mark of a signature will be on a page."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy

from kortilla.common.corners import Corner, corner_box
from native_host.desktop.page_painter import PagePicture
from native_host.gui.icons import draw_icon
from native_host.gui.sizes import dp
from native_host.gui.tokens import LIGHT, tokens_for

_HEIGHT = 260  # in pixels where body text has 15


class MarkPreview(QLabel):
    """A picture of a page, with a frame where the mark will be."""

    def __init__(self, picture: PagePicture, corner: Corner, name: str) -> None:
        super().__init__()
        self._picture, self._corner = picture, corner
        self.setAccessibleName(name)
        self.setToolTip(name)
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Preferred, policy.Fixed)

    def show_page(self, picture: PagePicture, name: str) -> None:
        """Show another page."""
        self._picture = picture
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.update()

    def set_corner(self, corner: Corner) -> None:
        """Move the mark."""
        self._corner = corner
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(dp(200), dp(_HEIGHT))

    minimumSizeHint = sizeHint  # noqa: N815 - Qt's name

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        tokens = tokens_for(self.palette())
        image = self._picture.image
        line = max(dp(1), 1)
        room = QSize(self.width() - 2 * line, self.height() - 2 * line)
        size = image.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        left = line + (room.width() - size.width()) / 2
        page = QRectF(left, line, size.width(), size.height())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(page, image)
        painter.setPen(QPen(tokens.edge, line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(page)
        self._draw_mark(painter, page)

    def _draw_mark(self, painter: QPainter, page: QRectF) -> None:
        # The page is as light as it is, so the mark has the colours of the light look.
        colours = LIGHT.acts["sign"]
        scale_x = page.width() / self._picture.width
        scale_y = page.height() / self._picture.height
        left, bottom, right, top = corner_box(
            self._picture.width, self._picture.height, self._corner
        )
        mark = QRectF(
            page.left() + left * scale_x,
            page.bottom() - top * scale_y,
            (right - left) * scale_x,
            (top - bottom) * scale_y,
        )
        painter.setPen(QPen(colours.sign, max(dp(2), 1)))
        painter.setBrush(colours.tint)
        painter.drawRect(mark)
        side = min(mark.height() * 0.8, dp(20))
        if side >= dp(8):
            place = QRectF(0, 0, side, side)
            place.moveCenter(mark.center())
            draw_icon(painter, "pen", place, ink=colours.sign, paper=colours.tint)
