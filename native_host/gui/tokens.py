# SPDX-License-Identifier: MIT
"""The colours of the program's windows: light, dark, and those of a high contrast.

A palette that is not one of ours is taken as it is: it is the desktop's, for a person
who asks for a high contrast. Text has a contrast of at least 4.5 and an edge or a sign
at least 3 (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PySide6.QtGui import QColor, QPalette

#: What a window is for. Each act has one colour on every surface.
Act = Literal["identify", "sign", "manage"]
#: In what colours a part is: of an act, or of a state.
Look = Act | Literal["good", "warning", "error", "note"]
#: Contrast of text for a person who asks for a high one.
_HIGH = 19.5


@dataclass(frozen=True)
class ActColours:
    """The colours of an act.

    ``band`` and ``button`` are grounds with ``on_band`` and ``on_button`` on them.
    ``sign`` is for text and signs on the window, ``tint`` a ground under them.
    """

    band: QColor
    on_band: QColor
    button: QColor
    on_button: QColor
    sign: QColor
    tint: QColor


@dataclass(frozen=True)
class Tokens:
    """The colours of a window. ``plain`` is set for a palette of the desktop's own.

    Without tints, a plain window tells its parts apart by lines.
    """

    acts: Mapping[Act, ActColours]
    plain: bool
    window: QColor
    panel: QColor
    foot: QColor
    field: QColor
    ink: QColor
    muted: QColor
    edge: QColor
    divider: QColor
    focus: QColor
    warning: QColor
    warning_ground: QColor
    error: QColor
    error_ground: QColor
    good: QColor
    good_ground: QColor

    def of(self, look: Look) -> tuple[QColor, QColor]:
        """Return the colour of signs and text of a look, and their ground."""
        match look:
            case "good":
                return self.good, self.good_ground
            case "warning":
                return self.warning, self.warning_ground
            case "error":
                return self.error, self.error_ground
            case "note":
                return self.muted, self.panel
            case _:
                return self.acts[look].sign, self.acts[look].tint


def _tokens(
    colours: str, identify: str, sign: str, manage: str, *, plain: bool = False
) -> Tokens:
    acts: dict[Act, ActColours] = {
        "identify": ActColours(*map(QColor, identify.split())),
        "sign": ActColours(*map(QColor, sign.split())),
        "manage": ActColours(*map(QColor, manage.split())),
    }
    return Tokens(acts, plain, *map(QColor, colours.split()))


LIGHT = _tokens(
    "#ffffff #f4f6f9 #f4f6f9 #ffffff #16202b #4b5868 #66758a #d4dbe4 #1a6fd1"
    " #8f5300 #fff5e0 #b3261e #fdeeee #1b6e3c #e8f4ec",
    "#0b4f86 #ffffff #0b4f86 #ffffff #0b4f86 #e6eff8",
    "#7c1d3f #ffffff #7c1d3f #ffffff #7c1d3f #f8e9ee",
    "#1d5b3c #ffffff #1d5b3c #ffffff #1d5b3c #e6f1ea",
)
DARK = _tokens(
    "#171b20 #20262d #12161a #0f1317 #f2f5f8 #b9c4d0 #8a98a8 #3a434e #7cc0ff"
    " #f2b456 #33290f #ff9b93 #3a1f1e #6fd39a #17331f",
    "#0b4f86 #ffffff #2372ba #ffffff #8cc2ff #16304a",
    "#7c1d3f #ffffff #b8436d #ffffff #f0a3bf #3c1a28",
    "#1d5b3c #ffffff #2c8054 #ffffff #8fd9ae #17331f",
)


@lru_cache(maxsize=2)
def _palette(dark: bool) -> QPalette:
    tokens = DARK if dark else LIGHT
    palette = QPalette(tokens.window, tokens.window)
    role = QPalette.ColorRole
    for names, colour in (
        ((role.Base, role.AlternateBase), tokens.field),
        ((role.WindowText, role.Text, role.ButtonText), tokens.ink),
        ((role.PlaceholderText,), tokens.muted),
        ((role.Highlight, role.Link), tokens.focus),
        ((role.HighlightedText,), tokens.window),
    ):
        for name in names:
            palette.setColor(name, colour)
    return palette


def palette_of(tokens: Tokens) -> QPalette:
    return QPalette(_palette(tokens is DARK))


@lru_cache(maxsize=2)
def plain_palette(*, dark: bool) -> QPalette:
    """Return a palette of black and white, for a desktop that only asks for it."""
    ground, ink = map(QColor, ("black", "white") if dark else ("white", "black"))
    palette = QPalette(ground, ground)
    palette.setColor(QPalette.ColorRole.PlaceholderText, ink)
    return palette


def is_ours(palette: QPalette) -> bool:
    """Return whether a palette has the colours of one of this module's."""
    ours = (palette_of(LIGHT), palette_of(DARK))
    plain = (plain_palette(dark=False), plain_palette(dark=True))
    return _colours(palette) in map(_colours, (*ours, *plain))


def _colours(palette: QPalette) -> tuple[QColor, QColor]:
    return palette.window().color(), palette.windowText().color()


def has_high_contrast(palette: QPalette) -> bool:
    """Return whether a palette suits a person who asks for a high contrast."""
    return contrast(*_colours(palette)) >= _HIGH


def tokens_for(palette: QPalette) -> Tokens:
    window, ink = _colours(palette)
    for tokens in (LIGHT, DARK):
        if (window, ink) == (tokens.window, tokens.ink):
            return tokens
    field, focus = palette.base().color(), palette.highlight().color()
    return _plain(window.name(), ink.name(), field.name(), focus.name())


@lru_cache(maxsize=8)
def _plain(window: str, ink: str, field: str, focus: str) -> Tokens:
    """Return the colours for a palette of the desktop: its own and nothing else."""
    ring = readable(QColor(focus), QColor(window), 3.0).name()
    grounds = f"{window} {window} {window} {field}"
    notices = f"{ink} {window} " * 3
    act = f"{window} {ink} {ink} {window} {ink} {window}"
    return _tokens(
        f"{grounds} {ink} {ink} {ink} {ink} {ring} {notices}", act, act, act, plain=True
    )


def contrast(a: QColor, b: QColor) -> float:
    """Return the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def readable(colour: QColor, on: QColor, at_least: float = 4.5) -> QColor:
    """Return ``colour``, moved towards black or white until it is readable.

    It then has the contrast that WCAG 2.2 demands (1.4.3 and 1.4.11).
    """
    goal = QColor("white" if _luminance(on) < 0.18 else "black")
    for share in range(21):
        moved = mixed(colour, goal, share / 20)
        if contrast(moved, on) >= at_least:
            return moved
    return goal


def mixed(colour: QColor, other: QColor, share: float) -> QColor:
    parts = zip(_parts(colour), _parts(other), strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in parts))


def _parts(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
