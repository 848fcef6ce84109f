# SPDX-License-Identifier: MIT
"""The program's window, in which a person presses something all the time.

``python -m tests.desktop.hammer PRESSES FILE`` opens it. At each line of its output but
the last, a window waits for PIN2, and it goes on after a line of input.
"""

import sys
import threading
from itertools import cycle
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QPushButton

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.window import PAGES, Window
from native_host.gui.application import dress

#: Milliseconds between two presses.
_BETWEEN = 15
#: So many signings wait for a person at their window. The others are stopped at once.
_WAITED_FOR = 2


class Hammer(QObject):
    """Presses one thing after another."""

    answered = Signal()

    def __init__(self, window: Window, presses: int, file: Path) -> None:
        super().__init__()
        self._window, self._left = window, presses
        self._file = file
        self._pages = cycle(PAGES)
        self._languages = cycle(("sv", "en", "fi"))
        turn = self._turn
        self._kinds = cycle(
            [self._sign, turn, turn, self._check, turn, self._encrypt, turn, self._stop]
        )
        self._signings = 0
        self._timer = QTimer(self, interval=_BETWEEN)
        self._timer.timeout.connect(self._press)
        self.answered.connect(self._timer.start)

    def begin(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self._timer.start()

    def _listen(self) -> None:
        for _ in sys.stdin:
            self.answered.emit()

    def _press(self) -> None:
        if not self._left:
            if not self._stop():
                self._timer.stop()
                print("done", flush=True)
                self._window.close()
            return
        self._left -= 1
        if self._left % 25 == 0:
            self._window.services.speak(next(self._languages))
        else:
            next(self._kinds)()

    def _turn(self) -> None:
        self._window.show_page(next(self._pages))

    def _button(self, page: str, key: str) -> QPushButton | None:
        words = self._window.services.texts(key, count=1)
        shown = self._window.pages[page].findChildren(QPushButton)
        return next((b for b in shown if b.isVisible() and b.text() == words), None)

    def _sign(self) -> None:
        self._window.give_files("sign", [self._file])
        if button := self._button("sign", "sign.press.one"):
            button.click()
            self._signings += 1
            if self._signings <= _WAITED_FOR:
                self._timer.stop()
                print("PIN2", flush=True)

    def _stop(self) -> bool:
        """Stop a signing; return whether one ran."""
        self._window.show_page("sign")
        button = self._button("sign", "files.stop")
        if button is not None:
            button.click()
        return button is not None

    def _check(self) -> None:
        self._window.give_files("check", [self._file])

    def _encrypt(self) -> None:
        self._window.give_files("encrypt", [self._file])
        for key in ("encrypt.press.one", "encrypt.more"):
            if button := self._button("encrypt", key):
                button.click()
                return


def main() -> None:
    application = QApplication(["kortilla"])
    dress(application)
    background = Background()
    window = Window(Config(card="mock"), "fi", background)
    window.show()
    window.activateWindow()
    hammer = Hammer(window, int(sys.argv[1]), Path(sys.argv[2]))
    QTimer.singleShot(500, hammer.begin)
    application.exec()
    background.close()


if __name__ == "__main__":
    main()
