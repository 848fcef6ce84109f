# SPDX-License-Identifier: MIT
"""The colours can be read in every scheme."""

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from native_host.gui.theme import contrast
from native_host.gui.tokens import (
    DARK,
    LIGHT,
    Tokens,
    has_high_contrast,
    palette_of,
    tokens_for,
)

BLACK, WHITE = QColor("black"), QColor("white")
HIGH = {
    "white on black": QPalette(BLACK, BLACK),
    "black on white": QPalette(WHITE, WHITE),
}
TOKENS = [LIGHT, DARK, *(tokens_for(palette) for palette in HIGH.values())]
EACH = pytest.mark.parametrize(
    "tokens", TOKENS, ids=["light", "dark", "white on black", "black on white"]
)


@EACH
def test_text_and_edges_stand_out(tokens: Tokens) -> None:
    for ground in (tokens.window, tokens.panel, tokens.foot):
        for text in (tokens.ink, tokens.muted):
            assert contrast(text, ground) >= 4.5
        for edge in (tokens.edge, tokens.focus):
            assert contrast(edge, ground) >= 3
    for kind in ("warning", "error", "good"):
        ground = getattr(tokens, f"{kind}_ground")
        assert contrast(getattr(tokens, kind), ground) >= 4.5
        assert contrast(tokens.ink, ground) >= 4.5
    assert contrast(tokens.ink, tokens.field) >= 4.5


@EACH
def test_each_act_can_be_read_on_every_surface(tokens: Tokens) -> None:
    for act in tokens.acts.values():
        assert contrast(act.on_band, act.band) >= 4.5
        assert contrast(act.on_button, act.button) >= 4.5
        assert contrast(act.button, tokens.foot) >= 3
        assert contrast(act.sign, tokens.window) >= 4.5
        assert contrast(act.sign, act.tint) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK])
def test_our_palettes_are_recognised_and_no_high_contrast(
    application: QApplication, tokens: Tokens
) -> None:
    palette = palette_of(tokens)
    assert tokens_for(palette) is tokens
    assert not has_high_contrast(palette)


@pytest.mark.parametrize("name", HIGH)
def test_a_palette_for_high_contrast_is_used_and_nothing_else(name: str) -> None:
    palette = HIGH[name]
    assert has_high_contrast(palette)
    tokens = tokens_for(palette)
    assert tokens.plain
    assert tokens.window == tokens.panel == palette.window().color()
    assert tokens.edge == tokens.ink == palette.windowText().color()
