# SPDX-License-Identifier: MIT
"""The widgets that the pages are made of.

Sizes are in ems of the desktop's font, so that everything scales with it.
"""

import re

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.icons import draw_icon
from native_host.gui.theme import mixed, readable
from native_host.pin_prompt.gui.operation_style import OperationStyle
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.site_name import SiteName
from native_host.pin_prompt.texts import Texts

__all__ = [
    "ConfirmButton",
    "HeadingBand",
    "MockCardMark",
    "Notice",
    "PenIcon",
    "SiteFrame",
    "SiteLabel",
    "draw_focus",
    "em",
    "height_at",
    "label",
    "scaled",
    "wrapping_policy",
]

#: Scale of the site's name, the largest text in every window.
SITE_SCALE = 1.75
#: Scale of headings.
HEADING_SCALE = 1.3


def em(widget: QWidget, count: float = 1.0) -> int:
    """Return a length in pixels, ``count`` times the height of a line of text."""
    return round(widget.fontMetrics().height() * count)


def scaled(widget: QWidget, scale: float, *, bold: bool = False) -> QFont:
    """Return the widget's font, scaled."""
    font = QFont(widget.font())
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setBold(bold)
    return font


def label(text: str, scale: float = 1.0, *, bold: bool = False) -> QLabel:
    """Return a label that wraps and never interprets markup."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setFont(scaled(made, scale, bold=bold))
    made.setSizePolicy(wrapping_policy())
    return made


def height_at(widget: QWidget, width: int) -> int:
    """Return the preferred height in pixels of a widget at a width."""
    if widget.hasHeightForWidth():
        return max(widget.heightForWidth(width), widget.minimumHeight())
    return widget.sizeHint().height()


def wrapping_policy() -> QSizePolicy:
    """Return the size policy of wrapping text: full width, minimal height."""
    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    return policy


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
        self.setFont(scaled(self, SITE_SCALE))
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
        text, paper = self.palette().windowText().color(), self.palette().window()
        plain.setForeground(readable(mixed(text, paper.color(), 0.4), paper.color()))
        strong.setForeground(text)
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
        metrics = QFontMetrics(scaled(self, 1.0, bold=True))
        lines = [""]
        for part in re.split(r"(?<=\.)", self.text()):
            if lines[-1] and metrics.horizontalAdvance(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
        return lines


class SiteFrame(QFrame):
    """The requesting origin, and its Unicode form."""

    def __init__(self, conversation: Conversation, text: Texts) -> None:
        super().__init__()
        site = SiteName.of(conversation.origin)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setSizePolicy(wrapping_policy())
        rows = QVBoxLayout(self)
        rows.setContentsMargins(*[em(self, 0.7)] * 4)
        rows.addWidget(label(text("site")))
        rows.addWidget(SiteLabel(site))
        if site.international:
            name = site.international
            rows.addWidget(label(text("site.international", name=name)))
            rows.addWidget(label(text("site.international.warning")))


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


class HeadingBand(QWidget):
    """The coloured heading that distinguishes the operations at a glance."""

    def __init__(self, style: OperationStyle, text: str) -> None:
        super().__init__()
        self._style = style
        self.setAutoFillBackground(True)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, style.colour)
        palette.setColor(QPalette.ColorRole.WindowText, style.text)
        self.setPalette(palette)
        layout = QHBoxLayout(self)
        gap = em(self, 0.5)
        self._side = em(self, 2.0)
        layout.setContentsMargins(em(self, 1.6) + self._side, gap, gap, gap)
        self.heading = label(text, HEADING_SCALE, bold=True)
        layout.addWidget(self.heading)
        self.setMinimumHeight(self._side + gap)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = (self.height() - self._side) / 2
        bounds = QRectF(em(self, 0.8), top, self._side, self._side)
        ink, paper = self._style.text, self._style.colour
        draw_icon(painter, self._style.icon, bounds, ink=ink, paper=paper)


class MockCardMark(QLabel):
    """The mark that each page of a mock card's window has."""

    def __init__(self, mark: str, explained: str) -> None:
        super().__init__(f"{mark}  –  {explained}")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFont(scaled(self, 1.05, bold=True))
        self.setAutoFillBackground(True)
        self.setMargin(em(self, 0.25))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, QColor("#ffd400"))
        palette.setColor(QPalette.ColorRole.WindowText, QColor("#1a1a1a"))
        self.setPalette(palette)


class ConfirmButton(QPushButton):
    """The button that confirms, in the operation's colour."""

    def __init__(self, words: str, style: OperationStyle) -> None:
        super().__init__(words)
        self._style = style

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        text = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(text + em(self, 2), em(self, 2.1))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        paper = self.palette().window().color()
        ground, text = self._style.colour, self._style.text
        if not self.isEnabled():
            ground = mixed(paper, self.palette().windowText().color(), 0.15)
            text = readable(mixed(paper, text, 0.5), ground, 3.0)
        elif self.isDown():
            ground = mixed(ground, QColor("black"), 0.25)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        # In a dark palette, the colour alone does not stand out from the window.
        painter.setPen(QPen(readable(ground, paper, 3.0), 1.5))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QPen(text, 1.5))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), 2, 2)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.text())


class PenIcon(QWidget):
    """A pen beside the signature field. A screen reader skips it."""

    def __init__(self, style: OperationStyle) -> None:
        super().__init__()
        self._style = style
        self.setFixedSize(em(self, 2), em(self, 2))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paper = self.palette().window().color()
        ink = readable(self._style.colour, paper, 3.0)
        draw_icon(painter, "pen", QRectF(self.rect()), ink=ink, paper=paper)


def draw_focus(painter: QPainter, widget: QWidget) -> None:
    """Draw the focus frame of a widget."""
    palette = widget.palette()
    colour = readable(palette.highlight().color(), palette.window().color(), 3.0)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2))
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1), 3, 3)


class Notice(QFrame):
    """A framed text with a warning sign."""

    def __init__(self, text: str, *, serious: bool = False) -> None:
        super().__init__()
        self._colour = QColor("#c22b2b" if serious else "#b26a00")
        layout = QHBoxLayout(self)
        gap = em(self, 0.6)
        layout.setContentsMargins(em(self, 2.6), gap, gap, gap)
        self.label = label(text)
        layout.addWidget(self.label)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        paper = self.palette().window().color()
        colour = readable(self._colour, paper, 3.0)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 1.5))
        painter.setBrush(mixed(paper, colour, 0.08))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)
        side = em(self, 1.3)
        sign = QRectF(em(self, 0.65), (self.height() - side) / 2, side, side)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(sign)
        painter.setPen(readable(QColor("white"), colour))
        painter.setFont(scaled(self, 1.0, bold=True))
        painter.drawText(sign, Qt.AlignmentFlag.AlignCenter, "!")
