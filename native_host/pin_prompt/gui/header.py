# SPDX-License-Identifier: MIT
"""The part above the page: the mock card's mark, the band and the requester."""

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from native_host.gui.frame import HeadingBand
from native_host.gui.labels import MockCardMark, make_muted
from native_host.gui.sizes import dp
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.widgets import (
    Notice,
    SiteLabel,
    SitePanel,
    height_at,
    label,
)
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.site_name import SiteName
from native_host.pin_prompt.texts import Texts


class Header(QVBoxLayout):
    """The window's upper part, in the style of an operation.

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

        ``room`` is the most height in pixels for the requester at ``width``. If its
        name is so long that little room would be left for the page, ``requester`` is
        None, and the page must name it.
        """
        for old in (self._band, self.requester):
            if old is not None:
                self.removeWidget(old)
                old.hide()
        style = OPERATION_STYLES[conversation.operation]
        self._band = HeadingBand(style.act, style.icon, text("heading"), low=self._low)
        self.addWidget(self._band)
        requester = Requester(conversation, text, low=self._low)
        fits = requester.is_named and height_at(requester, width) < room
        self.requester = requester if fits else None
        if self.requester:
            self.addWidget(self.requester)
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
        for part in (self.requester, self._band, self._mark):
            if part is not None and part.parent() is not None:
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
    """Names the requesting site or program, or says that none asks."""

    def __init__(self, conversation: Conversation, text: Texts, *, low: bool) -> None:
        super().__init__()
        #: Whether it names a site or a program.
        self.is_named = bool(
            conversation.origin or conversation.caller or text.asking()
        )
        side = dp(24)
        self._panel: SitePanel | None = None
        layout = QVBoxLayout(self)
        layout.setSpacing(dp(12))
        if conversation.caller:
            layout.addWidget(_caller_notice(conversation, text))
        if conversation.origin or text.asking():
            icon = "file" if conversation.operation == "sign-own" else "globe"
            self._panel = SitePanel(low=low, icon=icon)
            for part in _site(conversation, text):
                self._panel.add(part)
            layout.addWidget(self._panel)
        else:
            layout.addWidget(label(text("own")))
        bare = low and self._panel and not conversation.caller
        top = 0 if bare else dp(8 if low else 20 if self._panel else 12)
        edge = 0 if bare else side
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


def _site(conversation: Conversation, text: Texts) -> list[QWidget]:
    if not conversation.origin and (asking := text.asking()):
        return [_above(asking[0]), _name(asking[1])]
    site = SiteName.of(conversation.origin)
    parts: list[QWidget] = [_above(text("site")), SiteLabel(site)]
    if name := site.international:
        parts.append(label(text("site.international", name=name)))
        parts.append(label(text("site.international.warning")))
    return parts


def _above(words: str) -> QLabel:
    made = label(words, 14 / 15)
    make_muted(made)
    return made


def _caller_notice(conversation: Conversation, text: Texts) -> Notice:
    """Return the warning that a program asks that is no known browser."""
    notice = Notice(text("caller.asks"), kind="error")
    notice.rows.addWidget(_name(text.caller(conversation)))
    notice.rows.addWidget(label(text("caller.check")))
    return notice


def _name(program: str) -> SiteLabel:
    # A site label, so that a long name without spaces wraps too.
    return SiteLabel(SiteName(program, 0, len(program), None))
