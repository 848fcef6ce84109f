# SPDX-License-Identifier: MIT
"""Draws a page that nobody sees, so that the first real one appears sooner."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from native_host.gui.frame import Foot
from native_host.gui.sizes import dp
from native_host.pin_prompt import texts
from native_host.pin_prompt.gui.header import Header
from native_host.pin_prompt.gui.input_guard import InputGuard
from native_host.pin_prompt.gui.pin_page import PinPage
from native_host.pin_prompt.model import Conversation, PinQuestion


def preload(guard: InputGuard) -> None:
    """Load fonts and drawings into memory."""
    text = texts.load("en", "authenticate")
    nobody = Conversation("authenticate", "https://service.example", "en", False)
    unseen = QWidget()
    rows = QVBoxLayout(unseen)
    header, foot = Header(low=False), Foot(low=False)
    header.set_operation(nobody, text, dp(400), dp(620))
    question = PinQuestion("PIN1", "", "", 5, 4, 12)
    page = PinPage(nobody, text, question, guard)
    for button in page.buttons:
        foot.add(button)
    rows.addLayout(header)
    rows.addWidget(page)
    rows.addWidget(foot)
    unseen.grab()
