# SPDX-License-Identifier: MIT
"""The window: reads the host's requests, shows a page for each, sends the answers."""

import os
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from PySide6.QtCore import QLocale, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QPaintEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from native_host.gui.accessibility import FocusRing
from native_host.gui.frame import Foot
from native_host.gui.sizes import dp
from native_host.pin_prompt import messages, model, texts
from native_host.pin_prompt.documents import DocumentKind, kind_of_bytes, read_document
from native_host.pin_prompt.gui.can_page import CanPage
from native_host.pin_prompt.gui.codes_page import CodesPage, PinPadCodesPage
from native_host.pin_prompt.gui.header import OPERATION_STYLES, Header, window_icon
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.page import ALL, Page, QuestionPage
from native_host.pin_prompt.gui.page_window import PageWindow
from native_host.pin_prompt.gui.pages import (
    FINAL_STEPS,
    ActivationOfferPage,
    CardChoicePage,
    ConsentPage,
    LockedPage,
    OtherCardPage,
    StartedPage,
    StepPage,
)
from native_host.pin_prompt.gui.pin_page import BasePinPage, PinPadPage, PinPage
from native_host.pin_prompt.texts import Texts
from native_host.platform.hardening import wipe

if TYPE_CHECKING:
    from native_host.pin_prompt.gui.document_viewer import PrivateCopies

#: Milliseconds until a window counts as visible though nothing was painted. It may be
#: on another virtual desktop.
_VISIBLE_AFTER = 1000
#: Width of the window where body text has 15 pixels. Pages with documents or several
#: codes are wider.
_WIDTH, _WIDTH_FOR_MORE = 620, 760
#: Height where body text has 15 pixels that has room for most pages.
_HEIGHT, _HEIGHT_FOR_MORE = 580, 700
_MORE: Collection[model.Operation] = (
    *("sign", "sign-own"),
    *("activate", "change-pin", "unblock"),
)
#: The steps after which the page has no result.
_BROKEN_OFF = (model.Step.EXPIRED, model.Step.FAILED)
#: Largest share of the screen's height for the site in the header.
_SITE_AT_MOST = 0.4
_Question = messages.AskStarted | messages.ChooseCard | messages.Ask


def create_page(
    request: _Question, conversation: model.Conversation, text: Texts, guard: InputGuard
) -> QuestionPage:
    """Return the page for a question of the host."""
    page: QuestionPage
    match request:
        case messages.AskStarted():
            page = StartedPage(conversation, text)
        case messages.ChooseCard():
            page = CardChoicePage(conversation, text, request.choices)
        case messages.Ask(question=model.ActivationQuestion() as offer):
            page = ActivationOfferPage(conversation, text, offer)
        case messages.Ask(question=model.CanQuestion() as can):
            page = CanPage(conversation, text, can, guard)
        case messages.Ask(question=model.OtherCardQuestion() as other):
            page = OtherCardPage(conversation, text, other)
        case messages.Ask(question=model.ConsentQuestion() as consent):
            page = ConsentPage(conversation, text, consent)
        case messages.Ask(question=model.UnlockQuestion() as unlock):
            page = LockedPage(conversation, text, unlock)
        case messages.Ask(question=model.PinQuestion() as pin):
            for_pin = PinPadPage if pin.pin_pad else PinPage
            page = for_pin(conversation, text, pin, guard)
        case messages.Ask(question=model.CodesQuestion() as codes):
            for_codes = PinPadCodesPage if codes.pin_pad else CodesPage
            page = for_codes(conversation, text, codes, guard)
    return page


def refuse(why: str) -> NoReturn:
    """End the process: what the host sent, or what happened here, is a fault."""
    print(f"PIN window: {why}", file=sys.stderr, flush=True)
    os._exit(2)


