# SPDX-License-Identifier: MIT
"""The part above the page, in the style of an operation: what for, and who asks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QIcon,
    QPainter,
    QPaintEvent,
    QPixmap,
    QTextCharFormat,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from native_host.gui.frame import HeadingBand
from native_host.gui.icons import draw_icon, painter_of
from native_host.gui.labels import MockCardMark, label, muted, wrapping_policy
from native_host.gui.panels import Notice, Panel
from native_host.gui.sizes import LARGEST, dp, font
from native_host.gui.tokens import LIGHT, Act, tokens_for
from native_host.pin_prompt.gui.widgets import draw_round_icon, em, height_at
from native_host.pin_prompt.model import Conversation, Operation
from native_host.pin_prompt.site_name import SiteName
from native_host.pin_prompt.texts import Texts


@dataclass(frozen=True)
class OperationStyle:
    """What sets an operation's window apart.

    ``act`` names its colours (``native_host.gui.tokens``). ``icon`` names a drawing.
    """

    act: Act
    icon: str

    @property
    def colour(self) -> QColor:
        """The colour of the band."""
        return LIGHT.acts[self.act].band

    @property
    def text(self) -> QColor:
        """The colour of the text on the band."""
        return LIGHT.acts[self.act].on_band


#: The style of each operation that has a window. Identification and signing must never
#: look alike. People who see few colours can tell the blue and the red apart too. A
#: login in a browser identifies, as every login.
OPERATION_STYLES: Mapping[Operation, OperationStyle] = {
    "authenticate": OperationStyle("identify", "person-on-card"),
    "tls-login": OperationStyle("identify", "person-in-browser"),
    "prepare-login": OperationStyle("identify", "clock-in-browser"),
    "mail-login": OperationStyle("identify", "globe"),
    "decrypt-mail": OperationStyle("manage", "letter"),
    "signing-certificate": OperationStyle("sign", "pen-on-paper"),
    "sign": OperationStyle("sign", "pen-on-paper"),
    "sign-own": OperationStyle("sign", "pen-on-paper"),
    "decrypt": OperationStyle("manage", "lock"),
    "activate": OperationStyle("manage", "key"),
    "change-pin": OperationStyle("manage", "key"),
    "unblock": OperationStyle("manage", "key"),
}


def window_icon(style: OperationStyle) -> QIcon:
    """Return an operation's icon for the title bar and the task bar."""
    icon = QIcon()
    for size in (32, 64, 128):
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tile = QRectF(0, 0, size, size)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.colour)
        painter.drawRoundedRect(tile, size / 5, size / 5)
        edge = size / 6
        place = tile.adjusted(edge, edge, -edge, -edge)
        draw_icon(painter, style.icon, place, ink=style.text, paper=style.colour)
        painter.end()
        icon.addPixmap(pixmap)
    return icon


class Header(QVBoxLayout):
    """The mock card's mark, the band and the requester, in the style of an operation.

    It stays in view when the page scrolls. ``low`` saves height.
    """

    def __init__(self, *, low: bool) -> None:
        super().__init__()
        self.setSpacing(0)
        self._low = low
        self._mark: QWidget | None = None
        self._band: QWidget | None = None
        self.requester: Requester | None = None

    def set_operation(
        self, conversation: Conversation, text: Texts, room: float, width: int
    ) -> None:
        """Show the band and the requester of an operation.

        ``room`` is the most height in pixels for the requester at ``width``. Without
        that room it is short, and the page has the rest. If its name is so long that
        even this leaves little room, ``requester`` is None, and the page must name it.
        """
        for old in (self._band, self.requester):
            if old is not None:
                self.removeWidget(old)
                old.hide()
        style = OPERATION_STYLES[conversation.operation]
        self._band = HeadingBand(style.act, style.icon, text("heading"), low=self._low)
        self.addWidget(self._band)
        self.requester = None
        for short in (False, True):
            requester = Requester(conversation, text, low=self._low, short=short)
            if requester.is_named and height_at(requester, width) < room:
                self.requester = requester
                self.addWidget(requester)
                break
        self._put_first()

    def show_mock_card_mark(self, text: Texts) -> None:
        """Show the mock card's mark until the window closes."""
        if self._mark is None:
            explained = text("mark.test_card.explained")
            mark = text("mark.test_card")
            self._mark = MockCardMark(mark, explained, low=self._low)
            self.insertWidget(0, self._mark)
            self._put_first()

    def _put_first(self) -> None:
        """Let a screen reader read these parts before the page, which may be older."""
        for part in reversed(self.parts):
            if part.parent() is not None:
                part.lower()

    def height_at(self, width: int) -> int:
        """Return the height in pixels at a width."""
        return sum(height_at(part, width) for part in self.parts)

    @property
    def parts(self) -> list[QWidget]:
        """The parts from above."""
        parts = (self._mark, self._band, self.requester)
        return [part for part in parts if part is not None]


