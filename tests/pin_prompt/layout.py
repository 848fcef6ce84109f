# SPDX-License-Identifier: MIT
"""Checks a window's layout: nothing overlaps, is cut off or can't be reached."""

import re
from collections.abc import Iterator

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QWidget,
)

from native_host.gui.accessibility import FocusRing
from native_host.gui.buttons import WrappingRadioButton
from native_host.gui.frame import Stepper
from native_host.gui.labels import WrappingLabel
from native_host.gui.sizes import text_width
from native_host.pin_prompt.gui.header import SiteLabel
from native_host.pin_prompt.gui.prompt_window import PromptWindow


def layout_faults(window: PromptWindow) -> list[str]:
    """Return a sentence for each fault in the layout of a window and of its page."""
    room = window.screen().availableSize()
    faults = [] if room.height() >= window.height() else ["The window is too high."]
    if window.width() > room.width():
        faults.append("The window is too wide.")
    parts = [part for part in window.findChildren(QWidget) if part.isVisible()]
    for part in [window, *parts]:
        faults += _overlaps(part)
    for part in parts:
        if isinstance(part, QLabel | QAbstractButton) and _is_cut(part):
            faults.append(f"{_name(part)} is cut off: {part.size()}.")
    return [*faults, *_unreachable(window)]


def _overlaps(parent: QWidget) -> Iterator[str]:
    """Yield the children that overlap each other, or extend beyond their parent."""
    children = [
        child
        for child in parent.children()
        if isinstance(child, QWidget) and child.isVisible() and not child.isWindow()
        if not isinstance(child, FocusRing)
    ]
    grows = isinstance(parent.parentWidget(), QAbstractScrollArea)
    for index, child in enumerate(children):
        if not grows and not parent.rect().contains(child.geometry()):
            yield f"{_name(child)} extends beyond {_name(parent)}."
        for other in children[index + 1 :]:
            if child.geometry().intersects(other.geometry()):
                yield f"{_name(child)} overlaps {_name(other)}."


def _is_cut(part: QLabel | QAbstractButton) -> bool:
    """Whether a label or a button has less room than its words need."""
    if isinstance(part, Stepper):
        return False  # it leaves out names, and says all of them
    if part.hasHeightForWidth() and part.height() < part.heightForWidth(part.width()):
        return True
    if isinstance(part, SiteLabel | WrappingLabel | WrappingRadioButton):
        return False  # it wraps anywhere
    edges = part.contentsMargins()
    width = part.width() - edges.left() - edges.right()
    wraps = part.hasHeightForWidth()
    pieces = re.split(r"[\s\-–/]+" if wraps else "\n", part.text())
    return any(text_width(piece, part.font()) - 1 > width for piece in pieces)


def _unreachable(window: PromptWindow) -> Iterator[str]:
    """Press Tab until all parts had the focus; yield those that are not seen then."""
    seen: list[QWidget] = []
    while (part := window.focusWidget()) and part not in seen:
        seen.append(part)
        for _ in range(3):
            QApplication.processEvents()
        if not _is_seen(part):
            yield f"{_name(part)} has the focus and is not in view."
        QTest.keyClick(part, Qt.Key.Key_Tab)
    if not seen:
        yield "Nothing has the focus."


def _is_seen(part: QWidget) -> bool:
    """Whether a part is in view whole; of a scroll area, one line is enough."""
    shown = part.rect()
    for above in _ancestors(part):
        corner = part.mapFrom(above, QPoint(0, 0))
        shown = shown.intersected(above.rect().translated(corner))
    least = part.height()
    if isinstance(part, QAbstractScrollArea):
        least = part.fontMetrics().height()
    return shown.width() == part.width() and shown.height() >= least


def _ancestors(part: QWidget) -> Iterator[QWidget]:
    while (above := part.parentWidget()) is not None and not part.isWindow():
        yield above
        part = above


def _name(part: QWidget) -> str:
    words = part.text() if isinstance(part, QLabel | QAbstractButton) else ""
    return f"{type(part).__name__} {(words or part.accessibleName())[:40]!r}"
