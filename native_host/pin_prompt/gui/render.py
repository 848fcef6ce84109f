# SPDX-License-Identifier: MIT
"""Renders the window to an image file without a screen, for documentation."""

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
from native_host.pin_prompt.gui.codes_page import CodesPage
from native_host.pin_prompt.gui.document_viewer import DocumentPage
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.gui.prompt_window import PromptWindow
from native_host.pin_prompt.messages import MAX_REQUEST, decode_request


def render(
    target: Path,
    *,
    text_scale: float,
    dark: bool,
    digits: int,
    document: int | None = None,
    codes: tuple[str, ...] = (),
) -> None:
    """Handle the requests on standard input, and save an image of the window.

    ``digits`` is the number of dots in a PIN field, ``codes`` fill the fields of a
    codes page, and ``document`` is the number of one to view, from 1. Raises
    ``ValueError`` for an invalid request, ``OSError`` when the image is not written.
    """
    application = offscreen_application(text_scale)
    if dark:
        application.setPalette(palette_of(DARK))
    window = PromptWindow(lambda line: None, InputGuard())
    while line := sys.stdin.buffer.readline(MAX_REQUEST + 1):
        window.handle(decode_request(line))
    window.activateWindow()
    _settle(application)
    window.guard.end()
    if isinstance(window.page, PinPage):
        window.page.field.enter("0" * digits)
    if isinstance(window.page, CodesPage):
        for field, code in zip(window.page.fields, codes, strict=False):
            field.enter(code)
        filled = [each for each in window.page.entries if each.digits]
        if filled:
            window.page.show_step_of(filled[-1])
            filled[-1].fields[-1].setFocus()
    if isinstance(window.page, PinPage) and document:
        window.page.opened.emit(document - 1)
        _settle(application)
        while isinstance(window.page, DocumentPage) and window.page.opening:
            application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        window.guard.end()
    _settle(application)
    picture = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    if not picture.save(os.fspath(target), quality=0):  # the smallest file
        raise OSError(f"The picture {target} can't be written.")


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
