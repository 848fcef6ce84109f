# SPDX-License-Identifier: MIT
"""What the applications of all windows share: style, text size and colours."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from native_host.gui.accessibility import install_roles
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    is_high_contrast,
    palette_of,
    tokens_for,
)

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
    follow_colour_scheme(application, hints.colorScheme())


def follow_colour_scheme(application: QApplication, scheme: Qt.ColorScheme) -> None:
    """Use our light or dark palette, or the desktop's if it is one of high contrast."""
    if tokens_for(application.palette()) in (LIGHT, DARK):
        application.setPalette(QPalette())  # the desktop's
    palette = application.palette()
    hints = getattr(application.styleHints(), "accessibility", None)  # since Qt 6.10
    asked = hints and hints().contrastPreference() is Qt.ContrastPreference.HighContrast
    if not asked and not is_high_contrast(palette):
        dark = (
            scheme is Qt.ColorScheme.Dark or palette.window().color().lightness() < 128
        )
        palette = palette_of(DARK if dark else LIGHT)
    else:
        # Muted text of the desktop's palette may be hard to read.
        text = palette.windowText().color()
        palette.setColor(QPalette.ColorRole.PlaceholderText, text)
    application.setPalette(palette)
