# SPDX-License-Identifier: MIT
"""Pages of files, in the interpreter of the package, of a person with a PDF.

``python3 -I pages.py a.pdf`` signs it with the mock card, checks ``a-signed.pdf``,
encrypts ``a.pdf`` and prints the headings of the pages. It needs nothing that the
package does not have. A window would ask for PIN2, which is answered here.
"""

import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from native_host.config import Config
from native_host.desktop.background import Background
from native_host.desktop.prompts import Command
from native_host.desktop.window import Window
from native_host.gui.labels import Heading

_ANY = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
_real = Command.run


def _run(self: Command) -> dict[str, Any]:
    self.words[self.words.index("window")] = "automatic"
    return _real(self)


def _headings(page: QWidget) -> list[str]:
    return [each.text() for each in page.findChildren(Heading) if each.isVisible()]


def _wait_for_two(page: QWidget) -> None:
    """Wait until there is a result below the heading of the page."""
    while len(_headings(page)) < 2:
        QApplication.processEvents(_ANY)
    print(*_headings(page), sep="\n")


def main(pdf: Path) -> None:
    """Do both."""
    application = QApplication([])
    Command.run = _run  # type: ignore[method-assign]
    background = Background()
    window = Window(Config(card="mock"), "en", background)
    window.show()
    window.give_files("sign", [pdf])
    application.processEvents()
    page = window.pages["sign"]
    buttons = [each for each in page.findChildren(QPushButton) if each.isVisible()]
    [sign] = [each for each in buttons if each.text() == "Sign 1 file"]
    sign.click()
    _wait_for_two(page)
    window.give_files("encrypt", [pdf])
    encrypting: Any = window.pages["encrypt"]
    while not encrypting.recipients.own:
        QApplication.processEvents(_ANY)
    encrypting.recipients._password.click()
    encrypting._encrypt()
    while not encrypting._panel.password:
        QApplication.processEvents(_ANY)
    _wait_for_two(encrypting)
    # Debian packages the part of Qt that prints apart.
    print(*[e.text() for e in encrypting.findChildren(QPushButton) if e.isVisible()])
    window.give_files("check", [pdf.with_name(f"{pdf.stem}-signed.pdf")])
    _wait_for_two(window.pages["check"])
    window.hide()
    background.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
