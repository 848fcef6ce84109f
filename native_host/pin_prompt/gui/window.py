# SPDX-License-Identifier: MIT
"""The window: one conversation, page after page."""

import json
from collections.abc import Callable, Mapping

from PySide6.QtCore import QEvent, QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QApplication,
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from native_host.pin_prompt import texts
from native_host.pin_prompt.messages import (
    AskPin,
    AskStarted,
    Close,
    Open,
    Request,
    Show,
)
from native_host.pin_prompt.questions import Conversation

from .guard import Guard
from .look import LOOKS, icon
from .pages import Page, PinPage, StartedPage, StepPage
from .widgets import Band, MockCardMark, SiteFrame, em, height_at

__all__ = ["PromptWindow"]

#: Milliseconds after which a window counts as visible though nothing was painted: it
#: may have come up on another desktop.
_VISIBLE_AFTER = 1000
#: Width of the window in ems.
_WIDTH = 34
#: Share of the screen's height that the site may keep for itself.
_SITE_AT_MOST = 0.4
#: Pixels that the desktop's title bar may take.
_TITLE_BAR = 40
_SCROLLING: Mapping[int, QAbstractSlider.SliderAction] = {
    Qt.Key.Key_PageUp: QAbstractSlider.SliderAction.SliderPageStepSub,
    Qt.Key.Key_PageDown: QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class PromptWindow(QDialog):
    """Shows what the host says, and sends what the person answers.

    ``send`` takes one line for the host.
    """

    def __init__(self, send: Callable[[bytes], None], guard: Guard) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._send = send
        self._reported_visible = False
        self._conversation: Conversation | None = None
        self.page: Page | None = None
        self.guard = guard
        #: What stays in view above the page.
        self._head: list[QWidget] = []
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._footer = QHBoxLayout()
        self._footer.setContentsMargins(*[em(self, 0.6)] * 4)
        self._footer.setSpacing(em(self, 0.8))
        self._footer.addStretch()

    def handle(self, request: Request) -> None:
        """Do what the host says. Raises ``ValueError`` when it is out of turn."""
        if isinstance(request, Close):
            self.hide()
            QApplication.exit()
        elif isinstance(request, Open):
            self._open(request.conversation)
        elif self._conversation is None:
            raise ValueError("The window is not open.")
        else:
            self._turn_to(self._page_for(request, self._conversation))

    def _open(self, conversation: Conversation) -> None:
        if self._conversation is not None:
            raise ValueError("The window is open already.")
        self._conversation = conversation
        self._text = texts.load(conversation.language)
        operation = conversation.operation
        self.setWindowTitle(self._text(f"{operation}.title"))
        self.setWindowIcon(icon(LOOKS[operation]))
        if conversation.test_card:
            mark = self._text("mark.test_card")
            why = self._text("mark.test_card.explained")
            self._head.append(MockCardMark(mark, why))
            self._rows.addWidget(self._head[0])
        self._band = Band(LOOKS[operation], self._text(f"{operation}.heading"))
        self._rows.addWidget(self._band)
        site = self._make_site(conversation)
        # However far a page is scrolled, the site stays in view; unless its name is so
        # long that it would leave no room for anything else.
        room = self.screen().availableSize().height()
        self._site_stays = height_at(site, em(self, _WIDTH)) < room * _SITE_AT_MOST
        if self._site_stays:
            self._head.append(site)
            self._rows.addWidget(site)
        self._rows.addWidget(self._scroll, 1)
        self._rows.addLayout(self._footer)
        self._turn_to(Page(conversation, self._text))
        if not conversation.started_by_person:
            self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.show()
        self.raise_()
        if conversation.started_by_person:
            self.activateWindow()
        QTimer.singleShot(_VISIBLE_AFTER, self._report_visible)

    def _make_site(self, conversation: Conversation) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(em(self, 1), em(self, 1), em(self, 1), em(self, 0.3))
        layout.addWidget(SiteFrame(conversation, self._text))
        return holder

    def _page_for(
        self, request: AskStarted | Show | AskPin, conversation: Conversation
    ) -> Page:
        text = self._text
        if isinstance(request, AskStarted):
            started = StartedPage(conversation, text)
            started.answered.connect(lambda: self._say(type="started"))
            return started
        if isinstance(request, AskPin):
            pin = PinPage(conversation, text, request.question, self.guard)
            number = request.number
            pin.answered.connect(
                lambda digits: self._say(type="pin", number=number, digits=digits)
            )
            return pin
        return StepPage(conversation, text, request.step, request.problem)

    def _turn_to(self, page: Page) -> None:
        old, self.page = self.page, page
        if old is not None:
            self.guard.changed.disconnect(old.guard)
            for button in old.buttons:
                self._footer.removeWidget(button)
                button.hide()
                button.deleteLater()
        if not self._site_stays:
            page.rows.insertWidget(0, self._make_site(page.conversation))
        self._scroll.setWidget(page)  # deletes the old page
        for button in page.buttons:
            self._footer.addWidget(button)
            button.show()
        page.cancelled.connect(self.reject)
        page.grown.connect(self._make_room)
        self.guard.changed.connect(page.guard)
        self.guard.restart()
        self._fit(page)
        if page.focus:
            page.focus.setFocus()
            QTimer.singleShot(0, self._reveal_focus)
        if isinstance(page, PinPage) and self.isVisible() and not self.isActiveWindow():
            self.raise_()
            QApplication.alert(self)
        if page.spoken:
            page.say(page.spoken)

    def _fit(self, page: Page) -> None:
        """Grow so that the page can be seen whole, as far as the screen lets it."""
        room = self.screen().availableSize()
        width = min(em(self, _WIDTH), room.width())
        self.setMinimumSize(min(em(self, 16), width), min(em(self, 16), room.height()))
        height = self._footer.sizeHint().height()
        height += sum(
            height_at(part, width) for part in (*self._head, self._band, page)
        )
        most = room.height() - _TITLE_BAR
        # On a small screen with large text, what is asked counts more than the band.
        self._band.setVisible(height <= most)
        self.resize(max(self.width(), width), max(self.height(), min(height, most)))

    def _reveal_focus(self) -> None:
        page = self.page
        if page is None or page.focus is None:
            return
        self._scroll.ensureWidgetVisible(page.focus, 0, em(self, 2.5))
        if page.news:
            # What happened to the last PIN is worth more than the hint under the field.
            top = page.news.mapTo(page, QPoint(0, 0)).y()
            bottom = page.focus.mapTo(page, QPoint(0, page.focus.height())).y()
            bar = self._scroll.verticalScrollBar()
            highest = max(top, bottom - self._scroll.viewport().height())
            bar.setValue(min(bar.value(), highest))

    def _make_room(self, part: QWidget) -> None:
        if self.page:
            self._fit(self.page)
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        self._scroll.ensureWidgetVisible(part)

    def reject(self) -> None:
        """Tell the host that the person wants out, and go away at once."""
        self.hide()
        self._say(type="cancel")

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.ignore()
        self.reject()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self.guard.restart()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        # Enter presses the button that has the focus and no other: a dialog's default
        # button would agree, or give up, on a stray key.
        if (scrolling := _SCROLLING.get(event.key())) is not None:
            # The scroll area takes no focus, so whoever has no mouse scrolls here.
            self._scroll.verticalScrollBar().triggerAction(scrolling)
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
        elif self.guard.active:
            self.guard.restart()
        elif isinstance(focus := self.focusWidget(), QPushButton):
            focus.click()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        self._report_visible()

    def _report_visible(self) -> None:
        if not self._reported_visible:
            self._reported_visible = True
            self._say(type="visible")

    def _say(self, **message: object) -> None:
        self._send(json.dumps(message).encode() + b"\n")
