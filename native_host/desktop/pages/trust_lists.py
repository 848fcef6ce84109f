# SPDX-License-Identifier: MIT
"""The part of the page *Check* that gets the EU's trusted lists.

It is there only where a checked file needs them: most people never do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from kortilla.common.escaping import printable
from native_host.desktop.pages.page import PageBase
from native_host.errors import KortillaError
from native_host.gui.labels import label
from native_host.gui.panels import ButtonLine, Notice, Row

if TYPE_CHECKING:
    from kortilla.signing.trust_lists.update import Fetched
    from native_host.files.check import CheckedFile

#: Codes of signatures for which lists help, and what is said of them.
NEEDED = {"NO_TRUST_LISTS": "none", "TRUST_LIST_OUTDATED": "outdated"}


class TrustListsPart(QObject):
    """Says that lists are missing or too old, gets them, and says what was wrong.

    ``changed`` is called with whether there are other lists than before.
    """

    #: Comes from the event loop beside the window.
    _progressed = Signal(int, int)

    def __init__(self, page: PageBase, changed: Callable[[bool], object]) -> None:
        super().__init__(page)
        self._page, self._changed = page, changed
        self._running: Future[list[Fetched]] | None = None
        self._problems: list[str] = []
        self._words = label("")
        stop = page.button("files.stop", self._stopped)
        self._busy_row = Row(None, [self._words], [stop])
        self._progressed.connect(self._progress, Qt.ConnectionType.QueuedConnection)

    def parts(self, checked: Sequence[CheckedFile]) -> list[QWidget]:
        """Return what is shown for these files."""
        if self._running is not None:
            return [self._busy_row]
        if self._problems:
            problems = tuple(self._problems)
            return [self._page.kept(("lists", problems), self._refused)]
        codes = codes_of(checked)
        for code, how in NEEDED.items():
            if code in codes:
                offer = partial(self._offer, how)
                return [self._page.kept(("lists", how), offer)]
        return []

    def forget(self) -> None:
        """Show no more what was wrong with lists."""
        self._problems = []

    def stop(self) -> None:
        """Stop getting the lists. Those that came stay."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def _offer(self, how: str) -> QWidget:
        texts = self._page.texts
        title = texts(f"check.lists.{how}")
        return self._with_button(Notice(texts("check.lists.more"), title=title))

    def _refused(self) -> QWidget:
        return self._with_button(Notice("\n".join(self._problems)))

    def _with_button(self, notice: Notice) -> QWidget:
        get = self._page.button("check.lists.get", self._get)
        notice.rows.addWidget(ButtonLine(get))
        return notice

    def _stopped(self) -> None:
        self.stop()
        self._changed(True)

    def _progress(self, done: int, total: int) -> None:
        texts = self._page.texts
        self._words.setText(texts("check.lists.getting", done=done, total=total))

    def _get(self) -> None:
        if self._running is not None:
            return
        services = self._page.services
        self._problems = []
        self._progress(0, 1)
        self._page.say(self._words.text(), politely=True)

        async def work() -> list[Fetched]:
            from kortilla.errors import RelyingPartyError
            from native_host.files.trust_lists import fetch_lists

            try:
                return await fetch_lists(services.config, self._progressed.emit)
            except RelyingPartyError as error:
                raise KortillaError(str(error)) from error

        def done(fetched: list[Fetched]) -> None:
            if self._running is running:
                self._running = None
                self._problems = self._say(fetched)
                self._page.say(" ".join(self._problems), politely=True)
                self._changed(any(not each.problem for each in fetched))

        def failed(error: KortillaError) -> None:
            if self._running is running:
                self._running, self._problems = None, [printable(str(error))]
                self._page.say(" ".join(self._problems), politely=True)
                self._changed(False)

        running = services.background.start(work, done, failed)
        self._running = running
        self._changed(False)

    def _say(self, fetched: Sequence[Fetched]) -> list[str]:
        from native_host.files import words
        from native_host.files.trust_lists import describe_problems

        said = describe_problems(fetched, words.load(self._page.texts.language))
        if not said or fetched[0].problem:
            return said
        return [self._page.texts("check.lists.problems"), *said]


def codes_of(checked: Sequence[CheckedFile]) -> set[str]:
    """Return the codes of what is wrong with the signatures of files."""
    return {
        problem.code
        for each in checked
        if each.report is not None
        for signature in each.report.signatures
        for problem in signature.problems
    }
