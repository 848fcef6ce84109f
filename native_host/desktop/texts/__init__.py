# SPDX-License-Identifier: MIT
"""The texts of the window: a catalogue ``texts/<language>.json`` per language."""

from pathlib import Path

from kortilla.common.texts import catalogue
from native_host.pin_prompt.texts import load
from native_host.texts.card import CardTexts

_FOLDER = Path(__file__).parent


class Texts:
    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(_FOLDER, language)
        #: What is said of cards.
        self.card = CardTexts(language)
        self._prompt = load(language, "change-pin")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def size(self, count: int) -> str:
        return self._prompt.size(count)

    @property
    def not_official(self) -> str:
        """That the program is not an authority's."""
        return self._prompt("not_official")
