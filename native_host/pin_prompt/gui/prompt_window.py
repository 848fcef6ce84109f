# SPDX-License-Identifier: MIT
"""The window, which shows one conversation page after page."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractEventDispatcher,
    QEventLoop,
    QLocale,
    QPoint,
    QSize,
    Qt,
    QTimer,
)
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from native_host.gui.accessibility import Announcer, FocusRing
from native_host.gui.frame import Foot
from native_host.gui.sizes import dp, is_low, keep_in_view
from native_host.pin_prompt import texts
from native_host.pin_prompt.documents import DocumentKind, read_with_kind
from native_host.pin_prompt.gui.announcement import ALL
from native_host.pin_prompt.gui.header import Header, Requester
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.operation_style import OPERATION_STYLES, window_icon
from native_host.pin_prompt.gui.page_factory import PageRequest, create_page
from native_host.pin_prompt.gui.page_scroll_area import SCROLL_ACTIONS, PageScrollArea
from native_host.pin_prompt.gui.pages import FINAL_STEPS, Page, StepPage
from native_host.pin_prompt.gui.pin_page import BasePinPage, PinPadPage, PinPage
from native_host.pin_prompt.gui.preload import preload
from native_host.pin_prompt.gui.window_watch import WindowWatch
from native_host.pin_prompt.messages import (
    AskCodes,
    AskPin,
    CallerTimedOut,
    Close,
    Connections,
    OfferActivation,
    Open,
    Show,
    WindowRequest,
    encode_answer,
)
from native_host.pin_prompt.model import Conversation, Operation, Step
from native_host.wiping import wipe

if TYPE_CHECKING:
    from native_host.pin_prompt.gui.document_viewer import DocumentPage
    from native_host.pin_prompt.gui.private_copies import PrivateCopies

#: Milliseconds until a window counts as visible though nothing was painted. It may be
#: on another virtual desktop.
_VISIBLE_AFTER = 1000
#: Width of the window where body text has 15 pixels. Pages with documents or several
#: codes are wider.
_WIDTH, _WIDTH_FOR_MORE = 620, 760
_MORE: Collection[Operation] = (
    *("sign", "sign-own"),
    *("activate", "change-pin", "unblock"),
)
#: The steps after which the page has no result.
_BROKEN_OFF = (Step.EXPIRED, Step.FAILED)
#: Largest share of the screen's height for the site in the header.
_SITE_AT_MOST = 0.4
_NO_KEYS = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
#: Pixels reserved for the desktop's title bar.
_TITLE_BAR = 40


class PromptWindow(QDialog):
    """Shows the host's requests and sends the person's answers.

    ``send`` takes one line for the host, which the window then wipes.
    """

    def __init__(self, send: Callable[[bytearray], None], guard: InputGuard) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._send = send
        self._reported_visible = False
        #: Whether the whole page fits on this screen.
        self._fits = True
        #: The conversation, with the operation whose style the window has. During a
        #: login, the card may be activated first.
        self._conversation: Conversation | None = None
        self.page: Page | None = None
        self.guard = guard
        #: The copies for the system's PDF viewer, deleted in the end.
        self._copies: PrivateCopies | None = None
        #: The operation for which the conversation was opened.
        self._purpose: Operation = "authenticate"
        #: The notice that the calling program has stopped waiting.
        self._timeout_text = ""
        #: The warning about a caller that is no known browser. It is announced with the
        #: first question.
        self._caller_warning = ""
        #: The notice that one PIN entry is for several connections.
        self._connections_text = ""
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._scroll = PageScrollArea()
        self._ring: FocusRing | None = None
        self._watch = WindowWatch(self)
        self._scroll.verticalScrollBar().valueChanged.connect(self._watch.check_soon)
        self._announcer = Announcer(self)

    def prepare(self) -> None:
        """Load fonts and drawings into memory, while nobody waits for the window."""
        if self._conversation is None:
            preload(self.guard)

    def handle(self, request: WindowRequest) -> None:
        """Handle a request. Raises ``ValueError`` for one in a wrong order."""
        if isinstance(request, Close):
            self.hide()
            self.delete_copies()
            QApplication.exit()
        elif isinstance(request, Open):
            self._open(request.conversation)
        elif self._conversation is None:
            raise ValueError("The window is not open.")
        elif isinstance(request, CallerTimedOut):
            self._show_caller_timeout()
        elif isinstance(request, Connections):
            self._show_connections(request.count)
        elif not self._update_progress(request):
            during = self._conversation.operation
            self._follow_operation(request)
            page = self._page_for(request, self._conversation)
            broken_off = isinstance(request, Show) and request.step in _BROKEN_OFF
            nested = during != self._conversation.operation
            if isinstance(page, StepPage) and broken_off and nested:
                # The login ended while the card was activated or unlocked.
                page.add_note(self._text("kept"))
            self._show_page(page)

    def _update_progress(self, request: WindowRequest) -> bool:
        """Move the progress bar if only the progress has changed; return whether so."""
        page = self.page
        if not (isinstance(request, Show) and isinstance(page, StepPage)):
            return False
        if request.progress is None or page.shown != (request.step, request.problem):
            return False
        if request.step is Step.PIN_PAD:
            return False  # the person must act again, so the page is announced again
        page.set_progress(request.progress)
        return True

    def _show_caller_timeout(self) -> None:
        """Show it now and on later pages. Typed digits and the focus stay."""
        page = self.page
        if page is None or self._timeout_text:
            return
        self._timeout_text = self._text("late")
        if page.awaits_person:
            page.show_caller_timeout(self._timeout_text)
            page.announce(self._timeout_text, politely=True)
            QTimer.singleShot(0, self._reveal_focus)

    def _show_connections(self, count: int) -> None:
        """Show it now and on later pages. Typed digits and the focus stay."""
        words = self._text("connections", count=count) if count > 1 else ""
        before, self._connections_text = self._connections_text, words
        if (page := self.page) and page.concerns_signature and words != before:
            page.show_connections(words)
            if words:
                page.announce(words, politely=True)
            QTimer.singleShot(0, self._reveal_focus)

    def _open(self, conversation: Conversation) -> None:
        if self._conversation is not None:
            raise ValueError("The window is open already.")
        self._purpose = conversation.operation
        # Not before: the text size may change while the window waits to be opened.
        low = is_low(self)
        self._header, self._foot = Header(low=low), Foot(low=low)
        self._conversation = self._apply_operation(conversation, "")
        if conversation.caller:
            caller = self._text.caller(conversation)
            self._caller_warning = self._text("caller.spoken", caller=caller)
        # A screen reader chooses its voice by the locale of a widget.
        locale = QLocale(conversation.language)
        QLocale.setDefault(locale)
        self.setLocale(locale)
        if conversation.test_card:
            self._header.show_mock_card_mark(self._text)
        self._rows.addLayout(self._header)
        self._rows.addWidget(self._scroll, 1)
        self._rows.addWidget(self._foot)
        self.resize(self._width(conversation), 0)
        self._show_page(Page(conversation, self._text))
        if not conversation.started_by_person:
            self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.show()
        self.raise_()
        if conversation.started_by_person:
            self.activateWindow()
        QTimer.singleShot(_VISIBLE_AFTER, self._report_visible)

    def _follow_operation(self, request: WindowRequest) -> None:
        """Use the style of the requested operation: a login may include activation."""
        conversation = self._conversation
        if conversation is None:
            return
        operation, pin = self._purpose, ""
        if isinstance(request, AskCodes):
            operation, pin = request.question.operation, request.question.pin
        elif isinstance(request, OfferActivation):
            operation = "activate"
        elif isinstance(request, Show) and (
            request.step not in FINAL_STEPS or conversation.operation == self._purpose
        ):
            return  # a step of the operation that was asked for last
        if (operation, pin) != (conversation.operation, self._pin):
            self._conversation = self._apply_operation(
                replace(conversation, operation=operation), pin
            )

    def _apply_operation(self, conversation: Conversation, pin: str) -> Conversation:
        """Use the style and texts of an operation. Return the argument."""
        operation, self._pin = conversation.operation, pin
        self._text = texts.load(
            conversation.language, operation, pin, conversation.program
        )
        self.setWindowTitle(self._text("title"))
        self._foot.set_note(self._text("not_official"))
        self.setWindowIcon(window_icon(OPERATION_STYLES[operation]))
        room = self.screen().availableSize().height() * _SITE_AT_MOST
        self._header.set_operation(
            conversation, self._text, room, self._width(conversation)
        )
        return conversation

    def _page_for(
        self, request: PageRequest | AskPin, conversation: Conversation
    ) -> Page:
        if getattr(getattr(request, "question", None), "test_card", False):
            self._header.show_mock_card_mark(self._text)
        if isinstance(request, AskPin):
            return self._pin_page(request, conversation)
        return create_page(
            request, conversation, self._text, self.guard, self._send_answer
        )

    def _pin_page(self, request: AskPin, conversation: Conversation) -> BasePinPage:
        kind = PinPadPage if request.question.pin_pad else PinPage
        page = kind(conversation, self._text, request.question, self.guard)
        page.answered.connect(lambda digits: self._answer_pin(request, digits))
        # Queued, since the page of the pressed button is deleted.
        page.opened.connect(
            lambda index: self._open_document(page, request, index),
            Qt.ConnectionType.QueuedConnection,
        )
        return page

    def _answer_pin(self, request: AskPin, digits: bytearray) -> None:
        if request.question.pin_pad:
            self._send_answer(type="agreed", number=request.number)
        else:
            self._send_answer(type="pin", number=request.number, digits=digits)

    def _open_document(self, page: BasePinPage, request: AskPin, index: int) -> None:
        """Show a document after checking that it is still what was hashed."""
        from native_host.pin_prompt.gui.document_viewer import DocumentPage
        from native_host.pin_prompt.gui.private_copies import PrivateCopies

        if self.page is not page:
            return
        document = request.question.documents[index]
        data, kind = read_with_kind(document)
        if kind is DocumentKind.PDF and data is not None and document.path is not None:
            page.clear_digits()
            self.guard.restart()
            self._copies = self._copies or PrivateCopies()
            there = self._copies.open(data, index + 1, document.path)
            page.show_error(
                self._text("view.pdf_opened" if there else "view.pdf_failed"),
                kind="good" if there else "warning",
            )
            if page.initial_focus:
                page.initial_focus.setFocus()
            return
        size = self.size()
        view = DocumentPage(page.conversation, self._text, document, kind, data)

        def leave() -> None:
            if self.page is view:
                if not self.isMaximized():
                    self.resize(size)
                self._close_document(view, request, index)

        view.left.connect(leave, Qt.ConnectionType.QueuedConnection)
        self._show_page(view)

    def _close_document(
        self, view: "DocumentPage", request: AskPin, index: int
    ) -> None:
        """Return from a document to a new PIN page, with an empty field."""
        page = self._pin_page(request, view.conversation)
        self._show_page(page)
        if page.documents:
            page.documents.reveal(index)

    def _show_page(self, page: Page) -> None:
        old, self.page = self.page, page
        if old is not None:
            old.end()
            self.guard.changed.disconnect(old.set_guarded)
            for button in old.buttons:
                self._foot.remove(button)
        requester = self._header.requester
        if requester is None:
            low = is_low(self)
            requester = Requester(page.conversation, self._text, low=low)
            page.rows.insertWidget(0, requester)
        page.follow(requester)
        self._scroll.replace(page)
        page.said.connect(self._announcer.say)
        self.setAccessibleDescription(page.parties)
        for button in page.buttons:
            self._foot.add(button)
        page.cancelled.connect(self._cancel)
        page.grown.connect(self._make_room)
        self.guard.changed.connect(page.set_guarded)
        self._watch.begin_page()
        if self._timeout_text and page.awaits_person:
            page.show_caller_timeout(self._timeout_text)
            page.announcement.add(self._timeout_text, needed=1)
        if self._connections_text and page.concerns_signature:
            page.show_connections(self._connections_text)
            page.announcement.add(self._connections_text, needed=1, first=True)
        if (
            self._caller_warning
            and page.announcement
            and not isinstance(page, StepPage)
        ):
            page.announcement.add(self._caller_warning, needed=ALL, first=True)
            self._caller_warning = ""
        self._fit(page)
        if page.initial_focus:
            page.initial_focus.setFocus()
            QTimer.singleShot(0, self._reveal_focus)
        if page.wants_attention and self.isVisible() and not self.isActiveWindow():
            self.raise_()
            QApplication.alert(self)
        self._announcer.say_page(str(page.announcement))

    def _width(self, conversation: Conversation) -> int:
        """Return the preferred width in pixels, limited by the screen."""
        more = conversation.operation in _MORE
        wanted = dp(_WIDTH_FOR_MORE if more else _WIDTH)
        return min(wanted, self.screen().availableSize().width())

    def _fit(self, page: Page) -> None:
        """Resize the window so that the whole page is visible, if the screen allows."""
        room, width = self.screen().availableSize(), self._width(page.conversation)
        self.setMinimumSize(min(dp(300), width), min(dp(300), room.height()))
        around = self._foot.height_at(width) + self._header.height_at(width)
        most = room.height() - _TITLE_BAR
        # The width allows for a scroll bar, so that a page never fits only without.
        inside = width - self._scroll.verticalScrollBar().sizeHint().width()
        page.set_fitting(True)
        self._fits = around + page.heightForWidth(inside) <= most
        page.set_fitting(self._fits)
        # Qt gives a scroll area some height in any case.
        least = self._scroll.minimumSizeHint().height()
        height = min(around + max(page.wanted_height(inside), least), most)
        self._watch.want(QSize(width, height), self._header.parts)
        self.resize(max(self.width(), width), max(self.height(), height))
        keep_in_view(self)

    def _reveal_focus(self) -> None:
        page = self.page
        self._settle(page)
        if page is None or page.initial_focus is None or self.page is not page:
            return
        if not self._fits and page.scrolled and page.status_notice is None:
            # Nobody must sign without seeing that there is text to read.
            page.scrolled.setFocus()
            self._scroll.verticalScrollBar().setValue(0)
            first = page.scrolled.mapTo(page, QPoint(0, dp(60)))
            self._scroll.ensureVisible(0, first.y(), 0, 0)
            return
        self._scroll.ensureWidgetVisible(page.initial_focus, 0, dp(12))
        if page.status_notice and not page.isAncestorOf(page.initial_focus):
            self._scroll.ensureWidgetVisible(page.status_notice)
        elif page.status_notice:
            # The result of the last PIN is more important than the field's hint.
            top = page.status_notice.mapTo(page, QPoint(0, 0)).y()
            bottom = page.initial_focus.mapTo(
                page, QPoint(0, page.initial_focus.height())
            ).y()
            bar = self._scroll.verticalScrollBar()
            highest = max(top, bottom - self._scroll.viewport().height())
            bar.setValue(min(bar.value(), highest))

    def _make_room(self, part: QWidget) -> None:
        page = self.page
        self._settle(page)
        if self.page is page:
            self._scroll.ensureWidgetVisible(part)

    def _settle(self, page: Page | None) -> None:
        """Complete the layout. A request may replace the page meanwhile."""
        if page:
            self._fit(page)  # inner scroll areas know their width by now
        for _ in range(2):  # the page's layout, then the scroll area's
            QApplication.processEvents(_NO_KEYS)
        keep_in_view(self)  # the desktop may have placed a smaller window
        # Qt may now sleep until the next event, with a key press in its queue.
        QAbstractEventDispatcher.instance().wakeUp()

    def reject(self) -> None:
        """Handle Escape."""
        if self.page:
            self.page.dismiss()
        else:
            self._cancel()

    def delete_copies(self) -> None:
        """Delete the copies for the PDF viewer. May be called twice."""
        if self._copies:
            self._copies.delete()

    def _cancel(self) -> None:
        """Hide the window at once, and tell the host that the person cancelled."""
        self.hide()
        self.delete_copies()
        self._send_answer(type="cancel")

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.ignore()
        if self.page:
            self.page.leave(self._cancel)  # a page with typed codes asks first
        else:
            self._cancel()

    def focusNextPrevChild(self, next_: bool) -> bool:  # noqa: N802 - Qt's name
        moved = super().focusNextPrevChild(next_)
        # A scroll area does this only when the focus was already inside.
        part = self.focusWidget()
        if moved and part and self.page and self.page.isAncestorOf(part):
            self._scroll.ensureWidgetVisible(part)
        return moved

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        # Enter presses only the button with the focus. A dialog's default button would
        # confirm or cancel on a stray key.
        if (scrolling := SCROLL_ACTIONS.get(event.key())) is not None:
            # The scroll area takes no focus, so the keyboard scrolls it here.
            bar = self._scroll.verticalScrollBar()
            if bar.maximum() == 0 and self.page and self.page.scrolled:
                bar = self.page.scrolled.verticalScrollBar()
            bar.triggerAction(scrolling)
        elif event.key() == Qt.Key.Key_Escape and event.isAutoRepeat():
            pass  # a held key must not answer the question that it has caused
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.text().isalnum():
                # The person may be typing a PIN without a field. The Enter after it
                # must not press the button that has the focus.
                self.guard.restart(unseen=True)
            super().keyPressEvent(event)
        elif self.guard.active:
            self.guard.refuse()
        elif isinstance(focus := self.focusWidget(), QPushButton):
            focus.click()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        self._report_visible()

    def _report_visible(self) -> None:
        if not self._reported_visible:
            self._reported_visible = True
            self._send_answer(type="visible")
            # After the first picture, for which nobody waits for a ring.
            self._ring = FocusRing(self)

    def _send_answer(self, **message: object) -> None:
        line = encode_answer(message)
        self._send(line)
        wipe(line)
