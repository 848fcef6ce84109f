# SPDX-License-Identifier: MIT
"""The texts of the desktop window."""

from native_host.texts.card import CardTexts
from native_host.texts.catalogues import catalogue
from native_host.texts.prompt import PromptTexts


class Texts:
    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue("desktop", language)
        #: What is said of cards.
        self.card = CardTexts(language)
        self._prompt = PromptTexts(language, "change-pin")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def size(self, count: int) -> str:
        return self._prompt.size(count)
