# SPDX-License-Identifier: MIT
"""What stays in view above the page: the mark, the coloured band and who asks."""

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
    """The window's upper part, in the dress of an operation.

    ``gap`` is the room around the site, in pixels.
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
        """Whether it says who asks, or the page has to."""
        return self._site is not None

    def set_operation(
        self, conversation: Conversation, text: Texts, room: float, width: int
    ) -> None:
        """Put up the band and the site of an operation in place of any before.

        ``room`` is the height in pixels that the site may have at ``width``.
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
        # However far a page is scrolled, the site stays in view; unless its name is so
        # long that it would leave no room for anything else.
        site = make_requester(conversation, text, self._gap)
        named = bool(conversation.origin or conversation.caller) or "asks" in text
        self._site = site if named and height_at(site, width) < room else None
        if self._site:
            self.addWidget(self._site)

    def show_mock_card_mark(self, text: Texts) -> None:
        """Say that it is a test card, from now on to the end."""
        if self._mark is None:
            explained = text("mark.test_card.explained")
            self._mark = MockCardMark(text("mark.test_card"), explained)
            self.insertWidget(0, self._mark)

    def height_at(self, width: int, *, band: bool) -> int:
        """Return its height in pixels at a width, with the band or without."""
        parts = [self._mark, self._band if band else None, self._site]
        return sum(height_at(part, width) for part in parts if part)

    def show_band(self, visible: bool) -> None:
        """Show the band, or leave its room to the page."""
        if self._band:
            self._band.setVisible(visible)


def make_requester(conversation: Conversation, text: Texts, gap: int) -> QWidget:
    """Return the frame that names the site or program, or words that no page asks."""
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
    """Return the warning that no browser asks, with the name of what does."""
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
    # As a site is shown, so that a long name without a space wraps too.
    return SiteLabel(SiteName(program, 0, len(program), None))
