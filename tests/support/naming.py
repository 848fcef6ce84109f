# SPDX-License-Identifier: MIT
"""Whether the visible words of a control are in its name (WCAG 2.2, 2.5.3).

A person who speaks to the computer says what is on the button. The tests of both
windows use it.
"""

import re

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget


def misnamed(widget: QWidget) -> list[tuple[str, str]]:
    """Return the visible words and the name of each control where they disagree.

    Only what is shown within ``widget`` counts, also while that is hidden itself.
    """
    shown: list[tuple[str, QWidget]] = [
        (each.text(), each)
        for each in (widget, *widget.findChildren(QAbstractButton))
        if isinstance(each, QAbstractButton)
        if each.text() and (each is widget or each.isVisibleTo(widget))
    ]
    for label in widget.findChildren(QLabel):
        if (field := label.buddy()) is not None and label.isVisibleTo(widget):
            shown.append((label.text(), field))
    pairs = [(words, _name(control)) for words, control in shown]
    return [each for each in pairs if _plain(each[0]) not in _plain(each[1])]


def _name(control: QWidget) -> str:
    found = QAccessible.queryAccessibleInterface(control)
    assert found is not None
    return found.text(QAccessible.Text.Name)


def _plain(words: str) -> str:
    """Return words without the marks of keys, in small letters."""
    return re.sub(r"&(.)", r"\1", words).casefold().rstrip("…: ")
