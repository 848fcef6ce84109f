# SPDX-License-Identifier: MIT
"""The part above the page: the mock card's mark, the band and the requester."""

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES
from native_host.pin_prompt.gui.widgets import (
    HeadingBand,
    MockCardMark,
    Notice,
    SiteFrame,
    SiteLabel,
    em,
    height_at,
    label,
    wrapping_policy,
)
from native_host.pin_prompt.model import Conversation
from native_host.pin_prompt.site_name import SiteName
from native_host.pin_prompt.texts import Texts

__all__ = ["Header", "make_requester"]


class Header(QVBoxLayout):
    """The window's upper part, in the style of an operation.

    It stays in view when the page scrolls. ``gap`` is the margin around the site, in
    pixels.
    """

    def __init__(self, gap: int) -> None:
        super().__init__()
        self.setSpacing(0)
        self._gap = gap
        self._mark: QWidget | None = None
        self._band: QWidget | None = None
        self._site: QWidget | None = None

    @property
    def has_site(self) -> bool:
        """Whether the header names the requester. If not, the page must."""
        return self._site is not None

    def set_operation(
        self, conversation: Conversation, text: Texts, room: float, width: int
    ) -> None:
        """Show the band and the requester of an operation.

        ``room`` is the most height in pixels for the requester at ``width``.
        """
        for old in (self._band, self._site):
            if old is not None:
                self.removeWidget(old)
                old.hide()
                old.deleteLater()
        self._band = HeadingBand(
            OPERATION_STYLES[conversation.operation], text("heading")
        )
        self.addWidget(self._band)
        # The site is not in the header if its name is so long that little room would
        # be left for the page.
        site = make_requester(conversation, text, self._gap)
        named = bool(conversation.origin or conversation.caller) or "asks" in text
        self._site = site if named and height_at(site, width) < room else None
        if self._site:
            self.addWidget(self._site)

    def show_mock_card_mark(self, text: Texts) -> None:
        """Show the mock card's mark until the window closes."""
        if self._mark is None:
            explained = text("mark.test_card.explained")
            self._mark = MockCardMark(text("mark.test_card"), explained)
            self.insertWidget(0, self._mark)

    def height_at(self, width: int, *, band: bool) -> int:
        """Return the height in pixels at a width, with or without the band."""
        parts = [self._mark, self._band if band else None, self._site]
        return sum(height_at(part, width) for part in parts if part)

    def show_band(self, visible: bool) -> None:
        """Show the band, or leave its place to the page."""
        if self._band:
            self._band.setVisible(visible)


def make_requester(conversation: Conversation, text: Texts, gap: int) -> QWidget:
    """Return a widget that names the requesting site or program, or that none asks."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(gap, gap, gap, round(gap * 0.3))
    if conversation.caller:
        layout.addWidget(_caller_frame(conversation, text))
    if conversation.origin:
        layout.addWidget(SiteFrame(conversation, text))
    elif "asks" in text:
        layout.addWidget(_program_frame(text))
    else:
        if not conversation.caller:
            layout.setContentsMargins(gap, gap // 2, gap, 0)
        layout.addWidget(label(text("own")))
    return holder


def _program_frame(text: Texts) -> QFrame:
    return _frame(label(text("asks")), _name(text.program))


def _caller_frame(conversation: Conversation, text: Texts) -> QFrame:
    """Return the warning that a program asks that is no known browser."""
    return _frame(
        Notice(text("caller.asks"), serious=True),
        _name(text.caller(conversation)),
        label(text("caller.check")),
    )


def _frame(*parts: QWidget) -> QFrame:
    frame = QFrame()
    frame.setFrameShape(QFrame.Shape.StyledPanel)
    frame.setSizePolicy(wrapping_policy())
    rows = QVBoxLayout(frame)
    rows.setContentsMargins(*[em(frame, 0.7)] * 4)
    for part in parts:
        rows.addWidget(part)
    return frame


def _name(program: str) -> SiteLabel:
    # A site label, so that a long name without spaces wraps too.
    return SiteLabel(SiteName(program, 0, len(program), None))
