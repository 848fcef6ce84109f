# SPDX-License-Identifier: MIT
"""The texts of the window: a catalogue ``texts/<language>.json`` per language."""

from pathlib import Path

from kortilla.common.texts import catalogue
from native_host.pin_prompt.model import Problem
from native_host.pin_prompt.texts import load

__all__ = ["Texts"]

_FOLDER = Path(__file__).parent


class Texts:
    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = catalogue(_FOLDER, language)
        # What the PIN window says of a card's problem holds here too.
        self._prompt = load(language, "change-pin")

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def problem(self, code: str, detail: str = "") -> tuple[str, str]:
        """Return the heading and the body for a card's or a reader's problem."""
        return self._prompt.problem(Problem(code, detail))

    def tries(self, left: int) -> str:
        if left == 0:
            return self("card.locked")
        if left == 1:
            return self._prompt("pin.left.one")
        return self._prompt("pin.left", tries=left)

    def size(self, count: int) -> str:
        return self._prompt.size(count)

    @property
    def test_card(self) -> tuple[str, str]:
        """The mark of a test card, and what it means."""
        return self._prompt("mark.test_card"), self._prompt("mark.test_card.explained")

    @property
    def not_official(self) -> str:
        """That the program is not an authority's."""
        return self._prompt("not_official")
