# SPDX-License-Identifier: MIT
"""What people read: one catalogue for each language, ``texts/<language>.json``.

Adding a language is adding a file. A key that ends in ``.body`` says what happened and
what to do next, under the ``.heading`` of the same name.
"""

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from native_host.pin_prompt.questions import Problem

__all__ = ["Texts", "languages", "load", "printable"]

_FOLDER = Path(__file__).parent
_OTHERWISE = "en"


class Texts:
    """The texts of one language."""

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        self._catalogue = catalogue

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled. Raises ``KeyError``."""
        return self._catalogue[key].format(**values)

    def problem(self, problem: Problem) -> tuple[str, str]:
        """Return the heading and the body for a problem.

        Some cards have texts of their own under ``problem.CODE.DETAIL``; a code without
        any gets a general text.
        """
        general = f"problem.{problem.code}"
        keys = (f"{general}.{problem.detail}", general, "problem.other")
        key = next(key for key in keys if f"{key}.heading" in self._catalogue)
        named = bool(problem.detail) and f"{key}.named" in self._catalogue
        kind = self._catalogue.get(f"kind.{problem.detail}", problem.detail)
        body = self(f"{key}.{'named' if named else 'body'}", kind=printable(kind))
        return self(f"{key}.heading"), body


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that there are catalogues for."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def load(language: str) -> Texts:
    """Return the texts of a language, or the English ones where there are none."""
    chosen = language if language in languages() else _OTHERWISE
    path = _FOLDER / f"{chosen}.json"
    return Texts(json.loads(path.read_text(encoding="utf-8")))


def printable(text: str) -> str:
    """Return a text from a card without what could garble or reorder what is shown.

    Control and format characters, bidirectional ones among them, become U+FFFD.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNSHOWN else c
        for c in text
    )


_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
