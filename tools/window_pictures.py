# SPDX-License-Identifier: MIT
"""Draws the PIN window without a screen, for documentation and the demo.

Usage: ``python -m tools.window_pictures PNG [--dark] [--text-scale N] […]``, with the
host's requests on standard input.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PySide6.QtCore import QEvent, QEventLoop
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from native_host.gui.tokens import DARK, palette_of
from native_host.pin_prompt.gui.application import make_application
from native_host.pin_prompt.gui.can_page import CanPage
from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.document_viewer import DocumentPage
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.messages import MAX_REQUEST, decode_request


def main() -> None:
    """Handle the requests on standard input, and save an image of the window.

    Raises ``ValueError`` for an invalid request, ``OSError`` when the image is not
    written.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.window_pictures")
    parser.add_argument("target", type=Path, metavar="PNG")
    parser.add_argument("--text-scale", default=1.0, type=float)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--digits", default=0, type=int, help="dots in the PIN field")
    parser.add_argument("--codes", default="", help="1234567,2580,… in the fields")
    parser.add_argument("--confirm", action="store_true", help="after the codes")
    parser.add_argument("--open", type=int, metavar="N", help="show document N, from 1")
    wanted = parser.parse_args()
    application = offscreen_application(wanted.text_scale)
    if wanted.dark:
        application.setPalette(palette_of(DARK))
    window = PromptWindow(lambda line: None, InputGuard())
    while line := sys.stdin.buffer.readline(MAX_REQUEST + 1):
        window.handle(decode_request(line))
    window.activateWindow()
    _settle(application)
    window.guard.end()
    if isinstance(window.page, (CanPage, PinPage)):
        window.page.field.enter("0" * wanted.digits)
    if isinstance(window.page, CodesPage):
        for field, code in zip(
            window.page.fields, wanted.codes.split(","), strict=False
        ):
            field.enter(code)
        filled = [each for each in window.page.entries if each.digits]
        if filled:
            window.page.show_step_of(filled[-1])
            filled[-1].fields[-1].setFocus()
        if wanted.confirm:
            window.page.submit()
    if isinstance(window.page, PinPage) and wanted.open:
        window.page.opened.emit(wanted.open - 1)
        _settle(application)
        while isinstance(window.page, DocumentPage) and window.page.opening:
            application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        window.guard.end()
    _settle(application)
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    if not picture.save(os.fspath(wanted.target), quality=0):  # the smallest file
        raise OSError(f"The picture {wanted.target} can't be written.")


def offscreen_application(text_scale: float = 1.0) -> QApplication:
    """Return the application on a virtual screen of 1024 by 768 pixels."""
    screen = {"name": "screen", "x": 0, "y": 0, "width": 1024, "height": 768}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "screens.json"
        path.write_text(json.dumps({"screens": [screen]}))
        os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={path}"
        return make_application(text_scale)


def _settle(application: QApplication) -> None:
    """Process events until layouts that depend on each other are stable."""
    for _ in range(5):
        application.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        application.processEvents()


if __name__ == "__main__":
    main()