class PromptWindow(PageWindow):
    """Shows the host's requests and sends the person's answers.

    ``send`` takes one line for the host, which the window then wipes.
    """

    _received = Signal(bytes)

    def __init__(self, send: Callable[[bytearray], None], guard: InputGuard) -> None:
        super().__init__(guard)
        self._send = send
        self._reported_visible = False
        #: The conversation, with the operation whose style the window has. During a
        #: login, the card may be activated first.
        self._conversation: model.Conversation | None = None
        #: The copies for the system's PDF viewer, deleted in the end.
        self._copies: PrivateCopies | None = None
        #: The operation for which the conversation was opened.
        self._purpose: model.Operation = "authenticate"
        #: The notice that the calling program has stopped waiting.
        self._timeout_text = ""
        #: The warning about a caller that is no known browser. It is announced with the
        #: first question.
        self._caller_warning = ""
        #: The notice that one PIN entry is for several connections.
        self._connections_text = ""
        self._ring: FocusRing | None = None
        #: Whether the card lies on a contactless reader, as far as is known.
        self._contactless = False

    # -- Requests ---------------------------------------------------------------------

    def read_requests(self, end: Callable[[], NoReturn]) -> None:
        """Handle the lines of standard input from now on. A thread reads them.

        ``end`` ends the process, on that thread: the event loop may be busy.
        """

        def read() -> NoReturn:
            while line := sys.stdin.buffer.readline(messages.MAX_REQUEST + 1):
                if len(line) > messages.MAX_REQUEST:
                    refuse("A request is too long.")
                self._received.emit(line)
            end()  # the host has ended

        self._received.connect(self._receive, Qt.ConnectionType.QueuedConnection)
        threading.Thread(target=read, name="inbox", daemon=True).start()

    def _receive(self, line: bytes) -> None:
        try:
            self.handle(messages.decode_request(line))
        except ValueError as error:
            refuse(str(error))

    def handle(self, request: messages.WindowRequest) -> None:
        """Handle a request. Raises ``ValueError`` for one in a wrong order."""
        if isinstance(request, messages.Close):
            self._leave(QApplication.exit)
        elif isinstance(request, messages.Open):
            self._open(request.conversation)
        elif self._conversation is None:
            raise ValueError("The window is not open.")
        elif isinstance(request, messages.CallerTimedOut):
            self._show_caller_timeout()
        elif isinstance(request, messages.Connections):
            self._show_connections(request.count)
        elif isinstance(request, messages.Show):
            self._show_step(request, self._conversation)
        else:
            self._ask(request, self._conversation)

    def _open(self, conversation: model.Conversation) -> None:
        if self._conversation is not None:
            raise ValueError("The window is open already.")
        self._purpose = conversation.operation
        self._add_parts()
        self._apply_operation(conversation, "")
        if conversation.caller:
            caller = self._text.caller(conversation)
            short, cancel = "caller.short", "caller.cancel"
            self._caller_warning = (
                f"{self._text(short, caller=caller)} {self._text(cancel)}"
            )
        # A screen reader chooses its voice by the locale of a widget.
        locale = QLocale(conversation.language)
        QLocale.setDefault(locale)
        self.setLocale(locale)
        if conversation.test_card:
            self._header.show_mock_card_mark(self._text)
        self.resize(self._width(), self._first_height())
        self._show_page(Page(conversation, self._text))
        if not conversation.started_by_person:
            self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.show()
        self.raise_()
        if conversation.started_by_person:
            self.activateWindow()
        QTimer.singleShot(_VISIBLE_AFTER, self._report_visible)

    def _show_step(
        self, request: messages.Show, conversation: model.Conversation
    ) -> None:
        page, shown = self.page, (request.step, request.problem)
        if request.step in (model.Step.READING, model.Step.CONTACTLESS):
            self._set_contactless(request.step is model.Step.CONTACTLESS)
        if (
            isinstance(page, StepPage)
            and request.progress is not None
            and page.shown == shown
            # There the person must act again, so the page is announced again.
            and request.step is not model.Step.PIN_PAD
        ):
            page.set_progress(request.progress)
            return
        nested = conversation.operation != self._purpose
        if nested and request.step in FINAL_STEPS:
            # All other steps are of the operation that was asked for last.
            conversation = replace(conversation, operation=self._purpose)
            self._apply_operation(conversation, "")
        page = StepPage(conversation, self._text, *shown, request.progress)
        if nested and request.step in _BROKEN_OFF:
            # The login ended while the card was activated or unlocked.
            page.add_note(self._text("kept"))
        self._show_page(page)

    def _ask(self, request: _Question, conversation: model.Conversation) -> None:
        """Show a question, in the style of its operation: a login may activate."""
        operation, pin = self._purpose, ""
        question = request.question if isinstance(request, messages.Ask) else None
        if isinstance(question, model.CodesQuestion):
            operation, pin = question.operation, question.pin
        elif isinstance(question, model.ActivationQuestion):
            operation = "activate"
        if (operation, pin) != (conversation.operation, self._pin):
            conversation = replace(conversation, operation=operation)
            self._apply_operation(conversation, pin)
        if isinstance(question, model.CanQuestion):
            self._set_contactless(True)
        if question and question.test_card:
            self._header.show_mock_card_mark(self._text)
        self._show_page(self._page_for(request, conversation))

    def _page_for(
        self, request: _Question, conversation: model.Conversation
    ) -> QuestionPage:
        page = create_page(request, conversation, self._text, self.guard)
        number = (
            {}
            if isinstance(request, messages.AskStarted)
            else {"number": request.number}
        )
        page.answered.connect(
            lambda kind, fields: self._send_answer(kind, **number, **fields)
        )
        if isinstance(page, BasePinPage):
            # Queued, since the page of the pressed button is deleted.
            page.opened.connect(
                lambda index: self._open_document(page, request, index),
                Qt.ConnectionType.QueuedConnection,
            )
        return page

    def _set_contactless(self, contactless: bool) -> None:
        self._contactless = self._text.contactless = contactless

    def _apply_operation(self, conversation: model.Conversation, pin: str) -> None:
        """Use the style and texts of an operation."""
        operation = conversation.operation
        self._conversation, self._pin = conversation, pin
        more = operation in _MORE
        self._wide = _WIDTH_FOR_MORE if more else _WIDTH
        self._high = _HEIGHT_FOR_MORE if more else _HEIGHT
        self._text = texts.Texts(
            conversation.language,
            operation,
            pin,
            conversation.program,
            self._purpose,
        )
        self._text.contactless = self._contactless
        self.setWindowTitle(self._text("title"))
        self._foot.set_note(self._text("not_official"))
        self.setWindowIcon(window_icon(OPERATION_STYLES[operation]))
        room = self.screen().availableSize().height() * _SITE_AT_MOST
        self._header.set_operation(conversation, self._text, room, self._width())

    def _show_page(self, page: Page) -> None:
        page.cancelled.connect(self._cancel)
        self._put_page(page)
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
        self._present(page)

    # -- Notices on the page that is there, and on later ones -------------------------

    def _show_caller_timeout(self) -> None:
        """Say it now and on later pages. Typed digits and the focus stay."""
        page = self.page
        if page is None or self._timeout_text:
            return
        self._timeout_text = self._text("late")
        if page.awaits_person:
            page.show_caller_timeout(self._timeout_text)
            page.announce(self._timeout_text, politely=True)
            QTimer.singleShot(0, self._reveal_focus)

    def _show_connections(self, count: int) -> None:
        """Say it now and on later pages. Typed digits and the focus stay."""
        words = self._text("connections", count=count) if count > 1 else ""
        before, self._connections_text = self._connections_text, words
        if (page := self.page) and page.concerns_signature and words != before:
            page.show_connections(words)
            if words:
                page.announce(words, politely=True)
            QTimer.singleShot(0, self._reveal_focus)

    # -- Documents --------------------------------------------------------------------

    def _open_document(self, page: BasePinPage, request: _Question, index: int) -> None:
        """Show a document after checking that it is still what was hashed."""
        from native_host.pin_prompt.gui.document_viewer import (
            DocumentPage,
            PrivateCopies,
        )

        if self.page is not page:
            return
        document = page.question.documents[index]
        data = read_document(document)
        kind = DocumentKind.OTHER if data is None else kind_of_bytes(data)
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
            """Return to a new PIN page, with an empty field."""
            if self.page is not view:
                return
            if not self.isMaximized():
                self.resize(size)
            page = self._page_for(request, view.conversation)
            self._show_page(page)
            if isinstance(page, BasePinPage) and page.documents:
                page.documents.reveal(index)

        view.left.connect(leave, Qt.ConnectionType.QueuedConnection)
        self._show_page(view)

    @property
    def seconds_left(self) -> float:
        """How long the window stays for a screen reader that is behind."""
        return self._watch.heard_in / 1000

    def delete_copies(self) -> None:
        """Delete the copies for the PDF viewer. May be called twice."""
        if self._copies:
            self._copies.delete()

    # -- The person's answers ---------------------------------------------------------

    def _send_answer(self, kind: str, **fields: object) -> None:
        if self._watch.heard_in and kind != "stays":
            # A busy process says it too late when it is asked to close.
            self._send_answer("stays")
        line = messages.encode_answer({"type": kind, **fields})
        self._send(line)
        wipe(line)

    def _leave(self, gone: Callable[[], object] = lambda: None) -> None:
        """Hide the window, at once without a screen reader; then call ``gone``."""

        def hide() -> None:
            self.hide()
            gone()

        self.delete_copies()
        if not (left := self._watch.heard_in):
            hide()
            return
        if self.page:
            self.page.end()  # wipes digits
        self.setEnabled(False)
        self._send_answer("stays")
        QTimer.singleShot(left, hide)

    def _cancel(self) -> None:
        """Hide the window, and tell the host at once that the person cancelled."""
        self._leave()
        self._send_answer("cancel")

    def reject(self) -> None:
        """Handle Escape."""
        if self.page:
            self.page.dismiss()
        else:
            self._cancel()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.ignore()
        if self.page:
            self.page.leave(self._cancel)  # a page with typed codes asks first
        else:
            self._cancel()

    # -- The first picture ------------------------------------------------------------

    def prepare(self) -> None:
        """Draw a page that nobody sees, while nobody waits for the window.

        It loads fonts and drawings into memory, so the first real page appears sooner.
        """
        if self._conversation is not None:
            return
        text = texts.Texts("en", "authenticate")
        nobody = model.Conversation(
            "authenticate", "https://service.example", "en", False
        )
        unseen = QWidget()
        rows = QVBoxLayout(unseen)
        header, foot = Header(low=False), Foot(low=False)
        header.set_operation(nobody, text, dp(400), dp(620))
        question = model.PinQuestion("PIN1", "", "", 5, 4, 12)
        page = PinPage(nobody, text, question, self.guard)
        for button in page.buttons:
            foot.add(button)
        rows.addLayout(header)
        rows.addWidget(page)
        rows.addWidget(foot)
        unseen.grab()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        self._report_visible()

    def _report_visible(self) -> None:
        if not self._reported_visible:
            self._reported_visible = True
            self._send_answer("visible")
            # After the first picture, for which nobody waits for a ring.
            self._ring = FocusRing(self)
