# SPDX-License-Identifier: MIT
"""The widgets that the pages are made of."""

import re

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QWidget

from native_host.gui.icons import draw_icon
from native_host.gui.labels import WrappingLabel, label, make_muted, wrapping_policy
from native_host.gui.panels import Notice, Panel
from native_host.gui.sizes import LARGEST, dp, font
from native_host.gui.tokens import mixed, tokens_for
from native_host.pin_prompt.site_name import SiteName

__all__ = [
    "HolderPanel",
    "Notice",
    "SiteLabel",
    "SitePanel",
    "em",
    "height_at",
    "label",
    "scaled",
    "wrapping_policy",
]


def em(widget: QWidget, count: float = 1.0) -> int:
    """Return a length in pixels, ``count`` times the height of a line of text."""
    return round(widget.fontMetrics().height() * count)


def scaled(widget: QWidget, scale: float, *, bold: bool = False) -> QFont:
    """Return the widget's font, scaled."""
    made = QFont(widget.font())
    made.setPointSizeF(made.pointSizeF() * scale)
    made.setBold(bold)
    return made


def height_at(widget: QWidget, width: int) -> int:
    """Return the preferred height in pixels of a widget at a width."""
    if widget.hasHeightForWidth():
        return max(widget.heightForWidth(width), widget.minimumHeight())
    return max(widget.sizeHint().height(), widget.minimumHeight())


class SiteLabel(QLabel):
    """A whole origin, with the registrable domain emphasised.

    ``QLabel`` wraps only between words, which an origin has not. This label wraps after
    dots, and anywhere in a part that is too long for a line.
    """

    def __init__(self, site: SiteName) -> None:
        super().__init__(site.origin)
        self._site = site
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setFont(font(LARGEST))
        self.setSizePolicy(wrapping_policy())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 18), self.heightForWidth(em(self, 18)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(em(self, 6), em(self))

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        return round(self._lay_out(width).boundingRect().height()) + 2

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        self._lay_out(self.width()).draw(QPainter(self), QPointF(0, 0))

    def _lay_out(self, width: int) -> QTextLayout:
        lines, site = self._lines(width), self._site
        layout = QTextLayout(_LINE_END.join(lines), self.font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAnywhere)
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        layout.setTextOption(option)
        plain, strong = QTextCharFormat(), QTextCharFormat()
        tokens = tokens_for(self.palette())
        plain.setForeground(tokens.muted)
        strong.setForeground(tokens.ink)
        strong.setFontWeight(QFont.Weight.Bold)
        start, end = _shifted(site.start, lines), _shifted(site.end, lines)
        layout.setFormats(
            [
                _range(0, len(layout.text()), plain),
                _range(start, end - start, strong),
            ]
        )
        layout.beginLayout()
        top = 0.0
        while (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, top))
            top += line.height()
        layout.endLayout()
        return layout

    def _lines(self, width: int) -> list[str]:
        """Return the lines, broken after dots. They are measured in bold."""
        metrics = QFontMetrics(font(LARGEST, QFont.Weight.Bold))
        lines = [""]
        for part in re.split(r"(?<=\.)", self.text()):
            if lines[-1] and metrics.horizontalAdvance(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
        return lines


_LINE_END = "\N{LINE SEPARATOR}"


def _shifted(position: int, lines: list[str]) -> int:
    """Return the position in the wrapped text of a position in the origin."""
    passed = 0
    for index, line in enumerate(lines):
        passed += len(line)
        if position <= passed:
            return position + index
    return position + len(lines) - 1


def _range(start: int, length: int, form: QTextCharFormat) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length, made.format = start, length, form
    return made


class SitePanel(Panel):
    """Who asks: a site, with the icon of a globe, or another requester.

    The icon is left out if room is short (``low``).

    There is no padlock: the program does not vouch for the site.
    """

    def __init__(self, *, low: bool, icon: str = "globe") -> None:
        super().__init__(tinted=True, plain=low)
        self._icon = "" if low else icon
        if not low:
            self.rows.setContentsMargins(dp(92), dp(16), dp(16), dp(16))

    def add(self, part: QWidget) -> None:
        """Add a part below the others."""
        self.rows.addWidget(part)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if not self._icon:
            return
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        side, sign = dp(42), dp(20)
        circle = QRectF(dp(25), (self.height() - side) / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.window)
        painter.drawEllipse(circle)
        inset = (side - sign) / 2
        place = circle.adjusted(inset, inset, -inset, -inset)
        draw_icon(painter, self._icon, place, ink=tokens.muted, paper=tokens.window)


class HolderPanel(Panel):
    """The holder of the card beside a drawing of a card, which shows nobody."""

    def __init__(self, name: str, number: str, *, low: bool) -> None:
        super().__init__()
        self._low = low
        self._card = QSize(dp(45), dp(28)) if low else QSize(dp(60), dp(38))
        left = dp(24) + self._card.width() if low else dp(92)
        gap = dp(4 if low else 12)
        self.rows.setContentsMargins(left - (dp(12) if low else 0), gap, dp(16), gap)
        if name:
            self.rows.addWidget(WrappingLabel(name, 16 / 15, bold=True))
        what = WrappingLabel(number, 14 / 15)
        make_muted(what)
        self.rows.addWidget(what)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if not self._low:
            super().paintEvent(event)
        tokens = tokens_for(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = (self.height() - self._card.height()) / 2
        left = 0 if self._low else dp(16)
        place = QRectF(left, top, self._card.width(), self._card.height())
        face = tokens.window if tokens.plain else mixed(tokens.panel, tokens.edge, 0.15)
        ink = tokens.ink if tokens.plain else mixed(tokens.edge, tokens.window, 0.1)
        draw_icon(painter, "holders-card", place, ink=ink, paper=face)
