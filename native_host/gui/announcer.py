# SPDX-License-Identifier: MIT
"""What a screen reader is to say at once, as one announcement."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

#: Milliseconds in which words are collected. Orca says one announcement of a program
#: in 0.1 s and drops the others. It says a page's focus first, which would interrupt.
_TOGETHER = 150


class Announcer:
    """Speaks for a window. Words that come within a moment are one announcement."""

    #: Milliseconds in which words are collected.
    together = _TOGETHER

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self._page = ""
        self._said: list[str] = []
        self._politely = True
        self._timer = QTimer(window, singleShot=True)
        self._timer.timeout.connect(self._speak)

    def say(self, words: str, politely: bool = False) -> None:
        """Say words, at once or after what the screen reader says already."""
        if words and words not in self._said:
            self._said.append(words)
        self._start(politely)

    def say_page(self, words: str) -> None:
        """Say what a page begins with, in place of a page that it has replaced."""
        self._page, self._said = words, []
        self._start(politely=False)

    def _start(self, politely: bool) -> None:
        self._politely = self._politely and politely
        if self.together:
            self._timer.start(self.together)
        else:
            self._speak()

    def _speak(self) -> None:
        words = " ".join(filter(None, (self._page, *self._said)))
        event = QAccessibleAnnouncementEvent(self._window, words)
        how = QAccessible.AnnouncementPoliteness
        event.setPoliteness(how.Polite if self._politely else how.Assertive)
        self._page, self._said, self._politely = "", [], True
        if words:
            QAccessible.updateAccessibility(event)
