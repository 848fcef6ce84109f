# SPDX-License-Identifier: MIT
"""The host's texts: a folder for each subject, with a catalogue for each language.

A new language is a new file in each. ``shared`` has what several parts say in the same
words: the PIN window, the desktop window and the extension, for which
``tools/share_texts.py`` copies it.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from kortilla.common import texts

_FOLDER = Path(__file__).parent


@cache
def catalogue(subject: str, language: str) -> Mapping[str, str]:
    """Return the texts of a subject, with the shared ones, by key.

    They are the English ones for a language without a catalogue.
    """
    return {**own_texts("shared", language), **own_texts(subject, language)}


def own_texts(subject: str, language: str) -> Mapping[str, str]:
    """Return the texts of a subject without the shared ones."""
    return texts.catalogue(_FOLDER / subject, language)


def as_sentence(words: str) -> str:
    """Return words with a full stop, if they end with no mark."""
    return words if words.endswith((".", "?", "!")) else f"{words}."
