# SPDX-License-Identifier: MIT
"""What the applications of all windows share: style, text size and colours."""

import locale
import sys

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from native_host.gui.accessibility import install_roles
from native_host.gui.portal_settings import DesktopContrast, PortalSettings
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    has_high_contrast,
    is_ours,
    palette_of,
    plain_palette,
)

#: Environment variables for Qt on Linux. The window does not use the graphics card, and
#: not looking for one saves time. The portal is Qt's only source for a dark desktop.
#: On Windows, Qt would end for lack of such a theme.
QT_ENVIRONMENT = (
    {"QT_XCB_GL_INTEGRATION": "none", "QT_QPA_PLATFORMTHEME": "xdgdesktopportal"}
    if sys.platform == "linux"
    else {}
)
#: Smallest text size in points, if the desktop's is smaller.
_SMALLEST_TEXT = 11.0


def dress(
    application: QApplication,
    text_scale: float = 1.0,
    portal: PortalSettings | None = None,
) -> None:
    """Give an application the desktop's colours and text size, and our style.

    ``portal`` has the desktop's settings, for a process to which it gives none.
    """
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
    contrast = DesktopContrast(hints, portal)
    contrast.setParent(application)

    def follow() -> None:
        dark = portal is not None and portal.dark
        scheme = Qt.ColorScheme.Dark if dark else hints.colorScheme()
        follow_colour_scheme(application, scheme, high_contrast=contrast.is_high)

    def follow_scheme() -> None:
        if portal is not None:  # Qt has heard of a change
            portal.dark = False
        follow()

    hints.colorSchemeChanged.connect(follow_scheme)
    contrast.changed.connect(follow)
    if portal is not None:
        portal.changed.connect(follow)
        portal.listen()
    follow()


def follow_colour_scheme(
    application: QApplication, scheme: Qt.ColorScheme, *, high_contrast: bool = False
) -> None:
    """Use our light or dark palette, or one of high contrast.

    The desktop's palette stays if it is one of high contrast. Most desktops only say
    that the person prefers it.
    """
    if is_ours(application.palette()):
        application.setPalette(QPalette())  # the desktop's
    palette = application.palette()
    is_dark = palette.window().color().lightness() < 128
    dark = scheme is Qt.ColorScheme.Dark or is_dark
    if not high_contrast:
        palette = palette_of(DARK if dark else LIGHT)
    elif dark == is_dark and has_high_contrast(palette):
        # Muted text of the desktop's palette may be hard to read.
        text = palette.windowText().color()
        palette.setColor(QPalette.ColorRole.PlaceholderText, text)
    else:
        palette = plain_palette(dark=dark)
    application.setPalette(palette)
