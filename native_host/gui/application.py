# SPDX-License-Identifier: MIT
"""What the applications of all windows share: style, text size and colours."""

import locale
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette, QStyleHints
from PySide6.QtWidgets import QApplication

from native_host.gui.accessibility import install_roles
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    is_high_contrast,
    is_ours,
    palette_of,
    plain_palette,
)

if TYPE_CHECKING:
    from PySide6.QtGui import QAccessibilityHints

__all__ = ["QT_ENVIRONMENT", "dress", "follow_colour_scheme"]

#: Environment variables for Qt on Linux. The window does not use the graphics card, and
#: not looking for one saves time. The portal is Qt's only source for a dark desktop.
QT_ENVIRONMENT = {
    "QT_XCB_GL_INTEGRATION": "none",
    "QT_QPA_PLATFORMTHEME": "xdgdesktopportal",
}
#: Smallest text size in points, if the desktop's is smaller.
_SMALLEST_TEXT = 11.0


def dress(application: QApplication, text_scale: float = 1.0) -> None:
    """Give an application the desktop's colours and text size, and our style."""
    application.setApplicationName("Kortilla")
    # Qt has set the C library to the system's language. The library's reasons, such as
    # "No such file or directory", are within texts that may be in another language.
    if hasattr(locale, "LC_MESSAGES"):  # not on Windows
        locale.setlocale(locale.LC_MESSAGES, "C")
    # One style everywhere, since the colours of buttons are checked against it.
    application.setStyle("Fusion")
    install_roles()
    font = application.font()
    font.setPointSizeF(max(font.pointSizeF(), _SMALLEST_TEXT) * text_scale)
    application.setFont(font)
    hints = application.styleHints()
    hints.colorSchemeChanged.connect(
        lambda scheme: follow_colour_scheme(application, scheme)
    )
    if accessibility := _accessibility(hints):
        accessibility.contrastPreferenceChanged.connect(
            lambda _contrast: follow_colour_scheme(application, hints.colorScheme())
        )
    follow_colour_scheme(application, hints.colorScheme())


def follow_colour_scheme(application: QApplication, scheme: Qt.ColorScheme) -> None:
    """Use our light or dark palette, or one of high contrast.

    The desktop's palette stays if it is one. Most desktops only say that the person
    prefers a high contrast.
    """
    if is_ours(application.palette()):
        application.setPalette(QPalette())  # the desktop's
    palette = application.palette()
    dark = scheme is Qt.ColorScheme.Dark or palette.window().color().lightness() < 128
    hints = _accessibility(application.styleHints())
    if is_high_contrast(palette):
        # Muted text of the desktop's palette may be hard to read.
        text = palette.windowText().color()
        palette.setColor(QPalette.ColorRole.PlaceholderText, text)
    elif hints and hints.contrastPreference() is Qt.ContrastPreference.HighContrast:
        palette = plain_palette(dark=dark)
    else:
        palette = palette_of(DARK if dark else LIGHT)
    application.setPalette(palette)


def _accessibility(hints: QStyleHints) -> "QAccessibilityHints | None":
    found = getattr(hints, "accessibility", None)  # since Qt 6.10
    return found() if found else None