class Requester(QWidget):
    """Names the requesting site or program, or says that none asks.

    A ``short`` one has the names only. Of a program that is no known browser, the page
    has the whole ``caller_notice``.
    """

    def __init__(
        self,
        conversation: Conversation,
        text: Texts,
        *,
        low: bool,
        short: bool = False,
    ) -> None:
        super().__init__()
        #: Whether the page is to explain who asks.
        self.is_short = short and bool(conversation.caller)
        asking = text.asking()
        #: Whether it names a site or a program.
        self.is_named = bool(conversation.origin or conversation.caller or asking)
        self._panel: SitePanel | None = None
        layout = QVBoxLayout(self)
        layout.setSpacing(dp(12))
        if conversation.caller:
            # A program asks that is no known browser.
            if short:
                words = text("caller.short", caller=text.caller(conversation))
                notice = Notice("", title=words, kind="error")
                notice.make_low()
            else:
                notice = caller_notice(conversation, text)
            layout.addWidget(notice)
        if conversation.origin or asking:
            own = conversation.operation in {"sign-own", "decrypt"}
            icon = "file" if own else "globe"
            self._panel = SitePanel(low=low, icon=icon)
            layout.addWidget(self._panel)
            if conversation.origin:
                site = SiteName.of(conversation.origin)
                self._panel.show_site(site, text, short=short)
            elif asking:
                self._panel.show_name(asking[0], _name(asking[1]))
        elif "steps" not in text:  # a page in steps has few words
            layout.addWidget(label(text("own")))
        bare = low and self._panel and not conversation.caller
        top = 0 if bare else dp(8 if low else 20 if self._panel else 12)
        if short:
            layout.setSpacing(dp(4))
            top = dp(4)
        edge = 0 if bare else dp(24)
        layout.setContentsMargins(edge, top, edge, 0)

    @property
    def has_panel(self) -> bool:
        """Whether a panel names a site or a program at its end."""
        return self._panel is not None

    def join(self, joined: bool) -> None:
        """Draw the panel as one with the panel below it, or on its own."""
        if self._panel:
            self._panel.joined_below = joined
            self._panel.update()


def caller_notice(conversation: Conversation, text: Texts) -> Notice:
    """Return the warning about a program that is no known browser."""
    notice = Notice(text("caller.asks"), kind="error")
    notice.rows.addWidget(_name(text.caller(conversation)))
    notice.rows.addWidget(label(text("caller.check")))
    return notice


class SitePanel(Panel):
    """Who asks: a site, with the icon of a globe, or another requester.

    The icon is left out if room is short (``low``). There is no padlock: the program
    does not vouch for the site.
    """

    def __init__(self, *, low: bool, icon: str) -> None:
        super().__init__(tinted=True, plain=low)
        self._icon = "" if low else icon
        if not low:
            self.rows.setContentsMargins(dp(92), dp(16), dp(16), dp(16))

    def show_name(self, above: str, name: "SiteLabel") -> None:
        """Show a name below words about it, if there are any."""
        if above:
            self.rows.addWidget(muted(above))
        self.rows.addWidget(name)

    def show_site(self, site: SiteName, text: Texts, *, short: bool) -> None:
        """Show an origin, also in its international form."""
        self.show_name("" if short else text("site"), SiteLabel(site))
        if name := site.international:
            self.rows.addWidget(label(text("site.international", name=name)))
            self.rows.addWidget(label(text("site.international.warning")))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self._icon:
            tokens, side = tokens_for(self.palette()), dp(42)
            circle = QRectF(dp(25), (self.height() - side) / 2, side, side)
            draw_round_icon(
                painter_of(self),
                self._icon,
                circle,
                dp(20),
                ink=tokens.muted,
                ground=tokens.window,
            )


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
        layout = QTextLayout("\N{LINE SEPARATOR}".join(lines), self.font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAnywhere)
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)
        layout.setTextOption(option)
        tokens = tokens_for(self.palette())
        plain, strong = QTextCharFormat(), QTextCharFormat()
        plain.setForeground(tokens.muted)
        strong.setForeground(tokens.ink)
        strong.setFontWeight(QFont.Weight.Bold)
        start, end = _shifted(site.start, lines), _shifted(site.end, lines)
        whole = _range(0, len(layout.text()), plain)
        layout.setFormats([whole, _range(start, end - start, strong)])
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


def _name(program: str) -> SiteLabel:
    # A site label, so that a long name without spaces wraps too.
    return SiteLabel(SiteName(program, 0, len(program), None))
